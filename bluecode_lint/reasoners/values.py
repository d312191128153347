"""Where a value comes from, within one function: follow names back to constants, parameters and calls.

Flow-sensitive as far as it is cheap: an assignment counts if it stands before the use, and one that always runs hides
the earlier ones. Inside a loop every assignment of the loop counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, imports_of, text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.tree import ancestors, argument_nodes, call_path, same_node, walk_scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.core.protocols import Node

_DEPTH_MAX = 24
_LEAVES_MAX = 200


class LeafKind(StrEnum):
    """What a value is in the end made of."""

    CONSTANT = "constant"
    PARAMETER = "parameter"
    CALL = "call"
    """The result of a call without arguments of its own, such as ``input()``."""
    NAME = "name"
    """Something from outside the function: an attribute, a global that is no constant, an import."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One origin of a value. ``through`` are the paths of the calls it passed on its way, innermost last.

    ``names`` are the local names it went by: a check of any of them is a check of the value.
    """

    node: Node
    kind: LeafKind
    path: str
    through: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What is true of a whole module, whichever of its functions is looked at."""

    root: Node
    imports: Imports
    assigned: Mapping[str, Sequence[Assignment]]
    functions: frozenset[str]
    """Names of the functions defined at the top level."""


def facts_of(root: Node) -> ModuleFacts:
    """Collect a module's imports, top-level assignments and functions."""
    functions = (text_of(node.child_by_field_name("name")) for node in walk_scope(root) if _is_function(node))
    return ModuleFacts(root, imports_of(root), _assignments(root), frozenset(functions))


def _is_function(node: Node) -> bool:
    return node.type == "function_definition"


class Values:
    """Answers where expressions of one function come from."""

    def __init__(self, scope: Node, facts: ModuleFacts) -> None:
        """Look at ``scope``, a function definition (or the module itself)."""
        self._scope = scope
        self._module = facts.root
        self._imports = facts.imports
        self._globals = facts.assigned
        self._assigned = facts.assigned if same_node(scope, facts.root) else _assignments(scope)
        self.parameters = frozenset(parameter_names(scope))

    def leaves(self, node: Node | None) -> tuple[Leaf, ...]:
        """Give the origins of an expression; none for no expression."""
        found: list[Leaf] = []
        if node is not None:
            self._collect(node, _Trail(), found)
        return tuple(found)

    def is_constant(self, node: Node | None) -> bool:
        """Tell whether an expression is made of constants alone."""
        leaves = self.leaves(node)
        return bool(leaves) and all(leaf.kind is LeafKind.CONSTANT for leaf in leaves)

    def definitions(self, node: Node | None) -> tuple[Node, ...]:
        """Give what a name stands for (the assigned expressions); any other expression stands for itself."""
        if node is None:
            return ()
        if node.type == "parenthesized_expression" and node.named_children:
            return self.definitions(node.named_children[0])
        if node.type != "identifier":
            return (node,)
        name = text_of(node)
        reaching, _ = _reaching(self._assigned.get(name, ()), node)
        if reaching:
            return tuple(value for item in reaching for value in self._redefined(item.value, node))
        if name in self.parameters:
            return (node,)
        return tuple(item.value for item in self._globals.get(name, ())) or (node,)

    def _redefined(self, value: Node, origin: Node) -> tuple[Node, ...]:
        return (value,) if value.type != "identifier" or same_node(value, origin) else self.definitions(value)[:8]

    def _collect(self, node: Node, trail: _Trail, found: list[Leaf]) -> None:
        if len(found) >= _LEAVES_MAX:
            return
        kind = node.type
        special = {
            "identifier": self._collect_name,
            "call": self._collect_call,
            "attribute": self._collect_attribute,
        }.get(kind)
        if trail.depth > _DEPTH_MAX:
            found.append(trail.leaf(node, LeafKind.NAME, ""))
        elif special is not None:
            special(node, trail, found)
        elif kind in _CONSTANTS:
            found.append(trail.leaf(node, LeafKind.CONSTANT, ""))
        else:
            self._collect_parts(_value_parts(node), node, trail, found)

    def _collect_parts(self, parts: Sequence[Node], node: Node, trail: _Trail, found: list[Leaf]) -> None:
        if not parts:
            found.append(trail.leaf(node, LeafKind.CONSTANT, ""))
        for part in parts:
            if part.type != "comment":
                self._collect(part, trail.deeper(), found)

    def _collect_name(self, node: Node, trail: _Trail, found: list[Leaf]) -> None:
        name = text_of(node)
        named = trail.by_name(name)
        reaching, hides_earlier = _reaching(self._assigned.get(name, ()), node)
        self._collect_assigned(reaching, named, found)
        if reaching and (hides_earlier or name not in self.parameters):
            return
        if name in self.parameters:
            found.append(named.leaf(node, LeafKind.PARAMETER, name))
        elif name in self._globals and not same_node(self._scope, self._module):
            self._collect_assigned(self._globals[name], named, found)
        elif not self._is_loop_name(node, name, named, found):
            found.append(named.leaf(node, LeafKind.NAME, self._imports.path(node)))

    def _is_loop_name(self, node: Node, name: str, trail: _Trail, found: list[Leaf]) -> bool:
        """Resolve a name bound by a comprehension around it, or by a function around the function."""
        for outer in ancestors(node):
            if outer.type in _COMPREHENSIONS:
                source = _comprehension_source(outer, name)
                if source is not None:
                    self._collect(source, trail, found)
                    return True
            if outer.type == "function_definition" and not same_node(outer, self._scope):
                if name in parameter_names(outer):
                    found.append(trail.leaf(node, LeafKind.PARAMETER, name))
                    return True
                if self._collect_assigned(_assignments(outer).get(name, ()), trail, found):
                    return True
        return False

    def _collect_assigned(self, assigned: Sequence[Assignment], trail: _Trail, found: list[Leaf]) -> bool:
        """Follow assignments not followed before; tell whether there are any at all."""
        for item in assigned:
            if item.value.start_byte not in trail.seen:
                self._collect(item.value, trail.past(item.value), found)
        return bool(assigned)

    def _collect_call(self, node: Node, trail: _Trail, found: list[Leaf]) -> None:
        function = node.child_by_field_name("function")
        path = call_path(node, self._imports)
        inner = trail.via(path)
        parts = list(argument_nodes(node))
        receiver = function.child_by_field_name("object") if function is not None else None
        before = len(found)
        is_lookup = path.endswith(".get") and receiver is not None and not self._is_module_path(receiver)
        if is_lookup:
            del parts[:1]  # what is looked up is what the table holds, not its key
        if receiver is not None and not self._is_module_path(receiver):
            self._collect(receiver, inner, found)
        for part in parts:
            value = part.child_by_field_name("value") if part.type == "keyword_argument" else part
            if value is not None:
                self._collect(value, inner, found)
        if len(found) == before or self._only_constants(found[before:]):
            del found[before:]
            is_pure = is_lookup or path.rpartition(".")[2] in _PURE_CALLS
            kind = LeafKind.CONSTANT if is_pure else LeafKind.CALL
            found.append(trail.leaf(node, kind, path))

    def _only_constants(self, leaves: Sequence[Leaf]) -> bool:
        return all(leaf.kind is LeafKind.CONSTANT for leaf in leaves)

    def _is_module_path(self, node: Node) -> bool:
        """Tell whether an expression names an imported module or something in one, rather than a value."""
        while node.type == "attribute":
            inner = node.child_by_field_name("object")
            if inner is None:
                return False
            node = inner
        return (
            node.type == "identifier" and text_of(node) in self._imports.paths and text_of(node) not in self._assigned
        )

    def _collect_attribute(self, node: Node, trail: _Trail, found: list[Leaf]) -> None:
        receiver = node.child_by_field_name("object")
        path = self._imports.path(node)
        if receiver is not None and receiver.type == "call":
            self._collect(receiver, trail.by_name(path), found)
            return
        base = receiver
        while base is not None and base.type in {"attribute", "subscript", "call"}:
            base = (
                base.child_by_field_name("object")
                or base.child_by_field_name("value")
                or base.child_by_field_name("function")
            )
        if base is not None and base.type == "identifier":
            name = text_of(base)
            if name in self.parameters and name not in {"self", "cls"}:
                found.append(trail.by_name(path).leaf(node, LeafKind.PARAMETER, path))
                return
            if name in self._assigned and receiver is not None:
                self._collect(receiver, trail.by_name(path), found)
                return
        found.append(trail.by_name(path).leaf(node, LeafKind.NAME, path))


def _comprehension_source(comprehension: Node, name: str) -> Node | None:
    """Give what a comprehension takes a name's values from."""
    for clause in comprehension.named_children:
        left = clause.child_by_field_name("left")
        if clause.type == "for_in_clause" and left is not None and name in _identifiers(left):
            return clause.child_by_field_name("right")
    return None


def _value_parts(node: Node) -> Sequence[Node]:
    """Give the parts of an expression that its value is made of."""
    kind = node.type
    if kind == "string":
        return [child for child in node.named_children if child.type == "interpolation"]
    if kind == "conditional_expression":
        return [node.named_children[0], node.named_children[-1]]
    if kind == "subscript":
        value = node.child_by_field_name("value")
        return [value] if value is not None else []
    if kind == "interpolation":
        return node.named_children[:1]
    if kind in _COMPREHENSIONS:
        body = node.child_by_field_name("body")
        return [body] if body is not None else []
    return node.named_children


@dataclass(frozen=True, slots=True)
class _Trail:
    """How a leaf was reached. ``seen`` are the assigned expressions already followed, by position."""

    through: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    depth: int = 0
    seen: frozenset[int] = frozenset()

    def deeper(self) -> _Trail:
        return _Trail(self.through, self.names, self.depth + 1, self.seen)

    def via(self, path: str) -> _Trail:
        return _Trail((*self.through, path), self.names, self.depth + 1, self.seen)

    def by_name(self, name: str) -> _Trail:
        return _Trail(self.through, (*self.names, name), self.depth + 1, self.seen)

    def past(self, value: Node) -> _Trail:
        return _Trail(self.through, self.names, self.depth, self.seen | {value.start_byte})

    def leaf(self, node: Node, kind: LeafKind, path: str) -> Leaf:
        return Leaf(node, kind, path, self.through, self.names)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A value bound to a name. ``is_whole`` is false where it only adds to or is taken out of something."""

    value: Node
    statement: Node
    is_whole: bool


def _assignments(scope: Node) -> dict[str, list[Assignment]]:
    """Collect what is bound to each name in a function: assignments, loops, with, walrus."""
    bound: dict[str, list[Assignment]] = {}
    for node in walk_scope(scope):
        for name, value, is_whole in _bindings_of(node):
            bound.setdefault(name, []).append(Assignment(value, node, is_whole))
    return bound


def _bindings_of(node: Node) -> Iterator[tuple[str, Node, bool]]:
    if node.type in {"assignment", "augmented_assignment", "for_statement"}:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None:
            return
        yield from _targets(left, right, whole=node.type == "assignment")
    elif node.type == "call":
        yield from _growth(node)
    elif node.type == "named_expression":
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None and value is not None:
            yield text_of(name), value, True
    elif node.type == "as_pattern":
        alias = node.child_by_field_name("alias")
        if alias is not None and node.named_children:
            target = alias.named_children[0] if alias.named_children else alias
            yield text_of(target), node.named_children[0], True


def _growth(call: Node) -> Iterator[tuple[str, Node, bool]]:
    """Yield what a call such as ``parts.append(value)`` adds to a name."""
    function = call.child_by_field_name("function")
    receiver = function.child_by_field_name("object") if function is not None else None
    if receiver is None or receiver.type != "identifier":
        return
    if function is not None and text_of(function.child_by_field_name("attribute")) in _GROWERS:
        for argument in argument_nodes(call):
            yield text_of(receiver), argument, False


def _targets(left: Node, right: Node, *, whole: bool) -> Iterator[tuple[str, Node, bool]]:
    if left.type == "identifier":
        yield text_of(left), right, whole
    elif left.type in {"pattern_list", "tuple_pattern", "list_pattern"}:
        values = right.named_children if right.type in {"expression_list", "tuple", "list"} else ()
        for position, target in enumerate(left.named_children):
            matched = values[position] if len(values) == len(left.named_children) else right
            yield from _targets(target, matched, whole=whole)
    elif left.type == "subscript":
        value = left.child_by_field_name("value")
        if value is not None and value.type == "identifier":
            yield text_of(value), right, False


def _reaching(assigned: Sequence[Assignment], use: Node) -> tuple[list[Assignment], bool]:
    """Give the assignments a use can see, and whether one of them always runs and so hides what came before."""
    earlier = [item for item in assigned if item.statement.end_byte <= use.start_byte or _is_inside(use, item)]
    loops = [outer for outer in ancestors(use) if outer.type in {"for_statement", "while_statement"}]
    around = [
        item
        for item in assigned
        if item not in earlier
        and any(
            loop.start_byte <= item.statement.start_byte and item.statement.end_byte <= loop.end_byte for loop in loops
        )
    ]
    hiding = [position for position, item in enumerate(earlier) if item.is_whole and _always_runs_before(item, use)]
    kept = earlier[hiding[-1] :] if hiding else earlier
    return kept + around, bool(hiding)


def _is_inside(use: Node, item: Assignment) -> bool:
    """Tell whether the use stands in the body of the loop or with-statement that binds the name."""
    statement = item.statement
    if statement.type not in {"for_statement", "as_pattern", "named_expression"}:
        return False
    if statement.type == "for_statement":
        body = statement.child_by_field_name("body")
        return body is not None and body.start_byte <= use.start_byte < body.end_byte
    return statement.start_byte < use.start_byte


def _always_runs_before(item: Assignment, use: Node) -> bool:
    """Tell whether the block an assignment stands in is also around the use."""
    holder = item.statement
    while holder.parent is not None and holder.type not in {"block", "module"}:
        if holder.type in {"for_statement", "while_statement", "if_statement"} and not same_node(
            holder, item.statement
        ):
            return False
        holder = holder.parent
    return holder.start_byte <= use.start_byte and use.end_byte <= holder.end_byte


def _identifiers(node: Node) -> set[str]:
    return {text_of(part) for part in walk(node) if part.type == "identifier"}


def parameter_names(scope: Node) -> Iterator[str]:
    """Yield the names of a function's parameters."""
    parameters = scope.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters is not None else ():
        target: Node | None = parameter
        while target is not None and target.type != "identifier":
            target = target.child_by_field_name("name") or next(
                (child for child in target.named_children if child.type != "type"), None
            )
        if target is not None:
            yield text_of(target)


_CONSTANTS = frozenset(
    {"integer", "float", "true", "false", "none", "ellipsis", "string_content", "lambda", "comparison_operator"}
)
_GROWERS = frozenset({"append", "appendleft", "extend", "insert", "add", "update"})
_COMPREHENSIONS = frozenset(
    {"list_comprehension", "set_comprehension", "generator_expression", "dictionary_comprehension"}
)
_PURE_CALLS = frozenset(
    {
        "join",
        "format",
        "encode",
        "decode",
        "lower",
        "upper",
        "strip",
        "split",
        "replace",
        "str",
        "bytes",
        "int",
        "float",
        "bool",
        "tuple",
        "list",
        "dict",
        "set",
        "frozenset",
        "Path",
        "PurePath",
        "compile",
        "dirname",
        "abspath",
        "realpath",
        "resolve",
        "dedent",
        "sorted",
        "range",
        "len",
    }
)
