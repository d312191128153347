"""The part of a tree a claim is about: the node it points at, the function around it, and the module's imports."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.tree import same_node, scope_of
from bluecode_lint.reasoners.values import ModuleFacts, Values, facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.model import Region
    from bluecode_lint.core.protocols import Node, Syntax

_WRAPPERS = frozenset({"expression_statement", "await", "parenthesized_expression", "return_statement"})
_DEPTH_MAX = 400


@dataclass(frozen=True)
class Scene:
    """Where a question is asked. ``node`` is what the claim points at; ``scope`` the function (or module) around it."""

    node: Node
    scope: Node
    facts: ModuleFacts

    @property
    def module(self) -> Node:
        """Give the root of the tree."""
        return self.facts.root

    @property
    def imports(self) -> Imports:
        """Give what the module's names were imported as."""
        return self.facts.imports

    @cached_property
    def values(self) -> Values:
        """Give the values of the function around the claim."""
        return Values(self.scope, self.facts)

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


def scene_at(syntax: Syntax, region: Region, facts: ModuleFacts | None = None) -> Scene:
    """Find the smallest node that covers a region, and what is around it. ``facts`` of the module may be known."""
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
    return Scene(_widest_twin(node), scope_of(node), facts or facts_of(syntax.root))


def scenes_in(syntax: Syntax) -> Iterator[Scene]:
    """Yield a scene for every node a claim could point at: calls, assignments, definitions, handlers, comparisons."""
    facts = facts_of(syntax.root)
    for node in walk(syntax.root):
        if node.type in _CLAIMABLE:
            yield Scene(node, scope_of(node), facts)


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
