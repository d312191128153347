"""The conditions of constitutions as checks on a passage: small questions about what is mentioned, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import RulesError
from bluecode_lint.guard.lexicon import Concepts, Mention, Word, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bluecode_lint.core.model import Condition, Constitution

HEAD_WORDS = 6
"""What is asked for is mostly said within this many words."""
NEAR_WORDS = 12
"""Two mentions at most this many words apart stand together."""
_PATTERN_CHARS_MAX = 6_000


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of an instruction, as the checks see it. ``unseen`` says that people do not get to see it."""

    text: str
    words: Sequence[Word]
    mentions: Sequence[Mention]
    patterns: frozenset[str]
    unseen: bool = False

    @property
    def head_end(self) -> int:
        """Give where the first words end."""
        return self.words[min(len(self.words), HEAD_WORDS) - 1].end if self.words else 0


class PassageReader:
    """Reads texts into passages."""

    def __init__(self, concepts: Concepts, patterns: Mapping[str, str]) -> None:
        """Read with these concepts and named regular expressions."""
        self.concepts = concepts
        self._patterns = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in sorted(patterns.items())}

    def read(self, text: str, *, unseen: bool = False) -> Passage:
        """Read one passage."""
        words = words_of(text)
        shown = text[:_PATTERN_CHARS_MAX]
        patterns = frozenset(name for name, pattern in self._patterns.items() if pattern.search(shown))
        return Passage(text, words, self.concepts.find(words), patterns, unseen)


def _mentions(passage: Passage, concepts: tuple[str, ...]) -> bool:
    return any(mention.concept in concepts and not mention.negated for mention in passage.mentions)


def _begins_with(passage: Passage, concepts: tuple[str, ...]) -> bool:
    end = passage.head_end
    return any(mention.start < end and mention.concept in concepts for mention in passage.mentions)


def _negated(passage: Passage, concepts: tuple[str, ...]) -> bool:
    return any(mention.concept in concepts and mention.negated for mention in passage.mentions)


def _together(passage: Passage, concepts: tuple[str, ...]) -> bool:
    """Tell whether the first concept is mentioned near one of the others, both without negation."""
    first, others = concepts[0], concepts[1:]
    index = {word.start: at for at, word in enumerate(passage.words)}
    places = [index[m.start] for m in passage.mentions if m.concept == first and not m.negated]
    return any(
        mention.concept in others
        and not mention.negated
        and any(abs(index[mention.start] - p) <= NEAR_WORDS for p in places)
        for mention in passage.mentions
    )


def _has_pattern(passage: Passage, names: tuple[str, ...]) -> bool:
    return not passage.patterns.isdisjoint(names)


def _is_unseen(passage: Passage, _arguments: tuple[str, ...]) -> bool:
    return passage.unseen


PREDICATES: Mapping[str, Callable[[Passage, tuple[str, ...]], bool]] = {
    "mentions": _mentions,
    "begins_with": _begins_with,
    "negated": _negated,
    "together": _together,
    "has_pattern": _has_pattern,
    "is_unseen": _is_unseen,
}


def check_predicates(constitutions: Iterable[Constitution]) -> None:
    """Check that every condition can be checked.

    Raises:
        RulesError: A condition has no predicate, or an unknown one.
    """
    for constitution in constitutions:
        for condition in (*constitution.unsafe_when, *constitution.safe_when):
            if condition.predicate not in PREDICATES:
                message = f"constitution {constitution.id}: predicate {condition.predicate!r} is unknown to the guard"
                raise RulesError(message)


def breaks(passage: Passage, constitution: Constitution) -> bool:
    """Tell whether a passage breaks a constitution: every unsafe condition holds, and not every safe one."""
    return _all_hold(passage, constitution.unsafe_when) and not _all_hold(passage, constitution.safe_when)


def satisfies(passage: Passage, constitution: Constitution) -> bool:
    """Tell whether a passage is excused: unsafe and safe conditions hold."""
    return _all_hold(passage, constitution.unsafe_when) and _all_hold(passage, constitution.safe_when)


def _all_hold(passage: Passage, conditions: Sequence[Condition]) -> bool:
    return all(PREDICATES[condition.predicate](passage, condition.arguments) for condition in conditions)
