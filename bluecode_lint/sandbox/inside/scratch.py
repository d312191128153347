"""A job's scratch directory: written before the job, measured during it, read and removed after it.

While the job runs, and after it, everything in here is the job's: names, links, modes and sizes are all hostile.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def components(name: str) -> tuple[str, ...]:
    """Split a relative name, and refuse one that could leave the directory.

    Raises:
        ValueError: The name is empty, absolute, climbs, or has a NUL in it.
    """
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        message = f"not a name inside the scratch directory: {name!r}"
        raise ValueError(message)
    return parts


def fill(root: str, files: Mapping[str, bytes]) -> None:
    """Write a job's files into the empty directory ``root``."""
    for name, content in files.items():
        target = os.path.join(root, *components(name))  # noqa: PTH118  # bytes of paths matter more than their beauty here
        os.makedirs(os.path.dirname(target), exist_ok=True)  # noqa: PTH103, PTH120
        with open(target, "wb") as stream:  # noqa: PTH123
            stream.write(content)


def collect(root: str, names: Iterable[str], limit: int) -> tuple[dict[str, bytes], bool]:
    """Read back regular files by name, through no symbolic link, ``limit`` bytes in all.

    Returns:
        What was there, and whether something was cut short.
    """
    found: dict[str, bytes] = {}
    cut = False
    for name in names:
        content = _read_regular(root, components(name), limit + 1)
        if content is None:
            continue
        cut = cut or len(content) > limit
        found[name] = content[:limit]
        limit -= len(found[name])
    return found, cut


def _read_regular(root: str, parts: tuple[str, ...], limit: int) -> bytes | None:
    directory = os.open(root, _DIRECTORY)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _DIRECTORY, dir_fd=directory)
            os.close(directory)
            directory = inner
        # Without O_NONBLOCK a FIFO of that name would hold us.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(parts[-1], flags, dir_fd=directory)
    except OSError:
        # Not there, a link, or made unreadable: all the same to the one who asked for it.
        return None
    finally:
        os.close(directory)
    with open(descriptor, "rb") as stream:  # noqa: PTH123  # a descriptor, not a path
        return stream.read(limit) if stat.S_ISREG(os.fstat(descriptor).st_mode) else None


def measure(root: str, most_entries: int) -> tuple[int, int]:
    """Give the bytes on disk and the number of entries under ``root``; stop counting past ``most_entries``.

    Blocks are counted, not lengths: a sparse file costs what it occupies.
    """
    size = entries = 0
    pending = [root]
    while pending and entries <= most_entries:
        try:
            with os.scandir(pending.pop()) as listing:
                for entry in listing:
                    entries += 1
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # the job removed it meanwhile
                    size += status.st_blocks * 512
                    if stat.S_ISDIR(status.st_mode):
                        pending.append(entry.path)
                    if entries > most_entries:
                        break
        except OSError:
            continue  # removed meanwhile, or closed to us for now: what is in it is counted when it opens again
    return size, entries


def remove(root: str) -> None:
    """Remove the directory and all in it, whatever modes a job left behind."""

    def _open_up(directory: str) -> None:
        for parent, names, _ in os.walk(directory):
            os.chmod(parent, 0o700)  # noqa: PTH101
            for name in names:
                path = os.path.join(parent, name)  # noqa: PTH118
                if not os.path.islink(path):  # noqa: PTH114
                    os.chmod(path, 0o700)  # noqa: PTH101

    try:
        shutil.rmtree(root)
    except FileNotFoundError:
        return
    except OSError:
        _open_up(root)
        shutil.rmtree(root)
