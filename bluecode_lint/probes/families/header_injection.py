"""Header injection (CWE-93, 113): a hostile value ends a header line and starts another."""
# ruff: noqa: ANN401, TID252  # wrapped methods take anything; relative: it is loaded under two names

from __future__ import annotations

import importlib
import re
from typing import TYPE_CHECKING, Any

from ..driver.stage import as_text, see
from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_WRITERS = frozenset({"start_response", "sendmail", "send_header", "putheader", "send", "sendall", "write"})


class HeaderInjection(Family):
    """Headers that a framework refuses are refused; what goes out is looked at line by line."""

    name = "header injection"
    cwes = frozenset({93, 113})
    kinds = frozenset({"header", "set_header", "wire", "call"})
    payloads = (
        Payload("line", "plain\r\nX-CANARY: forged"),
        Payload("feed", "plain\nX-CANARY: forged"),
    )

    def watch(self) -> None:
        """Show what the standard library's server sends, which checks nothing."""
        server: Any = importlib.import_module("http.server")  # by name: it is watched here, not used
        server.BaseHTTPRequestHandler.send_header = _watched(server.BaseHTTPRequestHandler.send_header)

    def is_sink(self, event: Event) -> bool:
        """Take headers, and calls that put text on the wire."""
        return event.kind in {"header", "set_header", "wire"} or (
            event.kind == "call" and event.what.replace("()", "").rsplit(".", 1)[-1] in _WRITERS
        )

    def effect(self, look: Look) -> str:
        """See whether a line that starts with the canary's header went out."""
        if look.payload is None:
            return ""
        for event in look.events:
            # What was only asked for (set_header) is not sent yet: frameworks refuse line breaks there.
            if event.kind != "set_header" and any(
                _forged(t, look.observed.canary, event.kind) for t in (event.text, *event.args)
            ):
                return "a header line of its own went out: X-CANARY: forged"
        return ""


def _forged(text: str, canary: str, kind: str) -> bool:
    """Tell whether the canary's header starts a line among the headers: after another header, before any blank line."""
    plain = text.replace("\\r", "\r").replace("\\n", "\n")
    head, found, _ = plain.partition(f"\nX-{canary}: forged")
    if not found:
        return False
    if kind == "call" and not re.search(r"^\W*[\w-]+(?:: |', ')|^HTTP/", head, re.MULTILINE):
        return False
    return "\n\n" not in head.replace("\r", "")


def _watched(real: Any) -> Any:
    """Show each header line before it goes out."""

    def send_header(self: Any, keyword: str, value: Any) -> None:
        see("wire", "send_header", f"{as_text(keyword)}: {as_text(value)}")
        if getattr(self, "wfile", None) is not None:
            real(self, keyword, value)

    return send_header


FAMILY = HeaderInjection()
