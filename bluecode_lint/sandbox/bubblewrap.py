"""Bubblewrap: the same lock-down inside namespaces of its own, where most of the machine does not even exist."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.sandbox.inside import kernel, lockdown
from bluecode_lint.sandbox.lanes import Lanes, Recipe, paths_of_ours

if TYPE_CHECKING:
    from bluecode_lint.core.model import ExecResult, Job

_HOME = "/scratch"


class BubblewrapSandbox:
    """Runs jobs in bubblewrap's namespaces: their own process ids, network, mounts, users and IPC.

    Args:
        preload: Modules of the standard library or of this package that warm Python jobs find imported already.
        abi: The version of Landlock to add inside; by default the kernel's, 0 for none.

    Raises:
        SandboxUnavailableError: There is no ``bwrap``.
    """

    level = "bubblewrap"

    def __init__(self, preload: tuple[str, ...] = (), abi: int | None = None) -> None:
        # The package from PyPI puts it beside the interpreter.
        program = shutil.which("bwrap") or shutil.which("bwrap", path=os.path.dirname(sys.executable))  # noqa: PTH120
        if program is None:
            message = "bwrap is not installed"
            raise SandboxUnavailableError(message, advice="It is the package bubblewrap of every distribution.")
        self._program = program
        self._ours = paths_of_ours(preload)
        available = kernel.landlock_abi()
        self.abi = available if abi is None else min(abi, available)
        self._lanes = Lanes(Recipe(wrap=self.command, home=_HOME, abi=self.abi, mounts=True, preload=preload))

    def exec(self, job: Job) -> ExecResult:
        """Run a job (see `core.protocols.Sandbox`)."""
        return self._lanes.exec(job)

    def close(self) -> None:
        """End the idle processes kept warm. The sandbox stays usable."""
        self._lanes.close()

    def command(self, readonly: tuple[str, ...]) -> list[str]:
        """Give the words that put a lane into namespaces in which only these paths exist.

        Not ``--die-with-parent``: a lane's parent is the thread that started it, which may end sooner. A lane ends when
        its pipe does, and its process namespace with it.
        """
        words = [self._program, "--unshare-all", "--cap-drop", "ALL", "--hostname", "sandbox", "--as-pid-1"]
        # The warden needs /proc. To root, even one without capabilities, the kernel's settings in it are writable.
        words += ["--proc", "/proc", "--remount-ro", "/proc"]
        for path in outermost(*lockdown.SYSTEM, *lockdown.interpreter_paths(), *self._ours, *readonly):
            words += ["--ro-bind-try", path, path]
        for path in (*lockdown.BOTTOMLESS, *lockdown.SOURCES_OF_BYTES):
            words += ["--dev-bind-try", path, path]
        # The root itself is a file system in memory, which would outlast a job: nothing may be written there.
        return [*words, "--tmpfs", _HOME, "--remount-ro", "/", "--chdir", "/", "--"]


def outermost(*paths: str) -> list[str]:
    """Drop each path that lies in another one: what is mounted with its parent cannot be mounted again."""
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(parent.rstrip("/") + "/") for parent in kept):
            kept.append(path)
    return kept
