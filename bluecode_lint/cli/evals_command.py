"""``bluecode-lint evals``: how good the scanner is on a labelled suite, and the guard on its own knowledge."""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.sarif import claims_of, read_log
from bluecode_lint.cli import wiring
from bluecode_lint.cli.commands import flags_given
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.cli.models import REVIEW, model_named
from bluecode_lint.cli.outputs import write_report
from bluecode_lint.cli.settings import OPTION_OF
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import NOT_RUN, Artifact, Level, Notification
from bluecode_lint.core.protocols import Laboratory
from bluecode_lint.evals import (
    MANIFEST,
    Execution,
    Trial,
    change_between,
    grid_text,
    proofs,
    proofs_text,
    read_suite,
    score,
    score_json,
    score_text,
)
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.constitutions import load_constitutions
from bluecode_lint.pipeline import find, scan
from bluecode_lint.sources.reading import read_artifacts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Clearance, Confirmation, Finding, Run
    from bluecode_lint.core.protocols import Prober
    from bluecode_lint.evals import LabelledCase, Score

OURS = "bluecode-lint"
MODES = OPTION_OF["reasoner-mode"].choices


def evals_command(arguments: argparse.Namespace) -> ExitCode:
    """Score a suite; the figures are the answer, so the exit code is 0 whatever they are."""
    if arguments.what == "guard":
        return _evaluate_guard(arguments.split)
    settings = load_settings(flags_given(arguments), Path.cwd(), None, isolated=True)
    folder: Path = arguments.suite.resolve()
    try:
        cases = read_suite((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{arguments.suite} is no suite: {getattr(error, 'strerror', None) or error}"
        raise UsageError(message, advice=f"A suite is a folder with {MANIFEST} in it.") from error
    if arguments.grid and not model_named(settings):
        message = "a grid needs a model"
        raise UsageError(message, advice="Name one with --llm-model or BLUECODE_LLM_MODEL.")
    suite = _Suite(cases, folder, settings)
    run = suite.scan(None)
    scores = [score(OURS, cases, found_by(run))]
    modes = MODES if arguments.grid else (settings["reasoner-mode"],) if model_named(settings) else ()
    trials: list[Trial] = []
    runs = [run]
    for mode in modes:
        runs.append(suite.scan(mode))
        trials.append(_trial(mode, cases, runs[-1], scores[0]))
    others = [score(str(path), cases, _found_in(path, folder)) for path in arguments.against]
    for notification in sorted({note for made in runs for note in made.notifications}):
        if notification.level.rank >= Level.WARNING.rank:
            sys.stderr.write(f"{notification.level}: {notification.message} [{notification.id}]\n")
    shown = proofs(cases, suite.executions) if suite.executions else None
    if "json" in settings["format"]:
        text = score_json([*scores, *others], trials, shown)
    else:
        rows = [*scores, *(trial.score for trial in trials), *others]
        text = score_text(rows, by_cwe=arguments.by_cwe, listed=arguments.list)
        text += "\n" + grid_text(trials, _known_cwes()) if trials else ""
        text += "\n" + proofs_text(shown) if shown is not None else ""
        figures = ("results", "confirmed", "neutralized", "inconclusive")
        text += f"\n{OURS}: {', '.join(f'{run.statistics[name]} {name}' for name in figures)}\n"
    write_report(text, Path(settings["output"]) if settings["output"] else None)
    return ExitCode.CLEAN if all(made.execution_successful for made in runs) else ExitCode.ERROR


def _trial(mode: str, cases: Sequence[LabelledCase], run: Run, offline: Score) -> Trial:
    made = score(mode, cases, found_by(run))
    numbers = run.statistics
    tokens = numbers["modelPromptTokens"] + numbers["modelAnswerTokens"]
    change = change_between(offline, made)
    return Trial(made, change, numbers["modelCalls"], numbers["modelCached"], tokens, numbers.get("modelMicroUsd"))


def _known_cwes() -> frozenset[int]:
    root = rules_root()
    return frozenset(c.cwe for c in load_constitutions(root, root / "schema") if c.domain == "code")


def _evaluate_guard(split: str) -> ExitCode:
    try:
        from bluecode_lint.guard import evaluate  # noqa: PLC0415  # lazy: it trains, which needs scikit-learn
    except ImportError as error:
        message = f"evaluating the guard trains it anew, which needs {error.name}"
        raise UsageError(message, advice="pip install 'bluecode-lint[train]'") from error
    sys.stdout.write(evaluate.main([split, str(rules_root())]) + "\n")
    return ExitCode.CLEAN


def found_by(run: Run) -> dict[str, set[int]]:
    """Collect the CWEs reported in each file."""
    found: dict[str, set[int]] = defaultdict(set)
    for result in run.results:
        if result.counts:
            found[result.finding.location.uri].add(result.finding.cwe)
    return found


class _Suite:
    """The programs of a suite. What the analyzers found and the attacks showed is kept from one scan to the next."""

    def __init__(self, cases: Sequence[LabelledCase], folder: Path, settings: Settings) -> None:
        items = list(read_artifacts(folder, sorted({case.path for case in cases}), settings["max-file-size"]))
        self._settings = settings
        self._rules = wiring.load_catalogue(settings)
        artifacts = tuple(item for item in items if isinstance(item, Artifact))
        trouble = tuple(item for item in items if isinstance(item, Notification))
        self._inputs = Inputs(folder, artifacts, trouble, ChangeScope(None))
        self._found: _Found | None = None
        self._confirmations: dict[Finding, Confirmation] = {}
        self.executions: list[Execution] = []
        """What the attacks showed, in the order in which they ended."""

    def scan(self, mode: str | None) -> Run:
        """Scan with a model asked in one mode, for its judgment alone; None asks none."""
        more = {"experiments": 0, "reasoner-mode": mode}
        if mode is None:
            more = {"no-llm": True, "require-llm": False, "review": False}
        settings = replace(self._settings, values={**self._settings.values, **more})
        artifacts = self._inputs.artifacts
        with wiring.open_tools(settings, self._rules, self._inputs, anew=True) as (tools, remarks):
            if self._found is None:
                self._found = _Found(tuple(itertools.chain.from_iterable(find(artifacts, tools))))
            opinions = [analyzer for analyzer in tools.analyzers if analyzer.name == REVIEW]
            prober = (
                _Remembering(tools.prober, self._confirmations, self.executions) if tools.prober is not None else None
            )
            reused = replace(tools, analyzers=(self._found, *opinions), prober=prober)
            trouble = (*self._inputs.notifications, *remarks)
            return scan(artifacts, reused, wiring.make_policy(settings, self._rules), trouble)


@dataclass(frozen=True, slots=True)
class _Found:
    """An analyzer that says again what others have said."""

    items: tuple[Finding | Clearance | Notification, ...]
    name: str = "kept"

    def analyze(self, _artifacts: Sequence[Artifact]) -> Iterable[Finding | Clearance | Notification]:
        return self.items


@dataclass(frozen=True, slots=True)
class _Remembering:
    """A prober that attacks each finding once, and takes the time of that."""

    prober: Prober
    kept: dict[Finding, Confirmation]
    executions: list[Execution]

    @property
    def probed_cwes(self) -> frozenset[int]:
        return self.prober.probed_cwes

    def confirm(self, finding: Finding, artifact: Artifact) -> Confirmation:
        if finding not in self.kept:
            started = time.monotonic()
            found = self.kept[finding] = self.prober.confirm(finding, artifact)
            if found.runs:
                seconds = time.monotonic() - started
                self.executions.append(Execution(artifact.uri, finding.cwe, found.outcome.value, seconds))
        return self.kept[finding]

    def experiment(self, finding: Finding, artifact: Artifact, test: str) -> Confirmation:
        return self.prober.experiment(finding, artifact, test) if isinstance(self.prober, Laboratory) else NOT_RUN


def _found_in(path: Path, folder: Path) -> dict[str, set[int]]:
    """Collect the CWEs another tool reported in each file.

    Raises:
        UsageError: The report cannot be read.
    """
    try:
        document = read_log(path.read_text(encoding="utf-8-sig"), str(path))
    except (OSError, ValueError, json.JSONDecodeError) as error:
        message = f"cannot read {path}: {error}"
        raise UsageError(message) from error
    found: dict[str, set[int]] = defaultdict(set)
    for claim in claims_of([document], folder):
        found[claim.uri].update(claim.cwes)
    return found
