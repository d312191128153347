"""The bundled demo application: defects found and proven, look-alikes left in peace, the same every time."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMO = Path(__file__).parents[1] / "data" / "demo_app"
SARIF_SCHEMA = Path(__file__).parents[1] / "data" / "sarif-schema-2.1.0.json"
EXPECTED: Mapping[str, list[dict[str, Any]]] = yaml.safe_load((DEMO / "EXPECTED.yaml").read_text())


@pytest.fixture(scope="module")
def demo(tmp_path_factory, git):
    root = tmp_path_factory.mktemp("demo") / "demo_app"
    shutil.copytree(DEMO, root, ignore=shutil.ignore_patterns("__pycache__", ".*_cache", "EXPECTED.yaml"))
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "The demo application")
    return root


@pytest.fixture(scope="module")
def scanned(demo, command_line):
    return command_line.scan(".", "--jobs=2", cwd=demo)


def enclosing_function(path: Path, line: int) -> str:
    """Name the innermost function around a line, decorators included."""
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and min([node.lineno, *(d.lineno for d in node.decorator_list)]) <= line <= (node.end_lineno or 0)
    ]
    return max(functions, key=lambda node: node.lineno).name if functions else "<module>"


def matches(result, expected, root):
    places = [expected, expected["also"]] if "also" in expected else [expected]
    return result.cwe in expected["cwe"] and any(
        result.uri == place["file"] and enclosing_function(root / result.uri, result.line) == place["function"]
        for place in places
    )


def test_the_list_of_expectations_fits_the_sources():
    for entry in (*EXPECTED["defects"], *EXPECTED["lookalikes"]):
        for place in (entry, entry.get("also", entry)):
            tree = ast.parse((DEMO / place["file"]).read_text())
            names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | {"<module>"}
            assert place["function"] in names, place
    assert len(EXPECTED["defects"]) >= 14
    assert len({entry["cwe"][0] for entry in EXPECTED["defects"]}) >= 8
    assert len(EXPECTED["lookalikes"]) >= len(EXPECTED["defects"])


def test_defects_are_found_and_several_are_proven(scanned, demo):
    assert scanned.code == 1, scanned.said
    missed = [
        f"{entry['file']}:{entry['function']}"
        for entry in EXPECTED["defects"]
        if not any(matches(result, entry, demo) for result in scanned.results)
    ]
    assert len(missed) <= len(EXPECTED["defects"]) // 10, f"missed: {missed}"
    proven = [
        entry
        for entry in EXPECTED["defects"]
        if any(result.level == "error" and matches(result, entry, demo) for result in scanned.results)
    ]
    confirmed = [entry for entry in scanned.json["results"] if entry["confirmation"]["outcome"] == "confirmed"]
    assert len(confirmed) >= 5
    assert len(proven) >= 5
    assert {78, 89, 22, 95, 502} <= {cwe for entry in proven for cwe in entry["cwe"]}


def test_lookalikes_are_never_errors_and_seldom_anything(scanned, demo):
    reported = [
        (result, entry["file"], entry["function"])
        for entry in EXPECTED["lookalikes"]
        for result in scanned.results
        if matches(result, entry, demo)
    ]
    assert [item for item in reported if item[0].level == "error"] == []
    assert len([item for item in reported if item[0].level == "warning"]) <= 2, reported


def test_every_error_was_proven(scanned):
    unproven = [
        entry
        for entry in scanned.json["results"]
        if entry["level"] == "error"
        and entry["confirmation"]["outcome"] != "confirmed"
        and scanned.json["rules"][entry["rule_id"]]["kind"] == "flow"
    ]
    assert unproven == []


def test_nothing_went_wrong_unexplained(scanned):
    assert [note for note in scanned.notifications if note[1] == "error"] == []
    assert scanned.sarif["runs"][0]["invocations"][0]["executionSuccessful"] is True


def test_the_sarif_is_valid(scanned):
    schema = json.loads(SARIF_SCHEMA.read_text())
    jsonschema.validators.validator_for(schema)(schema).validate(scanned.sarif)


def test_the_terminal_shows_the_proofs(scanned):
    assert "] proven: " in scanned.stdout
    for entry in scanned.json["results"]:
        if entry["level"] == "error":
            assert f"{entry['location']['uri']}:{entry['location']['start_line']}" in scanned.stdout


def test_a_proof_can_be_run_again(scanned, command_line, demo):
    proven = next(entry for entry in scanned.json["results"] if entry["confirmation"]["outcome"] == "confirmed")
    again = command_line.run("replay", proven["fingerprint"], cwd=demo)
    assert again.code == 0, again.said


def test_runs_give_the_same_bytes_whatever_the_number_of_workers(command_line, demo):
    paths = ("depot/tools.py", "depot/auth.py")
    first, again, alone = (command_line.scan(f"--jobs={jobs}", *paths, cwd=demo) for jobs in (2, 2, 1))
    assert len(first.results) >= 5
    assert again.sarif_bytes == first.sarif_bytes
    assert alone.sarif_bytes == first.sarif_bytes


@pytest.mark.slow
def test_two_runs_over_everything_give_the_same_bytes(scanned, command_line, demo):
    assert command_line.scan(".", "--jobs=1", cwd=demo).sarif_bytes == scanned.sarif_bytes


def test_the_scan_leaves_nothing_behind(scanned, demo, git):
    assert scanned.code == 1
    assert git(demo, "status", "--porcelain", "--ignored") == ""
