"""XML entity bombs (CWE-776): a small document becomes a huge one while it is parsed."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

from .family import Family, Look, Payload
from .xml_entities import SWOLLEN, watch_parsers

_HEAD = '<?xml version="1.0"?>'
_LAUGHS = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 6))


class EntityBomb(Family):
    """Five levels of ten: enough to show that nothing stops the growth, too little to hurt."""

    name = "XML entity bomb"
    cwes = frozenset({776})
    kinds = frozenset({"xml"})
    samples = ("<plain>plain</plain>",)
    payloads = (
        Payload(
            "laughs", f'{_HEAD}<!DOCTYPE r [<!ENTITY e0 "CANARY">{_LAUGHS}]><r>&e5;</r>', None, lambda c: f"<r>{c}</r>"
        ),
    )

    def harmless(self, canary: str, like: Payload | None = None) -> str:  # noqa: ARG002  # one form serves all
        """Give a small document."""
        return f"<r>{canary}</r>"

    def watch(self) -> None:
        """Show every document that the standard parsers read, and how long its text became."""
        watch_parsers()

    def effect(self, look: Look) -> str:
        """See whether the parsed text is far longer than the document."""
        if any(e.args and e.args[0].isdigit() and int(e.args[0]) > SWOLLEN for e in look.events):
            return f"a document of fewer than 1,000 characters became more than {SWOLLEN:,} while it was parsed"
        return ""


FAMILY = EntityBomb()
