"""Log injection (CWE-117): a hostile value starts a line of its own in the log."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_LEVELS = frozenset(["debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "log", "msg"])
_LOGGERS = re.compile(r"log", re.IGNORECASE)


class LogInjection(Family):
    """The line breaks of each message are looked at."""

    name = "log injection"
    cwes = frozenset({117})
    kinds = frozenset({"log", "call"})
    payloads = (
        Payload("line", "plain\nCANARY forged entry"),
        Payload("return", "plain\r\nCANARY forged entry"),
    )

    def is_sink(self, event: Event) -> bool:
        """Take messages of the standard library's loggers, and calls of unresolved ones."""
        parts = event.what.replace("()", "").split(".")
        return event.kind == "log" or (
            event.kind == "call" and parts[-1] in _LEVELS and any(_LOGGERS.search(p) for p in parts)
        )

    def effect(self, look: Look) -> str:
        """See whether a line of a message starts with the canary."""
        if look.payload is None:
            return ""
        for event in look.events:
            for text in (event.text, *event.args):
                if re.search(rf"[\r\n]{look.observed.canary} forged", text):
                    return "the log got a line of its own that starts with CANARY forged entry"
        return ""


FAMILY = LogInjection()
