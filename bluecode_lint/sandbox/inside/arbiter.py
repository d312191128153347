"""Answers what the filter cannot decide from registers alone (``SECCOMP_RET_USER_NOTIF``).

A caller that waits for an answer can still change the memory its pointers refer to. So a call with a path is never
waved through: the arbiter reads the path once, resolves it itself, and does the work itself on what it found, if that
lies in the scratch directory. Only calls decided by registers alone are continued.
"""

from __future__ import annotations

import fcntl
import os
import struct
import time
from errno import EAGAIN, EBADF, EFAULT, EINVAL, ENAMETOOLONG, EPERM, ESRCH
from typing import TYPE_CHECKING

from . import kernel, tree
from .filter import HANDLER_CALL, MODE_CALLS, PROCESS_CALLS, SIGNAL_CALLS, TIME_CALLS
from .numbers import NUMBERS
from .scratch import is_beneath

if TYPE_CHECKING:
    from collections.abc import Callable

# SECCOMP_IOCTL_NOTIF_RECV, _SEND and _ID_VALID of linux/seccomp.h, for the sizes of struct seccomp_notif and _resp.
_NOTIFICATION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_RECEIVE = 0xC0502100
_SEND = 0xC0182101
_ID_VALID = 0x40082102
_CONTINUE = 1

_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_EMPTY_PATH = 0x1000
_PATH_MAX = 4096
_TIMESPECS = 32
_MODE_BITS = 0o1777
"""Permissions and the sticky bit: no set-user-ID file, not even in a directory nobody else can enter."""

_SETTLE_S = 0.1
"""How long to wait for tasks that were granted and have not started, before they count against the next one."""
_LONGEST_FORK_NS = 20_000_000
# The kernel's struct sigaction, as far as its flags, and SA_RESTART of asm-generic/signal.h.
_SIGACTION = struct.Struct("=QQ")
_SA_RESTART = 0x10000000
_SIG_IGN = 1

_NAMES = {
    NUMBERS[n]: n for n in (HANDLER_CALL, *PROCESS_CALLS, *MODE_CALLS, *TIME_CALLS, *SIGNAL_CALLS) if n in NUMBERS
}


class Arbiter:
    """Decides the questions of one job's filter.

    Args:
        listener: The filter's descriptor; closing it forbids the job any further process.
        scratch: The real path of the job's scratch directory.
        most_tasks: How many processes and threads may be alive at once.
        reap: Collects the dead, who would be counted otherwise.
    """

    def __init__(self, listener: int, scratch: str, most_tasks: int, reap: Callable[[], None]) -> None:
        self.listener = listener
        self._scratch = scratch
        self._most_tasks = most_tasks
        self._reap = reap
        self._at_most = 1
        self._granted: list[_Grant] = []

    def close(self) -> None:
        """Answer nothing any more: whoever asks is refused by the kernel."""
        if self.listener >= 0:
            os.close(self.listener)
            self.listener = -1

    def answer(self) -> None:
        """Take one question and answer it."""
        buffer = bytearray(_NOTIFICATION.size)
        try:
            fcntl.ioctl(self.listener, _RECEIVE, buffer)
        except FileNotFoundError:
            return  # who asked has been killed meanwhile
        identity, tid, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
        error = self._decide(identity, tid, _NAMES[number], arguments)
        # None continues the call; 0 says it has been done.
        flags = _CONTINUE if error is None else 0
        try:
            fcntl.ioctl(self.listener, _SEND, _ANSWER.pack(identity, 0, -(error or 0), flags))
        except FileNotFoundError:
            return

    def _decide(self, identity: int, tid: int, name: str, arguments: list[int]) -> int | None:
        try:
            if name in PROCESS_CALLS:
                return None if self._has_room(tid) else EAGAIN
            if name in SIGNAL_CALLS:
                return self._signal(tid, name, arguments)
            caller = _Caller(self.listener, identity, tid)
            if name == HANDLER_CALL:
                self._restart_after(caller, arguments[1])
                return None
            return self._change(caller, name, arguments)
        except OSError as error:
            return error.errno or EPERM

    def _has_room(self, tid: int) -> bool:
        """Tell whether one more task may start."""
        if self._at_most >= self._most_tasks:
            self._at_most = self._count()
        if self._at_most >= self._most_tasks:
            return False
        self._at_most += 1
        self._granted.append(_Grant(tid))
        return True

    def _count(self) -> int:
        """Count the tasks that live, and those that were granted and may still be about to start."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            self._reap()
            # In this order: who started meanwhile is counted among the living.
            self._granted = [grant for grant in self._granted if not grant.is_settled()]
            count = tree.count_tasks(os.getpid()) + len(self._granted)
            if count < self._most_tasks or not self._granted or time.monotonic() > deadline:
                return count
            time.sleep(_SETTLE_S / 20)

    @staticmethod
    def _restart_after(caller: _Caller, pointer: int) -> None:
        """Have calls restarted after the signal whose handler is being set.

        A child's death may come while its parent waits for our leave to start the next one. The kernel then ends the
        call with EINTR, which fork(2) never does by itself: dash gives its pipeline up. The handler is not changed.
        """
        action = caller.read(pointer, _SIGACTION.size)
        handler, flags = _SIGACTION.unpack(action)
        if handler > _SIG_IGN and not flags & _SA_RESTART:
            caller.write(pointer, _SIGACTION.pack(handler, flags | _SA_RESTART))

    @staticmethod
    def _signal(tid: int, name: str, arguments: list[int]) -> int | None:
        """Let a job signal itself and its own: one process or one of its groups, never all."""
        target = _signed(arguments[0])
        own = tree.descendants(os.getpid())
        if name != "kill":
            target = _thread_group(target)
        elif target == 0:
            return None  # the caller's group, which is in the job's own session
        elif target < 0:
            target = -target if target < -1 else 0
            members = [pid for pid in own if _group(pid) == target]
            return None if members else EPERM
        return None if target in own or target == _thread_group(tid) else EPERM

    def _change(self, caller: _Caller, name: str, arguments: list[int]) -> int:
        """Change a mode or a time, in the scratch directory only."""
        if name == "fchmod":
            where, pointer, flags, mode = _signed(arguments[0]), 0, 0, arguments[1]
        elif name == "chmod":
            where, pointer, flags, mode = _AT_FDCWD, arguments[0], 0, arguments[1]
        else:
            where, pointer, mode = _signed(arguments[0]), arguments[1], arguments[2]
            flags = 0 if name == "fchmodat" else arguments[3] & 0xFFFFFFFF
        if flags & ~(_AT_SYMLINK_NOFOLLOW | _AT_EMPTY_PATH):
            return EINVAL
        times = None
        if name in TIME_CALLS and arguments[2]:
            times = caller.read(arguments[2], _TIMESPECS)
        target = self._open(caller, where, pointer, flags)
        try:
            if not is_beneath(self._scratch, target):
                return EPERM
            path = f"/proc/self/fd/{target}"
            if name in TIME_CALLS:
                kernel.syscall("utimensat", _AT_FDCWD, os.fsencode(path), times, 0)
            else:
                os.chmod(path, mode & _MODE_BITS)  # noqa: PTH101
        finally:
            os.close(target)
        return 0

    @staticmethod
    def _open(caller: _Caller, where: int, pointer: int, flags: int) -> int:
        """Open what the call names, without looking into it."""
        path = caller.read_path(pointer) if pointer else b""
        if not path:
            if pointer and not flags & _AT_EMPTY_PATH:
                raise FileNotFoundError(2, "empty path")
            return caller.descriptor(where)
        base = caller.directory() if where == _AT_FDCWD else caller.descriptor(where)
        try:
            nofollow = os.O_NOFOLLOW if flags & _AT_SYMLINK_NOFOLLOW else 0
            return os.open(path, os.O_PATH | os.O_CLOEXEC | nofollow, dir_fd=base)
        finally:
            os.close(base)


class _Grant:
    """The leave of one thread to start another, from now until it must have used it."""

    def __init__(self, tid: int) -> None:
        self._tid = tid
        self._ran_ns = self._run_time_ns()

    def is_settled(self) -> bool:
        """Tell whether the thread is past its call: it is gone, waits for something, or ran for long enough.

        A thread that is only waiting for a processor may still be about to start what it was granted.
        """
        try:
            with open(f"/proc/{self._tid}/stat", "rb") as line:  # noqa: PTH123
                state = line.read().rpartition(b")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state != b"R" or self._run_time_ns() - self._ran_ns > _LONGEST_FORK_NS

    def _run_time_ns(self) -> int:
        try:
            with open(f"/proc/{self._tid}/schedstat", "rb") as line:  # noqa: PTH123
                return int(line.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            return 0  # gone, or a kernel that does not tell: then a busy thread settles when it rests


class _Caller:
    """The thread that waits for an answer, as seen through /proc."""

    def __init__(self, listener: int, identity: int, tid: int) -> None:
        self._listener = listener
        self._identity = identity
        self._tid = tid

    def read(self, address: int, size: int) -> bytes:
        """Read ``size`` bytes of its memory."""
        with open(f"/proc/{self._tid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123
            # Between the question and our opening, the thread may have died and its number been given away.
            fcntl.ioctl(self._listener, _ID_VALID, struct.pack("=Q", self._identity))
            try:
                memory.seek(address)
                return memory.read(size) or b""
            except (OSError, OverflowError):
                raise OSError(EFAULT, "unreadable address") from None

    def write(self, address: int, data: bytes) -> None:
        """Change its memory, where it could do so itself."""
        fcntl.ioctl(self._listener, _ID_VALID, struct.pack("=Q", self._identity))
        kernel.write_memory(self._tid, address, data)

    def read_path(self, address: int) -> bytes:
        """Read a path: up to its NUL, which need not be far from an unmapped page."""
        path = b""
        while b"\0" not in path:
            if len(path) >= _PATH_MAX:
                raise OSError(ENAMETOOLONG, "path too long")
            piece = self.read(address + len(path), 256 - (address + len(path)) % 256)
            if not piece:
                raise OSError(EFAULT, "unreadable address")
            path += piece
        return path.partition(b"\0")[0]

    def directory(self) -> int:
        """Open its working directory."""
        return os.open(f"/proc/{self._tid}/cwd", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def descriptor(self, number: int) -> int:
        """Open what one of its descriptors is open on, without looking into it."""
        try:
            return os.open(f"/proc/{self._tid}/fd/{number}", os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            raise OSError(EBADF, "bad descriptor") from None


def _signed(value: int) -> int:
    """Read a register as the C int it holds."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def _thread_group(tid: int) -> int:
    try:
        with open(f"/proc/{tid}/status", encoding="utf-8") as lines:  # noqa: PTH123
            return next(int(line.split()[1]) for line in lines if line.startswith("Tgid:"))
    except (FileNotFoundError, ProcessLookupError):
        raise OSError(ESRCH, "no such thread") from None


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
