"""What every retriever must do; a new implementation is added to `RETRIEVERS`."""

from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.core.model import Artifact, Case, Confidence, Finding, Level, Location, Region, Rule, RuleKind
from bluecode_lint.core.protocols import Retriever
from bluecode_lint.core.weaknesses import are_related
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.retriever import open_retriever
from bluecode_lint.sources.syntax import parse_python

RETRIEVERS = {
    "exact": lambda _cache: open_retriever(rules_root(), parse_python, exact=True),
    "annoy": lambda cache: open_retriever(rules_root(), parse_python, cache=cache),
}

SHELL = """\
import subprocess
from flask import Flask, request

app = Flask(__name__)


@app.get("/look")
def look():
    name = request.args["name"]
    return subprocess.run(f"nslookup {name}", shell=True, capture_output=True).stdout
"""


def case_of(text: str, line: int, cwe: int) -> Case:
    artifact = Artifact(
        "a.py", "python", text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), parse_python(text)
    )
    region = Region(line, 1, line, 2)
    rule = Rule("bluecode/x", "X", cwe, RuleKind.FLOW, Level.WARNING, 5.0, "high", "A message.", "Some help.")
    return Case(Finding(rule.id, cwe, Location("a.py", region), "m", Confidence.HIGH), rule, artifact)


@pytest.fixture(scope="module", params=sorted(RETRIEVERS))
def retriever(request, tmp_path_factory):
    return RETRIEVERS[request.param](tmp_path_factory.mktemp("cache"))


def test_it_is_a_retriever(retriever):
    assert isinstance(retriever, Retriever)


def test_at_most_count_best_first_without_repetition(retriever):
    case = case_of(SHELL, 10, 78)
    for count in (0, 1, 3, 6, 1000):
        found = retriever.retrieve(case, count=count)
        assert len(found) <= count
        assert len({item.constitution.id for item in found}) == len(found)
        scores = [item.score for item in found]
        assert scores == sorted(scores, reverse=True)
        assert all(-1.0 <= score <= 1.0 + 1e-6 for score in scores)
    assert len(retriever.retrieve(case)) == 6


def test_ties_are_in_a_fixed_order_and_answers_repeat(retriever):
    case = case_of(SHELL, 10, 78)
    first = retriever.retrieve(case, count=40)
    assert list(first) == list(retriever.retrieve(case, count=40))
    assert list(first[:5]) == list(retriever.retrieve(case, count=5))


def test_only_constitutions_about_the_weakness_are_offered(retriever):
    for cwe in (78, 89, 22, 502, 1333):
        for item in retriever.retrieve(case_of(SHELL, 10, cwe), count=100):
            assert are_related(item.constitution.cwe, cwe)


def test_the_nearest_principle_is_about_what_the_code_does(retriever):
    (best, *_) = retriever.retrieve(case_of(SHELL, 10, 78))
    assert best.constitution.cwe == 78
    assert best.score > 0.3


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("def f(:\n", 1), ("x = 1\n", 99), ("\ud800\n", 1), ("(" * 3000 + "\n", 1), ("# only\n", 1)],
)
def test_odd_code_is_answered_too(retriever, text, line):
    found = retriever.retrieve(case_of(text, line, 78))
    assert len(found) == 6


def test_an_unknown_weakness_has_no_principles(retriever):
    assert len(retriever.retrieve(case_of(SHELL, 10, 9999))) == 0
