"""Code injection (CWE-94, 95): Python in a hostile value makes a folder, which text that is only data cannot do."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

from .family import Family, Look, Payload

_CALL = "__import__('os').mkdir('SCRATCH/made-CANARY')"
_CALL_D = '__import__("os").mkdir("SCRATCH/made-CANARY")'
_CLASSES = (
    "[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == '_wrap_close'][0]"
    ".__init__.__globals__['mkdir']('SCRATCH/made-CANARY')"
)


class CodeInjection(Family):
    """The effect is a folder on the scratch disk."""

    name = "code injection"
    cwes = frozenset({94, 95, 96})
    kinds = frozenset({"code", "import"})
    payloads = (
        Payload("expression", _CALL),
        Payload("statement", "import os\nos.mkdir('SCRATCH/made-CANARY')\n"),
        Payload("classes", _CLASSES),
        Payload("single-quote", f"'+str({_CALL_D})+'"),
        Payload("double-quote", f'"+str({_CALL})+"'),
        Payload("arithmetic", f"1 and {_CALL}"),
        Payload("after-line", f"plain = 1\n{_CALL}\n"),
        Payload("parenthesis", f"1) or ({_CALL}"),
    )

    def harmless(self, canary: str, like: Payload | None = None) -> str:  # noqa: ARG002  # one form serves all
        """Give a value that is a valid expression: a text of one word."""
        return f"'{canary}'"

    def effect(self, look: Look) -> str:
        """See whether the folder was made."""
        if "made" in look.observed.marks and any(e.kind == "code" for e in look.events):
            return "the interpreter evaluated the value as code and made the folder made-CANARY"
        return ""


FAMILY = CodeInjection()
