"""Whether a sandbox holds: found out by trying to get out of it, not by asking for versions."""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Job, Limits

if TYPE_CHECKING:
    from bluecode_lint.core.protocols import Sandbox

_INTRUDER = Path(__file__).with_name("intruder.py")
_LIMITS = Limits(wall_s=10.0)


def find_holes(sandbox: Sandbox) -> tuple[str, ...]:
    """Let an intruder loose in ``sandbox``, and name what it managed to do.

    Raises:
        SandboxUnavailableError: The sandbox ran nothing, so that nothing is known of it.
    """
    mark = f"intruder-{secrets.token_hex(8)}"
    with tempfile.TemporaryDirectory(prefix="bluecode-") as foreign:
        secret = Path(foreign, "secret")
        secret.write_text(mark, encoding="utf-8")
        secret.chmod(0o600)
        job = Job(
            argv=(sys.executable, "-I", "intruder.py", str(secret), foreign, str(os.getpid()), mark),
            files={"intruder.py": _INTRUDER.read_bytes()},
            limits=_LIMITS,
        )
        result = sandbox.exec(job)
    *holes, last = result.stdout.decode(errors="replace").splitlines() or [""]
    if result.returncode != 0 or last != "done":
        said = result.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        message = f"the self-test did not run in the {sandbox.level} sandbox: {said or result.returncode}"
        raise SandboxUnavailableError(message)
    if _is_running(mark):
        holes.append("outlive the job")
    return tuple(holes)


def _is_running(mark: str) -> bool:
    """Look for a process with ``mark`` among its arguments."""
    for process in Path("/proc").iterdir():
        # Gone meanwhile, or none of ours to look at.
        with suppress(OSError):
            if process.name.isdigit() and mark.encode() in (process / "cmdline").read_bytes():
                return int(process.name) != os.getpid()
    return False
