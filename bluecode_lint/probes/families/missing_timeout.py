"""Missing timeout (CWE-400, 1088): a request that nobody answers is waited for without end."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_CALLS = re.compile(r"^(?:requests|session|requests\.Session\(\))\.(?:get|post|put|patch|delete|head|options|request)$")


class MissingTimeout(Family):
    """Calls of the client that waits for ever by default are looked at."""

    name = "missing timeout"
    cwes = frozenset({1088})
    kinds = frozenset({"call"})
    needs_input = False
    payloads = (Payload("look", "nothing is sent: the call's arguments are what counts"),)

    def is_sink(self, event: Event) -> bool:
        """Take requests of the ``requests`` package."""
        return event.kind == "call" and bool(_CALLS.match(event.what))

    def effect(self, look: Look) -> str:
        """See whether a request went out without a timeout."""
        if look.payload is None:
            return ""
        for event in look.events:
            given = [a for a in event.args if a.startswith("timeout=")]
            if not given or given[0] == "timeout=None":
                return f"{event.what} was called without a timeout"
        return ""


FAMILY = MissingTimeout()
