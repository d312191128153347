"""What an execution depends on: a change there has another name, a change elsewhere has not."""

from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.core.model import Artifact
from bluecode_lint.sources.surroundings import Surroundings
from bluecode_lint.sources.syntax import parse_python

MODULE = """\
import os, app.config as config
from . import sibling
from .nested import (
    deep,  # a comment
    other,
)
from ..shared import thing
def late():
    from app import lazily
"""
FILES = {
    "app/__init__.py": "", "app/config.py": "import far\n", "app/views/__init__.py": "", "app/views/sibling.py": "",
    "app/views/nested/__init__.py": "", "app/views/nested/deep.py": "", "app/views/nested/other.py": "",
    "app/shared.py": "", "app/lazily.py": "", "far.py": "", "unrelated.py": "", "app/unrelated.py": "",
    "app/views/data.json": "{}", "app/templates/mail/a.html": "<p>", "elsewhere/data.json": "{}",
}  # fmt: skip


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "app/views/page.py").write_text(MODULE)
    return tmp_path


def named(root, text=MODULE, uri="app/views/page.py"):
    artifact = Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
    return Surroundings(root)(artifact)


@pytest.mark.parametrize(
    "name",
    [
        "app/__init__.py", "app/config.py", "app/views/__init__.py", "app/views/sibling.py", "app/views/nested/deep.py",
        "app/views/nested/other.py", "app/shared.py", "app/lazily.py", "far.py", "app/views/data.json",
        "app/templates/mail/a.html",
    ],
)  # fmt: skip
def test_what_it_imports_and_what_lies_beside_it_counts(project, name):
    before = named(project)
    assert named(project) == before
    (project / name).write_text("changed = 1\n")
    assert named(project) != before


@pytest.mark.parametrize("name", ["unrelated.py", "app/unrelated.py", "elsewhere/data.json", "new.py"])
def test_anything_else_does_not(project, name):
    before = named(project)
    (project / name).write_text("changed = 1\n")
    assert named(project) == before


def test_a_module_that_appears_counts(project):
    before = named(project, MODULE + "import soon\n")
    (project / "soon.py").write_text("")
    assert named(project, MODULE + "import soon\n") != before


def test_modules_that_import_each_other_end(project):
    (project / "far.py").write_text("import app.config\nfrom app.views import page\n")
    assert named(project)


@pytest.mark.parametrize(
    "text", ["", "import\n", "from . import\n", "from .... import x\n", "import \x00\n", "import a..b, \n"]
)
def test_odd_imports_are_no_trouble(project, text):
    assert named(project, text)
    assert named(project / "missing", text, "nowhere/x.py")
