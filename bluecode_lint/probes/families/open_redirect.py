"""Open redirect (CWE-601): a hostile address sends the browser to another host."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .family import Family, Look, Payload


class OpenRedirect(Family):
    """The redirect's address is read as a browser reads it."""

    name = "open redirect"
    cwes = frozenset({601})
    kinds = frozenset({"redirect"})
    payloads = (
        Payload("absolute", "https://CANARY.example/"),
        Payload("scheme-relative", "//CANARY.example/"),
        Payload("backslash", "/\\\\CANARY.example/"),
        Payload("user", "@CANARY.example/"),
        Payload("suffix", ".CANARY.example/"),
        Payload("slashes", "https:///CANARY.example/"),
    )

    def effect(self, look: Look) -> str:
        """See whether a browser would follow to the canary's host."""
        for event in look.events:
            if browser_host(event.text).endswith(f"{look.observed.canary}.example"):
                return (
                    f"the redirect leads to another host: {event.text.replace(look.observed.canary, 'CANARY').strip()}"
                )
        return ""


def browser_host(address: str) -> str:
    """Give the host a browser would go to, empty if it stays where it is (WHATWG URL Standard, "special" schemes)."""
    text = re.sub(r"[\t\r\n]", "", address.strip()).replace("\\", "/")
    match = re.match(r"(https?):/*(.*)", text, re.IGNORECASE)
    if match:
        text = f"//{match.group(2)}"
    elif re.match(r"/{2,}", text):
        text = "//" + text.lstrip("/")
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


FAMILY = OpenRedirect()
