"""What one attempt knows: which input is hostile, what was read, and what was seen to happen.

There is one `STAGE` a process. It is set up in the forked child before the code under test runs, so nothing of it
survives from one attempt to the next.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import Any, NamedTuple

_CHECKER = re.compile(
    r"valid|check|verif|sanit|safe|escape|quote|clean|allow|permit|guard|secure|whitelist|filter|strip|encode|purify"
    r"|^(?:is|has|can|must|assert|ensure|require|match|fullmatch)(?:_|[A-Z]|$)",
    re.IGNORECASE,
)
"""Names of functions that decide about a value or make it harmless."""

_STRUCTURED = frozenset({"argument", "JSON field", "JSON", "request body"})
"""Doors through which more than text can come."""

MAX_EVENTS = 400
MAX_TEXT = 40_000


class Point(NamedTuple):
    """A place where data enters: which door, and the name under which it is asked for."""

    door: str
    key: str

    @property
    def words(self) -> str:
        """Say it for people, such as ``query parameter "host"``."""
        return f'{self.door} "{self.key}"' if self.key else self.door


class Event(NamedTuple):
    """One thing the code under test did at a sink.

    ``lines`` are the line numbers of the module under test on the stack, innermost first.
    """

    kind: str
    what: str
    text: str
    args: tuple[str, ...]
    lines: tuple[int, ...]


@dataclass
class Stage:
    """The inputs, choices and observations of one attempt."""

    canary: str = "canary"
    filename: str = ""
    target: Point | None = None
    hostile: str | bytes = ""
    values: dict[Point, Any] = field(default_factory=dict)
    polarity: bool = True
    flips: frozenset[str] = frozenset()
    scratch: str = ""
    plain: str = ""
    """What every point but the target gives if nothing else is known; empty means a marker of its own."""
    reads: dict[Point, str] = field(default_factory=dict)
    asked: int = 0
    trick: str = ""
    """The name of the payload of this attack; empty in a control."""
    alarm: float = 1.5
    """After how many seconds of processor time the attempt is interrupted where it is."""
    seed: int = 0
    """The generator state an attacker knows; 0 for an unknown one."""
    seeded: bool = False
    failing: bool = False
    """Whether the next call of a service fails."""
    has_environment: bool = False
    """Whether environment variables are inputs: where a command line is."""
    framework: str = ""
    """The web framework that is being driven, if any."""
    template_roots: tuple[str, ...] = ()
    outline: Any = None
    """The `Outline` of the module under test."""
    watching: bool = False
    """Off while our own machinery works."""
    traced: bool = True
    """Whether ``visited`` is kept."""
    visited: set[int] = field(default_factory=set)
    """Lines of the module under test that ran."""
    events: list[Event] = field(default_factory=list)
    guards: list[tuple[int, str]] = field(default_factory=list)
    """Unresolved functions that were given hostile data and whose answer decided a branch."""
    laundered: list[tuple[int, str]] = field(default_factory=list)
    """Unresolved values made of hostile data that were used as text: what became of the data is unknown."""
    decisions: dict[str, bool] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    """Packages that are not installed and have no stand-in."""
    unresolved: set[str] = field(default_factory=set)
    """Names the module uses and nobody defines."""
    written: bool = False
    """Whether anything on the disk was opened for writing or changed."""

    def value_of(self, point: Point) -> Any:  # noqa: ANN401  # an input may be text, bytes or a number
        """Give what ``point`` delivers in this attempt and remember that it was asked for."""
        if point == self.target:
            value: Any = self.hostile
            if isinstance(value, dict) and point.door not in _STRUCTURED:
                value = str(value)
        elif point in self.values:
            value = self.values[point]
        elif self.plain:
            value = self.plain
        elif point in self.reads:
            return self.reads[point]
        else:
            index = self.asked
            self.asked += 1
            value = f"{self.canary}{chr(97 + index // 26 % 26)}{chr(97 + index % 26)}"
        self.reads.setdefault(point, value if isinstance(value, str) else repr(value)[:200])
        return value

    def is_hot(self, value: object, depth: int = 2) -> bool:
        """Tell whether hostile data shows in a value (looking a little into containers)."""
        if isinstance(value, str):
            return self.canary in value or getattr(value, "w_hot", False) is True
        if isinstance(value, (bytes, bytearray)):
            return self.canary.encode() in value
        if depth and isinstance(value, dict):
            return any(self.is_hot(item, depth - 1) for item in value.values())
        if depth and isinstance(value, (list, tuple, set)):
            return any(self.is_hot(item, depth - 1) for item in list(value)[:20])
        return False

    def decide(self, name: str, *, hot: bool = False) -> bool:
        """Answer a yes-or-no question put to an unresolved name; asked again, it answers the same."""
        if hot:
            self.suspect(name)
        answer = self.polarity ^ (name in self.flips)
        self.decisions[name] = answer
        return answer

    def suspect(self, name: str) -> None:
        """Note that an unresolved function of a telling name got hostile data: it may be what stops the attack."""
        called = re.sub(r"(?:\(\)|\[\])", "", name).rsplit(".", 1)[-1]
        if _CHECKER.search(called):
            self.guards.append((len(self.events), called))

    def launder(self, name: str) -> None:
        """Note that an unresolved value made of hostile data was used as text."""
        self.laundered.append((len(self.events), name))

    def see(self, kind: str, what: str, text: object, args: tuple[object, ...] = ()) -> None:
        """Record that a sink was reached, with the lines of the module under test that led there."""
        if len(self.events) >= MAX_EVENTS:
            return
        self.events.append(
            Event(kind, what, as_text(text)[:MAX_TEXT], tuple(as_text(a)[:MAX_TEXT] for a in args), self.lines())
        )

    def lines(self) -> tuple[int, ...]:
        """Give the line numbers of the module under test on the stack, innermost first."""
        found: list[int] = []
        frame = sys._getframe(1)  # noqa: SLF001  # the documented way to walk one's own stack
        walk: Any = frame
        while walk is not None and len(found) < 12:  # noqa: PLR2004  # deeper frames say nothing new
            if walk.f_code.co_filename == self.filename:
                found.append(walk.f_lineno)
            walk = walk.f_back
        return tuple(found)


STAGE = Stage()


def as_text(value: object) -> str:
    """Render a value that reached a sink, without trusting its methods more than needed."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("latin-1")
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001  # any class under test may break its own __str__
        return f"<{type(value).__name__}: {type(error).__name__}>"


def see(kind: str, what: str, text: object, args: tuple[object, ...] = ()) -> None:
    """Record an event on the current stage."""
    STAGE.see(kind, what, text, args)


def begin(stage: Stage) -> None:
    """Make ``stage`` the current one, in place: other modules hold a reference to the singleton."""
    for name in Stage.__dataclass_fields__:
        setattr(STAGE, name, getattr(stage, name))


_SEEN = ("events", "guards", "laundered", "decisions", "notes", "missing", "unresolved", "visited", "has_environment")


def resume(stage: Stage) -> None:
    """Make ``stage`` the current one, but keep what has been seen: the module was loaded on another one in part."""
    kept = {name: getattr(STAGE, name) for name in _SEEN}
    begin(stage)
    for name, value in kept.items():
        setattr(STAGE, name, value)
