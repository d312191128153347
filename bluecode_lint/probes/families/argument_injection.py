"""Argument injection (CWE-88): a hostile value becomes an option of the program that is started."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event


class ArgumentInjection(Family):
    """Programs are not started: their argument vectors are looked at. A shell that runs the canary counts as well."""

    name = "argument injection"
    cwes = frozenset({88})
    kinds = frozenset({"shell", "argv"})
    payloads = (
        Payload("option", "--CANARY=plain"),
        Payload("words", "plain --CANARY"),
        Payload("separator", "plain; CANARY #"),
        Payload("substitution", "$(CANARY)"),
    )

    def effect(self, look: Look) -> str:
        """See whether an argument that starts as the hostile option does is not preceded by ``--``."""
        if look.payload is None:
            return ""
        for event in look.events:
            if event.kind == "argv" and _own_option(event, look.observed.canary):
                return f"{event.text or 'the program'} got --CANARY as an option of its own"
        if "ran" in look.observed.marks:
            return "the shell ran CANARY as a command of its own"
        return ""


def _own_option(event: Event, canary: str) -> bool:
    """Tell whether an argument starts with the canary option and no ``--`` before it ends the options."""
    for position, argument in enumerate(event.args):
        if argument.startswith(f"--{canary}"):
            return "--" not in event.args[:position]
    return False


FAMILY = ArgumentInjection()
