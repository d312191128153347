"""The scorer counts as its tables say, and the command scores what the scanner and others report."""

from __future__ import annotations

import json

import pytest

from bluecode_lint.cli.app import run
from bluecode_lint.evals import Execution, LabelledCase, proofs, proofs_text, read_suite, score, score_text

CASES = (
    LabelledCase("a:bad", "a1.py", vulnerable=True, cwes=(78,), pair="a"),
    LabelledCase("a:good", "a2.py", vulnerable=False, cwes=(78,), pair="a"),
    LabelledCase("b:bad", "b1.py", vulnerable=True, cwes=(89,), pair="b"),
    LabelledCase("b:good", "b2.py", vulnerable=False, cwes=(89,), pair="b"),
)


@pytest.mark.parametrize(
    ("found", "counts", "pairs"),
    [
        ({}, (0, 0, 2, 2), {"right": 0, "both": 0, "none": 2, "wrong": 0}),
        ({"a1.py": [78], "b1.py": [89]}, (2, 0, 0, 2), {"right": 2, "both": 0, "none": 0, "wrong": 0}),
        ({"a1.py": [88], "a2.py": [77]}, (1, 1, 1, 1), {"right": 0, "both": 1, "none": 1, "wrong": 0}),
        ({"a1.py": [89], "b2.py": [89]}, (0, 1, 2, 1), {"right": 0, "both": 0, "none": 1, "wrong": 1}),
    ],
)
def test_outcomes_and_pairs_are_counted(found, counts, pairs):
    made = score("x", CASES, found)
    assert (made.total.tp, made.total.fp, made.total.fn, made.total.tn) == counts
    assert made.pairs == pairs
    assert sum(made.pairs.values()) == 2


def test_figures_follow_from_the_counts():
    made = score("x", CASES, {"a1.py": [78], "a2.py": [78], "b1.py": [89]})
    total = made.total
    assert (total.precision, total.recall) == pytest.approx((2 / 3, 1))
    assert total.f1 == pytest.approx(0.8)
    assert total.youden == pytest.approx(0.5)
    assert made.mean_youden == pytest.approx((0 + 1) / 2)
    text = score_text([made], by_cwe=True, listed="fp")
    assert "CWE-78 " in text
    assert text.endswith("x: fp\n  a:good\n")


@pytest.mark.parametrize(
    "line", ["{}", "[]", "nonsense", '{"id": 1, "path": "a", "vulnerable": "yes", "cwe": [1]}', ""]
)
def test_a_malformed_manifest_is_refused(line):
    with pytest.raises(ValueError, match="manifest"):
        read_suite(line + "\n")


@pytest.fixture
def suite(tmp_path):
    (tmp_path / "bad.py").write_text("import os\n\n\ndef f(name):\n    os.system('ls ' + name)\n")
    (tmp_path / "good.py").write_text("import os\n\n\ndef f():\n    os.system('ls')\n")
    cases = [{"id": n, "path": f"{n}.py", "vulnerable": n == "bad", "cwe": [78], "pair": "p"} for n in ("bad", "good")]
    (tmp_path / "manifest.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    return tmp_path


def test_the_scanner_and_other_reports_are_scored_side_by_side(suite, capsys):
    report = {"results": [], "metrics": {}}
    (suite / "bandit.json").write_text(json.dumps(report))
    code = run(["evals", "code", str(suite), "--no-exec", "-q", "-f", "json", "--against", str(suite / "bandit.json")])
    ours, theirs = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (ours["f1"], ours["pairs"]["right"], ours["cases"]) == (1, 1, {"bad": "tp", "good": "tn"})
    assert (theirs["f1"], theirs["pairs"]["none"]) == (0, 1)


def test_what_is_no_suite_is_a_usage_error(tmp_path, capsys):
    assert run(["evals", "code", str(tmp_path)]) == 2
    assert "is no suite: No such file" in capsys.readouterr().err


def test_a_case_counts_once_by_what_says_most_about_its_weakness():
    made = proofs(
        CASES,
        [
            Execution("a1.py", 78, "inconclusive", 3.0),
            Execution("a1.py", 77, "confirmed", 1.0),
            Execution("a2.py", 79, "confirmed", 2.0),
            Execution("b2.py", 89, "neutralized", 9.0),
        ],
    )
    assert made.vulnerable == {"confirmed": 1, "neutralized": 0, "inconclusive": 0}
    assert made.safe == {"confirmed": 0, "neutralized": 1, "inconclusive": 0}
    assert (made.executions, made.median_s, made.p95_s) == (4, 2.0, 9.0)
    assert proofs_text(made).endswith("4 findings attacked: median 2.00 s, p95 9.00 s a finding\n")


def test_what_executions_show_is_told_with_the_score(suite, capsys):
    assert run(["evals", "code", str(suite), "-q"]) == 0
    said = capsys.readouterr().out
    assert "findings attacked: median" in said
    assert run(["evals", "code", str(suite), "-q", "-f", "json"]) == 0
    (ours,) = json.loads(capsys.readouterr().out)
    assert ours["executions"]["vulnerable"]["confirmed"] == 1
