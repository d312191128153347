"""Find blobs in which a text may be wrapped (base64, hex, percent- and Unicode-escapes, ROT13) and unwrap them."""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_-]{16,}={0,2}(?![A-Za-z0-9+/_=-])")
_WRAPPED_BASE64 = re.compile(r"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,76}\r?\n){1,4000}[A-Za-z0-9+/]{4,76}={0,2}")
_HEX = re.compile(r"(?<![0-9A-Za-z])(?:0x)?(?:[0-9A-Fa-f]{2}[ :,]?){12,}(?![0-9A-Za-z])")
_ESCAPES = re.compile(r"(?:\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&#x?[0-9A-Fa-f]{2,6};){6,}")
_PERCENT = re.compile(r"(?<![A-Za-z0-9_.~+%-])(?:[A-Za-z0-9_.~+-]{0,80}%[0-9A-Fa-f]{2}){4,}[A-Za-z0-9_.~+%-]*")
_LETTERS = re.compile(r"[A-Za-z]{2,}")

LEGIBLE_SHARE = 0.85
"""Share of a decoded blob that must be letters, digits, spaces and common punctuation for it to count as text."""
_ROT13_WORDS_MIN = 4
_ROT13_CHARS_MAX = 20_000


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A decoded blob: what it says, how it was wrapped, and where it stands in the text it was found in."""

    start: int
    end: int
    encoding: str
    text: str


def find_wrapped(text: str, is_word: Callable[[str], bool]) -> Iterator[Wrapped]:
    """Yield every blob of ``text`` that decodes to something legible."""
    for pattern, encoding, decode in (
        (_WRAPPED_BASE64, "base64", _from_base64),
        (_BASE64, "base64", _from_base64),
        (_HEX, "hex", _from_hex),
        (_ESCAPES, "escapes", _from_escapes),
        (_PERCENT, "percent", urllib.parse.unquote_plus),
    ):
        for match in pattern.finditer(text):
            says = decode(match.group())
            if says is not None and _is_legible(says):
                yield Wrapped(match.start(), match.end(), encoding, says)
    turned = _from_rot13(text, is_word)
    if turned is not None:
        yield Wrapped(0, len(text), "rot13", turned)


def _is_legible(text: str) -> bool:
    """Tell text from noise; a blob that in turn unwraps to text counts as text."""
    plain = sum(char.isalnum() or char in _PUNCTUATION for char in text)
    if len(text) < _LEGIBLE_MIN or plain < LEGIBLE_SHARE * len(text):
        return False
    if sum(map(str.isspace, text)) * _WORD_CHARS_MAX >= len(text):
        return True
    inner = _from_base64(text) if _BASE64.fullmatch(text) else _from_hex(text) if _HEX.fullmatch(text) else None
    return inner is not None and _is_legible(inner)


_PUNCTUATION = frozenset(" \n\t.,;:!?'\"()/-_<>=@#{}[]*&$%+|\\`~^")
_LEGIBLE_MIN = 6
_WORD_CHARS_MAX = 30
"""Text has a space at least this often."""


def _from_base64(blob: str) -> str | None:
    body = re.sub(r"\s|=+$", "", blob).translate(str.maketrans("-_", "+/"))
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _to_text(data)


def _from_hex(blob: str) -> str | None:
    digits = re.sub(r"[^0-9A-Fa-f]", "", blob.removeprefix("0x"))
    return _to_text(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _to_text(data: bytes) -> str | None:
    for encoding in ("utf-16", "utf-8") if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else ("utf-8", "utf-16-le"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    return None


def _from_escapes(blob: str) -> str | None:
    def value(match: re.Match[str]) -> str:
        token = match.group()
        if token.startswith("&#"):
            number = token[2:-1]
            code = _character_code(number)
        else:
            code = int(token.lstrip("\\xu"), base=16)
        return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"  # noqa: PLR2004

    return re.sub(r"\\x[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|&#x?[0-9A-Fa-f]{2,6};", value, blob)


def _character_code(number: str) -> int:
    """Read the number of an HTML character reference, ``x41`` or ``65``."""
    digits, radix = (number.lstrip("xX"), 16) if number[:1] in {"x", "X"} else (number, 10)
    try:
        return int(digits, radix)
    except ValueError:
        return 0xFFFD


def _from_rot13(text: str, is_word: Callable[[str], bool]) -> str | None:
    """Turn the letters by 13 where that makes words of what are none."""
    words = _LETTERS.findall(text[:_ROT13_CHARS_MAX].lower())[:200]
    if len(words) < _ROT13_WORDS_MIN:
        return None
    known = sum(map(is_word, words))
    turned = sum(is_word(codecs.encode(word, "rot13")) for word in words)
    if turned <= known or turned < 0.75 * len(words):
        return None
    return codecs.encode(text[:_ROT13_CHARS_MAX], "rot13")
