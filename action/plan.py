# noqa: INP001  # scripts beside action.yml, not a package
"""Turn the action's inputs and GitHub's event into a checked plan: what to run, and what to do with its report.

Inputs come as ``INPUT_*`` variables and never pass through a shell. The plan is written to ``plan.json`` in a fresh
directory, whose path is this step's output ``work``. Standard library only; runs with ``python -I``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

_SWITCH = re.compile(r"auto|true|false")
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "DIFF": re.compile(r"auto|off"),
    "FAIL_ON": re.compile(r"note|warning|error|never"),
    "MIN_SEVERITY": re.compile(r"note|warning|error"),
    "EXECUTE": re.compile(r"true|false"),
    "SANDBOX": re.compile(r"(?:[a-z][a-z0-9+-]{0,30})?"),
    "CONFIG": re.compile(r"[^\x00-\x1f\x7f]{0,1024}"),
    "BASELINE": re.compile(r"[^\x00-\x1f\x7f]{0,1024}"),
    "GUARD": re.compile(r"off|files|pull-request"),
    "UPLOAD": _SWITCH,
    "CATEGORY": re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}"),
    "ANNOTATIONS": _SWITCH,
}
_PATH = re.compile(r"[^\x00-\x1f\x7f]{1,4096}")
_EXTRA = re.compile(
    r"--(?:select|extend-select|ignore|exclude|extend-exclude|min-confidence|threat-model|max-file-size|probe-budget|jobs)"
    r"=[A-Za-z0-9_./,*!@+:-]{1,512}"
    r"|--(?:force-exclude|no-suppressions|isolated|verbose|quiet|statistics)"
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Event(NamedTuple):
    """What matters of GitHub's event.

    Its name, whether its code is a stranger's, the commit to compare with, and what a pull request says of itself.
    """

    name: str
    fork: bool
    base: str
    said: str


def main() -> None:
    """Write the plan, or say what is wrong and exit with 2."""
    inputs = {name: _checked(name, pattern) for name, pattern in _PATTERNS.items()}
    event = _read_event()
    if event.name == "pull_request_target":
        _refuse(
            "this action does not run on pull_request_target: use pull_request, where a fork's code meets no secret"
        )
    upload = inputs["UPLOAD"] != "false" and not event.fork and event.name != "merge_group"
    work = Path(tempfile.mkdtemp(prefix="bluecode-lint-", dir=os.environ["RUNNER_TEMP"]))
    plan = {
        "arguments": _arguments(inputs, event, work),
        "guard": _guards(inputs, event, work),
        "upload": upload,
        "annotate": inputs["ANNOTATIONS"] == "true" or (inputs["ANNOTATIONS"] == "auto" and not upload),
        "annotate_guard": inputs["ANNOTATIONS"] != "false",
        "fork": event.fork,
    }
    (work / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"work={work}\n")


def _checked(name: str, pattern: re.Pattern[str]) -> str:
    value = os.environ.get(f"INPUT_{name}", "").strip()
    if not pattern.fullmatch(value):
        _refuse(f"the input {name.lower().replace('_', '-')!r} is not one this action knows: {value[:100]!a}")
    return value


def _arguments(inputs: Mapping[str, str], event: Event, work: Path) -> list[str]:
    arguments = ["scan", "--offline", "--color=always", "--format=text"]
    arguments += [f"--format={name}={work / file}" for name, file in _REPORTS.items()]
    arguments += [f"--fail-on={inputs['FAIL_ON']}", f"--min-severity={inputs['MIN_SEVERITY']}"]
    if inputs["EXECUTE"] == "false":
        arguments.append("--no-exec")
    if inputs["SANDBOX"]:
        arguments.append(f"--sandbox={inputs['SANDBOX']}")
    if inputs["CONFIG"]:
        arguments.append(f"--config={inputs['CONFIG']}")
    if inputs["BASELINE"]:
        arguments.append(f"--baseline={inputs['BASELINE']}")
    if inputs["DIFF"] == "auto" and event.base:
        arguments += _diff_arguments(event.base)
    return [*arguments, *_extra_arguments(), "--", *_paths()]


def _guards(inputs: Mapping[str, str], event: Event, work: Path) -> list[dict[str, Any]]:
    """Plan the checks of instructions: each its arguments, and the file to be read as its standard input, if any.

    A pull request's own words go to the guard alone, as data in a file; nothing that judges code ever sees them.
    """
    if inputs["GUARD"] == "off":
        return []
    common = ["guard", "--offline", "--color=always", "--format=text"]
    common += [f"--fail-on={inputs['FAIL_ON']}", f"--min-severity={inputs['MIN_SEVERITY']}"]
    own = [f"--config={inputs['CONFIG']}"] if inputs["CONFIG"] else []
    if inputs["DIFF"] == "auto" and event.base:
        own += _diff_arguments(event.base)
    reports = [f"--format=json={work / 'guard.json'}", f"--format=github={work / 'guard.txt'}"]
    checks = [{"arguments": [*common, *own, *reports, "--", *_paths()], "report": "guard.json", "stdin": ""}]
    if inputs["GUARD"] == "pull-request" and event.said:
        (work / "pull-request.md").write_text(event.said, encoding="utf-8")
        reports = [f"--format=json={work / 'guard-said.json'}", "--isolated"]
        checks.append({"arguments": [*common, *reports, "-"], "report": "guard-said.json", "stdin": "pull-request.md"})
    return checks


_REPORTS = {"json": "report.json", "sarif": "report.sarif", "github": "annotations.txt"}


def _diff_arguments(base: str) -> list[str]:
    """Compare with the base only if its history is here: a scan of everything is better than none."""
    git = ["git", "merge-base", base, "HEAD"]
    if subprocess.run(git, capture_output=True, check=False).returncode == 0:  # noqa: S603  # fixed words and a hex id
        return [f"--diff-base={base}"]
    sys.stdout.write(
        f"::warning title=bluecode-lint::the base commit {base} is not in this checkout, so everything is scanned; "
        "check out with fetch-depth: 0 to report only the difference\n"
    )
    return []


def _extra_arguments() -> list[str]:
    extra = os.environ.get("INPUT_EXTRA_ARGS", "").split()
    for argument in extra:
        if not _EXTRA.fullmatch(argument):
            _refuse(f"extra-args may not hold {argument[:100]!a}")
    return extra


def _paths() -> list[str]:
    paths = [line.strip() for line in os.environ.get("INPUT_PATHS", "").splitlines() if line.strip()]
    for path in paths:
        if not _PATH.fullmatch(path):
            _refuse(f"the input 'paths' holds a control character: {path[:100]!a}")
    return paths or ["."]


def _read_event() -> Event:
    name = os.environ.get("GITHUB_EVENT_NAME", "")
    payload: dict[str, Any] = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    pull_request = payload.get("pull_request") or {}
    # A fork that was deleted has no head repository left: still a stranger's code.
    head = ((pull_request.get("head") or {}).get("repo") or {}).get("full_name")
    fork = bool(pull_request) and head != os.environ.get("GITHUB_REPOSITORY")
    base = (pull_request.get("base") or {}).get("sha") or (payload.get("merge_group") or {}).get("base_sha") or ""
    said = "\n\n".join(str(pull_request.get(part) or "") for part in ("title", "body")).strip()
    return Event(name, fork, base if _COMMIT.fullmatch(base) else "", said)


def _refuse(reason: str) -> NoReturn:
    escaped = reason.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    sys.stdout.write(f"::error title=bluecode-lint::{escaped}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
