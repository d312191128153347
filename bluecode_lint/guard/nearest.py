"""The known examples nearest to a text: which category it is like, and how much."""

from __future__ import annotations

import base64
import heapq
from array import array
from collections import Counter
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING, Any

from bluecode_lint.guard.features import VECTOR_SCALE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.guard.features import Features

NEIGHBOURS = 5
SHARED_WORD = 0.3
"""What a shared telling word (a rare one) adds to the cosine in the ranking."""
_UNSAFE = "u"
_INT8 = 127.0
_VOTE = 1000
"""A whole vote: of a neighbour that is identical, or of a word that stands in one category only."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A known example with the cosine between it and the text."""

    exemplar_id: str
    similarity: float


class KnownExamples:
    """Searches the vectors of the knowledge base, exactly: they are few, and only what is reported is looked up."""

    def __init__(self, document: Mapping[str, Any], advice: Mapping[str, Mapping[str, Mapping[str, str]]]) -> None:
        """Read ``exemplars`` of the classifier's document; ``advice`` names the categories."""
        self.advice = advice
        ids = document["ids"].split(" ")
        table = array("b", base64.b64decode(document["vectors"]))
        width = len(table) // len(ids)
        self._categories_of_word: dict[tuple[str, str], Counter[str]] = {}
        self._of_domain: dict[str, list[tuple[str, array[int], frozenset[str]]]] = {}
        for at, (exemplar_id, telling) in enumerate(zip(ids, document["telling"], strict=True)):
            domain, _, rest = exemplar_id.partition("-")
            if rest.rpartition("-")[2].startswith(_UNSAFE):
                vector = table[at * width : (at + 1) * width]
                self._of_domain.setdefault(domain, []).append((exemplar_id, vector, frozenset(telling.split())))
                for word in telling.split():
                    self._categories_of_word.setdefault((domain, word), Counter())[_category_of(exemplar_id)] += 1

    def nearest(self, features: Features | None, domain: str) -> list[Neighbour]:
        """Give the unsafe examples of a domain nearest to a passage, nearest first."""
        if features is None:
            return []
        vector = [part / (VECTOR_SCALE * _INT8) for part in features.vector]
        words = {name[2:] for name in features.named if name.startswith("w:")}
        scored = []
        for exemplar_id, known, telling in self._of_domain[domain]:
            cosine = sum(map(mul, vector, known))
            scored.append((cosine + SHARED_WORD * min(len(telling & words), 3), cosine, exemplar_id))
        best = heapq.nsmallest(NEIGHBOURS, scored, key=lambda item: (-item[0], item[2]))
        return [Neighbour(exemplar_id, cosine) for _, cosine, exemplar_id in best]

    def category(self, features: Features | None, nearest: Sequence[Neighbour], domain: str) -> str:
        """Give the category that the nearest examples and the telling words of a passage speak for."""
        votes: Counter[str] = Counter()
        for neighbour in nearest:
            votes[_category_of(neighbour.exemplar_id)] += round(_VOTE * max(neighbour.similarity, 0.0) ** 2)
        for name in features.named if features is not None else ():
            seen = self._categories_of_word.get((domain, name.removeprefix("w:")), Counter())
            total = seen.total()
            for category, count in seen.items() if total > 1 else ():
                votes[category] += round(_VOTE * (count / total) ** 2)
        return max(sorted(votes), key=lambda name: votes[name]) if votes else ""


def _category_of(exemplar_id: str) -> str:
    """Read ``gender-identity`` off ``biased-gender-identity-u03``."""
    return exemplar_id.partition("-")[2].rpartition("-")[0]
