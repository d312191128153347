"""Which backend to use: the first that holds, tried by trying to break out; never a weaker one than asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bluecode_lint.core.errors import SandboxUnavailableError, UsageError
from bluecode_lint.sandbox.landlock import LandlockSandbox
from bluecode_lint.sandbox.selftest import find_holes

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluecode_lint.core.protocols import Sandbox


class _Maker(Protocol):
    def __call__(self, preload: tuple[str, ...] = ()) -> Sandbox: ...


@dataclass(frozen=True, slots=True)
class _Backend:
    make: _Maker
    stops: str
    cannot_stop: str
    advice: str


# From the weakest to the strongest; the first that is strong enough and holds is taken, for it is also the quickest.
_BACKENDS = {
    "landlock": _Backend(
        LandlockSandbox,
        stops="files, network, other processes, privileges, and every limit",
        cannot_stop="asking whether a path exists outside, its size and times, and where a symbolic link points",
        advice="needs Linux 5.13 or newer with Landlock enabled (lsm=landlock,...) on x86-64 or 64-bit ARM",
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


def open_sandbox(level: str | None = None, preload: tuple[str, ...] = ()) -> Sandbox | None:
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
        statuses.append(
            BackendStatus(level, sandbox is not None, detail, backend.stops, backend.cannot_stop, backend.advice)
        )
    return tuple(statuses)


def _try(make: Callable[[tuple[str, ...]], Sandbox], preload: tuple[str, ...]) -> tuple[Sandbox | None, str]:
    """Make a sandbox and break out of it. Give it if that failed, else None and why."""
    try:
        sandbox = make(preload)
        holes = find_holes(sandbox)
    except SandboxUnavailableError as error:
        return None, str(error)
    if holes:
        return None, f"it does not hold: a job could {', '.join(holes)}"
    return sandbox, ""
