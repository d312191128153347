"""Other tools' reports: what they really write, judged, with as many results out as in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from bluecode_lint.cli.app import run

TOOLS = Path(sys.executable).parent
SCHEMA = Path(__file__).parents[1] / "data" / "sarif-schema-2.1.0.json"
CODE = """import os
import pickle
import random
import shlex
from flask import Flask, request

app = Flask(__name__)


@app.get("/ping")
def ping():
    os.system("ping " + request.args["host"])
    return ""


@app.get("/quoted")
def quoted():
    os.system("ping " + shlex.quote(request.args["host"]))
    return ""


def restore(data):
    return pickle.loads(data)


def wait():
    return random.random()
"""  # fmt: skip


@pytest.fixture
def tree(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def triage(capsys, *argv):
    code = run(["triage", "--quiet", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def by_tool(name):
    call = {
        "bandit.json": ["bandit", "-q", "-r", ".", "-f", "json", "-o", "bandit.json"],
        "ruff.sarif": ["ruff", "check", "--isolated", "--select", "S", "--output-format", "sarif", "-o", "ruff.sarif", "."],
        "semgrep.sarif": ["semgrep", "scan", "--metrics=off", "--disable-version-check", "--quiet", "--config", "own.yaml",
                          "--sarif", "--output", "semgrep.sarif", "."],
        "semgrep.json": ["semgrep", "scan", "--metrics=off", "--disable-version-check", "--quiet", "--config", "own.yaml",
                         "--json", "--output", "semgrep.json", "."],
    }[name]  # fmt: skip
    Path("own.yaml").write_text(
        "rules:\n  - {id: shell, languages: [python], severity: WARNING, message: a shell, pattern: os.system(...),\n"
        "     metadata: {cwe: ['CWE-78: OS command injection']}}\n"
    )
    subprocess.run([TOOLS / call[0], *call[1:]], check=False, capture_output=True)
    return Path(name)


def results_in(path):
    document = json.loads(path.read_text())
    return document["results"] if "results" in document else document["runs"][0]["results"]


@pytest.mark.parametrize("name", ["bandit.json", "ruff.sarif", "semgrep.sarif", "semgrep.json"])
def test_a_real_report_comes_back_with_a_verdict_on_every_result(name, tree, capsys):
    report = by_tool(name)
    before = results_in(report)
    assert len(before) >= 2
    code, out, err = triage(capsys, report, "-f", "json", "-f", "sarif=out.sarif")
    rows, after = json.loads(out), results_in(tree / "out.sarif")
    assert (code, err) == (1, "")
    assert len(rows) == len(after) == len(before)
    assert all(result["properties"]["bluecode"]["reason"] for result in after)
    shell = {row["line"]: row for row in rows if row["line"] in {12, 18}}
    assert (shell[12]["outcome"], shell[12]["level"]) == ("confirmed", "error")
    assert shell[18]["outcome"] == "neutralized"
    assert shell[18]["level"] != "error"
    Draft7Validator(json.loads(SCHEMA.read_text())).validate(json.loads((tree / "out.sarif").read_text()))


def test_what_no_execution_can_show_is_not_confirmed(tree, capsys):
    _, out, _ = triage(capsys, by_tool("bandit.json"), "-f", "json")
    (jitter,) = [row for row in json.loads(out) if row["rule_id"] == "B311"]
    assert jitter["outcome"] != "confirmed"


def codeql(**more):
    """Write what CodeQL documents: rules in an extension, CWE tags, a base for the paths, code flows."""
    place = {"artifactLocation": {"uri": "app.py", "uriBaseId": "%SRCROOT%", "index": 0}, "region": {"startLine": 12,
             "startColumn": 15, "endColumn": 47}}  # fmt: skip
    result = {
        "ruleId": "py/command-line-injection", "rule": {"id": "py/command-line-injection", "index": 0,
        "toolComponent": {"index": 0}}, "message": {"text": "This command line depends on a [user-provided value](1)."},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"primaryLocationLineHash": "39fa2ee980eb94b0:1"},
        "codeFlows": [{"threadFlows": [{"locations": [{"location": {"physicalLocation": place}}]}]}],
        "relatedLocations": [{"id": 1, "physicalLocation": place, "message": {"text": "user-provided value"}}],
        **more,
    }  # fmt: skip
    rule = {"id": "py/command-line-injection", "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["security", "external/cwe/cwe-078"]}}  # fmt: skip
    tool = {"driver": {"name": "CodeQL"}, "extensions": [{"name": "codeql/python-queries", "rules": [rule]}]}
    return {"version": "2.1.0", "runs": [{"tool": tool, "columnKind": "utf16CodeUnits",
            "artifacts": [{"location": {"uri": "app.py", "uriBaseId": "%SRCROOT%"}}], "results": [result]}]}  # fmt: skip


def test_codeql_keeps_everything_it_said(tree, capsys):
    (tree / "codeql.sarif").write_text(json.dumps(codeql()))
    _, out, _ = triage(capsys, "codeql.sarif", "-f", "sarif")
    (result,) = json.loads(out)["runs"][0]["results"]
    before = codeql()["runs"][0]["results"][0]
    told = result["properties"]["bluecode"]
    assert (told["outcome"], told["original_level"], result["level"]) == ("confirmed", "error", "error")
    assert {key: result[key] for key in ("ruleId", "rule", "partialFingerprints", "codeFlows")} == {
        key: before[key] for key in ("ruleId", "rule", "partialFingerprints", "codeFlows")
    }
    assert result["relatedLocations"][0] == before["relatedLocations"][0]
    assert "confirmed by execution" in result["message"]["text"]


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ({"artifactLocation": {"uri": "gone.py"}, "region": {"startLine": 1}}, "there is no file 'gone.py'"),
        ({"artifactLocation": {"uri": "../../etc/passwd"}, "region": {"startLine": 1}}, "outside of the root"),
        ({"artifactLocation": {"uri": "https://example.com/app.py"}, "region": {"startLine": 1}}, "is not read"),
        ({"artifactLocation": {"uri": "app.py"}}, "it names no line"),
        ({"artifactLocation": {"uri": "app.py"}, "region": {"startLine": "x"}}, "it names no line"),
        ({"artifactLocation": "app.py"}, "it names no file"),
        (None, "it names no file"),
    ],
)
def test_what_cannot_be_judged_keeps_its_level_and_says_why(place, why, tree, capsys):
    (tree / "a.sarif").write_text(json.dumps(codeql(locations=[{"physicalLocation": place}], level="warning")))
    code, out, _ = triage(capsys, "a.sarif", "-f", "json")
    (row,) = json.loads(out)
    assert (code, row["level"], row["outcome"]) == (1, "warning", "notRun")
    assert row["reason"].startswith("not judged: ")
    assert why in row["reason"]


@pytest.mark.parametrize("region", [{"startLine": 12}, {"startLine": 12, "startColumn": 900}, {"startLine": 900}])
def test_a_region_beyond_the_file_is_brought_back(region, tree, capsys):
    place = {"artifactLocation": {"uri": "app.py"}, "region": region}
    (tree / "a.sarif").write_text(json.dumps(codeql(locations=[{"physicalLocation": place}])))
    assert len(json.loads(triage(capsys, "a.sarif", "-f", "json")[1])) == 1


def test_a_link_that_leads_out_of_the_tree_is_not_followed(tree, capsys, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.py"
    outside.write_text(CODE)
    (tree / "link.py").symlink_to(outside)
    place = {"artifactLocation": {"uri": "link.py"}, "region": {"startLine": 12}}
    (tree / "a.sarif").write_text(json.dumps(codeql(locations=[{"physicalLocation": place}])))
    (row,) = json.loads(triage(capsys, "a.sarif", "-f", "json")[1])
    assert "there is no file" in row["reason"]


def test_a_mapping_says_what_an_unknown_rule_is_about(tree, capsys):
    log = codeql()
    log["runs"][0]["tool"]["extensions"] = []
    (tree / "a.sarif").write_text(json.dumps(log))
    assert json.loads(triage(capsys, "a.sarif", "-f", "json")[1])[0]["outcome"] == "notRun"
    (tree / "map.yaml").write_text("py/command-line-injection: CWE-78\n")
    rows = json.loads(triage(capsys, "a.sarif", "-f", "json", "--mapping", "map.yaml")[1])
    assert rows[0]["outcome"] == "confirmed"


def test_merged_reports_are_one_run_with_all_results(tree, capsys):
    bandit, ruff = by_tool("bandit.json"), by_tool("ruff.sarif")
    _, out, _ = triage(capsys, bandit, ruff, "-f", "sarif", "--merge")
    (merged,) = json.loads(out)["runs"]
    assert len(merged["results"]) == len(results_in(bandit)) + len(results_in(ruff))
    assert {r["ruleId"].partition("/")[0] for r in merged["results"]} == {"bandit", "ruff"}
    assert {r["ruleId"] for r in merged["results"]} == {rule["id"] for rule in merged["tool"]["driver"]["rules"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "is no JSON"), ("[]", "is neither SARIF"), ('{"results": [{}]}', "looks like Semgrep's JSON"),
     ('{"results": [{}], "metrics": {}}', "looks like Bandit's JSON"), ("[" * 50_000, "is no JSON")],
)  # fmt: skip
def test_what_is_no_report_is_a_usage_error(content, words, tree, capsys):
    (tree / "a.json").write_text(content)
    code, out, err = triage(capsys, "a.json")
    assert (code, out) == (2, "")
    assert words in err


def test_wrong_arguments_are_usage_errors(tree, capsys):
    (tree / "a.sarif").write_text(json.dumps(codeql()))
    (tree / "bad.yaml").write_text("rule: nonsense\n")
    assert "no such folder" in triage(capsys, "a.sarif", "--root", "nowhere")[2]
    assert "cannot read gone.sarif" in triage(capsys, "gone.sarif")[2]
    assert "is no mapping" in triage(capsys, "a.sarif", "--mapping", "bad.yaml")[2]
    assert "triage writes text, json, sarif" in triage(capsys, "a.sarif", "-f", "html")[2]
