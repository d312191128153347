from __future__ import annotations

import hashlib
import os
import stat
import time
from pathlib import Path

import pytest

from bluecode_lint.analyzers.bandit import GENERIC_RULE, BanditAnalyzer
from bluecode_lint.core.errors import AnalyzerUnavailableError, RulesError
from bluecode_lint.core.model import Artifact, Confidence, Finding, Level, Notification, Region
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}


def artifact(text: str, uri: str = "app.py") -> Artifact:
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def program(directory: Path, body: str) -> Path:
    path = directory / "bandit"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def by_alias(reports: list[Finding | Notification], alias: str) -> list[Finding]:
    return [r for r in reports if isinstance(r, Finding) and alias in r.aliases]


def test_finding_has_our_rule_the_tools_name_and_the_text() -> None:
    reports = list(BanditAnalyzer(ROOT, RULES).analyze([artifact("import pyghmi\n", "lib/bmc.py")]))
    (finding,) = by_alias(reports, "bandit:B415")
    assert finding.rule_id == GENERIC_RULE
    assert finding.cwe == RULES[GENERIC_RULE].cwe
    assert finding.location.uri == "lib/bmc.py"
    assert finding.snippet == "import pyghmi"
    assert finding.location.region == Region(1, 1, 1, 14)
    assert finding.message.startswith("Bandit: ")


def test_columns_are_code_points_and_regions_span_lines() -> None:
    text = 'import hashlib\r\nx = "é😀"; hashlib.md5(\r\n    "日本",\r\n)\r\n'
    (finding,) = by_alias(list(BanditAnalyzer(ROOT, RULES).analyze([artifact(text)])), "bandit:B324")
    assert finding.location.region == Region(2, 11, 4, 2)
    assert finding.snippet == 'hashlib.md5(\r\n    "日本",\r\n)'


def test_what_is_not_in_the_mapping_is_only_a_question(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "bandit.yaml").write_text("B415: {rule: bluecode/bandit-finding, confidence: medium}\n")
    reports = list(BanditAnalyzer(tmp_path, RULES).analyze([artifact("import hashlib\nhashlib.md5(b'')\n")]))
    (finding,) = by_alias(reports, "bandit:B324")
    assert (finding.rule_id, finding.confidence) == (GENERIC_RULE, Confidence.LOW)


@pytest.mark.parametrize("test_id", ["B101", "B404", "B603", "B607"])
def test_noise_is_never_more_than_a_question(test_id: str) -> None:
    text = "import subprocess\n\ndef f(x):\n    assert x\n    subprocess.run(['ls', x])\n"
    findings = by_alias(list(BanditAnalyzer(ROOT, RULES).analyze([artifact(text)])), f"bandit:{test_id}")
    assert findings
    assert all(f.confidence is Confidence.LOW for f in findings)


def test_nosec_is_left_to_the_suppression_stage() -> None:
    reports = list(BanditAnalyzer(ROOT, RULES).analyze([artifact("import pyghmi  # nosec\n")]))
    assert by_alias(reports, "bandit:B415")


def test_a_cookie_for_another_encoding_moves_nothing() -> None:
    text = '# -*- coding: latin-1 -*-\nname = "é"; import pyghmi\n'
    (finding,) = by_alias(list(BanditAnalyzer(ROOT, RULES).analyze([artifact(text)])), "bandit:B415")
    assert finding.location.region == Region(2, 13, 2, 26)


def test_unparsed_file_is_said_and_the_others_are_kept() -> None:
    texts = {"bad.py": "def broken(:\n", "good.py": "import pyghmi\n", "empty.py": ""}
    files = [artifact(text, uri) for uri, text in texts.items()]
    reports = list(BanditAnalyzer(ROOT, RULES, jobs=2).analyze(files))
    (skipped,) = [r for r in reports if isinstance(r, Notification)]
    assert (skipped.level, skipped.id, skipped.uri) == (Level.NOTE, "bandit-file-skipped", "bad.py")
    assert [f.location.uri for f in by_alias(reports, "bandit:B415")] == ["good.py"]


def test_jobs_do_not_change_what_is_found() -> None:
    files = [artifact(f"import pyghmi\nx = {n}\n", f"-r {n}.py") for n in range(5)]
    once = sorted(BanditAnalyzer(ROOT, RULES).analyze(files), key=lambda r: r.sort_key)
    twice = sorted(BanditAnalyzer(ROOT, RULES, jobs=2).analyze(files), key=lambda r: r.sort_key)
    assert once == twice
    assert [r.location.uri for r in once] == [f"-r {n}.py" for n in range(5)]


@pytest.mark.parametrize(
    "body",
    [
        "echo not json",
        "echo '{}'",
        "echo boom >&2; exit 2",
        "kill -SEGV $$",
        'echo \'{"results": [{}], "errors": []}\'',
    ],
)
def test_crash_and_garbage_are_errors(tmp_path: Path, body: str) -> None:
    analyzer = BanditAnalyzer(ROOT, RULES, executable=program(tmp_path, body))
    (report,) = analyzer.analyze([artifact("x = 1\n")])
    assert isinstance(report, Notification)
    assert (report.level, report.id) == (Level.ERROR, "bandit-failed")


def test_a_tool_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    analyzer = BanditAnalyzer(
        ROOT, RULES, executable=program(tmp_path, f"sleep 60 &\necho $! > {pid_file}\nwait\n"), timeout_s=1.0
    )
    began = time.monotonic()
    (report,) = analyzer.analyze([artifact("x = 1\n")])
    assert time.monotonic() - began < 20
    assert isinstance(report, Notification)
    assert report.level is Level.ERROR
    child = int(pid_file.read_text())
    for _ in range(50):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        if Path(f"/proc/{child}/stat").read_text().split(")")[1].split()[0] == "Z":
            break  # dead, only not yet collected by its new parent
        time.sleep(0.1)
    else:
        pytest.fail("the tool's child outlived it")


def test_the_environment_does_not_reach_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "hunter2")
    analyzer = BanditAnalyzer(ROOT, RULES, executable=program(tmp_path, "env >&2; exit 9"))
    (report,) = analyzer.analyze([artifact("x = 1\n")])
    assert "hunter2" not in report.message
    seen = tmp_path / "seen"
    analyzer = BanditAnalyzer(ROOT, RULES, executable=program(tmp_path, f"env > {seen}"))
    list(analyzer.analyze([artifact("x = 1\n")]))
    assert "GITHUB_TOKEN" not in seen.read_text()


def test_a_missing_tool_refuses_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AnalyzerUnavailableError, match="bandit"):
        BanditAnalyzer(ROOT, RULES).executable  # noqa: B018  # finding it is the check


def test_the_version_is_for_doctor(tmp_path: Path) -> None:
    assert BanditAnalyzer(ROOT, RULES).version.startswith("1.")
    with pytest.raises(AnalyzerUnavailableError):
        _ = BanditAnalyzer(ROOT, RULES, executable=program(tmp_path, "exit 3")).version


@pytest.mark.parametrize("text", ["- a\n", "B1: {rule: bluecode/no-such, confidence: low}\n", "B1: {rule: x}\n", "{"])
def test_a_bad_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "bandit.yaml").write_text(text)
    with pytest.raises(RulesError):
        BanditAnalyzer(tmp_path, RULES)


def test_nothing_to_do_starts_nothing(tmp_path: Path) -> None:
    assert list(BanditAnalyzer(ROOT, RULES, executable=tmp_path / "missing").analyze([])) == []
