"""What the flow analysis knows of a value: where hostile parts come from, how they were cleaned, and what is certain.

A value carries *taints*: one for each origin that may reach it, with the contexts it has been cleaned for (a bit a
rule), the constant text known to stand before it, and the steps it took. A value without taints is either *harmless*
(a constant, a number, something the program chose) or simply unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bluecode_lint.analyzers.ir import Class, Function

MAX_TAINTS = 6
"""Origins a value remembers; sources are kept before parameters, parameters before unknowns."""
MAX_PREFIX = 400
"""Characters of constant text remembered before a hostile part."""
GAP = "\0"
"""Stands in a prefix for text the program chose but the analysis cannot read."""

# What happened to a taint on its way (bits of `Taint.shape`).
BUILT = 1
"""It became part of a larger text."""
HTML = 2
"""That text has a markup tag in it."""
SQL = 4
"""That text starts like a statement of SQL."""
WEAK = 8
"""It went through a call whose body is not known."""
NORMALIZED = 16
"""It is a path without ``..`` and symbolic links."""
QUOTED = 32
"""It stands between quotes of the text around it."""
FORMAT = 64
"""It is the format string of ``format`` or ``%``."""
PART = 128
"""It is only a part of what came in (a slice, an attribute): a check of it does not check the whole."""
HOST = 256
"""It is the host of a URL."""
SUFFIX = 512
"""It is the extension of a file name."""
JOINED = 1024
"""It was joined to a directory."""
GIVEN = 4096
"""It came whole from whoever made the instance whose attribute it is."""
NAMED = 16384
"""It went through a function that is taken for a sanitizer because of its name."""
FIRST = 8192
"""It is a command without a shell: if it turns out to be a list, only its first word matters."""


class Kind(IntEnum):
    """Where hostile data comes from, most hostile first."""

    REMOTE = 0
    """Sent by a client: request data, a message."""
    LOCAL = 1
    """Given by whoever starts the program: arguments, environment, standard input."""
    ANSWER = 2
    """Answered by another server."""
    STORED = 3
    """Read back from a file or a database, where somebody may have put it."""
    MODEL = 4
    """Written by a language model."""
    PARAM = 5
    """A parameter of a function whose callers are not all known."""
    SECRET = 6
    """Sensitive rather than hostile: a password, a key, a health record."""
    ERROR = 7
    """An exception's text or a traceback."""
    UNKNOWN = 8
    """Not constant, and nothing more is known."""


DOUBT = 2048
"""It reached a sink in a place where only certain hostility makes it a defect."""


def is_doubtful(kind: Kind) -> bool:
    """Tell whether it is not certain that anybody hostile decides on data of a kind."""
    return kind in (Kind.STORED, Kind.PARAM, Kind.UNKNOWN)


@dataclass(slots=True, eq=False)
class Origin:
    """Where a taint starts. A parameter has its index and, where only a part is meant, the key of the part."""

    kind: Kind
    what: str
    start: int
    end: int
    param: int = -1
    key: Any = None
    parent: Origin | None = None
    parts: dict[Any, Origin] = field(default_factory=dict, repr=False)

    def part(self, key: Any, label: str) -> Origin:  # noqa: ANN401  # any constant key
        """Make the origin of a part (an attribute, a constant key), to be found in `parts` from then on."""
        what = f"{self.what}{label}" if self.kind > Kind.STORED else self.what
        found = Origin(self.kind, what, self.start, self.end, self.param, key, self)
        self.parts[key] = found
        return found

    def is_from(self, other: Origin) -> bool:
        """Tell whether this is another origin or a part of it."""
        origin: Origin | None = self
        while origin is not None:
            if origin is other:
                return True
            origin = origin.parent
        return False


@dataclass(slots=True, eq=False)
class Step:
    """One step of a flow, newest first: ``before`` is the step that led to it.

    ``uri`` is empty for the file under analysis; ``region`` replaces the offsets for a step in another file.
    """

    message: str
    start: int
    end: int
    before: Step | None = None
    uri: str = ""
    region: Any = None
    length: int = 1


MAX_STEPS = 24


def step(message: str, node: Any, before: Step | None) -> Step:  # noqa: ANN401  # any node of the IR
    """Add a step at a node unless it repeats the newest one or the flow is long enough already."""
    if before is not None and (before.length >= MAX_STEPS or (before.start == node.start and before.end == node.end)):
        return before
    return Step(message, node.start, node.end, before, length=1 if before is None else before.length + 1)


@dataclass(slots=True, eq=False)
class Taint:
    """One origin's reach into a value. ``cleared`` has a bit for each context it can no longer do harm in."""

    origin: Origin
    cleared: int
    shape: int
    prefix: str
    steps: Step | None

    def but(self, *, cleared: int = 0, shape: int = 0, prefix: str | None = None, steps: Step | None = None) -> Taint:
        """Copy with more bits set and the prefix or steps replaced."""
        return Taint(
            self.origin,
            self.cleared | cleared,
            self.shape | shape,
            self.prefix if prefix is None else prefix,
            self.steps if steps is None else steps,
        )


class Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


WHOLE_ONLY = 1
"""The bit of a fact that says nothing of the parts: a check whose body is not known was made on the whole."""

MISSING = Missing()
"""No constant is known (None is a constant)."""


@dataclass(slots=True, eq=False)
class Callee:
    """A function of this file as a value: with the variables around it and the arguments given already."""

    function: Function
    closure: Mapping[str, Value] | None = None
    bound: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Value:
    """A value: taints, the constant if it is certain, its parts by constant key, and what it refers to.

    ``text`` is what is known of a text that is not wholly constant, with `GAP` for each unknown piece.
    ``items`` are the parts of a container or the attributes of an instance; ``length`` is set where all positions of a
    list are known. ``kind`` names the sort of object it is (a resolved path such as ``argparse.ArgumentParser()``).
    """

    taints: tuple[Taint, ...] = ()
    const: Any = MISSING
    items: dict[Any, Value] | None = None
    length: int = -1
    kind: str = ""
    ref: Callee | Class | None = None
    harmless: bool = False
    text: str = ""

    def with_taints(self, taints: tuple[Taint, ...]) -> Value:
        """Copy with other taints; what was certain of the text no longer is."""
        return Value(
            taints, MISSING, self.items, self.length, self.kind, self.ref, self.harmless and not taints, self.text
        )


UNKNOWN = Value()
HARMLESS = Value(harmless=True)


def constant(value: Any) -> Value:  # noqa: ANN401  # any constant
    """Make the value of a constant."""
    return Value(const=value, harmless=True)


def union_taints(groups: Iterable[tuple[Taint, ...]]) -> tuple[Taint, ...]:
    """Unite taints, one for each origin: cleared only where all agree, shaped where any is."""
    merged: dict[int, Taint] = {}
    for group in groups:
        for taint in group:
            known = merged.get(id(taint.origin))
            if known is None:
                merged[id(taint.origin)] = taint
            elif known is not taint:
                prefix = known.prefix if len(known.prefix) <= len(taint.prefix) else taint.prefix
                shape = (known.shape | taint.shape) & ~_ALL_OF | (known.shape & taint.shape & _ALL_OF)
                steps = known.steps if known.shape & BUILT or not taint.shape & BUILT else taint.steps
                merged[id(taint.origin)] = Taint(known.origin, known.cleared & taint.cleared, shape, prefix, steps)
    found = tuple(merged.values())
    if len(found) > MAX_TAINTS:
        found = tuple(sorted(found, key=lambda t: (t.origin.kind, t.origin.start))[:MAX_TAINTS])
    return found


_ALL_OF = NORMALIZED | WEAK | PART | HOST | SUFFIX | QUOTED
"""Shapes that hold of a union only if they hold of every part of it."""


def all_taints(value: Value, depth: int = 0) -> tuple[Taint, ...]:
    """Collect the taints of a value and of its parts, three levels deep."""
    if not value.items or depth > 2:  # noqa: PLR2004  # nesting that real arguments have
        return value.taints
    return union_taints([value.taints, *(all_taints(v, depth + 1) for v in value.items.values())])


def is_harmless(value: Value, depth: int = 0) -> bool:
    """Tell whether a value and all its parts were chosen by the program."""
    if value.taints or depth > 2:  # noqa: PLR2004  # nesting that real arguments have
        return False
    if value.items:
        return all(is_harmless(v, depth + 1) for v in value.items.values())
    return value.harmless


def join(left: Value, right: Value, depth: int = 0) -> Value:
    """Unite what two paths know of a value."""
    if left is right:
        return left
    if left.taints is right.taints or not (left.taints or right.taints):
        taints = left.taints
    else:
        taints = union_taints((left.taints, right.taints))
    const = MISSING
    if left.const is not MISSING and type(left.const) is type(right.const) and left.const == right.const:
        const = left.const
    items: dict[Any, Value] | None = None
    if depth < 3 and (left.items or right.items):  # noqa: PLR2004  # nesting that is followed
        items = dict(left.items or {})
        for key, value in (right.items or {}).items():
            items[key] = join(items[key], value, depth + 1) if key in items else value
    return Value(
        taints,
        const,
        items,
        left.length if left.length == right.length else -1,
        left.kind if left.kind == right.kind or not right.kind else "" if left.kind else right.kind,
        left.ref if left.ref is right.ref else left.ref or right.ref,
        left.harmless and right.harmless,
        left.text if left.text == right.text else "",
    )


class State:
    """The variables at one point of a function, and the checks that every path to it has passed.

    ``facts`` maps an origin to the contexts it was checked for. ``alive`` is false after ``return``, ``raise`` and the
    like.
    """

    __slots__ = ("alive", "facts", "variables")

    def __init__(self, variables: dict[str, Value], facts: dict[Origin, int]) -> None:
        """Take over both dictionaries."""
        self.variables = variables
        self.facts = facts
        self.alive = True

    def copy(self) -> State:
        """Fork for a branch."""
        state = State(dict(self.variables), dict(self.facts))
        state.alive = self.alive
        return state

    def become(self, other: State) -> None:
        """Take over another state."""
        self.variables, self.facts, self.alive = other.variables, other.facts, other.alive


def merge_states(states: list[State]) -> State:
    """Join the states of branches that met; dead ones do not count."""
    alive = [s for s in states if s.alive]
    if not alive:
        dead = states[0]
        dead.alive = False
        return dead
    if len(alive) == 1:
        return alive[0]
    result = alive[0]
    for other in alive[1:]:
        result = _merge_two(result, other)
    return result


def _merge_two(left: State, right: State) -> State:
    facts = {o: m & right.facts[o] for o, m in left.facts.items() if o in right.facts and m & right.facts[o]}
    variables: dict[str, Value] = {}
    mine, theirs = left.variables, right.variables
    for name, value in mine.items():
        other = theirs.get(name)
        if other is value:
            variables[name] = value
        elif other is None:
            variables[name] = baked(value, left.facts)
        else:
            variables[name] = join(baked(value, left.facts), baked(other, right.facts))
    for name, value in theirs.items():
        if name not in mine:
            variables[name] = baked(value, right.facts)
    return State(variables, facts)


def checked(origin: Origin, facts: Mapping[Origin, int]) -> int:
    """Give the contexts an origin, or what it is a part of, was checked for."""
    mask = facts.get(origin, 0)
    current = origin.parent
    while current is not None:
        whole = facts.get(current, 0)
        if not whole & WHOLE_ONLY:
            mask |= whole
        current = current.parent
    return mask


def baked(value: Value, facts: Mapping[Origin, int]) -> Value:
    """Write the checks a path has passed into a value that leaves the path."""
    if not facts or not value.taints:
        return value
    masks = [checked(t.origin, facts) for t in value.taints]
    if not any(masks):
        return value
    return Value(
        tuple(t.but(cleared=m) if m else t for t, m in zip(value.taints, masks, strict=True)),
        value.const,
        value.items,
        value.length,
        value.kind,
        value.ref,
        value.harmless,
        value.text,
    )
