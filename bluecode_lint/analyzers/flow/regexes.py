"""Read regular expressions: which characters a full match lets through, and where a match can take exponential time.

Both read the parse of the standard library's own compiler, so that what is judged is what runs.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from typing import Any

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
_MAX_REPEAT = int(sre_constants.MAXREPEAT)
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
def ambiguity(pattern: str) -> str:
    r"""Explain how matching can take exponential or high polynomial time; ``""`` if no such place is found.

    Looked for, in the terms of backtracking: a repeat whose body can itself repeat over the same characters
    (``(a+)+``), a repeated choice with overlapping sides (``(a|ab?)*``), and two neighbouring unbounded repeats over
    common characters that something after them can make fail (``.*.*x``, ``\d+\d+$``).
    """
    tree = _parse(pattern)
    if tree is None:
        return ""
    return _ambiguous(list(tree), tail=False)


def _ambiguous(items: list[Any], *, tail: bool) -> str:
    """Look for an ambiguity in a sequence; ``tail`` tells that something that can fail follows it."""
    for index, (code, argument) in enumerate(items):
        fails_after = tail or any(_can_fail(item) for item in items[index + 1 :])
        name = _name(code)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            found = _repeat(argument, fails_after=fails_after) or _neighbours(items, index, tail=tail)
        elif name == "SUBPATTERN":
            found = _ambiguous(list(argument[3]), tail=fails_after)
        elif name == "BRANCH":
            found = next(filter(None, (_ambiguous(list(b), tail=fails_after) for b in argument[1])), "")
        elif name in ("ASSERT", "ASSERT_NOT"):
            found = _ambiguous(list(argument[1]), tail=True)
        else:
            found = ""
        if found:
            return found
    return ""


def _can_fail(item: Any) -> bool:  # noqa: ANN401  # a piece of the parse tree
    code, argument = _name(item[0]), item[1]
    if code in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return bool(argument[0] > 0) and any(_can_fail(i) for i in argument[2])
    if code == "SUBPATTERN":
        return any(_can_fail(i) for i in argument[3])
    return True


def _repeat(argument: Any, *, fails_after: bool) -> str:  # noqa: ANN401  # a piece of the parse tree
    """Judge one repeat: what is inside it, repeated."""
    _, high, body = argument
    inner = list(body)
    while len(inner) == 1 and _name(inner[0][0]) == "SUBPATTERN":
        inner = list(inner[0][1][3])
    if high is not sre_constants.MAXREPEAT and int(high) < _MANY:
        return _ambiguous(inner, tail=fails_after)
    if fails_after:
        if _has_free_split(inner):
            return "a repeat inside a repeat can split the same text in exponentially many ways"
        if len(inner) == 1 and _name(inner[0][0]) == "BRANCH" and _overlap(inner[0][1][1]):
            return "a repeated choice has alternatives that match the same text"
    return _ambiguous(inner, tail=True)


def _has_free_split(items: list[Any]) -> bool:
    """Tell whether a repeated body holds an unbounded repeat that nothing distinct separates from the next round."""
    if len(items) == 1 and _name(items[0][0]) == "BRANCH":
        return any(_has_free_split(_unwrapped(list(b))) for b in items[0][1][1])
    for index, (code, argument) in enumerate(items):
        if _name(code) not in ("MAX_REPEAT", "MIN_REPEAT") or argument[1] is not sre_constants.MAXREPEAT:
            continue
        mine = _letters(argument[2])
        others = items[:index] + items[index + 1 :]
        required = [_letters([o]) for o in others if _minimum(o) > 0]
        if all(letters & mine for letters in required) and (required == [] or all(_inside(r, mine) for r in required)):
            return True
    return False


def _unwrapped(items: list[Any]) -> list[Any]:
    while len(items) == 1 and _name(items[0][0]) == "SUBPATTERN":
        items = list(items[0][1][3])
    return items


def _inside(letters: frozenset[str], of: frozenset[str]) -> bool:
    return letters <= of


def _minimum(item: Any) -> int:  # noqa: ANN401  # a piece of the parse tree
    code, argument = _name(item[0]), item[1]
    if code in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return int(argument[0]) * sum(_minimum(i) for i in argument[2])
    if code == "SUBPATTERN":
        return sum(_minimum(i) for i in argument[3])
    if code == "BRANCH":
        return min((sum(_minimum(i) for i in b) for b in argument[1]), default=0)
    return 0 if code in ("AT", "ASSERT", "ASSERT_NOT", "GROUPREF_EXISTS") else 1


def _overlap(branches: list[Any]) -> bool:
    """Tell whether two alternatives can both match one text: compared by the characters that can come first."""
    heads = [_head(list(b)) for b in branches]
    for i, (letters, simple) in enumerate(heads):
        for other, other_simple in heads[i + 1 :]:
            if letters & other and simple and other_simple:
                return True
    return False


def _head(items: list[Any]) -> tuple[frozenset[str], bool]:
    """Give the characters an alternative can start with, and whether it is one character class, repeated or not."""
    items = _unwrapped(items)
    if not items:
        return frozenset(), False
    code, argument = _name(items[0][0]), items[0][1]
    if code in ("MAX_REPEAT", "MIN_REPEAT"):
        return _letters(argument[2]), len(items) == 1
    return _letters([items[0]]), len(items) == 1


def _neighbours(items: list[Any], index: int, *, tail: bool) -> str:
    """Judge an unbounded repeat and the next one over common characters, with only optional things between."""
    low_high_body = items[index][1]
    if low_high_body[1] is not sre_constants.MAXREPEAT:
        return ""
    mine = _letters(low_high_body[2])
    between_inside = True
    for later in range(index + 1, len(items)):
        code, argument = _name(items[later][0]), items[later][1]
        letters = _letters([items[later]])
        body = _unwrapped([items[later]])
        first = body[0] if body else items[later]
        unbounded = _name(first[0]) in ("MAX_REPEAT", "MIN_REPEAT") and first[1][1] is sre_constants.MAXREPEAT
        if unbounded and letters & mine:
            fails = tail or any(_can_fail(i) for i in items[later + 1 :])
            if fails and between_inside:
                return "neighbouring repeats over the same characters can share a text in many ways"
            return ""
        if code == "AT":
            continue
        if _minimum(items[later]) > 0 and not letters <= mine:
            between_inside = False
        if code in ("MAX_REPEAT", "MIN_REPEAT") and argument[0] == 0:
            continue
    return ""
