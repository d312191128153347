"""Comparisons that go wrong: in variable time, always true, by identity, or with their answer dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Collection,
    Compare,
    Const,
    Expr,
    FString,
    Name,
    Subscript,
    last_name,
)
from bluecode_lint.analyzers.misuse.checks.literals import tail_name
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_SECRET = re.compile(
    r"(?i)api[_-]?key|secret(?!_?name)|signature|(?:csrf|reset|access|auth|api|session|refresh|bearer|verification)_?token"
    r"|\botp\b|_otp\b|otp_?code|\bhmac|_mac\b|webhook_?secret|(?<!\w)token$|x-token"
)
_NOT_SECRET = re.compile(r"(?i)_?(?:type|kind|name|id|len|count|class|version|alg|algorithm|index|pos|start|end)$")
_OUTSIDE = re.compile(
    r"(?i)request|headers|\bargs\b|\bform\b|params|query|payload|\bbody\b|environ|config|settings|\bpost\b"
)
_SECRET_DIGEST = re.compile(r"hmac\.(?:new|HMAC)\(\)\.(?:hex)?digest\(\)|hmac\.digest\(\)")
_PASSWORD = re.compile(r"(?i)passw(?:or)?d|passwd|\bpwd\b|passphrase")


def _is_secret(tail: str) -> bool:
    return bool(_SECRET.search(tail)) and not _NOT_SECRET.search(tail)


def timing_unsafe_comparison(unit: Unit) -> Iterator[Hit]:
    """Find secrets compared with ``==`` or ``!=``.

    A computed MAC is one for sure. A name alone (``token`` in a parser) is not: the other side has to be a secret too,
    and one of the two has to come from a request, the configuration or a stored object.
    """
    with_macs = b"hmac" in unit.module.source
    for expr in unit.every(Compare):
        if len(expr.ops) != 1 or expr.ops[0] not in ("==", "!="):
            continue
        left, right = expr.operands
        if any(isinstance(side, (Const, FString, Collection)) for side in (left, right)):
            continue
        if with_macs and any(_is_mac(unit, side) for side in (left, right)):
            yield Hit(expr)
            continue
        tails = [tail_name(left), tail_name(right)]
        if not all(map(_is_secret, tails)):
            continue
        sources = [unit.source(left), unit.source(right)]
        if any(_OUTSIDE.search(source) for source in sources):
            yield Hit(expr)
        elif any(isinstance(side, (Attribute, Subscript)) for side in (left, right)) and not _in_equality(unit, expr):
            yield Hit(expr, Confidence.MEDIUM)


def character_prefix(unit: Unit) -> Iterator[Hit]:
    """Find comparisons with ``os.path.commonprefix``, which compares characters where directories are meant."""
    for expr in unit.every(Compare):
        if len(expr.ops) == 1 and expr.ops[0] in ("==", "!=") and not any(isinstance(o, Const) for o in expr.operands):
            paths = [unit.path(o) for o in expr.operands if isinstance(o, (Call, Name))]
            if any(path in ("os.path.commonprefix()", "posixpath.commonprefix()") for path in paths):
                yield Hit(expr)


def _is_mac(unit: Unit, side: Expr) -> bool:
    """Tell whether a side is a MAC that was computed here. Few names are: the cheap question comes first."""
    if not isinstance(side, (Name, Call)) or (isinstance(side, Call) and "digest" not in last_name(side.function)):
        return False
    return _SECRET_DIGEST.fullmatch(unit.path(side)) is not None


def _in_equality(unit: Unit, expr: Expr) -> bool:
    owner = unit.function_of(unit.scope_of(expr))
    return owner is not None and owner.name in ("__eq__", "__ne__")
