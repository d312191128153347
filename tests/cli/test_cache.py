"""Scans with and without what earlier ones kept, and the command that shows and forgets it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bluecode_lint.cache.store import FILE_NAME
from bluecode_lint.cli import app
from bluecode_lint.core.errors import ExitCode

DEMO = Path(__file__).parents[1] / "data" / "demo_app"


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("BLUECODE_NO_CACHE")
    monkeypatch.setenv("BLUECODE_CACHE_DIR", str(tmp_path / "cache"))
    shutil.copytree(DEMO, tmp_path / "demo")
    return tmp_path / "demo"


def scan(project, name, *options):
    report = project.parent / name
    formats = [
        part for format_ in ("sarif", "json", "html", "text") for part in ("-f", f"{format_}={report}.{format_}")
    ]
    arguments = ["scan", "--isolated", "--quiet", "--fail-on", "never", *formats, *options, str(project)]
    assert app.run(arguments) == ExitCode.CLEAN
    return [report.with_name(f"{name}.{format_}").read_bytes() for format_ in ("sarif", "json", "html", "text")]


def test_a_scan_says_the_same_cold_warm_and_without_a_cache(project):
    cold = scan(project, "cold")
    assert json.loads(cold[1])["results"]
    assert b"confirmed" in cold[1]
    assert scan(project, "warm") == cold
    assert scan(project, "alone", "--no-cache") == cold
    assert scan(project, "one", "--jobs", "1") == cold


def test_a_change_is_seen(project):
    scan(project, "before")
    (project / "more.py").write_text("import os, sys\n\nos.system('ls ' + sys.argv[1])\n")
    with_more = scan(project, "more", "--no-exec")
    assert b"more.py" in with_more[1]
    assert scan(project, "anew", "--no-exec", "--no-cache") == with_more
    (project / "more.py").unlink()
    assert scan(project, "again", "--no-exec") == scan(project, "after", "--no-exec", "--no-cache")


def test_an_unchanged_project_starts_no_tool(project, monkeypatch):
    first = scan(project, "first")
    for place in ("bandit", "semgrep"):
        monkeypatch.setattr(f"bluecode_lint.analyzers.{place}.run_tool", lambda *_a, **_o: pytest.fail("started"))
    monkeypatch.setattr("bluecode_lint.probes.prober.AttackProber._carry_out", lambda *_a: pytest.fail("attacked"))
    assert scan(project, "second") == first


def test_a_cache_that_is_garbage_changes_nothing(project):
    first = scan(project, "first", "--no-exec")
    (project.parent / "cache" / FILE_NAME).write_bytes(b"garbage" * 1000)
    assert scan(project, "second", "--no-exec") == first


def test_a_cache_that_cannot_be_kept_is_a_note(project, monkeypatch):
    (project.parent / "file").write_text("in the way")
    monkeypatch.setenv("BLUECODE_CACHE_DIR", str(project.parent / "file" / "cache"))
    reports = scan(project, "noted", "--no-exec")
    assert b"cache-unusable" in reports[1]


def test_the_command_counts_and_forgets(project, capsys):
    scan(project, "first", "--no-exec")
    assert app.run(["cache", "info"]) == ExitCode.CLEAN
    shown = capsys.readouterr().out
    assert str(project.parent / "cache") in shown
    assert "module" in shown
    assert app.run(["cache", "clear"]) == ExitCode.CLEAN
    assert "0  values" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(project, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert app.run(["cache", "info", "--cache-dir", str(tmp_path / "file" / "cache")]) == ExitCode.ERROR
    assert "nothing can be kept" in capsys.readouterr().err


def test_a_repository_cannot_turn_the_cache_off_or_elsewhere(project, capsys):
    for line in ("no-cache = true", "cache-dir = 'x'"):
        (project / "bluecode-lint.toml").write_text(line + "\n")
        assert app.run(["scan", "--no-exec", str(project)]) == ExitCode.ERROR
        assert "cannot be set by the scanned repository" in capsys.readouterr().err


def test_one_changed_file_is_judged_with_the_names_of_the_others(project):
    (project / "reqeusts.py").write_text("x = 1\n")
    (project / "user.py").write_text("import reqeusts\n")
    scan(project, "before", "--no-exec")
    (project / "user.py").write_text("import reqeusts\n\nreqeusts.x\n")
    assert scan(project, "warm", "--no-exec") == scan(project, "cold", "--no-exec", "--no-cache")
