"""The local embedder: signed feature hashing of code features, weighted by how few kinds of weakness share each.

Hashing after Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning": a feature's hash gives its
coordinate and a sign, so that collisions cancel in expectation. Deterministic: no training, no download, no numpy.
"""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bluecode_lint.knowledge.features import features_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bluecode_lint.core.protocols import Parser

DIMENSION = 384
EMBEDDER_VERSION = "code-hash-1"
"""Raised whenever the same text would get another vector."""

# How much a kind of feature tells, beside its rarity. Chosen by leave-one-out search over the knowledge base, then
# drawn back towards what a reader would expect (calls and arguments: near-identical code must stay near).
_KIND_WEIGHTS: Mapping[str, float] = {
    "call": 0.6,
    "method": 1.0,
    "argument": 0.4,
    "keyword": 0.7,
    "api": 1.3,
    "literal": 1.2,
    "built": 1.3,
    "decorator": 0.6,
    "concept": 0.8,
    "word": 0.5,
    "text": 0.7,
    "constant": 1.0,
    "flow": 0.1,
    "branch": 1.5,
    "compare": 1.0,
    "except": 2.0,
    "assign": 1.0,
    "index": 0.9,
}


@dataclass(frozen=True, slots=True)
class FeatureWeights:
    """In how many of ``families`` groups of texts (families of weaknesses) each feature occurs.

    Counting groups instead of texts keeps a feature heavy that is common within one weakness and unknown elsewhere.
    """

    frequencies: Mapping[str, int]
    families: int

    @property
    def digest(self) -> str:
        """Give a short hash that changes with any weight."""
        body = json.dumps([self.families, sorted(self.frequencies.items())], separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()[:12]

    def of(self, feature: str) -> float:
        """Weigh one feature: its smoothed inverse frequency times what its kind tells; never zero."""
        rarity = math.log((2 + self.families) / (1 + self.frequencies.get(feature, 0)))
        return rarity * _KIND_WEIGHTS[feature.partition(":")[0]]


UNWEIGHTED = FeatureWeights({}, 0)


def weights_from(groups: Mapping[str, Iterable[Collection[str]]]) -> FeatureWeights:
    """Count in how many groups of texts (given as their features) each feature occurs.

    One known to a single group is as rare as an unknown one and left out.
    """
    counts: Counter[str] = Counter()
    for texts in groups.values():
        counts.update(set().union(*texts))
    return FeatureWeights({feature: count for feature, count in sorted(counts.items()) if count > 1}, len(groups))


class CodeEmbedder:
    """Embeds Python text. Vectors have `DIMENSION` components; similar code has a cosine near 1."""

    def __init__(self, parse: Parser, weights: FeatureWeights = UNWEIGHTED) -> None:
        """Embed with ``weights`` from the knowledge base, or with none."""
        self._parse = parse
        self._weights = weights
        self._id = f"{EMBEDDER_VERSION}-{DIMENSION}-{weights.digest}"

    @property
    def id(self) -> str:
        """Name the embedder and the weights it uses."""
        return self._id

    @property
    def dimension(self) -> int:
        """Give the number of components of a vector."""
        return DIMENSION

    def embed(self, texts: Sequence[str]) -> list[array[float]]:
        """Give one unit vector a text (all zeros for a text without features)."""
        return [self.embed_features(features_of(self._parse(text))) for text in texts]

    def embed_features(self, features: Mapping[str, int]) -> array[float]:
        """Give the vector of a text whose features were counted before."""
        vector = array("d", bytes(8 * DIMENSION))
        for feature, count in features.items():
            weight = self._weights.of(feature) * (1.0 + math.log(count))
            slot, sign, second_slot, second_sign = _places(feature)
            vector[slot] += sign * weight
            vector[second_slot] += second_sign * weight
        length = math.sqrt(math.fsum(component * component for component in vector))
        return array("d", [component / length for component in vector]) if length else vector


@lru_cache(maxsize=65_536)
def _places(feature: str) -> tuple[int, float, int, float]:
    """Hash a feature to two (coordinate, sign) places: two make a full collision of two features improbable."""
    digest = hashlib.blake2b(feature.encode("utf-8", errors="replace"), digest_size=8).digest()
    first, second = int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:], "big")
    return (
        (first >> 1) % DIMENSION,
        1.0 if first & 1 else -1.0,
        (second >> 1) % DIMENSION,
        1.0 if second & 1 else -1.0,
    )
