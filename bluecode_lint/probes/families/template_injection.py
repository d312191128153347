"""Template injection (CWE-1336): an expression in a hostile value is worked out by the template engine."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event


class TemplateInjection(Family):
    """The expression joins two halves around the canary: only an engine that evaluates it brings them together."""

    name = "template injection"
    cwes = frozenset({1336})
    kinds = frozenset({"template", "response", "returned", "printed"})
    payloads = (
        Payload("jinja", "{{ 'CANARY' ~ 'joined' }}{{ 'CANARY' + 'joined' }}"),
        Payload("python", "{{'CANARY'+'joined'}}"),
        Payload("mako", "${'CANARY' + 'joined'}"),
        Payload("statement", "{% set x = 'CANARY' + 'joined' %}{{ x }}"),
    )

    def effect(self, look: Look) -> str:
        """See whether the two halves came out joined, which the payload itself does not contain."""
        if any(f"{look.observed.canary}joined" in e.text for e in _outputs(look)):
            return "the template engine worked out the expression and put CANARYjoined into its output"
        return ""


def _outputs(look: Look) -> list[Event]:
    return [e for e in look.events if e.kind != "template"] + [
        e for e in look.observed.events if e.kind in {"response", "returned", "printed"} and look.events
    ]


FAMILY = TemplateInjection()
