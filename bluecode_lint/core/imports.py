"""What a module's names stand for: `Imports` resolves a local spelling to the dotted path it was imported from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bluecode_lint.core.protocols import Node

_STATEMENT_HOLDERS = frozenset(
    {
        "module",
        "block",
        "function_definition",
        "class_definition",
        "decorated_definition",
        "if_statement",
        "elif_clause",
        "else_clause",
        "try_statement",
        "except_clause",
        "except_group_clause",
        "finally_clause",
        "with_statement",
        "for_statement",
        "while_statement",
        "match_statement",
        "case_clause",
        "ERROR",
    }
)
"""Nodes under which an import statement can stand; expressions are never entered."""

_DEPTH_MAX = 100
"""Deepest chain of attributes and calls that is spelled out; a longer one has no path."""


@dataclass(frozen=True, slots=True)
class Imports:
    """The names a module imports, anywhere in it: local name to dotted path."""

    paths: Mapping[str, str] = field(default_factory=dict)

    def path(self, node: Node | None) -> str:
        """Spell the dotted path an expression names.

        ``sp.run`` is ``subprocess.run`` after ``import subprocess as sp``; a call in the chain is written ``()`` and a
        subscript ``[]``, as in ``sqlite3.connect().cursor().execute``. An expression that is no such chain is ``""``.
        """
        suffix = ""
        for _ in range(_DEPTH_MAX):
            if node is None:
                return ""
            if node.type == "identifier":
                name = text_of(node)
                return self.paths.get(name, name) + suffix
            if node.type == "attribute":
                suffix = "." + text_of(node.child_by_field_name("attribute")) + suffix
                node = node.child_by_field_name("object")
            elif node.type == "call":
                suffix = "()" + suffix
                node = node.child_by_field_name("function")
            elif node.type == "subscript":
                suffix = "[]" + suffix
                node = node.child_by_field_name("value")
            elif node.type in {"parenthesized_expression", "await"} and node.named_children:
                node = node.named_children[0]
            else:
                return ""
        return ""


def text_of(node: Node | None) -> str:
    """Give a node's source text; empty for no node."""
    text = node.text if node is not None else None
    return text.decode("utf-8", errors="replace") if text else ""


def imports_of(root: Node) -> Imports:
    """Collect every import statement under a module's root, those inside functions included."""
    paths: dict[str, str] = {}
    for statement in _import_statements(root):
        paths.update(_bindings(statement))
    return Imports(paths)


def _import_statements(root: Node) -> Iterator[Node]:
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type in {"import_statement", "import_from_statement"}:
            yield node
        elif node.type in _STATEMENT_HOLDERS:
            pending.extend(reversed(node.named_children))


def _bindings(statement: Node) -> Iterator[tuple[str, str]]:
    """Yield (local name, dotted path) for one import statement."""
    module_node = statement.child_by_field_name("module_name")
    module = text_of(module_node)
    for child in statement.named_children:
        if module_node is not None and child.start_byte == module_node.start_byte:
            continue
        name, local = child, ""
        if child.type == "aliased_import":
            aliased = child.child_by_field_name("name")
            name, local = aliased or child, text_of(child.child_by_field_name("alias"))
        if name.type != "dotted_name":
            continue
        dotted = text_of(name)
        if module:
            joined = module + dotted if module.endswith(".") else f"{module}.{dotted}"
            yield (local or dotted, joined)
        elif local:
            yield (local, dotted)
        else:
            top = dotted.partition(".")[0]
            yield (top, top)
