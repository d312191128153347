"""The part of a tree a claim is about: the node it points at, the function around it, and the module's imports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, imports_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.model import Region
    from bluecode_lint.core.protocols import Node, Syntax

_WRAPPERS = frozenset({"expression_statement", "await", "parenthesized_expression", "return_statement"})
_DEPTH_MAX = 400


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a question is asked. ``node`` is what the claim points at; ``scope`` the function (or module) around it."""

    node: Node
    scope: Node
    module: Node
    imports: Imports

    @property
    def call(self) -> Node | None:
        """Give the call the claim is about: the node itself, what it wraps, or the call it is a part of."""
        return _call_of(self.node)

    @property
    def path(self) -> str:
        """Give the dotted path of what is called, resolved through imports; empty if nothing is called."""
        call = self.call
        function = call.child_by_field_name("function") if call is not None else None
        path = self.imports.path(function)
        if path or function is None or function.type != "attribute":
            return path
        return "?." + text_of(function.child_by_field_name("attribute"))


def scene_at(syntax: Syntax, region: Region) -> Scene:
    """Find the smallest node that covers a region, and what is around it."""
    start, end = _byte_points(syntax.source, region)
    node = syntax.root
    for _ in range(_DEPTH_MAX):
        inner = next(
            (
                child
                for child in node.named_children
                if tuple(child.start_point) <= start and end <= tuple(child.end_point)
            ),
            None,
        )
        if inner is None:
            break
        node = inner
    return Scene(_widest_twin(node), scope_of(node), syntax.root, imports_of(syntax.root))


def scenes_in(syntax: Syntax) -> Iterator[Scene]:
    """Yield a scene for every node a claim could point at: calls, assignments, definitions, handlers, comparisons."""
    imports = imports_of(syntax.root)
    for node in walk(syntax.root):
        if node.type in _CLAIMABLE:
            yield Scene(node, scope_of(node), syntax.root, imports)


_CLAIMABLE = frozenset(
    {
        "call",
        "assignment",
        "function_definition",
        "class_definition",
        "except_clause",
        "comparison_operator",
        "assert_statement",
        "pair",
        "raise_statement",
        "return_statement",
        "keyword_argument",
        "default_parameter",
        "with_statement",
        "subscript",
    }
)


def walk(root: Node) -> Iterator[Node]:
    """Yield a subtree's named nodes in source order."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.named_children))


def walk_scope(root: Node) -> Iterator[Node]:
    """Yield the nodes of one function or module, without entering functions and classes defined inside it."""
    pending = list(reversed(root.named_children))
    while pending:
        node = pending.pop()
        yield node
        if node.type not in {"function_definition", "class_definition", "lambda"}:
            pending.extend(reversed(node.named_children))


def scope_of(node: Node) -> Node:
    """Give the innermost function definition around a node (the node itself if it is one), or else the module."""
    current = node
    while True:
        if current.type == "function_definition":
            return current
        parent = current.parent
        if parent is None:
            return current
        current = parent


def ancestors(node: Node) -> Iterator[Node]:
    """Yield the nodes around a node, innermost first."""
    current = node.parent
    while current is not None:
        yield current
        current = current.parent


def same_node(first: Node | None, second: Node | None) -> bool:
    """Tell whether two handles are of one node of the same tree."""
    if first is None or second is None:
        return first is second
    return (first.start_byte, first.end_byte, first.type) == (second.start_byte, second.end_byte, second.type)


def _call_of(node: Node) -> Node | None:
    inner = node
    while inner.type in _WRAPPERS and inner.named_children:
        inner = inner.named_children[0]
    if inner.type == "call":
        return inner
    if inner.type in {"assignment", "with_item", "named_expression", "keyword_argument", "pair"}:
        value = inner.child_by_field_name("right") or inner.child_by_field_name("value")
        return _call_of(value) if value is not None else None
    if inner.type in {"identifier", "attribute"}:
        parent = inner.parent
        if parent is not None and parent.type == "call" and same_node(parent.child_by_field_name("function"), inner):
            return parent
    return None


def _widest_twin(node: Node) -> Node:
    """Climb from a node to the outermost one that covers exactly the same text."""
    parent = node.parent
    while (
        parent is not None
        and parent.type not in {"module", "block"}
        and (parent.start_byte, parent.end_byte) == (node.start_byte, node.end_byte)
    ):
        node, parent = parent, parent.parent
    return node


def _byte_points(source: bytes, region: Region) -> tuple[tuple[int, int], tuple[int, int]]:
    """Convert a region (from 1, code points) to tree-sitter's points (from 0, UTF-8 bytes)."""
    lines = source.split(b"\n")

    def point(line: int, column: int) -> tuple[int, int]:
        row = min(max(line - 1, 0), len(lines) - 1)
        text = lines[row].decode("utf-8", errors="replace")
        return row, len(text[: column - 1].encode("utf-8"))

    return point(region.start_line, region.start_column), point(region.end_line, region.end_column)
