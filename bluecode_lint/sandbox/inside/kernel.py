"""The kernel calls that Python's standard library does not offer, through libc.

Nothing here decides anything: each function is one system call, raising `OSError` when it fails.
"""

from __future__ import annotations

import ctypes
import os
import struct
from errno import EINVAL

from .numbers import NUMBERS

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

SECCOMP_SET_MODE_FILTER = 1
SECCOMP_FILTER_FLAG_NEW_LISTENER = 8
SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 32

_LANDLOCK_VERSION_QUERY = 1
_LANDLOCK_RULE_PATH_BENEATH = 1
_LANDLOCK_LOG_SAME_EXEC_OFF = 1
_AF_UNIX, _SOCK_STREAM, _SOCK_CLOEXEC = 1, 1, 0o2000000
_SOL_SOCKET, _SCM_RIGHTS, _MSG_CMSG_CLOEXEC = 1, 1, 0x40000000
# struct cmsghdr with one descriptor in it, padded; the size it states goes without the padding.
_RIGHTS = struct.Struct("Niiixxxx")
_RIGHTS_SIZE = 20
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def syscall(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make one system call by name.

    Integers go in as 64-bit values; bytes and buffers as pointers.

    Raises:
        OSError: The kernel refused, or the architecture has no such call.
    """
    number = NUMBERS.get(name)
    if number is None:
        raise OSError(38, "no such system call on this architecture", name)
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *converted), name)


def prctl(option: int, argument: int = 0, second: int = 0) -> None:
    """Change an attribute of the calling process."""
    zeros = (ctypes.c_ulong(second), ctypes.c_ulong(0), ctypes.c_ulong(0))
    _checked(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), *zeros), "prctl")


def landlock_abi() -> int:
    """Give the version of Landlock this kernel enforces; 0 where there is none, or it is switched off."""
    try:
        return syscall("landlock_create_ruleset", None, 0, _LANDLOCK_VERSION_QUERY)
    except OSError:
        return 0


def create_ruleset(handled_fs: int, handled_net: int | None, scoped: int | None) -> int:
    """Open a Landlock ruleset. Pass None for what the kernel's version does not know yet."""
    known = [value for value in (handled_fs, handled_net, scoped) if value is not None]
    attributes = struct.pack(f"={len(known)}Q", *known)
    return syscall("landlock_create_ruleset", attributes, len(attributes), 0)


def allow_beneath(ruleset: int, access: int, path_fd: int) -> None:
    """Let the domain do ``access`` to the file or directory open at ``path_fd`` and all beneath it."""
    rule = struct.pack("=Qi", access, path_fd)
    syscall("landlock_add_rule", ruleset, _LANDLOCK_RULE_PATH_BENEATH, rule, 0)


def restrict_self(ruleset: int, *, quiet: bool) -> None:
    """Enter the Landlock domain, for good. ``quiet`` keeps its refusals out of the machine's audit log (ABI 7)."""
    syscall("landlock_restrict_self", ruleset, _LANDLOCK_LOG_SAME_EXEC_OFF if quiet else 0)


def install_filter(program: bytes, *, asks: bool) -> int:
    """Install a seccomp program of 8-byte instructions.

    Returns:
        The descriptor on which it asks its questions, if it does; otherwise 0.
    """
    instructions = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padded to the pointer that follows.
    header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions))
    if not asks:
        return syscall("seccomp", SECCOMP_SET_MODE_FILTER, 0, header)
    # A signal must not make a call fail that is being decided: fork(2) knows no EINTR, and some shells neither.
    uninterrupted = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
    try:
        return syscall("seccomp", SECCOMP_SET_MODE_FILTER, uninterrupted, header)
    except OSError as error:
        if error.errno != EINVAL:
            raise
        # Before Linux 5.19 it cannot be had.
        return syscall("seccomp", SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, header)


def channel() -> tuple[int, int]:
    """Make a pair of connected sockets over which a descriptor can be sent. Not inherited by other programs."""
    ends = (ctypes.c_int * 2)()
    _checked(_libc.socketpair(_AF_UNIX, _SOCK_STREAM | _SOCK_CLOEXEC, 0, ends), "socketpair")
    return ends[0], ends[1]


def send_descriptor(end: int, descriptor: int) -> None:
    """Send one byte, and with it a descriptor."""
    control = ctypes.create_string_buffer(_RIGHTS.pack(_RIGHTS_SIZE, _SOL_SOCKET, _SCM_RIGHTS, descriptor))
    byte = ctypes.create_string_buffer(b"\0", 1)
    header, _vector = _message(byte, control)
    _checked(_libc.sendmsg(end, header, 0), "sendmsg")


def receive_descriptor(end: int, most: int) -> tuple[bytes, int]:
    """Receive at most so many bytes, and the descriptor that came with them, or -1."""
    control = ctypes.create_string_buffer(_RIGHTS.size)
    data = ctypes.create_string_buffer(most)
    header, _vector = _message(data, control)
    size = _checked(_libc.recvmsg(end, header, _MSG_CMSG_CLOEXEC), "recvmsg")
    length, _, kind, descriptor = _RIGHTS.unpack(control.raw)
    return data.raw[:size], descriptor if length == _RIGHTS_SIZE and kind == _SCM_RIGHTS else -1


def _message(
    data: ctypes.Array[ctypes.c_char], control: ctypes.Array[ctypes.c_char]
) -> tuple[ctypes.Array[ctypes.c_char], ctypes.Array[ctypes.c_char]]:
    """Lay out a struct msghdr and the struct iovec it points to, which must live as long."""
    vector = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(data), len(data)))
    header = struct.pack(
        "PIxxxxPNPNixxxx", 0, 0, ctypes.addressof(vector), 1, ctypes.addressof(control), _RIGHTS.size, 0
    )
    return ctypes.create_string_buffer(header, len(header)), vector


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Write into another process's memory, heeding its protection."""
    source = ctypes.create_string_buffer(data, len(data))
    local = struct.pack("=QQ", ctypes.addressof(source), len(data))
    remote = struct.pack("=QQ", address, len(data))
    syscall("process_vm_writev", pid, local, 1, remote, 1, 0)


def drop_capabilities() -> None:
    """Give up every capability, now and across any exec: being uid 0 means nothing afterwards."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            # Unprivileged (EPERM: there is nothing to drop) or past the kernel's last capability (EINVAL).
            break
    try:
        # NOROOT, NO_SETUID_FIXUP and KEEP_CAPS off, each locked; AMBIENT_RAISE off and locked.
        prctl(PR_SET_SECUREBITS, 0b1110_1111)
    except PermissionError:
        if os.geteuid() == 0 and has_capabilities():
            raise
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _checked(_libc.capset(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)), "capset")


def has_capabilities() -> bool:
    """Tell whether the calling process holds any capability."""
    data = ctypes.create_string_buffer(24)
    _checked(_libc.capget(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), data), "capget")
    return any(data.raw)


def _checked(result: int, name: str) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), name)
    return result
