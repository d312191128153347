"""Find the constitutions that matter to a case: those of its weakness, nearest examples first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Retrieved
from bluecode_lint.core.weaknesses import family_of
from bluecode_lint.knowledge.constitutions import load_constitutions
from bluecode_lint.knowledge.excerpt import excerpt_of
from bluecode_lint.knowledge.exemplars import SIDES, Exemplars, Neighbour, open_exemplars
from bluecode_lint.knowledge.pairs import load_pairs, pair_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.core.model import Case, Constitution
    from bluecode_lint.core.protocols import Parser
    from bluecode_lint.knowledge.pairs import Pair

EXEMPLARS_A_SIDE = 3
"""How many nearest unsafe and nearest safe exemplars describe a case; three and three, as in the paper."""

NOVELTY_THRESHOLD = 0.30
"""Below this cosine to its nearest exemplar a case is called novel.

Chosen from data: of 173 library functions that have nothing to do with security 95 % lie below 0.28, and of pairs left
out of the knowledge base those below 0.25 have a neighbour of the right family in 16 % of cases, those above in 68 %.
"""

_RELATED = 0.5
_VECTORS_KEPT = 32
_POOL = 512
"""Exemplars a side that may lend a constitution their similarity."""


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The exemplars nearest to a case, both sides."""

    unsafe: tuple[Neighbour, ...]
    safe: tuple[Neighbour, ...]

    @property
    def similarity(self) -> float:
        """Give the cosine to the nearest exemplar of either side; 0 if there is none."""
        return max((neighbour.similarity for neighbour in (*self.unsafe, *self.safe)), default=0.0)

    @property
    def is_novel(self) -> bool:
        """Tell whether the case is unlike anything known."""
        return self.similarity < NOVELTY_THRESHOLD


class ConstitutionRetriever:
    """Ranks constitutions by the similarity of their examples to the code around a finding.

    Only constitutions of the finding's CWE and its family are offered: a principle about another weakness says nothing
    about this one, however alike the code. A score is the cosine to the nearest example, halved for another CWE of
    the family. Those without a near example score 0, the generic principle of each family among them.
    """

    def __init__(self, exemplars: Exemplars, constitutions: Sequence[Constitution]) -> None:
        """Retrieve among ``constitutions``, whose ``examples`` are pair ids of ``exemplars``."""
        self._exemplars = exemplars
        self.constitutions = {constitution.id: constitution for constitution in constitutions}
        """All of them, by id."""
        self._embed_once = lru_cache(maxsize=_VECTORS_KEPT)(self._embed)
        self._families: dict[str, list[Constitution]] = {}
        for constitution in constitutions:
            if constitution.domain == "code":
                self._families.setdefault(family_of(constitution.cwe), []).append(constitution)

    def retrieve(self, case: Case, *, count: int = 6) -> tuple[Retrieved, ...]:
        """Give at most ``count`` constitutions, best first; at equal score those of the very CWE first, then by id."""
        candidates = self._families.get(family_of(case.finding.cwe), [])
        if not candidates or count <= 0:
            return ()
        vector = self._vector_of(case)
        best = self._exemplars.similarities(vector, _POOL) if any(vector) else {}
        scored = [Retrieved(each, _score(each, case.finding.cwe, best)) for each in candidates]
        scored.sort(key=lambda item: (-item.score, item.constitution.cwe != case.finding.cwe, item.constitution.id))
        return tuple(scored[:count])

    def neighbourhood(self, case: Case, *, count: int = EXEMPLARS_A_SIDE) -> Neighbourhood:
        """Give the exemplars nearest to a case, whatever their CWE, and with them whether the case is novel."""
        vector = self._vector_of(case)
        near = [each for side in SIDES for each in self._exemplars.nearest(vector, side, count)] if any(vector) else []
        return Neighbourhood(
            unsafe=tuple(neighbour for neighbour in near if neighbour.side == "unsafe"),
            safe=tuple(neighbour for neighbour in near if neighbour.side == "safe"),
        )

    def _vector_of(self, case: Case) -> Sequence[float]:
        """Embed the code around a claim, once for all claims of one function."""
        excerpt = excerpt_of(case.artifact, case.finding.location.region)
        return self._embed_once(excerpt)

    def _embed(self, excerpt: str) -> Sequence[float]:
        (vector,) = self._exemplars.embedder.embed([excerpt])
        return vector


def _score(constitution: Constitution, cwe: int, similarities: Mapping[str, float]) -> float:
    nearest = max((similarities.get(example, 0.0) for example in constitution.examples), default=0.0)
    return nearest if constitution.cwe == cwe else nearest * _RELATED


def open_retriever(
    root: Path, parse: Parser, *, cache: Path | None = None, extra: Sequence[Path] = (), exact: bool = False
) -> ConstitutionRetriever:
    """Open the retriever over ``root`` (see `rules_root`) and over ``extra`` knowledge directories of the user.

    Raises:
        RulesError: A file there is malformed, or two directories give one id.
    """
    files = [file for folder in (root, *extra) for file in pair_files(folder)]
    exemplars = open_exemplars(files, root / "schema", parse, cache, exact=exact)
    constitutions = [
        constitution
        for folder in (root, *extra)
        for constitution in load_constitutions(folder, root / "schema", cache=cache)
    ]
    twice = [name for name, count in Counter(constitution.id for constitution in constitutions).items() if count > 1]
    if twice:
        message = f"the constitution {min(twice)} is given by two directories"
        raise RulesError(message)
    return ConstitutionRetriever(exemplars, constitutions)


def open_examples(
    root: Path, retriever: ConstitutionRetriever, extra: Sequence[Path] = ()
) -> Callable[[Case], tuple[str, ...]]:
    """Open the raw examples behind the constitutions: gives those nearest to a case as texts, the nearest first.

    Raises:
        RulesError: A file under ``root`` or ``extra`` is malformed.
    """
    files = [file for folder in (root, *extra) for file in pair_files(folder)]
    pairs = {pair.id: pair for pair in load_pairs(files, root / "schema")}

    def nearest(case: Case) -> tuple[str, ...]:
        found = retriever.neighbourhood(case)
        near = sorted((*found.unsafe, *found.safe), key=lambda each: (-each.similarity, each.pair_id, each.side))
        return tuple(_example(pairs[each.pair_id], each) for each in near if each.pair_id in pairs)

    return nearest


def _example(pair: Pair, neighbour: Neighbour) -> str:
    unsafe = neighbour.side == "unsafe"
    code = pair.unsafe_code if unsafe else pair.safe_code
    return f"[{pair.id}] {'insecure' if unsafe else 'secure'}, CWE-{pair.cwe}:\n{code.strip()}"
