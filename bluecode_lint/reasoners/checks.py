"""Recognise the checks that stand between a value and its use: allow-lists, containment, patterns, types, bounds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.arguments import find_argument, literal_of
from bluecode_lint.reasoners.guards import Guard, guards_at, validations_before
from bluecode_lint.reasoners.tree import argument_nodes
from bluecode_lint.reasoners.values import LeafKind

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from bluecode_lint.core.protocols import Node
    from bluecode_lint.reasoners.scene import Scene
    from bluecode_lint.reasoners.values import Leaf, Values

_TYPE_TESTS = frozenset({"isdigit", "isdecimal", "isalnum", "isalpha", "isidentifier", "isnumeric"})
_NUMBERS = frozenset({"int", "float", "bool", "uuid.UUID", "decimal.Decimal"})
_VALIDATOR = re.compile(
    r"(?:^|_)(?:valid|validate|check|verify|ensure|require|allowed|safe|authoriz\w*|assert|reject)", re.IGNORECASE
)
_UPPER = re.compile(r"_*[A-Z][A-Z0-9_]*$")
_CONTAINMENT_PARTS = 2


def is_checked(leaf: Leaf, scene: Scene, values: Values, kinds: Collection[str]) -> bool:
    """Tell whether a value, under any name it went by, has passed a check of one of ``kinds`` before the claim."""
    names = set(leaf.names)
    if not names:
        return False
    if "number" in kinds and any(path in _NUMBERS for path in leaf.through):
        return True
    if "validator" in kinds and any(_VALIDATOR.search(path.rpartition(".")[2]) for path in leaf.through):
        return True
    # Where the value was read counts, too: in ``a if a in ALLOWED else b`` nothing else ever comes through.
    for guard in (*guards_at(scene.node, names), *guards_at(leaf.node, names)):
        for decided in _through_names(guard, values):
            if any(_RECOGNISERS[kind](decided, names, values) for kind in kinds if kind in _RECOGNISERS):
                return True
    calls = list(validations_before(scene.node))
    return any(_validates(call, names, kind) for kind in kinds for call in calls)


def _through_names(guard: Guard, values: Values) -> Iterator[Guard]:
    """Yield a guard, and where its condition is a name, what that name was set to."""
    yield guard
    if guard.condition.type == "identifier":
        for value in values.definitions(guard.condition):
            if value.type != "identifier":
                yield Guard(value, guard.holds)


def _mentions(node: Node, names: Collection[str]) -> bool:
    """Tell whether a subtree uses one of the names (or one of the dotted paths that start with a name)."""
    return any(
        text_of(part) in names for part in walk(node) if part.type in {"identifier", "attribute", "subscript", "call"}
    )


def _is_one_of(node: Node | None, names: Collection[str]) -> bool:
    """Tell whether an expression is the value itself, not something computed from a part of it."""
    while node is not None and node.type == "call" and text_of(node.child_by_field_name("function")) == "str":
        node = find_argument(node, "0")
    return node is not None and text_of(node) in names


def _comparison(node: Node) -> tuple[Node, str, Node] | None:
    """Take a simple comparison apart: left, operator, right."""
    if node.type != "comparison_operator" or len(node.named_children) != _CONTAINMENT_PARTS:
        return None
    operator = " ".join(text_of(child) for child in node.children if not child.is_named)
    return node.named_children[0], operator, node.named_children[1]


def _membership(guard: Guard, values: Values) -> Node | None:
    """Give what is known to be in a fixed collection; None if the guard says nothing of the kind."""
    compared = _comparison(guard.condition)
    if compared is None:
        return None
    left, operator, right = compared
    member = (operator == "in" and guard.holds) or (operator == "not in" and not guard.holds)
    return left if member and left.type != "string" and _is_fixed_collection(right, values) else None


def _is_allowlist(guard: Guard, names: Collection[str], values: Values) -> bool:
    return _is_one_of(_membership(guard, values), names)


def _is_host_test(guard: Guard, names: Collection[str], values: Values) -> bool:
    """Recognise that the host of an address is one of a fixed collection, or a constant."""
    member = _membership(guard, values)
    compared = _comparison(guard.condition)
    if member is None and compared is not None:
        left, operator, right = compared
        if ((operator == "==") == guard.holds and operator in {"==", "!="}) and values.is_constant(right):
            member = left
    return member is not None and _is_host_of(member, names, values)


def _is_hostless(guard: Guard, names: Collection[str], values: Values) -> bool:
    """Recognise that an address is known to have no host, so that it stays on the own site."""
    return not guard.holds and guard.condition.type == "attribute" and _is_host_of(guard.condition, names, values)


def _is_host_of(node: Node, names: Collection[str], values: Values) -> bool:
    expressions = [node, *values.definitions(node)]
    if not any(text_of(item).endswith((".hostname", ".netloc")) for item in expressions):
        return False
    derived = {name for leaf in values.leaves(node) for name in leaf.names}
    return any(_mentions(item, names) for item in expressions) or bool(derived & set(names))


def _is_fixed_collection(node: Node, values: Values) -> bool:
    if _UPPER.match(text_of(node).rpartition(".")[2]):
        return True
    if node.type == "call":
        function = node.child_by_field_name("function")
        receiver = function.child_by_field_name("object") if function is not None else None
        if receiver is not None:
            return _is_fixed_collection(receiver, values)
    definitions = values.definitions(node)
    return bool(definitions) and all(
        (item.type in {"set", "tuple", "list", "dictionary"} and values.is_constant(item)) or _is_frozen(item, values)
        for item in definitions
    )


def _is_frozen(node: Node, values: Values) -> bool:
    if node.type == "dictionary":
        keys = [pair.child_by_field_name("key") for pair in node.named_children if pair.type == "pair"]
        return bool(keys) and all(values.is_constant(key) for key in keys)
    return (
        node.type == "call"
        and all(leaf.kind is LeafKind.CONSTANT for leaf in values.leaves(find_argument(node, "0")))
        and text_of(node.child_by_field_name("function")) in {"frozenset", "set", "tuple"}
    )


def _is_containment(guard: Guard, names: Collection[str], values: Values) -> bool:
    node = guard.condition
    if node.type == "call":
        function = node.child_by_field_name("function")
        method = text_of(function.child_by_field_name("attribute")) if function is not None else ""
        receiver = function.child_by_field_name("object") if function is not None else None
        if receiver is None or not guard.holds or not _mentions(receiver, names):
            return False
        argument = find_argument(node, "0")
        return method == "is_relative_to" or (
            method == "startswith" and argument is not None and _ends_at_separator(argument, values)
        )
    compared = _comparison(node)
    if compared is None:
        return False
    left, operator, right = compared
    if operator in {"in", "not in"}:
        return (operator == "in") == guard.holds and text_of(right).endswith(".parents") and _mentions(right, names)
    if operator in {"==", "!="} and (operator == "==") == guard.holds:
        return any("commonpath" in text_of(side) and _mentions_deeply(side, names, values) for side in (left, right))
    return False


def _mentions_deeply(node: Node, names: Collection[str], values: Values) -> bool:
    return _mentions(node, names) or any(_mentions(item, names) for item in values.definitions(node))


def _ends_at_separator(argument: Node, values: Values) -> bool:
    """Tell whether a prefix ends where a path component does; ``/srv/data`` is a prefix of ``/srv/data-old``."""
    return any(
        "os.sep" in text_of(item)
        or "os.path.sep" in text_of(item)
        or literal_of(item).endswith("/")
        or _glued_slash(item)
        for item in values.definitions(argument)
    )


def _glued_slash(node: Node) -> bool:
    text = text_of(node)
    return node.type in {"binary_operator", "string"} and text.rstrip("'\"").endswith("/")


def _is_pattern(guard: Guard, names: Collection[str], values: Values) -> bool:
    node, holds = guard.condition, guard.holds
    compared = _comparison(node)
    if compared is not None and text_of(compared[2]) == "None":
        if compared[1] not in {"is", "is not", "==", "!="}:
            return False
        holds = holds == (compared[1] in {"is not", "!="})
        return any(_is_pattern(Guard(item, holds), names, values) for item in values.definitions(compared[0]))
    if node.type != "call" or not holds:
        return False
    function = node.child_by_field_name("function")
    method = text_of(function).rpartition(".")[2] if function is not None else ""
    if not _is_one_of(find_argument(node, "1") or find_argument(node, "0"), names):
        return False
    if method == "fullmatch":
        return True
    return method == "match" and _is_anchored(node, function, values)


def _is_anchored(call: Node, function: Node | None, values: Values) -> bool:
    r"""Tell whether a pattern given to ``match`` ends in ``\Z`` (``$`` would let a trailing line feed pass)."""
    candidates = [find_argument(call, "0"), function.child_by_field_name("object") if function is not None else None]
    for candidate in candidates:
        for item in values.definitions(candidate):
            pattern = find_argument(item, "0") if item.type == "call" else item
            if pattern is not None and literal_of(pattern).endswith((r"\Z", r"\z")):
                return True
    return False


def _is_type_test(guard: Guard, names: Collection[str], _values: Values) -> bool:
    node = guard.condition
    function = node.child_by_field_name("function") if node.type == "call" else None
    if function is None or not guard.holds:
        return False
    if text_of(function) == "isinstance":
        kind = find_argument(node, "1")
        return kind is not None and text_of(kind) in _NUMBERS and _is_one_of(find_argument(node, "0"), names)
    tested = function.child_by_field_name("object")
    return text_of(function.child_by_field_name("attribute")) in _TYPE_TESTS and _is_one_of(tested, names)


def _is_text_test(guard: Guard, names: Collection[str], _values: Values) -> bool:
    node = guard.condition
    if node.type != "call" or not guard.holds or not _mentions(node, names):
        return False
    kind = find_argument(node, "1")
    return text_of(node.child_by_field_name("function")) == "isinstance" and kind is not None and text_of(kind) == "str"


def _is_prefix(guard: Guard, names: Collection[str], values: Values) -> bool:
    """Recognise a test that a value begins with a constant."""
    node = guard.condition
    function = node.child_by_field_name("function") if node.type == "call" else None
    if function is None or not guard.holds or text_of(function.child_by_field_name("attribute")) != "startswith":
        return False
    return _is_one_of(function.child_by_field_name("object"), names) and values.is_constant(find_argument(node, "0"))


def _is_equality(guard: Guard, names: Collection[str], values: Values) -> bool:
    compared = _comparison(guard.condition)
    if compared is None:
        return False
    left, operator, right = compared
    decided = (operator == "==" and guard.holds) or (operator == "!=" and not guard.holds)
    return decided and (
        (_is_one_of(left, names) and values.is_constant(right))
        or (_is_one_of(right, names) and values.is_constant(left))
    )


def _is_bound(guard: Guard, names: Collection[str], _values: Values) -> bool:
    """Recognise a comparison that sets an upper bound to the value, its length or its size."""
    compared = _comparison(guard.condition)
    if compared is None:
        return False
    left, operator, right = compared
    if _mentions(left, names) and not _mentions(right, names):
        return (operator in {"<", "<="} and guard.holds) or (operator in {">", ">="} and not guard.holds)
    if _mentions(right, names) and not _mentions(left, names):
        return (operator in {">", ">="} and guard.holds) or (operator in {"<", "<="} and not guard.holds)
    return False


def _is_doctype_test(guard: Guard, names: Collection[str], _values: Values) -> bool:
    """Recognise that a text is known to hold no document type or entity declaration."""
    compared = _comparison(guard.condition)
    if compared is None:
        return False
    left, operator, right = compared
    absent = (operator == "in" and not guard.holds) or (operator == "not in" and guard.holds)
    return absent and "DOCTYPE" in literal_of(left).upper() and _is_one_of(right, names)


def _is_signature_test(guard: Guard, names: Collection[str], values: Values) -> bool:
    node = guard.condition
    method = text_of(node.child_by_field_name("function")).rpartition(".")[2] if node.type == "call" else ""
    if method not in {"compare_digest", "verify", "check_signature"} or not guard.holds:
        return False
    derived = {name for argument in argument_nodes(node) for leaf in values.leaves(argument) for name in leaf.names}
    return bool(derived & set(names))


def _is_validator(guard: Guard, names: Collection[str], _values: Values) -> bool:
    node = guard.condition
    if node.type != "call" or not guard.holds:
        return False
    return _is_named_like_a_check(node) and _mentions(node, names)


def _is_named_like_a_check(call: Node) -> bool:
    return bool(_VALIDATOR.search(text_of(call.child_by_field_name("function")).rpartition(".")[2]))


def _validates(call: Node, names: Collection[str], kind: str) -> bool:
    """Tell whether a call made for its refusal checks one of the names."""
    function = call.child_by_field_name("function")
    method = text_of(function).rpartition(".")[2]
    if not _mentions(call, names):
        return False
    if kind == "containment":
        return method == "relative_to"
    if kind == "number":
        return text_of(function) in _NUMBERS
    if kind == "address":
        return method in {"ip_address", "IPv4Address", "IPv6Address", "ip_network"}
    return kind == "validator" and _is_named_like_a_check(call)


_RECOGNISERS: Mapping[str, Callable[[Guard, Collection[str], Values], bool]] = {
    "allowlist": _is_allowlist,
    "containment": _is_containment,
    "pattern": _is_pattern,
    "type": _is_type_test,
    "text": _is_text_test,
    "host": _is_host_test,
    "hostless": _is_hostless,
    "doctype": _is_doctype_test,
    "signature": _is_signature_test,
    "prefix": _is_prefix,
    "equality": _is_equality,
    "bound": _is_bound,
    "validator": _is_validator,
}
