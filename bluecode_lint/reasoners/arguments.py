"""Find a call's argument by position or name, and read what it literally is."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.reasoners.tree import argument_nodes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluecode_lint.core.protocols import Node

_SPLATS = frozenset({"list_splat", "dictionary_splat"})
_LITERAL_CHARS_MAX = 4_000


def find_argument(call: Node, spec: str) -> Node | None:
    """Give the value of an argument.

    ``spec`` lists alternatives: ``0|args`` is the first positional argument or else the keyword ``args``, and
    ``receiver`` the object whose method is called. A position behind a ``*splat`` is unknown and so not found.
    """
    for wanted in spec.split("|"):
        if wanted == "receiver":
            function = call.child_by_field_name("function")
            return function.child_by_field_name("object") if function is not None else None
        value = _positional(call, int(wanted)) if wanted.isdigit() else _keyword(call, wanted)
        if value is not None:
            return value
    return None


def may_have_argument(call: Node, spec: str) -> bool:
    """Tell whether an argument is given, or could be by a splat."""
    return find_argument(call, spec) is not None or any(node.type in _SPLATS for node in argument_nodes(call))


def _positional(call: Node, wanted: int) -> Node | None:
    position = 0
    for node in argument_nodes(call):
        if node.type == "list_splat":
            return None
        if node.type in {"keyword_argument", "dictionary_splat"}:
            continue
        if position == wanted:
            return node
        position += 1
    return None


def _keyword(call: Node, wanted: str) -> Node | None:
    for node in argument_nodes(call):
        if node.type == "keyword_argument" and text_of(node.child_by_field_name("name")) == wanted:
            return node.child_by_field_name("value")
    return None


def literal_of(node: Node) -> str:
    """Give a constant as text: a string's content, a number in decimal, ``True``, a dotted name; empty for the rest."""
    text = text_of(node)
    if node.type in {"true", "false", "none", "identifier", "attribute"}:
        return text
    if (
        node.type in {"string", "concatenated_string", "integer", "float", "unary_operator"}
        and len(text) <= _LITERAL_CHARS_MAX
    ):
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return ""
        return value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return ""


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Tell whether a dotted path matches one of the patterns, in which ``*`` stands for anything."""
    return bool(path) and any(fnmatchcase(path, pattern) for pattern in patterns)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a regular expression of a constitution once."""
    return re.compile(pattern)
