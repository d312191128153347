"""Stand-in for lxml and defusedxml: what a parser does with a document's entities, by its options.

Named entities are replaced as libxml2 would: internal ones unless entities are off, external ones only if
``resolve_entities`` is really true (since lxml 5 the default is internal only). The rest is the standard parser.
"""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: it is loaded under two names

from __future__ import annotations

import re
import xml.etree.ElementTree as _Tree  # noqa: ICN001  # ET is a name scanned code imports from here
from typing import Any
from urllib.parse import unquote, urlsplit

from ..stage import as_text, see
from ..wild import Wild

_ENTITY = re.compile(r"<!ENTITY\s+(\w+)\s+(?:SYSTEM\s+)?(?P<quote>['\"])(.*?)(?P=quote)\s*>", re.DOTALL)
_SYSTEM = re.compile(r"<!ENTITY\s+\w+\s+SYSTEM")
_DOCTYPE = re.compile(r"<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>", re.DOTALL)
_MOST = 4_000_000


class EntitiesForbidden(ValueError):  # noqa: N818  # defusedxml's name
    """The document declares entities."""


DTDForbidden = ExternalReferenceForbidden = DefusedXmlException = EntitiesForbidden
XMLSyntaxError = ParseError = ParserError = _Tree.ParseError


class XMLParser:
    """A parser and its options."""

    def __init__(self, *_args: Any, resolve_entities: Any = "internal", **options: Any) -> None:
        self.resolve_entities, self.options = resolve_entities, options


HTMLParser = ETCompatXMLParser = XMLParser


def _expand(text: str, parser: XMLParser) -> str:
    """Replace the entities a document declares."""
    body = _DOCTYPE.sub("", text, count=1)
    if not parser.resolve_entities:
        return re.sub(r"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;", "", body)
    for declaration in reversed(list(_ENTITY.finditer(text))):
        name, _, value = declaration.groups()
        if _SYSTEM.match(declaration.group()):
            if parser.resolve_entities is not True:
                body = body.replace(f"&{name};", "")
                continue
            value = _fetch(value)
        body = body.replace(f"&{name};", value)
        if len(body) > _MOST:
            break
    return body


def _fetch(address: str) -> str:
    """Read what an external entity names, if it is a file."""
    see("url", "external entity", address)
    parts = urlsplit(address)
    if parts.scheme not in {"", "file"}:
        return ""
    with open(unquote(parts.path), encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # the audit hook watches
        return file.read()


class Element:
    """A parsed element; what the standard one lacks is wild, which records XPath queries and the like."""

    def __init__(self, real: Any) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name in {"text", "tag", "tail", "attrib"}:
            return getattr(self._real, name)
        if name.startswith("__"):
            raise AttributeError(name)
        return Wild(f"tree.{name}")

    def getroot(self) -> Element:
        return self

    def find(self, path: str, *_args: Any) -> Any:
        see("call", "tree.find", path)
        found = self._real.find(path)
        return None if found is None else Element(found)

    def findall(self, path: str, *_args: Any) -> list[Any]:
        see("call", "tree.findall", path)
        return [Element(e) for e in self._real.findall(path)]

    def findtext(self, path: str, *args: Any) -> Any:
        see("call", "tree.findtext", path)
        return self._real.findtext(path, *args)

    def get(self, name: str, default: Any = None) -> Any:
        return self._real.get(name, default)

    def iter(self, *args: Any) -> Any:
        return (Element(e) for e in self._real.iter(*args))

    def itertext(self) -> Any:
        return self._real.itertext()

    def __iter__(self) -> Any:
        return (Element(e) for e in self._real)

    def __len__(self) -> int:
        return len(self._real)


def fromstring(text: Any, parser: Any = None, *_args: Any, **_kw: Any) -> Element:
    """Parse a document given as text."""
    source = as_text(text)
    chosen = parser if isinstance(parser, XMLParser) else XMLParser()
    expanded = _expand(source, chosen)
    see("xml", "lxml", source, (str(len(expanded)),))
    return Element(_Tree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", expanded)))  # noqa: S314  # in the sandbox


XML = parse_string = fromstring


def parse(source: Any, parser: Any = None, *_args: Any, **_kw: Any) -> Element:
    """Parse a document from a file."""
    if hasattr(source, "read"):
        return fromstring(source.read(), parser)
    with open(source, encoding="utf-8", errors="replace") as file:  # noqa: PTH123  # the audit hook watches `open`
        return fromstring(file.read(), parser)


def tostring(element: Any, *_args: Any, **_kw: Any) -> bytes:
    """Write an element."""
    return _Tree.tostring(element._real) if isinstance(element, Element) else b"<stub/>"  # noqa: SLF001  # our own


class _Defused:
    """The parsers of defusedxml: a document with entities is refused."""

    @staticmethod
    def fromstring(text: Any, *_args: Any, **_kw: Any) -> Any:
        see("xml", "defusedxml", text)
        if "<!ENTITY" in as_text(text):
            raise EntitiesForbidden
        return _Tree.fromstring(text)  # noqa: S314

    XML = parseString = fromstring  # noqa: N815  # their names there

    @staticmethod
    def parse(source: Any, *_args: Any, **_kw: Any) -> Any:
        text = source.read() if hasattr(source, "read") else open(source, "rb").read()  # noqa: PTH123, SIM115
        return _Tree.ElementTree(_Defused.fromstring(text))

    def __getattr__(self, name: str) -> Any:
        return Wild(f"defusedxml.{name}")


class _Etree:
    """The names of ``lxml.etree``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = globals().get(name)
        return Wild(f"etree.{name}") if found is None or name.startswith("_") else found


etree: Any = _Etree()
objectify = html = etree
_defused = _Defused()
_NAMES = {
    "fromstring": _defused.fromstring,
    "XML": _defused.XML,
    "parse": _defused.parse,
    "parseString": _defused.parseString,
    "EntitiesForbidden": EntitiesForbidden,
    "DTDForbidden": DTDForbidden,
    "DefusedXmlException": DefusedXmlException,
}
MODULES = {
    "defusedxml": {"ElementTree": _defused, "minidom": _defused, "lxml": _defused, "sax": _defused, **_NAMES},
    **{f"defusedxml.{name}": _NAMES for name in ("ElementTree", "minidom", "lxml", "sax", "common", "cElementTree")},
}
"""defusedxml shares this module; its sub-modules have names of their own."""
