"""A retriever and a reasoner that do not work out again what depends on the same case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluecode_lint.cache.recall import key_of, recall
from bluecode_lint.core.documents import (
    answer_to_document,
    confirmation_to_document,
    verdict_from_document,
    verdict_to_document,
)
from bluecode_lint.core.model import Retrieved

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.core.model import Case, Constitution, Verdict
    from bluecode_lint.core.protocols import Reasoner, Retriever, Shelf


class CachedRetriever:
    """Asks a retriever about cases it was not asked about before. ``constitutions`` has all it can give, by id."""

    def __init__(self, inner: Retriever, constitutions: Mapping[str, Constitution], shelf: Shelf) -> None:
        """Put ``shelf`` in front of ``inner``."""
        self._inner = inner
        self._constitutions = constitutions
        self._shelf = shelf

    def retrieve(self, case: Case, *, count: int = 6) -> Sequence[Retrieved]:
        """Give at most ``count`` constitutions, best first."""
        key = key_of(answer_to_document(case.finding), case.artifact.sha256, count)
        kept = recall(self._shelf, key, self._read)
        if kept is not None:
            return kept
        retrieved = self._inner.retrieve(case, count=count)
        self._shelf.put({key: [[each.constitution.id, each.score] for each in retrieved]})
        return retrieved

    def _read(self, value: Any) -> tuple[Retrieved, ...]:  # noqa: ANN401  # JSON
        return tuple(Retrieved(self._constitutions[name], float(score)) for name, score in value)


class CachedReasoner:
    """Asks a reasoner whose verdict follows from the case alone about cases that are new to it."""

    def __init__(self, inner: Reasoner, shelf: Shelf) -> None:
        """Put ``shelf`` in front of ``inner``."""
        self._inner = inner
        self._shelf = shelf

    @property
    def name(self) -> str:
        """Give the name of the reasoner that judges."""
        return self._inner.name

    def judge(self, case: Case, retrieved: Sequence[Retrieved]) -> Verdict:
        """Give the verdict there is, or have the case judged."""
        key = key_of(
            answer_to_document(case.finding),
            case.artifact.sha256,
            case.rule.id,
            confirmation_to_document(case.confirmation),
            [[each.constitution.id, each.score] for each in retrieved],
        )
        kept = recall(self._shelf, key, verdict_from_document)
        if kept is not None:
            return kept
        verdict = self._inner.judge(case, retrieved)
        self._shelf.put({key: verdict_to_document(verdict)})
        return verdict
