"""NoSQL injection (CWE-943): a hostile value arrives as a query operator, or inside JavaScript of the query."""
# ruff: noqa: ANN401, TID252  # payloads of any type; relative: it is loaded under two names

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event, Point

_QUERIES = re.compile(r"^(?:find\w*|update\w*|delete\w*|count\w*|replace_one|aggregate|distinct|remove|search)$")


def _operator(canary: str, _scratch: str) -> Any:
    return {"$ne": canary}


class NosqlInjection(Family):
    """Queries to an unresolved collection are looked at."""

    name = "NoSQL injection"
    cwes = frozenset({943})
    kinds = frozenset({"call"})
    payloads = (
        Payload("operator", '{"$ne": "CANARY"}', _operator),
        Payload("script", "CANARY' || 'a'=='a"),
        Payload("script-double", 'CANARY" || "a"=="a'),
    )

    def fits(self, payload: Payload, point: Point) -> bool:
        """Send structures through JSON, and as what a mapping among the arguments holds.

        Whether an argument itself may be a structure is up to its callers.
        """
        is_item = point.door == "argument" and point.key.endswith("']")
        return payload.name != "operator" or point.door.startswith("JSON") or is_item

    def is_sink(self, event: Event) -> bool:
        """Take queries by their method, given a document."""
        last = event.what.replace("()", "").rsplit(".", 1)[-1]
        return event.kind == "call" and bool(_QUERIES.match(last)) and event.text.startswith(("{", "["))

    def effect(self, look: Look) -> str:
        """See whether an operator of the attacker's, or a changed script, is part of the query."""
        if look.payload is None:
            return ""
        canary = look.observed.canary
        for event in look.events:
            if look.payload.name == "operator" and re.search(rf"(?:: |^|\[){{'\$ne': '{canary}'}}", event.text):
                return f"the query got an operator: {event.text.replace(canary, 'CANARY')}"
            if look.payload.name != "operator" and "$where" in event.text:
                quote = "'" if look.payload.name == "script" else '"'
                if re.search(rf"(?<!\\){quote}{canary}(?<!\\){quote} \|\|", event.text):
                    return f"the query's script got a condition: {event.text.replace(canary, 'CANARY')}"
        return ""


FAMILY = NosqlInjection()
