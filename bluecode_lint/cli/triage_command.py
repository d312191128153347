"""``bluecode-lint triage``: attack and judge what other tools have found."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bluecode_lint.analyzers.sarif import claims_of, files_of, finding_of, read_log
from bluecode_lint.cli import wiring
from bluecode_lint.cli.commands import flags_given
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.cli.outputs import plan_outputs, write_report
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import NOT_RUN, UNJUDGED, Artifact, Level, Notification, ResultKind
from bluecode_lint.emitters.triaged import Row, triaged_json, triaged_sarif, triaged_text
from bluecode_lint.pipeline import Policy, triage
from bluecode_lint.sources.reading import read_artifacts

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from bluecode_lint.analyzers.sarif import Claim
    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Finding, Rule
    from bluecode_lint.pipeline import Decision, Judged

_FORMATS = ("text", "json", "sarif")
_MAX_REPORT_BYTES = 200_000_000


def triage_command(arguments: argparse.Namespace) -> ExitCode:
    """Judge every result: 1 if one has, by our verdict, at least the level of ``--fail-on``."""
    settings = load_settings(flags_given(arguments), Path.cwd(), None, isolated=True)
    destinations = plan_outputs(settings)
    for destination in destinations:
        if destination.format not in _FORMATS:
            message = f"triage writes {', '.join(_FORMATS)}, not {destination.format}"
            raise UsageError(message)
    root = arguments.root.resolve()
    if not root.is_dir():
        message = f"no such folder: {arguments.root}"
        raise UsageError(message)
    documents = [_read_report(path) for path in arguments.reports]
    claims = claims_of(documents, root, _read_mapping(arguments.mapping))
    rows, notifications = judge_claims(claims, root, settings)
    for destination in destinations:
        text = {
            "text": lambda: triaged_text(rows),
            "json": lambda: triaged_json(rows),
            "sarif": lambda: triaged_sarif(documents, rows, merge=arguments.merge),
        }[destination.format]()
        write_report(text, destination.path)
    for notification in notifications:
        if notification.level.rank >= Level.WARNING.rank:
            place = f"{notification.uri}: " if notification.uri else ""
            sys.stderr.write(f"{notification.level}: {place}{notification.message} [{notification.id}]\n")
    return _exit_code(rows, notifications, settings)


def _exit_code(rows: Sequence[Row], notifications: Sequence[Notification], settings: Settings) -> ExitCode:
    if any(notification.level is Level.ERROR for notification in notifications):
        return ExitCode.ERROR
    threshold: str = settings["fail-on"]
    if threshold == "never" or settings["exit-zero"]:
        return ExitCode.CLEAN
    failing = any(r.kind is ResultKind.FAIL and r.level.rank >= Level(threshold).rank for r in rows)
    return ExitCode.RESULTS if failing else ExitCode.CLEAN


def _read_report(path: Path) -> Mapping[str, object]:
    try:
        if path.stat().st_size > _MAX_REPORT_BYTES:
            message = f"{path} is larger than {_MAX_REPORT_BYTES:,} bytes"
            raise UsageError(message)
        return read_log(path.read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise UsageError(message) from error
    except ValueError as error:
        raise UsageError(str(error)) from error


def _read_mapping(path: Path | None) -> dict[str, int]:
    """Read the user's mapping: rule ids to CWEs.

    Raises:
        UsageError: It is no such table.
    """
    if path is None:
        return {}
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        matches = {
            str(rule): re.fullmatch(r"(?:CWE-?)?(\d{1,4})", str(cwe), re.IGNORECASE) for rule, cwe in table.items()
        }
        return (
            {rule: int(match[1]) for rule, match in matches.items() if match} if all(matches.values()) else _bad(path)
        )
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, RecursionError) as error:
        message = f"{path} is no mapping of rule ids to CWEs: {error}"
        raise UsageError(message) from error


def _bad(path: Path) -> dict[str, int]:
    message = f"{path} is no mapping of rule ids to CWEs"
    raise UsageError(message, advice="Write lines like `their-rule-id: CWE-78`.")


def judge_claims(claims: Sequence[Claim], root: Path, settings: Settings) -> tuple[list[Row], list[Notification]]:
    """Attack and judge what another tool claims of files below ``root``: a row each, in order, and what went wrong."""
    rules = wiring.load_catalogue(settings)
    tests = wiring.load_bandit_tests(rules)
    items = list(read_artifacts(root, files_of(claims), settings["max-file-size"]))
    artifacts = {item.uri: item for item in items if isinstance(item, Artifact)}
    trouble = [item for item in items if isinstance(item, Notification)]
    known = [claim for claim in claims if claim.uri in artifacts and not claim.problem]
    findings = [finding_of(claim, artifacts[claim.uri], rules, tests) for claim in known]
    levelled = [replace(rules[f.rule_id], level=claim.level) for claim, f in zip(known, findings, strict=True)]
    inputs = Inputs(root, tuple(artifacts.values()), tuple(trouble), ChangeScope(None))
    with wiring.open_tools(settings, rules, inputs) as (tools, remarks):
        policy = Policy(probe_budget=settings["probe-budget"])
        answers, notes = triage(findings, inputs.artifacts, levelled, tools, policy)
    judged = dict(zip(map(_place_of, known), zip(findings, levelled, answers, strict=True), strict=True))
    rows = [_row(claim, judged.get(_place_of(claim))) for claim in claims]
    return rows, sorted({*trouble, *remarks, *notes})


def _place_of(claim: Claim) -> tuple[int, int, int]:
    return (claim.log, claim.run, claim.result)


def _row(claim: Claim, answer: tuple[Finding, Rule, tuple[Judged, Decision]] | None) -> Row:
    """Make the row of a claim; one that could not be looked at keeps its level and says why."""
    line = claim.region.get("startLine", 0)
    said = (*_place_of(claim), claim.tool, claim.rule_id, claim.uri, line, claim.cwes, claim.message, claim.level)
    if answer is None:
        why = f"not judged: {claim.problem or 'its file could not be read'}"
        return Row(*said, ResultKind.FAIL, claim.level, why, NOT_RUN, UNJUDGED)
    _, _, (judged, decision) = answer
    level = decision.level if decision.level is not None else Level.NOTE
    return Row(*said, decision.kind, level, decision.reason, judged.case.confirmation, judged.verdict)
