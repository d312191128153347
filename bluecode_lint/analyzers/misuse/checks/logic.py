"""Conditions and handlers that do not do what they seem to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Assert,
    Attribute,
    Call,
    Class,
    Collection,
    Compare,
    Conditional,
    Const,
    Expr,
    ExprStmt,
    For,
    Function,
    Handler,
    If,
    Jump,
    Name,
    Operation,
    Raise,
    Return,
    Stmt,
    Try,
    While,
    dotted,
    last_name,
)
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.analyzers.misuse.walking import blocks, expressions, statements
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.ir import Body
    from bluecode_lint.analyzers.misuse.unit import Unit


def always_true(unit: Unit) -> Iterator[Hit]:
    """Find ``x == "a" or "b"`` where it decides something, and asserts of a tuple."""
    for expr in unit.every(Operation):
        if expr.op != "or" or not any(isinstance(operand, Compare) for operand in expr.operands):
            continue
        last = expr.operands[-1]
        literal = isinstance(last, Const) and isinstance(last.value, (str, int)) and not isinstance(last.value, bool)
        if literal and isinstance(last, Const) and last.value and _decides(unit, expr):
            yield Hit(expr)
    for stmt in unit.every_statement(Assert):
        if isinstance(stmt.test, Collection) and stmt.test.kind == "tuple" and stmt.test.items:
            yield Hit(stmt.test)


def _decides(unit: Unit, expr: Expr) -> bool:
    """Tell whether an expression's truth is what counts: a test, or the answer of a predicate."""
    below: Expr = expr
    for above in unit.ancestors(expr):
        if isinstance(above, (If, While, Assert)):
            return True
        if isinstance(above, Return):
            owner = unit.function_of(unit.scope_of(above))
            return owner is not None and re.match(r"(?:is|has|can|check|may|allow)", owner.name) is not None
        if isinstance(above, Conditional):
            return below is above.test
        if not isinstance(above, Operation) or above.op not in ("and", "or", "not"):
            return False
        below = above
    return False


def literal_identity(unit: Unit) -> Iterator[Hit]:
    """Find ``is`` with a text, a number or an empty tuple."""
    for expr in unit.every(Compare):
        for op, left, right in zip(expr.ops, expr.operands, expr.operands[1:], strict=False):
            if op in ("is", "is not") and (_is_literal(left) or _is_literal(right)):
                yield Hit(expr)


def _is_literal(expr: Expr) -> bool:
    if isinstance(expr, Const):
        return isinstance(expr.value, (str, bytes, int, float)) and not isinstance(expr.value, bool)
    return isinstance(expr, Collection) and expr.kind == "tuple"


_METHODS = frozenset(
    {"has_perm", "has_perms", "has_permission", "has_object_permission", "check_password", "verify_password"}
)
_FORM_METHODS = frozenset({"is_valid", "validate_on_submit"})


def uncalled_check(unit: Unit) -> Iterator[Hit]:
    """Find a check's bound method used as a truth value."""
    for expr in unit.every(Attribute):
        if expr.name in _FORM_METHODS:
            if not re.search(r"(?i)form|serializer", dotted(expr.value)):
                continue
        elif expr.name not in _METHODS:
            continue
        above = unit.parent(expr)
        joined = isinstance(above, Operation) and above.op in ("and", "or", "not")
        tested = isinstance(above, Operation) and joined and (expr is not above.operands[-1] or _decides(unit, expr))
        if tested or isinstance(above, (If, While, Assert)):
            yield Hit(expr)


_ABOUT_RIGHTS = re.compile(
    r"\brequest\.(?:user|args|form|files|GET|POST|json|headers|method|data)\b|\bsession\[|\bcurrent_user\b"
    r"|\.(?:is_admin|is_authenticated|is_staff|is_superuser|is_authorized)\b"
    r"|\b(?:has_perms?|has_permission|check_password|verify_\w+|is_allowed|authenticate|check_\w*(?:auth|token|perm)\w*)\("
)


def assert_as_check(unit: Unit) -> Iterator[Hit]:
    """Find asserts about a caller's rights or a request's content; those that only narrow a type are left alone."""
    for stmt in unit.every_statement(Assert):
        if not _ABOUT_RIGHTS.search(unit.source(stmt.test)):
            continue
        test = stmt.test
        narrows = isinstance(test, Call) and last_name(test.function) in ("isinstance", "callable", "hasattr")
        not_none = isinstance(test, Compare) and test.ops[0] in ("is", "is not")
        if not narrows and not not_none and unit.function_of(unit.scope_of(stmt)) is not None:
            yield Hit(stmt)


# --- exceptions ------------------------------------------------------------------------------------------------------


def jump_in_finally(unit: Unit) -> Iterator[Hit]:
    """Find jumps that leave a ``finally`` block."""
    for stmt in unit.every_statement(Try):
        yield from (Hit(jump) for jump in _jumps(stmt.final, in_loop=False))


def _jumps(body: Body, *, in_loop: bool) -> Iterator[Stmt]:
    for stmt in body:
        if isinstance(stmt, Return) or (isinstance(stmt, Jump) and stmt.kind != "pass" and not in_loop):
            yield stmt
        elif not isinstance(stmt, (Function, Class)):
            for block in blocks(stmt):
                yield from _jumps(block, in_loop=in_loop or isinstance(stmt, (For, While)))


_ANYTHING = frozenset({"", "Exception", "BaseException"})
_REFUSALS = re.compile(
    r"(?i)invalid|signature|auth|permission|token|denied|forbidden|verif|security|expired|credential"
)
_CHECK_CALL = re.compile(
    r"(?i)^(?:verify|authenticate|authori[sz]e|(?:verify|check|validate|require|ensure|enforce)_\w*(?:signature|token|"
    r"permission|access|auth|login|credential|password|session|csrf|user|admin|certificate|hmac|role|owner)\w*)$"
)


def _caught(clause: Handler) -> list[str]:
    if clause.type is None:
        return [""]
    return [last_name(kind) for kind in (clause.type.items if isinstance(clause.type, Collection) else (clause.type,))]


def swallowed_security_exception(unit: Unit) -> Iterator[Hit]:
    """Find handlers that do nothing about a check that failed by raising."""
    for stmt in unit.every_statement(Try):
        if not any(_is_check(unit, inner) for inner in stmt.body):
            continue
        for clause in stmt.handlers:
            kinds = _caught(clause)
            if any(kind in _ANYTHING or _REFUSALS.search(kind) for kind in kinds) and _does_nothing(clause.body):
                yield Hit(Stmt(clause.start, clause.body[0].end))


def _is_check(unit: Unit, stmt: Stmt) -> bool:
    """Tell whether a statement calls a check for what it raises: its answer is dropped."""
    value = stmt.value if isinstance(stmt, ExprStmt) else None
    if not isinstance(value, Call):
        return False
    return bool(_CHECK_CALL.match(last_name(value.function))) or unit.path(value.function) in (
        "jwt.decode",
        "jose.jwt.decode",
    )


def _does_nothing(body: Body) -> bool:
    """Tell whether a handler only passes, goes on, or writes to a log."""
    return all(
        isinstance(stmt, Jump)
        or (isinstance(stmt, ExprStmt) and (isinstance(stmt.value, Const) or _is_log(stmt.value)))
        for stmt in body
    )


def _is_log(expr: Expr) -> bool:
    return isinstance(expr, Call) and re.search(r"(?i)\blog|logger|print$|warn", dotted(expr.function)) is not None


_DECISION = re.compile(
    r"(?i)authori[sz]|authenticat|permission|permitted|allowed|access|is_valid_(?:token|signature|user|session)|^_?verify|"
    r"^_?check_(?:password|token|signature|auth|login|credential)|^_?can_|has_role|is_admin|is_trusted|is_safe"
)


def fail_open(unit: Unit) -> Iterator[Hit]:
    """Find decisions about rights that answer yes from an exception handler."""
    for function in unit.module.functions:
        if not _DECISION.search(function.name):
            continue
        for stmt in statements(function.body):
            for clause in stmt.handlers if isinstance(stmt, Try) else ():
                for inner in statements(clause.body):
                    if isinstance(inner, Return) and isinstance(inner.value, Const) and inner.value.value is True:
                        yield Hit(inner)


_SENSITIVE = re.compile(
    r"(?i)authenticat|authori[sz]|log_?in\b|decrypt|verify|permission|check_(?:password|token|signature)|validate_token"
)


def broad_handler(unit: Unit) -> Iterator[Hit]:
    """Find ``except Exception`` that swallows in functions that decide about security."""
    for function in unit.module.functions:
        if not _SENSITIVE.search(function.name):
            continue
        for stmt in statements(function.body):
            for clause in stmt.handlers if isinstance(stmt, Try) else ():
                raises = any(isinstance(inner, Raise) for inner in statements(clause.body))
                told = any(last_name(call.function) == "exception" for call in _calls(clause.body))
                if not raises and not told and clause.body and not _ANYTHING.isdisjoint(_caught(clause)):
                    yield Hit(Stmt(clause.start, clause.type.end if clause.type else clause.start + len("except")))


def _calls(body: Body) -> Iterator[Call]:
    return (expr for expr in expressions(body) if isinstance(expr, Call))


# --- URLs ------------------------------------------------------------------------------------------------------------

_HOST = re.compile(r"^(?:https?://)?(?:[\w-]+\.)+[a-z]{2,}$")
_ABOUT_URLS = re.compile(r"(?i)url|uri|link|href|host|domain|origin|refer|netloc|redirect")
_TRUSTING = re.compile(
    r"(?i)valid|allow|trust|safe|ours|own|check|internal|auth|permit|verify|whitelist|fetch|redirect"
)


def url_substring(unit: Unit) -> Iterator[Hit]:
    """Find hosts looked for in a URL as a text; surely wrong where the answer decides about trust."""
    for expr in unit.every(Compare):
        if len(expr.ops) == 1 and expr.ops[0] in ("in", "not in"):
            host, url = expr.operands
            known = _is_host(host) or _is_domain_variable(host)
            if known and not isinstance(url, (Collection, Call)) and _ABOUT_URLS.search(unit.source(url)):
                yield Hit(expr, _trust(unit, expr))
    for call in unit.module.calls:
        name = last_name(call.function)
        if name not in ("startswith", "endswith") or not call.args or not isinstance(call.function, Attribute):
            continue
        if name == "endswith" and _is_domain_variable(call.args[0]) and _ABOUT_HOSTS.search(unit.source(call.function)):
            yield Hit(call, _trust(unit, call))
        text = call.args[0].value if isinstance(call.args[0], Const) else None
        if not _is_host(call.args[0]) or not _ABOUT_URLS.search(unit.source(call.function.value)):
            continue
        if isinstance(text, str) and ("://" in text) is (name == "startswith"):
            yield Hit(call, _trust(unit, call))


_DOMAIN_VARIABLE = re.compile(r"(?i)^(?:\w+_)?(?:domain|host|hostname)$")
_ABOUT_HOSTS = re.compile(r"(?i)netloc|hostname|host\b|domain")


def _is_domain_variable(expr: Expr) -> bool:
    return isinstance(expr, Name) and bool(_DOMAIN_VARIABLE.match(expr.id))


def _is_host(expr: Expr) -> bool:
    return isinstance(expr, Const) and isinstance(expr.value, str) and bool(_HOST.match(expr.value))


def _trust(unit: Unit, expr: Expr) -> Confidence:
    owner = unit.function_of(unit.scope_of(expr))
    stmt = unit.statement(expr)
    refuses = isinstance(stmt, If) and any(isinstance(inner, Raise) for _, body in stmt.branches for inner in body)
    trusted = refuses or (owner is not None and _TRUSTING.search(owner.name) is not None)
    return Confidence.HIGH if trusted else Confidence.MEDIUM
