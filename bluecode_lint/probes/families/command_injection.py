"""Command injection (CWE-77, 78, 88): the canary is run as a command, or becomes an option of its own."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event


class CommandInjection(Family):
    """Commands go to a real shell in which the canary is the only command; argument vectors are compared."""

    name = "command injection"
    cwes = frozenset({77, 78, 88})
    kinds = frozenset({"shell", "argv"})
    payloads = (
        Payload("separator", "plain; CANARY #"),
        Payload("pipe", "plain | CANARY"),
        Payload("and", "plain & CANARY"),
        Payload("line", "plain\nCANARY\n"),
        Payload("substitution", "$(CANARY)"),
        Payload("backtick", "`CANARY`"),
        Payload("double-quote", 'plain"; CANARY; "'),
        Payload("single-quote", "plain'; CANARY; '"),
        Payload("option", "--CANARY=plain"),
        Payload("words", "plain --CANARY"),
    )

    def effect(self, look: Look) -> str:
        """See whether the canary ran as a command, or became an option of the program that was started."""
        if "ran" in look.observed.marks and any(look.observed.canary in e.text for e in look.events if e.kind == "shell"):
            return "the shell ran CANARY as a command of its own"
        if look.payload is None or look.payload.name not in {"option", "words"}:
            return ""
        for event in look.events:
            if event.kind == "argv" and f"--{look.observed.canary}" in "\0".join(event.args):
                found = _own_option(event, look.observed.canary, split=look.payload.name == "words")
                if found:
                    return f"{event.text or 'the program'} got --CANARY as an option of its own"
        return ""


def _own_option(event: Event, canary: str, *, split: bool) -> bool:
    """Tell whether an argument starts with the canary option and no ``--`` before it ends the options.

    A value that was one argument in a list is only an option if it is whole; ``words`` shows that a text was split.
    """
    for position, argument in enumerate(event.args):
        if argument.startswith(f"--{canary}"):
            return "--" not in event.args[:position] and (not split or argument == f"--{canary}")
    return False


FAMILY = CommandInjection()
