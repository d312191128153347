"""Which files to scan: paths on the command line to Python files, in a fixed order, with everything left out said."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Level, Notification
from bluecode_lint.sources import git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pathspec import PathSpec

PYTHON_SUFFIXES = frozenset({".py", ".pyi", ".pyw"})
_TELLING_SUFFIXES = PYTHON_SUFFIXES | {".ipynb"}
DEFAULT_EXCLUDES = (
    ".bzr", ".direnv", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox",
    ".venv", "__pycache__", "__pypackages__", "build", "dist", "node_modules", "site-packages", "venv",
)  # fmt: skip
_SHEBANG_BYTES = 64


@dataclass(frozen=True, slots=True)
class Excludes:
    """Which files to leave out. ``patterns`` are in ``.gitignore`` syntax; ``forced`` holds for named files, too."""

    patterns: tuple[str, ...] = DEFAULT_EXCLUDES
    forced: bool = False

    def compile(self) -> PathSpec[Any]:
        """Give the matcher of the patterns."""
        from pathspec import PathSpec  # noqa: PLC0415  # lazy: start-up time

        return PathSpec.from_lines("gitignore", self.patterns)


@dataclass(slots=True)
class Discovered:
    """The files to read, relative to ``root`` and sorted, and what was passed over on the way."""

    root: Path
    files: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    notifications: list[Notification] = field(default_factory=list)

    def note(self, level: Level, name: str, message: str, uri: str = "") -> None:
        """Keep one notification."""
        self.notifications.append(Notification(level, name, message, uri))


def find_root(paths: Sequence[Path], cwd: Path) -> Path:
    """Choose the folder that uris are relative to: the git work tree, else ``cwd``, else the paths' common folder."""
    absolute = [Path(os.path.abspath(cwd / path)) for path in paths] or [cwd]  # noqa: PTH100  # keeps symlinks
    common = Path(os.path.commonpath([p if p.is_dir() else p.parent for p in absolute]))
    top = git.find_top_level(common)
    if top is not None:
        return top
    return cwd if common.is_relative_to(cwd) else common


def discover(paths: Sequence[Path], root: Path, cwd: Path, excludes: Excludes) -> Discovered:
    """Walk ``paths``; named files count whatever their ending says, if they look like Python.

    Raises:
        UsageError: A path does not exist.
    """
    found = Discovered(root)
    excluded = excludes.compile()
    files: set[str] = set()
    for path in paths:
        absolute = Path(os.path.abspath(cwd / path))  # noqa: PTH100  # `resolve` would follow the symlink
        if not os.path.lexists(absolute):
            message = f"no such file or directory: {path}"
            raise UsageError(message)
        if absolute.is_dir():
            files.update(_walk(absolute, found, excluded))
            continue
        uri = _uri(absolute, root)
        if excludes.forced and excluded.match_file(uri):
            found.skipped["excluded"] += 1
        elif _is_regular(absolute, uri, found) and _is_python(absolute, found):
            files.add(uri)
    found.files = sorted(files)
    return found


def choose_staged(
    staged: Iterable[str], paths: Sequence[Path], root: Path, cwd: Path, excludes: Excludes
) -> Discovered:
    """Choose among files of git's index: they need not be in the work tree, and are known as Python by their ending."""
    found = Discovered(root)
    excluded = excludes.compile()
    asked = [Path(os.path.abspath(cwd / path)) for path in paths]  # noqa: PTH100  # keeps symlinks
    for uri in sorted(staged):
        path = root / uri
        if path.suffix not in PYTHON_SUFFIXES or not any(path.is_relative_to(folder) for folder in asked):
            continue
        if excluded.match_file(uri) and (excludes.forced or path not in asked):
            found.skipped["excluded"] += 1
        else:
            found.files.append(uri)
    return found


def _uri(path: Path, root: Path) -> str:
    inside, folder = os.fspath(path), os.path.join(root, "")  # noqa: PTH118  # texts: a large tree has many files
    if inside.startswith(folder) and "/../" not in inside:
        return inside[len(folder) :].replace(os.sep, "/")
    return Path(os.path.relpath(path, root)).as_posix()


def _walk(directory: Path, found: Discovered, excluded: PathSpec[Any]) -> Iterator[str]:
    if not _stays_inside(directory, _uri(directory, found.root), found):
        return
    for path in list_candidates(directory, found, excluded):
        if path.suffix and path.suffix not in _TELLING_SUFFIXES:
            continue  # most of what a tree holds: not looked at any closer
        uri = _uri(path, found.root)
        if excluded.match_file(uri):
            found.skipped["excluded"] += 1
        elif not path.exists() and not path.is_symlink():
            continue  # deleted from the work tree, still in git's index
        elif _is_regular(path, uri, found) and _is_python(path, found):
            yield uri


def list_candidates(directory: Path, found: Discovered, excluded: PathSpec[Any]) -> Iterable[Path]:
    """List the files below a folder: those git tracks or would not ignore, else all outside of excluded folders."""
    listed = git.list_files(directory) if git.find_top_level(directory) else None
    return listed if listed is not None else _walk_plain(directory, found, excluded)


def _walk_plain(directory: Path, found: Discovered, excluded: PathSpec[Any]) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        name = error.filename or str(directory)
        found.note(
            Level.ERROR, "directory-not-readable", f"cannot list: {error.strerror}", _uri(Path(name), found.root)
        )

    for parent, folders, names in os.walk(directory, onerror=refuse):
        folders[:] = sorted(
            name for name in folders if not excluded.match_file(_uri(Path(parent, name), found.root) + "/")
        )
        for name in sorted(names):
            yield Path(parent, name)


def _stays_inside(path: Path, uri: str, found: Discovered) -> bool:
    """Tell whether a path, with its symlinks followed, still lies below the root."""
    if path.resolve().is_relative_to(found.root.resolve()):
        return True
    found.note(Level.WARNING, "symlink-leaves-root", "a symbolic link that leaves the scanned tree: not followed", uri)
    return False


def _is_regular(path: Path, uri: str, found: Discovered) -> bool:
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            if path.suffix not in PYTHON_SUFFIXES or not _stays_inside(path, uri, found):
                return False
            mode = path.stat().st_mode
    except OSError as error:
        found.note(Level.WARNING, "file-not-readable", f"cannot look at it: {error.strerror}", uri)
        return False
    if stat.S_ISREG(mode):
        return True
    if not stat.S_ISDIR(mode):
        found.skipped["not a regular file"] += 1
        found.note(Level.WARNING, "not-a-regular-file", "a pipe, socket or device: not scanned", uri)
    return False


def _is_python(path: Path, found: Discovered) -> bool:
    if path.suffix in PYTHON_SUFFIXES:
        return True
    if path.suffix == ".ipynb":
        found.skipped["notebook"] += 1
    elif not path.suffix:
        return _has_python_shebang(path)
    return False


def _has_python_shebang(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            first = file.read(_SHEBANG_BYTES).split(b"\n", 1)[0]
    except OSError:
        return False  # unreadable and nameless: nothing says that it is Python
    return first.startswith(b"#!") and b"python" in first
