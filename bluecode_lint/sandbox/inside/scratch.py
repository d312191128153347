"""A job's scratch directory: written before the job, measured during it, read and removed after it.

While the job runs, and after it, everything in here is the job's: names, links, modes and sizes are all hostile.
"""

from __future__ import annotations

import os
import stat
from errno import ENAMETOOLONG
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def components(name: str) -> tuple[str, ...]:
    """Split a relative name, and refuse one that could leave the directory.

    Raises:
        ValueError: The name is empty, absolute, climbs, or has a NUL in it.
    """
    parts = tuple(part for part in name.split("/") if part not in {"", "."})
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
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as stream:  # noqa: PTH123  # a descriptor, not a path
        return stream.read(limit)


def measure(root: str, most_entries: int) -> tuple[int, int]:
    """Give the bytes on disk and the number of entries under ``root``; stop counting past ``most_entries``.

    Blocks are counted, not lengths: a sparse file costs what it occupies. A directory that is closed to us is opened,
    and one too deep to be reached counts as too many entries: nothing can be hidden in either.
    """
    size = entries = 0
    pending = [root]
    while pending and entries <= most_entries:
        directory = pending.pop()
        try:
            listing = list(os.scandir(directory))  # entries, not names
        except PermissionError:
            if _open_up(root, directory):
                pending.append(directory)
            continue
        except OSError:
            continue  # removed meanwhile
        entries += len(listing)
        for entry in listing:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                entries += most_entries + 1 if error.errno == ENAMETOOLONG else 0  # else removed meanwhile
                continue
            size += status.st_blocks * 512
            if stat.S_ISDIR(status.st_mode):
                pending.append(entry.path)
    return size, entries


def is_beneath(root: str, descriptor: int) -> bool:
    """Tell whether what is open lies in the directory whose real path is ``root``, or is it."""
    seen = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115  # the kernel's answer, a path or not
    return seen == root or seen.startswith(root + "/")


def clear(root: str) -> None:
    """Remove all that is in the directory, whatever modes and depths a job left behind. Nobody else may be in it.

    Directories are moved up to the top as they are found, so that no depth needs recursion or a long path.
    """
    top = os.open(root, _DIRECTORY)
    try:
        unused = (f"{os.urandom(8).hex()}-{number}" for number in count())
        while names := os.listdir(top):  # noqa: PTH208
            for name in names:
                if not _drop_file(top, name):
                    _empty(top, name, unused)
                    os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)


def _drop_file(directory: int, name: str) -> bool:
    """Unlink what is no directory; open a directory up to us, and tell the difference."""
    if not stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
        os.unlink(name, dir_fd=directory)
        return True
    os.chmod(name, 0o700, dir_fd=directory)
    return False


def _empty(top: int, name: str, unused: Iterator[str]) -> None:
    inner = os.open(name, _DIRECTORY, dir_fd=top)
    try:
        for entry in os.listdir(inner):  # noqa: PTH208
            if not _drop_file(inner, entry):
                os.rename(entry, next(unused), src_dir_fd=inner, dst_dir_fd=top)
    finally:
        os.close(inner)


def _open_up(root: str, directory: str) -> bool:
    """Let us into a directory of a job that still runs, wherever its path leads by now."""
    try:
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not is_beneath(root, descriptor) or os.fstat(descriptor).st_mode & 0o500 == 0o500:  # noqa: PLR2004
            return False
        os.chmod(f"/proc/self/fd/{descriptor}", 0o700)  # noqa: PTH101
    finally:
        os.close(descriptor)
    return True
