"""XPath injection (CWE-643): a hostile value changes the structure of a query over a document."""
# ruff: noqa: TID252  # wrapped methods take anything; relative: it is loaded under two names

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_QUERIES = frozenset({"xpath", "XPath", "find", "findall", "findtext", "iterfind", "select", "evaluate"})
_TOKEN = re.compile(r"'[^']*'|\"[^\"]*\"|['\"]|\d+|[\w.-]+|[^\w\s]")


def structure_of(query: str) -> tuple[str, ...]:
    """Give the tokens of a query; literals by kind alone."""
    return tuple("literal" if t[0] in "'\"" and len(t) > 1 else t for t in _TOKEN.findall(query))


class XpathInjection(Family):
    """The query's structure is compared between a harmless and a hostile value."""

    name = "XPath injection"
    cwes = frozenset({643})
    kinds = frozenset({"call"})
    samples = ("<plain>plain</plain>",)
    payloads = (
        Payload("single-quote", "CANARY' or 'a'='a"),
        Payload("double-quote", 'CANARY" or "a"="a'),
        Payload("bare", "CANARY or 1=1"),
    )

    def is_sink(self, event: Event) -> bool:
        """Take queries over a parsed document."""
        return (
            event.kind == "call" and event.what.replace("()", "").rsplit(".", 1)[-1] in _QUERIES and _looks(event.text)
        )

    def effect(self, look: Look) -> str:
        """See whether the query with the hostile value has another structure."""
        if look.payload is None:
            return ""
        calm = {e.what: e.text for e in look.calm if look.control.canary in e.text}
        for event in look.events:
            twin = calm.get(event.what, "")
            if not twin or look.observed.canary not in event.text:
                continue
            if structure_of(twin.replace(look.control.canary, "x")) != structure_of(
                event.text.replace(look.observed.canary, "x")
            ):
                return f"the query has another structure: {event.text.replace(look.observed.canary, 'CANARY')}"
        return ""


def _looks(text: str) -> bool:
    return "/" in text or "[" in text or "@" in text or "::" in text


FAMILY = XpathInjection()
