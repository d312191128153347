"""Containers of a module that grow with what callers send, and that nothing ever bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.analyzers.flow.checks import Checks
from bluecode_lint.analyzers.flow.values import Kind, Value, all_taints
from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Collection,
    Const,
    Delete,
    Dict,
    Expr,
    Name,
    Stmt,
    Subscript,
    last_name,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluecode_lint.analyzers.ir import Module, Scope

_CONTAINERS = frozenset(
    {"dict", "list", "set", "defaultdict", "OrderedDict", "Queue", "deque", "SimpleQueue", "LifoQueue"}
)
_BOUNDING = frozenset({"len", "pop", "popitem", "popleft", "clear", "qsize", "full", "remove", "discard", "get_nowait"})
_REGISTERING = (
    "register",
    "subscribe",
    "connect",
    "add_handler",
    "hook",
    "plugin",
    "import",
    "load",
    "install",
    "define",
    "memo",
)


def is_empty_container(module: Module, values: Sequence[Expr]) -> bool:
    """Tell whether a variable starts as an empty container without a limit of its own."""
    if not values:
        return False
    for value in values:
        empty = (isinstance(value, Dict) and not value.pairs) or (
            isinstance(value, Collection) and not value.items and value.kind in ("list", "set")
        )
        made = isinstance(value, Call) and last_name(value.function) in _CONTAINERS
        if made and isinstance(value, Call):
            limited = value.keyword("maxsize") or value.keyword("maxlen")
            sized = last_name(value.function) in ("Queue", "LifoQueue") and bool(value.args)
            made = limited is None and not sized and len(value.args) < 2  # noqa: PLR2004  # deque(items, maxlen)
        if not empty and not made:
            return False
    return module.scope.kind == "module"


class Growth(Checks):
    """The part of the interpreter that looks for unbounded growth."""

    def check_growth(self, container: Expr, values: list[Value], node: Expr) -> None:
        """Record that a caller's data is kept in a container of the module that nothing bounds."""
        function = self.function
        root = container.value if isinstance(container, Subscript) else container
        if function is None or not isinstance(root, Name) or root.id in self.state.variables:
            return
        home = self.scope.lookup(root.id)
        bound = self.module.scope.bindings.get(root.id, [])
        starts = [b for b in bound if b is not None]
        if home is None or not self.is_module_container(root.id, home, starts) or self.is_bounded(root.id):
            return
        if any(word in function.name.lower() for word in _REGISTERING) or (
            function.decorators != () and not self.is_handler
        ):
            return
        known = self.knowledge.calls.get("<growth>")
        for sink in known.sinks if known else ():
            for value in values:
                for taint in all_taints(value):
                    if taint.origin.kind in (Kind.REMOTE, Kind.PARAM) and taint.origin.parent is None:
                        self.hit(sink, taint, node)

    def is_module_container(self, name: str, home: Scope, starts: list[Expr]) -> bool:
        """Tell whether a name is a module's container; ``global`` binds it in the function too."""
        if home.kind != "module" and any(b is not None for b in home.bindings.get(name, [])):
            return False
        return is_empty_container(self.module, starts)

    def is_bounded(self, name: str) -> bool:
        """Tell whether the module measures or shrinks a container anywhere."""
        known = self.program.bounds.get(name)
        if known is None:
            known = self.program.bounds[name] = self._measures_or_shrinks(name)
        return known

    def _measures_or_shrinks(self, name: str) -> bool:
        for call in self.module.calls:
            function = last_name(call.function)
            if function not in _BOUNDING:
                continue
            receiver = call.function.value if isinstance(call.function, Attribute) else None
            subjects = [receiver] if receiver is not None else list(call.args)
            if any(isinstance(e, Name) and e.id == name for s in subjects for e in walk(s)):
                return True
        return any(_deletes(s, name) for f in self.module.functions for s in f.body)


def _deletes(statement: Stmt, name: str) -> bool:
    return isinstance(statement, Delete) and any(
        isinstance(e, Name) and e.id == name for t in statement.targets for e in walk(t)
    )


__all__ = ["Const", "Growth", "is_empty_container"]
