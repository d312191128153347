"""Functions that are named as protections and protect from nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Region

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Node

_PROTECTIVE = re.compile(
    r"sanit|escap(?!ed)|neutrali[sz]|(?:^|_)quote|purif|harden|disinfect|(?:make|ensure|force)_?safe|safe_?(?:shell|sql|path|html|input|arg)",
    re.IGNORECASE,
)
_HARMLESS = frozenset({"str", "strip", "copy", "format", "lower", "upper", "decode", "encode", "deepcopy"})
"""Calls that stop no attack, whatever the weakness."""
_DEPTH_MAX = 20


def pretended_protections(artifact: Artifact) -> Iterator[tuple[Region, str]]:
    """Yield plain functions named as a protection that return their argument as it came, with the place of the name.

    Methods are left out: a base class's hook that does nothing is honest.
    """
    lines = artifact.syntax.source.split(b"\n")
    for node in artifact.syntax.root.named_children:
        function = node.child_by_field_name("definition") if node.type == "decorated_definition" else node
        if function is None or function.type != "function_definition":
            continue
        name = function.child_by_field_name("name")
        if name is not None and _PROTECTIVE.search(_text(name)) and _returns_its_argument(function):
            yield _region(name, lines), _text(name)


def _returns_its_argument(function: Node) -> bool:
    parameters = function.child_by_field_name("parameters")
    body = function.child_by_field_name("body")
    if parameters is None or body is None:
        return False
    known = {_text(_name_of(child)) for child in parameters.named_children}
    returned = False
    for statement in body.named_children:
        kind = statement.type
        if kind == "return_statement" and statement.named_children:
            if not _is_unchanged(statement.named_children[0], known):
                return False
            returned = True
        elif kind == "expression_statement" and _is_plain_assignment(statement, known):
            known.add(_text(statement.named_children[0].child_by_field_name("left")))
        elif kind not in {"comment", "pass_statement"} and not _is_text(statement):
            return False
    return returned


def _name_of(parameter: Node) -> Node:
    return parameter.child_by_field_name("name") or next(iter(parameter.named_children), parameter)


def _is_plain_assignment(statement: Node, known: set[str]) -> bool:
    assignment = statement.named_children[0] if statement.named_children else None
    right = assignment.child_by_field_name("right") if assignment is not None else None
    return (
        assignment is not None and assignment.type == "assignment" and right is not None and _is_unchanged(right, known)
    )


def _is_text(statement: Node) -> bool:
    return statement.type == "expression_statement" and all(c.type == "string" for c in statement.named_children)


def _is_unchanged(expression: Node, known: set[str], depth: int = 0) -> bool:
    """Tell whether an expression is an argument, at most trimmed or copied."""
    if depth > _DEPTH_MAX:
        return False
    if expression.type == "identifier":
        return _text(expression) in known
    if expression.type == "parenthesized_expression" and expression.named_children:
        return _is_unchanged(expression.named_children[0], known, depth + 1)
    if expression.type != "call":
        return False
    called = expression.child_by_field_name("function")
    arguments = expression.child_by_field_name("arguments")
    if called is None or arguments is None:
        return False
    if called.type == "attribute" and _text(called.child_by_field_name("attribute")) in _HARMLESS:
        receiver = called.child_by_field_name("object")
        return receiver is not None and _is_unchanged(receiver, known, depth + 1)
    plain = called.type == "identifier" and _text(called) in _HARMLESS and len(arguments.named_children) == 1
    return plain and _is_unchanged(arguments.named_children[0], known, depth + 1)


def _text(node: Node | None) -> str:
    return (node.text or b"").decode("utf-8", errors="replace") if node is not None else ""


def _region(node: Node, lines: Sequence[bytes]) -> Region:
    (row, start), (end_row, end) = node.start_point, node.end_point

    def column(line: int, offset: int) -> int:
        return len(lines[line][:offset].decode("utf-8", errors="replace")) + 1

    return Region(row + 1, column(row, start), end_row + 1, column(end_row, end))
