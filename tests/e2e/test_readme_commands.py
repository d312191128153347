"""Every command of the README is run as it stands there, in a small project; what is not run says why."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
APPLICATION = """\
import hashlib
import os

from flask import Flask, request

app = Flask(__name__)


@app.get("/export")
def export():
    os.system("tar -c " + request.args.get("name", ""))
    return hashlib.md5(b"done").hexdigest()
"""
PLACEHOLDER = "3f9c2ab1"
"""The README's example of a fingerprint."""

NOT_RUN = {
    "python3 -m venv": "installs the package, which has happened",
    ".venv/bin/pytest": "runs these tests",
    "scan . --max-cost 0.50": "needs a model's server",
    "scan . --review": "needs a model's server",
    "scan . --record": "needs a model's server",
    "--llm-model NAME --grid": "needs a model's server",
    "lint redteam": "takes minutes, and has tests of its own",
    "kb add evasions.jsonl": "needs what redteam writes",
    "evals guard": "needs scikit-learn (extra train), and has tests of its own",
}
MAY_FIND = re.compile(r"^(bluecode-lint (scan|merge|guard|prove|replay|triage|evals)|bandit|ruff|flake8)\b")
"""Commands whose exit code is 1 where there is something to report; of all others it must be 0."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def lines_of(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip() and not line.startswith("#")]


def reason_not_to_run(line: str) -> str:
    return next((reason for part, reason in NOT_RUN.items() if part in line), "")


@pytest.fixture(scope="module")
def project(tmp_path_factory, command_line, git):
    root = tmp_path_factory.mktemp("readme") / "project"
    for folder in ("app", "src"):
        (root / folder).mkdir(parents=True)
        (root / folder / "views.py").write_text(APPLICATION)
    (root / "pyproject.toml").write_text(blocks("toml")[0])
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "First")
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    suite = root / "SUITE"
    suite.mkdir()
    (suite / "one.py").write_text(APPLICATION)
    case = {"id": "one", "path": "one.py", "vulnerable": True, "cwe": [78], "pair": "p1"}
    (suite / "manifest.jsonl").write_text(json.dumps(case) + "\n")
    bandit = [sys.executable, "-m", "bandit", "-q", "-f", "json", "-o", "bandit.json", "SUITE/one.py"]
    assert subprocess.run(bandit, cwd=root, check=False).returncode == 1
    sarif = command_line.run("scan", "--no-exec", "-q", "-f", "sarif=semgrep.sarif", "app", cwd=root)
    assert sarif.code == 1
    return root


def fingerprint_of_a_proof(command_line, root):
    done = command_line.scan("app", cwd=root)
    proven = [r["fingerprint"] for r in done.json["results"] if r["level"] == "error"]
    assert proven, done.said
    return proven[0]


@pytest.mark.parametrize("block", blocks("sh"), ids=lambda block: lines_of(block)[0][:40])
def test_the_commands_work(block, project, command_line):
    exports = ""
    for line in lines_of(block):
        if reason_not_to_run(line):
            continue
        if line.startswith("export "):
            exports = line.partition("   #")[0] + "\n"
            continue
        command = line
        if PLACEHOLDER in line:
            command = line.replace(PLACEHOLDER, fingerprint_of_a_proof(command_line, project)[:8])
        done = subprocess.run(
            ["bash", "-c", exports + command], cwd=project, env=command_line.environment,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
        allowed = {0, 1} if MAY_FIND.match(line) else {0}
        assert done.returncode in allowed, f"{command}\n{done.stdout}{done.stderr}"


def test_what_is_not_run_is_still_there():
    lines = [line for block in blocks("sh") for line in lines_of(block)]
    assert all(any(part in line for line in lines) for part in NOT_RUN)
    assert sum(not reason_not_to_run(line) for line in lines) > len(NOT_RUN)
