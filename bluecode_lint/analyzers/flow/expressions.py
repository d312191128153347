"""Evaluate expressions: constants are folded, parts of containers kept apart, texts built piece by piece."""

from __future__ import annotations

import re
import string
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.frame import Frame, raw, shorten
from bluecode_lint.analyzers.flow.values import (
    BUILT,
    FORMAT,
    GIVEN,
    HARMLESS,
    HOST,
    JOINED,
    MISSING,
    PART,
    SUFFIX,
    UNKNOWN,
    Callee,
    Kind,
    Taint,
    Value,
    all_taints,
    baked,
    constant,
    is_harmless,
    join,
    union_taints,
)
from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Collection,
    Compare,
    Comprehension,
    Conditional,
    Const,
    Dict,
    Expr,
    Formatted,
    FString,
    Lambda,
    Name,
    Operation,
    Slice,
    Starred,
    Subscript,
    Suspend,
    Unknown,
    Walrus,
    dotted,
    fold,
    last_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_ITEMS = 64
"""Positions or keys of a container that are kept apart; a longer one is one lump."""
_FIELD = re.compile(r"%(?:\((?P<key>[^)]*)\))?[-#0 +]*(?:\*|\d+)?(?:\.(?:\*|\d+))?[hlL]?(?P<type>[diouxXeEfFgGcrsa%])")
_NUMERIC_FORMATS = frozenset("diouxXeEfFgG")
_HOST_NAMES = frozenset({"hostname", "netloc", "host", "domain", "authority"})
_SUFFIX_NAMES = frozenset({"suffix", "suffixes", "ext", "extension"})


class Expressions(Frame):
    """The part of the interpreter that evaluates expressions."""

    @abstractmethod
    def call(self, call: Call) -> Value:
        """Evaluate a call."""

    def value(self, expr: Expr) -> Value:
        """Evaluate an expression."""
        return _EVALUATE[type(expr)](self, expr)

    def const(self, expr: Const) -> Value:
        """Evaluate a literal."""
        return Value((), expr.value, None, -1, "", None, True)  # noqa: FBT003  # positional: this is the hottest line

    def optional(self, expr: Expr | None) -> Value:
        """Evaluate an expression that may be absent."""
        return HARMLESS if expr is None else self.value(expr)

    # --- names and parts ---------------------------------------------------------------------------------------------

    def name(self, expr: Name) -> Value:
        """Evaluate a name: a variable, else a global, else what the program imports or defines."""
        found = self.state.variables.get(expr.id)
        if found is not None:
            return found
        found = self.program.global_value(expr.id)
        if found is not None:
            return found
        return self.free_name(expr)

    def free_name(self, expr: Name) -> Value:
        """Evaluate a name no statement has bound yet."""
        home = self.scope.lookup(expr.id)
        if home is not None:
            function = home.functions.get(expr.id)
            if function is not None:
                return Value(ref=Callee(function), harmless=True)
            definition = home.classes.get(expr.id)
            if definition is not None:
                return Value(ref=definition, harmless=True)
        path = self.path(expr)
        if expr.id in self.knowledge.path_names or path.rpartition(".")[2] in self.knowledge.path_names:
            source = self.knowledge.paths.get(path)
            if source is not None:
                return self.source(expr, source.kind, source.what)
        if self.is_configuration(expr):
            return HARMLESS
        return Value(kind=path)

    def attribute(self, expr: Attribute) -> Value:
        """Evaluate ``value.name``."""
        name = expr.name
        if isinstance(expr.value, (Name, Attribute)):
            found = self.state.variables.get(dotted(expr))
            if found is not None:
                return found
        source = self.attribute_source(expr)
        if source is not None:
            return source
        base = self.value(expr.value)
        if base.items is not None and ("." + name) in base.items:
            return base.items["." + name]
        given: tuple[Taint, ...] = ()
        if self.is_own(expr.value) and self.owner is not None:
            found = self.program.attribute_value(self.owner, name)
            if found is not None and not any(t.shape & GIVEN for t in found.taints):
                return found
            given = found.taints if found is not None else ()
        if base.taints:  # a caller that made the instance knows more of it
            part = self.part_of(base, "." + name, name)
            return part.with_taints(union_taints((part.taints, given))) if given else part
        if self.is_configuration(expr) or (base.harmless and base.ref is None):
            return HARMLESS
        return Value(kind=f"{base.kind}.{name}" if base.kind else "")

    def attribute_source(self, expr: Attribute) -> Value | None:
        """Evaluate an attribute that hostile data comes in by."""
        name, knowledge = expr.name, self.knowledge
        if name in knowledge.path_names:
            own = self.is_own(expr.value) and self.is_in_handler_class()
            source = knowledge.paths.get(f"self.{name}" if own else self.path(expr))
            if source is not None:
                return self.source(expr, source.kind, source.what)
        if name in knowledge.requests.attributes and self.is_request(expr.value):
            found = self.source(expr, Kind.REMOTE, f"the request's {name}")
            if name in knowledge.requests.own:  # who sends a visitor to where they are sends them nowhere
                mask = knowledge.bits.get("open-redirect", 0) | knowledge.bits.get("server-side-request-forgery", 0)
                return found.with_taints(tuple(t.but(cleared=mask) for t in found.taints))
            return found
        if name in knowledge.attribute_sources and not self.is_own(expr.value):
            source = knowledge.attribute_sources[name]
            if source.matcher.receivers is None or source.matcher.receivers.search(dotted(expr.value)):
                return self.source(expr, source.kind, source.what)
        return None

    def is_in_handler_class(self) -> bool:
        """Tell whether the method's class is one that a framework calls with requests."""
        bases = self.knowledge.handlers.bases
        return self.owner is not None and any(bases.search(last_name(b)) for b in self.owner.bases)

    def is_own(self, expr: Expr) -> bool:
        """Tell whether an expression is the instance or class a method belongs to."""
        return isinstance(expr, Name) and expr.id in ("self", "cls")

    def part_of(self, base: Value, key: str, name: str) -> Value:
        """Evaluate an attribute of a hostile value."""
        if name in _HOST_NAMES or name in _SUFFIX_NAMES or name in ("scheme", "port"):
            shape = PART | (HOST if name in _HOST_NAMES else SUFFIX if name in _SUFFIX_NAMES else 0)
            return Value(tuple(t.but(shape=shape) for t in base.taints))
        return Value(self.part(base.taints, key, key))

    def subscript(self, expr: Subscript) -> Value:
        """Evaluate ``value[index]``; a hostile key of a harmless table picks a harmless entry."""
        base = self.value(expr.value)
        if isinstance(expr.index, Slice):
            return self.slice(base, expr.index)
        index = self.value(expr.index)
        key = index.const
        if key is not MISSING:
            if (
                isinstance(base.const, (str, bytes))
                and isinstance(key, int)
                and -len(base.const) <= key < len(base.const)
            ):
                return constant(base.const[key])
            found = self.item(base, key)
            if found is not None:
                return found
        if base.items:
            parts = list(base.items.values())
            joined = parts[0]
            for other in parts[1:]:
                joined = join(joined, other)
            return Value(
                union_taints((joined.taints, base.taints)), harmless=joined.harmless and not base.taints, ref=joined.ref
            )
        if base.taints:
            if key is MISSING or isinstance(key, int):
                return Value(self.part(base.taints, 0 if key is MISSING else key, ""))
            return Value(self.part(base.taints, key, f"[{key!r}]"))
        if base.harmless or self.is_configuration(expr.value):
            return HARMLESS
        return UNKNOWN

    def item(self, base: Value, key: Any) -> Value | None:  # noqa: ANN401  # any constant
        """Look up a constant key or position; None if the container does not know it."""
        if base.items is None:
            return None
        if base.length >= 0 and isinstance(key, int) and key < 0:
            key += base.length
        try:
            return base.items.get(key)
        except TypeError:
            return None

    def slice(self, base: Value, bounds: Slice) -> Value:
        """Evaluate a slice: constant texts and lists are cut, a hostile text is only a part afterwards."""
        limits = [self.optional(b).const if b is not None else None for b in (bounds.lower, bounds.upper, bounds.step)]
        if (
            MISSING not in limits
            and all(x is None or (isinstance(x, int) and x != 0) or x == 0 for x in limits[:2])
            and limits[2] != 0
        ):
            if isinstance(base.const, (str, bytes)) and all(x is None or isinstance(x, int) for x in limits):
                return constant(base.const[slice(*limits)])
            if base.items is not None and base.length >= 0 and all(x is None or isinstance(x, int) for x in limits):
                kept = [base.items[i] for i in range(base.length)[slice(*limits)] if i in base.items]
                return Value(base.taints, items=dict(enumerate(kept)), length=len(kept), harmless=base.harmless)
        taints = all_taints(base)
        if not taints:
            return HARMLESS if is_harmless(base) else UNKNOWN
        return Value(tuple(t.but(shape=PART) for t in taints))

    def element(self, base: Value) -> Value:
        """Give what iterating over a value yields."""
        if base.items is not None and base.length >= 0:
            parts = list(base.items.values())
            if parts:
                joined = parts[0]
                for other in parts[1:]:
                    joined = join(joined, other)
                return joined if not base.taints else Value(union_taints((joined.taints, base.taints)))
            return Value(base.taints, harmless=not base.taints)
        if base.items:
            return Value(base.taints, harmless=not base.taints)
        if base.taints:
            return Value(self.part(base.taints, 0, "")) if base.kind != "keys" else Value(base.taints)
        return HARMLESS if base.harmless else UNKNOWN

    # --- operators ---------------------------------------------------------------------------------------------------

    def operation(self, expr: Operation) -> Value:
        """Evaluate an operator."""
        op = expr.op
        if op in ("and", "or"):
            return self.choice(expr)
        values = [self.value(o) for o in expr.operands]
        constants = [v.const for v in values]
        if MISSING not in constants:
            folded = fold(op, constants)
            if folded is not None or op == "not":
                return constant(not constants[0] if op == "not" else folded)
        if op == "not":
            return HARMLESS
        if op == "+":
            return self.plus(expr, values)
        if op == "%" and len(values) == 2:  # noqa: PLR2004  # a template and its arguments
            return self.percent(expr, values[0], values[1])
        if op == "/":
            return self.slash(values)
        if op == "*" and any(isinstance(c, (str, bytes)) for c in constants):
            self.check_repetition(expr, values)
            return HARMLESS
        taints = union_taints(all_taints(v) for v in values)
        if taints:
            return Value(taints)
        return HARMLESS if all(v.harmless for v in values) else Value(kind="number" if op in "-*//**<<>>&^~" else "")

    def check_repetition(self, expr: Operation, values: list[Value]) -> None:
        """Record that a client decides how often a text is repeated."""
        known = self.knowledge.calls.get("<repeat>")
        for sink in known.sinks if known is not None else ():
            for taint in union_taints(v.taints for v in values):
                if taint.origin.kind is Kind.REMOTE:
                    self.hit(sink, taint, expr)

    def choice(self, expr: Operation) -> Value:
        """Evaluate ``and``/``or``: later operands only under what the earlier ones imply."""
        saved = self.state
        self.state = saved.copy()
        result: Value | None = None
        for operand in expr.operands:
            value = self.value(operand)
            sure = value.const is not MISSING
            if sure and expr.op == "or" and not value.const:
                continue
            if sure and expr.op == "and" and value.const:
                result = None if operand is not expr.operands[-1] else value
                continue
            value = baked(value, self.state.facts)
            result = value if result is None else join(result, value)
            if sure:
                break
            self.narrow(operand, expr.op == "and")
        for name, value in self.state.variables.items():
            if saved.variables.get(name) is not value:
                saved.variables[name] = value
        self.state = saved
        return result if result is not None else HARMLESS

    def plus(self, expr: Expr, values: Sequence[Value]) -> Value:
        """Evaluate ``+``: lists keep their positions, everything else is a text or a number."""
        if all(v.items is not None and v.length >= 0 for v in values):
            parts = [v.items[i] for v in values for i in range(v.length) if v.items and i in v.items]
            return Value(union_taints(v.taints for v in values), items=dict(enumerate(parts)), length=len(parts))
        if any(v.items for v in values):
            return Value(union_taints(all_taints(v) for v in values))
        operands = expr.operands if isinstance(expr, Operation) else (expr,) * len(values)
        return self.concatenate(list(zip(values, operands, strict=True)), expr, "It is joined to other text")

    def slash(self, values: list[Value]) -> Value:
        """Evaluate ``/``: a path is joined, or a number divided."""
        taints = union_taints(all_taints(v) for v in values)
        if not taints:
            return HARMLESS if all(v.harmless for v in values) else UNKNOWN
        last = values[0]
        if taints and not all_taints(last):
            return Value(
                tuple(t.but(shape=JOINED | BUILT, prefix=(last.text or "\0") + "/" + t.prefix) for t in taints)
            )
        return Value(tuple(t.but(shape=JOINED | BUILT) for t in taints))

    def percent(self, expr: Operation, template: Value, arguments: Value) -> Value:
        """Evaluate ``template % arguments`` (or a remainder)."""
        text = template.const if isinstance(template.const, (str, bytes)) else template.text
        if isinstance(text, bytes):
            text = text.decode("latin-1")
        right = expr.operands[1]
        if not text:
            taints = tuple(t.but(shape=FORMAT) for t in template.taints)
            rest = all_taints(arguments)
            if not taints and not rest:
                return HARMLESS if template.harmless and arguments.harmless else Value(kind="number")
            return Value(union_taints((taints, tuple(t.but(shape=BUILT) for t in rest))))
        pieces: list[tuple[Value, Expr]] = []
        position, field_index = 0, 0
        for match in _FIELD.finditer(text):
            pieces.append((constant(text[position : match.start()]), expr))
            position = match.end()
            if match["type"] == "%":
                pieces.append((constant("%"), expr))
                continue
            argument, node = self.percent_argument(arguments, right, match["key"], field_index)
            field_index += 1
            pieces.append(
                (self.formatted_value(argument, match["type"] in _NUMERIC_FORMATS, match["type"] in "ra"), node)
            )
        pieces.append((constant(text[position:]), expr))
        made = self.concatenate(pieces, expr, "It is put into a text")
        if template.taints:
            return Value(
                union_taints((made.taints, tuple(t.but(shape=BUILT) for t in template.taints))), text=made.text
            )
        return made

    def percent_argument(self, arguments: Value, node: Expr, key: str | None, index: int) -> tuple[Value, Expr]:
        """Find the argument of a ``%`` field."""
        if key is not None:
            found = self.item(arguments, key)
            if found is not None:
                return found, node
            return Value(all_taints(arguments), harmless=is_harmless(arguments)), node
        if isinstance(node, Collection) and node.kind == "tuple":
            if index < len(node.items):
                found = self.item(arguments, index)
                return found if found is not None else raw(arguments), node.items[index]
            return HARMLESS, node
        if arguments.items is not None and arguments.length >= 0 and index in arguments.items:
            return arguments.items[index], node
        return (arguments if not arguments.items else raw(arguments)), node

    def formatted_value(self, value: Value, numeric: bool, quoted: bool) -> Value:  # noqa: FBT001  # two kinds of field
        """Apply what a field's type does to its value: ``%d`` takes numbers only, ``%r`` escapes line ends."""
        if numeric:
            return HARMLESS
        if quoted and value.taints:
            bits = self.knowledge.bits
            mask = bits.get("log-injection", 0) | bits.get("header-injection", 0) | bits.get("mail-header-injection", 0)
            return value.with_taints(tuple(t.but(cleared=mask) for t in value.taints))
        return value

    def format_call(self, call: Call, template: Value, values: list[Value], keywords: dict[str, Value]) -> Value:
        """Evaluate ``template.format(...)``."""
        text = template.const if isinstance(template.const, str) else template.text
        everything = union_taints(all_taints(v) for v in (*values, *keywords.values()))
        if not text:
            taints = union_taints(
                (tuple(t.but(shape=FORMAT) for t in template.taints), tuple(t.but(shape=BUILT) for t in everything))
            )
            if taints:
                return Value(taints)
            return (
                HARMLESS
                if template.harmless and all(is_harmless(v) for v in (*values, *keywords.values()))
                else UNKNOWN
            )
        pieces: list[tuple[Value, Expr]] = []
        automatic = 0
        try:
            fields = list(string.Formatter().parse(text))
        except ValueError:
            return Value(tuple(t.but(shape=BUILT) for t in everything))
        for literal, field, spec, conversion in fields:
            pieces.append((constant(literal), call))
            if field is None:
                continue
            head = re.split(r"[.\[]", field, maxsplit=1)[0]
            if not head:
                head, automatic = str(automatic), automatic + 1
            value, node = self.format_argument(call, head, values, keywords, everything)
            numeric = spec is not None and spec[-1:] in tuple("dxXobeEfFgGn")
            pieces.append((self.formatted_value(value, numeric, conversion in ("r", "a")), node))
        made = self.concatenate(pieces, call, "It is put into a text")
        if template.taints:
            return Value(union_taints((made.taints, template.taints)), text=made.text)
        return made

    def format_argument(
        self, call: Call, head: str, values: list[Value], keywords: dict[str, Value], everything: tuple[Taint, ...]
    ) -> tuple[Value, Expr]:
        """Find the argument of a ``{}`` field."""
        if head.isdigit():
            index = int(head)
            if index < len(call.args) and not any(isinstance(a, Starred) for a in call.args[: index + 1]):
                return values[index], call.args[index]
        elif head in keywords:
            node = call.keyword(head)
            return keywords[head], node if node is not None else call
        spread = [v for v in (*values, *keywords.values()) if v.items]
        for value in spread:
            found = self.item(value, int(head) if head.isdigit() else head)
            if found is not None:
                return found, call
        return Value(everything), call

    # --- displays ----------------------------------------------------------------------------------------------------

    def collection(self, expr: Collection) -> Value:
        """Evaluate a list, tuple or set."""
        values = [self.value(i) for i in expr.items]
        if len(values) > MAX_ITEMS or expr.kind == "set" or any(isinstance(i, Starred) for i in expr.items):
            taints = union_taints(all_taints(v) for v in values)
            return Value(taints, kind=expr.kind, harmless=not taints and all(is_harmless(v) for v in values))
        items = dict(enumerate(values))
        return Value(
            items=items, length=len(values), kind=expr.kind, harmless=all(v.harmless and not v.taints for v in values)
        )

    def dict(self, expr: Dict) -> Value:
        """Evaluate a dictionary display."""
        items: dict[Any, Value] = {}
        loose: list[tuple[Taint, ...]] = []
        harmless = True
        for key_expr, value_expr in expr.pairs:
            value = self.value(value_expr)
            harmless = harmless and is_harmless(value)
            key = self.value(key_expr) if key_expr is not None else UNKNOWN
            if key_expr is None and value.items is not None:
                items.update(value.items)
                loose.append(value.taints)
            elif key.const is not MISSING and len(items) < MAX_ITEMS and _hashable(key.const):
                items[key.const] = value
            else:
                loose.append(all_taints(value))
                loose.append(key.taints)
        return Value(union_taints(loose), items=items, kind="dict", harmless=harmless and not any(loose))

    def comprehension(self, expr: Comprehension) -> Value:
        """Evaluate a comprehension once, under its conditions."""
        saved = self.state
        self.state = saved.copy()
        for clause in expr.clauses:
            self.assign(clause.target, self.element(self.value(clause.iterable)))
            for condition in clause.conditions:
                self.value(condition)
                self.narrow(condition, truth=True)
        values = [baked(self.value(e), self.state.facts) for e in expr.elements]
        self.state = saved
        taints = union_taints(all_taints(v) for v in values)
        kind = "list" if expr.kind in ("list", "generator") else expr.kind
        text = values[-1].text if values else ""
        return Value(taints, kind=kind, harmless=not taints and all(is_harmless(v) for v in values), text=text)

    def fstring(self, expr: FString) -> Value:
        """Evaluate a formatted string."""
        pieces: list[tuple[Value, Expr]] = []
        for part in expr.parts:
            if isinstance(part, Formatted):
                numeric = bool(part.spec) and part.spec[-1] in "dxXobeEfFgGn" and "{" not in part.spec
                value = self.formatted_value(self.value(part.value), numeric, part.conversion in ("r", "a"))
                pieces.append((value, part.value))
            else:
                pieces.append((self.value(part), part))
        return self.concatenate(pieces, expr, "It is put into a text")

    def formatted(self, expr: Formatted) -> Value:
        """Evaluate a lone field (only in broken code)."""
        return self.value(expr.value)

    # --- the rest ----------------------------------------------------------------------------------------------------

    def compare(self, expr: Compare) -> Value:
        """Evaluate a comparison: certain only between constants."""
        values = [self.value(o) for o in expr.operands]
        if len(values) == 2:  # noqa: PLR2004  # one comparison
            sure = compare_constants(expr.ops[0], values[0], values[1])
            if sure is not None:
                return constant(sure)
        return HARMLESS

    def conditional(self, expr: Conditional) -> Value:
        """Evaluate ``then if test else otherwise``, each side under what the test says."""
        test = self.value(expr.test)
        if test.const is not MISSING:
            return self.value(expr.then if test.const else expr.otherwise)
        saved, sides = self.state, []
        for side, truth in ((expr.then, True), (expr.otherwise, False)):
            self.state = saved.copy()
            self.narrow(expr.test, truth)
            sides.append(baked(self.value(side), self.state.facts))
        self.state = saved
        return join(sides[0], sides[1])

    def suspend(self, expr: Suspend) -> Value:
        """Evaluate ``await`` and ``yield``; what is yielded is part of what the function gives back."""
        value = self.optional(expr.value)
        if expr.kind == "await":
            return value
        self.returned = value if self.returned is None else join(self.returned, value)
        return UNKNOWN

    def walrus(self, expr: Walrus) -> Value:
        """Evaluate ``(target := value)``."""
        value = self.value(expr.value)
        self.assign(expr.target, value)
        return value

    def lambda_(self, expr: Lambda) -> Value:
        """Evaluate a lambda to a callee that sees the variables of here."""
        return Value(ref=Callee(expr.function, self.state.variables), harmless=True)

    def starred(self, expr: Starred) -> Value:
        """Evaluate ``*value`` to the value."""
        return self.value(expr.value)

    def bare_slice(self, expr: Slice) -> Value:
        """Evaluate a slice outside a simple subscript."""
        for bound in (expr.lower, expr.upper, expr.step):
            self.optional(bound)
        return HARMLESS

    def unknown(self, expr: Unknown) -> Value:
        """Evaluate what is inside broken code."""
        return Value(union_taints(all_taints(self.value(p)) for p in expr.parts))


def compare_constants(op: str, left: Value, right: Value) -> bool | None:  # noqa: C901  # one line an operator
    """Compare two constants as Python would; None if the outcome is not certain."""
    a, b = left.const, right.const
    if op in ("in", "not in") and a is not MISSING and right.items is not None and right.length >= 0:
        members = [v.const for v in right.items.values()]
        if a in members:
            return op == "in"
        return None if MISSING in members else op == "not in"
    if a is MISSING or b is MISSING:
        return None
    try:
        if op in ("==", "is"):
            return bool(a == b)
        if op in ("!=", "is not", "<>"):
            return bool(a != b)
        if op == "<":
            return bool(a < b)
        if op == "<=":
            return bool(a <= b)
        if op == ">":
            return bool(a > b)
        if op == ">=":
            return bool(a >= b)
        if op == "in":
            return bool(a in b)
        if op == "not in":
            return bool(a not in b)
    except TypeError:
        return None
    return None


def _hashable(key: object) -> bool:
    return isinstance(key, (str, bytes, int, float, bool, type(None)))


_EVALUATE: dict[type[Expr], Callable[[Any, Any], Value]] = {
    Const: Expressions.const,
    Name: Expressions.name,
    Attribute: Expressions.attribute,
    Subscript: Expressions.subscript,
    Slice: Expressions.bare_slice,
    Call: lambda frame, expr: frame.call(expr),
    Operation: Expressions.operation,
    Compare: Expressions.compare,
    Conditional: Expressions.conditional,
    Collection: Expressions.collection,
    Dict: Expressions.dict,
    Comprehension: Expressions.comprehension,
    FString: Expressions.fstring,
    Formatted: Expressions.formatted,
    Starred: Expressions.starred,
    Suspend: Expressions.suspend,
    Walrus: Expressions.walrus,
    Lambda: Expressions.lambda_,
    Unknown: Expressions.unknown,
}

__all__ = ["MAX_ITEMS", "Expressions", "compare_constants", "shorten"]
