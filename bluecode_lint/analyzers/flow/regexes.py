"""Read regular expressions: which characters a full match lets through, and where a match can take exponential time.

Both read the parse of the standard library's own compiler, so that what is judged is what runs.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

sre_constants: Any = importlib.import_module("re._constants")
sre_parse: Any = importlib.import_module("re._parser")

_ASCII = frozenset(map(chr, range(128)))
_OTHER = "\u2603"
"""Stands for every character beyond ASCII."""
_ANY = _ASCII | {_OTHER}
_CATEGORIES = {
    "CATEGORY_DIGIT": frozenset("0123456789") | {_OTHER},
    "CATEGORY_SPACE": frozenset(" \t\n\r\f\v") | {_OTHER},
    "CATEGORY_WORD": frozenset(c for c in _ASCII if c.isalnum() or c == "_") | {_OTHER},
}
_MAX_PATTERN = 4000
_MANY = 10
"""Repeats at which an ambiguity costs real time."""


def _parse(pattern: str) -> Any:  # noqa: ANN401  # the standard library's own parse tree
    if len(pattern) > _MAX_PATTERN:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return sre_parse.parse(pattern)
        except (ValueError, OverflowError, RecursionError, sre_constants.error):
            return None


def _name(code: object) -> str:
    return str(code)


@functools.lru_cache(maxsize=512)
def allowed_characters(pattern: str, *, full: bool) -> frozenset[str] | None:
    r"""Give the characters a text may have once it matched; None if the pattern says nothing of the whole text.

    ``full`` tells that the call itself anchors both ends (`re.fullmatch`); otherwise the pattern must anchor the end
    (``$`` or ``\Z``), and `re.match` its start.
    """
    tree = _parse(pattern)
    if tree is None:
        return None
    items = list(tree)
    if not full:
        if not items or not _is_end(items[-1]):
            return None
        items = items[:-1]
    while items and _name(items[0][0]) == "AT":
        items = items[1:]
    return _letters(items)


@functools.lru_cache(maxsize=512)
def captured_characters(pattern: str) -> tuple[frozenset[str], tuple[frozenset[str], ...]]:
    """Give the characters a whole match can have, and those of each group (without groups, the whole's)."""
    tree = _parse(pattern)
    if tree is None:
        return _ANY, (frozenset(),)
    whole = _letters(tree)
    return whole, tuple(_letters(body) for body in _groups(tree)) or (whole,)


def _groups(items: Any) -> Iterator[Any]:  # noqa: ANN401  # a piece of the parse tree
    for code, argument in items:
        name = _name(code)
        if name == "SUBPATTERN":
            if argument[0] is not None:
                yield argument[3]
            yield from _groups(argument[3])
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            yield from _groups(argument[2])
        elif name == "BRANCH":
            for branch in argument[1]:
                yield from _groups(branch)


@functools.lru_cache(maxsize=512)
def is_anchored(pattern: str) -> bool:
    r"""Tell whether a pattern starts with ``^`` or ``\A``, so that `re.search` looks at the start only."""
    tree = _parse(pattern)
    return bool(tree) and _name(tree[0][0]) == "AT" and _name(tree[0][1]).startswith("AT_BEGINNING")


def _is_end(item: tuple[object, object]) -> bool:
    return _name(item[0]) == "AT" and _name(item[1]).startswith("AT_END")


def _letters(items: Any) -> frozenset[str]:  # noqa: ANN401  # a piece of the parse tree
    """Unite the characters every part of a pattern can consume."""
    found: set[str] = set()
    for code, argument in items:
        found |= _letters_of(_name(code), argument)
    return frozenset(found)


def _letters_of(code: str, argument: Any) -> frozenset[str]:  # noqa: ANN401  # a piece of the parse tree
    if code == "LITERAL":
        return frozenset({chr(argument) if argument < 128 else _OTHER})  # noqa: PLR2004  # ASCII
    if code == "NOT_LITERAL":
        return _ANY - {chr(argument)}
    if code == "ANY":
        return _ANY
    if code == "IN":
        return _class(argument)
    if code in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return _letters(argument[2])
    if code == "SUBPATTERN":
        return _letters(argument[3])
    if code == "ATOMIC_GROUP":
        return _letters(argument)
    if code == "BRANCH":
        return frozenset().union(*(_letters(branch) for branch in argument[1]))
    if code in ("AT", "ASSERT", "ASSERT_NOT"):
        return frozenset()
    return _ANY


def _class(items: Any) -> frozenset[str]:  # noqa: ANN401  # a piece of the parse tree
    found: set[str] = set()
    negated = False
    for code, argument in items:
        name = _name(code)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found.add(chr(argument) if argument < 128 else _OTHER)  # noqa: PLR2004  # ASCII
        elif name == "RANGE":
            low, high = argument
            found.update(chr(c) for c in range(low, min(high, 127) + 1))
            if high > 127:  # noqa: PLR2004  # ASCII
                found.add(_OTHER)
        elif name == "CATEGORY":
            category = _name(argument)
            known = _CATEGORIES.get(category.replace("_NOT_", "_"), _ANY)
            found |= (_ANY - known) | {_OTHER} if "_NOT_" in category else known
    return (_ANY - found) | ({_OTHER} if _OTHER not in found else frozenset()) if negated else frozenset(found)


# --- ambiguity -------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=512)
def ambiguity(pattern: str, *, full: bool = False) -> str:
    r"""Explain how matching can take exponential or polynomial time; ``""`` if it cannot.

    The pattern becomes its position automaton (Glushkov, 1961), each transition counted as often as backtracking could
    take it. Exponential: inside a loop, one word leads from a state back to itself in two ways (``(a+)+``).
    Polynomial: one word loops in a state, leads from it to a second state, and loops there too (``.*.*``, ``\d+\d+``).
    See Weber and Seidl, "On the degree of ambiguity of finite automata" (1991). Either costs time only if the match can
    still fail afterwards, so a loop that may end the match is harmless unless the end is anchored (``full``: by the
    call itself).
    """
    tree = _parse(pattern)
    if tree is None:
        return ""
    automaton = _Automaton()
    try:
        fragment = automaton.sequence(list(tree))
    except _TooLargeError:
        return ""
    free_ends = frozenset() if full or automaton.is_anchored else fragment.last
    loops = [loop for loop in automaton.loops() if not loop & free_ends]
    for loop in loops:
        if automaton.is_exponential(loop):
            return "one text can be matched in exponentially many ways by the loops inside one another"
    for first in loops:
        for second in loops:
            if first is not second and automaton.is_polynomial(first, second):
                return "neighbouring loops can share one text in many ways"
    return ""


_MAX_POSITIONS = 120
_MAX_COPIES = 3
"""Rounds of a bounded repeat that are written out."""
_MAX_TRIPLES = 60_000


class _TooLargeError(Exception):
    """The automaton is too large to be judged."""


@dataclass(slots=True)
class _Fragment:
    """A piece of an automaton: the positions it can start and end with, and whether it can be empty."""

    first: frozenset[int]
    last: frozenset[int]
    empty: bool


_EMPTY = _Fragment(frozenset(), frozenset(), empty=True)


class _Automaton:
    """The position automaton of a pattern. ``follow[p][q]`` counts the ways from position p to q."""

    def __init__(self) -> None:
        self.letters: list[frozenset[str]] = []
        self.follow: list[dict[int, int]] = []
        self.is_anchored = False

    def sequence(self, items: list[Any]) -> _Fragment:
        """Add a concatenation."""
        result = _EMPTY
        for code, argument in items:
            result = self.concatenate(result, self.item(_name(code), argument))
        return result

    def concatenate(self, left: _Fragment, right: _Fragment) -> _Fragment:
        self.link(left.last, right.first)
        return _Fragment(
            left.first | right.first if left.empty else left.first,
            left.last | right.last if right.empty else right.last,
            empty=left.empty and right.empty,
        )

    def link(self, sources: frozenset[int], targets: frozenset[int]) -> None:
        for source in sources:
            ways = self.follow[source]
            for target in targets:
                ways[target] = ways.get(target, 0) + 1

    def item(self, code: str, argument: Any) -> _Fragment:  # noqa: ANN401  # a piece of the parse tree
        """Add one piece of the parse tree."""
        if code in ("MAX_REPEAT", "MIN_REPEAT"):
            return self.repeat(int(argument[0]), int(argument[1]), list(argument[2]))
        if code in ("POSSESSIVE_REPEAT", "ATOMIC_GROUP"):
            body = list(argument[2] if code == "POSSESSIVE_REPEAT" else argument)
            return self.position(_letters(body))
        if code == "SUBPATTERN":
            return self.sequence(list(argument[3]))
        if code == "BRANCH":
            sides = [self.sequence(list(side)) for side in argument[1]]
            return _Fragment(
                frozenset().union(*(s.first for s in sides)),
                frozenset().union(*(s.last for s in sides)),
                empty=any(s.empty for s in sides),
            )
        if code == "AT":
            self.is_anchored = self.is_anchored or _name(argument).startswith("AT_END")
            return _EMPTY
        if code in ("ASSERT", "ASSERT_NOT"):
            return _EMPTY
        return self.position(_letters_of(code, argument))

    def position(self, letters: frozenset[str]) -> _Fragment:
        if len(self.letters) >= _MAX_POSITIONS:
            raise _TooLargeError
        self.letters.append(letters)
        self.follow.append({})
        place = frozenset({len(self.letters) - 1})
        return _Fragment(place, place, empty=False)

    def repeat(self, low: int, high: int, body: list[Any]) -> _Fragment:
        """Add a repeat: a loop if it has no bound that matters, else its rounds one after another."""
        if high < _MANY:
            result = _EMPTY
            for number in range(min(high, _MAX_COPIES)):
                part = self.sequence(body)
                result = self.concatenate(result, _Fragment(part.first, part.last, empty=part.empty or number >= low))
            return result
        part = self.sequence(body)
        self.link(part.last, part.first)
        return _Fragment(part.first, part.last, empty=part.empty or low == 0)

    # --- questions ---------------------------------------------------------------------------------------------------

    def loops(self) -> list[frozenset[int]]:
        """Give the strongly connected components that hold a cycle."""
        reach = [self.reachable(p) for p in range(len(self.letters))]
        found: list[frozenset[int]] = []
        seen: set[int] = set()
        for p, reached in enumerate(reach):
            if p in reached and p not in seen:
                component = frozenset(q for q in reached if p in reach[q])
                seen |= component
                found.append(component)
        return found

    def reachable(self, start: int) -> set[int]:
        reached: set[int] = set()
        stack = [start]
        while stack:
            for target in self.follow[stack.pop()]:
                if target not in reached:
                    reached.add(target)
                    stack.append(target)
        return reached

    def is_exponential(self, loop: frozenset[int]) -> bool:
        """Tell whether a word leads from a state of the loop back to it in two ways."""
        if any(ways > 1 and q in loop for p in loop for q, ways in self.follow[p].items()):
            return True
        seen: set[tuple[int, int]] = set()
        stack = [pair for p in loop for pair in self.pairs(p, p, loop) if pair[0] != pair[1]]
        while stack:
            pair = stack.pop()
            if pair in seen:
                continue
            seen.add(pair)
            for successor in self.pairs(*pair, loop):
                if successor[0] == successor[1]:
                    return True
                stack.append(successor)
        return False

    def pairs(self, p: int, q: int, inside: frozenset[int]) -> list[tuple[int, int]]:
        """Give the pairs of states that one letter leads a pair of states to."""
        return [
            (a, b)
            for a in self.follow[p]
            if a in inside
            for b in self.follow[q]
            if b in inside and self.letters[a] & self.letters[b]
        ]

    def is_polynomial(self, first: frozenset[int], second: frozenset[int]) -> bool:
        """Tell whether one word loops in a state of the first loop, leads to one of the second, and loops there."""
        if not any(self.letters[p] & self.letters[q] for p in first for q in second):
            return False
        for p in first:
            reached = self.reachable(p)
            for q in second & reached:
                if self.has_triple(p, q, first, second):
                    return True
        return False

    def has_triple(self, p: int, q: int, first: frozenset[int], second: frozenset[int]) -> bool:
        """Search the triple product for a way from (p, p, q) to (p, q, q)."""
        seen: set[tuple[int, int, int]] = set()
        stack = [(p, p, q)]
        while stack and len(seen) < _MAX_TRIPLES:
            x, y, z = stack.pop()
            for a in self.follow[x]:
                if a not in first:
                    continue
                for c in self.follow[z]:
                    common = self.letters[a] & self.letters[c] if c in second else frozenset()
                    if not common:
                        continue
                    for b in self.follow[y]:
                        state = (a, b, c)
                        if state not in seen and common & self.letters[b]:
                            if state == (p, q, q):
                                return True
                            seen.add(state)
                            stack.append(state)
        return False
