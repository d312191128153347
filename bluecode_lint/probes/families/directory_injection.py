"""LDAP injection (CWE-90): a hostile value changes the structure of a search filter."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_FILTER = re.compile(r"^\s*\(.*\)\s*$", re.DOTALL)
_SEARCHES = re.compile(r"search|filter|query|find|bind", re.IGNORECASE)


def structure_of(text: str) -> tuple[str, ...]:
    """Give the skeleton of a filter (RFC 4515): parentheses, operators, wildcards; names and values by kind alone."""
    tokens = re.findall(r"[()&|!*]|[<>~]?=|[^()&|!*=<>~]+", re.sub(r"\\[0-9a-fA-F]{2}", "x", text))
    return tuple(token if token[0] in "()&|!*=<>~" else "value" for token in tokens)


class DirectoryInjection(Family):
    """The filter's structure is compared between a harmless and a hostile value."""

    name = "LDAP injection"
    cwes = frozenset({90})
    kinds = frozenset({"call"})
    payloads = (
        Payload("wildcard", "CANARY*"),
        Payload("close", "CANARY)(uid=*"),
        Payload("or", "CANARY)(|(uid=*"),
    )

    def is_sink(self, event: Event) -> bool:
        """Take searches of an unresolved connection that are given a filter."""
        return (
            event.kind == "call" and bool(_SEARCHES.search(event.what.rsplit(".", 1)[-1])) and bool(_filter_in(event))
        )

    def effect(self, look: Look) -> str:
        """See whether the filter with the hostile value has another skeleton."""
        if look.payload is None:
            return ""
        calm = {e.what: _filter_in(e) for e in look.calm if look.control.canary in _filter_in(e)}
        for event in look.events:
            text, twin = _filter_in(event), calm.get(event.what, "")
            if not twin or look.observed.canary not in text:
                continue
            if structure_of(twin.replace(look.control.canary, "x")) != structure_of(
                text.replace(look.observed.canary, "x")
            ):
                return f"the search got a filter of another structure: {text.replace(look.observed.canary, 'CANARY')}"
        return ""


def _filter_in(event: Event) -> str:
    for text in (event.text, *event.args):
        bare = re.sub(r"^(?:search_filter|filterstr|filter)=", "", text)
        if _FILTER.match(bare) and "=" in bare:
            return bare
    return ""


FAMILY = DirectoryInjection()
