"""Measure retrieval: leave each structure out of the knowledge base and see what the rest would have given for it."""

from __future__ import annotations

from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from bluecode_lint.core.weaknesses import family_of
from bluecode_lint.knowledge.embedder import CodeEmbedder, weights_from
from bluecode_lint.knowledge.features import features_of
from bluecode_lint.knowledge.pairs import structure_of

if TYPE_CHECKING:
    from array import array
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from bluecode_lint.core.protocols import Parser
    from bluecode_lint.knowledge.pairs import Pair

NEAREST = 3
"""Exemplars in which the right weakness must be found."""


@dataclass(frozen=True, slots=True)
class RetrievalQuality:
    """Shares of left-out pairs, 0 to 1, judged by the unsafe side's code alone.

    ``hit_1`` and ``hit_3``: the pair's CWE among its nearest one or three exemplars. ``family_3``: a CWE of its family
    among three. ``mean_reciprocal_rank`` ranks the CWEs by their nearest exemplar. ``hit_3_by_cwe`` is per CWE.
    """

    pairs: int
    hit_1: float
    hit_3: float
    family_3: float
    mean_reciprocal_rank: float
    hit_3_by_cwe: Mapping[int, float]


def leave_one_out(pairs: Sequence[Pair], parse: Parser) -> RetrievalQuality:
    """Query with each pair's unsafe side; the pair itself and its structural twins are left out of the answer.

    Weights are counted once over everything, the queried pair and its family included: it hardly moves them, but the
    figures are that little too high.
    """
    sides = [(features_of(parse(pair.unsafe_code)), features_of(parse(pair.safe_code))) for pair in pairs]
    embedder = _embedder(pairs, sides, parse)
    vectors = [tuple(embedder.embed_features(features) for features in side) for side in sides]
    structures = [structure_of(pair.unsafe_code, parse) for pair in pairs]
    ranked = []
    for at in range(len(pairs)):
        rest = [other for other in range(len(pairs)) if structures[other] != structures[at]]
        nearness = {other: max(_cosine(vectors[at][0], vector) for vector in vectors[other]) for other in rest}
        ranked.append([pairs[other].cwe for other in sorted(rest, key=lambda other: (-nearness[other], other))])
    return _summary(pairs, ranked)


def _embedder(pairs: Sequence[Pair], sides: Sequence[tuple[Counter[str], Counter[str]]], parse: Parser) -> CodeEmbedder:
    groups: dict[str, list[Counter[str]]] = {}
    for pair, side in zip(pairs, sides, strict=True):
        groups.setdefault(family_of(pair.cwe), []).extend(side)
    return CodeEmbedder(parse, weights_from(groups))


def _cosine(first: array[float], second: array[float]) -> float:
    total: float = sum(map(mul, first, second))
    return total


def _summary(pairs: Sequence[Pair], ranked: Sequence[Sequence[int]]) -> RetrievalQuality:
    hits: dict[int, list[bool]] = {}
    first = family = 0
    reciprocal = 0.0
    for pair, cwes in zip(pairs, ranked, strict=True):
        hits.setdefault(pair.cwe, []).append(pair.cwe in cwes[:NEAREST])
        first += pair.cwe in cwes[:1]
        family += family_of(pair.cwe) in {family_of(cwe) for cwe in cwes[:NEAREST]}
        distinct = list(dict.fromkeys(cwes))
        reciprocal += 1.0 / (distinct.index(pair.cwe) + 1) if pair.cwe in distinct else 0.0
    count = max(1, len(pairs))
    return RetrievalQuality(
        pairs=len(pairs),
        hit_1=first / count,
        hit_3=sum(map(sum, hits.values())) / count,
        family_3=family / count,
        mean_reciprocal_rank=reciprocal / count,
        hit_3_by_cwe={cwe: sum(found) / len(found) for cwe, found in sorted(hits.items())},
    )
