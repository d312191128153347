"""One activation of the flow analysis: a function (or module body) with its variables, and what is found in it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bluecode_lint.analyzers.flow.values import (
    BUILT,
    GAP,
    HTML,
    MAX_PREFIX,
    MISSING,
    SQL,
    UNKNOWN,
    WEAK,
    Kind,
    Origin,
    State,
    Step,
    Taint,
    Value,
    all_taints,
    checked,
    step,
    union_taints,
)
from bluecode_lint.analyzers.ir import Attribute, Call, Expr, Name, Scope, Subscript, dotted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.analyzers.flow.knowledge import Knowledge, Sink
    from bluecode_lint.analyzers.ir import Class, Function, Module
    from bluecode_lint.core.model import Confidence

QUOTES = {"'": "no-quote", '"': "no-double-quote"}
"""What a text that lacks a quote is said to be."""
MAX_CALL_DEPTH = 8
"""Calls of local functions that are followed into one another; deeper ones are taken as unknown."""


class BudgetError(Exception):
    """A module has had all the work that one module may cause."""


@dataclass(slots=True, eq=False)
class Hit:
    """A taint that reached a sink not cleared for its context.

    ``start``/``end`` (or ``region`` and ``uri``, in another file) are the sink's place.
    """

    rule: str
    what: str
    taint: Taint
    most: Confidence
    param: Confidence | None
    built: bool | None
    start: int
    end: int
    uri: str = ""
    region: Any = None
    snippet: str = ""


@dataclass(slots=True, eq=False)
class Summary:
    """What a function does with its parameters.

    ``returned`` and ``attributes`` (what it leaves in ``self``) are in terms of its parameters' origins; ``hits`` are
    the sinks those reach; ``requires`` the contexts a parameter is checked for on every normal return; ``proves`` those
    it is checked for when the answer is true.
    """

    params: tuple[str, ...]
    kinds: tuple[str, ...]
    returned: Value
    hits: list[Hit] = field(default_factory=list)
    attributes: dict[str, Value] = field(default_factory=dict)
    requires: dict[int, int] = field(default_factory=dict)
    proves: dict[int, int] = field(default_factory=dict)
    is_method: bool = False
    is_constructor: bool = False


class Program(Protocol):
    """What an activation needs of the analysis of its module."""

    module: Module
    knowledge: Knowledge
    is_script: bool
    bounds: dict[str, bool]
    configured: dict[str, bool]

    def summary(self, function: Function, depth: int) -> Summary:
        """Give the summary of a function of the module."""

    def external(self, path: str) -> Summary | None:
        """Give the summary of a function of another module."""

    def global_value(self, name: str) -> Value | None:
        """Give what the module body left in a variable."""

    def attribute_value(self, owner: Class, name: str) -> Value | None:
        """Give what a class puts into an attribute of its instances."""

    def method(self, owner: Class, name: str) -> Function | None:
        """Find a method in a class or its bases."""

    def inline(self, function: Function, frame: Frame, given: dict[str, Value], closure: Mapping[str, Value]) -> Value:
        """Run a nested function with its arguments and the variables around it."""

    def note_call(self, function: Function, arguments: Mapping[int, Value]) -> None:
        """Remember what a call passes to a function."""

    def spend(self) -> None:
        """Count a statement that is run; raise `BudgetError` when the module has had its share."""

    def note_sink(self, rule: str, node: Expr, *, harmless: bool) -> None:
        """Remember whether a sink saw only what the program chose."""

    def note_class(self, definition: Class, values: dict[str, Value]) -> None:
        """Remember the variables of a class body."""

    def entry_value(self, function: Function, name: str) -> Value:
        """Give the value of a parameter nobody in the module passes."""


class Frame(ABC):
    """State and vocabulary shared by the parts of the interpreter."""

    def __init__(self, program: Program, function: Function | None, scope: Scope, depth: int) -> None:
        """Start with no variables."""
        self.program = program
        self.module = program.module
        self.knowledge = program.knowledge
        self.function = function
        self.scope = scope
        self.depth = depth
        self.state = State({}, {})
        self.origins: dict[Any, Origin] = {}
        self.hits: dict[tuple[Any, ...], Hit] = {}
        self.returned: Value | None = None
        self.exits: list[State] = []
        self.proofs: list[dict[Origin, int]] = []
        self.is_handler = False
        self.answers_json = False
        self.checked_by_name: set[Origin] = set()
        """What only a function that is called like a check has looked at."""
        self.looked_up: set[Origin] = set()
        self.owners: set[str] = set()
        self.checks_members = False
        self.owner: Class | None = self.module.class_of(scope)

    @abstractmethod
    def value(self, expr: Expr) -> Value:
        """Evaluate an expression."""

    @abstractmethod
    def narrow(self, test: Expr, truth: bool) -> None:  # noqa: FBT001  # the truth is the point
        """Assume that a test came out as told."""

    @abstractmethod
    def assign(self, target: Expr, value: Value) -> None:
        """Bind a target."""

    # --- origins -----------------------------------------------------------------------------------------------------

    def origin(self, key: object, kind: Kind, what: str, node: Any) -> Origin:  # noqa: ANN401  # any node of the IR
        """Give the origin with a key, the same one each time it is read."""
        found = self.origins.get(key)
        if found is None:
            found = Origin(kind, what, node.start, node.end)
            self.origins[key] = found
        return found

    def source(self, expr: Expr, kind: Kind, what: str) -> Value:
        """Make the value of a source, evaluated at an expression."""
        origin = self.origin((kind, self.module.text(expr)), kind, what, expr)
        return Value((Taint(origin, 0, 0, "", step(f"{_upper(what)} comes in", expr, None)),))

    def unknown_piece(self, expr: Expr) -> Taint:
        """Make the taint of a piece of text nothing is known of."""
        what = f"'{shorten(self.module.text(expr))}'"
        origin = self.origin(("unknown", expr.start, expr.end), Kind.UNKNOWN, what, expr)
        return Taint(origin, 0, 0, "", step(f"{what} is not constant", expr, None))

    def part(self, taints: tuple[Taint, ...], key: object, label: str) -> tuple[Taint, ...]:
        """Give the taints of a part: a raw origin has an origin for each of its parts."""
        found = []
        for taint in taints:
            if taint.shape & ~WEAK or taint.prefix or len(self.origins) > 10_000:  # noqa: PLR2004  # only generated code has more
                found.append(taint)
            else:
                origin = taint.origin.parts.get(key) or taint.origin.part(key, label)
                found.append(Taint(origin, taint.cleared, taint.shape, "", taint.steps))
        return tuple(found)

    def set_variable(self, key: str, value: Value) -> None:
        """Write a variable or, under its dotted name, an attribute of one."""
        self.state.variables[key] = value
        owner, dot, _ = key.partition(".")
        if dot:
            self.owners.add(owner)

    # --- texts -------------------------------------------------------------------------------------------------------

    def concatenate(self, pieces: Sequence[tuple[Value, Expr]], whole: Expr, how: str) -> Value:
        """Build a text of pieces: each taint learns the constant text before it and the look of the whole."""
        text, shape, groups = "", BUILT, []
        all_const = True
        for value, expr in pieces:
            if value.const is not MISSING:
                text += _as_text(value.const)
                continue
            all_const = False
            taints = value.taints or all_taints(value)
            if not taints and not value.harmless and not value.items:
                taints = (self.unknown_piece(expr),)
            for taint in taints:
                shape |= taint.shape & (HTML | SQL)
            if taints:
                groups.append((text[-MAX_PREFIX:], taints))
            text += value.text or GAP
            if len(text) > 4 * MAX_PREFIX:
                text = text[: 2 * MAX_PREFIX] + text[-MAX_PREFIX:]
        if all_const:
            return Value(const=text[: 4 * MAX_PREFIX], harmless=True)
        shape |= self.look(text)
        if shape & SQL:
            self.program.note_sink("sql-injection", whole, harmless=not groups)
        made = union_taints(
            [
                tuple(
                    t.but(shape=shape, prefix=(before + t.prefix)[-MAX_PREFIX:], steps=step(how, whole, t.steps))
                    for t in taints
                )
                for before, taints in groups
            ],
        )
        return Value(made, harmless=not made, text=text)

    def look(self, text: str) -> int:
        """Tell what a text looks like: markup, a statement of SQL."""
        patterns = self.knowledge.patterns
        shape = HTML if "<" in text and _TAG.search(text) else 0
        return shape | (SQL if patterns["statements"].search(text) else 0)

    # --- sinks -------------------------------------------------------------------------------------------------------

    def hit(self, sink: Sink, taint: Taint, node: Any) -> None:  # noqa: ANN401  # any node of the IR
        """Record that a taint reaches a sink, unless it was cleaned or checked for it."""
        clean = taint.cleared | checked(taint.origin, self.state.facts)
        if clean & sink.bit or (self.knowledge.contexts[sink.rule].quotable and clean & self.closing_quote(taint)):
            return
        key = (sink.rule, node.start, node.end, id(taint.origin))
        known = self.hits.get(key)
        if known is not None and known.taint.shape & BUILT >= taint.shape & BUILT:
            return
        final = taint.but(steps=step(f"It reaches {sink.what}", node, taint.steps))
        self.hits[key] = Hit(sink.rule, sink.what, final, sink.most, sink.param, sink.built, node.start, node.end)

    def closing_quote(self, taint: Taint) -> int:
        """Give the bit that says of a text that it lacks the quote it stands between; none if it stands in the open."""
        for quote, name in QUOTES.items():
            if taint.shape & BUILT and taint.prefix.count(quote) % 2:
                return self.knowledge.bits[name]
        return 0

    # --- names -------------------------------------------------------------------------------------------------------

    def path(self, expr: Expr) -> str:
        """Resolve an expression to a dotted path."""
        return self.module.path(expr, self.scope)

    def is_request(self, expr: Expr) -> bool:
        """Tell whether an expression is a web request, by its path or its name."""
        requests = self.knowledge.requests
        if isinstance(expr, Name):
            name = expr.id
        elif isinstance(expr, Attribute):
            name = expr.name
        elif isinstance(expr, Call) and not expr.args:
            name = dotted(expr.function).rpartition(".")[2]
        else:
            return False
        path = self.path(expr)
        if path in requests.objects:
            return True
        return name in requests.names and (not path or path.rpartition(".")[2] == name) and path not in requests.trusted

    def is_configuration(self, expr: Expr) -> bool:
        """Tell whether a name is one that programs give to what an operator or a developer chose."""
        name = dotted(expr.value if isinstance(expr, Subscript) else expr)
        known = self.program.configured.get(name)
        if known is None:
            known = bool(name) and self.knowledge.patterns["configuration"].search(name) is not None
            self.program.configured[name] = known
        return known

    def matches(self, pattern: str, name: str) -> re.Match[str] | None:
        """Search one of the name patterns."""
        return self.knowledge.patterns[pattern].search(name)


def shorten(text: str, limit: int = 60) -> str:
    """Put a source text on one short line, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _as_text(constant: Any) -> str:  # noqa: ANN401  # any constant
    if isinstance(constant, bytes):
        return constant[:MAX_PREFIX].decode("latin-1")
    return str(constant) if not isinstance(constant, str) else constant


_TAG = re.compile(
    r"</?(?:a|abbr|article|b|body|br|button|center|code|div|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img"
    r"|input|label|li|link|main|meta|nav|object|ol|option|p|pre|script|section|select|small|span|strong|style|sub|sup|svg"
    r"|table|tbody|td|textarea|th|thead|title|tr|tt|u|ul|video)(?=[\s>/]|$)",
    re.IGNORECASE,
)
"""A tag of HTML: ``<Foo at 0x1>`` of a ``__repr__`` is none."""


def raw(value: Value) -> Value:
    """Forget the text and constant of a value, keep where it comes from."""
    return Value(value.taints or all_taints(value), harmless=value.harmless) if value.taints or value.items else UNKNOWN


__all__ = ["BudgetError", "Frame", "Hit", "Program", "Step", "Summary", "raw", "shorten"]
