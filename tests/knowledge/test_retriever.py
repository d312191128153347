from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.core.model import Artifact, Case, Confidence, Finding, Level, Location, Region, Rule, RuleKind
from bluecode_lint.core.weaknesses import family_of
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.excerpt import EXCERPT_CHARS_MAX, excerpt_of
from bluecode_lint.knowledge.retriever import open_examples, open_retriever
from bluecode_lint.sources.syntax import parse_python

MODULE = """\
import os
from flask import request

LIMIT = 5


def first(name):
    return open(name)


class Store:
    @staticmethod
    def second(name):
        def inner():
            return os.remove(name)
        return inner


print(LIMIT)
"""


def artifact_of(text: str) -> Artifact:
    return Artifact("a.py", "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def case_at(text: str, line: int, cwe: int) -> Case:
    rule = Rule("bluecode/x", "X", cwe, RuleKind.FLOW, Level.WARNING, 5.0, "high", "A message.", "Some help.")
    finding = Finding(rule.id, cwe, Location("a.py", Region(line, 1, line, 5)), "m", Confidence.HIGH)
    return Case(finding, rule, artifact_of(text))


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return open_retriever(rules_root(), parse_python, cache=tmp_path_factory.mktemp("cache"))


def test_an_excerpt_is_the_imports_and_the_innermost_function():
    first = excerpt_of(artifact_of(MODULE), Region(8, 5, 8, 10))
    assert first.startswith("import os\nfrom flask import request\n")
    assert "def first" in first
    assert "Store" not in first
    inner = excerpt_of(artifact_of(MODULE), Region(15, 20, 15, 30))
    assert "os.remove" in inner
    assert "staticmethod" not in inner
    decorated = excerpt_of(artifact_of(MODULE), Region(13, 5, 13, 10))
    assert "@staticmethod" in decorated


def test_an_excerpt_outside_functions_is_what_stands_near():
    assert "print(LIMIT)" in excerpt_of(artifact_of(MODULE), Region(19, 1, 19, 5))
    assert len(excerpt_of(artifact_of("x = 1\n" * 50_000), Region(9, 1, 9, 2))) <= EXCERPT_CHARS_MAX


def test_code_like_nothing_known_is_novel_and_served_by_generic_principles(retriever):
    strange = (
        "def mean(values):\n    total = 0.0\n    for value in values:\n        total += value\n    return total / 2\n"
    )
    case = case_at(strange, 5, 369)
    assert retriever.neighbourhood(case).is_novel
    assert [item.constitution.id for item in retriever.retrieve(case, count=50) if item.score == 0.0]
    assert any(item.constitution.id == "generic-check" for item in retriever.retrieve(case, count=50))


def test_code_like_an_exemplar_is_not_novel(retriever):
    text = 'import os\nimport sys\n\n\ndef pack(source, out):\n    return os.system("tar -cf " + out + " " + source)\n'
    around = retriever.neighbourhood(case_at(text, 6, 78))
    assert not around.is_novel
    assert around.unsafe[0].cwe in {77, 78, 88}
    assert len(around.unsafe) == len(around.safe) == 3
    assert around.similarity == max(n.similarity for n in (*around.unsafe, *around.safe))


def test_the_weakness_itself_comes_before_its_family(retriever):
    text = "import hashlib\n\n\ndef sign(data):\n    return hashlib.md5(data).hexdigest()\n"
    for cwe in (327, 328):
        found = retriever.retrieve(case_at(text, 5, cwe), count=6)
        assert found[0].constitution.cwe == cwe
        assert {family_of(item.constitution.cwe) for item in found} == {"cipher"}


def test_the_raw_examples_nearest_to_a_case_come_from_both_sides_the_nearest_first(retriever):
    text = 'import os\nimport sys\n\n\ndef pack(source, out):\n    return os.system("tar -cf " + out + " " + source)\n'
    case = case_at(text, 6, 78)
    examples = open_examples(rules_root(), retriever)(case)
    nearest = max(retriever.neighbourhood(case).unsafe, key=lambda neighbour: neighbour.similarity)
    assert len(examples) == 6
    assert sum("] insecure, CWE-" in example for example in examples) == 3
    assert any(example.startswith(f"[{nearest.pair_id}] insecure, CWE-") for example in examples)
    assert all("\n" in example for example in examples)
