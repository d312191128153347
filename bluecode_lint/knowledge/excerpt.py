"""Cut out of a file what a claim is about: the imports and the function around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of

if TYPE_CHECKING:
    from bluecode_lint.core.model import Artifact, Region
    from bluecode_lint.core.protocols import Node

EXCERPT_CHARS_MAX = 12_000
_NEARBY = 6
"""Top-level statements taken on each side of a claim outside every function."""


def excerpt_of(artifact: Artifact, region: Region) -> str:
    """Give the module's top-level imports and the innermost function that holds ``region`` (or what stands near it)."""
    root = artifact.syntax.root
    row = region.start_line - 1
    top = root.named_children
    imports = [text_of(node) for node in top if node.type in {"import_statement", "import_from_statement"}]
    holder = _innermost_function(root, row)
    if holder is not None:
        body = text_of(holder)
    else:
        near = [at for at, node in enumerate(top) if node.start_point[0] <= row <= node.end_point[0]]
        center = near[0] if near else 0
        body = "\n".join(text_of(node) for node in top[max(0, center - _NEARBY) : center + _NEARBY + 1])
    return ("\n".join(imports) + "\n\n" + body)[:EXCERPT_CHARS_MAX]


def _innermost_function(root: Node, row: int) -> Node | None:
    """Descend to the last function whose rows hold ``row``, decorators included."""
    found: Node | None = None
    node: Node | None = root
    while node is not None:
        step: Node | None = None
        for child in node.named_children:
            if child.start_point[0] <= row <= child.end_point[0]:
                step = child
                break
        if step is not None and step.type == "function_definition":
            parent = step.parent
            found = parent if parent is not None and parent.type == "decorated_definition" else step
        node = step
    return found
