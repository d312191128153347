"""Unrestricted upload (CWE-434): a file keeps the extension its sender chose, one that a server executes."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

import re

from .family import Family, Look, Payload

_WRITES = re.compile(r"[wax+]")


class UnrestrictedUpload(Family):
    """Where uploads are written is looked at: under which extension?"""

    name = "unrestricted upload"
    cwes = frozenset({434})
    kinds = frozenset({"path"})
    samples = ("plain.png", "plain.txt", "plain.pdf")
    payloads = (
        Payload("php", "CANARY.php", None, lambda c: f"{c}.png"),
        Payload("double", "CANARY.png.php", None, lambda c: f"{c}.png"),
        Payload("python", "CANARY.py", None, lambda c: f"{c}.png"),
        Payload("page", "CANARY.html", None, lambda c: f"{c}.png"),
        Payload("case", "CANARY.pHp", None, lambda c: f"{c}.png"),
    )

    def harmless(self, canary: str, like: Payload | None = None) -> str:  # noqa: ARG002  # one form serves all
        """Give an ordinary picture's name."""
        return f"{canary}.png"

    def effect(self, look: Look) -> str:
        """See whether a file was written under the hostile name's extension."""
        if look.payload is None:
            return ""
        ending = look.payload.shown.rsplit(".", 1)[-1]
        for event in look.events:
            writing = event.what == "open" and event.args and _WRITES.search(event.args[0])
            if writing and look.observed.canary in event.text and event.text.endswith(f".{ending}"):
                return f"the upload was written as a .{ending.lower()} file"
        return ""


FAMILY = UnrestrictedUpload()
