"""What a passage says once it is unmasked: invisible characters, look-alikes, spacing, encodings and ciphers undone."""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TAGS = range(0xE0000, 0xE0080)
_LOOKALIKES = str.maketrans(
    "аеорсухіјѕԁһԛԝьАВЕКМНОРСТХУІЅαειοκνρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",  # that they look alike is the point
    "aeopcyxijsdhqwbABEKMHOPCTXYISaeioknptuxABEZHIKMNOPTYX",
)
_LEET = str.maketrans("013457@$", "oieastas")
_LATIN_WORD_WITH_OTHERS = re.compile(r"(?=\w*[A-Za-z])(?=\w*[Ͱ-ӿ])\w+")
_SPACED_OUT = re.compile(r"\b(?:\w[ ._*~-]){3,}\w\b")
_LEET_WORD = re.compile(r"\b(?=\w*[a-zA-Z@$])[\w@$]*[013457@$][\w@$]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_HEXADECIMAL = re.compile(r"\b(?:0x)?((?:[0-9a-fA-F]{2}[ :]?){12,})")
_QUOTED = re.compile(r"(?:%[0-9a-fA-F]{2})|&(?:#\d+|#x[0-9a-fA-F]+|\w+);|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}")
_ROTATED = re.compile(r"\b(?:vtaber|qvfertneq|fnsr|irevqvpg|erivrjre|ercbeg|vafgehpgvbaf|ohyqr)\b", re.IGNORECASE)
_REVERSED = re.compile(r"\b(?:erongi|dragersid|efas|tcidrev|reweiver|troper|snoitcurtsni)\b", re.IGNORECASE)
_PRINTABLE_SHARE = 0.9


def readings(text: str) -> Iterator[tuple[str, str]]:
    """Yield how a text can be read, each with the name of its disguise (none for the plain reading)."""
    plain = unmask(text)
    yield "", plain
    hidden = "".join(chr(ord(c) - _TAGS.start) for c in text if ord(c) in _TAGS)
    if hidden:
        yield "in invisible characters", hidden
    if _SPACED_OUT.search(plain):
        yield "spaced out", _SPACED_OUT.sub(lambda found: re.sub(r"[ ._*~-]", "", found.group()), plain)
    if _LEET_WORD.search(plain):
        yield "in digits for letters", _LEET_WORD.sub(lambda found: found.group().translate(_LEET), plain)
    if _QUOTED.search(text):
        yield "escaped", unmask(_unquoted(text))
    if _ROTATED.search(plain):
        yield "in ROT13", codecs.encode(plain, "rot13")
    if _REVERSED.search(plain):
        yield "backwards", plain[::-1]
    for decoded in _decoded(text):
        yield "encoded", unmask(decoded)


def unmask(text: str) -> str:
    """Normalise a text: compatibility forms, invisible characters and markup out, Latin look-alikes to Latin."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in text if unicodedata.category(c) not in {"Cf", "Cc", "Co"} or c in "\n\t")
        text = _LATIN_WORD_WITH_OTHERS.sub(lambda found: found.group().translate(_LOOKALIKES), text)
        text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2013: "-", 0x2014: "-"})
    return re.sub(r"(?<=\w)[*`~_]{1,3}(?=\W|$)|(?<!\S)[*`~_]{1,3}(?=\w)", "", text)


def _unquoted(text: str) -> str:
    text = html.unescape(unquote(text))
    return re.sub(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})", lambda m: chr(int(m.group(1) or m.group(2), 16)), text)


def _decoded(text: str) -> Iterator[str]:
    """Yield what base64 and hexadecimal runs decode to, where that is text."""
    for found in _BASE64.finditer(text):
        token = found.group().rstrip("=").replace("-", "+").replace("_", "/")
        yield from _text_of(token + "=" * (-len(token) % 4), base64.b64decode)
    for found in _HEXADECIMAL.finditer(text):
        yield from _text_of(re.sub(r"[ :]", "", found.group(1)), binascii.unhexlify)


def _text_of(token: str, decode: Callable[[str], bytes]) -> Iterator[str]:
    try:
        text = decode(token).decode("utf-8")
    except (ValueError, binascii.Error):
        return
    if " " in text and sum(c.isprintable() or c.isspace() for c in text) >= _PRINTABLE_SHARE * len(text):
        yield text
