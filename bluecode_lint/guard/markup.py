"""Parts of a Markdown or HTML text that a person does not see and a model does: comments, invisible elements, links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMENT = re.compile(r"<!--(?P<body>.*?)(?:-->|\Z)", re.DOTALL)
_LINK_COMMENT = re.compile(
    r"""^[ ]{0,3}\[(?://|comment|_|\#|note)[^\]\n]{0,40}\]:[ \t]*(?:\#|<>|/)[ \t]*[("'](?P<body>[^\n]*)[)"'][ \t]*$""",
    re.MULTILINE | re.IGNORECASE | re.VERBOSE,
)
_INVISIBLE_STYLE = re.compile(
    r"""display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\b(?!\.)|font-size\s*:\s*[01](?:px|pt|em)?\b"""
    r"""|color\s*[:=]\s*["']?(?:white|\#fff(?:fff)?|transparent)\b|(?:left|top|text-indent)\s*:\s*-\d{3,}"""
    r"""|left\s*:\s*-9|\bhidden\b|\bsr-only\b|aria-hidden\s*=\s*["']?true""",
    re.IGNORECASE | re.VERBOSE,
)
_OPENING = re.compile(r"<(?P<tag>[A-Za-z][A-Za-z0-9]{0,20})(?P<attributes>(?:\s[^<>]{0,600})?)>")
_NEVER_SHOWN = frozenset({"template", "noscript", "script"})
_INVISIBLE_MATH = re.compile(r"\\color\{white\}\{?(?P<body>[^$\n]{4,400})", re.IGNORECASE)
_ALTERNATIVE = re.compile(
    r"""(?:\balt\s*=\s*(?P<quote>["'])(?P<html>[^"'\n]{12,600})(?P=quote)|!\[(?P<markdown>[^\]\n]{12,600})\]\()"""
)
_LINK = re.compile(r"(?<!!)\[(?P<label>[^\]\n]{3,300})\]\(\s*<?(?P<target>[^)\s>]{4,600})")
_ANCHOR = re.compile(
    r"""<a\s[^<>]{0,300}?href\s*=\s*["'](?P<target>[^"'\n]{4,600})["'][^<>]{0,300}>(?P<label>[^<\n]{3,300})</a>""",
    re.IGNORECASE,
)
_HOST = re.compile(r"(?:https?://)?(?P<host>(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24})(?=[/:?#\s]|$)", re.IGNORECASE)
_ELEMENT_CHARS_MAX = 20_000
_PARTS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Unseen:
    """A part that is not displayed: its kind, what it says, and where that stands."""

    start: int
    end: int
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A link whose visible address is not the one it leads to."""

    start: int
    end: int
    shown: str
    target: str


def find_unseen(text: str) -> Iterator[Unseen]:
    """Yield what a renderer would not show, comments first, at most `_PARTS_MAX` of each kind."""
    if "<" in text:
        for _, match in zip(range(_PARTS_MAX), _COMMENT.finditer(text), strict=False):
            yield Unseen(match.start("body"), match.end("body"), "html-comment", match["body"])
        yield from _invisible_elements(text)
    for kind, pattern, group in (
        ("markdown-comment", _LINK_COMMENT, "body"),
        ("white-text", _INVISIBLE_MATH, "body"),
    ):
        for match in pattern.finditer(text):
            yield Unseen(match.start(group), match.end(group), kind, match[group])
    for match in _ALTERNATIVE.finditer(text):
        group = "html" if match["html"] else "markdown"
        yield Unseen(match.start(group), match.end(group), "alternative-text", match[group])


def _invisible_elements(text: str) -> Iterator[Unseen]:
    found = 0
    lowered = ""
    for match in _OPENING.finditer(text):
        tag = match["tag"].lower()
        if tag not in _NEVER_SHOWN and not (match["attributes"] and _INVISIBLE_STYLE.search(match["attributes"])):
            continue
        found += 1
        if found > _PARTS_MAX:
            return
        lowered = lowered or text.lower()
        end = lowered.find(f"</{tag}", match.end(), match.end() + _ELEMENT_CHARS_MAX)
        if end < 0:  # never closed: a renderer ends it with the paragraph
            end = text.find("\n\n", match.end(), match.end() + _ELEMENT_CHARS_MAX)
        end = end if end >= 0 else min(len(text), match.end() + _ELEMENT_CHARS_MAX)
        yield Unseen(match.end(), end, "invisible-element", text[match.end() : end])


def find_mismatches(text: str) -> Iterator[Mismatch]:
    """Yield the links that show one host and lead to another."""
    for pattern in (_LINK, _ANCHOR):
        for match in pattern.finditer(text):
            shown, target = _HOST.match(match["label"].strip()), _HOST.match(match["target"])
            if shown is None or target is None or not match["target"].lower().startswith("http"):
                continue
            if (
                not _is_file_name(match["label"])
                and " " not in match["label"].strip()
                and _site(shown["host"]) != _site(target["host"])
            ):
                yield Mismatch(match.start(), match.end(), shown["host"], target["host"])


_FILE_ENDINGS = frozenset(
    {
        "md",
        "py",
        "js",
        "ts",
        "rs",
        "go",
        "sh",
        "txt",
        "json",
        "yaml",
        "yml",
        "toml",
        "html",
        "css",
        "lock",
        "cfg",
        "ini",
        "rb",
        "java",
        "cc",
        "io",
        "ai",
        "net",
    }
)


def _is_file_name(label: str) -> bool:
    """Tell ``setup.py`` or ``Node.js`` from an address: no scheme, no path, and a programmer's ending."""
    label = label.strip().lower()
    return "/" not in label and label.rpartition(".")[2] in _FILE_ENDINGS


def _site(host: str) -> str:
    """Give the last two labels: ``docs.python.org`` and ``python.org`` are one site."""
    return ".".join(host.lower().split(".")[-2:])
