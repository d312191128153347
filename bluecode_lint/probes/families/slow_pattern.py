"""Regular expression denial of service (CWE-1333): a short text keeps a pattern busy."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import re
from typing import Any

from ..driver.stage import STAGE, see
from .family import Family, Look, Payload

_UNITS = ("a", "0", " ", "a@", "a.", "a-", "<", "A", "_", "\t", "a ", "(", "/", "=", "a,", "aA0")


def _exponential(unit: str) -> Payload:
    return Payload(f"short {unit!r}", f"{unit!r} 40 times, then '!'", lambda c, _s: unit * 40 + "!" + c)


def _polynomial(unit: str) -> Payload:
    return Payload(f"long {unit!r}", f"{unit!r} 30,000 times, then '!'", lambda c, _s: unit * 30_000 + "!" + c)


class SlowPattern(Family):
    """An attempt is interrupted after a second; where it was then is what counts."""

    name = "slow regular expression"
    cwes = frozenset({1333})
    kinds = frozenset({"slow", "regex"})
    traced = False
    alarm = 1.0
    payloads = (*map(_exponential, _UNITS), *map(_polynomial, _UNITS[:6]))

    def watch(self) -> None:
        """Show which texts are matched, so that it is known that the place was reached."""
        for name in _MATCHERS:
            setattr(re, name, _watched(getattr(re, name), name))
        re.compile = _compile

    def effect(self, look: Look) -> str:
        """See whether the attempt was still at the place after a second, which the control was not."""
        if look.payload is None:
            return ""
        if any(e.kind == "slow" for e in look.events) and look.control.seconds < self.alarm / 2:
            return f"matching {look.payload.shown} had not ended after {self.alarm:g} second"
        return ""


_MATCHERS = ("match", "search", "fullmatch", "findall", "finditer", "sub", "subn", "split")
_real_compile = re.compile


def _watched(real: Any, name: str) -> Any:
    def call(pattern: Any, *args: Any, **options: Any) -> Any:
        for text in args[-2:]:
            see("regex", name, text if isinstance(text, str) else "")
        return real(getattr(pattern, "_real", pattern), *args, **options)

    return call


class _Pattern:
    """A compiled pattern that shows what it is used on."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in _MATCHERS:
            return found

        def call(*args: Any, **options: Any) -> Any:
            for text in args[:2]:
                see("regex", name, text if isinstance(text, str) else "")
            return found(*args, **options)

        return call


def _compile(pattern: Any, flags: Any = 0) -> Any:
    if isinstance(pattern, _Pattern):
        return pattern
    made = _real_compile(pattern, flags)
    return _Pattern(made) if STAGE.lines() else made


FAMILY = SlowPattern()
