"""Edits of a text, and where a place of the text is afterwards. Lines end at a line feed, as in every region."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Edit, Region

if TYPE_CHECKING:
    from collections.abc import Iterable


def conflict(edit: Edit, other: Edit) -> bool:
    """Tell whether two edits overlap, or insert different texts at one place, so that their order would matter."""
    if edit == other:
        return False
    first, second = sorted((edit.region, other.region))
    end, begin = (first.end_line, first.end_column), (second.start_line, second.start_column)
    return begin < end or (first == second and begin == end)


@dataclass(frozen=True, slots=True)
class _Change:
    """One edit in offsets: what it takes out of the old text, and where it stands in the new one."""

    start: int
    end: int
    new_start: int
    new_end: int


class Patch:
    """Edits applied to one text.

    Args:
        text: The text before.
        edits: In any order; equal ones count once.

    Raises:
        ValueError: Two edits conflict, or one lies outside of the text.
    """

    def __init__(self, text: str, edits: Iterable[Edit]) -> None:
        self._old = _Lines(text)
        parts: list[str] = []
        self._changes: list[_Change] = []
        position = length = 0
        previous: Edit | None = None
        for edit in sorted(set(edits)):
            if previous is not None and conflict(previous, edit):
                message = f"edits conflict at line {edit.region.start_line}"
                raise ValueError(message)
            previous = edit
            start, end = self._old.span(edit.region)
            parts += [text[position:start], edit.text]
            length += start - position
            self._changes.append(_Change(start, end, length, length + len(edit.text)))
            length += len(edit.text)
            position = end
        self.text = "".join([*parts, text[position:]])
        self._new = _Lines(self.text)

    def moved(self, region: Region) -> Region:
        """Give the place in the new text of a region of the old one; what was replaced within grows or shrinks it."""
        start, end = self._old.span(region)
        first = self._forward(start, to_end=False)
        return self._new.region(first, max(first, self._forward(end, to_end=True)))

    def landed(self, edit: Edit) -> Region:
        """Give the place in the new text of what one of the edits put there."""
        span = self._old.span(edit.region)
        change = next(c for c in self._changes if (c.start, c.end) == span)
        return self._new.region(change.new_start, change.new_end)

    def snippet(self, region: Region) -> str:
        """Give what stands at a region of the new text."""
        start, end = self._new.span(region)
        return self.text[start:end]

    def origin(self, region: Region) -> Region:
        """Give the place in the old text of a region of the new one; of a new text, the place it took."""
        start, end = self._new.span(region)
        return self._old.region(self._backward(start, to_end=False), self._backward(end, to_end=True))

    def _forward(self, offset: int, *, to_end: bool) -> int:
        shift = 0
        for change in self._changes:
            if offset < change.start or (to_end and offset == change.start and change.start < change.end):
                break
            if offset < change.end:
                return change.new_end if to_end else change.new_start
            if to_end and offset == change.start == change.end:
                break
            shift = change.new_end - change.end
        return offset + shift

    def _backward(self, offset: int, *, to_end: bool) -> int:
        shift = 0
        for change in self._changes:
            if offset < change.new_start:
                break
            if offset < change.new_end:
                return change.end if to_end else change.start
            shift = change.end - change.new_end
        return offset + shift


class _Lines:
    """A text with the offsets of its lines."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        position = text.find("\n")
        while position >= 0:
            self.starts.append(position + 1)
            position = text.find("\n", position + 1)

    def span(self, region: Region) -> tuple[int, int]:
        return self._offset(region.start_line, region.start_column), self._offset(region.end_line, region.end_column)

    def region(self, start: int, end: int) -> Region:
        return Region(*self._point(start), *self._point(end))

    def _offset(self, line: int, column: int) -> int:
        if not 1 <= line <= len(self.starts) + 1:
            message = f"there is no line {line}"
            raise ValueError(message)
        if line == len(self.starts) + 1:  # tools name the line after the last as an end
            return len(self.text)
        return min(self.starts[line - 1] + column - 1, len(self.text))

    def _point(self, offset: int) -> tuple[int, int]:
        row = bisect_right(self.starts, offset) - 1
        return row + 1, offset - self.starts[row] + 1
