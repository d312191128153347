"""A Python module as plain slotted objects, lowered once from its tree and shaped like `ast`, but tolerant of errors.

Every analysis that looks at code reads this instead of the tree: node access through the binding is slow, and the two
generations of the grammar differ. Positions are byte offsets into the UTF-8 source; `Module.region` converts one when a
report needs it. Chains (``a + b + c``, ``a and b``, ``if``/``elif``) are flat, so that long ones cost no recursion.

How to iterate cheaply::

    module = lower(artifact.uri, artifact.syntax)          # ir_lowering
    for call in module.calls:
        if module.path(call.function, call.scope) == "yaml.load": ...

`Module.path` resolves names through imports, aliases, annotations and single assignments: after
``from os import system as s``, the path of ``s`` is ``os.system``; after ``cur = sqlite3.connect(f).cursor()``, that of
``cur.execute`` is ``sqlite3.connect().cursor().execute``. A name bound nowhere is its own path, so that a fragment
without its imports still reads ``os.system``. What cannot be known has the path ``""``.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

type_ = type
Constant = str | bytes | int | float | complex | bool | None
_MAX_RESOLUTION = 12
"""Steps of aliasing that `Module.path` and `Module.constant` follow; deeper is unknown."""


# --- expressions -----------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Expr:
    """An expression. ``start`` and ``end`` are byte offsets, the end exclusive."""

    start: int
    end: int


@dataclass(slots=True, eq=False)
class Const(Expr):
    """A literal: its decoded value (implicitly joined strings are one)."""

    value: Constant


@dataclass(slots=True, eq=False)
class Name(Expr):
    """A name read or bound."""

    id: str


@dataclass(slots=True, eq=False)
class Attribute(Expr):
    """``value.name``."""

    value: Expr
    name: str


@dataclass(slots=True, eq=False)
class Subscript(Expr):
    """``value[index]``; several indices are one tuple, a slice is a `Slice`."""

    value: Expr
    index: Expr


@dataclass(slots=True, eq=False)
class Slice(Expr):
    """``lower:upper:step`` inside a subscript."""

    lower: Expr | None
    upper: Expr | None
    step: Expr | None


@dataclass(slots=True, eq=False)
class Call(Expr):
    """A call. ``keywords`` holds (name, value), the name None for ``**value``; ``*value`` is a `Starred` in ``args``.

    Python 2's ``print x`` and ``exec x`` are calls too. ``scope`` is the scope the call stands in.
    """

    function: Expr
    args: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    scope: Scope = field(repr=False)

    def keyword(self, name: str) -> Expr | None:
        """Give the value of a keyword argument, None if it is absent."""
        for key, value in self.keywords:
            if key == name:
                return value
        return None

    def argument(self, position: int, name: str = "") -> Expr | None:
        """Give an argument by position or, failing that, by keyword; None if absent or hidden behind ``*args``."""
        if 0 <= position < len(self.args) and not any(isinstance(a, Starred) for a in self.args[: position + 1]):
            return self.args[position]
        return self.keyword(name) if name else None


@dataclass(slots=True, eq=False)
class Operation(Expr):
    """An operator and its operands: a flat left-to-right chain of one operator, ``and``/``or``, or one operand."""

    op: str
    operands: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Compare(Expr):
    """``operands[0] ops[0] operands[1] ops[1] ...``; ``not in`` and ``is not`` are one operator."""

    ops: tuple[str, ...]
    operands: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Conditional(Expr):
    """``then if test else otherwise``."""

    test: Expr
    then: Expr
    otherwise: Expr


@dataclass(slots=True, eq=False)
class Collection(Expr):
    """A list, tuple or set display; ``kind`` says which."""

    kind: str
    items: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Dict(Expr):
    """A dictionary display of (key, value), with the key None for ``**value``."""

    pairs: tuple[tuple[Expr | None, Expr], ...]


@dataclass(slots=True, eq=False)
class Clause:
    """One ``for target in iterable if condition...`` of a comprehension."""

    target: Expr
    iterable: Expr
    conditions: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Comprehension(Expr):
    """A comprehension: ``kind`` is list, set, dict or generator; a dict has two elements."""

    kind: str
    elements: tuple[Expr, ...]
    clauses: tuple[Clause, ...]


@dataclass(slots=True, eq=False)
class FString(Expr):
    """A formatted string: `Const` texts and `Formatted` values in order."""

    parts: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Formatted(Expr):
    """``{value!conversion:spec}`` of a formatted string."""

    value: Expr
    conversion: str
    spec: str


@dataclass(slots=True, eq=False)
class Starred(Expr):
    """``*value`` (or ``**value``, two stars)."""

    value: Expr
    stars: int


@dataclass(slots=True, eq=False)
class Suspend(Expr):
    """``await``, ``yield`` or ``yield from`` (``kind``) of a value."""

    kind: str
    value: Expr | None


@dataclass(slots=True, eq=False)
class Walrus(Expr):
    """``(target := value)``."""

    target: Expr
    value: Expr


@dataclass(slots=True, eq=False)
class Lambda(Expr):
    """A lambda; its function's body is one `Return`."""

    function: Function


@dataclass(slots=True, eq=False)
class Unknown(Expr):
    """What the grammar could not make sense of, with the expressions found inside."""

    parts: tuple[Expr, ...]


# --- statements ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Stmt:
    """A statement. ``start`` and ``end`` are byte offsets, the end exclusive."""

    start: int
    end: int


Body = tuple[Stmt, ...]


@dataclass(slots=True, eq=False)
class ExprStmt(Stmt):
    """An expression evaluated for its effect."""

    value: Expr


@dataclass(slots=True, eq=False)
class Assign(Stmt):
    """``a = b = value`` or ``a: annotation = value``; an annotation alone has no value."""

    targets: tuple[Expr, ...]
    value: Expr | None
    annotation: Expr | None
    scope: Scope = field(repr=False)


@dataclass(slots=True, eq=False)
class AugAssign(Stmt):
    """``target op= value``; ``op`` is without the equals sign."""

    target: Expr
    op: str
    value: Expr


@dataclass(slots=True, eq=False)
class Return(Stmt):
    """``return value``."""

    value: Expr | None


@dataclass(slots=True, eq=False)
class Raise(Stmt):
    """``raise value from cause``."""

    value: Expr | None
    cause: Expr | None


@dataclass(slots=True, eq=False)
class Delete(Stmt):
    """``del targets``."""

    targets: tuple[Expr, ...]


@dataclass(slots=True, eq=False)
class Assert(Stmt):
    """``assert test, message``."""

    test: Expr
    message: Expr | None


@dataclass(slots=True, eq=False)
class Jump(Stmt):
    """``pass``, ``break`` or ``continue``."""

    kind: str


@dataclass(slots=True, eq=False)
class Declare(Stmt):
    """``global`` or ``nonlocal`` names."""

    kind: str
    names: tuple[str, ...]


@dataclass(slots=True, eq=False)
class If(Stmt):
    """``if``/``elif`` branches as (test, body), and the ``else`` body."""

    branches: tuple[tuple[Expr, Body], ...]
    orelse: Body


@dataclass(slots=True, eq=False)
class While(Stmt):
    """A while loop."""

    test: Expr
    body: Body
    orelse: Body


@dataclass(slots=True, eq=False)
class For(Stmt):
    """A for loop, async or not."""

    target: Expr
    iterable: Expr
    body: Body
    orelse: Body


@dataclass(slots=True, eq=False)
class With(Stmt):
    """A with block: (context, target) pairs."""

    items: tuple[tuple[Expr, Expr | None], ...]
    body: Body


@dataclass(slots=True, eq=False)
class Handler:
    """An ``except type as name`` clause."""

    start: int
    end: int
    type: Expr | None
    name: str
    body: Body


@dataclass(slots=True, eq=False)
class Try(Stmt):
    """A try statement."""

    body: Body
    handlers: tuple[Handler, ...]
    orelse: Body
    final: Body


@dataclass(slots=True, eq=False)
class Case:
    """A ``case``: the literals it accepts (None if it accepts more than literals), the names it binds, its guard."""

    literals: tuple[Expr, ...] | None
    captures: tuple[str, ...]
    guard: Expr | None
    body: Body


@dataclass(slots=True, eq=False)
class Match(Stmt):
    """A match statement."""

    subject: Expr
    cases: tuple[Case, ...]


@dataclass(slots=True, eq=False)
class Import(Stmt):
    """Imports as (local name, dotted path); a star import has the local name ``*``. Relative ones are made absolute."""

    names: tuple[tuple[str, str], ...]
    scope: Scope = field(repr=False)


@dataclass(slots=True, eq=False)
class Param:
    """A parameter: ``kind`` is ``""``, ``*`` or ``**``."""

    name: str
    kind: str
    default: Expr | None
    annotation: Expr | None
    start: int
    end: int


@dataclass(slots=True, eq=False)
class Function(Stmt):
    """A function or lambda (named ``<lambda>``). ``scope`` is its own; ``owner`` is the class it is a method of.

    ``called`` are the last names of what it calls, nested functions included: a cheap first filter.
    """

    name: str
    params: tuple[Param, ...]
    body: Body
    decorators: tuple[Expr, ...]
    returns: Expr | None
    is_async: bool
    scope: Scope = field(repr=False)
    owner: Class | None = field(repr=False)
    name_start: int
    qualname: str
    called: frozenset[str] = frozenset()
    is_generator: bool = False


@dataclass(slots=True, eq=False)
class Class(Stmt):
    """A class. ``attributes`` are the values its methods assign to ``self.name``, each with its scope."""

    name: str
    bases: tuple[Expr, ...]
    keywords: tuple[tuple[str | None, Expr], ...]
    body: Body
    decorators: tuple[Expr, ...]
    scope: Scope = field(repr=False)
    name_start: int
    qualname: str
    attributes: dict[str, list[tuple[Expr, Scope]]] = field(default_factory=dict)

    @property
    def methods(self) -> dict[str, Function]:
        """Give the functions defined directly in the class, the last of each name."""
        return self.scope.functions


@dataclass(slots=True, eq=False)
class Scope:
    """A namespace. ``bindings`` maps a name to every value given to it, None where the value has no expression."""

    kind: str
    parent: Scope | None = field(repr=False)
    owner: Function | Class | None = field(default=None, repr=False)
    imports: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, list[Expr | None]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    """What `Module.path` has resolved already."""

    def lookup(self, name: str) -> Scope | None:
        """Find the scope that binds a name as Python would: class scopes are seen only from inside themselves."""
        scope: Scope | None = self
        while scope is not None:
            if (scope.kind != "class" or scope is self) and scope.binds(name):
                return scope
            scope = scope.parent
        return None

    def binds(self, name: str) -> bool:
        """Tell whether this very scope gives the name a value."""
        return name in self.bindings or name in self.imports or name in self.functions or name in self.classes

    @property
    def function(self) -> Function | None:
        """Give the function whose scope this is, None for a module or class."""
        return self.owner if isinstance(self.owner, Function) else None


# --- the module ------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class Module:
    """A lowered file. The flat lists are in source order."""

    uri: str
    name: str
    source: bytes
    body: Body
    scope: Scope = field(repr=False)
    calls: list[Call]
    functions: list[Function]
    classes: list[Class]
    assignments: list[Assign]
    imports: list[Import]
    errors: list[int]
    """Offsets of syntax errors the parser recovered from."""
    cut: list[int]
    """Offsets of expressions nested too deeply to be lowered: what is inside was not looked at."""
    _line_starts: list[int] = field(default_factory=list)
    _ascii: bool = True

    def __post_init__(self) -> None:
        """Index the lines (LF, CRLF or CR end one)."""
        source = self.source
        self._ascii = source.isascii()
        starts, position = [0], 0
        for line in source.splitlines(keepends=True):
            position += len(line)
            starts.append(position)
        self._line_starts = starts

    def position(self, offset: int) -> tuple[int, int]:
        """Convert a byte offset to (line, column), both from 1, the column in code points."""
        row = bisect_right(self._line_starts, offset) - 1
        if row == len(self._line_starts) - 1 and row > 0 and not self._after_line_end(offset):
            row -= 1
        start = self._line_starts[row]
        if self._ascii:
            return row + 1, offset - start + 1
        return row + 1, len(self.source[start:offset].decode("utf-8", errors="replace")) + 1

    def _after_line_end(self, offset: int) -> bool:
        return offset > 0 and self.source[offset - 1 : offset] in (b"\n", b"\r")

    def region(self, node: Expr | Stmt | Param | Handler) -> Region:
        """Give the region of a node."""
        return Region(*self.position(node.start), *self.position(node.end))

    def text(self, node: Expr | Stmt | Param) -> str:
        """Give the source text of a node."""
        return self.source[node.start : node.end].decode("utf-8", errors="replace")

    def line_of(self, node: Expr | Stmt | Param) -> int:
        """Give the line a node starts on, from 1."""
        return self.position(node.start)[0]

    def path(self, expr: Expr, scope: Scope, depth: int = 0) -> str:
        """Resolve an expression to a dotted path (see the module's docstring); ``""`` if it has none.

        A call adds ``()`` and a subscript ``[]``: ``flask.request.args[]``, ``sqlite3.connect().cursor``. What is
        defined in this module is prefixed with its name: ``package.module.function``.
        """
        if depth > _MAX_RESOLUTION:
            return ""
        kind = type_(expr)
        if kind is Name:
            return self._path_of_name(expr.id, scope, depth)  # type: ignore[attr-defined]
        if kind is Attribute:
            return self._path_of_attribute(expr, scope, depth)  # type: ignore[arg-type]
        if isinstance(expr, Call):
            function = self.path(expr.function, scope, depth + 1)
            return function + "()" if function else ""
        if isinstance(expr, Subscript):
            value = self.path(expr.value, scope, depth + 1)
            return value + "[]" if value else ""
        if isinstance(expr, (Suspend, Walrus)) and expr.value is not None:
            return self.path(expr.value, scope, depth + 1)
        if isinstance(expr, Conditional):
            return self._common_path((expr.then, expr.otherwise), scope, depth)
        if isinstance(expr, Operation) and expr.op in ("or", "and"):
            return self._common_path(expr.operands, scope, depth)
        return ""

    def _common_path(self, exprs: tuple[Expr, ...], scope: Scope, depth: int) -> str:
        paths = {self.path(e, scope, depth + 1) for e in exprs if not (isinstance(e, Const) and e.value is None)}
        return paths.pop() if len(paths) == 1 else ""

    def _path_of_name(self, name: str, scope: Scope, depth: int) -> str:
        home = scope.lookup(name)
        if home is None:
            return name
        known = home.paths.get(name)
        if known is not None:
            return known
        home.paths[name] = ""  # a name defined through itself has no path
        home.paths[name] = found = self._path_of_binding(name, home, depth)
        return found

    def _path_of_binding(self, name: str, home: Scope, depth: int) -> str:
        bound = home.bindings.get(name)
        if bound is None:
            if name in home.imports:
                return home.imports[name]
            definition = home.functions.get(name) or home.classes.get(name)
            return f"{self.name}.{definition.qualname}" if definition else ""
        if name in home.imports:
            # `try: import x / except ImportError: x = None` still means x
            return home.imports[name] if all(isinstance(b, Const) for b in bound) else ""
        function = home.function
        if function is not None:
            for param in function.params:
                if param.name == name:
                    return self._path_of_annotation(param.annotation, home, depth) if len(bound) == 1 else ""
        values = [b for b in bound if not (isinstance(b, Const) and b.value is None)]
        if not values or any(v is None for v in values):
            return ""
        return self._common_path(tuple(v for v in values if v is not None), home, depth)

    def _path_of_annotation(self, annotation: Expr | None, scope: Scope, depth: int) -> str:
        """Read ``X``, ``"X"``, ``Optional[X]``, ``X | None`` and ``Annotated[X, ...]`` as an instance of X."""
        while isinstance(annotation, Subscript):
            outer = self.path(annotation.value, scope.parent or scope, depth + 1).rpartition(".")[2]
            if outer not in ("Optional", "Annotated"):
                return ""
            inner = annotation.index
            annotation = inner.items[0] if isinstance(inner, Collection) and inner.items else inner
        if isinstance(annotation, Operation) and annotation.op == "|":
            rest = [o for o in annotation.operands if not (isinstance(o, Const) and o.value is None)]
            annotation = rest[0] if len(rest) == 1 else None
        if isinstance(annotation, Const) and isinstance(annotation.value, str) and annotation.value.isidentifier():
            path = self._path_of_name(annotation.value, scope.parent or scope, depth + 1)
        elif annotation is None:
            path = ""
        else:
            path = self.path(annotation, scope.parent or scope, depth + 1)
        return path + "()" if path else ""

    def _path_of_attribute(self, expr: Attribute, scope: Scope, depth: int) -> str:
        value = expr.value
        if isinstance(value, Name) and value.id in ("self", "cls"):
            owner = self.class_of(scope)
            found = owner.attributes.get(expr.name) if owner else None
            if found:
                paths = {self.path(e, s, depth + 1) for e, s in found if not (isinstance(e, Const) and e.value is None)}
                return paths.pop() if len(paths) == 1 else ""
        path = self.path(value, scope, depth + 1)
        return f"{path}.{expr.name}" if path else ""

    def class_of(self, scope: Scope) -> Class | None:
        """Give the class whose method a scope is in, nested functions included."""
        current: Scope | None = scope
        while current is not None:
            if isinstance(current.owner, Function) and current.owner.owner is not None:
                return current.owner.owner
            current = current.parent
        return None

    def constant(self, expr: Expr, scope: Scope, depth: int = 0) -> Const | None:
        """Fold an expression to a constant: literals, names bound once to one, ``+`` and ``%`` of texts and numbers.

        The answer's position is the expression's own. None if it is not constant.
        """
        if isinstance(expr, Const):
            return expr
        if depth > _MAX_RESOLUTION:
            return None
        if isinstance(expr, Name):
            home = scope.lookup(expr.id)
            bound = home.bindings.get(expr.id) if home is not None else None
            if home is None or bound is None or len(bound) != 1 or bound[0] is None:
                return None
            found = self.constant(bound[0], home, depth + 1)
            return Const(expr.start, expr.end, found.value) if found else None
        if isinstance(expr, Operation):
            operands = [self.constant(o, scope, depth + 1) for o in expr.operands]
            values = [o.value for o in operands if o is not None]
            if len(values) == len(operands) and (folded := fold(expr.op, values)) is not None:
                return Const(expr.start, expr.end, folded)
        return None


_MAX_FOLDED = 4096
"""Longest text and widest number that folding makes: a scanned ``"a" * 10**9`` must not cost memory."""


def fold(op: str, values: list[Constant]) -> Constant:
    """Apply an operator to constants as Python would; None if it cannot or would be huge."""
    if len(values) == 1:
        only = values[0]
        if op == "not":
            return not only
        if isinstance(only, (int, float)):
            return -only if op == "-" else +only if op == "+" else ~only if isinstance(only, int) else None
        return None
    result = values[0]
    for value in values[1:]:
        result = _fold_two(op, result, value)
        if result is None:
            return None
    return result


def _fold_two(op: str, left: Constant, right: Constant) -> Constant:
    if isinstance(left, str) and isinstance(right, str):
        return left + right if op == "+" and len(left) + len(right) <= _MAX_FOLDED else None
    if isinstance(left, bytes) and isinstance(right, bytes):
        return left + right if op == "+" and len(left) + len(right) <= _MAX_FOLDED else None
    if isinstance(left, (str, bytes)) and isinstance(right, int) and op == "*":
        return left * right if len(left) * max(right, 0) <= _MAX_FOLDED else None
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _fold_numbers(op, left, right)
    return None


def _fold_numbers(op: str, left: float, right: float) -> Constant:
    try:
        if op == "+":
            return left + right
        if op == "-":
            return left - right
        if op == "*":
            return left * right if max(abs(left), abs(right)) < 2**63 else None
        if op == "/":
            return left / right
        if op == "//":
            return left // right
        if op == "%":
            return left % right
        if op == "**" and 0 <= right <= 64 and abs(left) < 2**16:  # noqa: PLR2004  # bounds the size of the result
            return float(left**right) if isinstance(left**right, float) else int(left**right)
    except (ZeroDivisionError, OverflowError):
        return None
    if isinstance(left, int) and isinstance(right, int):
        return _fold_bits(op, left, right)
    return None


def _fold_bits(op: str, left: int, right: int) -> Constant:
    if op == "|":
        return left | right
    if op == "&":
        return left & right
    if op == "^":
        return left ^ right
    if op == "<<" and 0 <= right <= 64:  # noqa: PLR2004  # bounds the size of the result
        return left << right
    if op == ">>" and right >= 0:
        return left >> right
    return None


# --- walking ---------------------------------------------------------------------------------------------------------


def children(expr: Expr) -> tuple[Expr, ...]:  # noqa: C901, PLR0912  # one line a shape: a table in code
    """Give the direct sub-expressions in source order; a lambda's body is not among them."""
    match expr:
        case Const() | Name() | Lambda():
            return ()
        case Attribute(value=value) | Starred(value=value) | Formatted(value=value):
            return (value,)
        case Subscript(value=value, index=index):
            return (value, index)
        case Slice(lower=lower, upper=upper, step=step):
            return tuple(e for e in (lower, upper, step) if e is not None)
        case Call(function=function, args=args, keywords=keywords):
            return (function, *args, *(v for _, v in keywords))
        case Operation(operands=operands) | Compare(operands=operands):
            return operands
        case Conditional(test=test, then=then, otherwise=otherwise):
            return (test, then, otherwise)
        case Collection(items=items):
            return items
        case Dict(pairs=pairs):
            return tuple(e for pair in pairs for e in pair if e is not None)
        case Comprehension(elements=elements, clauses=clauses):
            return elements + tuple(e for c in clauses for e in (c.target, c.iterable, *c.conditions))
        case FString(parts=parts) | Unknown(parts=parts):
            return parts
        case Suspend(value=value):
            return () if value is None else (value,)
        case Walrus(target=target, value=value):
            return (target, value)
    return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield an expression and everything inside it, parents first, without recursion."""
    stack = [expr]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def dotted(expr: Expr) -> str:
    """Give a chain of names as written, calls as ``()`` and subscripts as ``[]``: ``self.conn.cursor().execute``.

    A chain that hangs off something without a name starts with a dot: ``.join``.
    """
    pieces: list[str] = []
    while True:
        if isinstance(expr, Attribute):
            pieces.append("." + expr.name)
            expr = expr.value
        elif isinstance(expr, Call):
            pieces.append("()")
            expr = expr.function
        elif isinstance(expr, Subscript):
            pieces.append("[]")
            expr = expr.value
        elif isinstance(expr, Name):
            pieces.append(expr.id)
            return "".join(reversed(pieces))
        else:
            return "".join(reversed(pieces))


def last_name(expr: Expr) -> str:
    """Give the rightmost name of a chain: ``execute`` of ``self.conn.cursor().execute``; ``""`` if there is none."""
    if isinstance(expr, Attribute):
        return expr.name
    return expr.id if isinstance(expr, Name) else ""


def string_value(expr: Expr | None) -> str | None:
    """Give the text of a string literal, None for anything else."""
    return expr.value if isinstance(expr, Const) and isinstance(expr.value, str) else None
