"""Which analyzers a scan has, each opened when it has to look: with a cache that may be never."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import cache, cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import AnalyzerUnavailableError
from bluecode_lint.knowledge.catalogue import rules_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.analyzers.bandit import BanditAnalyzer
    from bluecode_lint.analyzers.manipulation import ManipulationAnalyzer
    from bluecode_lint.analyzers.semgrep import SemgrepAnalyzer
    from bluecode_lint.cli.shelves import Shelves
    from bluecode_lint.core.model import Artifact, Rule
    from bluecode_lint.core.protocols import Analyzer, Shelf


class Analysis:
    """Opens the analyzers. ``knowledge`` are the user's own directories of it, ``jobs`` the workers of each tool.

    ``uris`` are all files of the project, whichever of them an analyzer has to look at.
    """

    def __init__(
        self,
        rules: Mapping[str, Rule],
        *,
        jobs: int = 1,
        threat_model: str = "auto",
        knowledge: Sequence[Path] = (),
        uris: Sequence[str] = (),
    ) -> None:
        """Keep what the analyzers are opened with."""
        self._rules = rules
        self._jobs = jobs
        self._threat_model = threat_model
        self._knowledge = knowledge
        self._uris = sorted(uris)

    def make_analyzers(self, shelves: Shelves) -> tuple[Analyzer, ...]:
        """Put what is kept before each analyzer; external tools first, so that they run while we work.

        Raises:
            AnalyzerUnavailableError: Bandit or Semgrep is not installed, whether it would have to look or not.
        """
        for name in _EXTERNAL:
            _find_program(name)
        names = hashlib.sha256("\n".join(self._uris).encode("utf-8", "surrogatepass")).hexdigest()
        shared = _Once(lambda: _SharedReadings(shelves.shelf("plain")))
        flow = partial(self._open_flow, shared, shelves.shelf("module", self._threat_model))
        return (
            shelves.before("semgrep", self.open_semgrep),
            shelves.before("bandit", self.open_bandit),
            shelves.before("flow", flow, self._threat_model, together=True),
            shelves.before("misuse", partial(self._open_misuse, shared), names),
            shelves.before("manipulation", lambda: self._manipulation),
            shelves.before("knowledge", partial(self._open_shapes, shared)),
        )

    def open_semgrep(self) -> SemgrepAnalyzer:
        """Open Semgrep, without looking whether it is there."""
        from bluecode_lint.analyzers.semgrep import SemgrepAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return SemgrepAnalyzer(rules_root(), self._rules, jobs=self._jobs)

    def open_bandit(self) -> BanditAnalyzer:
        """Open Bandit, without looking whether it is there."""
        from bluecode_lint.analyzers.bandit import BanditAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return BanditAnalyzer(rules_root(), self._rules, jobs=self._jobs)

    def addresses_reviewer(self, artifact: Artifact) -> bool:
        """Tell whether a file holds text aimed at whoever reviews it."""
        return self._manipulation.addresses_reviewer(artifact)

    # In this process: with Bandit and Semgrep on the other processors, workers of its own cost more than they give.
    def _open_flow(self, shared: _Once, shelf: Shelf | None) -> Analyzer:
        from bluecode_lint.analyzers.flow import FlowAnalyzer  # noqa: PLC0415  # lazy: start-up time

        model, readings = self._threat_model, shared()
        return readings.plainly(
            FlowAnalyzer(rules_root(), self._rules, threat_model=model, lowered=readings.lowered, shelf=shelf)
        )

    def _open_misuse(self, shared: _Once) -> Analyzer:
        from bluecode_lint.analyzers.misuse import MisuseAnalyzer  # noqa: PLC0415  # lazy: start-up time

        readings = shared()
        return readings.plainly(MisuseAnalyzer(rules_root(), self._rules, lowered=readings.lowered, uris=self._uris))

    def _open_shapes(self, shared: _Once) -> Analyzer:
        """Open what knows the functions of the knowledge base, and reads what resembles them plainly."""
        from bluecode_lint.analyzers.known_shapes import KnownShapeAnalyzer  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.analyzers.plain import PlainTextAnalyzer  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.knowledge.shapes import open_shapes  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.sources.plain import parse_plainly, plain_functions  # noqa: PLC0415  # lazy: start-up time

        known = cache(partial(open_shapes, rules_root(), self._knowledge, parse_plainly))

        def plainly(artifact: Artifact) -> Artifact:
            plain = shared().plain(artifact)
            return plain_functions(plain, known().resembling(plain.syntax))

        return PlainTextAnalyzer(KnownShapeAnalyzer(self._rules, lambda: known().recognise), plainly, instead=True)

    @cached_property
    def _manipulation(self) -> ManipulationAnalyzer:
        from bluecode_lint.analyzers.manipulation import ManipulationAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return ManipulationAnalyzer(rules_root(), self._rules)


class _Once:
    """Makes what several analyzers share when the first of them asks; the others wait."""

    def __init__(self, make: Callable[[], _SharedReadings]) -> None:
        self._make = make
        self._made: _SharedReadings | None = None
        self._lock = Lock()

    def __call__(self) -> _SharedReadings:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made


class _SharedReadings:
    """What several analyzers read of a file alike: its plain form, and its lowered module."""

    def __init__(self, shelf: Shelf | None) -> None:
        from bluecode_lint.analyzers.lowered import LoweredModules  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.sources.plain import PlainArtifacts  # noqa: PLC0415  # lazy: start-up time

        self.lowered = LoweredModules()
        self.plain = PlainArtifacts(shelf)

    def plainly(self, analyzer: Analyzer) -> Analyzer:
        from bluecode_lint.analyzers.plain import PlainTextAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return PlainTextAnalyzer(analyzer, self.plain)


def external_programs() -> Iterator[Path]:
    """Find those of the external tools that are installed."""
    for name in _EXTERNAL:
        with suppress(AnalyzerUnavailableError):  # whoever needs it says so
            yield _find_program(name)


_EXTERNAL = ("bandit", "semgrep")


def _find_program(name: str) -> Path:
    from bluecode_lint.analyzers.process import find_executable  # noqa: PLC0415  # lazy: start-up time

    return find_executable(name)
