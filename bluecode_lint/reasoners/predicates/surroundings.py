"""Conditions on what surrounds a claim, and on claims that are no calls: functions, assignments, handlers, returns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.arguments import compiled, literal_of, matches
from bluecode_lint.reasoners.tree import ancestors, call_path, walk_scope
from bluecode_lint.reasoners.values import LeafKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bluecode_lint.core.protocols import Node
    from bluecode_lint.reasoners.scene import Scene

_ROUTE_DECORATORS = (
    "*.route",
    "*.get",
    "*.post",
    "*.put",
    "*.patch",
    "*.delete",
    "*.websocket",
    "*.api_route",
    "*.command",
    "*.tool",
    "click.*",
)


def scope_calls(scene: Scene, *paths: str) -> bool:
    """The function around the claim calls one of the paths."""
    return any(matches(path, paths) for path in _called_in(scene))


def scope_never_calls(scene: Scene, *paths: str) -> bool:
    """The function around the claim calls none of the paths."""
    return not scope_calls(scene, *paths)


def _called_in(scene: Scene) -> Iterator[str]:
    for node in walk_scope(scene.scope):
        if node.type == "call":
            yield call_path(node, scene.imports)


def scope_reads(scene: Scene, *paths: str) -> bool:
    """The function around the claim mentions one of the dotted paths."""
    return any(
        matches(scene.imports.path(node), paths)
        for node in walk_scope(scene.scope)
        if node.type in {"identifier", "attribute"}
    )


def scope_never_reads(scene: Scene, *paths: str) -> bool:
    """The function around the claim mentions none of the dotted paths."""
    return not scope_reads(scene, *paths)


def purpose_matches(scene: Scene, pattern: str) -> bool:
    """What the claim's value is for matches: the name it is bound to or passed as, or the function that makes it."""
    return any(compiled(pattern).search(name) for name in _purposes(scene))


def _purposes(scene: Scene) -> Iterator[str]:
    node = scene.node
    for outer in (node, *ancestors(node)):
        if outer.type in {"assignment", "keyword_argument", "named_expression"}:
            yield text_of(outer.child_by_field_name("left") or outer.child_by_field_name("name"))
        if outer.type == "pair":
            yield text_of(outer.child_by_field_name("key"))
        if outer.type in {"function_definition", "class_definition"}:
            yield text_of(outer.child_by_field_name("name"))
            return


def decorated_with(scene: Scene, *paths: str) -> bool:
    """The function around the claim has a decorator of one of the paths."""
    return any(matches(path, paths) for path in _decorators(scene))


def not_decorated_with(scene: Scene, *paths: str) -> bool:
    """The claim is in a function, and the function has no decorator of the paths."""
    return scene.scope.type == "function_definition" and not decorated_with(scene, *paths)


def scope_is_handler(scene: Scene) -> bool:
    """The function around the claim is called from outside: a route, a command, a tool."""
    return decorated_with(scene, *_ROUTE_DECORATORS)


def _decorators(scene: Scene) -> Iterator[str]:
    holder = scene.scope.parent
    if holder is None or holder.type != "decorated_definition":
        return
    for child in holder.named_children:
        if child.type == "decorator":
            for inner in child.named_children:
                yield scene.imports.path(inner).removesuffix("()")


def inside_with(scene: Scene, *paths: str) -> bool:
    """The claim stands inside a with-statement over a call of one of the paths."""
    for outer in ancestors(scene.node):
        if outer.type == "with_statement":
            for node in walk(outer.named_children[0]):
                if node.type == "call" and matches(call_path(node, scene.imports), paths):
                    return True
    return False


def module_calls(scene: Scene, *paths: str) -> bool:
    """The module calls one of the paths anywhere."""
    return any(matches(call_path(node, scene.imports), paths) for node in walk(scene.module) if node.type == "call")


def module_never_calls(scene: Scene, *paths: str) -> bool:
    """The module calls none of the paths."""
    return not module_calls(scene, *paths)


# --- claims that are no calls ----------------------------------------------------------------------------------------


def assigns(scene: Scene, target: str, *literals: str) -> bool:
    """The claim is an assignment to a matching target, of one of the literals (of anything, if none is given).

    The target of a dictionary entry or keyword argument is its key.
    """
    bound = _binding(scene)
    if bound is None or not matches(bound[0], (target,)):
        return False
    return not literals or literal_of(bound[1]) in literals or matches(scene.imports.path(bound[1]), literals)


def assigns_text_to(scene: Scene, pattern: str) -> bool:
    """The claim binds a text of some length, written out in the source, to a name that matches a regular expression."""
    bound = _binding(scene)
    if bound is None or not compiled(pattern).search(bound[0]):
        return False
    text = literal_of(bound[1]) if bound[1].type in {"string", "concatenated_string"} else ""
    return len(text) >= _SECRET_CHARS_MIN and not re.search(
        r"[<>{}]|^\$|\s|change.?me|example|placeholder|xxx", text, re.IGNORECASE
    )


def assigns_call_to(scene: Scene, pattern: str, *paths: str) -> bool:
    """The claim binds what a call of one of the paths gave to a name that matches a regular expression."""
    bound = _binding(scene)
    if bound is None or not compiled(pattern).search(bound[0]):
        return False
    return any(
        matches(call_path(node, scene.imports), paths) or matches(scene.imports.path(node).removesuffix("[]"), paths)
        for node in walk(bound[1])
        if node.type in {"call", "subscript"}
    )


_SECRET_CHARS_MIN = 4


def _binding(scene: Scene) -> tuple[str, Node] | None:
    """Give (the target's path, the value) of an assignment, a keyword argument, a default or a dictionary entry."""
    node = scene.node
    while node.type == "expression_statement" and node.named_children:
        node = node.named_children[0]
    target = node.child_by_field_name("left") or node.child_by_field_name("name") or node.child_by_field_name("key")
    value = node.child_by_field_name("right") or node.child_by_field_name("value")
    if node.type not in {"assignment", "keyword_argument", "pair", "default_parameter"} or not target or not value:
        return None
    path = scene.imports.path(target) or literal_of(target)
    if target.type == "subscript":
        key = target.child_by_field_name("subscript")
        path = f"{path.removesuffix('[]')}[{literal_of(key) if key is not None else ''}]"
    return path, value


def compares_secret(scene: Scene, pattern: str) -> bool:
    """The claim is a comparison by equality or identity with a name that matches a regular expression."""
    node = scene.node
    operators = {child.type for child in node.children if not child.is_named}
    return (
        node.type == "comparison_operator"
        and bool(operators & {"==", "!=", "is", "is not"})
        and any(compiled(pattern).search(text_of(part)) for part in node.named_children if part.type != "string")
    )


def compares_by(scene: Scene, *operators: str) -> bool:
    """The claim is a comparison by one of the operators."""
    return scene.node.type == "comparison_operator" and any(
        child.type in operators for child in scene.node.children if not child.is_named
    )


def compares_with_literal(scene: Scene) -> bool:
    """The claim is a comparison with a text or number written out."""
    return scene.node.type == "comparison_operator" and any(
        part.type in {"string", "integer", "float", "tuple", "list"} for part in scene.node.named_children
    )


def handler_catches(scene: Scene, *names: str) -> bool:
    """The claim is an except clause for one of the exceptions; ``bare`` is a clause that names none."""
    node = scene.node
    if node.type != "except_clause":
        return False
    caught = [
        text_of(inner)
        for child in node.named_children
        if child.type not in {"block", "comment"}
        for inner in (walk(child) if child.type in {"tuple", "as_pattern"} else (child,))
        if inner.type in {"identifier", "attribute"}
    ]
    return any(name in names for name in (caught or ["bare"]))


def handler_is_silent(scene: Scene) -> bool:
    """The claim is an except clause whose body does nothing."""
    node = scene.node
    body = node.named_children[-1] if node.type == "except_clause" and node.named_children else None
    if body is None or body.type != "block":
        return False
    return all(child.type in {"pass_statement", "continue_statement", "comment"} for child in body.named_children)


def handler_acts(scene: Scene) -> bool:
    """The claim is an except clause whose body logs, raises, returns or repairs."""
    return scene.node.type == "except_clause" and not handler_is_silent(scene)


def returns_from(scene: Scene, *paths: str) -> bool:
    """The claim is a return (or a call) of something that comes from one of the paths."""
    node = scene.node
    if node.type not in {"return_statement", "call"} or not node.named_children:
        return False
    leaves = scene.values.leaves(node.named_children[0] if node.type == "return_statement" else node)
    return any(matches(leaf.path, paths) or any(matches(step, paths) for step in leaf.through) for leaf in leaves)


def returns_through(scene: Scene, *paths: str) -> bool:
    """The claim is a return of something whose every part that is no constant passed a call of one of the paths."""
    if scene.node.type != "return_statement" or not scene.node.named_children:
        return False
    leaves = [leaf for leaf in scene.values.leaves(scene.node.named_children[0]) if leaf.kind is not LeafKind.CONSTANT]
    return bool(leaves) and all(any(matches(step, paths) for step in leaf.through) for leaf in leaves)


def returns_without(scene: Scene, *paths: str) -> bool:
    """The claim is a return of something that comes from none of the paths."""
    return scene.node.type == "return_statement" and bool(scene.node.named_children) and not returns_from(scene, *paths)


def returns_caught_error(scene: Scene) -> bool:
    """The claim is in an except clause, and what is returned or sent holds the exception's text."""
    handler = next((outer for outer in ancestors(scene.node) if outer.type == "except_clause"), None)
    if handler is None:
        return False
    names = {text_of(alias) for node in walk(handler) if (alias := _alias_of(node)) is not None}
    return any(text_of(part) in names for part in walk(scene.node) if part.type == "identifier")


def _alias_of(node: Node) -> Node | None:
    if node.type == "as_pattern":
        alias = node.child_by_field_name("alias")
        return alias.named_children[0] if alias is not None and alias.named_children else alias
    return None


SURROUNDING_PREDICATES: Mapping[str, Callable[..., bool]] = {
    check.__name__: check
    for check in (
        assigns,
        assigns_call_to,
        assigns_text_to,
        compares_by,
        compares_secret,
        compares_with_literal,
        decorated_with,
        handler_acts,
        handler_catches,
        handler_is_silent,
        inside_with,
        module_calls,
        module_never_calls,
        not_decorated_with,
        purpose_matches,
        returns_caught_error,
        returns_from,
        returns_through,
        returns_without,
        scope_calls,
        scope_is_handler,
        scope_never_calls,
        scope_never_reads,
        scope_reads,
    )
}
"""Name to check."""
