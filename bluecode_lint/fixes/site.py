"""The place of a finding in the syntax tree, and how to change the text there."""

from __future__ import annotations

import re
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, imports_of, text_of
from bluecode_lint.core.model import Applicability, Edit, Fix, Region
from bluecode_lint.core.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.model import Artifact, Finding
    from bluecode_lint.core.protocols import Node

SAFE, UNSAFE = Applicability.SAFE, Applicability.UNSAFE
SCOPES = frozenset({"function_definition", "lambda", "class_definition", "module"})
_NAMED = frozenset({"function_definition", "class_definition"})
_FUTURE = "future_import_statement"
_IMPORTS = frozenset({"import_statement", "import_from_statement", _FUTURE})


class Site:
    """Where a finding stands: the calls there, the names around them, and the edits that change them."""

    def __init__(self, finding: Finding, artifact: Artifact) -> None:
        """Look at ``finding`` in ``artifact``, whose text has no syntax errors."""
        self.rule = finding.rule_id.removeprefix("bluecode/")
        self.region = finding.location.region
        self.source = artifact.syntax.source
        self.root = artifact.syntax.root
        self.newline = "\r\n" if b"\r\n" in self.source else "\n"

    @cached_property
    def imports(self) -> Imports:
        """Give what the module's names stand for."""
        return imports_of(self.root)

    @cached_property
    def bound(self) -> frozenset[str]:
        """Give the names that something else than an import binds: targets, parameters, definitions."""
        return frozenset(text_of(node) for node in walk(self.root) if _binds(node))

    @cached_property
    def all_calls(self) -> tuple[Node, ...]:
        """Give every call of the module."""
        return tuple(node for node in walk(self.root) if node.type == "call")

    # --- what is there -----------------------------------------------------------------------------------------------

    def calls(self) -> Iterator[Node]:
        """Yield the calls at the place: of its very extent first, then those that begin there, then those around it."""
        regions = [(self.region_of(node), node) for node in self.all_calls if self._is_near(node)]
        begin = (self.region.start_line, self.region.start_column)
        exact = [node for region, node in regions if region == self.region]
        starting = [n for r, n in regions if (r.start_line, r.start_column) == begin and r != self.region]
        around = [n for r, n in regions if (r.start_line, r.start_column) < begin < (r.end_line, r.end_column)]
        yield from exact
        yield from starting
        yield from sorted(around, key=lambda node: node.end_byte - node.start_byte)

    def _is_near(self, node: Node) -> bool:
        return node.start_point[0] < self.region.start_line <= node.end_point[0] + 1

    def path(self, call: Node) -> str:
        """Spell the dotted path of what is called; empty if a local name hides it."""
        function = call.child_by_field_name("function")
        path = self.imports.path(function)
        head = text_of(function).partition(".")[0]
        return "" if head in self.bound else path

    def assignment_to(self, name: Node) -> Node | None:
        """Give the one assignment that a local name's value can only come from, if it is used nowhere else."""
        scope = enclosing(name, SCOPES)
        if scope is None or scope.type != "function_definition":
            return None
        uses = [n for n in walk(scope) if n.type == "identifier" and text_of(n) == text_of(name)]
        uses = [n for n in uses if not is_label(n)]
        if len(uses) != 2:  # noqa: PLR2004  # where it is made, and where it is used
            return None
        made = uses[0].parent
        if made is None or made.type != "assignment" or made.child_by_field_name("left") != uses[0]:
            return None
        return made if _is_run_before(made, name) else None

    def names_around(self, node: Node) -> list[str]:
        """Give the names of the functions and classes around a node."""
        names = []
        holder = enclosing(node, _NAMED)
        while holder is not None:
            names.append(text_of(holder.child_by_field_name("name")))
            holder = enclosing(holder, _NAMED)
        return names

    # --- edits -------------------------------------------------------------------------------------------------------

    def region_of(self, node: Node) -> Region:
        """Convert a node's extent."""
        return self.span(node.start_byte, node.end_byte)

    def span(self, start: int, end: int) -> Region:
        """Convert byte offsets to a region: columns count code points."""
        return Region(*self._point(start), *self._point(end))

    def _point(self, offset: int) -> tuple[int, int]:
        before = self.source.rfind(b"\n", 0, offset) + 1
        column = len(self.source[before:offset].decode("utf-8", "replace")) + 1
        return self.source.count(b"\n", 0, offset) + 1, column

    def replaced(self, node: Node, text: str) -> Edit:
        """Put ``text`` in the place of a node."""
        return Edit(self.region_of(node), text)

    def cut(self, start: int, end: int, text: str = "") -> Edit:
        """Put ``text`` in the place of some bytes."""
        return Edit(self.span(start, end), text)

    def without(self, call: Node, argument: Node) -> Edit:
        """Take an argument out of a call, with the comma and the blanks that belong to it."""
        everything = arguments_of(call)
        index = next(i for i, other in enumerate(everything) if other.start_byte == argument.start_byte)
        if index:
            return self.cut(everything[index - 1].end_byte, argument.end_byte)
        end = everything[1].start_byte if len(everything) > 1 else argument.end_byte
        return self.cut(argument.start_byte, end)

    def with_argument(self, call: Node, text: str) -> Edit:
        """Add an argument at the end of a call, before a trailing comma if there is one."""
        everything = arguments_of(call)
        if not everything:
            holder = call.child_by_field_name("arguments")
            end = holder.end_byte - 1 if holder is not None else call.end_byte - 1
            return self.cut(end, end, text)
        last = everything[-1]
        own_line = not self.indent_of(last).strip() and last.start_point[0] != call.start_point[0]
        blank = f"{self.newline}{self.indent_of(last)}" if own_line else " "
        return self.cut(last.end_byte, last.end_byte, f",{blank}{text}")

    def reach(self, path: str) -> tuple[str, tuple[Edit, ...]] | None:
        """Spell a dotted path of a module's member here, with the import that it takes if there is none yet.

        None if its name means something else in this module.
        """
        module = path.rpartition(".")[0]
        for local, meant in self.imports.paths.items():
            if meant == path and local not in self.bound:
                return local, ()
        for local, meant in self.imports.paths.items():
            top = meant == local and "." not in module
            if meant == module and (top or local != module) and local not in self.bound:
                return f"{local}.{path.rpartition('.')[2]}", ()
        head = module.partition(".")[0]
        if head in self.bound or self.imports.paths.get(head, head) != head:
            return None
        added = self._imported(module)
        return (path, (added,)) if added is not None else None

    def _imported(self, module: str) -> Edit | None:
        """Insert an import: sorted into the module's group of its kind, else behind docstring and future imports."""
        statements = [n for n in self.root.named_children if n.type != "comment"]
        head = 1 if statements and _is_docstring(statements[0]) else 0
        while head < len(statements) and statements[head].type == _FUTURE:
            head += 1
        line = f"import {module}"
        groups = self._groups(statements[head:])
        alike = [g for g in groups if any(_is_standard(_module_of(n)) is _is_standard(module) for n in g)]
        if alike:
            behind = [n for n in alike[0] if n.type == "import_statement" and text_of(n) < line]
            if behind:
                end = self._line_end(behind[-1].end_byte)
                return self.cut(end, end, f"{self.newline}{line}")
            start = alike[0][0].start_byte
            return self.cut(start, start, f"{line}{self.newline}")
        if groups and _is_standard(module):
            start = groups[0][0].start_byte
            return self.cut(start, start, f"{line}{self.newline * 2}")
        if groups:
            end = self._line_end(groups[0][-1].end_byte)
            return self.cut(end, end, f"{self.newline * 2}{line}")
        if head:
            if not self._has_line(statements[head - 1]):
                return None
            end = self._line_end(statements[head - 1].end_byte)
            return self.cut(end, end, f"{self.newline * 2}{line}")
        start = statements[0].start_byte if statements else 0
        return self.cut(start, start, f"{line}{self.newline}{self.newline}")

    def _groups(self, statements: Sequence[Node]) -> list[list[Node]]:
        """Give the imports at the top, those without blank lines between them together."""
        groups: list[list[Node]] = []
        last_row = -2
        for statement in statements:
            if statement.type not in _IMPORTS or not self._has_line(statement):
                break
            if statement.start_point[0] != last_row + 1:
                groups.append([])
            groups[-1].append(statement)
            last_row = statement.end_point[0]
        return groups

    def stands_alone(self, statement: Node) -> bool:
        """Tell whether a statement has its lines for itself; then so does what is inserted before or behind it."""
        begin = self.source.rfind(b"\n", 0, statement.start_byte) + 1
        return (
            not self.source[begin : statement.start_byte].strip()
            and not self.source[statement.end_byte : self._line_end(statement.end_byte)].strip()
        )

    def _has_line(self, statement: Node) -> bool:
        """Tell whether nothing but a remark shares the lines of a statement."""
        begin = self.source.rfind(b"\n", 0, statement.start_byte) + 1
        rest = self.source[statement.end_byte : self._line_end(statement.end_byte)].strip()
        return begin == statement.start_byte and (not rest or rest.startswith(b"#"))

    def _line_end(self, offset: int) -> int:
        end = self.source.find(b"\n", offset)
        end = len(self.source) if end < 0 else end
        return end - 1 if self.source[end - 1 : end] == b"\r" else end

    def indent_of(self, statement: Node) -> str:
        """Give what stands before a node on its line: blanks, if it is the first."""
        begin = self.source.rfind(b"\n", 0, statement.start_byte) + 1
        return self.source[begin : statement.start_byte].decode("utf-8", "replace")


def fix(description: str, applicability: Applicability, edits: Sequence[Edit]) -> Fix:
    """Make a fix of edits in any order; equal ones count once."""
    return Fix(description, applicability, tuple(sorted(set(edits))))


# --- nodes -----------------------------------------------------------------------------------------------------------


def enclosing(node: Node, types: frozenset[str]) -> Node | None:
    """Give the nearest node around one that is of some type."""
    current = node.parent
    while current is not None and current.type not in types:
        current = current.parent
    return current


def arguments_of(call: Node) -> list[Node]:
    """List the arguments of a call, keywords and unpackings included."""
    holder = call.child_by_field_name("arguments")
    if holder is None or holder.type != "argument_list":
        return []
    return [node for node in holder.named_children if node.type != "comment"]


def positional(call: Node) -> list[Node]:
    """List the positional arguments that stand before any unpacking."""
    found: list[Node] = []
    for node in arguments_of(call):
        if node.type in {"list_splat", "dictionary_splat"}:
            break
        if node.type != "keyword_argument":
            found.append(node)
    return found


def keyword(call: Node, name: str) -> Node | None:
    """Give a keyword argument of a call, name and value."""
    for node in arguments_of(call):
        if node.type == "keyword_argument" and text_of(node.child_by_field_name("name")) == name:
            return node
    return None


def unpacks(call: Node) -> bool:
    """Tell whether a call takes arguments that are not written down."""
    return any(node.type in {"list_splat", "dictionary_splat"} for node in arguments_of(call))


def value_of(argument: Node | None) -> str:
    """Give the text of a keyword argument's value."""
    return text_of(argument.child_by_field_name("value")) if argument is not None else ""


def is_label(node: Node) -> bool:
    """Tell whether an identifier is no name of a value: an attribute, or a keyword's name."""
    parent = node.parent
    if parent is None:
        return False
    field = {"attribute": "attribute", "keyword_argument": "name"}.get(parent.type)
    return field is not None and parent.child_by_field_name(field) == node


def unwrapped(node: Node) -> Node:
    """Look through parentheses."""
    while node.type == "parenthesized_expression" and len(node.named_children) == 1:
        node = node.named_children[0]
    return node


_TARGETS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "named_expression": "name",
    "function_definition": "name",
    "class_definition": "name",
    "default_parameter": "name",
    "typed_default_parameter": "name",
}
_HOLDERS = frozenset({"parameters", "lambda_parameters", "typed_parameter", "as_pattern_target", "global_statement"})
_PATTERNS = frozenset(
    {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "dictionary_splat_pattern"}
)


def _binds(node: Node) -> bool:
    if node.type != "identifier" or node.parent is None:
        return False
    child, parent = node, node.parent
    while parent.type in _PATTERNS and parent.parent is not None:
        child, parent = parent, parent.parent
    if parent.type in _HOLDERS:
        return True
    field = _TARGETS.get(parent.type)
    return field is not None and parent.child_by_field_name(field) == child


def _module_of(statement: Node) -> str:
    """Give the first module that an import statement names; empty for a relative import."""
    named = statement.child_by_field_name("module_name") or statement.child_by_field_name("name")
    if named is not None and named.type == "aliased_import":
        named = named.child_by_field_name("name")
    return text_of(named).lstrip(".")


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names


def _is_docstring(statement: Node) -> bool:
    return statement.type == "expression_statement" and [n.type for n in statement.named_children] == ["string"]


def _is_run_before(assignment: Node, use: Node) -> bool:
    """Tell whether the statement of an assignment stands before that of a use, in the same block or one around it."""
    statement = assignment.parent
    block = statement.parent if statement is not None else None
    current: Node | None = use
    while current is not None and current.parent != block:
        current = current.parent
    return statement is not None and current is not None and statement.end_byte <= current.start_byte


PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
