"""Cut an instruction into the parts that are judged: sentences, list items, comments, lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_BREAK = re.compile(
    r"(?<=[.!?…])[\"')\]]*\s+(?=[\"'(\[]?[^\W\d_a-z])"  # a sentence ends and a capital (or caseless letter) follows
    r"|(?<=[。！？])\s*"  # noqa: RUF001
    r"|\n\s*\n\s*"
    r"|\n(?=[ \t]*(?:[-*+•]|\d{1,3}[.)]|#{1,6}|\||>|//|/\*|--|<!--|@)\s?)"
    r"|(?<=:)\n"
    r"|(?<=-->)\s*\n"
    r"|\n(?=[A-Z][a-z]*[ ,])",
)
_LONG = 700
"""A part longer than this many characters is cut at its line ends, and then anywhere."""


def cut(text: str) -> list[tuple[int, int]]:
    """Give (start, end) of each part of ``text``, without the white space around it."""
    parts: list[tuple[int, int]] = []
    start = 0
    for match in _BREAK.finditer(text):
        parts.extend(_shorten(text, start, match.start()))
        start = match.end()
    parts.extend(_shorten(text, start, len(text)))
    return parts


def _shorten(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > _LONG:
        at = max(text.rfind("\n", start + 1, start + _LONG), text.rfind(". ", start + 1, start + _LONG) + 1)
        at = at if at > start else text.rfind(" ", start + 1, start + _LONG)
        at = at if at > start else start + _LONG
        yield from _trim(text, start, at)
        start = at
    yield from _trim(text, start, end)


def _trim(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    body = text[start:end]
    if body.strip():
        yield start + len(body) - len(body.lstrip()), start + len(body.rstrip())
