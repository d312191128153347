"""The default backend: Landlock for files, seccomp for calls, rlimits and a warden for amounts. No privilege needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.sandbox.inside import kernel
from bluecode_lint.sandbox.inside.numbers import AUDIT_ARCH
from bluecode_lint.sandbox.lanes import Lanes, Recipe

if TYPE_CHECKING:
    from bluecode_lint.core.model import ExecResult, Job


class LandlockSandbox:
    """Runs jobs in the host's own view of the system, of which a job may touch next to nothing.

    Args:
        preload: Modules of the standard library or of this package that warm Python jobs find imported already.
        abi: Rely on no more than this version of Landlock; by default, on what the kernel has.

    Raises:
        SandboxUnavailableError: The kernel has no Landlock, or we do not know its system calls.
    """

    level = "landlock"

    def __init__(self, preload: tuple[str, ...] = (), abi: int | None = None) -> None:
        available = kernel.landlock_abi()
        if not AUDIT_ARCH or not available:
            message = "this kernel has no Landlock" if AUDIT_ARCH else "unknown processor architecture"
            raise SandboxUnavailableError(message, advice="Linux 5.13 or newer on x86-64 or 64-bit ARM has it.")
        self.abi = min(available, abi or available)
        self._lanes = Lanes(Recipe(abi=self.abi, preload=preload))

    def exec(self, job: Job) -> ExecResult:
        """Run a job (see `core.protocols.Sandbox`)."""
        return self._lanes.exec(job)

    def close(self) -> None:
        """End the idle processes kept warm. The sandbox stays usable."""
        self._lanes.close()
