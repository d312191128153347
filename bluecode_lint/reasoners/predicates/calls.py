"""Conditions on a call: what is called, and what each of its arguments is, comes from and went through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.arguments import compiled, find_argument, literal_of, matches, may_have_argument
from bluecode_lint.reasoners.checks import is_checked
from bluecode_lint.reasoners.predicates.surroundings import scope_is_handler
from bluecode_lint.reasoners.tree import argument_nodes, call_path
from bluecode_lint.reasoners.values import Leaf, LeafKind, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bluecode_lint.core.protocols import Node
    from bluecode_lint.reasoners.scene import Scene

INPUT_PATHS = (
    "flask.request.*",
    "request.*",
    "*.request.*",
    "sys.argv*",
    "sys.stdin*",
    "input",
    "os.environ*",
    "os.getenv*",
    "*.query_params*",
    "*.parse_args()*",
    "*.get_argument*",
    "bottle.request.*",
)
"""What hands a program its input."""

_SHELLS = frozenset(
    {"sh", "bash", "zsh", "dash", "ksh", "cmd", "cmd.exe", "powershell", "pwsh", "python", "perl", "ssh", "env"}
)


def _argument(scene: Scene, spec: str) -> Node | None:
    call = scene.call
    return find_argument(call, spec) if call is not None else None


def _dynamic_leaves(scene: Scene, spec: str) -> list[Leaf]:
    """Give the origins of an argument that are no constants."""
    return [leaf for leaf in scene.values.leaves(_argument(scene, spec)) if leaf.kind is not LeafKind.CONSTANT]


def calls(scene: Scene, *paths: str) -> bool:
    """The claim is about a call of one of the paths."""
    return matches(scene.path, paths)


def receiver_made_by(scene: Scene, *paths: str) -> bool:
    """The object whose method is called was made by a call of one of the paths."""
    return any(matches(path, paths) for path in _receiver_paths(scene))


def receiver_not_made_by(scene: Scene, *paths: str) -> bool:
    """The object whose method is called is known, and was made by none of the paths."""
    made_by = list(_receiver_paths(scene))
    return bool(made_by) and not any(matches(path, paths) for path in made_by)


def _receiver_paths(scene: Scene) -> Iterator[str]:
    call = scene.call
    function = call.child_by_field_name("function") if call is not None else None
    receiver = function.child_by_field_name("object") if function is not None else None
    for value in scene.values.definitions(receiver):
        if value.type == "call":
            yield call_path(value, scene.imports)
        elif value.type == "attribute":
            yield scene.imports.path(value)


# --- one argument ----------------------------------------------------------------------------------------------------


def argument_present(scene: Scene, spec: str) -> bool:
    """The call is given the argument."""
    return _argument(scene, spec) is not None


def argument_absent(scene: Scene, spec: str) -> bool:
    """The call is not given the argument, not even by a splat."""
    call = scene.call
    return call is not None and not may_have_argument(call, spec)


def argument_is(scene: Scene, spec: str, *literals: str) -> bool:
    """The argument is one of the literals: a text's content, a number, a dotted name."""
    return _argument_literals(scene, spec, literals, any_of=True)


def argument_is_not(scene: Scene, spec: str, *literals: str) -> bool:
    """The argument is a known literal, and none of these."""
    values = scene.values
    definitions = values.definitions(_argument(scene, spec))
    known = {literal_of(value) for value in definitions} | {_resolved(scene, value) for value in definitions}
    return bool(definitions) and all(_is_known(scene, value) for value in definitions) and not known & set(literals)


def _is_known(scene: Scene, value: Node) -> bool:
    """Tell whether a value is written out, or is a name of an imported module."""
    if value.type in {"identifier", "attribute"}:
        return scene.imports.path(value) != text_of(value) or text_of(value).partition(".")[0] in scene.imports.paths
    return bool(literal_of(value))


def _argument_literals(scene: Scene, spec: str, literals: Sequence[str], *, any_of: bool) -> bool:
    found = [
        literal_of(value) in literals or matches(_resolved(scene, value), [text for text in literals if text != "*"])
        for value in scene.values.definitions(_argument(scene, spec))
    ]
    return bool(found) and (any(found) if any_of else all(found))


def _resolved(scene: Scene, value: Node) -> str:
    path = scene.imports.path(value)
    return path if path and value.type != "call" else path.removesuffix("()")


def argument_absent_or_is(scene: Scene, spec: str, *literals: str) -> bool:
    """The argument is left out, or is one of the literals."""
    return argument_absent(scene, spec) or argument_is(scene, spec, *literals)


def argument_is_constant(scene: Scene, spec: str) -> bool:
    """The argument is made of constants alone."""
    return scene.values.is_constant(_argument(scene, spec))


def argument_is_dynamic(scene: Scene, spec: str) -> bool:
    """The argument depends on something that is no constant."""
    return bool(_dynamic_leaves(scene, spec))


def argument_is_built(scene: Scene, spec: str) -> bool:
    """The argument is a text glued together with something that is no constant."""
    values = scene.values
    return any(_is_glued(value) and not values.is_constant(value) for value in _all_definitions(scene, values, spec))


def _all_definitions(scene: Scene, values: Values, spec: str) -> Iterator[Node]:
    """Yield what an argument stands for, and what was added to it on the way."""
    argument = _argument(scene, spec)
    for value in values.definitions(argument):
        yield value
        if value.type == "call" and argument_nodes(value):
            # A thin wrapper such as text(…), shlex.split(…) or Markup(…): what it is given counts.
            yield from values.definitions(argument_nodes(value)[0])


def _is_glued(node: Node) -> bool:
    if node.type in {"string", "concatenated_string"}:
        return any(part.type == "interpolation" for part in walk(node))
    if node.type == "binary_operator":
        operator = node.child_by_field_name("operator")
        return operator is not None and operator.type in {"+", "%"}
    if node.type == "call":
        function = node.child_by_field_name("function")
        method = text_of(function.child_by_field_name("attribute")) if function is not None else ""
        return method in {"format", "join", "replace", "format_map", "substitute", "safe_substitute"}
    return False


def argument_not_built(scene: Scene, spec: str) -> bool:
    """The argument is there, and no text is glued together for it."""
    return argument_present(scene, spec) and not argument_is_built(scene, spec)


def argument_is_list(scene: Scene, spec: str) -> bool:
    """The argument is a list or tuple written out, or such lists added up."""
    definitions = scene.values.definitions(_argument(scene, spec))
    return bool(definitions) and all(_is_display(value) for value in definitions)


def _is_display(node: Node) -> bool:
    if node.type == "binary_operator":
        return any(_is_display(part) for part in node.named_children)
    return node.type in {"list", "tuple", "list_comprehension"}


def first_item_is_fixed_program(scene: Scene, spec: str) -> bool:
    """The list starts with a constant that names a program, and the program is no shell or interpreter."""
    definitions = scene.values.definitions(_argument(scene, spec))
    return bool(definitions) and all(_starts_with_program(value, scene.values) for value in definitions)


def _starts_with_program(node: Node, values: Values) -> bool:
    if node.type == "binary_operator" and node.named_children:
        return _starts_with_program(node.named_children[0], values)
    items = node.named_children if node.type in {"list", "tuple"} else ()
    if not items or not values.is_constant(items[0]):
        return False
    names = [literal_of(value).rpartition("/")[2] for value in values.definitions(items[0])]
    return all(name and name not in _SHELLS for name in names)


def options_end_before_input(scene: Scene, spec: str) -> bool:
    """In the list, every operand that is no constant comes after a constant ``--`` or ``-e``, or begins constant."""
    values = scene.values
    for value in values.definitions(_argument(scene, spec)):
        ended, before = False, ""
        for item in value.named_children[1:]:
            if not (ended or before == "-e" or values.is_constant(item) or _starts_constant(item)):
                return False
            before = literal_of(item) if item.type == "string" else ""
            ended = ended or before == "--"
    return argument_is_list(scene, spec)


def operands_checked(scene: Scene, spec: str, *kinds: str) -> bool:
    """In the list, every operand behind the program that is no constant passed a check of one of the kinds."""
    leaves = _operand_leaves(scene, spec)
    return bool(leaves) and all(is_checked(leaf, scene, scene.values, kinds) for leaf in leaves)


def operands_unchecked(scene: Scene, spec: str, *kinds: str) -> bool:
    """In the list, some operand behind the program that is no constant passed no check of the kinds."""
    return any(not is_checked(leaf, scene, scene.values, kinds) for leaf in _operand_leaves(scene, spec))


def _operand_leaves(scene: Scene, spec: str) -> list[Leaf]:
    values = scene.values
    return [
        leaf
        for value in values.definitions(_argument(scene, spec))
        if value.type in {"list", "tuple"}
        for item in value.named_children[1:]
        for leaf in values.leaves(item)
        if leaf.kind is not LeafKind.CONSTANT
    ]


def _starts_constant(node: Node) -> bool:
    """Tell whether a text begins with constant characters other than a lone dash."""
    text = text_of(node)
    if node.type == "binary_operator" and node.named_children:
        return bool(literal_of(node.named_children[0]).strip("-")) or _starts_constant(node.named_children[0])
    return node.type == "string" and bool(re.match(r"[rRbBfFuU]*['\"]+-{0,2}[A-Za-z0-9./]", text))


def argument_matches(scene: Scene, spec: str, pattern: str) -> bool:
    """Some constant text in the argument matches a regular expression."""
    return any(compiled(pattern).search(text) for text in _texts_of(scene, spec))


def argument_never_matches(scene: Scene, spec: str, pattern: str) -> bool:
    """The argument has constant text, and none of it matches a regular expression."""
    texts = list(_texts_of(scene, spec))
    return bool(texts) and not any(compiled(pattern).search(text) for text in texts)


def _texts_of(scene: Scene, spec: str) -> Iterator[str]:
    for value in scene.values.definitions(_argument(scene, spec)):
        for part in walk(value):
            if part.type in {"string", "concatenated_string"}:
                yield literal_of(part) or text_of(part)


def argument_through(scene: Scene, spec: str, *paths: str) -> bool:
    """Everything in the argument that is no constant passed through a call of one of the paths."""
    leaves = _dynamic_leaves(scene, spec)
    return bool(leaves) and all(any(matches(step, paths) for step in (*leaf.through, _made(leaf))) for leaf in leaves)


def argument_not_through(scene: Scene, spec: str, *paths: str) -> bool:
    """Something in the argument that is no constant passed through no call of the paths."""
    leaves = _dynamic_leaves(scene, spec)
    return any(not any(matches(step, paths) for step in (*leaf.through, _made(leaf))) for leaf in leaves)


def _made(leaf: Leaf) -> str:
    return leaf.path if leaf.kind is LeafKind.CALL else ""


def argument_from(scene: Scene, spec: str, *paths: str) -> bool:
    """Something in the argument comes from one of the paths."""
    return any(
        matches(leaf.path, paths) or any(matches(step, paths) for step in leaf.through)
        for leaf in _dynamic_leaves(scene, spec)
    )


def argument_from_parameter(scene: Scene, spec: str) -> bool:
    """Something in the argument comes from a parameter of the function."""
    return any(leaf.kind is LeafKind.PARAMETER for leaf in _dynamic_leaves(scene, spec))


def argument_from_input(scene: Scene, spec: str) -> bool:
    """Something in the argument comes from outside: a request, the command line, standard input, the environment."""
    return bool(_input_leaves(scene, spec))


def _input_leaves(scene: Scene, spec: str) -> list[Leaf]:
    handler = scope_is_handler(scene)
    return [
        leaf
        for leaf in _dynamic_leaves(scene, spec)
        if matches(leaf.path, INPUT_PATHS)
        or any(matches(step, INPUT_PATHS) for step in leaf.through)
        or (handler and leaf.kind is LeafKind.PARAMETER)
    ]


def input_through(scene: Scene, spec: str, *paths: str) -> bool:
    """Everything in the argument that comes from outside passed through a call of one of the paths."""
    leaves = _input_leaves(scene, spec)
    return bool(leaves) and all(any(matches(step, paths) for step in leaf.through) for leaf in leaves)


def input_not_through(scene: Scene, spec: str, *paths: str) -> bool:
    """Something in the argument that comes from outside passed through no call of the paths."""
    return any(not any(matches(step, paths) for step in leaf.through) for leaf in _input_leaves(scene, spec))


def argument_not_from_parameter(scene: Scene, spec: str) -> bool:
    """The argument is given, and nothing in it comes from a parameter of the function."""
    return argument_present(scene, spec) and not argument_from_parameter(scene, spec)


def argument_checked(scene: Scene, spec: str, *kinds: str) -> bool:
    """Everything in the argument that is no constant passed a check of one of the kinds before this point.

    Kinds: allowlist, containment, pattern, prefix, type, text, number, equality, bound, host, hostless, address,
    doctype, signature, validator.
    """
    values = scene.values
    leaves = [leaf for leaf in values.leaves(_argument(scene, spec)) if leaf.kind is not LeafKind.CONSTANT]
    return bool(leaves) and all(is_checked(leaf, scene, values, kinds) for leaf in leaves)


def argument_unchecked(scene: Scene, spec: str, *kinds: str) -> bool:
    """Something in the argument that is no constant passed no check of the kinds."""
    values = scene.values
    leaves = [leaf for leaf in values.leaves(_argument(scene, spec)) if leaf.kind is not LeafKind.CONSTANT]
    return any(not is_checked(leaf, scene, values, kinds) for leaf in leaves)


def argument_below(scene: Scene, spec: str, limit: str) -> bool:
    """The argument is a number below the limit."""
    numbers = _numbers_of(scene, spec)
    return bool(numbers) and any(number < float(limit) for number in numbers)


def argument_at_least(scene: Scene, spec: str, limit: str) -> bool:
    """The argument is a number, and at least the limit."""
    numbers = _numbers_of(scene, spec)
    return bool(numbers) and all(number >= float(limit) for number in numbers)


def _numbers_of(scene: Scene, spec: str) -> list[float]:
    found = []
    for value in scene.values.definitions(_argument(scene, spec)):
        number = _number(value)
        if number is None:
            return []
        found.append(number)
    return found


def _number(node: Node) -> float | None:
    """Read a number, or a sum or product of numbers."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if node.type == "binary_operator" and left is not None and right is not None:
        first, second = _number(left), _number(right)
        operator = text_of(node.child_by_field_name("operator"))
        if first is None or second is None or operator not in {"*", "+"}:
            return None
        return first * second if operator == "*" else first + second
    text = literal_of(node)
    return float(text) if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?", text) else None


def argument_made_with(scene: Scene, spec: str, path: str, keyword: str, *literals: str) -> bool:
    """The argument was made by a call of the path that is given the keyword as one of the literals."""
    for value in scene.values.definitions(_argument(scene, spec)):
        if value.type == "call" and matches(call_path(value, scene.imports), (path,)):
            given = find_argument(value, keyword)
            if given is not None and (literal_of(given) in literals or matches(scene.imports.path(given), literals)):
                return True
    return False


def argument_made_without(scene: Scene, spec: str, path: str, keyword: str) -> bool:
    """The argument was made by a call of the path that is not given the keyword."""
    return any(
        value.type == "call"
        and matches(call_path(value, scene.imports), (path,))
        and not may_have_argument(value, keyword)
        for value in scene.values.definitions(_argument(scene, spec))
    )


def begins_with_host(scene: Scene, spec: str) -> bool:
    """The argument is an address whose scheme and host are constant: what is pasted in comes after the host's slash."""
    definitions = scene.values.definitions(_argument(scene, spec))
    return bool(definitions) and all(
        re.match(r"[a-z+]+://[^/{}%]+/", _constant_beginning(value)) for value in definitions
    )


def _constant_beginning(node: Node) -> str:
    """Give the constant characters a text begins with."""
    left = node.child_by_field_name("left")
    if node.type == "binary_operator" and left is not None:
        return _constant_beginning(left)
    if node.type != "string":
        return ""
    text = text_of(node).lstrip("rRbBfFuU")
    return text.strip("'\"")


def text_has_placeholders(scene: Scene, spec: str) -> bool:
    """The argument is a constant statement with placeholders, and values are handed over beside it."""
    call = scene.call
    if call is None or not argument_is_constant(scene, spec):
        return False
    values_given = [node for node in argument_nodes(call) if node.type != "keyword_argument"]
    keywords = [node for node in argument_nodes(call) if node.type == "keyword_argument"]
    return argument_matches(scene, spec, r"\?|%s|%\(\w+\)s|:\w+|\$\d|\{\w*\}") and len(values_given) + len(keywords) > 1


CALL_PREDICATES: Mapping[str, Callable[..., bool]] = {
    check.__name__: check
    for check in (
        argument_absent,
        argument_absent_or_is,
        argument_at_least,
        argument_below,
        argument_checked,
        argument_from,
        argument_from_input,
        argument_from_parameter,
        argument_is,
        argument_is_built,
        argument_is_constant,
        argument_is_dynamic,
        argument_is_list,
        argument_is_not,
        argument_made_with,
        argument_made_without,
        argument_matches,
        argument_never_matches,
        argument_not_built,
        argument_not_from_parameter,
        argument_not_through,
        argument_present,
        argument_through,
        argument_unchecked,
        begins_with_host,
        calls,
        first_item_is_fixed_program,
        input_not_through,
        input_through,
        operands_checked,
        operands_unchecked,
        options_end_before_input,
        receiver_made_by,
        receiver_not_made_by,
        text_has_placeholders,
    )
}
"""Name to check."""
