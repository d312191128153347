# noqa: INP001  # scripts beside action.yml, not a package
"""Run the scan that ``plan.py`` planned; pass its report on as annotations and as this step's outputs.

The linter and what it starts see none of the job's variables: no token, no ``GITHUB_ENV`` to write to. What it prints
is shown with workflow commands switched off, because file names and code of the scanned repository are in it. Standard
library only; runs with ``python -I`` of the environment the linter is installed in.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PASSED_ON = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "XDG_CACHE_HOME"})
_CLEAN, _RESULTS, _UNTRUSTED = 0, 1, 2


def main() -> None:
    """Scan, and always succeed: the last step of the action decides about the job."""
    work = Path(sys.argv[1])
    plan = json.loads((work / "plan.json").read_text(encoding="utf-8"))
    with _commands_switched_off():
        code = _run(plan["arguments"])
        checks = [
            _run(check["arguments"], work / check["stdin"] if check["stdin"] else None) for check in plan["guard"]
        ]
    for name, wanted in (("annotations.txt", plan["annotate"]), ("guard.txt", plan["annotate_guard"])):
        if wanted and (work / name).exists():
            sys.stdout.write((work / name).read_text(encoding="utf-8"))
    _write_outputs(work, code, max([code, *checks]), plan)


def _run(arguments: list[str], stdin: Path | None = None) -> int:
    """Give the exit code; a linter that was killed has not said that all is well."""
    environment = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("BLUECODE_")
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    command = [sys.executable, "-I", "-m", "bluecode_lint", *arguments]
    with (stdin or Path(os.devnull)).open("rb") as given:
        code = subprocess.run(command, env=environment, stdin=given, check=False).returncode  # noqa: S603  # checked by plan.py; no shell
    return code if code in {_CLEAN, _RESULTS} else _UNTRUSTED


@contextmanager
def _commands_switched_off() -> Iterator[None]:
    token = secrets.token_hex(16)
    sys.stdout.write(f"::stop-commands::{token}\n")
    sys.stdout.flush()
    try:
        yield
    finally:
        # The line end before it: whatever was printed last may not have ended its line.
        sys.stdout.write(f"\n::{token}::\n")
        sys.stdout.flush()


def _write_outputs(work: Path, code: int, worst: int, plan: Mapping[str, Any]) -> None:
    sarif, report = work / "report.sarif", work / "report.json"
    counted: Mapping[str, Any] = {}
    if report.exists():
        counted = json.loads(report.read_text(encoding="utf-8"))["statistics"]
    # Code scanning closes the alerts that are missing from an upload, so half a scan must not be uploaded.
    upload = plan["upload"] and code != _UNTRUSTED and sarif.exists()
    values = {
        "exit-code": worst,
        "results": counted.get("results", 0),
        "confirmed": counted.get("confirmed", 0),
        "guard-results": sum(_results_in(work / check["report"]) for check in plan["guard"]) if plan["guard"] else "",
        "sarif-file": sarif if sarif.exists() else "",
        "json-file": report if report.exists() else "",
        "upload": "true" if upload else "false",
    }
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.writelines(f"{name}={value}\n" for name, value in values.items())


def _results_in(report: Path) -> int:
    if not report.exists():
        return 0
    return int(json.loads(report.read_text(encoding="utf-8"))["statistics"].get("results", 0))


if __name__ == "__main__":
    main()
