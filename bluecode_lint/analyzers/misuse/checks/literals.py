"""Literals and the names they are given to."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Compare,
    Const,
    Dict,
    Expr,
    Subscript,
    last_name,
    string_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit


class Given(StrEnum):
    """How a name got its literal."""

    ASSIGNED = "assigned"
    KEYWORD = "keyword"
    KEY = "key"
    DEFAULT = "default"
    COMPARED = "compared"
    FALLBACK = "fallback"


@dataclass(frozen=True, slots=True)
class NamedLiteral:
    """A text that a name is given; ``node`` is what to report."""

    name: str
    value: str
    node: Expr
    how: Given


def tail_name(expr: Expr) -> str:
    """Give the name a value is known by: its last attribute, its key, or the key it is fetched by."""
    if isinstance(expr, Subscript):
        return string_value(expr.index) or ""
    if not isinstance(expr, Call):
        return last_name(expr)
    name = last_name(expr.function)
    if name in ("get", "getenv", "get_header", "pop") and expr.args:
        return string_value(expr.args[0]) or ""
    if name in ("encode", "decode", "strip", "hexdigest", "lower") and isinstance(expr.function, Attribute):
        return tail_name(expr.function.value)
    return ""


def _text(expr: Expr | None) -> str | None:
    if not isinstance(expr, Const):
        return None
    if isinstance(expr.value, bytes):
        return expr.value.decode("latin-1")
    return expr.value if isinstance(expr.value, str) else None


def named_literals(unit: Unit) -> tuple[NamedLiteral, ...]:
    """Give every text literal that has a name, wherever it gets it; found once."""
    known = unit.remembered.get("named literals")
    if known is None:
        known = unit.remembered["named literals"] = (*_outside_expressions(unit), *_inside_expressions(unit))
    return cast("tuple[NamedLiteral, ...]", known)


def _outside_expressions(unit: Unit) -> Iterator[NamedLiteral]:
    module = unit.module
    for stmt in module.assignments:
        for target in stmt.targets:
            yield from _named(tail_name(target), stmt.value, Given.ASSIGNED)
    for call in module.calls:
        for key, value in call.keywords:
            yield from _named(key or "", value, Given.KEYWORD)
        name = last_name(call.function)
        if name in ("get", "getenv", "setdefault", "config", "env") and len(call.args) > 1:
            yield from _named(string_value(call.args[0]) or "", call.args[1], Given.FALLBACK)
        elif name in ("config", "env", "getenv") and call.args:
            yield from _named(string_value(call.args[0]) or "", call.keyword("default"), Given.FALLBACK)
    for function in module.functions:
        for param in function.params:
            yield from _named(param.name, param.default, Given.DEFAULT)


def _inside_expressions(unit: Unit) -> Iterator[NamedLiteral]:
    for display in unit.every(Dict):
        for key_expr, value in display.pairs:
            yield from _named(string_value(key_expr) or "", value, Given.KEY)
    for comparison in unit.every(Compare):
        if len(comparison.ops) == 1 and comparison.ops[0] in ("==", "!="):
            left, right = comparison.operands
            yield from _named(tail_name(left), right, Given.COMPARED)
            yield from _named(tail_name(right), left, Given.COMPARED)


def _named(name: str, value: Expr | None, how: Given) -> Iterator[NamedLiteral]:
    text = _text(value)
    if name and text and value is not None:
        yield NamedLiteral(name, text, value, how)


_PLACEHOLDER = re.compile(
    r"""(?ix)
    ^( x+ | \*+ | \.+ | -+ | _+ | none | null | n/?a | tbd | todo | default | true | false | foo | bar | baz )$
    | change[-_ ]?(me|this|it) | your[-_ ] | ^your | example | dummy | placeholder | replace[-_ ]?(me|this|with)
    | insert[-_ ] | redacted | ^<.*>$ | ^\[.*\]$ | \$\{ | \{\{ | ^\{.*\}$ | %\( | ^%s | ^\$[A-Z_]+$ | to[-_ ]be[-_ ]
    | x{4,} | \*{3,} | not[-_ ]?(a[-_ ])?real | fake | mock | sample | invalid | unused | unset | undefined | missing
    """
)


def is_placeholder(value: str) -> bool:
    """Tell whether a text only stands for a secret that somebody fills in."""
    return bool(_PLACEHOLDER.search(value))


def entropy(text: str) -> float:
    """Give Shannon's entropy of the characters, in bits a character."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
