"""Unsafe functions of the knowledge base are recognised whatever they are called, and nothing that is safe there is."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from bluecode_lint.analyzers.known_shapes import KnownShapeAnalyzer
from bluecode_lint.core.model import Artifact, Finding, Notification
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.knowledge.shapes import SHAPES_FILE, KnownShapes, open_shapes, write_shapes
from bluecode_lint.sources.plain import parse_plainly
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}


@pytest.fixture(scope="module")
def pairs():
    return load_pairs(pair_files(ROOT), ROOT / "schema")


@pytest.fixture(scope="module")
def shapes(pairs):
    return KnownShapes.of_pairs(pairs, parse_python)


def test_most_unsafe_sides_are_recognised_as_what_they_are_and_no_safe_one(pairs, shapes):
    found = {p.id: [r.shape for r in shapes.recognise(parse_python(p.unsafe_code))] for p in pairs}
    assert sum(bool(s) for s in found.values()) > 0.8 * len(pairs)
    assert not [p.id for p in pairs if any(shapes.recognise(parse_python(p.safe_code)))]


def known(shapes, code):
    return [(r.shape.pair_id, r.node.start_point[0]) for r in shapes.recognise(parse_python(code))]


def test_names_literals_comments_and_place_do_not_matter(shapes):
    code = (
        "import numpy\n\nclass Repository:\n    # an inner class\n    class Door:\n"
        '        def let_through(self, target):\n            """Open it."""\n            os.chmod(target, 0o600)  # now\n'
    )
    assert known(shapes, code) == [("cwe-059-chown-path", 7)]


def test_another_call_is_another_shape(shapes):
    assert known(shapes, "def publish(self, path):\n    os.chown(path, 0o644)\n") == []
    assert known(shapes, "def f():\n    return 1\n") == []
    assert known(shapes, "") == []


def test_a_shape_that_a_safe_program_shares_is_not_known(pairs):
    one = pairs[0]
    twisted = [one, *(p for p in [pairs[1]])]
    both = KnownShapes.of_pairs(twisted, parse_python)
    assert list(both.recognise(parse_python(one.unsafe_code)))
    swapped = type(one)(
        **{
            **{f: getattr(one, f) for f in one.__slots__},
            "id": "x",
            "unsafe_code": one.safe_code,
            "safe_code": one.unsafe_code,
        }
    )
    assert not list(KnownShapes.of_pairs([one, swapped], parse_python).recognise(parse_python(one.unsafe_code)))


def artifact(code: str) -> Artifact:
    return Artifact("a.py", "python", code, "0", parse_python(code))


def test_the_finding_names_the_pair_its_weakness_and_the_place():
    analyzer = KnownShapeAnalyzer(RULES, lambda: open_shapes(ROOT, (), parse_python).recognise)
    code = "import os\n\ndef wörk(self, ä): os.chmod(ä, 0o644)\n"
    (finding,) = analyzer.analyze([artifact(code)])
    assert isinstance(finding, Finding)
    assert finding.cwe == 59
    assert finding.aliases == ("knowledge:cwe-059-chown-path",)
    assert "kb" in RULES[finding.rule_id].help
    region = finding.location.region
    assert (
        code.splitlines()[region.start_line - 1][region.start_column - 1 : region.end_column - 1]
        == "os.chmod(ä, 0o644)"
    )


def test_examples_of_the_rule():
    rule = RULES["bluecode/known-vulnerable-shape"]
    analyzer = KnownShapeAnalyzer(RULES, lambda: open_shapes(ROOT, (), parse_python).recognise)
    assert all(list(analyzer.analyze([artifact(text)])) for text in rule.insecure)
    assert not any(list(analyzer.analyze([artifact(text)])) for text in rule.secure)


def test_a_file_that_breaks_the_search_is_said_and_loses_no_other():
    def recognise(syntax):
        if b"boom" in syntax.source:
            raise ValueError
        return open_shapes(ROOT, (), parse_python).recognise(syntax)

    analyzer = KnownShapeAnalyzer(RULES, lambda: recognise)
    found = list(analyzer.analyze([artifact("boom = 1\n"), artifact("def w(self, a):\n    os.chmod(a, 0o644)\n")]))
    assert isinstance(found[0], Notification)
    assert isinstance(found[1], Finding)


def test_without_python_no_knowledge_is_loaded():
    def never():
        pytest.fail("loaded")

    assert list(KnownShapeAnalyzer(RULES, never).analyze([])) == []


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="another grammar: its shapes are made when they are needed")
def test_the_shapes_that_are_shipped_are_those_of_the_pairs(pairs):
    kept = json.loads((ROOT / SHAPES_FILE).read_text(encoding="utf-8"))
    made = KnownShapes.of_pairs(pairs, parse_plainly)
    assert kept["shapes"] == made.to_document(), "run `bluecode-lint kb index --shapes`"
    opened = open_shapes(ROOT, (), lambda _text: pytest.fail("made anew"))
    assert opened.to_document() == made.to_document()


@pytest.mark.parametrize("content", [None, b"{}", b"[]", b"nonsense", b'{"made-of": "other", "shapes": []}'])
def test_without_them_they_are_made(tmp_path, content):
    for name in ("schema", "knowledge"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / SHAPES_FILE).unlink()
    first = next((tmp_path / "knowledge" / "code").glob("*.jsonl"))
    for other in (tmp_path / "knowledge" / "code").glob("*.jsonl"):
        if other != first:
            other.unlink()
    if content is not None:
        (tmp_path / SHAPES_FILE).write_bytes(content)
    made = open_shapes(tmp_path, (), parse_plainly).to_document()
    assert 0 < len(made) < 20
    assert write_shapes(tmp_path, parse_plainly) == tmp_path / SHAPES_FILE
    assert open_shapes(tmp_path, (), lambda _text: pytest.fail("made anew")).to_document() == made
