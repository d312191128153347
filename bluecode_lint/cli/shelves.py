"""Puts what earlier runs found out in front of the parts of a scan."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.protocols import BatchReasoner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluecode_lint.cache import CacheStore
    from bluecode_lint.core.protocols import Analyzer, Prober, Reasoner, Retriever, Shelf
    from bluecode_lint.knowledge.retriever import ConstitutionRetriever
    from bluecode_lint.probes import AttackProber


class Shelves:
    """Gives each part of a scan its own place in a store; without a store every part stays as it is."""

    def __init__(self, store: CacheStore | None = None, state: str = "") -> None:
        """Use ``store``, for values that hold in ``state``."""
        self._store = store
        self._state = state

    @property
    def trouble(self) -> str:
        """Give why nothing is kept, if something is wrong."""
        return self._store.trouble if self._store is not None else ""

    def shelf(self, kind: str, *words: str) -> Shelf | None:
        """Give the place for values of one kind that depend on ``words`` of settings, too."""
        return None if self._store is None else self._store.shelf(kind, "\0".join((self._state, *words)))

    def before(self, name: str, open_analyzer: Callable[[], Analyzer], *words: str, together: bool = False) -> Analyzer:
        """Put a shelf before an analyzer that judges each file by itself, or all ``together``, and by ``words``.

        With a shelf the analyzer is opened only if it has to look.
        """
        from bluecode_lint.cache.analyzer import CachedAnalyzer, CachedBatchAnalyzer  # noqa: PLC0415  # lazy: start-up time

        shelf = self.shelf(name, *words)
        if shelf is None:
            return open_analyzer()
        return (CachedBatchAnalyzer if together else CachedAnalyzer)(name, open_analyzer, shelf)

    def before_prober(self, prober: AttackProber, root: Path, *words: str) -> Prober:
        """Put a shelf before a prober."""
        from bluecode_lint.cache.prober import CachedProber  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.probes.prober import is_lasting  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.sources.surroundings import Surroundings  # noqa: PLC0415  # lazy: start-up time

        shelf = self.shelf("confirmation", *words)
        if shelf is None:
            return prober
        return CachedProber(prober, prober, shelf, surroundings=Surroundings(root), lasts=is_lasting)

    def before_retriever(self, retriever: ConstitutionRetriever) -> Retriever:
        """Put a shelf before a retriever."""
        from bluecode_lint.cache.judging import CachedRetriever  # noqa: PLC0415  # lazy: start-up time

        shelf = self.shelf("retrieval")
        return retriever if shelf is None else CachedRetriever(retriever, retriever.constitutions, shelf)

    def before_reasoner(self, reasoner: Reasoner) -> Reasoner:
        """Put a shelf before a reasoner, unless a model stands behind it: what that wrote it keeps itself."""
        from bluecode_lint.cache.judging import CachedReasoner  # noqa: PLC0415  # lazy: start-up time

        shelf = self.shelf("verdict")
        return reasoner if shelf is None or isinstance(reasoner, BatchReasoner) else CachedReasoner(reasoner, shelf)


@contextmanager
def open_shelves(directory: Path, folders: tuple[Path, ...], programs: tuple[Path, ...]) -> Iterator[Shelves]:
    """Open the store in ``directory``; its values hold as long as our code, ``folders`` and ``programs`` stay.

    What is installed beside a program counts, too.
    """
    from bluecode_lint.cache import CacheStore, installed_state  # noqa: PLC0415  # lazy: start-up time

    package = Path(__file__).resolve().parent.parent
    store = CacheStore(directory)
    try:
        yield Shelves(store, installed_state((package, *folders), programs))
    finally:
        store.close()
