"""Undo what hides a text from a reader of characters: styled letters, look-alikes, invisible and reordered characters.

`unmask` gives the text as it would be understood, with the place of each character in the original, and says which
tricks it met. It runs in linear time.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TAG_BLOCK = range(0xE0000, 0xE0080)
"""Unicode tags: an invisible copy of ASCII."""
SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors, which can carry a byte each, invisibly."""
BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c"
    "\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\u3164\ufeff\uffa0"
)

_LOOKALIKES = str.maketrans(
    # Cyrillic, Greek, Armenian and others that a reader takes for Latin (after Unicode TR 39, the part that matters).
    "аеорсухікјѕԁԛԝһӏмтвнбгпАВЕКМНОРСТХУІЈЅԌԚԜΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχωγοօհոսցյɑɡɩıſℓ",
    "aeopcyxikjsdqwhlmtbh6rnABEKMHOPCTXYIJSGQWABEZHIKMNOPTYXaeikvoptuxwyoohnugjagiisl",
)
_LEET = str.maketrans("013456789@$!|+", "oieasbtbgasilt")
_LEET_WORD = re.compile(r"(?<![^\W_]|[@$!|+])(?:[^\W_]|[@$!|+]){2,24}(?![^\W_]|[@$!|+])")
_LEET_MARK = re.compile(r"[A-Za-z][013456789@$!|+]|[013456789@$!|+][A-Za-z]")
_LETTERS_APART = re.compile(r"(?<![^\W_])[^\W\d_][ .\-_*][^\W\d_][ .\-_*][^\W\d_](?![^\W_])")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .\-_*]){3,200}[^\W\d_](?![^\W_])")
_SPACED_WORDS = re.compile(r"(?:[^\W\d_] ){2,40}[^\W\d_](?: {2,4}(?:[^\W\d_] ){0,40}[^\W\d_])+")


@dataclass(frozen=True, slots=True)
class Hidden:
    """An invisible run in the original text, and what it spells (empty if nothing legible)."""

    start: int
    end: int
    kind: str
    says: str = ""


@dataclass(frozen=True, slots=True)
class Unmasked:
    """A text made plain. The character at ``i`` of it stands at ``places[i]`` of the original text."""

    text: str
    places: Sequence[int]
    tricks: frozenset[str] = frozenset()
    hidden: tuple[Hidden, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give where the characters from ``start`` to ``end`` stand in the original text."""
        if start >= end or not self.places:
            return (0, 0)
        return self.places[start], self.places[min(end, len(self.places)) - 1] + 1


def unmask(text: str, is_word: Callable[[str], bool]) -> Unmasked:
    """Make a text plain. ``is_word`` knows a language's words, so that ``h4ck`` is read as one and ``utf8`` is not."""
    plain, places = text, cast("Sequence[int]", range(len(text)))
    tricks: set[str] = set()
    hidden: list[Hidden] = []
    if not text.isascii():
        hidden = _find_hidden(text)
        tricks.update(item.kind for item in hidden)
        plain, places = _fold(text, tricks)
    if _LETTERS_APART.search(plain):
        plain, places = _rewrite(plain, places, _SPACED_WORDS, _join_words, tricks, "spaced-letters")
        plain, places = _rewrite(plain, places, _SPACED, _join_letters, tricks, "spaced-letters")
    if _LEET_MARK.search(plain):
        plain, places = _rewrite(plain, places, _LEET_WORD, lambda word: _read_leet(word, is_word), tricks, "leetspeak")
    return Unmasked(plain, places, frozenset(tricks), tuple(hidden))


def _fold(text: str, tricks: set[str]) -> tuple[str, list[int]]:
    """Drop what is invisible and fold what is styled, one character at a time."""
    parts: list[str] = []
    places: list[int] = []
    mostly_latin = sum(map(str.isascii, text)) > _LATIN_SHARE * len(text)
    for start, word in _words_and_gaps(text):
        folded = _unlatin(word, mostly_latin=mostly_latin)
        if folded is not word:
            tricks.add("confusables")
        for at, char in enumerate(folded, start):
            piece = _fold_char(char)
            if piece != char and piece.isascii() and char not in INVISIBLE and _is_styled(char):
                tricks.add("styled-letters")
            parts.append(piece)
            places.extend([at] * len(piece))
    return "".join(parts), places


@lru_cache(maxsize=8192)
def _is_styled(char: str) -> bool:
    """Tell a mathematical, circled or full-width letter from an accented one."""
    return unicodedata.normalize("NFKC", char).isascii() and unicodedata.category(char) in {
        "So",
        "Nd",
        "Lu",
        "Ll",
        "Lm",
    }


def _words_and_gaps(text: str) -> list[tuple[int, str]]:
    pieces = []
    done = 0
    for match in _VISIBLE_WORD.finditer(text):
        if match.start() > done:
            pieces.append((done, text[done : match.start()]))
        pieces.append((match.start(), match.group()))
        done = match.end()
    pieces.append((done, text[done:]))
    return pieces


_VISIBLE_WORD = re.compile(rf"[^\W_](?:[^\W_]|[{''.join(sorted(INVISIBLE))}])*")


_LATIN_SHARE = 0.6


def _unlatin(word: str, *, mostly_latin: bool) -> str:
    """Read look-alikes as Latin in a word that mixes scripts, or, in a Latin text, in a word made of them alone."""
    if word.isascii():
        return word
    changed = word.translate(_LOOKALIKES)
    if changed == word:
        return word
    mixed = any("a" <= char <= "z" for char in word.lower())
    return changed if mixed or (mostly_latin and changed.isascii()) else word


@lru_cache(maxsize=8192)
def _fold_char(char: str) -> str:
    if char.isascii():
        return char
    if char in INVISIBLE or char in BIDI_CONTROLS:
        return ""
    code = ord(char)
    if code in TAG_BLOCK or any(code in block for block in SELECTORS):
        return ""
    folded = unicodedata.normalize("NFKD", char)
    if len(folded) > 1:
        folded = "".join(part for part in folded if not unicodedata.combining(part)) or char
    elif unicodedata.combining(char) and unicodedata.category(char) == "Mn" and code < _MARKS_OF_LATIN:
        return ""
    return folded if len(folded) <= _FOLDED_MAX else char


_MARKS_OF_LATIN = 0x370
"""Below it, combining marks only decorate Latin letters; above it, they may be vowels."""
_FOLDED_MAX = 8


_INVISIBLE_RUN = re.compile(
    rf"[{''.join(sorted(INVISIBLE - {chr(0xAD)}))}]+|[\U000e0000-\U000e007f]+"
    r"|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2,}|[\u202d\u202e][^\u202c\n]*\u202c?"
)


def _find_hidden(text: str) -> list[Hidden]:
    hidden = []
    for match in _INVISIBLE_RUN.finditer(text):
        run = match.group()
        first = ord(run[0])
        if first in TAG_BLOCK:
            if text[match.start() - 1 : match.start()] == "\U0001f3f4":
                continue  # a regional flag, such as Scotland's, is spelled with tags
            says = "".join(chr(ord(char) - TAG_BLOCK.start) for char in run if 0x20 <= ord(char) & 0x7F < 0x7F)  # noqa: PLR2004
            hidden.append(Hidden(match.start(), match.end(), "unicode-tags", says))
        elif run[0] in "\u202d\u202e":
            hidden.append(Hidden(match.start(), match.end(), "bidi-override", run.strip("\u202c\u202d\u202e")[::-1]))
        elif any(first in block for block in SELECTORS):
            data = bytes(_selector_value(ord(char)) for char in run)
            hidden.append(Hidden(match.start(), match.end(), "variation-selectors", data.decode("ascii", "ignore")))
        else:
            hidden.append(Hidden(match.start(), match.end(), "zero-width", _read_bits(run)))
    return hidden


def _selector_value(code: int) -> int:
    return code - 0xFE00 if code < 0xFF00 else code - 0xE0100 + 16  # noqa: PLR2004


_BITS_MIN = 32
_MOST_SPELLED = 4096


def _read_bits(run: str) -> str:
    """Read a long run of two different invisible characters as bits, eight a letter, either way around."""
    symbols = sorted(set(run))
    if len(run) < _BITS_MIN or len(symbols) != 2:  # noqa: PLR2004
        return ""
    for zero in symbols:
        bits = "".join("0" if char == zero else "1" for char in run[: 8 * _MOST_SPELLED])
        text = "".join(chr(int(bits[at : at + 8], 2)) for at in range(0, len(bits) - 7, 8))
        if text.isascii() and text.isprintable():
            return text
    return ""


# --- rewriting words -------------------------------------------------------------------------------------------------


def _rewrite(
    text: str,
    places: Sequence[int],
    pattern: re.Pattern[str],
    rewrite: Callable[[str], str],
    tricks: set[str],
    trick: str,
) -> tuple[str, Sequence[int]]:
    """Rewrite every match of ``pattern``, keeping the places, and note the trick if anything changed."""
    parts: list[str] = []
    moved: list[int] = []
    done = 0
    for match in pattern.finditer(text):
        new = rewrite(match.group())
        if new == match.group():
            continue
        parts += [text[done : match.start()], new]
        moved.extend(places[done : match.start()])
        # A rewritten word is one unit: its last character ends where the original ended.
        moved.extend([places[match.start()]] * (len(new) - 1) + [places[match.end() - 1]])
        done = match.end()
        tricks.add(trick)
    if not done:
        return text, places
    moved.extend(places[done:])
    return "".join(parts) + text[done:], moved


def _join_words(match: str) -> str:
    return " ".join(word.replace(" ", "") for word in re.split(r" {2,}", match))


def _join_letters(match: str) -> str:
    return re.sub(r"[ .\-_*]", "", match)


def _read_leet(word: str, is_word: Callable[[str], bool]) -> str:
    """Read a word with digits in place of letters, if that makes it one."""
    if not _LEET_MARK.search(word) or word.isdigit():
        return word
    tail = len(word) - len(word.rstrip("!|+")) if word[-1] in "!|+" else 0
    body = word[: len(word) - tail] if tail else word
    for table in (_LEET, str.maketrans("1", "l") | _LEET):
        read = body.lower().translate(table)
        if read.isalpha() and is_word(read) and not is_word(body.lower()):
            return read + word[len(word) - tail :] if tail else read
    return word
