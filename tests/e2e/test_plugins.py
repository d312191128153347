"""Bandit and flake8 with our plug-ins, as their users run them."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import yaml

from bluecode_lint.knowledge.catalogue import load_rules, rules_root

if TYPE_CHECKING:
    from pathlib import Path

VULNERABLE = """import os
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.route("/ping")
def ping():
    return subprocess.check_output("ping -c 1 " + request.args["host"], shell=True)


def count():
    return subprocess.check_output(["/usr/bin/wc", "-l", "notes.txt"])
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=120, cwd=folder, check=False
    )


def test_bandit_issues_are_attacked_and_judged(tmp_path):
    (tmp_path / "app.py").write_text(VULNERABLE, encoding="utf-8")
    answer = run(tmp_path, "bandit", "-q", "-f", "bluecode", "app.py")
    assert answer.returncode == 1, answer.stderr
    proven = re.search(
        r"app\.py:11: Bandit B602: .*confirmed by execution\n(?:    .*\n)*    = proof: .*ping", answer.stdout
    )
    assert proven, answer.stdout
    assert "app.py:15: Bandit B603: note" in answer.stdout
    assert "= proof" not in answer.stdout.partition("app.py:15")[2]


def test_bandit_writes_our_format_to_a_file_and_finds_nothing_in_a_clean_one(tmp_path):
    (tmp_path / "clean.py").write_text("x = 1\n", encoding="utf-8")
    answer = run(tmp_path, "bandit", "-q", "-f", "bluecode", "-o", "out.txt", "clean.py")
    assert answer.returncode == 0, answer.stderr
    assert "clean.py" not in (tmp_path / "out.txt").read_text(encoding="utf-8")


def test_a_setting_that_is_wrong_leaves_bandits_own_words(tmp_path, monkeypatch):
    (tmp_path / "app.py").write_text(VULNERABLE, encoding="utf-8")
    monkeypatch.setenv("BLUECODE_PROBE_BUDGET", "many")
    answer = run(tmp_path, "bandit", "-q", "-f", "bluecode", "app.py")
    assert answer.returncode == 1
    assert "app.py:11: B602" in answer.stdout
    assert "nothing was judged" in answer.stderr


def test_flake8_reports_the_static_stage_with_codes(tmp_path):
    (tmp_path / "app.py").write_text(VULNERABLE, encoding="utf-8")
    answer = run(tmp_path, "flake8", "--select", "BCL", "app.py")
    assert answer.returncode == 1, answer.stderr
    codes = yaml.safe_load((rules_root() / "mappings" / "flake8.yaml").read_text(encoding="utf-8"))
    assert re.search(rf"app\.py:11:12: {codes['os-command-injection']} ", answer.stdout), answer.stdout
    assert "app.py:15" not in answer.stdout


def test_flake8_noqa_standard_input_and_broken_files(tmp_path):
    accepted = VULNERABLE.replace("shell=True)", "shell=True)  # noqa: BCL")
    (tmp_path / "app.py").write_text(accepted, encoding="utf-8")
    assert run(tmp_path, "flake8", "--select", "BCL", "app.py").stdout == ""
    (tmp_path / "broken.py").write_text("def f(:\n", encoding="utf-8")
    assert "Traceback" not in run(tmp_path, "flake8", "--select", "BCL", "broken.py").stderr
    command = [sys.executable, "-m", "flake8", "--select", "BCL", "-"]
    answer = subprocess.run(command, input=VULNERABLE, capture_output=True, text=True, timeout=120, check=False)
    assert "stdin:11:12: BCL" in answer.stdout


def test_every_rule_has_a_code_of_its_own():
    codes = yaml.safe_load((rules_root() / "mappings" / "flake8.yaml").read_text(encoding="utf-8"))
    assert {f"bluecode/{slug}" for slug in codes} >= {rule.id for rule in load_rules(rules_root())}
    assert len(set(codes.values())) == len(codes)
    assert all(re.fullmatch(r"BCL[1-9]\d\d", code) for code in codes.values())


def test_codes_that_users_have_written_down_stay_what_they_were():
    codes = yaml.safe_load((rules_root() / "mappings" / "flake8.yaml").read_text(encoding="utf-8"))
    kept = {"os-command-injection": "BCL191", "sql-injection": "BCL234", "xpath-injection": "BCL282"}
    assert {slug: codes[slug] for slug in kept} == kept


def test_closed_standard_streams_crash_nothing(tmp_path):
    (tmp_path / "app.py").write_text(VULNERABLE, encoding="utf-8")
    script = f"'{sys.executable}' -m bluecode_lint scan app.py --no-exec --isolated -f sarif=out.sarif <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], cwd=tmp_path, timeout=120, check=False).returncode == 1
    assert "os-command-injection" in (tmp_path / "out.sarif").read_text(encoding="utf-8")
