from __future__ import annotations

import hashlib
import json
import stat
from typing import TYPE_CHECKING

import pytest

from bluecode_lint.analyzers.semgrep import SemgrepAnalyzer
from bluecode_lint.core.errors import AnalyzerUnavailableError, RulesError
from bluecode_lint.core.model import Artifact, Confidence, Finding, Level, Notification, Region
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from pathlib import Path

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
OPEN_SOCKET = "class Feed(WebSocketHandler):\n    def check_origin(self, origin):\n        return True\n"
RULE = "bluecode/websocket-origin-unchecked"


def artifact(text: str, uri: str = "app.py") -> Artifact:
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def program(directory: Path, body: str) -> Path:
    path = directory / "semgrep"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_finding_has_our_rule_the_tools_name_and_the_text() -> None:
    text = f'# -*- coding: latin-1 -*-\r\nname = "é😀"\r\n{OPEN_SOCKET}'
    (finding,) = SemgrepAnalyzer(ROOT, RULES, jobs=2).analyze([artifact("check_origin = 1\n"), artifact(text, "日.py")])
    assert isinstance(finding, Finding)
    assert (finding.rule_id, finding.cwe) == (RULE, 1385)
    assert finding.aliases == ("semgrep:websocket-origin-unchecked",)
    assert finding.confidence is Confidence.HIGH
    assert finding.location.uri == "日.py"
    assert finding.location.region == Region(4, 5, 5, 20)
    assert finding.snippet == "def check_origin(self, origin):\n        return True"


def test_columns_are_code_points(tmp_path: Path) -> None:
    rule = f"""
rules:
- id: bound
  languages: [python]
  severity: WARNING
  message: m
  pattern: danger(...)
  metadata: {{rule: {RULE}, confidence: low}}
"""
    (tmp_path / "semgrep").mkdir()
    (tmp_path / "semgrep" / "one.yaml").write_text(rule)
    (finding,) = SemgrepAnalyzer(tmp_path, RULES).analyze([artifact('x = "é😀"; danger("日",\n  2)\n')])
    assert finding.location.region == Region(1, 11, 2, 5)
    assert finding.confidence is Confidence.LOW


def test_it_is_not_started_for_files_no_rule_can_match(tmp_path: Path) -> None:
    analyzer = SemgrepAnalyzer(ROOT, RULES, executable=program(tmp_path, f"touch {tmp_path}/started"))
    assert list(analyzer.analyze([artifact("x = 1\n")])) == []
    assert list(analyzer.analyze([])) == []
    assert not (tmp_path / "started").exists()


def test_each_rule_runs_over_the_files_that_can_match_it_only(tmp_path: Path) -> None:
    body = f'cp rules.json {tmp_path}/seen.json\necho \'{{"results": [], "errors": []}}\'\n'
    texts = (OPEN_SOCKET, "x = 1\n", "Image.MAX_IMAGE_PIXELS = None\n")
    files = [artifact(text, f"{number}.py") for number, text in enumerate(texts)]
    assert list(SemgrepAnalyzer(ROOT, RULES, executable=program(tmp_path, body)).analyze(files)) == []
    seen = json.loads((tmp_path / "seen.json").read_text())["rules"]
    wanted = {rule["id"]: rule["paths"]["include"] for rule in seen}
    assert wanted["bomb-guard-disabled"] == ["00001.py"]
    assert wanted["websocket-origin-unchecked"] == ["00000.py"]
    assert "open-ingress" not in wanted


def test_nosemgrep_is_left_to_the_suppression_stage() -> None:
    text = OPEN_SOCKET.replace("origin):", "origin):  # nosemgrep")
    assert list(SemgrepAnalyzer(ROOT, RULES).analyze([artifact(text)]))


def test_a_syntax_error_loses_only_its_place() -> None:
    reports = list(
        SemgrepAnalyzer(ROOT, RULES).analyze([artifact("x = (1 +\n\n" + OPEN_SOCKET), artifact(OPEN_SOCKET)])
    )
    assert any(isinstance(r, Finding) for r in reports)
    assert all(r.level is not Level.ERROR for r in reports if isinstance(r, Notification))


def test_when_the_fast_front_end_fails_the_classic_one_runs(tmp_path: Path) -> None:
    body = 'case "$*" in *--experimental*) exit 2;; esac\necho \'{"results": [], "errors": []}\'\n'
    assert list(SemgrepAnalyzer(ROOT, RULES, executable=program(tmp_path, body)).analyze([artifact(OPEN_SOCKET)])) == []


@pytest.mark.parametrize("body", ["echo not json", "echo '{}'", "exit 2", "kill -SEGV $$", "sleep 60"])
def test_crash_garbage_and_hanging_are_errors(tmp_path: Path, body: str) -> None:
    analyzer = SemgrepAnalyzer(ROOT, RULES, executable=program(tmp_path, body), timeout_s=1.0)
    (report,) = analyzer.analyze([artifact(OPEN_SOCKET)])
    assert isinstance(report, Notification)
    assert (report.level, report.id) == (Level.ERROR, "semgrep-failed")


def test_what_semgrep_says_about_files_is_passed_on(tmp_path: Path) -> None:
    errors = (
        '{"type": "Timeout", "path": "0/00000.py", "message": "slow"},'
        '{"type": ["PartialParsing", []], "path": "0/00000.py", "message": "part"},'
        '{"type": "Fatal error", "message": "no"}'
    )
    body = f'echo \'{{"results": [], "errors": [{errors}]}}\'\n'
    reports = list(SemgrepAnalyzer(ROOT, RULES, executable=program(tmp_path, body)).analyze([artifact(OPEN_SOCKET)]))
    assert {(r.level, r.id, r.uri) for r in reports if isinstance(r, Notification)} == {
        (Level.NOTE, "semgrep-file-skipped", "app.py"),
        (Level.NOTE, "semgrep-file-in-part", "app.py"),
        (Level.ERROR, "semgrep-trouble", ""),
    }


def test_a_missing_tool_refuses_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalyzerUnavailableError, match="semgrep"):
        SemgrepAnalyzer(ROOT, RULES).executable  # noqa: B018  # finding it is the check


def test_the_version_is_for_doctor() -> None:
    assert SemgrepAnalyzer(ROOT, RULES).version.startswith("1.")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rules: [{id: x}]",
        "rules:\n- {id: x, metadata: {rule: bluecode/no-such, confidence: low}}\n",
        f"rules:\n- {{id: x, metadata: {{rule: {RULE}, confidence: low, needs: ['(']}}}}\n",
    ],
)
def test_bad_rules_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "semgrep").mkdir()
    if text:
        (tmp_path / "semgrep" / "bad.yaml").write_text(text)
    with pytest.raises(RulesError):
        SemgrepAnalyzer(tmp_path, RULES)
