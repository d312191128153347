"""Read the module under test: its functions, who calls whom, and what values it compares with."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Function:
    """A function of the module: ``owner`` is the class it stands in, ``outer`` the function around it."""

    node: FunctionNode
    owner: str = ""
    outer: Function | None = None
    calls: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Give the bare name."""
        return self.node.name

    @property
    def is_private(self) -> bool:
        """Tell whether the name says that only the module itself calls it."""
        return self.name.startswith("_") and not self.name.endswith("__")

    @property
    def words(self) -> str:
        """Say it for people, such as ``Store.find()``."""
        return f"{self.owner}.{self.name}()" if self.owner else f"{self.name}()"

    @property
    def outermost(self) -> Function:
        """Give the function that can be called from outside."""
        return self.outer.outermost if self.outer else self

    def covers(self, line: int) -> bool:
        """Tell whether a line is inside."""
        first = min([self.node.lineno, *(d.lineno for d in self.node.decorator_list)])
        return first <= line <= (self.node.end_lineno or self.node.lineno)


@dataclass
class Outline:
    """What there is in the module, in source order."""

    functions: list[Function]
    classes: dict[str, ast.ClassDef]
    tree: ast.Module

    def enclosing(self, line: int) -> Function | None:
        """Give the innermost function around a line."""
        found = [f for f in self.functions if f.covers(line)]
        return min(found, key=lambda f: (f.node.end_lineno or 0) - f.node.lineno, default=None)

    def callers(self, target: Function) -> list[Function]:
        """List the outermost functions that reach ``target`` by name, nearest first, at most three calls away."""
        wanted = {target.name}
        found: dict[int, Function] = {}
        if target.name == "__init__":
            wanted.add(target.owner)
        for _ in range(3):
            for function in self.functions:
                outer = function.outermost
                if function.calls & wanted and outer is not target.outermost:
                    found.setdefault(id(outer), outer)
            wanted |= {f.name for f in found.values()}
        return list(found.values())

    def is_command(self, name: str) -> bool:
        """Tell whether a command line starts a function: ``main``, what the script guard calls, declared commands."""
        if name == "main":
            return True
        guards = [n for n in self.tree.body if isinstance(n, ast.If) and "__name__" in ast.unparse(n.test)]
        if any(name in called_names(guard) for guard in guards):
            return True
        decorators = [d for f in self.functions if f.name == name for d in f.node.decorator_list]
        return any(ast.unparse(d).split("(")[0].rpartition(".")[2] == "command" for d in decorators)

    def is_used_at_top(self, target: Function) -> bool:
        """Tell whether code outside of all functions mentions a function."""
        inside = {id(node) for function in self.functions for node in ast.walk(function.node)}
        return any(
            isinstance(node, ast.Name) and node.id == target.name and id(node) not in inside
            for node in ast.walk(self.tree)
        )

    def statement(self, first: int, last: int) -> tuple[int, int]:
        """Widen a span of lines to the simple statement (or the header of the compound one) around it."""
        best: tuple[int, int] = (first, last)
        size = 10**9
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.stmt):
                continue
            start, end = node.lineno, node.end_lineno or node.lineno
            body = getattr(node, "body", None)
            if isinstance(body, list) and body:
                end = max(start, body[0].lineno - 1)
            if start <= first <= end and end - start < size:
                best, size = (min(start, first), max(end, last)), end - start
        return best


def outline_of(tree: ast.Module) -> Outline:
    """Walk the module once."""
    functions: list[Function] = []
    classes: dict[str, ast.ClassDef] = {}

    def visit(node: ast.AST, owner: str, outer: Function | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTIONS):
                made = Function(child, owner, outer, called_names(child))
                functions.append(made)
                visit(child, owner, made)
            elif isinstance(child, ast.ClassDef):
                classes.setdefault(child.name, child)
                visit(child, child.name, outer)
            else:
                visit(child, owner, outer)

    visit(tree, "", None)
    return Outline(functions, classes, tree)


def called_names(node: ast.AST) -> set[str]:
    """Collect the last names of everything called or handed on inside a function."""
    names: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, ast.Call):
            for part in (child.func, *child.args, *(k.value for k in child.keywords)):
                if isinstance(part, ast.Name):
                    names.add(part.id)
                elif isinstance(part, ast.Attribute):
                    names.add(part.attr)
    return names


def names_assigned(tree: ast.AST, first: int, last: int) -> set[str]:
    """Collect the names (and attributes) a statement on these lines assigns."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.NamedExpr))
            and node.lineno <= last
            and (node.end_lineno or node.lineno) >= first
        ):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        found.add(part.id)
                    elif isinstance(part, ast.Attribute):
                        found.add(part.attr)
    return found


def names_used(tree: ast.AST, line: int) -> set[str]:
    """Collect the names and attributes used by the statement that starts on or spans a line."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if getattr(node, "lineno", 0) <= line <= (getattr(node, "end_lineno", 0) or 0):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
    return found


@dataclass
class Constants:
    """Values the code compares its inputs with: what to try when the sink is not reached."""

    equal: list[str | int] = field(default_factory=list)
    starts: list[str | int] = field(default_factory=list)
    ends: list[str | int] = field(default_factory=list)


def constants_of(node: ast.AST) -> Constants:
    """Collect the constants in comparisons, prefixes, suffixes and look-ups, in source order."""
    found = Constants()
    for child in ast.walk(node):
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.args:
            into = {"startswith": found.starts, "endswith": found.ends}.get(child.func.attr)
            if into is not None:
                _collect(child.args[0], into)
        for part in _compared(child):
            _collect(part, found.equal)
    return Constants(*(list(dict.fromkeys(values))[:12] for values in (found.equal, found.starts, found.ends)))


def _compared(node: ast.AST) -> list[ast.expr]:
    """List the expressions of a node that values are compared with."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.Dict):
        return [key for key in node.keys if key is not None]
    if isinstance(node, ast.MatchValue):
        return [node.value]
    if isinstance(node, (ast.Set, ast.Tuple, ast.List)) and not isinstance(getattr(node, "ctx", None), ast.Store):
        return [node]
    return []


def merged(parts: list[Constants]) -> Constants:
    """Put the constants of several scopes together, first seen first."""

    def join(name: str) -> list[str | int]:
        return list(dict.fromkeys(value for part in parts for value in getattr(part, name)))[:16]

    return Constants(join("equal"), join("starts"), join("ends"))


def _collect(node: ast.AST, into: list[str | int]) -> None:
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, int)) and not isinstance(node.value, bool):
        into.append(node.value)
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for item in node.elts:
            _collect(item, into)
