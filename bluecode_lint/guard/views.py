"""Every reading of a text that a model could have: as displayed, what is hidden in it, and what its blobs decode to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bluecode_lint.guard.encodings import find_wrapped
from bluecode_lint.guard.markup import Mismatch, find_mismatches, find_unseen
from bluecode_lint.guard.normalize import unmask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluecode_lint.guard.normalize import Hidden, Unmasked

DEPTH_MAX = 4
"""How deep blobs within blobs are unwrapped."""
DECODED_CHARS_MAX = 131_072
"""How much decoded text is read in all."""
HEAD_CHARS = 196_608
TAIL_CHARS = 65_536
"""Of a longer text, this much of its beginning and of its end is read."""


@dataclass(frozen=True, slots=True)
class View:
    """One reading. ``channel`` says how it was come by: ``text``, or the names of the wrappings, outermost first.

    Outside ``text`` all of it stands at ``place``; inside, each character has its own.
    """

    text: str
    channel: str
    unseen: bool
    place: tuple[int, int]
    unmasked: Unmasked | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give where a part of the reading stands in the instruction."""
        if self.unmasked is None:
            return self.place
        first, last = self.unmasked.span(start, end)
        return first + self.place[0], last + self.place[0]


@dataclass(frozen=True, slots=True)
class Readings:
    """All readings of an instruction, and what was done to hide some of them."""

    views: tuple[View, ...]
    hidden: tuple[Hidden, ...]
    tricks: frozenset[str]
    mismatches: tuple[Mismatch, ...]
    left_out: int
    """Characters of the instruction that were not read."""


def read_all(text: str, is_word: Callable[[str], bool]) -> Readings:
    """Give every reading of a text, in bounded time: what is left out is counted."""
    left_out = max(0, len(text) - HEAD_CHARS - TAIL_CHARS)
    slices = [(0, text)] if not left_out else [(0, text[:HEAD_CHARS]), (len(text) - TAIL_CHARS, text[-TAIL_CHARS:])]
    views: list[View] = []
    hidden: list[Hidden] = []
    mismatches: list[Mismatch] = []
    tricks: set[str] = set()
    budget = [DECODED_CHARS_MAX]
    for offset, part in slices:
        plain = unmask(part, is_word)
        views.append(View(plain.text, "text", unseen=False, place=(offset, offset + len(part)), unmasked=plain))
        views.extend(_unseen_views(plain, offset))
        for item in plain.hidden:
            if item.says.strip():
                place = (offset + item.start, offset + item.end)
                views.append(View(item.says, item.kind, unseen=True, place=place))
        views.extend(
            replace(view, place=(view.place[0] + offset, view.place[1] + offset))
            for view in _unwrap(part, is_word, budget, 1)
        )
        hidden.extend(_shifted(item, offset) for item in plain.hidden)
        mismatches.extend(Mismatch(m.start + offset, m.end + offset, m.shown, m.target) for m in find_mismatches(part))
        tricks |= plain.tricks
    return Readings(tuple(views), tuple(hidden), frozenset(tricks), tuple(mismatches), left_out)


def _shifted(item: Hidden, offset: int) -> Hidden:
    return replace(item, start=item.start + offset, end=item.end + offset)


def _unseen_views(plain: Unmasked, offset: int) -> Iterator[View]:
    for part in find_unseen(plain.text):
        if part.text.strip():
            start, end = plain.span(part.start, part.end)
            yield View(part.text, part.kind, unseen=True, place=(start + offset, end + offset))


def _unwrap(text: str, is_word: Callable[[str], bool], budget: list[int], depth: int) -> Iterator[View]:
    """Decode blobs, and blobs in what they decode to, until the depth or the budget is used up."""
    for wrapped in find_wrapped(text, is_word):
        if budget[0] <= 0:
            return
        inner = wrapped.text[: budget[0]]
        budget[0] -= len(inner)
        place = (wrapped.start, wrapped.end)
        yield View(unmask(inner, is_word).text, wrapped.encoding, unseen=False, place=place)
        if depth < DEPTH_MAX:
            for deeper in _unwrap(inner, is_word, budget, depth + 1):
                yield View(deeper.text, f"{wrapped.encoding}+{deeper.channel}", unseen=False, place=place)
