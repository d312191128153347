"""Four judgments on one instruction, each for itself: malicious, biased, injected, hidden."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.guard.classifier import DOMAINS, probability
from bluecode_lint.guard.features import stem
from bluecode_lint.guard.segments import cut
from bluecode_lint.guard.views import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.model import Constitution
    from bluecode_lint.guard.classifier import Classifier
    from bluecode_lint.guard.features import FeatureReader, Features
    from bluecode_lint.guard.lexicon import WordVectors
    from bluecode_lint.guard.predicates import PassageReader
    from bluecode_lint.guard.views import Readings, View

REQUEST_CHARS_MAX = 2_500
REQUEST_PARTS_MAX = 8
"""A longer text in a file is a document, most of which is about something else; it is judged part by part."""
EVIDENCE = 1.2
"""Log-odds added where a reviewed principle is broken, whatever the classifier has seen."""
UNMARKED = -1.5
"""Log-odds added where nothing in the text is a mark of the domain: its words resemble harmful texts by chance."""
REQUEST_PRIOR = 0.6
"""Log-odds by which a text that somebody sends to be checked is likelier to be unsafe than one of the knowledge base,
where one in seven is unsafe in a given way: an application checks what is in doubt."""
DOCUMENT_PRIOR = -4.0
"""Log-odds by which a paragraph of a document is less likely to be unsafe than a text sent to be checked."""
CANDIDATE = 0.25
"""Below this probability nothing is noted."""
PLAUSIBLE = 0.5
SURE = 0.8

_DOCUMENT_PARTS = 16
"""A text with this many parts above the most of a request is a document for certain."""
_LONG_RUN = 3
_LATIN_NEIGHBOURS = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgment: the domain, how probable, where the sentence stands that carries it, and by which reading."""

    domain: str
    probability: float
    start: int
    end: int
    text: str
    channel: str
    features: Features | None = None
    broken: tuple[Constitution, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Judgments:
    """All judgments on one instruction, and what was not read of it."""

    items: tuple[Judged, ...]
    left_out: int


class InstructionJudge:
    """Judges texts offline, by principles, a classifier and what is hidden."""

    def __init__(
        self, passages: PassageReader, features: FeatureReader, classifier: Classifier, vectors: WordVectors
    ) -> None:
        """Judge with these parts, all loaded from the rules."""
        self._passages = passages
        self._features = features
        self._classifier = classifier
        self._vectors = vectors

    def judge(self, text: str, *, bare: bool = False) -> Judgments:
        """Judge one instruction; ``bare`` says that it is a request and no document, however long."""
        readings = read_all(text, self._is_word)
        items: list[Judged] = []
        for view in readings.views:
            items.extend(j for j in self._judge_view(view, bare=bare) if j.broken or view.channel not in _MARKUP)
        items.extend(self._judge_hidden(readings, text, items))
        return Judgments(tuple(_best_of_each_place(items)), readings.left_out)

    def _is_word(self, word: str) -> bool:
        """Tell whether it is a word: one of the table, perhaps inflected, or one that a concept is about."""
        return self._vectors.knows(word) or self._vectors.knows(stem(word)) or self._passages.concepts.knows(word)

    def _judge_view(self, view: View, *, bare: bool) -> Iterator[Judged]:
        parts = cut(view.text)
        if not parts:
            return
        if bare or (len(parts) <= REQUEST_PARTS_MAX and len(view.text) <= REQUEST_CHARS_MAX):
            yield from self._judge_request(view, parts)
        else:
            yield from self._judge_document(view, parts)

    def _judge_request(self, view: View, parts: Sequence[tuple[int, int]]) -> Iterator[Judged]:
        """Judge a text as a whole and in its parts; the likelier decides, and the likeliest part carries it."""
        whole = self._score(view.text[:REQUEST_CHARS_MAX], view)
        pieces = [self._score(view.text[start:end], view) for start, end in parts] if len(parts) > 1 else []
        looks = math.log(len(pieces)) - REQUEST_PRIOR if pieces else 0.0
        for domain in DOMAINS:
            best, (start, end) = whole, (parts[0][0], parts[-1][1])
            logit = whole.logits[domain] + REQUEST_PRIOR
            if pieces:
                at = max(range(len(pieces)), key=lambda index: pieces[index].logits[domain])
                start, end = parts[at]
                if pieces[at].logits[domain] - looks > logit:
                    best, logit = pieces[at], pieces[at].logits[domain] - looks
            if probability(logit) >= CANDIDATE:
                yield _judged(domain, probability(logit), view, (start, end), best)

    def _judge_document(self, view: View, parts: Sequence[tuple[int, int]]) -> Iterator[Judged]:
        """Judge each part of a document against the odds that one of so many stands out.

        A likely part is not enough among so many: it must also break a principle.
        """
        share = min(1.0, max(len(parts) - REQUEST_PARTS_MAX, 4) / _DOCUMENT_PARTS)
        handicap = DOCUMENT_PRIOR * share - 0.5 * math.log(len(parts))
        for start, end in parts:
            score = self._score(view.text[start:end], view)
            for domain in DOMAINS:
                chance = probability(score.logits[domain] + handicap)
                if chance >= CANDIDATE and score.broken(domain):
                    yield _judged(domain, chance, view, (start, end), score)

    def _score(self, text: str, view: View) -> _Score:
        features = self._features.read(self._passages.read(text, unseen=view.unseen))
        logits = {}
        for domain, linear in self._classifier.domains.items():
            evidence = EVIDENCE if any(c.domain == domain for c in features.broken) else 0.0
            if features.is_unmarked(domain):
                evidence += UNMARKED
            logits[domain] = linear.logit(features) + evidence
        return _Score(text, features, logits)

    def _judge_hidden(self, readings: Readings, text: str, others: Sequence[Judged]) -> Iterator[Judged]:
        """Judge what is done to keep parts of the text from people."""
        yield from _hidden_runs(readings, text)
        for view in readings.views:
            if view.unseen and any(_is_in(judged, view) and judged.probability >= PLAUSIBLE for judged in others):
                detail = f"an instruction in {_CHANNELS.get(view.channel, view.channel)}"
                yield Judged("hidden", SURE, *view.place, view.text, view.channel, detail=detail)
        for link in readings.mismatches:
            detail = f"a link that shows {link.shown} and leads to {link.target}"
            yield Judged("hidden", PLAUSIBLE, link.start, link.end, text[link.start : link.end], "link", detail=detail)


@dataclass(frozen=True, slots=True)
class _Score:
    text: str
    features: Features
    logits: dict[str, float]

    def broken(self, domain: str) -> tuple[Constitution, ...]:
        return tuple(c for c in self.features.broken if c.domain == domain)


_MARKUP = frozenset({"html-comment", "markdown-comment", "invisible-element", "white-text", "alternative-text"})
"""Channels with honest uses, unlike invisible characters: what stands there must break a principle."""


def _is_in(judged: Judged, view: View) -> bool:
    return judged.channel == view.channel and (judged.start, judged.end) == view.place


_CHANNELS = {
    "html-comment": "an HTML comment",
    "markdown-comment": "a Markdown comment",
    "invisible-element": "an element that is not displayed",
    "white-text": "white text",
    "alternative-text": "a picture's alternative text",
    "unicode-tags": "invisible Unicode tags",
    "zero-width": "zero-width characters",
    "variation-selectors": "variation selectors",
    "bidi-override": "reordered characters",
}


def _judged(domain: str, chance: float, view: View, part: tuple[int, int], score: _Score) -> Judged:
    start, end = view.span(*part)
    return Judged(
        domain, chance, start, end, view.text[part[0] : part[1]], view.channel, score.features, score.broken(domain)
    )


def _hidden_runs(readings: Readings, text: str) -> Iterator[Judged]:
    """Judge invisible characters: those that spell something, and those that part words or stand in long runs."""
    splitting = []
    for item in readings.hidden:
        run = text[item.start : item.end]
        if item.says.strip() or item.kind in {"bidi-override", "variation-selectors"}:
            what = (
                f"{_CHANNELS[item.kind]} that spell {item.says[:120]!r}" if item.says.strip() else _CHANNELS[item.kind]
            )
            yield Judged("hidden", SURE + 0.15, item.start, item.end, run, item.kind, detail=what)
        elif len(run) >= _LONG_RUN:
            detail = f"{len(run)} invisible characters in a row"
            yield Judged("hidden", SURE, item.start, item.end, run, item.kind, detail=detail)
        elif _splits_a_word(text, item.start, item.end):
            splitting.append(item)
    if splitting:
        first = splitting[0]
        chance = SURE if len(splitting) >= _LONG_RUN else PLAUSIBLE
        detail = f"invisible characters inside {len(splitting)} word{'s' if len(splitting) > 1 else ''}"
        yield Judged("hidden", chance, first.start, first.end, text[first.start : first.end], first.kind, detail=detail)
    if "confusables" in readings.tricks:
        first_view = readings.views[0]
        detail = "letters of another alphabet inside words"
        yield Judged("hidden", PLAUSIBLE, *_first_mixed_word(text, first_view), "", "confusables", detail=detail)


def _splits_a_word(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 1) : start], text[end : end + 1]
    return bool(_LATIN_NEIGHBOURS.match(before) and _LATIN_NEIGHBOURS.match(after)) and text[start:end] != "\u00ad"


_MIXED = re.compile(r"(?:[A-Za-z]+[\u0370-\u052f]|[\u0370-\u052f]+[A-Za-z])[A-Za-z\u0370-\u052f]*")


def _first_mixed_word(text: str, view: View) -> tuple[int, int]:
    match = _MIXED.search(text)
    return (match.start(), match.end()) if match else view.span(0, min(40, len(view.text)))


def _best_of_each_place(items: Sequence[Judged]) -> list[Judged]:
    """Keep, of judgments of one domain that overlap, the most probable; among equals the shortest."""
    kept: list[Judged] = []
    for item in sorted(items, key=lambda j: (j.domain, -j.probability, j.end - j.start, j.start)):
        if not any(
            k.domain == item.domain and item.start < max(k.end, k.start + 1) and k.start < max(item.end, item.start + 1)
            for k in kept
        ):
            kept.append(item)
    return sorted(kept, key=lambda j: (j.start, j.domain))
