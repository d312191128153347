"""How passwords are accepted, compared and kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Compare,
    Dict,
    Expr,
    Name,
    Subscript,
    dotted,
    last_name,
    string_value,
    walk,
)
from bluecode_lint.analyzers.misuse.checks.literals import tail_name
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_PASSWORD = re.compile(r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|pass_?word|passw|pw)$")
_ANOTHER_FIELD = re.compile(
    r"(?i)confirm|again|repeat|retype|verif|password_?[12]\b|pass[12]\b|new_|old_|current_|second"
)
_FROM_OUTSIDE = re.compile(r"(?i)\b(?:request|form|post|args|json|body|data|payload|params|input)\b")
_STORED = re.compile(
    r"(?i)user|account|row|record|member|admin|stored|customer|employee|person|db\b|result|found|entry|self\."
)
_HASHING = re.compile(
    r"(?i)hash|crypt|pbkdf|scrypt|argon|encrypt|md5|sha\d|digest|encode_password|make_password|protect|seal"
)
_LOOKUPS = frozenset({"filter", "filter_by", "get", "find_one", "find", "first", "exclude", "exists", "get_or_none"})
_SQL_LOOKUP = re.compile(r"(?is)\bwhere\b.*\b(?:password|passwd|pwd)\s*=\s*(?:\?|%s|:\w+|%\(|'?\{|'\s*$)")
_SQL_STORE = re.compile(
    r"(?is)^\s*(?:insert\s+into\b.*\b(?:password|passwd)\b|update\b.*\bset\b.*\b(?:password|passwd)\s*=)"
)


def _function_hashes(unit: Unit, expr: Expr) -> bool:
    """Tell whether the function around an expression hashes anything, as far as its text shows."""
    owner = unit.function_of(unit.scope_of(expr))
    return owner is not None and bool(_HASHING.search(unit.source(owner)))


def plaintext_password_comparison(unit: Unit) -> Iterator[Hit]:
    """Find a stored password compared with a submitted one, in code or in a query."""
    for expr in unit.every(Compare):
        if len(expr.ops) == 1 and expr.ops[0] in ("==", "!="):
            yield from _compared(unit, expr)
    for call in unit.module.calls:
        name = last_name(call.function)
        if name in _LOOKUPS:
            given = next((value for key, value in call.keywords if key and _PASSWORD.search(key)), None)
            if given is not None and _PASSWORD.search(tail_name(given)) and not _function_hashes(unit, call):
                yield Hit(call)
        elif name in ("execute", "fetchone", "fetch_one", "fetchrow") and call.args:
            const = unit.constant(call.args[0], call.scope)
            text = const.value if const else unit.source(call.args[0])
            if isinstance(text, str) and _SQL_LOOKUP.search(text) and not _function_hashes(unit, call):
                yield Hit(call)


def _compared(unit: Unit, expr: Compare) -> Iterator[Hit]:
    if not all(_PASSWORD.search(tail_name(side)) for side in expr.operands):
        return
    texts = [unit.source(side) for side in expr.operands]
    if any(_ANOTHER_FIELD.search(text) or _HASHING.search(text) for text in texts):
        return
    owner = unit.function_of(unit.scope_of(expr))
    if owner is None or owner.name in ("__eq__", "__ne__") or texts[0] == texts[1]:
        return
    stored = [
        isinstance(side, (Attribute, Subscript)) and bool(_STORED.search(text)) and not _FROM_OUTSIDE.search(text)
        for side, text in zip(expr.operands, texts, strict=True)
    ]
    if any(stored) and not all(stored) and not _function_hashes(unit, expr):
        yield Hit(expr)


_ACCOUNT = re.compile(r"(?:User|Account|Member|Customer|Admin|Person|Employee|Login)\w*$")


def plaintext_password_storage(unit: Unit) -> Iterator[Hit]:
    """Find a submitted password stored as it came: in an attribute, a new account or a row."""
    for stmt in unit.module.assignments:
        for target in stmt.targets:
            if (
                isinstance(target, Attribute)
                and _PASSWORD.search(target.name)
                and stmt.value is not None
                and _is_submitted(unit, stmt.value)
                and _STORED.search(dotted(target.value))
                and dotted(target.value) not in ("self", "cls")
            ):
                yield Hit(stmt)
    for call in unit.module.calls:
        name = last_name(call.function)
        if _ACCOUNT.search(name) or (name == "create" and _ACCOUNT.search(dotted(call.function))):
            yield from _account(unit, call)
        elif name in ("execute", "executemany") and len(call.args) > 1:
            yield from _row(unit, call)
        elif name in ("insert_one", "insert") and call.args and isinstance(call.args[0], Dict):
            yield from _document(unit, call, call.args[0])


def _account(unit: Unit, call: Call) -> Iterator[Hit]:
    given = next((value for key, value in call.keywords if key and _PASSWORD.search(key)), None)
    if given is not None and _is_submitted(unit, given):
        yield Hit(call)
    elif isinstance(given, Name) and _is_plain_parameter(unit, given, call):
        yield Hit(call, Confidence.MEDIUM)


def _document(unit: Unit, call: Call, document: Dict) -> Iterator[Hit]:
    for key, value in document.pairs:
        named_so = _PASSWORD.search(string_value(key) or "") and _PASSWORD.search(tail_name(value))
        if named_so and not _function_hashes(unit, call):
            yield Hit(call)


def _row(unit: Unit, call: Call) -> Iterator[Hit]:
    const = unit.constant(call.args[0], call.scope)
    if const is None or not isinstance(const.value, str) or not _SQL_STORE.search(const.value):
        return
    values = [part for part in walk(call.args[1]) if isinstance(part, (Name, Attribute, Subscript))]
    if any(_PASSWORD.search(tail_name(value)) for value in values) and not _function_hashes(unit, call):
        yield Hit(call)


def _is_submitted(unit: Unit, value: Expr) -> bool:
    return (
        bool(_PASSWORD.search(tail_name(value)))
        and bool(_FROM_OUTSIDE.search(unit.source(value)))
        and not _HASHING.search(unit.source(value))
    )


def _is_plain_parameter(unit: Unit, value: Name, call: Call) -> bool:
    owner = unit.function_of(call.scope)
    return (
        owner is not None
        and any(param.name == value.id for param in owner.params)
        and len(owner.scope.bindings.get(value.id, ())) <= 1
        and not _function_hashes(unit, call)
    )


_LEAST_LENGTH = 8


def short_password_accepted(unit: Unit) -> Iterator[Hit]:
    """Find length checks on passwords that ask for fewer than eight characters (emptiness checks aside)."""
    for expr in unit.every(Compare):
        if len(expr.ops) == 1:
            least = _least_length(unit, expr)
            if least is not None and 1 < least < _LEAST_LENGTH:
                yield Hit(expr)
    for call in unit.module.calls:
        name = last_name(call.function)
        least_expr = None
        if name == "Length":
            least_expr = call.argument(0, "min")
        elif name in ("MinLengthValidator", "min_length"):
            least_expr = call.argument(0, "limit_value")
        elif name in ("Field", "CharField", "constr", "String"):
            least_expr = call.keyword("min_length") or call.keyword("min")
        const = unit.constant(least_expr, call.scope) if least_expr is not None else None
        if const is None or not isinstance(const.value, int) or not 0 < const.value < _LEAST_LENGTH:
            continue
        if re.search(r"(?i)passw|passphrase", unit.purpose(call, hops=0)):
            yield Hit(call)


def _least_length(unit: Unit, expr: Compare) -> int | None:
    """Give the shortest length a comparison with ``len(password)`` lets pass."""
    left, right = expr.operands
    op = expr.ops[0]
    if not (isinstance(left, Call) and last_name(left.function) == "len" and left.args):
        left, right = right, left
        op = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(op, op)
    if not (isinstance(left, Call) and last_name(left.function) == "len" and len(left.args) == 1):
        return None
    const = unit.constant(right) if _PASSWORD.search(tail_name(left.args[0])) else None
    if const is None or not isinstance(const.value, int):
        return None
    if op in ("<", ">="):
        return const.value
    return const.value + 1 if op in ("<=", ">") else None
