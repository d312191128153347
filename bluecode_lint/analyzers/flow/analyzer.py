"""The analyzer: our own taint analysis over many files, in one process or several, with the same answer."""

from __future__ import annotations

import gc
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.keeping import digest_of, report_from_document, report_to_document
from bluecode_lint.analyzers.flow.knowledge import load_knowledge
from bluecode_lint.analyzers.flow.project import Analyst, Crossings, ModuleReport, is_strong, signature
from bluecode_lint.analyzers.flow.report import best_of
from bluecode_lint.analyzers.flow.sinks import CHECKS
from bluecode_lint.analyzers.lowered import LoweredModules
from bluecode_lint.core.model import Level, Notification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.analyzers.flow.frame import Summary
    from bluecode_lint.analyzers.ir import Module
    from bluecode_lint.core.model import Artifact, Clearance, Finding, Rule
    from bluecode_lint.core.protocols import Shelf

THREAT_MODELS = ("auto", "web", "library", "cli")
_MAX_ROUNDS = 3
"""How far a flow is followed from module to module."""
_WORTH_PROCESSES = 400_000
"""Characters of source from which starting processes pays."""
_CHUNK = 16

Task = tuple["Artifact", "dict[str, Summary]"]


class FlowAnalyzer:
    """Follows hostile data from where it comes in to where it does harm."""

    def __init__(
        self,
        rules_root: Path,
        rules: Mapping[str, Rule],
        *,
        jobs: int = 1,
        threat_model: str = "auto",
        lowered: Callable[[Artifact], Module] | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        """Load the knowledge.

        Args:
            rules_root: The folder that holds ``flow/``.
            rules: The catalogue, by rule id.
            jobs: Processes to use at most.
            threat_model: Who is hostile: ``web`` clients only, callers of a ``library`` too, or, for a ``cli``, whoever
                starts the program; ``auto`` decides by what each function looks like.
            lowered: Gives an artifact's module, where others share it; in this process only.
            shelf: Keeps what each module's analysis gave; it depends on the module and on what is known of its imports.

        Raises:
            RulesError: The knowledge is missing or malformed.
            ValueError: There is no such threat model.
        """
        if threat_model not in THREAT_MODELS:
            message = f"unknown threat model {threat_model!r}: choose from {', '.join(THREAT_MODELS)}"
            raise ValueError(message)
        self._root = rules_root
        self._rules = rules
        self._jobs = jobs
        self._threat_model = threat_model
        self._knowledge = load_knowledge(rules_root, rules, CHECKS)
        self._lowered = lowered
        self._shelf = shelf

    @property
    def name(self) -> str:
        """Give the analyzer's name in aliases and notifications."""
        return "flow"

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterator[Finding | Clearance | Notification]:
        """Analyse all Python artifacts, then again those whose calls cross into others."""
        lowered = self._lowered or LoweredModules()
        self._analyst = Analyst(self._knowledge, self._rules, self._threat_model, lowered)
        by_uri = {a.uri: a for a in artifacts if a.language == "python"}
        reports: dict[str, ModuleReport] = {}
        notes: list[Notification] = []
        todo: list[Task] = [(by_uri[uri], {}) for uri in sorted(by_uri)]
        with ExitStack() as stack:
            pool = self._pool(todo, stack)
            for _ in range(_MAX_ROUNDS):
                before = {uri: signature(r.summaries) for uri, r in reports.items()}
                for report in self._analyse(todo, pool, notes):
                    reports[report.uri] = report
                changed = {u for u, r in reports.items() if before.get(u) != signature(r.summaries)}
                todo = self._next_round(reports, changed, by_uri)
                if not todo:
                    break
        for report in reports.values():
            notes.extend(report.notifications)
        yield from best_of(f for r in reports.values() for f in r.findings)
        for report in reports.values():
            yield from report.clearances
        yield from sorted(notes, key=lambda n: (n.uri, n.id, n.message))

    def _next_round(
        self, reports: Mapping[str, ModuleReport], changed: set[str], by_uri: Mapping[str, Artifact]
    ) -> list[Task]:
        """Choose the modules that call what changed in another one."""
        crossings = Crossings(reports.values())
        news = {id(s) for uri in changed for s in reports[uri].summaries.values()}
        todo: list[Task] = []
        for uri in sorted(reports):
            report = reports[uri]
            needed = crossings.needed(report)
            foreign = {p: s for p, s in needed.items() if id(s) in news}
            if any(is_strong(s) for s in foreign.values()) or (report.findings and foreign):
                todo.append((by_uri[uri], needed))
        return todo

    def _pool(self, tasks: list[Task], stack: ExitStack) -> ProcessPoolExecutor | None:
        """Start the workers for a batch, if it is large enough to pay for them."""
        if self._jobs < 2 or sum(len(a.text) for a, _ in tasks) < _WORTH_PROCESSES:  # noqa: PLR2004  # more than one
            return None
        # spawn: the caller may have threads, and a forked child of a threaded process can hang
        context = multiprocessing.get_context("spawn")
        arguments = (self._root, dict(self._rules), self._threat_model)
        return stack.enter_context(ProcessPoolExecutor(self._jobs, context, _start_worker, arguments))

    def _analyse(
        self, tasks: list[Task], pool: ProcessPoolExecutor | None, notes: list[Notification]
    ) -> list[ModuleReport]:
        """Analyse, but for what is kept of an earlier run."""
        if self._shelf is None:
            return self._analyse_anew(tasks, pool, notes)
        named = cache(digest_of)  # one summary is known to many modules
        keys = [_key(*task, named) for task in tasks]
        kept = self._shelf.get([key for key in keys if key])
        reports = [_read(kept.get(key)) for key in keys]
        unknown = [number for number, report in enumerate(reports) if report is None]
        made = self._analyse_anew([tasks[number] for number in unknown], pool, notes)
        lasting: dict[str, Any] = {}
        for number, report in zip(unknown, made, strict=True):
            reports[number] = report
            if keys[number] and all(note.level is not Level.ERROR for note in report.notifications):
                with suppress(TypeError):  # some constant that has no JSON form: analysed anew each time
                    lasting[keys[number]] = report_to_document(report)
        self._shelf.put(lasting)
        return [report for report in reports if report is not None]

    def _analyse_anew(
        self, tasks: list[Task], pool: ProcessPoolExecutor | None, notes: list[Notification]
    ) -> list[ModuleReport]:
        if pool is not None:
            try:
                return list(pool.map(_analyse_in_worker, tasks, chunksize=_CHUNK))
            except (BrokenProcessPool, OSError) as error:
                text = f"Worker processes failed ({error}); the flow analysis went on in one process."
                notes.append(Notification(Level.NOTE, "flow-workers-failed", text))
        with _calm_collector():
            return [self._analyst.analyse(artifact, externals) for artifact, externals in tasks]


def _key(artifact: Artifact, externals: Mapping[str, Summary], named: Callable[[Summary], str]) -> str:
    """Name everything that a module's report depends on; nothing if some of it has no name."""
    try:
        known = [f"{path} {named(externals[path])}" for path in sorted(externals)]
    except TypeError:
        return ""
    return "\0".join((artifact.sha256, artifact.uri, *known))


def _read(document: Any) -> ModuleReport | None:  # noqa: ANN401  # JSON
    """Read a kept report; None if there is none, or it is damaged."""
    if document is None:
        return None
    try:
        return report_from_document(document)
    except ValueError:
        return None


@contextmanager
def _calm_collector() -> Iterator[None]:
    """Let the cycle collector run less often: a lowered module is many objects, and next to none of them garbage."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


class _Worker:
    """What a worker process keeps between tasks."""

    analyst: Analyst


def _start_worker(root: Path, rules: Mapping[str, Rule], threat_model: str) -> None:
    gc.set_threshold(50_000, 50, 50)
    _Worker.analyst = Analyst(load_knowledge(root, rules, CHECKS), rules, threat_model, LoweredModules())


def _analyse_in_worker(task: Task) -> ModuleReport:
    return _Worker.analyst.analyse(*task)
