"""The installed command line as a subprocess, in temporary git repositories and a scrubbed environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
TIMEOUT_S = 240


@dataclass(frozen=True)
class Reported:
    """One result of the SARIF report, with what the rule and the JSON report add to it."""

    uri: str
    line: int
    rule: str
    cwe: int
    level: str
    message: str


@dataclass(frozen=True)
class Done:
    """One finished call of the command line."""

    code: int
    stdout: str
    stderr: str
    sarif: Mapping[str, Any] = field(default_factory=dict)
    sarif_bytes: bytes = b""
    json: Mapping[str, Any] = field(default_factory=dict)

    @property
    def said(self) -> str:
        """Everything the user gets to see."""
        return self.stdout + self.stderr

    @property
    def results(self) -> list[Reported]:
        run = self.sarif["runs"][0]
        return [_reported(result, run) for result in run.get("results", ())]

    @property
    def notifications(self) -> list[tuple[str, str, str]]:
        """What the report says of its own trouble: id, level and uri."""
        invocation = self.sarif["runs"][0]["invocations"][0]
        return [
            (
                note["descriptor"]["id"],
                note["level"],
                unquote(note["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])
                if note.get("locations")
                else "",
            )
            for key in ("toolExecutionNotifications", "toolConfigurationNotifications")
            for note in invocation.get(key, ())
        ]


def _reported(result: Mapping[str, Any], run: Mapping[str, Any]) -> Reported:
    place = result["locations"][0]["physicalLocation"]
    rule = run["tool"]["driver"]["rules"][result["ruleIndex"]]
    cwe = next(tag for tag in rule["properties"]["tags"] if tag.startswith("external/cwe/cwe-"))
    return Reported(
        uri=unquote(place["artifactLocation"]["uri"]),
        line=place["region"]["startLine"],
        rule=result["ruleId"],
        cwe=int(cwe.removeprefix("external/cwe/cwe-")),
        level=result["level"],
        message=result["message"]["text"],
    )


class CommandLine:
    """Calls ``bluecode-lint``; its home and its cache are temporary and shared, as one user's would be."""

    def __init__(self, home: Path, command: Sequence[str]) -> None:
        self.home = home
        self.command = list(command)
        self._reports = home / "reports"
        self._reports.mkdir(parents=True)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{Path(self.command[0]).parent}:{SYSTEM_PATH}",
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
        }

    def run(
        self,
        *arguments: str | Path,
        cwd: Path,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> Done:
        done = subprocess.run(
            [*prefix, *self.command, *map(str, arguments)],
            cwd=cwd, env={**self.environment, **(env or {})}, input=stdin,
            capture_output=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        result = Done(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
        assert "Traceback (most recent call last)" not in result.said, result.said
        return result

    def scan(self, *arguments: str | Path, cwd: Path, **more: Any) -> Done:
        """Scan with text on stdout, and read back the SARIF and JSON reports."""
        sarif, report = self._reports / "report.sarif", self._reports / "report.json"
        sarif.unlink(missing_ok=True)
        report.unlink(missing_ok=True)
        formats = ("--format=text", f"--format=sarif={sarif}", f"--format=json={report}")
        done = self.run("scan", *formats, *arguments, cwd=cwd, **more)
        if not sarif.exists():
            return done
        written = sarif.read_bytes()
        return Done(done.code, done.stdout, done.stderr, json.loads(written), written, json.loads(report.read_bytes()))


@pytest.fixture(scope="session")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    script = Path(sys.executable).parent / "bluecode-lint"
    assert script.is_file(), "these tests are of the installed package: pip install -e '.[dev]'"
    return CommandLine(tmp_path_factory.mktemp("home"), [str(script)])


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """Run git with a neutral configuration."""

    def run(directory: Path, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip
        command = ["git", "-c", "init.defaultBranch=main", *arguments]
        return subprocess.run(
            command, cwd=directory, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    return run


@pytest.fixture
def repository(tmp_path: Path, git: Callable[..., str]) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Make a git repository with one commit of the given files."""

    def make(files: Mapping[str, str | bytes]) -> Path:
        root = tmp_path / "repository"
        for name, content in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        root.mkdir(exist_ok=True)
        git(root, "init", "--quiet")
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--allow-empty", "--message", "First")
        return root

    return make


DEFECT = """\
import os

from flask import Flask, request

app = Flask(__name__)


@app.get("/ping")
def ping():
    os.system("ping -c 1 " + request.args.get("host", ""))
    return "done"
"""


@pytest.fixture(scope="session")
def defect() -> str:
    """Give a small web application with one command injection, on line 10."""
    return DEFECT
