"""What a job's process does to itself before it becomes the job. Nothing of it can be undone.

In this order: a session of its own, its descriptors, its limits, no privilege, the Landlock domain, the filter.
"""

from __future__ import annotations

import os
import resource
import signal
import stat
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from . import filter as seccomp
from . import kernel

if TYPE_CHECKING:
    from .wire import Caps

MIB = 1 << 20
_OPEN_FILES = 256

# LANDLOCK_ACCESS_FS_* of linux/landlock.h
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_RIGHTS_BY_ABI = ((5, 16), (3, 15), (2, 14), (1, 13))
_ABI_NETWORK, _ABI_SCOPED, _ABI_QUIET = 4, 6, 7
_READ = _EXECUTE | _READ_FILE | _READ_DIR

# Programs and libraries of the system, and the public data that common programs give up without. Of /etc, these alone.
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/timezone",
    "/etc/mime.types",
    "/etc/apache2/mime.types",
    "/etc/ssl/openssl.cnf",
    "/etc/ssl/certs",
    "/etc/pki/tls/openssl.cnf",
)
SOURCES_OF_BYTES = ("/dev/urandom", "/dev/random")
BOTTOMLESS = ("/dev/null", "/dev/zero", "/dev/full")


class Cell(NamedTuple):
    """Where a job runs and what it may use."""

    scratch: str
    readonly: tuple[str, ...]
    caps: Caps
    abi: int
    """Landlock's version to rely on; 0 where other walls stand around the files."""


@cache
def interpreter_paths() -> tuple[str, ...]:
    """Give what the running interpreter needs to read: its binary by both names, its libraries, its site-packages.

    Never a whole prefix: it may be the home directory, and even a virtual environment may hold a ``pip.conf`` with a
    password.
    """
    paths = {sys.executable, os.path.realpath(sys.executable)}
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        paths |= {f"{prefix}/{part}" for part in ("bin", "lib", "lib64", "pyvenv.cfg")}
    return tuple(sorted(path for path in paths if os.path.exists(path)))  # noqa: PTH110


def prepare(abi: int) -> None:
    """Work out what is the same for every job, ahead of the first."""
    interpreter_paths()
    seccomp.assemble(abi)


def begin(parent: int, standard: tuple[int, int, int], keep: int) -> None:
    """Leave the warden's session, die with it, and hold no descriptor but three and ``keep``."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before we could say so
    os.setsid()
    # Unlike the warden it may be looked into by its equals, of which the warden is the only one that can.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for target, descriptor in enumerate(standard):
        os.dup2(descriptor, target)
    os.closerange(3, keep)
    kernel.syscall("close_range", keep + 1, 0xFFFFFFFF, 0)


def lock(cell: Cell) -> int:
    """Shut the door on the calling process.

    Returns:
        The descriptor on which the filter asks its questions. It belongs to the warden; once it is there, `bolt`.

    Raises:
        OSError: The kernel refuses a part of it. The process must end then.
    """
    os.chdir(cell.scratch)
    os.umask(0o022)
    # When memory runs out, we go before anybody else; where /proc is read-only, the limits alone see to that.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
        score.write("1000")
    _limit(cell.caps)
    kernel.drop_capabilities()
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    # A change of credentials clears it.
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    if cell.abi:
        _enter_domain(cell)
    return kernel.install_filter(seccomp.assemble(cell.abi), asks=True)


def bolt() -> None:
    """Take away what only the handing over of the filter's descriptor needed."""
    kernel.install_filter(seccomp.assemble_bolt(), asks=False)


def _limit(caps: Caps) -> None:
    """Set what the kernel counts by process. The warden counts the rest, over all of them."""
    memory = caps.memory_mib * MIB
    limits = {
        resource.RLIMIT_CPU: (caps.cpu_s, caps.cpu_s + 1),
        resource.RLIMIT_DATA: (memory, memory),
        # Reservations cost nothing: thread stacks and allocator arenas take far more address space than memory.
        resource.RLIMIT_AS: (2 * memory + 512 * MIB,) * 2,
        resource.RLIMIT_STACK: (8 * MIB, 8 * MIB),
        resource.RLIMIT_FSIZE: (caps.file_mib * MIB,) * 2,
        resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (0, 0),
        resource.RLIMIT_CORE: (1, 1),  # no core file, and no crash handler on the outside either
    }
    for name, asked in limits.items():
        limit = asked
        _, ceiling = resource.getrlimit(name)
        if ceiling != resource.RLIM_INFINITY:
            limit = (min(limit[0], ceiling), min(limit[1], ceiling))
        resource.setrlimit(name, limit)


def _enter_domain(cell: Cell) -> None:
    rights = next(bits for abi, bits in _RIGHTS_BY_ABI if cell.abi >= abi)
    handled = (1 << rights) - 1
    ruleset = kernel.create_ruleset(
        handled,
        # Binding and connecting TCP, abstract sockets and signals: handled and never allowed.
        0b11 if cell.abi >= _ABI_NETWORK else None,
        0b11 if cell.abi >= _ABI_SCOPED else None,
    )
    try:
        for path in (*SYSTEM, *interpreter_paths(), *cell.readonly):
            _allow(ruleset, path, _READ & handled)
        for path in SOURCES_OF_BYTES:
            _allow(ruleset, path, _READ_FILE)
        for path in BOTTOMLESS:
            _allow(ruleset, path, _READ_FILE | _WRITE_FILE)
        _allow(ruleset, cell.scratch, handled & ~(_MAKE_CHAR | _MAKE_BLOCK | _MAKE_SOCK | _IOCTL_DEV))
        kernel.restrict_self(ruleset, quiet=cell.abi >= _ABI_QUIET)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # what is not there for us needs no permission
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            access &= _OF_FILES
        kernel.allow_beneath(ruleset, access, descriptor)
    finally:
        os.close(descriptor)
