"""What is known to hold where a claim points: the conditions of branches around it and of early exits before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.tree import ancestors, same_node

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bluecode_lint.core.protocols import Node

_EXIT_STATEMENTS = frozenset({"return_statement", "raise_statement", "continue_statement", "break_statement"})
_EXIT_CALLS = frozenset({"abort", "exit", "_exit", "fail", "bail", "error"})
_BRANCHES = frozenset({"if_statement", "elif_clause", "while_statement"})


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition and whether it is true (or false) at the point in question."""

    condition: Node
    holds: bool


def guards_at(node: Node, names: Collection[str] = ()) -> Iterator[Guard]:
    """Yield the elementary conditions that are decided wherever control reaches ``node``, innermost first.

    A branch that replaces one of ``names`` by a constant counts like one that leaves: past it the condition is false
    of the value that was kept.
    """
    inner = node
    for outer in ancestors(node):
        if outer.type in {"function_definition", "class_definition"}:
            return
        yield from _branch_guards(outer, inner)
        if outer.type in {"block", "module"}:
            yield from _exits_before(inner, outer, names)
        inner = outer


def validations_before(node: Node) -> Iterator[Node]:
    """Yield the calls made as statements of their own before ``node`` in the blocks around it.

    Such a call is made for its refusal, as in ``ipaddress.ip_address(host)`` or ``check_name(name)``.
    """
    inner = node
    for outer in ancestors(node):
        if outer.type in {"function_definition", "class_definition"}:
            return
        if outer.type in {"block", "module"}:
            for statement in _statements_before(inner, outer):
                yield from _calls_alone(statement)
        inner = outer


def _calls_alone(statement: Node) -> Iterator[Node]:
    if statement.type == "expression_statement" and [child.type for child in statement.named_children] == ["call"]:
        yield statement.named_children[0]
    elif statement.type == "try_statement" and _leaves_in_every_handler(statement):
        body = statement.child_by_field_name("body")
        for inner in body.named_children if body is not None else ():
            yield from _calls_alone(inner)


def _leaves_in_every_handler(statement: Node) -> bool:
    handlers = [child for child in statement.named_children if child.type == "except_clause"]
    return bool(handlers) and all(always_leaves(handler.named_children[-1]) for handler in handlers)


def _branch_guards(outer: Node, inner: Node) -> Iterator[Guard]:
    """Yield what a branch says about the part of it that ``inner`` is."""
    if outer.type in _BRANCHES:
        yield from _statement_guards(outer, inner)
    elif outer.type == "conditional_expression":
        then, test, otherwise = (*outer.named_children, None, None, None)[:3]
        if test is not None and (same_node(inner, then) or same_node(inner, otherwise)):
            yield from atoms_of(Guard(test, holds=same_node(inner, then)))
    elif outer.type == "boolean_operator":
        left, right = outer.child_by_field_name("left"), outer.child_by_field_name("right")
        if left is not None and same_node(inner, right):
            yield from atoms_of(Guard(left, holds=_operator_of(outer) == "and"))
    elif outer.type.endswith("_comprehension") or outer.type == "generator_expression":
        for clause in outer.named_children:
            if clause.type == "if_clause" and clause.named_children:
                yield from atoms_of(Guard(clause.named_children[0], holds=True))


def _statement_guards(outer: Node, inner: Node) -> Iterator[Guard]:
    condition = outer.child_by_field_name("condition")
    if condition is None:
        return
    if same_node(inner, outer.child_by_field_name("consequence") or outer.child_by_field_name("body")):
        yield from atoms_of(Guard(condition, holds=True))
    elif inner.type in {"else_clause", "elif_clause"}:
        yield from atoms_of(Guard(condition, holds=False))
        for sibling in outer.named_children:
            earlier = sibling.child_by_field_name("condition") if sibling.type == "elif_clause" else None
            if earlier is not None and sibling.end_byte <= inner.start_byte:
                yield from atoms_of(Guard(earlier, holds=False))


def _exits_before(inner: Node, block: Node, names: Collection[str]) -> Iterator[Guard]:
    """Yield what is known after the early exits and assertions among the statements before ``inner``."""
    for statement in _statements_before(inner, block):
        condition = statement.child_by_field_name("condition")
        if statement.type == "if_statement" and condition is not None:
            consequence = statement.child_by_field_name("consequence")
            if consequence is not None and (always_leaves(consequence) or _replaces(consequence, names)):
                yield from atoms_of(Guard(condition, holds=False))
        elif statement.type == "assert_statement" and statement.named_children:
            yield from atoms_of(Guard(statement.named_children[0], holds=True))


def _replaces(block: Node, names: Collection[str]) -> bool:
    """Tell whether a block is one assignment of something that uses no name of ``names`` to one of them."""
    statements = [child for child in block.named_children if child.type != "comment"]
    if len(statements) != 1 or statements[0].type != "expression_statement" or not statements[0].named_children:
        return False
    assignment = statements[0].named_children[0]
    left, right = assignment.child_by_field_name("left"), assignment.child_by_field_name("right")
    if assignment.type != "assignment" or left is None or right is None or text_of(left) not in names:
        return False
    return not any(part.type == "call" or text_of(part) in names for part in walk(right))


def _statements_before(inner: Node, block: Node) -> list[Node]:
    return [child for child in block.named_children if child.end_byte <= inner.start_byte]


def always_leaves(block: Node) -> bool:
    """Tell whether control never passes the end of a block: it returns, raises, breaks, continues or aborts."""
    statements = [child for child in block.named_children if child.type != "comment"]
    if not statements:
        return False
    last = statements[-1]
    if last.type in _EXIT_STATEMENTS:
        return True
    if last.type == "expression_statement" and last.named_children and last.named_children[0].type == "call":
        function = last.named_children[0].child_by_field_name("function")
        return text_of(function).rpartition(".")[2] in _EXIT_CALLS
    if last.type == "if_statement":
        consequence = last.child_by_field_name("consequence")
        others = [child for child in last.named_children if child.type in {"elif_clause", "else_clause"}]
        closed = bool(others) and others[-1].type == "else_clause"
        bodies = [consequence, *(c.child_by_field_name("consequence") or c.child_by_field_name("body") for c in others)]
        return closed and all(body is not None and always_leaves(body) for body in bodies)
    return False


def atoms_of(guard: Guard) -> Iterator[Guard]:
    """Take a condition apart into the elementary ones that are decided with it.

    ``a and b`` being true decides both, ``a or b`` being false decides both, ``not a`` decides the opposite of ``a``.
    """
    node, holds = guard.condition, guard.holds
    if node.type == "parenthesized_expression" and node.named_children:
        yield from atoms_of(Guard(node.named_children[0], holds))
    elif node.type == "not_operator" and node.named_children:
        yield from atoms_of(Guard(node.named_children[-1], not holds))
    elif node.type == "boolean_operator" and (_operator_of(node) == "and") == holds:
        for side in ("left", "right"):
            part = node.child_by_field_name(side)
            if part is not None:
                yield from atoms_of(Guard(part, holds))
    else:
        yield Guard(node, holds)


def _operator_of(node: Node) -> str:
    operator = node.child_by_field_name("operator")
    return operator.type if operator is not None else ""
