"""A module under scrutiny, and the questions that rules ask about it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar, cast

from bluecode_lint.analyzers.ir import (
    Assign,
    Attribute,
    AugAssign,
    Call,
    Class,
    Const,
    Dict,
    Expr,
    FString,
    Function,
    Lambda,
    Module,
    Name,
    Scope,
    Stmt,
    Subscript,
    children,
    dotted,
    last_name,
    string_value,
    walk,
)
from bluecode_lint.analyzers.misuse.walking import blocks, expressions, own_expressions, statements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bluecode_lint.analyzers.ir import Body

E = TypeVar("E", bound=Expr)
S = TypeVar("S", bound=Stmt)
_USES_READ = 30
"""How many uses of a local name say what it is for."""
_TEST_PATH = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests|conftest)\.pyi?$")
_TEST_CODE = re.compile(
    rb"^\s*(?:async )?def test|^\s*(?:import|from) (?:pytest|unittest|django\.test)\b|TestCase\)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class WellKnown:
    """Names on the registry: ``modules`` people import, ``distributions`` whose module is called otherwise."""

    modules: frozenset[str] = frozenset()
    distributions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """What is around a module: the names of the ``modules`` that were scanned with it, and what is well known."""

    modules: frozenset[str] = frozenset()
    well_known: WellKnown = WellKnown()


class Unit:
    """A lowered module and what is derived from it on first use."""

    def __init__(self, module: Module, project: Project | None = None) -> None:
        self.module = module
        self.project = project or Project()
        self.remembered: dict[str, object] = {}
        """What checks keep for each other."""
        self._purposes: dict[tuple[int, int], str] = {}

    # --- the file -----------------------------------------------------------------------------------------------------

    @cached_property
    def text(self) -> str:
        """The whole source."""
        return self.module.source.decode("utf-8", errors="replace")

    @cached_property
    def is_test(self) -> bool:
        """Whether the file is a test, by its name *and* by what is in it."""
        return bool(_TEST_PATH.search(self.module.uri)) and bool(_TEST_CODE.search(self.module.source))

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """The comments as (offset of the ``#``, text from there to the end of the line)."""
        source = self.module.source
        strings = sorted(
            (expr.start, expr.end)
            for expr in (*self.every(Const), *self.every(FString))
            if b"#" in source[expr.start : expr.end]
        )
        found: list[tuple[int, str]] = []
        for line in re.finditer(rb"#[^\r\n]*", source):
            start = line.start()
            while (inside := bisect_right(strings, (start, len(source)))) and strings[inside - 1][1] > start:
                start = source.find(b"#", strings[inside - 1][1], line.end())
                if start < 0:
                    break
            if start >= 0:
                found.append((start, source[start : line.end()].decode("utf-8", errors="replace")))
        return found

    @cached_property
    def packages(self) -> frozenset[str]:
        """The top-level packages the module imports anywhere."""
        return frozenset(path.partition(".")[0] for stmt in self.module.imports for _, path in stmt.names)

    @cached_property
    def _by_type(self) -> dict[type[Expr], list[Expr]]:
        found: dict[type[Expr], list[Expr]] = defaultdict(list)
        for expr in expressions(self.module.body, nested=True):
            found[type(expr)].append(expr)
        return found

    def every(self, kind: type[E]) -> list[E]:
        """Give every expression of one kind, in source order."""
        return cast("list[E]", self._by_type.get(kind, []))

    @cached_property
    def _renamed(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, set[str]] = defaultdict(set)
        for stmt in self.module.imports:
            for local, path in stmt.names:
                found[local].add(path.rpartition(".")[2])
        for assignment in self.module.assignments:
            if isinstance(assignment.value, (Name, Attribute)):
                for target in assignment.targets:
                    found[last_name(target)].add(last_name(assignment.value))
        return {local: tuple(sorted(names - {local})) for local, names in found.items() if names - {local}}

    def names_of(self, function: Expr) -> tuple[str, ...]:
        """Give the last names a called function may have: as written, and before it was renamed."""
        name = last_name(function)
        return (name, *self._renamed.get(name, ()))

    @cached_property
    def _statements(self) -> dict[type[Stmt], list[Stmt]]:
        found: dict[type[Stmt], list[Stmt]] = defaultdict(list)
        for stmt in statements(self.module.body, nested=True):
            found[type(stmt)].append(stmt)
        return found

    def every_statement(self, kind: type[S]) -> list[S]:
        """Give every statement of one kind, in source order."""
        return cast("list[S]", self._statements.get(kind, []))

    # --- names and values ---------------------------------------------------------------------------------------------

    def path(self, expr: Expr, scope: Scope | None = None) -> str:
        """Resolve a dotted path; see `Module.path`."""
        return self.module.path(expr, scope or self.scope_of(expr))

    def constant(self, expr: Expr, scope: Scope | None = None) -> Const | None:
        """Fold to a constant; see `Module.constant`."""
        return expr if isinstance(expr, Const) else self.module.constant(expr, scope or self.scope_of(expr))

    def source(self, node: Expr | Stmt) -> str:
        """Give the text of a node."""
        return self.module.text(node)

    # --- where it stands ----------------------------------------------------------------------------------------------

    @cached_property
    def _parents(self) -> dict[int, Expr | Stmt]:
        """The node around each expression and statement; lambdas are around their bodies."""
        around: dict[int, Expr | Stmt] = {}
        pending: list[tuple[Body, Expr | Stmt | None]] = [(self.module.body, None)]
        while pending:
            body, owner = pending.pop()
            for stmt in body:
                if owner is not None:
                    around[id(stmt)] = owner
                for top in own_expressions(stmt):
                    around[id(top)] = stmt
                    for expr in walk(top):
                        for child in children(expr):
                            around[id(child)] = expr
                        if isinstance(expr, Lambda):
                            pending.append((expr.function.body, expr))
                pending.extend((block, stmt) for block in blocks(stmt))
        return around

    def parent(self, node: Expr | Stmt) -> Expr | Stmt | None:
        """Give the node directly around another, None for a statement of the module."""
        return self._parents.get(id(node))

    def ancestors(self, node: Expr | Stmt) -> Iterator[Expr | Stmt]:
        """Yield the nodes around another, inside out."""
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def statement(self, node: Expr) -> Stmt | None:
        """Give the statement an expression is part of."""
        return next((above for above in self.ancestors(node) if isinstance(above, Stmt)), None)

    def scope_of(self, node: Expr | Stmt) -> Scope:
        """Give the scope a node stands in."""
        if isinstance(node, (Call, Assign)):
            return node.scope
        for above in self.ancestors(node):
            if isinstance(above, Call | Assign | Function | Class):
                return above.scope
            if isinstance(above, Lambda):
                return above.function.scope
        return self.module.scope

    def function_of(self, scope: Scope) -> Function | None:
        """Give the innermost named function around a scope."""
        current: Scope | None = scope
        while current is not None:
            if current.function is not None and current.function.name != "<lambda>":
                return current.function
            current = current.parent
        return None

    # --- what it is for -----------------------------------------------------------------------------------------------

    def purpose(self, expr: Expr, *, hops: int = 1) -> str:
        """Give the names that say what a value is for.

        They are the variable, attribute, key or keyword that receives it, the calls it is handed to, the function it is
        made in; and, through a plain local name, the same of where that name is used.
        """
        known = self._purposes.get((id(expr), hops))
        if known is None:
            known = self._purposes[id(expr), hops] = " ".join(self._purpose_words(expr, hops))
        return known

    def _purpose_words(self, expr: Expr, hops: int) -> Iterator[str]:
        below: Expr | Stmt = expr
        for above in self.ancestors(expr):
            if isinstance(above, Function):
                yield above.name
                break
            yield from _receivers(above, below)
            if isinstance(above, Assign) and hops:
                yield from self._later_purposes(above, hops - 1)
            below = above

    def _later_purposes(self, stmt: Assign, hops: int) -> Iterator[str]:
        names = {target.id for target in stmt.targets if isinstance(target, Name)}
        owner = self.function_of(stmt.scope)
        if not names or owner is None:
            return
        for name in sorted(names):
            for use in self._uses_in(owner).get(name, ())[:_USES_READ]:
                if not (stmt.start <= use.start < stmt.end):
                    yield self.purpose(use, hops=hops)

    def _uses_in(self, owner: Function) -> dict[str, list[Name]]:
        """Index the names a function mentions, once."""
        known = self.remembered.get(f"uses in {owner.start}")
        if known is None:
            found: dict[str, list[Name]] = defaultdict(list)
            for expr in expressions(owner.body):
                if isinstance(expr, Name):
                    found[expr.id].append(expr)
            known = self.remembered[f"uses in {owner.start}"] = found
        return cast("dict[str, list[Name]]", known)


def _receivers(above: Expr | Stmt, below: Expr | Stmt) -> Iterator[str]:  # noqa: C901  # one case a kind of receiver
    """Yield the names by which ``above`` receives ``below``."""
    match above:
        case Call(function=function, args=args, keywords=keywords):
            if below is not function:
                yield dotted(function)
            elif isinstance(function, Attribute):
                yield " ".join((function.name, *(dotted(argument) for argument in args[:3])))
            for name, value in keywords:
                if value is below and name:
                    yield name
        case Dict(pairs=pairs):
            for key, value in pairs:
                if value is below:
                    yield string_value(key) or ""
        case Assign(targets=targets) if below not in targets:
            for target in targets:
                yield target_words(target)
        case AugAssign(target=target) if below is not target:
            yield target_words(target)


def target_words(target: Expr) -> str:
    """Give the names in an assignment's target, a constant key included: ``user.token``, ``session otp``."""
    if isinstance(target, Subscript):
        return f"{dotted(target.value)} {string_value(target.index) or ''}"
    return dotted(target)
