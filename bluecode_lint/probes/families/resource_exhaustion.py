"""Resource exhaustion (CWE-400, 770, 789, 834): a number of the client's decides how much is used."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import builtins
import itertools
import os
import secrets
import time
from typing import Any

from ..driver.stage import STAGE, see
from .family import Family, Look, Payload

_HUGE = 2_000_000_000
"""More rounds, bytes or seconds than any server gives away."""
_CALM = 137
"""A harmless number that nobody writes by chance."""


def _number(name: str, make: Any) -> Payload:
    return Payload(name, f"{_HUGE:,} as {name}", lambda _c, _s: make(_HUGE), lambda _c: make(_CALM))


class ResourceExhaustion(Family):
    """The sizes that loops, buffers and pauses are asked for are shown before they are granted."""

    name = "resource exhaustion"
    cwes = frozenset({400, 770, 789, 834})
    kinds = frozenset({"sized"})
    forms = True
    payloads = (_number("text", str), _number("number", int))
    samples = (str(_CALM),)

    def harmless(self, canary: str, like: Payload | None = None) -> str | bytes:
        """Give a small number, in the form of a payload."""
        return super().harmless(canary, like or self.payloads[0])

    def fits(self, payload: Payload, point: Any) -> bool:
        """Send numbers that are no text through arguments and documents alone."""
        return payload.name == "text" or point.door in {"argument", "JSON field", "request body"}

    def watch(self) -> None:
        """Show the sizes asked for by the module under test, and grant none that is huge."""
        builtins.range = _shown(range, "a loop")  # type: ignore[misc,assignment]
        builtins.bytearray = _shown(bytearray, "a buffer")  # type: ignore[misc,assignment]
        for owner, name, what in (
            (os, "urandom", "a buffer"),
            (secrets, "token_bytes", "a buffer"),
            (secrets, "token_hex", "a buffer"),
            (time, "sleep", "a pause"),
            (itertools, "repeat", "a loop"),
        ):
            setattr(owner, name, _shown_call(getattr(owner, name), what))

    def effect(self, look: Look) -> str:
        """See whether the whole amount was asked for."""
        if look.payload is None:
            return ""
        asked = next((e for e in look.events if e.text == str(_HUGE)), None)
        return f"{asked.what} of {_HUGE:,} was asked for, and nothing had limited it" if asked is not None else ""


class RefusedAmountError(MemoryError):
    """The amount was shown; granting it would only use the sandbox's limits up."""


def _show(what: str, args: tuple[Any, ...]) -> None:
    sizes = [a for a in args if isinstance(a, (int, float)) and not isinstance(a, bool)]
    if sizes and STAGE.lines():
        largest = max(sizes)
        see("sized", what, str(int(largest)))
        if largest >= _HUGE:
            raise RefusedAmountError


def _shown_call(real: Any, what: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        _show(what, (*args, *options.values()))
        return real(*args, **options)

    return call


def _shown(real: type, what: str) -> type:
    """Stand in for a built-in type: calls are shown, and instances are still its own."""

    class _Type(type):
        def __call__(cls, *args: Any, **options: Any) -> Any:
            _show(what, args)
            return real(*args, **options)

        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, real)

        def __getattr__(cls, name: str) -> Any:
            return getattr(real, name)

    return _Type(real.__name__, (), {})


FAMILY = ResourceExhaustion()
