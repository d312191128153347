"""What is known of words: the concepts they belong to, and vectors that place words of like meaning near each other."""

from __future__ import annotations

import base64
import json
import re
from array import array
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[\u3040-\u30ff\u4e00-\u9fff]|[^\W\d_A-Za-z]+(?:[a-z]+)?")
_APOSTROPHE = re.compile(r"(?<=[a-z])['\u2019](?=(?:t|s|re|ll|ve|d|m)\b)")
NEGATORS = frozenset(
    {
        "not",
        "no",
        "never",
        "none",
        "neither",
        "nor",
        "without",
        "avoid",
        "avoids",
        "prevent",
        "prevents",
        "prevented",
        "refuse",
        "don",
        "dont",
        "cannot",
        "cant",
        "won",
        "shouldn",
        "mustn",
        "isn",
        "aren",
        "doesn",
        "nicht",
        "kein",
        "nie",
        "sin",
        "nunca",
        "ne",
        "jamais",
        "instead",
        "against",
        "stop",
        "stops",
    }
)
_NEGATION_REACH = 4
"""A concept within this many words after a negator counts as negated."""
_PHRASE_WORDS_MAX = 5
_STEM_KEY = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text, lower-case, and where it stands."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention:
    """A concept met in a text, with where, and whether a negator stands before it."""

    concept: str
    start: int
    end: int
    negated: bool


def words_of(text: str) -> list[Word]:
    """Split at everything but letters and digits, and inside identifiers at case and underscores.

    Each Chinese or Japanese character is a word of its own.
    """
    plain = _APOSTROPHE.sub(" ", text)
    return [Word(match.group().lower(), match.start(), match.end()) for match in _WORD.finditer(plain)]


class Concepts:
    """Finds concepts in texts by words and phrases."""

    def __init__(self, lists: Mapping[str, str]) -> None:
        """Read ``lists``, from a concept to its comma-separated phrases (see ``concepts.yaml``)."""
        self.names = tuple(sorted(lists))
        self._exact: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._stems: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for concept, phrases in lists.items():
            for phrase in phrases.split(","):
                words = tuple(_phrase_words(phrase))
                if words:
                    index, key = (self._stems, words[0][:_STEM_KEY]) if "*" in words[0] else (self._exact, words[0])
                    index.setdefault(key, []).append((words, concept))

    def find(self, words: Sequence[Word]) -> list[Mention]:
        """Give every mention, in order; one phrase may mention several concepts."""
        texts = [word.text for word in words]
        mentions = []
        last_negator = -_NEGATION_REACH - 1
        for at, text in enumerate(texts):
            for phrase, concept in self._candidates(text):
                if _matches(phrase, texts, at):
                    end = words[at + len(phrase) - 1].end
                    mentions.append(Mention(concept, words[at].start, end, at - last_negator <= _NEGATION_REACH))
            if text in NEGATORS:
                last_negator = at
        return mentions

    def knows(self, word: str) -> bool:
        """Tell whether a word alone mentions a concept."""
        return any(len(phrase) == 1 for phrase, _ in self._candidates(word))

    def _candidates(self, text: str) -> tuple[tuple[tuple[str, ...], str], ...]:
        found = _candidate_cache.get((id(self), text))
        if found is None:
            starts = self._stems.get(text[:_STEM_KEY], ())
            found = (*self._exact.get(text, ()), *(item for item in starts if text.startswith(item[0][0][:-1])))
            if len(_candidate_cache) < _CACHED_WORDS:
                _candidate_cache[id(self), text] = found
        return found


_candidate_cache: dict[tuple[int, str], tuple[tuple[tuple[str, ...], str], ...]] = {}
_CACHED_WORDS = 50_000


def _phrase_words(phrase: str) -> Iterator[str]:
    for part in phrase.replace("'", " ").replace("\u2019", " ").split():
        if part == "_":
            yield part
            continue
        pieces = [word.text for word in words_of(part.rstrip("*"))]
        yield from pieces[:-1]
        if pieces:
            yield pieces[-1] + ("*" if part.endswith("*") else "")


def _matches(phrase: tuple[str, ...], texts: Sequence[str], at: int) -> bool:
    if at + len(phrase) > len(texts):
        return False
    for wanted, text in zip(phrase, texts[at : at + len(phrase)], strict=True):
        if wanted in {"_", text} or (wanted[-1] == "*" and text.startswith(wanted[:-1])):
            continue
        return False
    return True


class WordVectors:
    """The distilled table (see `distill`): a vector for each word piece, and so for each word."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the JSON document of the table."""
        self.dimension: int = document["dimension"]
        self._at = {piece: index for index, piece in enumerate(document["pieces"].split(" "))}
        self._table = array("b", base64.b64decode(document["vectors"]))
        self._of = lru_cache(maxsize=20_000)(self._look_up)

    @classmethod
    def load(cls, path: Path) -> WordVectors:
        """Read the table from its file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def knows(self, word: str) -> bool:
        """Tell whether it is a whole word of the table."""
        return word in self._at

    def of(self, word: str) -> Sequence[float] | None:
        """Give a word's vector, the mean of its pieces if it has several; None for one in an unknown script."""
        return self._of(word)

    def _look_up(self, word: str) -> Sequence[float] | None:
        rows = [
            self._table[index * self.dimension : (index + 1) * self.dimension]
            for index in (self._at[piece] for piece in self._pieces(word))
        ]
        if not rows:
            return None
        scale = 1 / (64 * len(rows))
        return tuple(scale * sum(column) for column in zip(*rows, strict=True))

    def _pieces(self, word: str) -> list[str]:
        """Cut a word greedily into the longest pieces known, as the encoder's tokenizer does."""
        if word in self._at:
            return [word]
        pieces = []
        start = 0
        while start < len(word) and len(word) <= _WORD_CHARS_MAX:
            for end in range(len(word), start, -1):
                piece = word[start:end] if start == 0 else "##" + word[start:end]
                if piece in self._at:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return []
        return pieces


_WORD_CHARS_MAX = 40
