"""Lanes: bare interpreters on the other side of the wall, each of which runs one job at a time.

A lane is started once and used many times (`inside.zygote`); as many exist as jobs run at once. A backend is a recipe
for a lane's command line: what stands around the interpreter is all that differs.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import ExecResult
from bluecode_lint.sandbox.inside import scratch, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluecode_lint.core.model import Job

_START_S = 60.0
_GRACE_S = 30.0
"""How long beyond its limit a job may take to start (after the last one's cleaning) and to end, before we give up."""
_LEAVE_S = 20.0
_MOST_IDLE = 4
_REMOVALS, _REMOVAL_PAUSE_S = 20, 0.1

_PIECE = 1 << 16

INSIDE = Path(__file__).parent / "inside"
_PACKAGE_ROOT = Path(__file__).parents[2]
_BOOT = "import sys; sys.path.insert(0, {root!r}); from inside.zygote import main; del sys.path[0]; main()"


def paths_of_ours(preload: tuple[str, ...]) -> tuple[str, ...]:
    """Give what a lane itself has to read of ours, where not everything is there to be read."""
    return (str(_PACKAGE_ROOT / __name__.partition(".")[0]),) if preload else (str(INSIDE),)


def _bare(_readonly: tuple[str, ...]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start a lane.

    Attributes:
        wrap: From what a lane's jobs may read, the words to put before the interpreter's.
        home: The directory for scratch directories, on the other side only; by default a new one of the host's.
        abi: Landlock's version to rely on; 0 where other walls stand around the files.
        mounts: Whether ``wrap`` fixes what jobs may read, so that a lane serves one set of paths only.
        preload: Modules that every warm Python job finds imported already.
        interpreter: The interpreter as it is called on the other side.
        inside: The directory of `sandbox` as it is called on the other side.
        environment: The variables ``wrap`` itself needs; nothing of them reaches a job.
    """

    wrap: Callable[[tuple[str, ...]], Sequence[str]] = _bare
    home: str = ""
    abi: int = 0
    mounts: bool = False
    preload: tuple[str, ...] = ()
    interpreter: str = sys.executable
    inside: str = str(INSIDE.parent)
    environment: tuple[tuple[str, str], ...] = ()


class _Lane:
    """One interpreter on the other side, and the pipes to it."""

    def __init__(self, recipe: Recipe, readonly: tuple[str, ...]) -> None:
        self.readonly = readonly
        self._owner = os.getpid()
        self._home = "" if recipe.home else tempfile.mkdtemp(prefix="bluecode-")
        boot = [recipe.interpreter, "-I", "-c", _BOOT.format(root=recipe.inside)]
        arguments = [recipe.home or self._home, str(recipe.abi), str(_PACKAGE_ROOT), *recipe.preload]
        with tempfile.TemporaryFile() as complaints:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # our own words, no shell
                    [*recipe.wrap(readonly), *boot, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=dict(recipe.environment),
                    cwd="/",
                    bufsize=0,
                    start_new_session=True,  # a Ctrl-C at the terminal is ours to act on
                )
            except OSError as error:
                self._remove_home()
                message = f"the sandbox does not start: {error}"
                raise SandboxUnavailableError(message) from error
            self._stdin = cast("IO[bytes]", self._process.stdin)
            self._stdout = cast("IO[bytes]", self._process.stdout)
            self._orders, self._reports = self._stdin.fileno(), self._stdout.fileno()
            os.set_blocking(self._orders, False)
            try:
                self._read(len(wire.READY), time.monotonic() + _START_S)
            except BaseException as error:
                self.close()
                if not isinstance(error, wire.HangUpError):
                    raise
                complaints.seek(0)
                said = complaints.read(_PIECE).decode(errors="replace").strip()
                message = f"the sandbox does not start: {said or 'it ended at once'}"
                raise SandboxUnavailableError(message) from error

    @property
    def alive(self) -> bool:
        """Tell whether the interpreter still runs and listens."""
        poller = select.poll()
        poller.register(self._reports, 0)
        return not poller.poll(0) and self._process.poll() is None

    def run(self, order: wire.Order) -> wire.Report:
        """Have one job run.

        Raises:
            HangUpError: The lane died or does not answer any more.
        """
        deadline = time.monotonic() + order.caps.wall_s + _GRACE_S
        self._write(wire.pack_order(order), deadline)
        return wire.read_report(lambda size: self._read(size, deadline))

    def close(self) -> None:
        """Hang up: the zygote and its wardens end what runs, clean up and leave."""
        if os.getpid() != self._owner:
            return  # a fork of the owner has copies of the pipes and nothing to say
        self._stdin.close()
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        finally:
            self._stdout.close()
            self._remove_home()

    def _remove_home(self) -> None:
        """Remove the directory, in case the zygote could not: it was killed, or never lived."""
        for _ in range(_REMOVALS):
            if not self._home or not os.path.exists(self._home):  # noqa: PTH110
                return
            try:
                scratch.clear(self._home)
                os.rmdir(self._home)  # noqa: PTH106
            except OSError:
                time.sleep(_REMOVAL_PAUSE_S)  # a warden that has just lost its zygote is removing the same

    def _write(self, message: bytes, deadline: float) -> None:
        rest = memoryview(message)
        while rest:
            self._await(self._orders, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(self._orders, rest[:_PIECE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise wire.HangUpError from None

    def _read(self, size: int, deadline: float) -> bytes:
        pieces = []
        while size:
            self._await(self._reports, select.POLLIN, deadline)
            piece = os.read(self._reports, min(size, _PIECE))
            if not piece:
                raise wire.HangUpError
            pieces.append(piece)
            size -= len(piece)
        return b"".join(pieces)

    @staticmethod
    def _await(descriptor: int, event: int, deadline: float) -> None:
        poller = select.poll()
        poller.register(descriptor, event)
        if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise wire.HangUpError


class Lanes:
    """All lanes of one backend. Safe to use from several threads at once."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._idle: list[_Lane] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()
        # Also at the interpreter's exit: an idle lane would end by itself then, but after us.
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def exec(self, job: Job) -> ExecResult:
        """Run a job in a lane of its own.

        Raises:
            SandboxUnavailableError: It could not be started, or its lane was lost.
            ValueError: The job names a file outside its scratch directory, or has no program.
        """
        order = _order_from_job(job)
        lane = self._take(order.readonly if self._recipe.mounts else ())
        try:
            report = lane.run(order)
        except BaseException as error:
            # A lane with a job in it that nobody waits for serves no one else.
            lane.close()
            if not isinstance(error, wire.HangUpError):
                raise
            message = "the sandbox died with a job in it"
            raise SandboxUnavailableError(message) from error
        self._give_back(lane)
        if report.fault:
            message = f"the job could not be run: {report.fault}"
            raise SandboxUnavailableError(message)
        return _result_from_report(report)

    def close(self) -> None:
        """End all idle lanes. One that is in use ends with its job."""
        with self._lock:
            idle, self._idle[:] = list(self._idle), []
        _close_all(idle)

    def _take(self, readonly: tuple[str, ...]) -> _Lane:
        stale = []
        with self._lock:
            if self._owner != os.getpid():
                # After a fork, the lanes are our parent's.
                self._owner, self._idle[:] = os.getpid(), []
            lane = None
            for candidate in reversed(self._idle):
                if not candidate.alive:
                    stale.append(candidate)
                elif candidate.readonly == readonly:
                    lane = candidate
                    break
            self._idle[:] = [each for each in self._idle if each is not lane and each not in stale]
        _close_all(stale)
        return lane or _Lane(self._recipe, readonly)

    def _give_back(self, lane: _Lane) -> None:
        with self._lock:
            self._idle.append(lane)
            surplus = self._idle[:-_MOST_IDLE]
            del self._idle[:-_MOST_IDLE]
        _close_all(surplus)


def _close_all(lanes: list[_Lane]) -> None:
    for lane in lanes:
        lane.close()


def _order_from_job(job: Job) -> wire.Order:
    if not job.argv:
        message = "a job needs a program"
        raise ValueError(message)
    for name in (*job.files, *job.collect):
        scratch.components(name)
    for path in job.readonly:
        if not os.path.isabs(path):  # noqa: PTH117
            message = f"not an absolute path: {path!r}"
            raise ValueError(message)
    limits = job.limits
    caps = wire.Caps(*(getattr(limits, name) for name in wire.Caps._fields))
    return wire.Order(
        argv=tuple(job.argv),
        is_python=job.argv[0] == sys.executable,
        env=job.env,
        readonly=tuple(sorted(set(job.readonly))),
        collect=tuple(job.collect),
        caps=caps,
        stdin=job.stdin,
        files=job.files,
    )


def _result_from_report(report: wire.Report) -> ExecResult:
    return ExecResult(
        returncode=report.returncode,
        stdout=report.stdout,
        stderr=report.stderr,
        wall_s=report.wall_s,
        timed_out=report.exceeded == "wall",
        output_truncated=report.output_truncated,
        files=report.files,
        exceeded=report.exceeded,
    )
