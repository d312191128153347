"""Which analyzers a scan has, each opened when it has to look: with a cache that may be never."""

from __future__ import annotations

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
    """Opens the analyzers. ``knowledge`` are the user's own directories of it, ``jobs`` the workers of each tool."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        *,
        jobs: int = 1,
        threat_model: str = "auto",
        knowledge: Sequence[Path] = (),
    ) -> None:
        """Keep what the analyzers are opened with."""
        self._rules = rules
        self._jobs = jobs
        self._threat_model = threat_model
        self._knowledge = knowledge
        self._readings: _SharedReadings | None = None
        self._lock = Lock()

    def make_analyzers(self, shelves: Shelves) -> tuple[Analyzer, ...]:
        """Put what is kept before each analyzer; external tools first, so that they run while we work.

        Raises:
            AnalyzerUnavailableError: Bandit or Semgrep is not installed, whether it would have to look or not.
        """
        for name in _EXTERNAL:
            _find_program(name)
        modules = partial(shelves.shelf, "module", self._threat_model)
        return (
            shelves.before("semgrep", self.open_semgrep),
            shelves.before("bandit", self.open_bandit),
            shelves.before_batch("flow", partial(self._open_flow, modules), self._threat_model),
            shelves.before("misuse", self._open_misuse, in_project=True),
            shelves.before("manipulation", lambda: self._manipulation),
            shelves.before("knowledge", self._open_shapes),
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
    def _open_flow(self, open_shelf: Callable[[], Shelf | None]) -> Analyzer:
        from bluecode_lint.analyzers.flow import FlowAnalyzer  # noqa: PLC0415  # lazy: start-up time

        shared, model = self._shared, self._threat_model
        flow = FlowAnalyzer(rules_root(), self._rules, threat_model=model, lowered=shared.lowered, shelf=open_shelf())
        return shared.plainly(flow)

    def _open_misuse(self) -> Analyzer:
        from bluecode_lint.analyzers.misuse import MisuseAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return self._shared.plainly(MisuseAnalyzer(rules_root(), self._rules, lowered=self._shared.lowered))

    def _open_shapes(self) -> Analyzer:
        """Open what knows the functions of the knowledge base, and reads what resembles them plainly."""
        from bluecode_lint.analyzers.known_shapes import KnownShapeAnalyzer  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.analyzers.plain import PlainTextAnalyzer  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.knowledge.shapes import open_shapes  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.sources.plain import parse_plainly, plain_artifact, plain_functions  # noqa: PLC0415  # lazy: start-up time

        known = cache(partial(open_shapes, rules_root(), self._knowledge, parse_plainly))

        def plainly(artifact: Artifact) -> Artifact:
            plain = plain_artifact(artifact)
            return plain_functions(plain, known().resembling(plain.syntax))

        return PlainTextAnalyzer(KnownShapeAnalyzer(self._rules, lambda: known().recognise), plainly, instead=True)

    @property
    def _shared(self) -> _SharedReadings:
        with self._lock:
            if self._readings is None:
                self._readings = _SharedReadings()
            return self._readings

    @cached_property
    def _manipulation(self) -> ManipulationAnalyzer:
        from bluecode_lint.analyzers.manipulation import ManipulationAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return ManipulationAnalyzer(rules_root(), self._rules)


class _SharedReadings:
    """What two analyzers read of a file alike: its plain text, and its lowered module."""

    def __init__(self) -> None:
        from bluecode_lint.analyzers.lowered import LoweredModules  # noqa: PLC0415  # lazy: start-up time
        from bluecode_lint.sources.plain import plain_artifact  # noqa: PLC0415  # lazy: start-up time

        self.lowered = LoweredModules()
        self._plain = cache(plain_artifact)

    def plainly(self, analyzer: Analyzer) -> Analyzer:
        from bluecode_lint.analyzers.plain import PlainTextAnalyzer  # noqa: PLC0415  # lazy: start-up time

        return PlainTextAnalyzer(analyzer, self._plain)


def external_programs() -> Iterator[Path]:
    """Find those of the external tools that are installed."""
    for name in _EXTERNAL:
        with suppress(AnalyzerUnavailableError):  # whoever needs it says so
            yield _find_program(name)


_EXTERNAL = ("bandit", "semgrep")


def _find_program(name: str) -> Path:
    from bluecode_lint.analyzers.process import find_executable  # noqa: PLC0415  # lazy: start-up time

    return find_executable(name)
