"""Run an external tool: found outside the scanned project, in an empty environment, for a limited time."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import AnalyzerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """What a tool said. ``returncode`` is None when it was killed for taking too long."""

    returncode: int | None
    stdout: bytes
    stderr: bytes

    @property
    def complaint(self) -> str:
        """Give the last words on stderr, for a message."""
        lines = self.stderr.decode("utf-8", errors="replace").strip().splitlines()
        said = lines[-1].strip()[:300] if lines else "it said nothing"
        return f"exit {self.returncode}: {said}"


def find_executable(name: str) -> Path:
    """Find a tool beside the running interpreter, then on ``PATH``.

    Raises:
        AnalyzerUnavailableError: It is in neither place.
    """
    beside = Path(sys.executable).parent / name
    if beside.is_file() and os.access(beside, os.X_OK):
        return beside
    on_path = shutil.which(name)
    if on_path is None:
        message = f"{name} is not installed"
        raise AnalyzerUnavailableError(message, advice=f"install it beside bluecode-lint: pip install {name}")
    return Path(on_path)


def tool_version(executable: Path, *options: str, timeout_s: float = 60.0) -> str:
    """Give the version number a tool prints for ``--version`` and ``options``.

    Raises:
        AnalyzerUnavailableError: It does not start or prints none.
    """
    with tempfile.TemporaryDirectory(prefix="bluecode-") as scratch:
        output = run_tool((str(executable), "--version", *options), Path(scratch), timeout_s=timeout_s)
    words = output.stdout.decode("utf-8", errors="replace").split()
    found = next((word for word in words if word[:1].isdigit()), "")
    if output.returncode != 0 or not found:
        message = f"{executable} does not start ({output.complaint})"
        raise AnalyzerUnavailableError(message, advice=f"reinstall it: pip install --force-reinstall {executable.name}")
    return found


def run_tool(
    argv: Sequence[str], directory: Path, *, timeout_s: float, env: Mapping[str, str] | None = None
) -> ToolOutput:
    """Run a tool in ``directory`` in a process group of its own and wait for it.

    Its environment is ``env`` and a system ``PATH``, its home the directory, its stdin empty. After ``timeout_s``
    seconds, or when this process is interrupted, the whole group is killed.

    Raises:
        AnalyzerUnavailableError: It could not be started at all.
    """
    surroundings = {"PATH": SYSTEM_PATH, "HOME": str(directory), "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", **(env or {})}
    try:
        process = subprocess.Popen(  # noqa: S603  # our own argument list, no shell
            list(argv),
            cwd=directory,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        message = f"{argv[0]} does not start: {error.strerror or error}"
        raise AnalyzerUnavailableError(message) from error
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        return ToolOutput(None, b"", b"")
    except BaseException:
        _kill_group(process)
        raise
    return ToolOutput(process.returncode, stdout, stderr)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it may have ended by itself in the meantime
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
