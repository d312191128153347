"""Runs one job: starts it locked down, watches over it, ends it, and reports.

A warden is a process of its own, forked from the zygote for this one job, so that nothing of an earlier job is in its
memory or its child's.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

from . import kernel, lockdown, program, scratch, tree
from .arbiter import Arbiter
from .wire import Order, Report

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_WATCH_S = 0.05
_CHUNK = 1 << 16
_DRAIN_S = 0.5


class StoppedError(Exception):
    """Whoever wants the job's result is gone."""


class JobFaultError(Exception):
    """The job could not be started as ordered."""


class _Streams:
    """A job's three standard streams, seen from outside: input is fed, output is kept up to a limit.

    A job that writes more is not stopped: the rest is read and dropped.
    """

    def __init__(self, stdin: bytes, most_output: int) -> None:
        self.theirs, self.ours = zip(*(os.pipe(), os.pipe()[::-1], os.pipe()[::-1]), strict=True)
        self._unsent = memoryview(stdin)
        self._kept = {descriptor: bytearray() for descriptor in self.ours[1:]}
        self._room = most_output
        self.truncated = False

    def hold_ours(self) -> None:
        """Close the job's ends, and never wait at ours."""
        for descriptor in self.theirs:
            os.close(descriptor)
        for descriptor in self.ours:
            os.set_blocking(descriptor, False)

    def register(self, poller: select.poll) -> None:
        """Ask to be told when a stream can go on."""
        poller.register(self.ours[0], select.POLLOUT)
        for descriptor in self.ours[1:]:
            poller.register(descriptor, select.POLLIN)

    def advance(self, descriptor: int) -> bool:
        """Move what can be moved. Tell whether the stream is still open."""
        try:
            if descriptor != self.ours[0]:
                return self._keep(descriptor, os.read(descriptor, _CHUNK))
            self._unsent = self._unsent[os.write(descriptor, self._unsent[:_CHUNK]) if self._unsent else 0 :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._unsent = self._unsent[:0]  # it does not want its input: its right
        if not self._unsent:
            os.close(descriptor)
        return bool(self._unsent)

    def drain(self) -> None:
        """Read what the dead have left in the pipes."""
        deadline = time.monotonic() + _DRAIN_S
        for descriptor in self.ours[1:]:
            try:
                while self._keep(descriptor, os.read(descriptor, _CHUNK)) and time.monotonic() < deadline:
                    pass
            except BlockingIOError:
                continue

    @property
    def output(self) -> tuple[bytes, bytes]:
        """Give what was kept of standard output and of standard error."""
        out, error = self._kept.values()
        return bytes(out), bytes(error)

    def _keep(self, descriptor: int, data: bytes) -> bool:
        self._kept[descriptor] += data[: self._room]
        self.truncated = self.truncated or len(data) > self._room
        self._room = max(0, self._room - len(data))
        return bool(data)


class Warden:
    """Guards one job.

    Args:
        order: What to run.
        home: The directory to make the scratch directory in. It must be ours alone, and all in it goes with the job.
        abi: Landlock's version to rely on (see `lockdown.Cell`).
        lifeline: A descriptor that hangs up when the one who gave the order is gone.
    """

    def __init__(self, order: Order, home: str, abi: int, lifeline: int) -> None:
        self._order = order
        self._lifeline = lifeline
        self._home = os.path.realpath(home)
        self._scratch = self._home + "/job"
        self._cell = lockdown.Cell(self._scratch, order.readonly, order.caps, abi)
        self._streams = _Streams(order.stdin, order.caps.output_bytes)
        self._arbiter: Arbiter | None = None
        self._door = -1
        self._pid = 0
        self._status: int | None = None
        self._started = 0.0
        self._device = 0

    def start(self) -> Callable[[], None] | None:
        """Fork the job.

        Returns:
            In the job's own process, which is locked down by then, what it is to run; None in the warden.
        """
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        os.mkdir(self._scratch, 0o700)  # noqa: PTH102
        self._device = os.stat(self._scratch).st_dev  # noqa: PTH116
        scratch.fill(self._scratch, self._order.files)
        self._door, theirs = kernel.channel()
        warden = os.getpid()
        self._started = time.monotonic()
        self._pid = os.fork()
        if not self._pid:
            return self._become_job(warden, theirs)
        self._streams.hold_ours()
        os.close(theirs)
        return None

    def _become_job(self, warden: int, door: int) -> Callable[[], None]:
        """Turn the fork into the job. It ends if that fails: a half-locked process must not live on."""
        try:
            lockdown.begin(warden, self._streams.theirs, door)
            listener = lockdown.lock(self._cell)
            kernel.send_descriptor(door, listener)
            os.close(listener)
            lockdown.bolt()
            os.environ.clear()
            os.environ.update(self._order.env)
            argv = self._order.argv
            if self._order.is_python:
                argv = (sys.executable, *argv[1:])
            if not (self._order.is_python and program.is_warm(argv)):
                program.replace(argv)
            os.close(door)
        except BaseException as error:  # noqa: BLE001  # whatever it is, the warden is told
            try:
                os.write(door, f"{type(error).__name__}: {error}".encode(errors="replace"))
            finally:
                os._exit(126)
        return program.warm(argv)

    def finish(self) -> Report:
        """Watch over the job to its end, and leave no process of it behind. Its files are there until `clean`.

        Raises:
            StoppedError: Nobody wants the report any more.
            JobFaultError: A process of the job could not be killed.
        """
        exceeded = fault = ""
        try:
            self._arbiter = self._open_door()
            exceeded = self._watch(self._arbiter)
        except JobFaultError as error:
            fault = str(error)
        finally:
            wall_s = time.monotonic() - self._started
            self._end()
        self._streams.drain()
        most = self._cell.caps.scratch_mib * lockdown.MIB
        files, cut = scratch.collect(self._scratch, self._order.collect, most)
        stdout, stderr = self._streams.output
        return Report(
            returncode=None if exceeded == "wall" else self._returncode(),
            wall_s=wall_s,
            exceeded=exceeded or self._cpu_exceeded(),
            output_truncated=self._streams.truncated or cut,
            stdout=stdout,
            stderr=stderr,
            files=files,
            fault=fault,
        )

    def clean(self) -> None:
        """Remove all the job left in its directory."""
        scratch.clear(self._home)

    def reap(self) -> None:
        """Collect those who have ended, and remember how the job did."""
        status = tree.reap(self._pid)
        if status is not None:
            self._status = status

    def _open_door(self) -> Arbiter:
        """Wait until the job is locked down, and take over its filter's questions."""
        said, listener = kernel.receive_descriptor(self._door, _CHUNK)
        if listener < 0:
            raise JobFaultError(said.decode(errors="replace") or "the job's process ended before it was locked down")
        return Arbiter(listener, self._scratch, self._cell.caps.processes, self.reap)

    def _watch(self, arbiter: Arbiter) -> str:
        """Serve the job until it ends, and give the limit that ended it, or nothing.

        Raises:
            JobFaultError: The program cannot be executed.
            StoppedError: The lifeline hung up.
        """
        poller = select.poll()
        ended = os.pidfd_open(self._pid)
        poller.register(ended, select.POLLIN)
        poller.register(self._lifeline, 0)
        poller.register(self._door, select.POLLIN)
        poller.register(arbiter.listener, select.POLLIN)
        self._streams.register(poller)
        deadline = self._started + self._cell.caps.wall_s
        measured = self._started
        while self._status is None:
            now = time.monotonic()
            if now >= deadline:
                return "wall"
            if now - measured >= _WATCH_S:
                if exceeded := self._measure():
                    return exceeded
                measured = time.monotonic()
            for descriptor, event in poller.poll(1000 * min(_WATCH_S, deadline - now) + 1):
                if not self._serve(arbiter, descriptor, event):
                    poller.unregister(descriptor)
        return ""

    def _serve(self, arbiter: Arbiter, descriptor: int, event: int) -> bool:
        """Do what a descriptor asks for. Tell whether to go on listening to it."""
        if descriptor == self._lifeline:
            raise StoppedError
        if descriptor in self._streams.ours:
            return self._streams.advance(descriptor)
        if descriptor == self._door:
            return self._hear_of_exec()
        if descriptor == arbiter.listener:
            if event & select.POLLIN:
                arbiter.answer()
            return bool(event & select.POLLIN)
        self.reap()
        return True

    def _hear_of_exec(self) -> bool:
        said = os.read(self._door, _CHUNK)
        if said:
            raise JobFaultError(said.decode(errors="replace"))
        return False  # closed by a successful exec

    def _measure(self) -> str:
        """Give the limit that all of the job's processes together exceed, or nothing."""
        self.reap()
        caps = self._cell.caps
        me = os.getpid()
        memory = caps.memory_mib * lockdown.MIB
        if tree.memory_bytes(me, memory) > memory:
            return "memory"
        size, entries = scratch.measure(self._home, caps.scratch_files)
        if entries > caps.scratch_files:
            return "files"
        if size + tree.unlinked_bytes(me, self._device) > caps.scratch_mib * lockdown.MIB:
            return "disk"
        return ""

    def _end(self) -> None:
        self.reap()
        if self._arbiter is not None:
            self._arbiter.close()
        if not tree.end(os.getpid()):
            message = "a process of the job could not be killed"
            raise JobFaultError(message)

    def _returncode(self) -> int:
        return -signal.SIGKILL if self._status is None else os.waitstatus_to_exitcode(self._status)

    def _cpu_exceeded(self) -> str:
        """Tell a job that the kernel stopped for its time from one that was killed for anything else."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        over = used.ru_utime + used.ru_stime >= self._cell.caps.cpu_s
        returncode = self._returncode()
        return "cpu" if returncode == -signal.SIGXCPU or (over and returncode == -signal.SIGKILL) else ""


def stop(_signal: int, _frame: FrameType | None) -> None:
    """Unwind on a signal, so that the job is ended and its directory removed."""
    raise StoppedError
