"""From a passage to numbers: its words, what it mentions in which order, the principles it breaks, its meaning."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.guard.predicates import NEAR_WORDS, breaks, satisfies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.core.model import Constitution
    from bluecode_lint.guard.lexicon import Word, WordVectors
    from bluecode_lint.guard.predicates import Passage

KIND_SCALES: Mapping[str, float] = {
    "w": 1.5,  # a word's stem
    "b": 1.05,  # two neighbouring stems
    "c": 1.0,  # a concept mentioned
    "n": 1.0,  # a concept negated
    "h": 0.8,  # a concept mentioned in the first words: what is asked for is mostly said there
    "p": 0.18,  # two concepts in one passage
    "q": 0.56,  # two concepts close to each other, in this order
    "x": 1.2,  # a pattern matched
    "k": 2.25,  # principles of a domain broken or satisfied
    "d": 1.2,  # how many different marks of a domain there are
}
"""How strongly a kind of feature may speak, before training weighs each of them."""

MARKS: Mapping[str, frozenset[str]] = {
    "malicious": frozenset({"harm_act", "malware_noun", "victim", "stealth", "gain", "personal_data"}),
    "biased": frozenset({"protected_group", "protected_attribute", "worth", "judge_by"}),
    "injected": frozenset({"ai_address", "override", "prior", "leak", "persona", "secrecy", "verdict", "sensitive"}),
}
"""What a harmful text of a domain mentions two or three of: a harm and whom it befalls, a judgment and of which group,
the model that reads and what it shall drop. An ordinary text uses one of these words by chance, seldom two."""
MARKS_MAX = 3

VECTOR_SCALE = 3.0
_STEM_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ies", "es", "ed", "s", "ly")
_STEM_MIN = 4


@dataclass(frozen=True, slots=True)
class Features:
    """What is seen in a passage: named features with their strengths, and one vector of length `VECTOR_SCALE` or 0.

    ``broken`` and ``satisfied`` are the constitutions it breaks, and those whose exception it meets.
    """

    named: Mapping[str, float]
    vector: Sequence[float]
    broken: tuple[Constitution, ...] = ()
    satisfied: tuple[Constitution, ...] = ()

    def is_unmarked(self, domain: str) -> bool:
        """Tell whether the passage mentions none of the marks of a domain."""
        return f"d:{domain}0" in self.named


class FeatureReader:
    """Reads passages into features."""

    def __init__(
        self, vectors: WordVectors, common: Mapping[str, float], constitutions: Sequence[Constitution]
    ) -> None:
        """Read with these vectors and principles; ``common`` maps frequent words to weights below 1."""
        self._vectors = vectors
        self._common = common
        self._constitutions = constitutions

    def read(self, passage: Passage) -> Features:
        """Give the features of one passage."""
        named: dict[str, float] = {}
        _add_words(passage.words, named)
        _add_mentions(passage, named)
        for pattern in passage.patterns:
            named[f"x:{pattern}"] = KIND_SCALES["x"]
        if passage.unseen:
            named["x:unseen"] = KIND_SCALES["x"]
        broken = tuple(c for c in self._constitutions if breaks(passage, c))
        satisfied = tuple(c for c in self._constitutions if c not in broken and satisfies(passage, c))
        for sign, constitutions in (("+", broken), ("-", satisfied)):
            for domain, count in Counter(c.domain for c in constitutions).items():
                named[f"k:{domain}{sign}"] = KIND_SCALES["k"] * min(count, 2) / 2
        return Features(named, self._mean(passage.words), broken, satisfied)

    def _mean(self, words: Sequence[Word]) -> Sequence[float]:
        rows = []
        for text, count in Counter(word.text for word in words).items():
            vector = self._vectors.of(text)
            if vector is not None:
                weight = self._common.get(text, 1.0) * count
                rows.append([weight * part for part in vector])
        if not rows:
            return [0.0] * self._vectors.dimension
        total = [sum(column) for column in zip(*rows, strict=True)]
        length = math.sqrt(math.fsum(part * part for part in total))
        return [VECTOR_SCALE * part / length for part in total] if length else total


def _add_words(words: Sequence[Word], named: dict[str, float]) -> None:
    stems = [stem(word.text) for word in words]
    # Damped by length, so that a long specification is not the sum of its common words.
    damping = 1.0 / math.sqrt(1.0 + len(stems) / 12)
    for name, count in Counter(stems).items():
        named[f"w:{name}"] = KIND_SCALES["w"] * damping * (1.0 + math.log(count))
    for (first, second), count in Counter(itertools.pairwise(stems)).items():
        named[f"b:{first} {second}"] = KIND_SCALES["b"] * damping * (1.0 + math.log(count))


def _add_mentions(passage: Passage, named: dict[str, float]) -> None:
    mentions = passage.mentions
    damping = 1.0 / math.sqrt(1.0 + len(passage.words) / 40)
    for kind, counts in (
        ("c", Counter(mention.concept for mention in mentions)),
        ("n", Counter(mention.concept for mention in mentions if mention.negated)),
    ):
        for concept, count in counts.items():
            named[f"{kind}:{concept}"] = KIND_SCALES[kind] * damping * (1.0 + math.log(count))
    plain = {mention.concept for mention in mentions if not mention.negated}
    for domain, marks in MARKS.items():
        named[f"d:{domain}{min(len(plain & marks), MARKS_MAX)}"] = KIND_SCALES["d"]
    head_end = passage.head_end
    for mention in itertools.takewhile(lambda mention: mention.start < head_end, mentions):
        named[f"h:{mention.concept}"] = KIND_SCALES["h"]
    for pair in itertools.combinations(sorted({mention.concept for mention in mentions}), 2):
        named["p:" + "+".join(pair)] = KIND_SCALES["p"]
    for pair_name in _near_pairs(passage):
        named[f"q:{pair_name}"] = KIND_SCALES["q"]


def _near_pairs(passage: Passage) -> set[str]:
    """Name the pairs of concepts that stand together, in their order, and apart those in which one is negated."""
    index = {word.start: at for at, word in enumerate(passage.words)}
    placed = [(index[mention.start], mention) for mention in passage.mentions]
    pairs: set[str] = set()
    for at, (place, mention) in enumerate(placed):
        for other_place, other in itertools.islice(placed, at + 1, at + 1 + 4 * NEAR_WORDS):
            if other_place - place > NEAR_WORDS:
                break
            if mention.concept != other.concept:
                sign = "-" if mention.negated or other.negated else ">"
                pairs.add(f"{mention.concept}{sign}{other.concept}")
    return pairs


def stem(word: str) -> str:
    """Cut the ending off a word."""
    for ending in _STEM_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_MIN:
            return word[: -len(ending)]
    return word
