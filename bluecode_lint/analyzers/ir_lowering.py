"""Lower a tree-sitter tree to the module of `ir`, visiting each node once.

Written for speed (node access through the binding dominates): children lists are fetched once a node, texts are sliced
from the source, positions stay byte offsets. What the grammar could not parse is kept as `Unknown` parts and ordinary
statements, so that one syntax error does not lose the rest of a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from bluecode_lint.analyzers.ir import (
    Assert,
    Assign,
    Attribute,
    AugAssign,
    Body,
    Call,
    Case,
    Class,
    Clause,
    Collection,
    Compare,
    Comprehension,
    Conditional,
    Const,
    Constant,
    Declare,
    Delete,
    Dict,
    Expr,
    ExprStmt,
    For,
    Formatted,
    FString,
    Function,
    Handler,
    If,
    Import,
    Jump,
    Lambda,
    Match,
    Module,
    Name,
    Operation,
    Param,
    Raise,
    Return,
    Scope,
    Slice,
    Starred,
    Stmt,
    Subscript,
    Suspend,
    Try,
    Unknown,
    Walrus,
    While,
    With,
    last_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bluecode_lint.core.protocols import Node, Syntax

_MAX_DEPTH = 120
"""Nested expressions and blocks that are followed; a level costs up to four Python frames of the default 1,000."""
_MAX_NUMBER_TEXT = 400
"""Digits of an integer literal that is read; a longer one is no constant (and quadratic to convert)."""

_STATEMENT_SUFFIXES = ("_statement", "_definition")
_BRACKETS = frozenset("()[]{},:;=*|.")


def module_name(uri: str) -> str:
    """Guess the dotted name a file is imported by: ``src/pkg/mod.py`` is ``pkg.mod``."""
    parts = uri.removesuffix(".pyi").removesuffix(".py").split("/")
    if len(parts) > 1 and parts[0] in ("src", "lib"):
        parts = parts[1:]
    if parts[-1] == "__init__":
        parts = parts[:-1]
    return ".".join(p for p in parts if p not in ("", ".", ".."))


def lower(uri: str, syntax: Syntax) -> Module:
    """Lower a file. Never raises for its content: see `Module.errors` and `Module.cut`."""
    return _Lowering(uri, syntax).run()


def _named(node: Node, expected: int = -1) -> Sequence[Node]:
    """List the named children without comments; as many as ``expected`` need no second look."""
    found = node.named_children
    if len(found) == expected:
        return found
    return [c for c in found if c.type not in ("comment", "line_continuation")]


def _error_offsets(root: Node) -> list[int]:
    """Find the outermost syntax errors, skipping every part of the tree that has none."""
    offsets: list[int] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type == "ERROR" or node.is_missing:
            offsets.append(node.start_byte)
        elif node.has_error:
            stack.extend(reversed(node.children))
    return offsets


class _Lowering:
    """The state of lowering one file: the scope stack and the flat lists that are filled on the way."""

    def __init__(self, uri: str, syntax: Syntax) -> None:
        self.source = source = syntax.source
        self.root = syntax.root
        self.ascii = source.decode("ascii") if source.isascii() else None
        self.name = module_name(uri)
        self.is_package = uri.endswith("__init__.py")
        self.scope = Scope("module", None)
        self.depth = 0
        self.qualname: tuple[str, ...] = ()
        self.called: set[str] = set()
        self.yields = False
        self.module = Module(uri, self.name, source, (), self.scope, [], [], [], [], [], [], [])

    def run(self) -> Module:
        """Lower the root node."""
        self.module.body = self.statements(self.root.named_children)
        if self.root.has_error:
            self.module.errors.extend(_error_offsets(self.root))
        return self.module

    # --- texts and constants -----------------------------------------------------------------------------------------

    def text(self, node: Node) -> str:
        if self.ascii is not None:
            return self.ascii[node.start_byte : node.end_byte]
        return self.source[node.start_byte : node.end_byte].decode("utf-8", errors="replace")

    def string(self, node: Node) -> Expr:
        """Lower one string literal to a `Const` or an `FString`."""
        start, end = node.start_byte, node.end_byte
        parts = node.children
        if not parts or parts[0].type != "string_start":
            return Const(start, end, _literal(self.text(node), ""))
        prefix = self.text(parts[0]).rstrip("\"'").lower()
        if "f" not in prefix and "t" not in prefix:
            last = parts[-1]
            content_end = last.start_byte if last.type == "string_end" else end
            raw = self.source[parts[0].end_byte : content_end].decode("utf-8", errors="replace")
            return Const(start, end, _literal(raw, prefix))
        pieces: list[Expr] = []
        for part in parts[1:]:
            if part.type == "string_content":
                raw = self.text(part).replace("{{", "{").replace("}}", "}")
                pieces.append(Const(part.start_byte, part.end_byte, _literal(raw, prefix)))
            elif part.type == "interpolation":
                pieces.append(self.interpolation(part))
        if not pieces:
            return Const(start, end, "")
        if len(pieces) == 1 and isinstance(pieces[0], Const):
            return Const(start, end, pieces[0].value)
        return FString(start, end, tuple(pieces))

    def interpolation(self, node: Node) -> Formatted:
        """Lower ``{value!conversion:spec}``."""
        value: Expr = Unknown(node.start_byte, node.end_byte, ())
        conversion = spec = ""
        for index, part in enumerate(_named(node)):
            if part.type == "type_conversion":
                conversion = self.text(part)[1:]
            elif part.type == "format_specifier":
                spec = self.text(part)[1:]
            elif index == 0:
                value = self.expr(part)
        return Formatted(node.start_byte, node.end_byte, value, conversion, spec)

    def concatenated(self, node: Node) -> Expr:
        """Join implicitly concatenated literals into one constant or formatted string."""
        pieces: list[Expr] = []
        for child in _named(node):
            piece = self.expr(child)
            pieces.extend(piece.parts if isinstance(piece, FString) else (piece,))
        values = [p.value for p in pieces if isinstance(p, Const)]
        if len(values) < len(pieces):
            return FString(node.start_byte, node.end_byte, tuple(pieces))
        if all(isinstance(v, bytes) for v in values):
            return Const(node.start_byte, node.end_byte, b"".join(cast("list[bytes]", values)))
        return Const(node.start_byte, node.end_byte, "".join(str(v) for v in values))

    def number(self, node: Node) -> Expr:
        """Lower a number, Python 2's ``0777`` and ``10L`` included."""
        text = self.text(node).replace("_", "").lower()
        return Const(node.start_byte, node.end_byte, _number(text))

    # --- expressions -------------------------------------------------------------------------------------------------

    def expr(self, node: Node) -> Expr:
        """Lower any expression."""
        kind = node.type
        if kind == "identifier":
            return Name(node.start_byte, node.end_byte, self.text(node))
        lower_one = _EXPRESSIONS.get(kind)
        if lower_one is None:
            return self.unknown(node)
        if self.depth >= _MAX_DEPTH:
            self.module.cut.append(node.start_byte)
            return Unknown(node.start_byte, node.end_byte, ())
        self.depth += 1
        try:
            return lower_one(self, node)
        finally:
            self.depth -= 1

    def optional(self, node: Node | None) -> Expr | None:
        return None if node is None else self.expr(node)

    def exprs(self, nodes: Iterable[Node]) -> tuple[Expr, ...]:
        return tuple(self.expr(n) for n in nodes)

    def unknown(self, node: Node) -> Expr:
        """Keep what is inside a node of no known shape."""
        if self.depth >= _MAX_DEPTH:
            self.module.cut.append(node.start_byte)
            return Unknown(node.start_byte, node.end_byte, ())
        self.depth += 1
        try:
            parts = tuple(self.expr(c) for c in _named(node) if not c.type.endswith(_STATEMENT_SUFFIXES))
        finally:
            self.depth -= 1
        return Unknown(node.start_byte, node.end_byte, parts)

    def parenthesized(self, node: Node) -> Expr:
        """Drop the parentheses, any number of them without recursion."""
        while node.type == "parenthesized_expression":
            inner = _named(node, 1)
            if len(inner) != 1:
                return self.unknown(node)
            node = inner[0]
        return self.expr(node)

    def attribute(self, node: Node) -> Expr:
        """Lower a chain of attributes; the text is enough for a plain dotted one."""
        inner = _named(node, 2)
        if len(inner) != 2:  # noqa: PLR2004  # value and name; anything else is a syntax error
            return self.unknown(node)
        return Attribute(node.start_byte, node.end_byte, self.expr(inner[0]), self.text(inner[1]))

    def subscript(self, node: Node) -> Expr:
        """Lower ``value[index]``."""
        inner = _named(node)
        if len(inner) < 2:  # noqa: PLR2004  # value and index; anything else is a syntax error
            return self.unknown(node)
        value = self.expr(inner[0])
        items = self.exprs(inner[1:])
        index = items[0] if len(items) == 1 else Collection(inner[1].start_byte, inner[-1].end_byte, "tuple", items)
        return Subscript(node.start_byte, node.end_byte, value, index)

    def generic_type(self, node: Node) -> Expr:
        """Lower ``X[A, B]`` of an annotation to a subscript."""
        inner = _named(node, 2)
        if len(inner) != 2:  # noqa: PLR2004  # type and parameters; anything else is a syntax error
            return self.unknown(node)
        items = self.exprs(_named(inner[1]))
        index = items[0] if len(items) == 1 else Collection(inner[1].start_byte, inner[1].end_byte, "tuple", items)
        return Subscript(node.start_byte, node.end_byte, self.expr(inner[0]), index)

    def slice(self, node: Node) -> Expr:
        """Lower ``lower:upper:step``."""
        bounds: list[Expr | None] = [None, None, None]
        place = 0
        for child in node.children:
            if child.type == ":":
                place = min(place + 1, 2)
            elif child.is_named:
                bounds[place] = self.expr(child)
        return Slice(node.start_byte, node.end_byte, *bounds)

    def call(self, node: Node) -> Expr:
        """Lower a call and file it."""
        inner = _named(node, 2)
        if len(inner) != 2:  # noqa: PLR2004  # function and arguments; anything else is a syntax error
            return self.unknown(node)
        function = self.expr(inner[0])
        args, keywords = self.arguments(inner[1])
        return self.file_call(Call(node.start_byte, node.end_byte, function, args, keywords, self.scope))

    def file_call(self, call: Call) -> Call:
        self.module.calls.append(call)
        self.called.add(last_name(call.function))
        return call

    def arguments(self, node: Node) -> tuple[tuple[Expr, ...], tuple[tuple[str | None, Expr], ...]]:
        """Lower an argument list (a bare generator expression is one argument)."""
        if node.type != "argument_list":
            return (self.expr(node),), ()
        args: list[Expr] = []
        keywords: list[tuple[str | None, Expr]] = []
        for child in node.named_children:
            kind = child.type
            if kind == "keyword_argument":
                pair = _named(child, 2)
                if len(pair) == 2:  # noqa: PLR2004  # name and value; anything else is a syntax error
                    keywords.append((self.text(pair[0]), self.expr(pair[1])))
            elif kind == "dictionary_splat":
                keywords.extend((None, self.expr(c)) for c in child.named_children)
            elif kind != "comment":
                args.append(self.expr(child))
        return tuple(args), tuple(keywords)

    def binary(self, node: Node) -> Expr:
        """Lower a left-nested chain of one operator to a flat operation, without recursion down its spine."""
        op, rights = self.operator(node), []
        current, kind = node, node.type
        while current.type == kind and self.operator(current) == op:
            inner = _named(current, 2)
            if len(inner) != 2:  # noqa: PLR2004  # two operands; anything else is a syntax error
                break
            rights.append(inner[1])
            current = inner[0]
        if not rights:
            return self.unknown(node)
        operands = (self.expr(current), *self.exprs(reversed(rights)))
        return Operation(node.start_byte, node.end_byte, op, operands)

    def operator(self, node: Node) -> str:
        for child in node.children:
            if not child.is_named:
                return child.type
        return ""

    def unary(self, node: Node) -> Expr:
        """Lower ``-x``, ``+x``, ``~x`` and ``not x``; signs before numbers are part of the constant."""
        inner = _named(node, 1)
        if len(inner) != 1:
            return self.unknown(node)
        op, operand = self.operator(node), self.expr(inner[0])
        if op == "-" and isinstance(operand, Const) and isinstance(operand.value, (int, float)):
            return Const(node.start_byte, node.end_byte, -operand.value)
        return Operation(node.start_byte, node.end_byte, op, (operand,))

    def comparison(self, node: Node) -> Expr:
        """Lower a comparison chain; the older grammar splits ``not in`` and ``is not`` into two tokens."""
        ops: list[str] = []
        operands: list[Expr] = []
        for child in node.children:
            kind = child.type
            if child.is_named and kind not in ("not in", "is not"):
                if kind != "comment":
                    operands.append(self.expr(child))
            elif ops and len(ops) > len(operands) - 1 and (ops[-1], kind) in (("not", "in"), ("is", "not")):
                ops[-1] = f"{ops[-1]} {kind}"
            elif ops and ops[-1] == kind and kind in ("not in", "is not") and len(ops) == len(operands):
                continue
            else:
                ops.append(kind)
        if len(ops) != len(operands) - 1:
            return Unknown(node.start_byte, node.end_byte, tuple(operands))
        return Compare(node.start_byte, node.end_byte, tuple(ops), tuple(operands))

    def conditional(self, node: Node) -> Expr:
        """Lower ``then if test else otherwise``."""
        inner = _named(node, 3)
        if len(inner) != 3:  # noqa: PLR2004  # its three parts; anything else is a syntax error
            return self.unknown(node)
        then, test, otherwise = self.exprs(inner)
        return Conditional(node.start_byte, node.end_byte, test, then, otherwise)

    def collection(self, node: Node) -> Expr:
        """Lower a list, tuple or set display, or a pattern of the same look."""
        return Collection(node.start_byte, node.end_byte, _COLLECTIONS[node.type], self.exprs(_named(node)))

    def dictionary(self, node: Node) -> Expr:
        """Lower a dictionary display."""
        pairs: list[tuple[Expr | None, Expr]] = []
        for child in _named(node):
            inner = _named(child, 2)
            if child.type == "pair" and len(inner) == 2:  # noqa: PLR2004  # key and value; else a syntax error
                pairs.append((self.expr(inner[0]), self.expr(inner[1])))
            else:
                pairs.extend((None, self.expr(c)) for c in inner)
        return Dict(node.start_byte, node.end_byte, tuple(pairs))

    def comprehension(self, node: Node) -> Expr:
        """Lower a comprehension; its targets count as bound in the scope around it."""
        elements: list[Expr] = []
        clauses: list[Clause] = []
        for child in _named(node):
            inner = _named(child)
            if child.type == "for_in_clause" and len(inner) >= 2:  # noqa: PLR2004  # target and iterable
                target, iterable = self.expr(inner[0]), self.expr(inner[1])
                self.bind(target, None)
                clauses.append(Clause(target, iterable, ()))
            elif child.type == "if_clause":
                if clauses:
                    clauses[-1].conditions += self.exprs(inner)
            elif child.type == "pair":
                elements.extend(self.exprs(inner))
            else:
                elements.append(self.expr(child))
        kind = node.type.partition("_")[0].replace("dictionary", "dict")
        return Comprehension(node.start_byte, node.end_byte, kind, tuple(elements), tuple(clauses))

    def starred(self, node: Node) -> Expr:
        """Lower ``*x`` and ``**x``."""
        inner = _named(node, 1)
        if len(inner) != 1:
            return self.unknown(node)
        stars = 2 if node.type.startswith("dictionary") else 1
        return Starred(node.start_byte, node.end_byte, self.expr(inner[0]), stars)

    def suspend(self, node: Node) -> Expr:
        """Lower ``await``, ``yield`` and ``yield from``."""
        kind = node.type
        if kind == "yield":
            self.yields = True
            kind = "yield from" if any(c.type == "from" for c in node.children) else "yield"
        inner = _named(node)
        return Suspend(node.start_byte, node.end_byte, kind, self.expr(inner[0]) if inner else None)

    def walrus(self, node: Node) -> Expr:
        """Lower ``(target := value)``."""
        inner = _named(node, 2)
        if len(inner) != 2:  # noqa: PLR2004  # target and value; anything else is a syntax error
            return self.unknown(node)
        target, value = self.exprs(inner)
        self.bind(target, value)
        return Walrus(node.start_byte, node.end_byte, target, value)

    def backquoted(self, node: Node) -> Expr:
        """Lower Python 2's `````x````` to ``repr(x)``."""
        function = Name(node.start_byte, node.start_byte, "repr")
        return self.file_call(
            Call(node.start_byte, node.end_byte, function, self.exprs(_named(node)), (), self.scope),
        )

    def wrapped(self, node: Node) -> Expr:
        """Lower a node that only wraps one expression (a type, a pattern)."""
        inner = _named(node)
        return self.expr(inner[0]) if len(inner) == 1 else self.unknown(node)

    def dotted_name(self, node: Node) -> Expr:
        """Lower ``a.b.c`` of a pattern or an import."""
        names = _named(node)
        result: Expr = Name(node.start_byte, names[0].end_byte if names else node.end_byte, "")
        for index, part in enumerate(names):
            text = self.text(part)
            if index == 0:
                result = Name(part.start_byte, part.end_byte, text)
            else:
                result = Attribute(node.start_byte, part.end_byte, result, text)
        return result

    def lambda_(self, node: Node) -> Expr:
        """Lower a lambda to a function whose body is one return."""
        start, end = node.start_byte, node.end_byte
        inner = _named(node)
        params_node = inner[0] if inner and inner[0].type == "lambda_parameters" else None
        function = self.open_function(node, "<lambda>", start)
        saved = self.enter(function.scope, function.name)
        function.params = self.params(params_node)
        value = self.expr(inner[-1]) if inner and inner[-1] is not params_node else Unknown(start, end, ())
        function.body = (Return(value.start, value.end, value),)
        self.close_function(function, saved)
        return Lambda(start, end, function)

    def as_pattern(self, node: Node) -> Expr:
        """Lower the context of ``with x as y`` or the types of ``except x as y`` where only the value is wanted."""
        inner = _named(node)
        return self.expr(inner[0]) if inner else self.unknown(node)

    # --- scopes ------------------------------------------------------------------------------------------------------

    def bind(self, target: Expr, value: Expr | None) -> None:
        """Record that a target is given a value (None: one without an expression of its own)."""
        if isinstance(target, Name):
            self.scope.bindings.setdefault(target.id, []).append(value)
        elif isinstance(target, Attribute):
            if isinstance(target.value, Name) and target.value.id in ("self", "cls"):
                owner = self.module.class_of(self.scope)
                if owner is not None:
                    known = value if value is not None else Unknown(target.start, target.end, ())
                    owner.attributes.setdefault(target.name, []).append((known, self.scope))
        elif isinstance(target, Starred):
            self.bind(target.value, None)
        elif isinstance(target, Collection):
            values = value.items if isinstance(value, Collection) and len(value.items) == len(target.items) else None
            for index, item in enumerate(target.items):
                self.bind(item, values[index] if values else None)

    def enter(self, scope: Scope, qualname: str) -> tuple[Scope, tuple[str, ...], set[str], bool]:
        """Open a scope; what is returned goes to `leave`."""
        saved = (self.scope, self.qualname, self.called, self.yields)
        self.scope, self.qualname, self.called, self.yields = scope, (*self.qualname, qualname), set(), False
        return saved

    def leave(self, saved: tuple[Scope, tuple[str, ...], set[str], bool]) -> set[str]:
        """Close a scope; give the names called inside it, which count for the scope around it too."""
        called = self.called
        self.scope, self.qualname, self.called, self.yields = saved
        self.called |= called
        return called

    def open_function(self, node: Node, name: str, name_start: int) -> Function:
        scope = Scope("function", self.scope)
        owner = self.scope.owner if self.scope.kind == "class" else None
        function = Function(
            node.start_byte,
            node.end_byte,
            name,
            (),
            (),
            (),
            None,
            is_async=False,
            scope=scope,
            owner=owner if isinstance(owner, Class) else None,
            name_start=name_start,
            qualname=name,
        )
        function.qualname = ".".join((*self.qualname, name))
        scope.owner = function
        self.module.functions.append(function)
        return function

    def close_function(self, function: Function, saved: tuple[Scope, tuple[str, ...], set[str], bool]) -> None:
        function.is_generator = self.yields
        function.called = frozenset(self.leave(saved))

    def params(self, node: Node | None) -> tuple[Param, ...]:
        """Lower a parameter list in the scope of its function."""
        found: list[Param] = []
        for child in [] if node is None else _named(node):
            param = self.param(child)
            if param is not None:
                found.append(param)
                self.scope.bindings.setdefault(param.name, []).append(None)
        return tuple(found)

    def param(self, node: Node) -> Param | None:
        kind, start, end = node.type, node.start_byte, node.end_byte
        if kind == "identifier":
            return Param(self.text(node), "", None, None, start, end)
        inner = _named(node)
        if not inner:
            return None
        first = inner[0]
        if kind == "default_parameter":
            return Param(self.text(first), "", self.outer_expr(inner[-1]), None, start, end)
        if kind in ("typed_parameter", "typed_default_parameter"):
            stars = _STARS.get(first.type, "")
            name = self.text(_named(first)[0] if stars else first)
            annotation = next((self.outer_expr(c) for c in inner if c.type == "type"), None)
            default = self.outer_expr(inner[-1]) if kind == "typed_default_parameter" else None
            return Param(name, stars, default, annotation, start, end)
        if kind in _STARS:
            return Param(self.text(first), _STARS[kind], None, None, start, end)
        if kind == "tuple_pattern":  # Python 2: def f(a, (b, c))
            for item in inner:
                self.bind(self.expr(item), None)
        return None

    def outer_expr(self, node: Node) -> Expr:
        """Lower a default or an annotation, which belongs to the scope around the function."""
        scope = self.scope
        self.scope = scope.parent or scope
        try:
            return self.expr(node)
        finally:
            self.scope = scope

    # --- statements --------------------------------------------------------------------------------------------------

    def statements(self, nodes: Iterable[Node]) -> Body:
        """Lower a run of statements."""
        found: list[Stmt] = []
        for node in nodes:
            kind = node.type
            lower_one = _STATEMENTS.get(kind)
            if lower_one is not None:
                if self.depth >= _MAX_DEPTH:
                    self.module.cut.append(node.start_byte)
                    continue
                self.depth += 1
                try:
                    found.append(lower_one(self, node))
                finally:
                    self.depth -= 1
            elif kind in ("ERROR", "block"):
                if self.depth >= _MAX_DEPTH:
                    self.module.cut.append(node.start_byte)
                    continue
                self.depth += 1
                found.extend(self.statements(node.named_children))
                self.depth -= 1
            elif kind not in ("comment", "line_continuation"):
                value = self.expr(node)
                found.append(ExprStmt(node.start_byte, node.end_byte, value))
        return tuple(found)

    def block(self, node: Node | None) -> Body:
        return () if node is None else self.statements(node.named_children)

    def block_in(self, nodes: Sequence[Node]) -> Body:
        """Lower the block among a clause's children."""
        return self.block(next((c for c in reversed(nodes) if c.type == "block"), None))

    def expression_statement(self, node: Node) -> Stmt:
        """Lower an expression or an assignment."""
        start, end = node.start_byte, node.end_byte
        inner = _named(node, 1)
        if len(inner) == 1:
            kind = inner[0].type
            if kind == "assignment":
                return self.assignment(inner[0], start, end)
            if kind == "augmented_assignment":
                return self.augmented(inner[0], start, end)
            return ExprStmt(start, end, self.expr(inner[0]))
        return ExprStmt(start, end, Collection(start, end, "tuple", self.exprs(inner)))

    def assignment(self, node: Node, start: int, end: int) -> Stmt:
        """Lower ``a = b = value`` to one statement."""
        targets: list[Expr] = []
        annotation: Expr | None = None
        current: Node | None = node
        value: Expr | None = None
        while current is not None:
            inner = _named(current, 2)
            target = self.expr(inner[0]) if inner else Unknown(start, end, ())
            targets.append(target)
            rest = inner[1:]
            if rest and rest[0].type == "type":
                annotation = self.expr(rest[0])
                rest = rest[1:]
            current = rest[-1] if rest and rest[-1].type == "assignment" else None
            if current is None and rest:
                value = self.expr(rest[-1])
        statement = Assign(start, end, tuple(targets), value, annotation, self.scope)
        if value is not None:
            for target in targets:
                self.bind(target, value)
        self.module.assignments.append(statement)
        return statement

    def augmented(self, node: Node, start: int, end: int) -> Stmt:
        """Lower ``target op= value``."""
        inner = _named(node, 2)
        if len(inner) != 2:  # noqa: PLR2004  # target and value; anything else is a syntax error
            return ExprStmt(start, end, self.unknown(node))
        target, value = self.exprs(inner)
        self.bind(target, None)
        return AugAssign(start, end, target, self.operator(node).rstrip("="), value)

    def return_statement(self, node: Node) -> Stmt:
        """Lower ``return``."""
        inner = _named(node)
        return Return(node.start_byte, node.end_byte, self.expr(inner[0]) if inner else None)

    def raise_statement(self, node: Node) -> Stmt:
        """Lower ``raise`` (Python 2's ``raise E, value`` too)."""
        values = self.exprs(_named(node))
        cause = values[-1] if len(values) > 1 else None
        return Raise(node.start_byte, node.end_byte, values[0] if values else None, cause)

    def delete_statement(self, node: Node) -> Stmt:
        """Lower ``del``."""
        inner = _named(node)
        if len(inner) == 1 and inner[0].type == "expression_list":
            inner = _named(inner[0])
        return Delete(node.start_byte, node.end_byte, self.exprs(inner))

    def assert_statement(self, node: Node) -> Stmt:
        """Lower ``assert``."""
        values = self.exprs(_named(node))
        test = values[0] if values else Unknown(node.start_byte, node.end_byte, ())
        return Assert(node.start_byte, node.end_byte, test, values[1] if len(values) > 1 else None)

    def jump(self, node: Node) -> Stmt:
        """Lower ``pass``, ``break`` and ``continue``."""
        return Jump(node.start_byte, node.end_byte, node.type.partition("_")[0])

    def declare(self, node: Node) -> Stmt:
        """Lower ``global`` and ``nonlocal``."""
        names = tuple(self.text(c) for c in _named(node))
        for name in names:
            self.scope.bindings.setdefault(name, []).append(None)
        return Declare(node.start_byte, node.end_byte, node.type.partition("_")[0], names)

    def print_statement(self, node: Node) -> Stmt:
        """Lower Python 2's ``print`` and ``exec`` to calls."""
        name = node.type.partition("_")[0]
        function = Name(node.start_byte, node.start_byte + len(name), name)
        inner = [c for c in _named(node) if c.type != "chevron"]
        call = Call(node.start_byte, node.end_byte, function, self.exprs(inner), (), self.scope)
        return ExprStmt(node.start_byte, node.end_byte, self.file_call(call))

    def if_statement(self, node: Node) -> Stmt:
        """Lower ``if`` with its ``elif`` and ``else``."""
        branches: list[tuple[Expr, Body]] = []
        orelse: Body = ()
        inner = _named(node)
        for clause in (node, *(c for c in inner if c.type in ("elif_clause", "else_clause"))):
            parts = inner if clause is node else _named(clause)
            if clause.type == "else_clause":
                orelse = self.block_in(parts)
            elif parts:
                branches.append((self.expr(parts[0]), self.block_in(parts)))
        return If(node.start_byte, node.end_byte, tuple(branches), orelse)

    def else_of(self, parts: Sequence[Node]) -> Body:
        found = next((c for c in parts if c.type == "else_clause"), None)
        return () if found is None else self.block_in(_named(found))

    def while_statement(self, node: Node) -> Stmt:
        """Lower ``while``."""
        parts = _named(node)
        test = self.expr(parts[0]) if parts else Unknown(node.start_byte, node.end_byte, ())
        return While(node.start_byte, node.end_byte, test, self.block_in(parts), self.else_of(parts))

    def for_statement(self, node: Node) -> Stmt:
        """Lower ``for``."""
        parts = _named(node)
        if len(parts) < 2:  # noqa: PLR2004  # target and iterable; anything else is a syntax error
            return ExprStmt(node.start_byte, node.end_byte, self.unknown(node))
        target, iterable = self.expr(parts[0]), self.expr(parts[1])
        self.bind(target, None)
        return For(node.start_byte, node.end_byte, target, iterable, self.block_in(parts), self.else_of(parts))

    def with_statement(self, node: Node) -> Stmt:
        """Lower ``with``; a target is bound to the context itself."""
        items: list[tuple[Expr, Expr | None]] = []
        parts = _named(node)
        clause = next((c for c in parts if c.type == "with_clause"), None)
        for item in [] if clause is None else _named(clause):
            inner = _named(item)
            if not inner:
                continue
            value = inner[0]
            if value.type == "as_pattern":
                pair = _named(value)
                context = self.expr(pair[0])
                target_nodes = _named(pair[-1]) if pair[-1].type == "as_pattern_target" else []
                target = self.expr(target_nodes[0]) if target_nodes else None
                if target is not None:
                    self.bind(target, context)
                items.append((context, target))
            elif value.type in ("tuple", "parenthesized_expression") and len(_named(clause or node)) == 1:
                items.extend(self.parenthesized_items(value))
            else:
                items.append((self.expr(value), None))
        return With(node.start_byte, node.end_byte, tuple(items), self.block_in(parts))

    def parenthesized_items(self, node: Node) -> list[tuple[Expr, Expr | None]]:
        """Lower ``with (a as b, c as d):``, which the grammar takes for a tuple."""
        items: list[tuple[Expr, Expr | None]] = []
        for child in _named(node):
            inner = _named(child)
            if child.type == "as_pattern" and len(inner) == 2:  # noqa: PLR2004  # context and target
                context, target = self.expr(inner[0]), self.wrapped(inner[1])
                self.bind(target, context)
                items.append((context, target))
            else:
                items.append((self.expr(child), None))
        return items

    def try_statement(self, node: Node) -> Stmt:
        """Lower ``try``."""
        parts = _named(node)
        body = self.block(next((c for c in parts if c.type == "block"), None))
        handlers = tuple(self.handler(c) for c in parts if c.type in ("except_clause", "except_group_clause"))
        final = next((c for c in parts if c.type == "finally_clause"), None)
        return Try(
            node.start_byte,
            node.end_byte,
            body,
            handlers,
            self.else_of(parts),
            () if final is None else self.block_in(_named(final)),
        )

    def handler(self, node: Node) -> Handler:
        """Lower an ``except`` clause, Python 2's ``except E, name`` included."""
        parts = [c for c in _named(node) if c.type != "block"]
        caught: Expr | None = None
        name = ""
        if parts and parts[0].type == "as_pattern":
            inner = _named(parts[0])
            caught = self.expr(inner[0])
            name = self.text(inner[-1]) if len(inner) > 1 else ""
        elif parts:
            caught = self.expr(parts[0])
            if len(parts) > 1 and parts[1].type == "identifier":
                name = self.text(parts[1])
        if name:
            self.scope.bindings.setdefault(name, []).append(None)
        return Handler(node.start_byte, node.end_byte, caught, name, self.block_in(_named(node)))

    def match_statement(self, node: Node) -> Stmt:
        """Lower ``match``."""
        parts = _named(node)
        subjects = [c for c in parts if c.type not in ("block", "case_clause")]
        subject: Expr = Unknown(node.start_byte, node.end_byte, ())
        if subjects:
            subject = self.expr(subjects[0])
            if len(subjects) > 1:
                subject = Collection(subject.start, subjects[-1].end_byte, "tuple", self.exprs(subjects))
        block = next((c for c in parts if c.type == "block"), node)
        cases = tuple(self.case(c) for c in _named(block) if c.type == "case_clause")
        return Match(node.start_byte, node.end_byte, subject, cases)

    def case(self, node: Node) -> Case:
        """Lower a ``case``."""
        parts = _named(node)
        patterns = [c for c in parts if c.type == "case_pattern"]
        guard = next((_named(c) for c in parts if c.type == "if_clause"), [])
        literals: list[Expr] | None = []
        captures: list[str] = []
        for pattern in patterns:
            literals = self.pattern(pattern, literals, captures)
        if len(patterns) > 1:
            literals = None
        for name in captures:
            self.scope.bindings.setdefault(name, []).append(None)
        body = self.block_in(parts)
        test = self.expr(guard[0]) if guard else None
        return Case(None if literals is None else tuple(literals), tuple(captures), test, body)

    def pattern(self, node: Node, literals: list[Expr] | None, captures: list[str]) -> list[Expr] | None:
        """Collect a pattern's literals and the names it binds; None once it accepts more than literals."""
        kind = node.type
        if kind in ("case_pattern", "union_pattern"):
            for child in _named(node):
                literals = self.pattern(child, literals, captures)
            return None if not _named(node) else literals
        if kind == "as_pattern":
            inner = _named(node)
            captures.append(self.text(inner[-1]))
            return self.pattern(inner[0], literals, captures)
        if kind in ("string", "concatenated_string", "integer", "float", "true", "false", "none", "unary_operator"):
            return None if literals is None else [*literals, self.expr(node)]
        if kind == "dotted_name" and len(node.named_children) > 1:
            return None if literals is None else [*literals, self.dotted_name(node)]
        stack = [node]
        while stack:
            current = stack.pop()
            inner = _named(current)
            if current.type == "identifier" and (current.parent is None or current.parent.type != "keyword_pattern"):
                captures.append(self.text(current))
            elif current.type == "class_pattern":
                inner = inner[1:]
            elif current.type == "dotted_name" and len(inner) > 1:
                inner = []
            stack.extend(reversed(inner))
        return None

    # --- definitions and imports -------------------------------------------------------------------------------------

    def decorated(self, node: Node) -> Stmt:
        """Lower a decorated definition."""
        parts = _named(node)
        decorators: list[Expr] = []
        definition: Stmt = ExprStmt(node.start_byte, node.end_byte, Unknown(node.start_byte, node.end_byte, ()))
        for part in parts:
            if part.type == "decorator":
                inner = _named(part)
                if inner:
                    decorators.append(self.expr(inner[0]))
            elif part.type == "function_definition":
                definition = self.function_definition(part, tuple(decorators))
            elif part.type == "class_definition":
                definition = self.class_definition(part, tuple(decorators))
        return definition

    def function_definition(self, node: Node, decorators: tuple[Expr, ...] = ()) -> Stmt:
        """Lower ``def``."""
        parts = _named(node)
        name_node = next((c for c in parts if c.type == "identifier"), None)
        name = "" if name_node is None else self.text(name_node)
        function = self.open_function(node, name, node.start_byte if name_node is None else name_node.start_byte)
        function.decorators = decorators
        function.is_async = node.children[0].type == "async"
        self.scope.functions[name] = function
        returns = next((c for c in parts if c.type == "type"), None)
        function.returns = self.optional(returns)
        saved = self.enter(function.scope, name)
        function.params = self.params(next((c for c in parts if c.type == "parameters"), None))
        function.body = self.block_in(parts)
        self.close_function(function, saved)
        return function

    def class_definition(self, node: Node, decorators: tuple[Expr, ...] = ()) -> Stmt:
        """Lower ``class``."""
        parts = _named(node)
        name_node = next((c for c in parts if c.type == "identifier"), None)
        name = "" if name_node is None else self.text(name_node)
        arguments = next((c for c in parts if c.type == "argument_list"), None)
        bases, keywords = self.arguments(arguments) if arguments is not None else ((), ())
        scope = Scope("class", self.scope)
        name_start = node.start_byte if name_node is None else name_node.start_byte
        qualname = ".".join((*self.qualname, name))
        definition = Class(
            node.start_byte, node.end_byte, name, bases, keywords, (), decorators, scope, name_start, qualname
        )
        scope.owner = definition
        self.scope.classes[name] = definition
        self.module.classes.append(definition)
        saved = self.enter(scope, name)
        definition.body = self.block_in(parts)
        self.leave(saved)
        return definition

    def import_statement(self, node: Node) -> Stmt:
        """Lower ``import a.b as c, d``."""
        names: list[tuple[str, str]] = []
        for child in _named(node):
            inner = _named(child)
            if child.type == "aliased_import" and len(inner) == 2:  # noqa: PLR2004  # name and alias
                names.append((self.text(inner[1]), _squeeze(self.text(inner[0]))))
            elif child.type == "dotted_name":
                root = self.text(inner[0])
                self.scope.imports[root] = root
                names.append((root, _squeeze(self.text(child))))
        for local, path in names:
            self.scope.imports.setdefault(local, path)
        return self.file_import(node, names)

    def import_from(self, node: Node) -> Stmt:
        """Lower ``from a import b as c``."""
        parts = _named(node)
        source = "__future__"
        if node.type != "future_import_statement":
            source = self.absolute(_squeeze(self.text(parts[0]))) if parts else ""
            parts = parts[1:]
        names: list[tuple[str, str]] = []
        for child in parts:
            inner = _named(child)
            if child.type == "wildcard_import":
                names.append(("*", source))
            elif child.type == "aliased_import" and len(inner) == 2:  # noqa: PLR2004  # name and alias
                names.append((self.text(inner[1]), f"{source}.{_squeeze(self.text(inner[0]))}".lstrip(".")))
            elif child.type == "dotted_name":
                text = self.text(child)
                names.append((text, f"{source}.{text}".lstrip(".")))
        for local, path in names:
            if local != "*":
                self.scope.imports[local] = path
        return self.file_import(node, names)

    def absolute(self, path: str) -> str:
        """Make a relative module path absolute: ``..x`` in package ``a.b`` is ``a.x``."""
        rest = path.lstrip(".")
        dots = len(path) - len(rest)
        if dots == 0:
            return path
        package = self.name.split(".") if self.name else []
        up = dots - 1 if self.is_package else dots
        package = package[: len(package) - up] if up <= len(package) else []
        return ".".join([*package, rest] if rest else package)

    def file_import(self, node: Node, names: list[tuple[str, str]]) -> Import:
        statement = Import(node.start_byte, node.end_byte, tuple(names), self.scope)
        self.module.imports.append(statement)
        return statement


_STARS = {"list_splat_pattern": "*", "dictionary_splat_pattern": "**"}
_COLLECTIONS = {
    "list": "list",
    "tuple": "tuple",
    "set": "set",
    "expression_list": "tuple",
    "pattern_list": "tuple",
    "tuple_pattern": "tuple",
    "list_pattern": "list",
}


def _squeeze(path: str) -> str:
    """Drop the blanks that Python allows inside a dotted name."""
    return "".join(path.split())


_ESCAPES = re.compile(r"""(\\\\|\\[\n'"abfnrtvxuUN0-7])|\\""")
"""A backslash with what makes it an escape (group 1), or one that stands for itself."""


def _literal(raw: str, prefix: str) -> Constant:
    """Decode the content of a string literal; a malformed escape is left as written."""
    text = raw
    if "\\" in raw and "r" not in prefix:
        escaped = _ESCAPES.sub(lambda m: m.group(1) or "\\\\", raw)
        try:
            text = escaped.encode("latin-1", "backslashreplace").decode("unicode_escape")
        except UnicodeDecodeError:
            text = raw
    return text.encode("utf-8", errors="surrogatepass") if "b" in prefix else text


def _number(text: str) -> Constant:
    if len(text) > _MAX_NUMBER_TEXT:
        return None
    text = text.rstrip("l")
    try:
        if text.endswith("j"):
            return complex(text)
        if text.startswith(("0x", "0o", "0b")):
            return int(text, 0)
        if any(c in text for c in ".e"):
            return float(text)
        if len(text) > 1 and text[0] == "0" and text.isdigit():
            return int(text, 8)
        return int(text)
    except ValueError:
        return None


def _constant(value: Constant) -> Callable[[_Lowering, Node], Expr]:
    return lambda _, node: Const(node.start_byte, node.end_byte, value)


_EXPRESSIONS: dict[str, Callable[[_Lowering, Node], Expr]] = {
    "string": _Lowering.string,
    "concatenated_string": _Lowering.concatenated,
    "integer": _Lowering.number,
    "float": _Lowering.number,
    "true": _constant(True),  # noqa: FBT003  # the literal itself
    "false": _constant(False),  # noqa: FBT003  # the literal itself
    "none": _constant(None),
    "parenthesized_expression": _Lowering.parenthesized,
    "attribute": _Lowering.attribute,
    "subscript": _Lowering.subscript,
    "slice": _Lowering.slice,
    "call": _Lowering.call,
    "binary_operator": _Lowering.binary,
    "boolean_operator": _Lowering.binary,
    "unary_operator": _Lowering.unary,
    "not_operator": _Lowering.unary,
    "comparison_operator": _Lowering.comparison,
    "conditional_expression": _Lowering.conditional,
    "list_comprehension": _Lowering.comprehension,
    "set_comprehension": _Lowering.comprehension,
    "dictionary_comprehension": _Lowering.comprehension,
    "generator_expression": _Lowering.comprehension,
    "dictionary": _Lowering.dictionary,
    "list_splat": _Lowering.starred,
    "list_splat_pattern": _Lowering.starred,
    "dictionary_splat": _Lowering.starred,
    "dictionary_splat_pattern": _Lowering.starred,
    "await": _Lowering.suspend,
    "yield": _Lowering.suspend,
    "named_expression": _Lowering.walrus,
    "lambda": _Lowering.lambda_,
    "type": _Lowering.wrapped,
    "generic_type": _Lowering.generic_type,
    "case_pattern": _Lowering.wrapped,
    "as_pattern_target": _Lowering.wrapped,
    "as_pattern": _Lowering.as_pattern,
    "dotted_name": _Lowering.dotted_name,
} | dict.fromkeys(_COLLECTIONS, _Lowering.collection)

_STATEMENTS: dict[str, Callable[[_Lowering, Node], Stmt]] = {
    "expression_statement": _Lowering.expression_statement,
    "return_statement": _Lowering.return_statement,
    "raise_statement": _Lowering.raise_statement,
    "delete_statement": _Lowering.delete_statement,
    "assert_statement": _Lowering.assert_statement,
    "pass_statement": _Lowering.jump,
    "break_statement": _Lowering.jump,
    "continue_statement": _Lowering.jump,
    "global_statement": _Lowering.declare,
    "nonlocal_statement": _Lowering.declare,
    "print_statement": _Lowering.print_statement,
    "exec_statement": _Lowering.print_statement,
    "if_statement": _Lowering.if_statement,
    "while_statement": _Lowering.while_statement,
    "for_statement": _Lowering.for_statement,
    "with_statement": _Lowering.with_statement,
    "try_statement": _Lowering.try_statement,
    "match_statement": _Lowering.match_statement,
    "decorated_definition": _Lowering.decorated,
    "function_definition": _Lowering.function_definition,
    "class_definition": _Lowering.class_definition,
    "import_statement": _Lowering.import_statement,
    "import_from_statement": _Lowering.import_from,
    "future_import_statement": _Lowering.import_from,
}
