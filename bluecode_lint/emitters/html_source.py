"""Source code for the HTML report: coloured, with the defect and the steps of its flow marked in it."""

from __future__ import annotations

import difflib
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.syntax import Syntax

from bluecode_lint.core.edits import Patch
from bluecode_lint.emitters.excerpt import Row, excerpt, notes_by_file
from bluecode_lint.emitters.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Result
    from bluecode_lint.emitters.excerpt import Mark

_WIDTH = 160
_CONTEXT = 2
_TOKEN_CLASSES = (
    ("Token.Keyword", "k"),
    ("Token.Operator.Word", "k"),
    ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "n"),
    ("Token.Comment", "c"),
    ("Token.Name.Function", "f"),
    ("Token.Name.Class", "f"),
    ("Token.Name.Decorator", "f"),
)


class SourceView:
    """Renders excerpts of the files of a run, by their lines."""

    def __init__(self, lines: Mapping[str, Sequence[str]]) -> None:
        self._lines = lines
        self._lexer = Syntax("", "python").lexer

    def render(self, result: Result) -> str:
        """Give a figure for each file the finding touches, that of the defect first."""
        location = result.finding.location
        notes = notes_by_file(result)
        return "".join(
            self._figure(result, uri, excerpt(self._lines.get(uri, ()), notes[uri], _WIDTH, _CONTEXT))
            for uri in sorted(notes, key=lambda name: name != location.uri)
        )

    def diff(self, result: Result) -> str:
        """Give what the fix of a result takes out and puts in, a line each; empty if the file is not at hand."""
        lines = self._lines.get(result.finding.location.uri)
        if lines is None or result.fix is None:
            return ""
        changed = Patch("\n".join(lines), result.fix.edits).text.replace("\r", "")
        rows = difflib.unified_diff(lines, changed.split("\n"), lineterm="", n=0)
        return "\n".join(row for row in rows if not row.startswith(("---", "+++", "@@")))

    def _figure(self, result: Result, uri: str, rows: Sequence[Row]) -> str:
        location = result.finding.location
        if not rows and uri == location.uri:
            rows = [Row(location.region.start_line, visible(result.finding.snippet))]
        first = next((row.number for row in rows if row.number), location.region.start_line)
        place = f"{visible(uri)}:{location.region.start_line if uri == location.uri else first}"
        code = "".join(self._row(row) for row in rows)
        caption = f'<figcaption class="mono">{escape(place)}</figcaption>'
        return f'<figure>{caption}<pre tabindex="0"><code>{code}</code></pre></figure>'

    def _row(self, row: Row) -> str:
        if not row.number:
            return '<span class="row"><span class="num">⋯</span></span>'
        code = "".join(_pieces(row, self._token_classes(row.text)))
        says = "".join(
            f'<span class="say{" primary" if mark.primary else ""}">{escape(mark.label)}</span>'
            for mark in row.marks
            if mark.label
        )
        return f'<span class="row"><span class="num">{row.number}</span>{code}</span>{says}'

    def _token_classes(self, code: str) -> list[str]:
        """Give the class of each code point of a line."""
        if self._lexer is None:
            return [""] * len(code)
        classes: list[str] = []
        for kind, text in self._lexer.get_tokens(code):
            name = next((short for prefix, short in _TOKEN_CLASSES if str(kind).startswith(prefix)), "")
            classes += [name] * len(text)
        return classes[: len(code)] + [""] * (len(code) - len(classes))


def _pieces(row: Row, classes: Sequence[str]) -> Iterator[str]:
    """Cut a line where its colour or its marks change, and give each piece as an element."""
    spans = [(mark, *_code_points(row.text, mark)) for mark in row.marks]
    edges = {0, len(row.text), *(edge for _, start, end in spans for edge in (start, end))}
    edges |= {index for index in range(1, len(row.text)) if classes[index] != classes[index - 1]}
    for start, end in pairwise(sorted(edges)):
        around = [mark for mark, left, right in spans if left <= start and end <= right]
        marked = ("hit" if any(mark.primary for mark in around) else "at") if around else ""
        text = escape(row.text[start:end])
        names = " ".join(name for name in (classes[start], marked) if name)
        element = "mark" if marked else "span"
        yield f'<{element} class="{names}">{text}</{element}>' if names else text


def _code_points(text: str, mark: Mark) -> tuple[int, int]:
    """Turn a mark's cells back into code points of the line as shown."""
    start = end = len(text)
    cells = 0
    for index, character in enumerate(text):
        if cells >= mark.start and start == len(text):
            start = index
        if cells >= mark.start + mark.width:
            end = index
            break
        cells += cell_len(character)
    return start, max(start, end)
