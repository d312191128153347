"""Names the state of everything outside a scanned file that an answer about it depends on."""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from itertools import chain
from typing import TYPE_CHECKING

from bluecode_lint.core.installed import named_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_LIBRARIES = ("tree-sitter", "tree-sitter-python", "tree-sitter-languages", "bandit", "semgrep")


def installed_state(folders: Iterable[Path], programs: Iterable[Path] = (), *words: str) -> str:
    """Name a state: our code and rules in ``folders``, the ``programs`` that are called, and ``words`` of settings.

    Files are compared by size and time, as `make` does: an installed package's do not change, and a developer's do.
    """
    facts = [sys.version, *words]
    facts.extend(named_versions(*_LIBRARIES))
    for program in programs:
        facts.extend(_installation(program))
    for folder in folders:
        facts.extend(sorted(_stamps(folder)))
    return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).hexdigest()


def _installation(program: Path) -> Iterator[str]:
    """Name a program, and what is installed beside it: a folder of packages changes when one comes or goes."""
    folders = (program.parent.parent.glob(f"lib/python*/{name}") for name in ("site-packages", "dist-packages"))
    for path in (program, *sorted(chain.from_iterable(folders))):
        with suppress(OSError):  # a program that is missing is somebody else's trouble
            yield _stamp(path.stat(), str(path))


def _stamps(folder: Path) -> Iterator[str]:
    """Name every file under a folder that is not made from another one."""
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        pending.append(entry.path)
                else:
                    yield _stamp(entry.stat(), entry.path)


def _stamp(status: os.stat_result, name: str) -> str:
    return f"{name} {status.st_size} {status.st_mtime_ns}"
