"""Command injection (CWE-77, 78): the canary in a command line is run as a command of its own."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

from .family import Family, Look, Payload


class CommandInjection(Family):
    """Command lines go to a real shell in which the canary is the only command there is.

    Where the input is the whole command line, a harmless one has the canary as an argument only.
    """

    name = "command injection"
    cwes = frozenset({77, 78})
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
    )
    whole = Payload("command", "CANARY plain", calm=lambda canary: f"plain {canary}")

    def effect(self, look: Look) -> str:
        """See whether the canary ran."""
        if "ran" in look.observed.marks and any(
            look.observed.canary in e.text for e in look.events if e.kind == "shell"
        ):
            return "the shell ran CANARY as a command of its own"
        return ""


FAMILY = CommandInjection()
