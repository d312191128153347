"""Predictable secrets (CWE-330, 335, 337, 338): with the generator's state known, the same secret comes out twice."""
# ruff: noqa: ANN401, TID252  # wrapped generators take anything; relative: it is loaded under two names

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from ..driver.stage import STAGE, as_text, see
from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event, Stage

_GENERATORS = (
    "random",
    "randint",
    "randrange",
    "choice",
    "choices",
    "sample",
    "shuffle",
    "getrandbits",
    "uniform",
    "randbytes",
)


_STRONG = ("token_hex", "token_urlsafe", "token_bytes", "randbelow", "choice", "randbits")


class PredictableSecret(Family):
    """Attacks start from the same state of `random` and the same time; the system's own randomness stays random."""

    name = "predictable secret"
    cwes = frozenset({330, 335, 337, 338, 340})
    kinds = frozenset({"random", "returned", "response"})
    needs_input = False
    answers_candidates = False
    warm = False
    payloads = (Payload("seed", "the state of the random module and the time are known"),)

    def watch(self) -> None:
        """Show the use of `random`, and take its state from the stage."""
        for name in _GENERATORS:
            setattr(random, name, _watched(getattr(random, name), name))
        uuid.uuid1 = _watched(uuid.uuid1, "uuid1")
        for module, names in ((secrets, _STRONG), (os, ("urandom",)), (uuid, ("uuid4",))):
            for name in names:
                setattr(module, name, _shown(getattr(module, name), name))
        random.SystemRandom = secrets.SystemRandom = _SystemRandom  # type: ignore[misc]

    def prepare(self, stage: Stage) -> None:
        """Fix the state that an attacker can learn or guess."""
        stage.seed = 20_250_101

    def is_sink(self, event: Event) -> bool:
        """Take uses of the predictable generators."""
        return event.kind == "random"

    def withstands(self, look: Look) -> bool:
        """Take it to hold only if nothing predictable was drawn: a value that stays inside is no less predictable."""
        return not any(event.text for event in look.events)

    def effect(self, look: Look) -> str:
        """See whether what came out of the entry is what the known state predicts."""
        if look.payload is None:
            return ""
        first, second = _produced(look.observed.events), _produced(look.control.events)
        if (
            look.events
            and look.calm
            and first
            and first == PREDICTED.setdefault(look.observed.words, first)
            and first != second
        ):
            return "the same value came out of two runs that started from the same generator state"
        return ""


PREDICTED: dict[str, list[str]] = {}
"""What the first attack on an entry produced; the later ones must produce the same."""


def _produced(events: list[Event]) -> list[str]:
    return [e.text for e in events if e.kind in {"returned", "response", "set_cookie", "store", "sql", "printed"}]


def _watched(real: Any, name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        if STAGE.seed and not STAGE.seeded:
            STAGE.seeded = True
            random.seed(STAGE.seed)
            time.time = lambda: 1_735_689_600.0
            time.time_ns = lambda: 1_735_689_600_000_000_000
        result = real(*args, **options)
        see("random", name, as_text(result)[:100])
        return result

    return call


def _shown(real: Any, name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        result = real(*args, **options)
        see("random", name, "")
        return result

    return call


class _SystemRandom(random.SystemRandom):
    """The system's randomness, which shows that it is used."""

    def getrandbits(self, k: int) -> int:
        see("random", "SystemRandom", "")
        return super().getrandbits(k)

    def random(self) -> float:
        see("random", "SystemRandom", "")
        return super().random()


FAMILY = PredictableSecret()
