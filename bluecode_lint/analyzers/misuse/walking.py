"""Walk statements: what `ir.walk` does for expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Assert,
    Assign,
    AugAssign,
    Body,
    Class,
    Delete,
    Expr,
    ExprStmt,
    For,
    Function,
    If,
    Match,
    Raise,
    Return,
    Stmt,
    Try,
    While,
    With,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def own_expressions(stmt: Stmt) -> tuple[Expr, ...]:  # noqa: C901, PLR0912  # one line a shape: a table in code
    """Give the expressions that belong to a statement itself, not to the statements inside it."""
    found: tuple[Expr | None, ...] = ()
    match stmt:
        case ExprStmt(value=value):
            found = (value,)
        case Assign(targets=targets, value=value, annotation=annotation):
            found = (*targets, value, annotation)
        case AugAssign(target=target, value=value):
            found = (target, value)
        case Return(value=value):
            found = (value,)
        case Raise(value=value, cause=cause):
            found = (value, cause)
        case Delete(targets=targets):
            found = targets
        case Assert(test=test, message=message):
            found = (test, message)
        case If(branches=branches):
            found = tuple(test for test, _ in branches)
        case While(test=test):
            found = (test,)
        case For(target=target, iterable=iterable):
            found = (target, iterable)
        case With(items=items):
            found = tuple(expr for item in items for expr in item)
        case Try(handlers=handlers):
            found = tuple(handler.type for handler in handlers)
        case Match(subject=subject, cases=cases):
            found = (subject, *(case.guard for case in cases))
        case Function(params=params, decorators=decorators):
            found = (*decorators, *(param.default for param in params))
        case Class(bases=bases, keywords=keywords, decorators=decorators):
            found = (*decorators, *bases, *(value for _, value in keywords))
    return tuple(expr for expr in found if expr is not None)


def blocks(stmt: Stmt) -> tuple[Body, ...]:
    """Give the bodies inside a statement, in source order; those of functions and classes too."""
    match stmt:
        case If(branches=branches, orelse=orelse):
            return (*(body for _, body in branches), orelse)
        case While(body=body, orelse=orelse) | For(body=body, orelse=orelse):
            return (body, orelse)
        case With(body=body) | Function(body=body) | Class(body=body):
            return (body,)
        case Try(body=body, handlers=handlers, orelse=orelse, final=final):
            return (body, *(handler.body for handler in handlers), orelse, final)
        case Match(cases=cases):
            return tuple(case.body for case in cases)
    return ()


def statements(body: Body, *, nested: bool = False) -> Iterator[Stmt]:
    """Yield the statements of a body in source order, those of inner functions and classes only if ``nested``."""
    stack = list(reversed(body))
    while stack:
        stmt = stack.pop()
        yield stmt
        if nested or not isinstance(stmt, (Function, Class)):
            stack.extend(reversed([inner for block in blocks(stmt) for inner in block]))


def expressions(body: Body, *, nested: bool = False) -> Iterator[Expr]:
    """Yield every expression of a body's statements, parents first."""
    for stmt in statements(body, nested=nested):
        for expr in own_expressions(stmt):
            yield from walk(expr)


def terminates(body: Body) -> bool:
    """Tell whether a body surely ends by returning, raising or jumping."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, If):
        return bool(last.orelse) and all(map(terminates, (*(b for _, b in last.branches), last.orelse)))
    return isinstance(last, (Return, Raise)) or getattr(last, "kind", "pass") in ("break", "continue")


def joined(texts: Iterable[str]) -> str:
    """Join words for a regular expression to search in."""
    return " ".join(text for text in texts if text)
