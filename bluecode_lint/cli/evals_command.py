"""``bluecode-lint evals``: how good the scanner is on a labelled suite, and the guard on its own knowledge."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.sarif import claims_of, read_log
from bluecode_lint.cli import wiring
from bluecode_lint.cli.commands import flags_given
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.cli.outputs import write_report
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import Artifact, Level, Notification
from bluecode_lint.evals import MANIFEST, read_suite, score, score_json, score_text
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.pipeline import scan
from bluecode_lint.sources.reading import read_artifacts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Run
    from bluecode_lint.evals import LabelledCase

OURS = "bluecode-lint"


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
    run = _scan(cases, folder, settings)
    for notification in run.notifications:
        if notification.level.rank >= Level.WARNING.rank:
            sys.stderr.write(f"{notification.level}: {notification.message} [{notification.id}]\n")
    scores = [score(OURS, cases, found_by(run))]
    scores += [score(str(path), cases, _found_in(path, folder)) for path in arguments.against]
    as_json = "json" in settings["format"]
    text = score_json(scores) if as_json else score_text(scores, by_cwe=arguments.by_cwe, listed=arguments.list)
    if not as_json:
        figures = ("results", "confirmed", "neutralized", "inconclusive", "llm-calls", "llm-tokens")
        said = ", ".join(f"{run.statistics[name]} {name}" for name in figures if name in run.statistics)
        text += f"\n{OURS}: {said}\n"
    write_report(text, Path(settings["output"]) if settings["output"] else None)
    return ExitCode.CLEAN if run.execution_successful else ExitCode.ERROR


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


def _scan(cases: Sequence[LabelledCase], folder: Path, settings: Settings) -> Run:
    items = list(read_artifacts(folder, sorted({case.path for case in cases}), settings["max-file-size"]))
    artifacts = tuple(item for item in items if isinstance(item, Artifact))
    trouble = tuple(item for item in items if isinstance(item, Notification))
    rules = wiring.load_catalogue(settings)
    inputs = Inputs(folder, artifacts, trouble, ChangeScope(None))
    with wiring.open_tools(settings, rules, inputs) as (tools, remarks):
        return scan(artifacts, tools, wiring.make_policy(settings, rules), (*trouble, *remarks))


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
