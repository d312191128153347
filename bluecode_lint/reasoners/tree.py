"""Small steps over a syntax tree that every check takes: down, up, to the function around, to a call's parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.protocols import Node


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


def argument_nodes(call: Node) -> Sequence[Node]:
    """Give a call's arguments as written, keyword arguments included; a sole generator is its only argument."""
    arguments = call.child_by_field_name("arguments")
    if arguments is None:
        return ()
    if arguments.type != "argument_list":
        return (arguments,)
    return [child for child in arguments.named_children if child.type != "comment"]


def call_path(call: Node, imports: Imports) -> str:
    """Spell the path of what is called; a method of something without a path is ``?.method``."""
    function = call.child_by_field_name("function")
    path = imports.path(function)
    if path or function is None:
        return path
    return "?." + text_of(function.child_by_field_name("attribute")) if function.type == "attribute" else "?"
