"""The processes below the warden: finding, counting and ending them.

The warden is their reaper (``PR_SET_CHILD_SUBREAPER``): whoever loses its parent becomes its child, so no double fork
and no new session leads out of the tree.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_KILL_ROUNDS_S = 5.0


def descendants(root: int) -> list[int]:
    """Give the process ids below ``root``, parents before children."""
    try:
        found = _children(root)
    except FileNotFoundError:
        return _descendants_by_scan(root)  # a kernel without CONFIG_PROC_CHILDREN
    for pid in found:
        with suppress(FileNotFoundError, ProcessLookupError):  # ended meanwhile
            found.extend(_children(pid))
    return found


def count_tasks(root: int) -> int:
    """Count the threads of all processes below ``root``, zombies included."""
    total = 0
    for pid in descendants(root):
        try:
            total += len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def memory_bytes(root: int, limit: int) -> int:
    """Sum up the memory of all processes below ``root``: what is theirs alone and what they share with each other.

    Counting each page for everyone who maps it is quick and too much. Only if that passes ``limit`` are the
    proportional sizes read, which are exact and slow.
    """
    quick = sum(_fields(pid, "status", ("RssAnon", "RssShmem")) for pid in descendants(root))
    if quick <= limit:
        return quick
    return sum(_fields(pid, "smaps_rollup", ("Pss_Anon", "Pss_Shmem")) for pid in descendants(root))


def unlinked_bytes(root: int, device: int) -> int:
    """Sum up the files on ``device`` that processes below ``root`` keep although they have no name any more.

    They keep them by an open descriptor, or by a mapping alone.
    """
    sizes: dict[int, int] = {}
    for pid in descendants(root):
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for inode, size in _unlinked_mappings(pid, device):
                sizes[inode] = max(size, sizes.get(inode, 0))
            for entry in os.scandir(f"/proc/{pid}/fd"):
                status = entry.stat()
                if status.st_dev == device and not status.st_nlink:
                    sizes[status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def reap(main: int) -> int | None:
    """Collect every child that has ended. Give the wait status of ``main`` if it is among them."""
    status_of_main = None
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            if pid == main:
                status_of_main = status
    return status_of_main


def end(root: int) -> bool:
    """Kill all below ``root`` (the caller), again until none is left. Tell whether that succeeded.

    It ends because nothing below can fork any more: the caller has closed the filter's descriptor before.
    """
    deadline = time.monotonic() + _KILL_ROUNDS_S
    pause_s = 0.0002
    while time.monotonic() < deadline:
        for pid in descendants(root):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, 0.02)
    return False


def _fields(pid: int, file: str, names: tuple[str, ...]) -> int:
    """Sum up fields in KiB of a file in /proc, in bytes; 0 for a process that has ended."""
    total = 0
    with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/{file}", encoding="utf-8") as lines:  # noqa: PTH123
        for line in lines:
            name, _, value = line.partition(":")
            if name in names:
                total += int(value.split()[0]) * 1024
    return total


def _unlinked_mappings(pid: int, device: int) -> Iterator[tuple[int, int]]:
    """Give inode and mapped bytes of each mapping of a file on ``device`` that has no name any more."""
    wanted = f"{os.major(device):02x}:{os.minor(device):02x}"
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as lines:  # noqa: PTH123
        for line in lines:
            if line.endswith(" (deleted)\n"):
                span, _, _, where, inode, *_ = line.split(maxsplit=5)
                if where == wanted:
                    start, _, end = span.partition("-")
                    yield int(inode), int(end, 16) - int(start, 16)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as listing:  # noqa: PTH123
            found.extend(map(int, listing.read().split()))
    return found


def _descendants_by_scan(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        with suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{name}/stat", "rb") as line:  # noqa: PTH123
            # The command in parentheses may hold anything; the parent is the second word behind it.
            parent = int(line.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return found
