"""A program that tries to get out. Never imported: the self-test runs its text as a job.

It prints one line for each attempt that succeeded, and ``done``. Its arguments: a secret file, a foreign directory, a
foreign process id, and a mark by which the daemon it leaves behind is recognised from outside.
"""

import ctypes
import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_AF_UNIX, _AF_INET, _AF_NETLINK = 1, 2, 16
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_RAW = 1, 2, 3
_CLONE_NEWUSER = 0x10000000
_PR_GET_NO_NEW_PRIVS = 39
_CAPABILITY_VERSION_3 = 0x20080522


def main() -> None:
    """Make every attempt and tell which of them succeeded."""
    secret, foreign, pid, mark = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    attempts: dict[str, Callable[[], object]] = {
        "read a file outside": lambda: os.open(secret, os.O_RDONLY),
        "list a directory outside": lambda: os.listdir(foreign),  # noqa: PTH208
        "write a file outside": lambda: os.open(foreign + "/planted", os.O_CREAT | os.O_WRONLY),
        "change a mode outside": lambda: os.chmod(secret, 0o640),  # noqa: PTH101
        "change a time outside": lambda: os.utime(secret, (1, 1)),
        "link to a file outside": lambda: os.link(secret, "link"),
        "read another process's environment": lambda: os.open(f"/proc/{pid}/environ", os.O_RDONLY),
        "signal another process": lambda: os.kill(int(pid), 0),
        "open an internet socket": lambda: _require(libc.socket(_AF_INET, _SOCK_STREAM, 0) >= 0),
        "open a Unix socket": lambda: _require(libc.socket(_AF_UNIX, _SOCK_DGRAM, 0) >= 0),
        "open a netlink socket": lambda: _require(libc.socket(_AF_NETLINK, _SOCK_RAW, 0) >= 0),
        "change the kernel's settings": lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
        "make a namespace": lambda: _require(libc.unshare(_CLONE_NEWUSER) == 0),
        "hold a capability": lambda: _require(_holds_capability(libc)),
        "gain privilege by exec": lambda: _require(libc.prctl(_PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1),
        "see the environment outside": lambda: _require("PATH" in os.environ or "HOME" in os.environ),
    }
    for name, attempt in attempts.items():
        try:
            attempt()
        except OSError:
            continue
        sys.stdout.write(name + "\n")
    subprocess.Popen(  # noqa: S603  # a daemon: no parent, and a session of its own
        [sys.executable, "-I", "-c", "import time; time.sleep(60)", mark], start_new_session=True
    )
    sys.stdout.write("done\n")


def _require(succeeded: bool) -> None:  # noqa: FBT001  # turns an answer into an error
    if not succeeded:
        raise PermissionError


def _holds_capability(libc: ctypes.CDLL) -> bool:
    data = ctypes.create_string_buffer(24)
    libc.capget(struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), data)
    return any(data.raw)


if __name__ == "__main__":
    main()
