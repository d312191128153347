"""A small runner of composite actions: does with ``action.yml`` what GitHub's runner does, and records it.

``run`` steps are executed under bash, in order, with the ``GITHUB_*`` files and a scrubbed environment. ``uses`` steps
are answered by the test, because their code lives elsewhere. Conditions and ``${{ }}`` are evaluated in the subset of
GitHub's expression language that the action uses; anything else is an error, not a guess.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action" / "action.yml"
SECRET = "canary-3c1f0d"


class ExpressionError(Exception):
    """The expression is outside of the subset this runner understands."""


_TOKEN = re.compile(r"\s*(?:(&&|\|\||==|!=|!|\(|\))|'((?:[^']|'')*)'|([A-Za-z_][\w.-]*(?:\(\))?)|(\d+))")


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """Evaluate one expression, without its ``${{ }}``. As on GitHub, ``&&`` and ``||`` give an operand back."""
    tokens: list[tuple[str, str]] = []
    position = 0
    text = expression.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(expression)
        operator, literal, name, number = match.groups()
        kind = "op" if operator else "name" if name else "value"
        tokens.append((kind, operator or name or number or (literal or "").replace("''", "'")))
        position = match.end()
    value = _either(tokens, context)
    if tokens:
        raise ExpressionError(expression)
    return value


def _either(tokens, context):
    value = _both(tokens, context)
    while tokens and tokens[0] == ("op", "||"):
        tokens.pop(0)
        other = _both(tokens, context)
        value = value or other
    return value


def _both(tokens, context):
    value = _comparison(tokens, context)
    while tokens and tokens[0] == ("op", "&&"):
        tokens.pop(0)
        other = _comparison(tokens, context)
        value = value and other
    return value


def _comparison(tokens, context):
    value = _operand(tokens, context)
    if tokens and tokens[0] in {("op", "=="), ("op", "!=")}:
        negated = tokens.pop(0)[1] == "!="
        other = _operand(tokens, context)
        # GitHub compares strings without regard to case; a missing value equals the empty string.
        return (str(value or "").lower() == str(other or "").lower()) is not negated
    return value


def _operand(tokens, context):
    if not tokens:
        raise ExpressionError
    kind, text = tokens.pop(0)
    if (kind, text) == ("op", "!"):
        return not _operand(tokens, context)
    if (kind, text) == ("op", "("):
        value = _either(tokens, context)
        if not tokens or tokens.pop(0) != ("op", ")"):
            raise ExpressionError
        return value
    if kind == "value":
        return text
    if kind == "op":
        raise ExpressionError(text)
    if text.endswith("()"):
        return context[text]
    value: Any = context
    for part in text.split("."):
        value = value.get(part, "") if isinstance(value, Mapping) else ""
    return value


def interpolate(text: Any, context: Mapping[str, Any]) -> str:
    """Replace every ``${{ }}`` of a value by what it evaluates to."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda m: _as_text(evaluate(m[1], context)), str(text))


def _as_text(value: Any) -> str:
    return {True: "true", False: "false", None: ""}.get(value, value) if isinstance(value, bool | None) else str(value)


def read_outputs(text: str) -> dict[str, str]:
    """Read a ``GITHUB_OUTPUT`` file, in both of its syntaxes."""
    outputs: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        if "<<" in line and not (equals and "<<" not in name):
            name, _, delimiter = line.partition("<<")
            value = "\n".join(iter(lambda: next(lines), delimiter))
        outputs[name] = value
    return outputs


def read_commands(log: str) -> list[str]:
    """Pick out the workflow commands the runner would obey, heeding ``::stop-commands::``."""
    commands: list[str] = []
    token = ""
    # The runner knows CR, LF and CRLF as line ends.
    for line in re.split(r"\r\n|\r|\n", log):
        command = line.lstrip()
        if token:
            token = "" if command == f"::{token}::" else token
        elif command.startswith("::stop-commands::"):
            token = command.removeprefix("::stop-commands::")
        elif re.match(r"::[A-Za-z-]+(?: [^:]*)?::", command) or command.startswith("##["):
            commands.append(command)
    return commands


@dataclass
class Step:
    name: str
    outcome: str
    log: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    steps: dict[str, Step]
    conclusion: str
    outputs: dict[str, str]
    summary: str
    exported: str
    """What was written to GITHUB_ENV and GITHUB_PATH."""

    @property
    def log(self) -> str:
        return "".join(step.log for step in self.steps.values())

    @property
    def commands(self) -> list[str]:
        return read_commands(self.log)

    def outcome(self, name: str) -> str:
        return self.steps[name].outcome


class CompositeRunner:
    """Runs our action in a workspace, as one job of one event."""

    def __init__(self, home: Path, python: Path) -> None:
        self.home = home
        self.python = python
        self.upload_works = True
        self.environment: dict[str, str] = {}

    def run(self, workspace: Path, event_name: str, event: Mapping[str, Any] | None = None, **inputs: str) -> Job:
        """Run every step; ``inputs`` are spelled with underscores. The first failure skips what has no condition."""
        action = yaml.safe_load(ACTION.read_text())
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= action["inputs"].keys(), "an input the action does not have"
        values = {name: str(given.get(name, spec.get("default", ""))) for name, spec in action["inputs"].items()}
        temp = self.home / "runner-temp"
        temp.mkdir(exist_ok=True)
        files = {name: temp / name.lower() for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH")}
        for file in files.values():
            file.write_text("")
        (temp / "event.json").write_text(json.dumps(event or {}))
        environment = self._environment(event_name, workspace, temp, files)
        context: dict[str, Any] = {"inputs": values, "steps": {}, "github": {"event_name": event_name}}
        steps: dict[str, Step] = {}
        failed = False
        for spec in action["runs"]["steps"]:
            context |= {"success()": not failed, "failure()": failed, "always()": True, "cancelled()": False}
            step = self._run_step(spec, context, environment, workspace, temp)
            conclusion = "success" if step.outcome == "failure" and spec.get("continue-on-error") else step.outcome
            failed |= conclusion == "failure"
            steps[step.name] = step
            if "id" in spec:
                context["steps"][spec["id"]] = {"outputs": step.outputs, "outcome": step.outcome}
        outputs = {name: interpolate(spec["value"], context) for name, spec in action["outputs"].items()}
        exported = files["GITHUB_ENV"].read_text() + files["GITHUB_PATH"].read_text()
        summary = files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
        return Job(steps, "failure" if failed else "success", outputs, summary, exported)

    def _environment(self, event_name, workspace, temp, files):
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION.parent),
            "GITHUB_EVENT_NAME": event_name,
            "GITHUB_EVENT_PATH": str(temp / "event.json"),
            "GITHUB_REPOSITORY": "octo/depot",
            "GITHUB_WORKSPACE": str(workspace),
            "RUNNER_TEMP": str(temp),
            "JOB_SECRET": SECRET,
            "GITHUB_TOKEN": SECRET,
            **{name: str(file) for name, file in files.items()},
            **self.environment,
        }

    def _run_step(self, spec, context, environment, workspace, temp):
        condition = str(spec.get("if", "success()")).strip()
        condition = condition.removeprefix("${{").removesuffix("}}")
        if not re.search(r"(?:success|failure|always|cancelled)\(\)", condition):
            condition = f"success() && ({condition})"
        step = Step(spec["name"], "skipped")
        if not evaluate(condition, context):
            return step
        if "uses" in spec:
            step.inputs = {name: interpolate(value, context) for name, value in spec.get("with", {}).items()}
            step.outputs = self._answer(spec["uses"], step.inputs)
            step.outcome = "success" if step.outputs else "failure"
            return step
        assert spec["shell"] == "bash"
        output = temp / "github_output"
        output.write_text("")
        script = temp / "step.sh"
        script.write_text(interpolate(spec["run"], context))
        own = {name: interpolate(value, context) for name, value in spec.get("env", {}).items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            env={**environment, **own, "GITHUB_OUTPUT": str(output)},
            cwd=workspace, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        step.log = done.stdout.decode("utf-8", "replace")
        step.outputs = read_outputs(output.read_text(encoding="utf-8"))
        step.outcome = "success" if done.returncode == 0 else "failure"
        return step

    def _answer(self, uses: str, inputs: Mapping[str, str]) -> dict[str, str]:
        """Stand in for the two actions of others that ours calls; no outputs means that the step failed."""
        name, _, commit = uses.partition("@")
        assert re.fullmatch(r"[0-9a-f]{40}", commit), f"{name} is not pinned to a commit"
        if name == "actions/setup-python":
            return {"python-path": str(self.python)}
        assert name == "github/codeql-action/upload-sarif"
        json.loads(Path(inputs["sarif_file"]).read_text(encoding="utf-8"))
        return {"sarif-id": "47177e22-5596-11eb-80a1-c1e54ef945c6"} if self.upload_works else {}


@pytest.fixture
def python_without_pip(tmp_path: Path) -> Path:
    """Give the running interpreter, except that it makes no environment and installs nothing: it notes what it would.

    The real installation takes a minute and the network; ``test_action_install.py`` does it once.
    """
    shim = tmp_path / "python"
    log = tmp_path / "pip.log"
    shim.write_text(f"""#!/bin/bash
if [[ "$2 $3" == "-m venv" ]]; then mkdir -p "$4/bin" && ln -s "{shim}" "$4/bin/python"
elif [[ "$2 $3" == "-m pip" ]]; then printf '%s\\n' "${{@: -1}}" >> "{log}"
else exec "{sys.executable}" "$@"
fi
""")
    shim.chmod(0o755)
    return shim


@pytest.fixture
def runner(tmp_path: Path, python_without_pip: Path) -> CompositeRunner:
    home = tmp_path / "home"
    home.mkdir()
    return CompositeRunner(home, python_without_pip)


@pytest.fixture
def git(tmp_path: Path) -> Callable[..., str]:
    """Run git with a neutral configuration."""
    binary = shutil.which("git")
    assert binary

    def run(directory: Path, *arguments: str) -> str:
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip
        command = [binary, "-c", "init.defaultBranch=main", *arguments]
        return subprocess.run(
            command, cwd=directory, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()

    return run
