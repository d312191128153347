"""Exposure through errors (CWE-209): what an exception says, or its traceback, comes back in the answer."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Stage


class ErrorExposure(Family):
    """The first call of a service (an unresolved name, a database, a file) fails with a telling message."""

    name = "exposure through errors"
    cwes = frozenset({209, 210, 211, 550})
    kinds = frozenset({"response"})
    needs_input = False
    anywhere = True
    payloads = (Payload("failure", "the service that is called fails with the message secret-CANARY"),)

    def prepare(self, stage: Stage) -> None:
        """Let the first service call fail."""
        stage.failing = True

    def effect(self, look: Look) -> str:
        """See whether the message of the failure is part of the answer."""
        if look.payload is None:
            return ""
        if any(f"secret-{look.observed.canary}" in event.text for event in look.events):
            return "the response contains the exception's own message, secret-CANARY"
        return ""


FAMILY = ErrorExposure()
