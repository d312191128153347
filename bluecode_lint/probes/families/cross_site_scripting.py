"""Cross-site scripting (CWE-79, 80): markup in a hostile value comes back unescaped in a page."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_TAG = re.compile(r"<\s*/?\s*[a-zA-Z!][^<>]*>")
_PAGES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "str", "Markup", "SafeString"})


class CrossSiteScripting(Family):
    """The page is looked at as a browser would: is the hostile value a tag, an attribute or a script of its own?"""

    name = "cross-site scripting"
    cwes = frozenset({79, 80})
    kinds = frozenset({"response", "returned", "printed"})
    payloads = (
        Payload("script", "<script>CANARY()</script>"),
        Payload("image", "<img src=x onerror=CANARY()>"),
        Payload("attribute", '"><svg onload=CANARY()>'),
        Payload("quote", "' onmouseover='CANARY()' x='"),
        Payload("double-quote", '" onmouseover="CANARY()" x="'),
        Payload("mixed-case", "<ScRiPt>CANARY()</sCrIpT>"),
    )

    def is_sink(self, event: Event) -> bool:
        """Take pages, and returned text that a browser would take for one."""
        if event.kind == "response":
            return True
        if event.kind == "printed":
            return "<" in event.text and ("html" in event.text.lower() or bool(_TAG.search(event.text)))
        return event.kind == "returned" and event.what in _PAGES

    def effect(self, look: Look) -> str:
        """See whether the markup arrived as markup in something that is a page without it."""
        if look.payload is None:
            return ""
        pages = [e for e in look.calm if _is_page(e, look.control.canary)]
        if not any(look.control.canary in e.text for e in pages):
            return ""
        for event in look.events:
            if any((event.kind, event.what) == (page.kind, page.what) for page in pages) and _alive(
                event.text, look.observed.canary, look.payload
            ):
                return f"{_place(event)} contains the markup unescaped: {_shown(event.text, look.observed.canary)}"
        return ""


def _is_page(event: Event, canary: str) -> bool:
    """Tell whether a browser would render this: a response of such a type, or text with markup of its own."""
    if event.kind == "response":
        return event.what in _PAGES
    return bool(_TAG.search(event.text.replace(canary, "")))


def _alive(text: str, canary: str, payload: Payload) -> bool:
    """Tell whether the canary is in a position where a browser would run it."""
    call = rf"{canary}\(\)"
    if payload.name in {"script", "mixed-case"}:
        return bool(re.search(rf"<script>{call}</script>", text, re.IGNORECASE))
    if payload.name == "image":
        return bool(re.search(rf"<img src=x onerror={call}>", text))
    if payload.name == "attribute":
        return bool(re.search(rf"<svg onload={call}>", text))
    quote = "'" if payload.name == "quote" else '"'
    # Alive only inside a tag, as the continuation of an attribute that the same quote opened.
    inside = re.search(rf"<[a-zA-Z][^<>]*=\s*{quote}[^<>{quote}]*{quote} onmouseover={quote}{call}{quote}", text)
    return inside is not None


def _place(event: Event) -> str:
    return {"response": "the response", "printed": "the printed page"}.get(event.kind, "the returned HTML")


def _shown(text: str, canary: str) -> str:
    at = text.find(canary)
    piece = text[max(0, at - 50) : at + 40].replace(canary, "CANARY")
    return " ".join(piece.split())


FAMILY = CrossSiteScripting()
