from __future__ import annotations

import pytest

from bluecode_lint.core.imports import imports_of
from bluecode_lint.core.weaknesses import FAMILIES, are_related, family_of
from bluecode_lint.sources.syntax import parse_python

SOURCE = """\
import os.path, subprocess as sp
from sqlite3 import connect as open_db
from . import sibling
from .inner import thing
try:
    from lxml import etree
except ImportError:
    etree = None
def handler():
    from flask import request
    {}
"""


@pytest.mark.parametrize(
    ("expression", "path"),
    [
        ("os.path.join", "os.path.join"),
        ("sp.run", "subprocess.run"),
        ("open_db(x).cursor().execute", "sqlite3.connect().cursor().execute"),
        ("request.args['a']", "flask.request.args[]"),
        ("etree.parse", "lxml.etree.parse"),
        ("sibling.go", ".sibling.go"),
        ("thing", ".inner.thing"),
        ("(await sp.run)", "subprocess.run"),
        ("1 + 2", ""),
        ("unknown.name", "unknown.name"),
    ],
)
def test_paths_resolve_through_imports(expression, path):
    root = parse_python(SOURCE.format(expression)).root
    statement = root.named_children[-1].child_by_field_name("body").named_children[-1]
    assert imports_of(root).path(statement.named_children[0]) == path


def test_an_absurdly_long_chain_has_no_path():
    root = parse_python("a" + ".b" * 5000).root
    assert imports_of(root).path(root.named_children[0].named_children[0]) == ""


def test_families_do_not_overlap():
    members = [cwe for family in FAMILIES.values() for cwe in family]
    assert len(members) == len(set(members))
    assert are_related(78, 88)
    assert not are_related(78, 89)
    assert are_related(9999, 9999)
    assert family_of(9999) == "cwe-9999"
