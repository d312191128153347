"""Lines of source with what is to be underlined in them: for reports that show code on a fixed-width grid.

Everything shown is harmless (see `visible`); columns of code points become columns of cells, for tabs, escapes and wide
characters take more than one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from bluecode_lint.emitters.visible import visible
from bluecode_lint.emitters.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bluecode_lint.core.model import Location, Region, Result

_TAB = 4
_HEAD_OF_REGION = 5
_TAIL_OF_REGION = 2
_SMALLEST_GAP = 1
_ELLIPSIS = "…"
_MOST_STEPS = 8


@dataclass(frozen=True, slots=True)
class Note:
    """A region to underline, and the words beside it. ``primary`` is where the defect is."""

    region: Region
    label: str = ""
    primary: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """An underline below a row, in cells from its start; the label stands at the last line of the region."""

    start: int
    width: int
    label: str
    primary: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A line to show with its number from 1; number 0 is a gap where lines were left out."""

    number: int
    text: str = ""
    marks: tuple[Mark, ...] = ()


def split_lines(text: str) -> list[str]:
    """Split at line feeds only, as regions count lines; form feeds and their like stay inside."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def excerpt(lines: Sequence[str], notes: Iterable[Note], width: int, context: int = 1) -> list[Row]:
    """Choose the lines that matter, cut each to ``width`` cells, and place the underlines.

    ``context`` lines are shown around the primary region. Long regions are shown by head and tail. Notes beyond the end
    of the text are left out.
    """
    placed = [note for note in notes if 1 <= note.region.start_line <= len(lines)]
    marked: set[int] = set()
    shown: set[int] = set()
    for note in placed:
        marked.update(_lines_of(note, len(lines), 0))
        shown.update(_lines_of(note, len(lines), context if note.primary else 0))
    numbers = [number for number in sorted(shown) if number in marked or lines[number - 1].strip()]
    rows: list[Row] = []
    previous = 0
    for number in numbers:
        if previous and number - previous == _SMALLEST_GAP + 1:
            rows.append(_row(previous + 1, lines, placed, width))
        elif previous and number > previous + 1:
            rows.append(Row(0))
        rows.append(_row(number, lines, placed, width))
        previous = number
    return rows


def notes_by_file(result: Result) -> dict[str, list[Note]]:
    """Say what to underline: the defect, the numbered steps of the flow, and related places."""
    finding = result.finding
    notes: dict[str, list[Note]] = {finding.location.uri: []}
    primary_label = one_line(finding.location.message)
    for number, step in _some_steps(finding.code_flow):
        label = f"{number} {one_line(step.message)}".rstrip()
        if (step.uri, step.region) == (finding.location.uri, finding.location.region):
            primary_label = label
        else:
            notes.setdefault(step.uri, []).append(Note(step.region, label))
    for place in finding.related:
        notes.setdefault(place.uri, []).append(Note(place.region, one_line(place.message)))
    notes[finding.location.uri].append(Note(finding.location.region, primary_label, primary=True))
    return notes


def _some_steps(flow: Sequence[Location]) -> list[tuple[int, Location]]:
    """Number the steps of a flow; of a long one keep both ends."""
    numbered = list(enumerate(flow, start=1))
    if len(numbered) <= _MOST_STEPS:
        return numbered
    return [*numbered[: _MOST_STEPS // 2], *numbered[-_MOST_STEPS // 2 :]]


def _lines_of(note: Note, last: int, context: int) -> set[int]:
    start, end = note.region.start_line, min(_last_line(note.region), last)
    around = {*range(max(1, start - context), start), *range(end + 1, min(last, end + context) + 1)}
    if end - start < _HEAD_OF_REGION + _TAIL_OF_REGION:
        return {*range(start, end + 1), *around}
    return {*range(start, start + _HEAD_OF_REGION), *range(end - _TAIL_OF_REGION + 1, end + 1), *around}


def _last_line(region: Region) -> int:
    """Give the last line that has a character of the region."""
    ends_before = region.end_column == 1 and region.end_line > region.start_line
    return region.end_line - ends_before


def _row(number: int, lines: Sequence[str], notes: Sequence[Note], width: int) -> Row:
    line = lines[number - 1]
    glyphs = _glyphs(line)
    edges = [0]
    for glyph in glyphs:
        edges.append(edges[-1] + cell_len(glyph))
    marks = [
        _mark(number, line, edges, note)
        for note in notes
        if note.region.start_line <= number <= _last_line(note.region)
    ]
    marks.sort(key=lambda mark: (mark.primary, -mark.start))
    left = _left_edge(edges, marks, width)
    text, shift = _window(glyphs, edges, left, width)
    moved = (Mark(max(0, mark.start - shift), mark.width, mark.label, mark.primary) for mark in marks)
    clipped = (
        Mark(m.start, max(1, min(m.width, width - m.start)), m.label, m.primary) for m in moved if m.start < width
    )
    return Row(number, text, tuple(clipped))


def _glyphs(line: str) -> list[str]:
    """Give what is shown for each code point: itself, spaces for a tab, an escape for what must not be obeyed."""
    glyphs: list[str] = []
    cells = 0
    for character in line:
        glyph = " " * (_TAB - cells % _TAB) if character == "\t" else visible(character)
        glyphs.append(glyph)
        cells += cell_len(glyph)
    return glyphs


def _mark(number: int, line: str, edges: Sequence[int], note: Note) -> Mark:
    """Underline the part of a region that lies on a line, from its first character that is not blank."""
    region = note.region
    start = region.start_column - 1 if number == region.start_line else len(line) - len(line.lstrip())
    end = region.end_column - 1 if number == region.end_line else len(line.rstrip())
    start = min(start, len(line))
    end = max(start, min(end, len(line)))
    label = note.label if number == _last_line(region) else ""
    return Mark(edges[start], max(1, edges[end] - edges[start]), label, note.primary)


def _left_edge(edges: Sequence[int], marks: Sequence[Mark], width: int) -> int:
    """Choose the cell a long line is shown from, so that what matters most on it is seen."""
    if edges[-1] <= width or not marks:
        return 0
    mark = marks[-1]
    if mark.start + min(mark.width, width // 2) < width:
        return 0
    return max(0, min(mark.start - width // 4, edges[-1] - width + 1))


def _window(glyphs: Sequence[str], edges: Sequence[int], left: int, width: int) -> tuple[str, int]:
    """Cut a line to a window; give the text and by how many cells everything moved to the left."""
    if not left and edges[-1] <= width:
        return "".join(glyphs), 0
    first = next(index for index, edge in enumerate(edges) if edge >= left)
    room = width - bool(left)
    last = first
    while last < len(glyphs) and edges[last + 1] - edges[first] <= room - (last + 1 < len(glyphs)):
        last += 1
    text = "".join(glyphs[first:last])
    before = _ELLIPSIS if left else ""
    after = _ELLIPSIS if last < len(glyphs) else ""
    return before + text + after, edges[first] - len(before)
