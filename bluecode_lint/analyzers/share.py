"""Have an analyzer report on a share of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.model import Notification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bluecode_lint.core.model import Artifact, Clearance, Finding
    from bluecode_lint.core.protocols import Analyzer


class ShareAnalyzer:
    """Shows an analyzer the files of a share; one that ``reads_all`` sees every file, and what it says is sifted."""

    def __init__(self, inner: Analyzer, holds: Callable[[str], bool], *, reads_all: bool = False) -> None:
        """Wrap ``inner``; ``holds`` tells whether a file, by its uri, is of the share."""
        self._inner = inner
        self._holds = holds
        self._reads_all = reads_all

    @property
    def name(self) -> str:
        """Give the name of the analyzer that looks."""
        return self._inner.name

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Clearance | Notification]:
        """Report what is found in the share, and what is true of the whole run."""
        shown = artifacts if self._reads_all else [a for a in artifacts if self._holds(a.uri)]
        for item in self._inner.analyze(shown):
            uri = item.uri if isinstance(item, Notification) else item.location.uri
            if not uri or self._holds(uri):
                yield item
