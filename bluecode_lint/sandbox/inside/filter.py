"""The seccomp filter: which system calls a job may make, as a classic BPF program.

An allow-list: a call it does not name answers ENOSYS, as on an older kernel, so that the C library falls back to what
it knows. Landlock decides about paths; the filter decides about everything Landlock does not see: sockets, ioctls,
other processes, file modes and times. Three groups of calls are decided by the warden, which the filter asks
(``SECCOMP_RET_USER_NOTIF``): new processes (they are counted), modes and times (no Landlock version governs them),
and signals where Landlock does not scope them yet.
"""

from __future__ import annotations

import struct
from errno import EACCES, ENOSYS, ENOTTY, EOPNOTSUPP, EPERM
from functools import cache

from .numbers import AUDIT_ARCH, NUMBERS

ABI_TRUNCATE = 3
ABI_SCOPED_SIGNALS = 6

_ALLOW = 0x7FFF0000
_ASK = 0x7FC00000
_KILL = 0x80000000


def _errno(number: int) -> int:
    return 0x00050000 | number


_ALLOWED = """
read write open close stat fstat lstat newfstatat statx poll ppoll lseek mmap mprotect munmap mremap msync mincore
madvise brk pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 access faccessat faccessat2 pipe pipe2
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack pause restart_syscall
select pselect6 sched_yield dup dup2 dup3 nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time
getitimer setitimer alarm timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create
timerfd_settime timerfd_gettime getpid gettid getppid getpgid getpgrp getsid setsid setpgid getuid geteuid getgid
getegid getresuid getresgid getgroups capget sendfile recvfrom recvmsg shutdown getsockname getpeername
setsockopt getsockopt execve execveat exit exit_group wait4 waitid uname getrlimit setrlimit getrusage times sysinfo
umask getcpu get_mempolicy flock fsync fdatasync ftruncate fallocate fadvise64 readahead sync_file_range
copy_file_range getdents getdents64 getcwd chdir fchdir creat rename renameat renameat2 mkdir mkdirat rmdir link linkat
unlink unlinkat symlink symlinkat readlink readlinkat mknod mknodat statfs fstatfs arch_prctl set_tid_address
set_robust_list get_robust_list futex futex_waitv rseq membarrier getrandom close_range epoll_create epoll_create1
epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 getpriority sched_getaffinity
sched_getparam sched_getscheduler sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_getattr
pidfd_open
"""

# Answered without a look: an error a program expects of an ordinary user, rather than ENOSYS.
_REFUSED = {
    EACCES: "socket connect bind",
    EPERM: """chown fchown lchown fchownat utime utimes futimesat setuid setgid setreuid setregid setresuid setresgid
    setgroups setfsuid setfsgid""",
    EOPNOTSUPP: """setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
    removexattr lremovexattr fremovexattr""",
}

_BOLTED = ("sendmsg", "seccomp")

HANDLER_CALL = "rt_sigaction"
PROCESS_CALLS = ("clone", "fork", "vfork")
MODE_CALLS = ("chmod", "fchmod", "fchmodat", "fchmodat2")
TIME_CALLS = ("utimensat",)
SIGNAL_CALLS = ("kill", "tkill", "tgkill")
_QUEUED_SIGNAL_CALLS = ("rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal")

# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET of linux/sched.h.
_NAMESPACE_FLAGS = 0x7E020000
# Ask about the descriptor, change how it blocks: TCGETS, TCGETS2, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_IOCTLS = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# Signals and leases by way of a descriptor: F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE, F_NOTIFY.
_SIGNALLING_FCNTLS = (8, 10, 15, 1024, 1026)
# Names, dumpability, what one is: GET_PDEATHSIG, GET_DUMPABLE, SET/GET_NAME, GET_SECCOMP, CAPBSET_READ,
# GET_SECUREBITS, GET_TIMERSLACK, SET/GET_CHILD_SUBREAPER, SET/GET_NO_NEW_PRIVS, SET/GET_THP_DISABLE, SET_VMA.
_PRCTLS = (2, 3, 15, 16, 21, 23, 27, 30, 36, 37, 38, 39, 41, 42, 0x53564D41)
# Zero would still start the machine's crash handler, outside (core(5)); the lock-down sets it to one, for good.
_RLIMIT_CORE = 4
_SIGCHLD = 17
_AF_UNIX = 1
# Not SOCK_DGRAM: one end of a pair of datagram sockets can still send to any other socket by address.
_CONNECTED_SOCKETS = (1, 5)
_SOCKET_TYPE_MASK = 0xF
_TRUNCATE = 0o1000
_ACCESS_MODE = 0o3

_Code = list[tuple[int, int, int, int]]


def _load(offset: int) -> tuple[int, int, int, int]:
    return (0x20, 0, 0, offset)


def _low(argument: int) -> tuple[int, int, int, int]:
    return _load(16 + 8 * argument)


def _high(argument: int) -> tuple[int, int, int, int]:
    return _load(20 + 8 * argument)


def _mask(bits: int) -> tuple[int, int, int, int]:
    return (0x54, 0, 0, bits)


def _if_equal(value: int, skip_if: int, skip_else: int) -> tuple[int, int, int, int]:
    return (0x15, skip_if, skip_else, value)


def _if_any_bit(bits: int, skip_if: int, skip_else: int) -> tuple[int, int, int, int]:
    return (0x45, skip_if, skip_else, bits)


def _answer(action: int) -> tuple[int, int, int, int]:
    return (0x06, 0, 0, action)


def _listed(values: tuple[int, ...], then: int, otherwise: int) -> _Code:
    """Compare what has been loaded with each value."""
    tests = [_if_equal(value, len(values) - index, 0) for index, value in enumerate(values)]
    return [*tests, _answer(otherwise), _answer(then)]


def _opening(flags_argument: int) -> _Code:
    """Refuse to truncate what is not opened for writing: before ABI 3, Landlock would see only a read."""
    hidden = (_TRUNCATE, _TRUNCATE | _ACCESS_MODE)
    return [_low(flags_argument), _mask(_TRUNCATE | _ACCESS_MODE), *_listed(hidden, _errno(EACCES), _ALLOW)]


def _with_arguments(abi: int) -> dict[str, _Code]:
    """Give the calls whose arguments decide, or that the warden decides."""
    refused = _errno(EPERM)
    rules: dict[str, _Code] = {
        "open": _opening(1),
        "openat": _opening(2),
        "clone": [_low(0), _if_any_bit(_NAMESPACE_FLAGS, 0, 1), _answer(refused), _answer(_ASK)],
        HANDLER_CALL: [
            *(_low(0), _if_equal(_SIGCHLD, 1, 0), _answer(_ALLOW)),
            *(_high(1), _if_equal(0, 0, 2), _low(1), _if_equal(0, 1, 0), _answer(_ASK), _answer(_ALLOW)),
        ],
        "ioctl": [_low(1), *_listed(_IOCTLS, _ALLOW, _errno(ENOTTY))],
        "fcntl": [_low(1), *_listed(_SIGNALLING_FCNTLS, refused, _ALLOW)],
        "prctl": [_low(0), *_listed(_PRCTLS, _ALLOW, refused)],
        "personality": [_low(0), *_listed((0xFFFFFFFF,), _ALLOW, refused)],
        # Process 0 is the caller; any other would be someone else's limits, processors or priority.
        "prlimit64": [
            *(_low(0), _if_equal(0, 1, 0), _answer(refused)),
            *(_low(1), _if_equal(_RLIMIT_CORE, 1, 0), _answer(_ALLOW)),
            *(_high(2), _if_equal(0, 1, 0), _answer(refused)),
            *(_low(2), *_listed((0,), _ALLOW, refused)),
        ],
        "setrlimit": [_low(0), *_listed((_RLIMIT_CORE,), refused, _ALLOW)],
        "sched_setaffinity": [_low(0), *_listed((0,), _ALLOW, refused)],
        "setpriority": [_low(0), _if_equal(0, 1, 0), _answer(refused), _low(1), *_listed((0,), _ALLOW, refused)],
        "socketpair": [
            _low(0),
            _if_equal(_AF_UNIX, 1, 0),
            _answer(_errno(EACCES)),
            _low(1),
            _mask(_SOCKET_TYPE_MASK),
            *_listed(_CONNECTED_SOCKETS, _ALLOW, _errno(EACCES)),
        ],
        # An address, as opposed to the peer, is a pointer in the fifth argument.
        "sendto": [
            _high(4),
            _if_equal(0, 1, 0),
            _answer(_errno(EACCES)),
            _low(4),
            *_listed((0,), _ALLOW, _errno(EACCES)),
        ],
        "truncate": [_answer(_ALLOW if abi >= ABI_TRUNCATE else _errno(EACCES))],
    }
    for name in ("fork", "vfork", *MODE_CALLS, *TIME_CALLS):
        rules[name] = [_answer(_ASK)]
    for name in SIGNAL_CALLS:
        rules[name] = [_answer(_ALLOW if abi >= ABI_SCOPED_SIGNALS else _ASK)]
    for name in _QUEUED_SIGNAL_CALLS:
        rules[name] = [_answer(_ALLOW if abi >= ABI_SCOPED_SIGNALS else refused)]
    return rules


@cache
def assemble(abi: int) -> bytes:
    """Write the program for a kernel whose Landlock is of version ``abi`` (0: none).

    Returns:
        The program, one struct sock_filter of 8 bytes an instruction.
    """
    # Arguments decide over the plain list: `open` stands in both.
    rules = {name: [_answer(_ALLOW)] for name in _ALLOWED.split()}
    rules |= {name: [_answer(_errno(error))] for error, names in _REFUSED.items() for name in names.split()}
    rules |= _with_arguments(abi)
    # The door's own two calls, until `assemble_bolt` closes them.
    rules |= {name: [_answer(_ALLOW)] for name in _BOLTED}
    return _program(rules, _errno(ENOSYS))


def assemble_bolt() -> bytes:
    """Write the second program: it forbids what was left open to hand the first one's descriptor to the warden.

    That is sending descriptors, in which a job could also hide files from the warden, and installing filters.
    """
    return _program({name: [_answer(_errno(EACCES))] for name in _BOLTED}, _ALLOW)


def _program(rules: dict[str, _Code], otherwise: int) -> bytes:
    code: _Code = [_load(4), _if_equal(AUDIT_ARCH, 1, 0), _answer(_KILL), _load(0)]
    for name, body in rules.items():
        if name in NUMBERS:
            code += [_if_equal(NUMBERS[name], 0, len(body)), *body]
    code.append(_answer(otherwise))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code)
