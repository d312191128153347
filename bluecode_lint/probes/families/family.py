"""What a family of attacks has to say: what to send, where it takes effect, and how the effect is told from calm."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..driver.attempt import Observation
    from ..driver.stage import Event, Point, Stage


TEXT_DOORS = frozenset(
    {
        "query parameter",
        "form field",
        "header",
        "cookie",
        "path parameter",
        "command-line argument",
        "command-line option",
        "JSON field",
        "query string",
        "request path",
        "environment variable",
    }
)


@dataclass(frozen=True)
class Payload:
    """A hostile value. In ``shown``, ``CANARY`` stands for the random word of an attempt, ``SCRATCH`` for its folder.

    ``build`` makes values that are not text; it gets canary and scratch folder.
    """

    name: str
    shown: str
    build: Callable[[str, str], str | bytes] | None = None
    calm: Callable[[str], str | bytes] | None = None
    """A harmless value in the same form, from the canary; None where any word will do."""

    def render(self, canary: str, scratch: str) -> str | bytes:
        """Give the value to send in one attempt."""
        if self.build is not None:
            return self.build(canary, scratch)
        return self.shown.replace("CANARY", canary).replace("SCRATCH", scratch)


@dataclass(frozen=True)
class Look:
    """What an oracle looks at: a harmless control and an attack, each with its events at the finding's sink."""

    control: Observation
    calm: list[Event]
    observed: Observation
    events: list[Event]
    payload: Payload | None
    """None where the control itself is looked at, in which nothing must be found."""


class Family:
    """The defaults of a family; each module in this folder has one instance, ``FAMILY``."""

    name = ""
    cwes: frozenset[int] = frozenset()
    payloads: tuple[Payload, ...] = ()
    kinds: frozenset[str] = frozenset()
    """Kinds of events that are this family's sinks."""
    needs_input = True
    """Whether the weakness is controlled by an input; otherwise each payload is a trick on the surroundings."""
    answers_candidates = True
    """Whether the effect makes a defect of a bare suspicion; not where purpose decides, which no execution shows."""
    forms = False
    """Whether a payload that has a form of its own is compared with a control in that form."""
    whole: Payload | None = None
    """What to send instead where any word already has the effect, because the input is all that the sink gets; its
    ``calm`` form is then the control, and names the canary without the effect."""
    anywhere = False
    """Whether the answer counts wherever the finding stands, because only the attack leads there."""
    alarm = 1.5
    """After how many seconds of processor time an attempt is interrupted where it is, and the place shown."""
    traced = True
    """Whether lines are traced, which costs time the family may want to measure."""

    warm = True
    """Whether attempts may share what the module's imports left; not where it may hold what an attack has to fix."""

    samples: tuple[str | bytes, ...] = ()
    """Harmless values in the forms that such sinks read, for reaching one."""

    def harmless(self, canary: str, like: Payload | None = None) -> str | bytes:
        """Give the benign control value, in the form of a payload if one is named."""
        return like.calm(canary) if like is not None and like.calm is not None else canary

    def fits(self, payload: Payload, point: Point) -> bool:
        """Tell whether a payload can come in at a point: bytes do not come through doors that carry text."""
        return payload.build is None or point.door not in TEXT_DOORS or not isinstance(payload.render("q", "/s"), bytes)

    def prepare(self, stage: Stage) -> None:
        """Adjust the stage of an attack or control before it runs."""

    def watch(self) -> None:
        """Install what this family alone needs to watch, before the forks."""

    def learn(self, look: Look) -> None:
        """Take what a control shows into account for the payloads that follow."""

    def is_sink(self, event: Event) -> bool:
        """Tell whether an event is one of this family's sinks."""
        return event.kind in self.kinds

    def withstands(self, look: Look) -> bool:  # noqa: ARG002  # a default
        """Tell whether an attack without effect shows that the code holds, where no input is needed."""
        return True

    def effect(self, look: Look) -> str:
        """Say what the attack did, or nothing if it had no effect; the text must be the same in every run."""
        raise NotImplementedError
