"""XML external entities and entity bombs (CWE-611, 776, 827): a document makes the parser read a file, or swell."""
# ruff: noqa: ANN401, TID252  # wrapped parsers take anything; relative: it is loaded under two names

from __future__ import annotations

import io
import xml.dom.minidom
import xml.dom.pulldom
import xml.etree.ElementTree as ET
import xml.sax
from typing import TYPE_CHECKING, Any

from ..driver.stage import as_text, see
from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Stage

_PLANTED = "file://SCRATCH/outside-CANARY"
_HEAD = '<?xml version="1.0"?>'
SWOLLEN = 100_000


class XmlEntities(Family):
    """A planted file is what the external entity names."""

    name = "XML external entities"
    cwes = frozenset({611, 827})
    kinds = frozenset({"xml", "path"})
    samples = ("<plain>plain</plain>",)
    payloads = (
        Payload(
            "external",
            f'{_HEAD}<!DOCTYPE r [<!ENTITY e SYSTEM "{_PLANTED}">]><r>&e;</r>',
            None,
            lambda c: f"<r>{c}</r>",
        ),
        Payload(
            "parameter",
            f'{_HEAD}<!DOCTYPE r [<!ENTITY % e SYSTEM "{_PLANTED}"> %e;]><r>CANARY</r>',
            None,
            lambda c: f"<r>{c}</r>",
        ),
    )

    def harmless(self, canary: str, like: Payload | None = None) -> str:  # noqa: ARG002  # one form serves all
        """Give a small document."""
        return f"<r>{canary}</r>"

    def prepare(self, stage: Stage) -> None:
        """Plant the file outside."""
        with open(f"{stage.scratch}/outside-{stage.canary}", "w", encoding="utf-8") as out:  # noqa: PTH123
            out.write(f"content-{stage.canary}")

    def watch(self) -> None:
        """Show every document that the standard parsers read."""
        watch_parsers()

    def effect(self, look: Look) -> str:
        """See whether the planted file was opened by the parser."""
        for event in look.events:
            if (
                event.kind == "path"
                and event.text.endswith(f"/outside-{look.observed.canary}")
                and event.text.startswith(("/", "file:///"))
            ):
                return "the parser opened the file that the entity names, outside-CANARY"
        return ""


def watch_parsers() -> None:
    """Wrap the standard library's parsing functions."""
    for module, names in (
        (ET, ("fromstring", "XML", "parse", "iterparse")),
        (xml.dom.minidom, ("parseString", "parse")),
        (xml.dom.pulldom, ("parseString", "parse")),
        (xml.sax, ("parseString", "parse")),
    ):
        for name in names:
            setattr(module, name, _watched(getattr(module, name), f"{module.__name__}.{name}"))
    from xml.sax import expatreader  # noqa: PLC0415  # its parser class is made there

    reader: Any = expatreader.ExpatParser
    reader.parse = _watched_method(reader.parse)


def _watched(real: Any, name: str) -> Any:
    def parse(source: Any, *args: Any, **options: Any) -> Any:
        text = source
        if hasattr(source, "read") and not isinstance(source, (str, bytes)):
            text = source.read()
            source = io.StringIO(text) if isinstance(text, str) else io.BytesIO(text)
        result = None
        try:
            result = real(source, *args, **options)
        finally:
            see("xml", name, text, (str(_size(result)),))
        return result

    return parse


def _watched_method(real: Any) -> Any:
    def parse(self: Any, source: Any) -> Any:
        if hasattr(source, "read") and not isinstance(source, (str, bytes)):
            text = source.read()
            source = io.StringIO(text) if isinstance(text, str) else io.BytesIO(text)
            see("xml", "xml.sax", text)
        return real(self, source)

    return parse


def _size(result: Any) -> int:
    """Give the number of characters in a parsed document."""
    root = result.getroot() if hasattr(result, "getroot") else result
    if hasattr(root, "itertext"):
        return sum(len(t) for t in root.itertext())
    if hasattr(root, "toxml"):
        return len(as_text(root.toxml()))
    return 0


FAMILY = XmlEntities()
