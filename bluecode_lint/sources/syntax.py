"""One tree-sitter parse of a Python text, the same on both supported generations of the binding."""

from __future__ import annotations

import importlib
import threading
import warnings
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from bluecode_lint.core.protocols import Node


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
