"""The way through a syntax tree that every room takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.protocols import Node


def walk(root: Node) -> Iterator[Node]:
    """Yield a subtree's named nodes in source order, the root first."""
    pending = [root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(reversed(node.named_children))
