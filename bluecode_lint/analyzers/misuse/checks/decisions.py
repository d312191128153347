"""Decisions about rights and states that rest on the wrong thing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Compare,
    Const,
    Expr,
    If,
    Return,
    Subscript,
    dotted,
    last_name,
    string_value,
)
from bluecode_lint.analyzers.misuse.checks.literals import tail_name
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_PRIVILEGED = re.compile(
    r"(?i)^(?:admin|administrator|root|superuser|staff|owner|manager|moderator|sysadmin|@[\w-]+(?:\.\w+)+)$"
)
_IDENTITY = re.compile(
    r"(?i)^(?:user_?name|login|email|e_?mail|mail|nick_?name|display_name|account_?name|role|user_?role)$"
)


def fuzzy_role_check(unit: Unit) -> Iterator[Hit]:
    """Find ``"admin" in user.name`` and its relatives where they decide. A role may be a list: that is less sure."""
    for comparison in unit.every(Compare):
        if len(comparison.ops) == 1 and comparison.ops[0] == "in":
            word, value = comparison.operands
            yield from _judge(unit, comparison, string_value(word), value)
    for call in unit.module.calls:
        if (
            last_name(call.function) in ("startswith", "endswith")
            and isinstance(call.function, Attribute)
            and call.args
        ):
            yield from _judge(unit, call, string_value(call.args[0]), call.function.value)


def _judge(unit: Unit, expr: Expr, word: str | None, value: Expr) -> Iterator[Hit]:
    name = tail_name(value)
    if word is None or not _PRIVILEGED.match(word) or not _IDENTITY.match(name):
        return
    if any(isinstance(above, (If, Return)) for above in unit.ancestors(expr)):
        yield Hit(expr, Confidence.MEDIUM if "role" in name.lower() and isinstance(expr, Compare) else Confidence.HIGH)


_STATES = frozenset({
    "status", "state", "paid", "is_paid", "approved", "is_approved", "verified", "is_verified", "email_verified",
    "payment_status", "order_status", "is_confirmed", "confirmed",
})  # fmt: skip
_REQUEST_DATA = re.compile(r"\brequest\.(?:form|args|json|get_json|GET|POST|data|values|query_params)\b")


def client_decided_status(unit: Unit) -> Iterator[Hit]:
    """Find a record's state set to what a request says, in functions that do not compare the state before."""
    for stmt in unit.module.assignments:
        if stmt.value is None or isinstance(stmt.value, Const):
            continue
        for target in stmt.targets:
            if (
                not isinstance(target, Attribute)
                or target.name not in _STATES
                or dotted(target.value) in ("self", "cls")
            ):
                continue
            owner = unit.function_of(stmt.scope)
            if owner is None or not _REQUEST_DATA.search(unit.source(stmt.value)):
                continue
            if not _is_compared(unit, owner.start, stmt.start, target.name):
                yield Hit(stmt)


def _is_compared(unit: Unit, start: int, end: int, state: str) -> bool:
    """Tell whether a comparison between two places looks at a state of that name."""
    for comparison in unit.every(Compare):
        if start <= comparison.start < end and comparison.end <= end:
            names = (part for operand in comparison.operands for part in _names(operand))
            if state in names:
                return True
    return False


def _names(expr: Expr) -> Iterator[str]:
    """Yield the attribute and key names on the surface of an operand; a call's own reading of a request is none."""
    if isinstance(expr, (Attribute, Subscript)):
        yield tail_name(expr)
    elif not isinstance(expr, Call):
        for item in getattr(expr, "items", ()):
            yield tail_name(item)
