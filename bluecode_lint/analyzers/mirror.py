"""A private copy of what was read, for tools that want files.

A tool sees the decoded text as UTF-8 under numbered names: staged and piped content works, no file name can look like
an option, and no configuration or ignore file of the scanned project is near. Line numbers and byte columns are those
of the original text.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_right
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.model import Artifact

_COOKIE = re.compile(rb"^([ \t\f]*#.*?)coding(?=[:=][ \t]*[-\w.]+)", re.MULTILINE)
"""A declaration of the encoding, as PEP 263 spells it."""


class MirroredFile:
    """An artifact's copy: ``name`` inside the mirror, and the way back from its byte positions."""

    def __init__(self, artifact: Artifact, name: str) -> None:
        self.artifact = artifact
        self.name = name

    @cached_property
    def _line_starts(self) -> list[int]:
        """Byte offsets; LF, CRLF and CR end a line."""
        lines = self.artifact.syntax.source.splitlines(keepends=True)
        return [0, *accumulate(map(len, lines[:-1]))] if lines else [0]

    def offset(self, line: int, byte_column: int) -> int:
        """Find (line from 1, column in UTF-8 bytes from 0) in the text; what lies outside is clamped."""
        start = self._line_starts[min(max(line, 1), len(self._line_starts)) - 1]
        return min(start + max(byte_column, 0), len(self.artifact.syntax.source))

    def code_end(self, line: int) -> int:
        """Give the offset at which a line's text ends, white space and line end left out."""
        start, following = self.offset(line, 0), self.offset(line + 1, 0)
        end = following if following > start else len(self.artifact.syntax.source)
        return start + len(self.artifact.syntax.source[start:end].rstrip())

    def region(self, start: int, end: int) -> Region:
        """Convert two byte offsets, the end exclusive."""
        first = self._position(start)
        return Region(*first, *max(first, self._position(end)))

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset)
        before = self.artifact.syntax.source[self._line_starts[line - 1] : offset]
        return line, len(before.decode("utf-8", errors="replace")) + 1

    def text(self, start: int, end: int) -> str:
        """Give the text between two byte offsets."""
        return self.artifact.syntax.source[start:end].decode("utf-8", errors="replace")


class Mirror:
    """The directory ``root`` and its files by the name they have there."""

    def __init__(self, root: Path, files: Sequence[MirroredFile]) -> None:
        self.root = root
        self.files = {file.name: file for file in files}

    def file(self, path: str) -> MirroredFile | None:
        """Find a file by a path as tools print it: ``./0/00012.py``, ``0/00012.py`` or absolute."""
        return self.files.get(path.rpartition("/")[2])


@contextmanager
def mirrored(artifacts: Sequence[Artifact], *, folders: int = 1) -> Iterator[Mirror]:
    """Write the artifacts into a directory only we can read; it is gone afterwards.

    They are dealt out over ``folders`` sub-directories ``0``, ``1``, … of about the same number of bytes each.
    """
    files = [MirroredFile(artifact, f"{number:05}.py") for number, artifact in enumerate(artifacts)]
    with tempfile.TemporaryDirectory(prefix="bluecode-") as scratch:
        root = Path(scratch)
        loads = [0] * folders
        for folder in range(folders):
            (root / str(folder)).mkdir()
        for file in files:
            source = file.artifact.syntax.source
            folder = loads.index(min(loads))
            loads[folder] += len(source) + 1
            (root / str(folder) / file.name).write_bytes(_without_cookie(source))
        yield Mirror(root, files)


def _without_cookie(source: bytes) -> bytes:
    """Make the text stand as UTF-8: a cookie that says something else is defused without moving a byte."""
    second = source.find(b"\n", source.find(b"\n") + 1) if b"\n" in source else -1
    head = len(source) if second < 0 else second
    return _COOKIE.sub(rb"\1c0ding", source[:head]) + source[head:]
