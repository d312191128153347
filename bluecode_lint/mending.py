"""Fixes that are held to their promise: each is applied, the whole is scanned again, and what was attacked is attacked.

A fix stays only if its result is gone, nothing new stands in its place, and, where an attack had confirmed the defect,
the same attack has no effect any more while harmless data still comes through. No I/O: texts come in and go out.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bluecode_lint.core.edits import Patch, conflict
from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import (
    Applicability,
    Artifact,
    Confidence,
    Finding,
    Fix,
    Level,
    Location,
    Notification,
    Outcome,
    Result,
    Run,
)
from bluecode_lint.pipeline import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bluecode_lint.core.model import Confirmation, Edit, Region
    from bluecode_lint.core.protocols import Parser
    from bluecode_lint.pipeline import Policy, Tools

MOST_ROUNDS = 10
"""How often what remains is fixed anew: a fix may have stood in the way of another."""


@dataclass(frozen=True, slots=True)
class MendOptions:
    """How to mend. ``accept`` brings a new scan under the same rules as the first (a baseline)."""

    parse: Parser
    with_unsafe: bool = False
    accept: Callable[[Run], Run] = lambda run: run


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of it: the files as they are now, the last scan of them, and what became of each fix.

    ``fixed`` and ``refused`` have words beside each result: what was shown, or why the fix was refused. The places of
    these results are those of the text that was fixed, which is the original's in the first round.
    """

    artifacts: tuple[Artifact, ...]
    run: Run
    fixed: tuple[tuple[Result, str], ...] = ()
    refused: tuple[tuple[Result, str], ...] = ()


@dataclass
class _Work:
    """The state between rounds."""

    artifacts: dict[str, Artifact]
    run: Run
    policy: Policy
    fixed: list[tuple[Result, str]] = field(default_factory=list)
    refused: dict[str, tuple[Result, str]] = field(default_factory=dict)
    """By fingerprint, so that nothing is tried twice."""


def mend(artifacts: Sequence[Artifact], run: Run, tools: Tools, policy: Policy, options: MendOptions) -> Mended:
    """Fix what can be fixed of the results of ``run``, a scan of ``artifacts``, in rounds until nothing changes."""
    tools = replace(tools, experimenter=None)
    work = _Work({artifact.uri: artifact for artifact in artifacts}, run, policy)
    for _ in range(MOST_ROUNDS):
        chosen = _choose(work, options)
        if not chosen or not _try(work, chosen, tools, options):
            break
    told = [_notification(Level.NOTE, "fixed", result, shown) for result, shown in work.fixed]
    told += [_notification(Level.NOTE, "fix-refused", result, why) for result, why in work.refused.values()]
    return Mended(
        tuple(work.artifacts.values()),
        replace(
            work.run,
            results=tuple(replace(r, fix=None) if r.fingerprint in work.refused else r for r in work.run.results),
            notifications=tuple(sorted({*run.notifications, *work.run.notifications, *told})),
            statistics={**work.run.statistics, "fixed": len(work.fixed), "fixes_refused": len(work.refused)},
        ),
        tuple(work.fixed),
        tuple(work.refused.values()),
    )


def _notification(level: Level, name: str, result: Result, words: str) -> Notification:
    place = result.finding.location
    description = result.fix.description if result.fix is not None else ""
    slug = result.rule.id.rpartition("/")[2]
    return Notification(level, name, f"line {place.region.start_line}, {slug}: {description}: {words}", place.uri)


# --- choosing --------------------------------------------------------------------------------------------------------


def wanted_fixes(results: Iterable[Result], *, with_unsafe: bool) -> list[tuple[Result, Fix]]:
    """List the live results with a fix that is allowed."""
    return [
        (result, result.fix)
        for result in results
        if result.counts and result.fix is not None and (with_unsafe or result.fix.applicability is Applicability.SAFE)
    ]


def _choose(work: _Work, options: MendOptions) -> list[tuple[Result, Fix]]:
    """Choose fixes that do not get into each other's way, first come; what breaks the grammar alone is refused."""
    chosen: list[tuple[Result, Fix]] = []
    taken: dict[str, list[Fix]] = defaultdict(list)
    for result, fix in wanted_fixes(work.run.results, with_unsafe=options.with_unsafe):
        uri = result.finding.location.uri
        if result.fingerprint in work.refused or any(_in_the_way(fix, other) for other in taken[uri]):
            continue
        try:
            text = Patch(work.artifacts[uri].text, fix.edits).text
        except ValueError as error:
            work.refused[result.fingerprint] = (result, f"refused: {error}")
            continue
        if not _is_still_python(work.artifacts[uri], text, options.parse):
            work.refused[result.fingerprint] = (result, "refused: the file would not be Python any more")
            continue
        chosen.append((result, fix))
        taken[uri].append(fix)
    return chosen


def _in_the_way(fix: Fix, other: Fix) -> bool:
    return any(conflict(edit, taken) for edit in fix.edits for taken in other.edits)


def _is_still_python(before: Artifact, text: str, parse: Parser) -> bool:
    if parse(text).root.has_error and not before.syntax.root.has_error:
        return False
    return _compiles(text) or not _compiles(before.text)


def _compiles(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


# --- trying ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trial:
    """Fixes applied together, and the scan of what came of it."""

    patches: Mapping[str, Patch]
    artifacts: Mapping[str, Artifact]
    policy: Policy
    run: Run


def _try(work: _Work, chosen: list[tuple[Result, Fix]], tools: Tools, options: MendOptions) -> bool:
    """Apply, look again, and take back what does not hold, until all that is left does; tell whether anything is."""
    while chosen:
        trial = _applied(work, chosen, tools, options)
        if tools.stops():
            return False
        answers = list(tools.executor.map(partial(_examine, work=work, trial=trial, tools=tools), chosen))
        held = [(pair, words) for pair, (holds, words) in zip(chosen, answers, strict=True) if holds]
        for (result, _), (holds, words) in zip(chosen, answers, strict=True):
            if not holds:
                work.refused[result.fingerprint] = (result, f"refused: {words}")
        if len(held) == len(chosen):
            work.artifacts, work.run, work.policy = dict(trial.artifacts), trial.run, trial.policy
            work.fixed += [(result, words) for (result, _), words in held]
            return True
        chosen = [pair for pair, _ in held]
    return True


def _applied(work: _Work, chosen: Sequence[tuple[Result, Fix]], tools: Tools, options: MendOptions) -> _Trial:
    edits: dict[str, list[Edit]] = defaultdict(list)
    for result, fix in chosen:
        edits[result.finding.location.uri].extend(fix.edits)
    patches = {uri: Patch(work.artifacts[uri].text, changes) for uri, changes in edits.items()}
    artifacts = {
        uri: artifact.rewritten(patches[uri].text, options.parse) if uri in patches else artifact
        for uri, artifact in work.artifacts.items()
    }
    policy = replace(work.policy, in_scope=lambda finding: work_policy.in_scope(_original(finding, patches)))
    work_policy = work.policy
    return _Trial(patches, artifacts, policy, options.accept(scan(list(artifacts.values()), tools, policy)))


def _original(finding: Finding, patches: Mapping[str, Patch]) -> Finding:
    """Put a finding back to where it stood before the fixes: a change of lines is asked about by its old lines."""

    def back(place: Location) -> Location:
        patch = patches.get(place.uri)
        return replace(place, region=patch.origin(place.region)) if patch is not None else place

    return replace(finding, location=back(finding.location), code_flow=tuple(map(back, finding.code_flow)))


def _examine(pair: tuple[Result, Fix], work: _Work, trial: _Trial, tools: Tools) -> tuple[bool, str]:
    """Say whether one fix holds, and what was shown or what is wrong."""
    result, fix = pair
    uri = result.finding.location.uri
    if work.run.execution_successful and not trial.run.execution_successful:
        trouble = next(n for n in trial.run.notifications if n.level is Level.ERROR)
        return False, f"the changed files could not be scanned: {trouble.message}"
    patch = trial.patches[uri]
    now = patch.moved(result.finding.location.region)
    places_before = [result.finding.location.region, *(edit.region for edit in fix.edits)]
    places_now = [now, *(patch.landed(edit) for edit in fix.edits)]
    known = {rule for rule in _rules_at(work.run, uri, places_before) if rule != result.rule.id}
    remaining = _rules_at(trial.run, uri, places_now) - known
    if result.rule.id in remaining:
        return False, "the result is still there afterwards"
    if remaining:
        return False, f"it would bring another result: {', '.join(sorted(r.rpartition('/')[2] for r in remaining))}"
    if result.confirmation.outcome is not Outcome.CONFIRMED:
        return True, "scanned again, the result is gone"
    moved = replace(
        result.finding,
        location=replace(result.finding.location, region=now),
        confidence=Confidence.HIGH,
        code_flow=(),
        snippet=patch.snippet(now),
    )
    return _attacked_again(moved, trial.artifacts[uri], result.confirmation, tools)


def _rules_at(run: Run, uri: str, places: Sequence[Region]) -> set[str]:
    return {
        result.rule.id
        for result in run.results
        if result.counts
        and result.finding.location.uri == uri
        and any(result.finding.location.region.overlaps(place) for place in places)
    }


def _attacked_again(finding: Finding, artifact: Artifact, before: Confirmation, tools: Tools) -> tuple[bool, str]:
    """Attack the changed code as the old one was: it must stay inert, and harmless data must come through as before."""
    if tools.prober is None:
        return False, "it could not be attacked again: nothing is executed"
    try:
        again = tools.prober.confirm(finding, artifact)
    except SandboxUnavailableError as error:
        return False, f"it could not be attacked again: {error}"
    if again.outcome is Outcome.CONFIRMED:
        effect = again.evidence.effect if again.evidence is not None else again.reason
        return False, f"the attack still works: {effect}"
    if again.outcome is Outcome.NOT_RUN:
        return False, f"it could not be attacked again: {again.reason}"
    if not _comes_through(again) and _comes_through(before):
        return False, f"harmless data does not come through any more ({again.reason})"
    if again.outcome is Outcome.NEUTRALIZED or _comes_through(again):
        return True, f"scanned and attacked again ({again.runs} runs), the attack has no effect any more"
    return False, f"the attack on it shows nothing: {again.reason}"


def _comes_through(confirmation: Confirmation) -> bool:
    """Tell whether harmless data reached the place and the code went on, as far as the journal tells."""
    return any(not a.payload and a.reached and not a.ended for a in confirmation.journal)
