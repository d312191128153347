"""What else of a project the execution of a file depends on: the modules it imports, and what lies beside it."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bluecode_lint.sources.reading import DEFAULT_MAX_BYTES, TooLargeError, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.model import Artifact

_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n#]*)|import[ \t]+([^\n#]+))", re.MULTILINE
)
_WORD = re.compile(rb"[\w.]+")


@dataclass(frozen=True, slots=True)
class _Module:
    """A file of the project: the digest of its content, and the modules it may import, as paths without suffix."""

    sha256: str
    imports: frozenset[str]


class Surroundings:
    """Names, for a file, what its execution may see of the project. Reads each file of the project once at most.

    The modules it imports, and those these import, count by content; other files beside it and in folders of templates
    by size and time. O(files reached) for each file asked about.
    """

    def __init__(self, root: Path) -> None:
        """Look under ``root``."""
        self._root = root.resolve()
        self._modules: dict[str, _Module | None] = {}

    def __call__(self, artifact: Artifact) -> str:
        """Name the surroundings of a file: the same name, the same surroundings."""
        reached: dict[str, str] = {}
        pending = sorted(_imports(artifact.uri, artifact.text.encode("utf-8", "replace")))
        while pending:
            module = pending.pop()
            for uri in (f"{module}.py", f"{module}/__init__.py"):
                if uri in reached:
                    continue
                found = self._module(uri)
                reached[uri] = found.sha256 if found is not None else ""
                if found is not None:
                    pending.extend(found.imports)
        facts = [str(self._root), *(f"{uri} {sha256}" for uri, sha256 in sorted(reached.items()) if sha256)]
        facts.extend(sorted(self._beside(artifact.uri)))
        return hashlib.sha256("\0".join(facts).encode("utf-8", "surrogatepass")).hexdigest()

    def _module(self, uri: str) -> _Module | None:
        if uri not in self._modules:
            try:
                content = read_bytes(self._root / uri, DEFAULT_MAX_BYTES)
            except (OSError, TooLargeError, ValueError):
                self._modules[uri] = None
            else:
                self._modules[uri] = _Module(hashlib.sha256(content).hexdigest(), _imports(uri, content))
        return self._modules[uri]

    def _beside(self, uri: str) -> Iterator[str]:
        """Describe the files that are no modules, in the file's folder and in folders of templates above it."""
        folder = (self._root / uri).parent
        yield from _described(folder)
        for above in (folder, *folder.parents):
            if not above.is_relative_to(self._root):
                return
            for path, _, _ in os.walk(above / "templates"):
                yield from _described(Path(path))


def _described(folder: Path) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except OSError:  # a file that is not on disk (standard input, git's index) has nothing beside it
        return
    for entry in entries:
        if entry.is_file(follow_symlinks=False) and not entry.name.endswith((".py", ".pyc")):
            status = entry.stat(follow_symlinks=False)
            yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def _imports(uri: str, content: bytes) -> frozenset[str]:
    """List the modules of the project that a file may import: its own packages, and what its imports may mean."""
    here = PurePosixPath(uri).parent
    found: set[str] = {"/".join(here.parts[: n + 1]) for n in range(len(here.parts))}
    for match in _IMPORT.finditer(content):
        start, names, modules = match.groups()
        if start is not None:
            dotted = start.decode("utf-8", "replace")
            level = len(dotted) - len(dotted.lstrip("."))
            path = dotted.strip(".").replace(".", "/")
            bases = _bases(here, level)
            for name in ("", *(word.decode("utf-8", "replace") for word in _WORD.findall(names))):
                found.update(_joined(base, path, name) for base in bases)
        else:
            for word in modules.split(b","):
                path = word.split()[0].decode("utf-8", "replace").replace(".", "/") if word.split() else ""
                found.update(_joined(base, *path.split("/")[:count]) for base in _bases(here, 0)
                             for count in range(1, path.count("/") + 2))  # fmt: skip
    return frozenset(module for module in found if module)


def _bases(here: PurePosixPath, level: int) -> tuple[PurePosixPath, ...]:
    """Give the folders that a name is looked for in: the file's own and the project's, or what the dots mean."""
    if level:
        return (PurePosixPath(*here.parts[: max(0, len(here.parts) - level + 1)]),)
    return (here, PurePosixPath())


def _joined(base: PurePosixPath, *parts: str) -> str:
    path = base.joinpath(*(part for part in parts if part)).as_posix()
    return "" if path == "." else path
