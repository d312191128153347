"""One tree-sitter parse of a Python text, the same on both supported generations of the binding."""

from __future__ import annotations

import importlib
import threading
import warnings
from typing import TYPE_CHECKING, Any, cast

from bluecode_lint.core.model import Region

if TYPE_CHECKING:
    from bluecode_lint.core.protocols import Node, Syntax


_of_thread = threading.local()  # parsers are not safe to share between threads


def _make_parser() -> Any:  # noqa: ANN401  # the two generations share no type
    try:
        import tree_sitter_python  # noqa: PLC0415  # which grammar is installed decides the generation
    except ImportError:
        import tree_sitter_languages  # noqa: PLC0415  # lazy: start-up time

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # tree-sitter 0.21 announces its own successor
            return tree_sitter_languages.get_parser("python")
    # Imported by name: the type stubs at hand describe only the generation that is installed.
    tree_sitter: Any = importlib.import_module("tree_sitter")
    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_python.language()))


class LazySyntax:
    """A text and its tree, parsed when first asked for. Pickles as its text alone."""

    __slots__ = ("_tree", "source")

    def __init__(self, source: bytes) -> None:
        """Keep ``source``, the text as UTF-8."""
        self.source = source
        self._tree: Any = None

    @property
    def root(self) -> Node:
        """Give the module node; a text with syntax errors has ERROR nodes in it, never an exception."""
        if self._tree is None:
            if not hasattr(_of_thread, "parser"):
                _of_thread.parser = _make_parser()
            self._tree = _of_thread.parser.parse(self.source)
        return cast("Node", self._tree.root_node)

    def __reduce__(self) -> tuple[type[LazySyntax], tuple[bytes]]:
        return (LazySyntax, (self.source,))


def parse_python(text: str) -> LazySyntax:
    """Make the syntax of a Python text. Lone surrogates become ``?``, so that every text has a tree."""
    return LazySyntax(text.encode("utf-8", errors="replace"))


def definitions(syntax: Syntax) -> list[tuple[str, Region]]:
    """List the functions and classes of a text by dotted name, with the lines they take (columns are 1)."""
    found: list[tuple[str, Region]] = []
    stack = [(syntax.root, "")]
    while stack:
        node, owner = stack.pop()
        if node.type in {"function_definition", "class_definition"}:
            name = node.child_by_field_name("name")
            text = name.text if name is not None else None
            owner += ("." if owner else "") + (text or b"").decode("utf-8", "replace")
            found.append((owner, Region(node.start_point[0] + 1, 1, node.end_point[0] + 2, 1)))
        stack.extend((child, owner) for child in node.children)
    return found
