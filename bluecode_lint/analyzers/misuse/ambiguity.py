"""How the time of a backtracking match grows with the length of a text, read from the pattern's automaton.

A pattern becomes a position automaton (Glushkov 1961): one state a character of the pattern, an edge wherever one
can follow another, counted twice where two different repeats allow it. Then (Weber and Seidl, "On the degree of
ambiguity of finite automata", 1991; Weideman et al., "Analyzing matching time behavior of backtracking regular
expression matchers by using ambiguity of NFA", 2016):

- *exponential*: some state can return to itself by two different paths over the same text;
- *polynomial*: some state can loop, move to another and loop there, all three over the same text.

Either costs time only if something behind the loop can fail. Anchors and look-arounds are taken for empty; a pattern
that has them inside a loop, or that is atomic, possessive or refers back, is not judged at all.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import warnings
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

_constants: Any = importlib.import_module("re._constants")
_parser: Any = importlib.import_module("re._parser")

_SAMPLES = [*map(chr, range(128)), "é", "٣", "\u00a0", "☃"]
"""The alphabet: ASCII, and a letter, a digit, a space and a symbol that stand for everything beyond."""
_EVERYTHING = (1 << len(_SAMPLES)) - 1
_MAX_POSITIONS = 120
_MAX_LOOPING = 28
"""Positions in loops up to which polynomial growth, a search among triples, is looked for."""
_MANY = 12
"""A bounded repeat from here on is as bad as an unbounded one."""


T = TypeVar("T", bound="Hashable")


class Growth(StrEnum):
    """How time grows; LINEAR also where a pattern is beyond the analysis."""

    LINEAR = ""
    POLYNOMIAL = "polynomial"
    EXPONENTIAL = "exponential"


class _BeyondAnalysisError(Exception):
    """The pattern uses what is not modelled, or is too large."""


def _mask(holds: Callable[[str], bool]) -> int:
    return sum(1 << bit for bit, char in enumerate(_SAMPLES) if holds(char))


_CATEGORIES = {
    "DIGIT": _mask(str.isdigit),
    "SPACE": _mask(str.isspace),
    "WORD": _mask(lambda char: char.isalnum() or char == "_"),
}


@dataclass(slots=True)
class _Piece:
    """A part of a pattern: whether it can be empty, and the positions it can begin and end with."""

    nullable: bool
    first: list[int]
    last: list[int]


@dataclass(slots=True)
class _Automaton:
    """Positions with the characters each accepts, and how many ways lead from one to the next."""

    letters: list[int] = field(default_factory=list)
    follow: dict[int, dict[int, int]] = field(default_factory=dict)
    bounded: set[tuple[int, int]] = field(default_factory=set)
    """Edges that a bounded repeat alone makes: enough for exponential growth, not for polynomial."""
    any_letter: int = _EVERYTHING
    """What a dot accepts."""
    depth: int = 0
    """How many unbounded repeats are around the part that is being built."""
    ends_with_demand: bool = False
    """Whether the pattern ends with an anchor or a look-around, which can fail without a character."""

    def position(self, letters: int) -> _Piece:
        if len(self.letters) >= _MAX_POSITIONS:
            raise _BeyondAnalysisError
        self.letters.append(letters)
        new = len(self.letters) - 1
        self.follow[new] = {}
        return _Piece(nullable=False, first=[new], last=[new])

    def join(self, before: Iterable[int], after: Iterable[int]) -> None:
        for one, other in itertools.product(before, after):
            self.follow[one][other] = min(self.follow[one].get(other, 0) + 1, 2)


@functools.lru_cache(maxsize=1024)
def growth(pattern: str, *, whole: bool = False) -> Growth:
    """Tell how the time of a match can grow. ``whole``: the match has to reach the end of the text (``fullmatch``)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = _parser.parse(pattern)
        except (ValueError, OverflowError, RecursionError, _constants.error):
            return Growth.LINEAR
    dot_all = int(tree.state.flags) & int(_constants.SRE_FLAG_DOTALL)
    automaton = _Automaton(any_letter=_EVERYTHING if dot_all else _EVERYTHING & ~_literal(ord("\n")))
    try:
        piece = _sequence(automaton, list(tree))
    except (_BeyondAnalysisError, RecursionError):
        return Growth.LINEAR
    demanding = whole or automaton.ends_with_demand
    harmless = set() if demanding else set(piece.last)
    return _judge(automaton, harmless)


# --- building --------------------------------------------------------------------------------------------------------


def _sequence(automaton: _Automaton, items: Sequence[Any]) -> _Piece:
    whole = _Piece(nullable=True, first=[], last=[])
    for item in items:
        piece = _item(automaton, str(item[0]), item[1])
        automaton.join(whole.last, piece.first)
        whole = _Piece(
            nullable=whole.nullable and piece.nullable,
            first=whole.first + piece.first if whole.nullable else whole.first,
            last=whole.last + piece.last if piece.nullable else piece.last,
        )
    return whole


def _item(automaton: _Automaton, name: str, argument: Any) -> _Piece:  # noqa: ANN401  # a piece of the parse tree
    empty = _Piece(nullable=True, first=[], last=[])
    match name:
        case "ANY":
            return automaton.position(automaton.any_letter)
        case "LITERAL" | "NOT_LITERAL" | "IN":
            return automaton.position(_letters(name, argument))
        case "SUBPATTERN":
            return _sequence(automaton, list(argument[3]))
        case "BRANCH":
            sides = [_sequence(automaton, list(side)) for side in argument[1]]
            return _Piece(
                nullable=any(side.nullable for side in sides),
                first=[position for side in sides for position in side.first],
                last=[position for side in sides for position in side.last],
            )
        case "MAX_REPEAT" | "MIN_REPEAT":
            return _repeat(automaton, *argument)
        case "AT" if not automaton.depth:
            automaton.ends_with_demand = str(argument) in ("AT_END", "AT_END_STRING", "AT_END_LINE")
            return empty
        case "ASSERT" | "ASSERT_NOT" if not automaton.depth:
            automaton.ends_with_demand = True
            return empty
    raise _BeyondAnalysisError


def _repeat(automaton: _Automaton, low: int, high: Any, body: Any) -> _Piece:  # noqa: ANN401  # the parser's own types
    if high is _constants.MAXREPEAT or high >= _MANY:
        automaton.depth += 1
        piece = _sequence(automaton, list(body))
        automaton.depth -= 1
        if high is not _constants.MAXREPEAT:
            edges = itertools.product(piece.last, piece.first)
            automaton.bounded.update((p, q) for p, q in edges if q not in automaton.follow[p])
        automaton.join(piece.last, piece.first)
        return _Piece(nullable=low == 0 or piece.nullable, first=piece.first, last=piece.last)
    whole = _Piece(nullable=low == 0, first=[], last=[])
    before: list[int] = []
    for index in range(int(high)):  # a copy follows the one before it, and none is skipped
        piece = _sequence(automaton, list(body))
        automaton.join(before, piece.first)
        whole.first += piece.first if index == 0 or piece.nullable else []
        whole.last = (whole.last if index >= low or piece.nullable else []) + piece.last
        before = piece.last + (before if piece.nullable else [])
        whole.nullable |= piece.nullable
    whole.nullable |= high == 0
    return whole


def _letters(name: str, argument: Any) -> int:  # noqa: ANN401  # a piece of the parse tree
    match name:
        case "LITERAL":
            return _literal(argument)
        case "NOT_LITERAL":
            return _EVERYTHING & ~_literal(argument)
        case "RANGE":
            low, high = argument
            return _mask(lambda char: low <= ord(char) <= high)
        case "CATEGORY":
            kind = str(argument).removeprefix("CATEGORY_")
            letters = _CATEGORIES[kind.removeprefix("NOT_")]
            return _EVERYTHING & ~letters if kind.startswith("NOT_") else letters
    found, negated = 0, False
    for code, value in argument:
        if str(code) == "NEGATE":
            negated = True
        else:
            found |= _letters(str(code), value)
    return _EVERYTHING & ~found if negated else found


def _literal(code: int) -> int:
    """Give one character; those beyond ASCII are represented by their kind."""
    if code < len(_SAMPLES) - 4:
        return 1 << code
    char = chr(code)
    kinds = [char.isalpha(), char.isdigit(), char.isspace(), True]
    return 1 << (len(_SAMPLES) - 4 + kinds.index(True))


# --- judging ---------------------------------------------------------------------------------------------------------


def _judge(automaton: _Automaton, harmless: set[int]) -> Growth:
    loops = [set(part) for part in _components(range(len(automaton.letters)), lambda p: automaton.follow[p])]
    loops = [part for part in loops if _is_loop(automaton, part) and not part & harmless]
    for part in loops:
        twice = any(n > 1 and q in part for p in part for q, n in automaton.follow[p].items())
        if twice or _two_ways(automaton, part):
            return Growth.EXPONENTIAL
    looping = sorted(set().union(*loops)) if loops else []
    if 1 < len(looping) <= _MAX_LOOPING and _three_loops(automaton, looping):
        return Growth.POLYNOMIAL
    return Growth.LINEAR


def _is_loop(automaton: _Automaton, part: set[int]) -> bool:
    only = next(iter(part))
    return len(part) > 1 or only in automaton.follow[only]


def _two_ways(automaton: _Automaton, part: set[int]) -> bool:
    """Tell whether two different walks inside one component read the same text from a state back to it."""

    def steps(pair: tuple[int, int]) -> list[tuple[int, int]]:
        return [
            (p, q)
            for p in automaton.follow[pair[0]]
            if p in part
            for q in automaton.follow[pair[1]]
            if q in part and automaton.letters[p] & automaton.letters[q]
        ]

    for component in _components([(p, p) for p in part], steps):
        if any(p == q for p, q in component) and any(p != q for p, q in component):
            return True
    return False


def _three_loops(automaton: _Automaton, looping: Sequence[int]) -> bool:
    """Tell whether some p loops, reaches another q and q loops, over one text: a walk from (p, p, q) to (p, q, q)."""
    inside = set(looping)
    letters = automaton.letters
    follow = {p: [q for q in after if (p, q) not in automaton.bounded] for p, after in automaton.follow.items()}
    for p, q in itertools.permutations(looping, 2):
        if not letters[p] & letters[q] or not _reaches(automaton, p, q):
            continue
        seen = {(p, p, q)}
        queue = deque(seen)
        while queue and len(seen) < 4000:  # noqa: PLR2004  # a bound on the work for one pair
            one, two, three = queue.popleft()
            for a in follow[one]:
                for b in follow[two]:
                    common = letters[a] & letters[b]
                    if not common or a not in inside:
                        continue
                    for c in follow[three]:
                        step = (a, b, c)
                        if letters[c] & common and step not in seen:
                            if step == (p, q, q):
                                return True
                            seen.add(step)
                            queue.append(step)
    return False


def _reaches(automaton: _Automaton, start: int, goal: int) -> bool:
    seen, stack = {start}, [start]
    while stack:
        for after in automaton.follow[stack.pop()]:
            if after == goal:
                return True
            if after not in seen:
                seen.add(after)
                stack.append(after)
    return False


def _components(nodes: Iterable[T], steps: Callable[[T], Iterable[T]]) -> list[list[T]]:
    """Give the strongly connected components of what the nodes reach (Tarjan 1972, without recursion)."""
    order: dict[T, int] = {}
    low: dict[T, int] = {}
    open_nodes: list[T] = []
    on_stack: set[T] = set()
    found: list[list[T]] = []
    for root in nodes:
        if root in order:
            continue
        work = [(root, iter(steps(root)))]
        order[root] = low[root] = len(order)
        open_nodes.append(root)
        on_stack.add(root)
        while work:
            node, remaining = work[-1]
            child = next(remaining, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    cut = open_nodes.index(node)
                    found.append(open_nodes[cut:])
                    on_stack.difference_update(open_nodes[cut:])
                    del open_nodes[cut:]
            elif child not in order:
                order[child] = low[child] = len(order)
                open_nodes.append(child)
                on_stack.add(child)
                work.append((child, iter(steps(child))))
            elif child in on_stack:
                low[node] = min(low[node], order[child])
    return found
