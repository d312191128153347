"""A prober that does not attack again what was attacked before in the same surroundings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.cache.recall import key_of, recall
from bluecode_lint.core.documents import (
    answer_to_document,
    confirmation_from_document,
    confirmation_to_document,
)
from bluecode_lint.core.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluecode_lint.core.model import Artifact, Confirmation, Finding
    from bluecode_lint.core.protocols import Laboratory, Prober, Shelf


class CachedProber:
    """Asks a prober about what it was not asked about before. What a model wrote is always carried out.

    ``surroundings`` names what else of the project an execution of a file depends on, ``lasts`` tells which
    confirmations another run would come to again.
    """

    def __init__(
        self,
        inner: Prober,
        laboratory: Laboratory,
        shelf: Shelf,
        *,
        surroundings: Callable[[Artifact], str],
        lasts: Callable[[Confirmation], bool],
    ) -> None:
        """Put ``shelf`` in front of ``inner``."""
        self._inner = inner
        self._laboratory = laboratory
        self._shelf = shelf
        self._surroundings = surroundings
        self._lasts = lasts

    @property
    def probed_cwes(self) -> frozenset[int]:
        """Give the CWEs it can attack."""
        return self._inner.probed_cwes

    def confirm(self, finding: Finding, artifact: Artifact) -> Confirmation:
        """Give what was shown before, or attack.

        Raises:
            SandboxUnavailableError: The sandbox itself failed.
        """
        key = key_of(answer_to_document(finding), artifact.sha256, self._surroundings(artifact))
        kept = recall(self._shelf, key, confirmation_from_document)
        if kept is not None:
            return kept
        confirmation = self._inner.confirm(finding, artifact)
        if confirmation.outcome is not Outcome.NOT_RUN and self._lasts(confirmation):
            self._shelf.put({key: confirmation_to_document(confirmation)})
        return confirmation

    def experiment(self, finding: Finding, artifact: Artifact, test: str) -> Confirmation:
        """Carry out a test (see `core.protocols.Laboratory`).

        Raises:
            SandboxUnavailableError: The sandbox itself failed.
        """
        return self._laboratory.experiment(finding, artifact, test)
