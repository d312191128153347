"""What every analyzer must hold, whatever it looks for."""

import functools

import pytest

from bluecode_lint.analyzers.bandit import BanditAnalyzer
from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.analyzers.misuse import MisuseAnalyzer
from bluecode_lint.analyzers.semgrep import SemgrepAnalyzer
from bluecode_lint.core.model import Finding, Notification
from bluecode_lint.core.protocols import Analyzer
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.reading import make_artifact

DEFECTIVE = '''\
"""Ünïcödé before everything, to shift bytes against characters."""
import os, pickle, hashlib, subprocess
from flask import Flask, request
app = Flask(__name__)

@app.route("/run")
def run():
    import pdb; pdb.set_trace()
    ö = request.args["command"]; os.system("ls " + ö)
    subprocess.run("ls " + ö, shell=True)
    return str(pickle.loads(request.data)) + hashlib.md5(ö.encode()).hexdigest()
'''
HOSTILE = {
    "empty.py": "",
    "blank.py": "\n\n\n",
    "no_newline.py": "x = 1",
    "crlf.py": DEFECTIVE.replace("\n", "\r\n"),
    "broken.py": "def f(:\n  pass\n" + DEFECTIVE,
    "python2.py": "print 'hello'\nexec 'x = 1'\n",
    "parens.py": "x = " + "(" * 10_000 + ")" * 10_000 + "\n",
    "unclosed.py": "x = " + "(" * 10_000 + "\n",
    "deep_if.py": "".join("    " * n + "if x:\n" for n in range(90)) + "    " * 90 + "pass\n",
    "long_line.py": "x = [" + "1, " * 30_000 + "]\n",
    "chain.py": "x = " + " + ".join(f"a{n}" for n in range(3_000)) + "\n",
    "dots.py": "x" + ".y()" * 3_000 + "\n",
    "binary.py": "\x01\x02\ufffd\n",
    "latin.py": "# -*- coding: latin-1 -*-\n" + DEFECTIVE,
    "-rf.py": DEFECTIVE,
    "we ird/näme\n.py": DEFECTIVE,
}


@functools.cache
def catalogue():
    return {rule.id: rule for rule in load_rules(rules_root())}


@pytest.fixture(scope="module", params=[BanditAnalyzer, SemgrepAnalyzer, FlowAnalyzer, MisuseAnalyzer])
def analyzer(request):
    return request.param(rules_root(), catalogue())


def artifact(uri, text):
    (made,) = (
        item
        for item in make_artifact(uri, text.encode("latin-1" if uri == "latin.py" else "utf-8"))
        if not isinstance(item, Notification)
    )
    return made


def findings(analyzer, *artifacts):
    return [item for item in analyzer.analyze(artifacts) if isinstance(item, Finding)]


def test_it_speaks_the_protocol(analyzer):
    assert isinstance(analyzer, Analyzer)
    assert analyzer.name.isidentifier()


def test_nothing_in_nothing_out(analyzer):
    assert list(analyzer.analyze([])) == []


def test_what_it_finds_is_where_it_says_and_of_a_described_rule(analyzer):
    source = artifact("app/views.py", DEFECTIVE)
    found = findings(analyzer, source)
    assert found
    lines = source.text.split("\n")
    for finding in found:
        region = finding.location.region
        assert finding.location.uri == "app/views.py"
        assert catalogue()[finding.rule_id].cwe == finding.cwe
        assert finding.aliases == tuple(sorted(finding.aliases))
        assert finding.aliases
        assert 1 <= region.start_line <= region.end_line <= len(lines)
        assert (region.start_line, region.start_column) < (region.end_line, region.end_column)
        if region.start_line == region.end_line:
            text = lines[region.start_line - 1][region.start_column - 1 : region.end_column - 1]
            assert finding.snippet == text
            assert text == text.strip()
        for step in finding.code_flow:
            assert step.message


def test_the_order_of_files_and_the_other_files_change_nothing(analyzer):
    first, second = artifact("a.py", DEFECTIVE), artifact("b.py", DEFECTIVE.replace("/run", "/walk"))
    together = set(findings(analyzer, first, second))
    assert together == set(findings(analyzer, second, first))
    assert {f for f in together if f.location.uri == "a.py"} == set(findings(analyzer, first))


def test_hostile_files_raise_nothing_and_cost_no_other_file_its_findings(analyzer):
    good = artifact("good.py", DEFECTIVE)
    bad = [artifact(uri, text) for uri, text in HOSTILE.items()]
    answers = list(analyzer.analyze([*bad, good]))
    expected = set(findings(analyzer, good))
    assert expected <= {item for item in answers if isinstance(item, Finding)}
    for item in answers:
        if isinstance(item, Notification):
            assert item.id
            assert item.message


@pytest.mark.parametrize("uri", ["crlf.py", "latin.py", "-rf.py", "we ird/näme\n.py"])
def test_the_same_code_under_any_name_and_line_end_is_the_same_defect(analyzer, uri):
    plain = {(f.rule_id, f.snippet) for f in findings(analyzer, artifact("a.py", DEFECTIVE))}
    assert {(f.rule_id, f.snippet) for f in findings(analyzer, artifact(uri, HOSTILE[uri]))} == plain
