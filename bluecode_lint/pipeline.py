"""The main job as one verb: find, merge, probe, judge, decide.

Everything that touches the world is handed in as `Tools`; what is reported, and how loudly, is `decide` alone.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.fingerprint import fingerprints
from bluecode_lint.core.model import (
    NOT_RUN,
    UNJUDGED,
    Artifact,
    Case,
    Clearance,
    Confidence,
    Confirmation,
    Finding,
    Judgment,
    Level,
    Notification,
    Outcome,
    Result,
    ResultKind,
    Rule,
    RuleKind,
    Run,
    Verdict,
)
from bluecode_lint.core.protocols import BatchReasoner, Laboratory
from bluecode_lint.core.suppression import apply_suppressions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Executor

    from bluecode_lint.core.model import Region, Retrieved, Suppression
    from bluecode_lint.core.protocols import Analyzer, Experimenter, Fixer, Prober, Reasoner, Retriever
    from bluecode_lint.core.shard import Shard


@dataclass(frozen=True, slots=True)
class Tools:
    """The parts of a scan, built once in ``cli.wiring`` and passed. Without a prober nothing is executed."""

    analyzers: tuple[Analyzer, ...]
    rules: Mapping[str, Rule]
    retriever: Retriever
    reasoner: Reasoner
    executor: Executor
    prober: Prober | None = None
    experimenter: Experimenter | None = None
    """Writes tests for what the prober did not settle, if the prober is a laboratory, too."""
    fixer: Fixer | None = None
    tool_version: str = ""
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None
    """Called with a stage's name, how much of it is done, and how much there is."""
    stops: Callable[[], bool] = lambda: False
    """Asked before every attack: whether the user wants the run to end with what is known."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user asked to be told. ``probe_budget`` counts findings, so that it cuts the same every time."""

    selects: Callable[[Finding], bool] = lambda _finding: True
    """Whether a finding's rule is wanted for its file."""
    in_scope: Callable[[Finding], bool] = lambda _finding: True
    """Whether a finding lies in the part of the tree that is asked about (a diff, for one)."""
    min_confidence: Confidence = Confidence.LOW
    min_level: Level = Level.NOTE
    honour_suppressions: bool = True
    probe_budget: int = 60
    shard: Shard | None = None
    """The share of the files that is reported on; the others are read for what flows between them."""


@dataclass(frozen=True, slots=True)
class Decision:
    """How one defect is reported; None as a level means not at all."""

    kind: ResultKind
    level: Level | None
    reason: str


def scan(artifacts: Sequence[Artifact], tools: Tools, policy: Policy, trouble: Iterable[Notification] = ()) -> Run:
    """Scan decoded files. ``trouble`` is what already went wrong on the way here; it becomes part of the run."""
    share = [a for a in artifacts if policy.shard is None or policy.shard.holds(a.uri)]
    reports, clearances, notifications = find(artifacts, tools)
    findings = standing(reports, clearances)
    merged = merge(f for f in findings if policy.selects(f))
    identities = dict(zip(merged, fingerprints(merged), strict=True))
    wanted = [f for f in merged if policy.in_scope(f)]
    suppressed, remarks = find_suppressed([*merged, *reports], share, tools.rules, policy)
    sources = {artifact.uri: artifact for artifact in artifacts}
    confirmations, cut = probe([f for f in wanted if f not in suppressed], sources, tools, policy.probe_budget)
    cases = [Case(f, tools.rules[f.rule_id], sources[f.location.uri], confirmations.get(f, NOT_RUN)) for f in wanted]
    cases = experiment(cases, tools)
    results = propose(report(judge(cases, tools), identities, suppressed, policy), sources, tools)
    batch = tools.reasoner if isinstance(tools.reasoner, BatchReasoner) else None
    told = batch.remarks() if batch else ()
    reported = {result.finding.location.uri for result in results}
    return Run(
        artifacts=tuple(a for a in artifacts if a.uri in reported),
        rules=tuple(tools.rules[rule_id] for rule_id in sorted(tools.rules)),
        results=results,
        notifications=tuple(sorted({*_of_share(trouble, policy.shard), *notifications, *remarks, *cut, *told})),
        tool_version=tools.tool_version,
        statistics={**count(share, cases, results), **(batch.statistics if batch else {})},
        shard=policy.shard,
    )


def prove(
    artifacts: Sequence[Artifact], tools: Tools, policy: Policy
) -> tuple[list[tuple[Finding, Confirmation]], list[Notification]]:
    """Find, merge and attack, candidates included, and give every confirmation unjudged, in the order of the source."""
    reports, clearances, notifications = find(artifacts, tools)
    wanted = [f for f in merge(standing(reports, clearances)) if policy.selects(f) and policy.in_scope(f)]
    sources = {artifact.uri: artifact for artifact in artifacts}
    confirmations, cut = probe(wanted, sources, tools, policy.probe_budget)
    return [(f, confirmations.get(f, NOT_RUN)) for f in wanted], sorted({*notifications, *cut})


def triage(
    findings: Sequence[Finding], artifacts: Sequence[Artifact], rules: Sequence[Rule], tools: Tools, policy: Policy
) -> tuple[list[tuple[Judged, Decision]], list[Notification]]:
    """Attack, judge and decide what others found: one answer for each of ``findings``, in their order, none merged.

    ``rules`` has for each finding the rule it is to be decided by: its level is what the other tool said.
    """
    sources = {artifact.uri: artifact for artifact in artifacts}
    confirmations, notifications = probe(list(dict.fromkeys(findings)), sources, tools, policy.probe_budget)
    cases = [
        Case(finding, rule, sources[finding.location.uri], confirmations.get(finding, NOT_RUN))
        for finding, rule in zip(findings, rules, strict=True)
    ]
    return [(judged, decision_of(judged)) for judged in judge(experiment(cases, tools), tools)], notifications


def _of_share(trouble: Iterable[Notification], shard: Shard | None) -> list[Notification]:
    """Leave out what went wrong with files of other shards, which say so themselves."""
    return [n for n in trouble if shard is None or not n.uri or shard.holds(n.uri)]


# --- find ------------------------------------------------------------------------------------------------------------


def find(artifacts: Sequence[Artifact], tools: Tools) -> tuple[list[Finding], list[Clearance], list[Notification]]:
    """Run the analyzers side by side. A finding of a rule nobody described is our own bug and is said."""
    answers = tools.executor.map(lambda analyzer: _analyze(analyzer, artifacts), tools.analyzers)
    findings: list[Finding] = []
    clearances: list[Clearance] = []
    notifications: list[Notification] = []
    for done, answer in enumerate(answers, start=1):
        tools.progress("analyzers", done, len(tools.analyzers))
        for item in answer:
            if isinstance(item, Notification):
                notifications.append(item)
            elif isinstance(item, Clearance):
                clearances.append(item)
            elif item.rule_id in tools.rules:
                findings.append(item)
            else:
                message = f"a finding of an unknown rule was dropped: {item.rule_id}"
                notifications.append(Notification(Level.ERROR, "unknown-rule", message, item.location.uri))
    return findings, clearances, notifications


def standing(findings: Sequence[Finding], clearances: Iterable[Clearance]) -> list[Finding]:
    """Keep what stands: a candidate does not where an analyzer saw that only the program's own values arrive.

    A finding that some analyzer is surer of stands whatever another one saw. O(n + m), places of one line apart.
    """
    cleared: dict[tuple[str, str, int], list[Region]] = defaultdict(list)
    for clearance in clearances:
        place = clearance.location
        cleared[clearance.rule_id, place.uri, place.region.start_line].append(place.region)
    return [f for f in findings if f.confidence > Confidence.LOW or not _is_cleared(f, cleared)]


def _is_cleared(finding: Finding, cleared: Mapping[tuple[str, str, int], Sequence[Region]]) -> bool:
    place = finding.location
    regions = cleared.get((finding.rule_id, place.uri, place.region.start_line), ())
    return any(place.region.overlaps(region) for region in regions)


def _analyze(analyzer: Analyzer, artifacts: Sequence[Artifact]) -> list[Finding | Clearance | Notification]:
    """Collect one analyzer's answers; should it raise in spite of its contract, keep what came and name it."""
    answers: list[Finding | Clearance | Notification] = []
    try:
        answers.extend(analyzer.analyze(artifacts))
    except Exception as error:  # noqa: BLE001  # the border between rooms: one analyzer's bug must not lose the others
        message = f"{analyzer.name} crashed: {type(error).__name__}: {error}"
        answers.append(Notification(Level.ERROR, "analyzer-crashed", message))
    return answers


# --- merge -----------------------------------------------------------------------------------------------------------


def merge(findings: Iterable[Finding]) -> list[Finding]:
    """Collapse reports of one defect: one rule at overlapping places, or one weakness that begins on one line.

    Keeps every name in ``aliases``. The outcome does not depend on the order of ``findings``, and merging again changes
    nothing. O(n log n).
    """
    by_rule = _collapse(set(findings), key=lambda f: (f.location.uri, f.rule_id), prefer=_tells_most)
    by_weakness = _collapse(
        by_rule, key=lambda f: (f.location.uri, str(f.cwe), str(f.location.region.start_line)), prefer=_is_surest
    )
    return sorted(by_weakness, key=lambda f: f.sort_key)


def _collapse(
    findings: Iterable[Finding], key: Callable[[Finding], tuple[str, ...]], prefer: Callable[[Finding], Any]
) -> list[Finding]:
    """Make one finding of those that share a key and overlap, in the words of the one that ``prefer`` sorts first."""
    collapsed: list[Finding] = []
    ordered = sorted(findings, key=lambda f: (key(f), f.location.region))
    for _, alike in itertools.groupby(ordered, key=key):
        cluster: list[Finding] = []
        reach = (0, 0)
        for finding in alike:
            region = finding.location.region
            same_place = bool(cluster) and cluster[-1].location.region == region
            if cluster and not same_place and (region.start_line, region.start_column) >= reach:
                collapsed.append(_speak_for(cluster, prefer))
                cluster, reach = [], (0, 0)
            cluster.append(finding)
            reach = max(reach, (region.end_line, region.end_column))
        collapsed.append(_speak_for(cluster, prefer))
    return collapsed


def _tells_most(finding: Finding) -> tuple[object, ...]:
    """Prefer the report with a flow, then the surest, then the tightest."""
    region = finding.location.region
    size = (region.end_line - region.start_line, region.end_column - region.start_column)
    return (not finding.code_flow, -finding.confidence, size, region, finding.message, repr(finding))


def _is_surest(finding: Finding) -> tuple[object, ...]:
    """Prefer the surest report: no rule may speak with the confidence of another."""
    return (-finding.confidence, _tells_most(finding))


def _speak_for(cluster: Sequence[Finding], prefer: Callable[[Finding], Any]) -> Finding:
    speaker = min(cluster, key=prefer) if len(cluster) > 1 else cluster[0]
    return replace(
        speaker,
        confidence=max(finding.confidence for finding in cluster),
        aliases=tuple(sorted({alias for finding in cluster for alias in finding.aliases})),
        related=tuple(sorted({place for finding in cluster for place in finding.related})),
    )


# --- suppress --------------------------------------------------------------------------------------------------------


def find_suppressed(
    findings: Sequence[Finding], artifacts: Sequence[Artifact], rules: Mapping[str, Rule], policy: Policy
) -> tuple[Mapping[Finding, Suppression], Sequence[Notification]]:
    """Match findings with the comments that accept them; none do under ``--no-suppressions``."""
    if not policy.honour_suppressions:
        return {}, ()
    return apply_suppressions(findings, artifacts, frozenset(rules))


_INTERRUPTED = "interrupted"

# --- probe -----------------------------------------------------------------------------------------------------------


def probe(
    findings: Sequence[Finding], sources: Mapping[str, Artifact], tools: Tools, budget: int
) -> tuple[dict[Finding, Confirmation], list[Notification]]:
    """Attack what can be attacked, the surest first, at most ``budget`` of them; what is left out is said."""
    if tools.prober is None:
        return {}, []
    cwes = tools.prober.probed_cwes
    queue = sorted((f for f in findings if f.cwe in cwes), key=lambda f: (-f.confidence, f.sort_key))
    chosen, rest = queue[:budget], queue[budget:]
    confirm = partial(_confirm, tools, sources)
    confirmations: dict[Finding, Confirmation] = {}
    notifications: list[Notification] = []
    for finding, answer in zip(chosen, tools.executor.map(confirm, chosen), strict=True):
        if isinstance(answer, Notification):
            notifications.append(answer)
            confirmations[finding] = replace(NOT_RUN, reason="the sandbox failed")
        else:
            confirmations[finding] = answer
        tools.progress("proofs", len(confirmations), len(chosen))
    confirmations |= {finding: replace(NOT_RUN, reason="beyond the probe budget") for finding in rest}
    missed = sum(confirmation.reason == _INTERRUPTED for confirmation in confirmations.values())
    if tools.stops():
        message = f"interrupted: {missed} of {len(chosen)} findings and candidates were not attacked any more"
        notifications.append(Notification(Level.ERROR, "interrupted", message))
    if rest:
        message = f"{len(rest)} of {len(queue)} findings and candidates were not attacked: the probe budget is {budget}"
        notifications.append(Notification(Level.NOTE, "probe-budget-exhausted", message))
    return confirmations, notifications


def _confirm(tools: Tools, sources: Mapping[str, Artifact], finding: Finding) -> Confirmation | Notification:
    uri = finding.location.uri
    if tools.prober is None or tools.stops():
        return replace(NOT_RUN, reason=_INTERRUPTED)
    try:
        return tools.prober.confirm(finding, sources[uri])
    except SandboxUnavailableError as error:
        return Notification(Level.ERROR, "sandbox-failed", f"a finding could not be attacked: {error}", uri)


def experiment(cases: Sequence[Case], tools: Tools) -> list[Case]:
    """Have tests written for what the probes did not settle; give the cases with what these confirmed."""
    if tools.experimenter is None or not isinstance(tools.prober, Laboratory):
        return list(cases)
    shown = tools.experimenter.settle(cases, tools.prober)
    return [replace(case, confirmation=shown.get(case.finding, case.confirmation)) for case in cases]


# --- judge -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judged:
    """A case with what was retrieved for it and the verdict."""

    case: Case
    retrieved: tuple[Retrieved, ...] = ()
    verdict: Verdict = UNJUDGED


def judge(cases: Sequence[Case], tools: Tools) -> list[Judged]:
    """Retrieve the constitutions nearest to each case and let the reasoner judge by them."""
    retrieved: list[tuple[Retrieved, ...]] = []
    for answer in tools.executor.map(tools.retriever.retrieve, cases):
        retrieved.append(tuple(answer))
        tools.progress("constitutions", len(retrieved), len(cases))
    if isinstance(tools.reasoner, BatchReasoner):
        verdicts: Iterable[Verdict] = tools.reasoner.judge_all(list(zip(cases, retrieved, strict=True)))
    else:
        verdicts = tools.executor.map(tools.reasoner.judge, cases, retrieved)
    return [Judged(*parts) for parts in zip(cases, retrieved, verdicts, strict=True)]


# --- decide ----------------------------------------------------------------------------------------------------------


def decide(
    rule: Rule, confidence: Confidence, outcome: Outcome, verdict: Verdict, *, by_caller: bool = False
) -> Decision:
    """Say how a defect is reported: the project's whole policy, as a pure table.

    Only execution makes an error of a guess. A verdict alone never hides a sure finding and raises nothing to error.
    ``by_caller``: the attack came in by an argument, and nothing showed that an outsider chooses it.
    """
    if outcome is Outcome.CONFIRMED and by_caller and confidence is Confidence.LOW:
        level = rule.level.lowered() if rule.level is Level.ERROR else rule.level
        return Decision(ResultKind.FAIL, level, "confirmed by execution, for whoever calls the function")
    if outcome is Outcome.CONFIRMED:
        return Decision(ResultKind.FAIL, Level.ERROR, "confirmed by execution")
    said_unsafe = verdict.judgment is Judgment.UNSAFE
    said_safe = verdict.judgment is Judgment.SAFE and rule.kind is not RuleKind.POLICY
    inert = outcome is Outcome.NEUTRALIZED
    if said_safe and inert:
        return Decision(ResultKind.PASS, Level.NONE, "judged safe, and every attack was inert")
    if confidence is Confidence.LOW:
        if said_unsafe and not inert:
            return Decision(ResultKind.FAIL, Level.NOTE, "a candidate that was judged unsafe")
        return Decision(ResultKind.FAIL, None, "a candidate that nothing confirmed")
    level = rule.level if confidence is Confidence.HIGH or said_unsafe else rule.level.lowered()
    if level is Level.ERROR and (rule.kind is RuleKind.FLOW or confidence is not Confidence.HIGH):
        level = Level.WARNING
    if inert:
        return Decision(ResultKind.FAIL, level.lowered(), "every attack was inert")
    if said_safe:
        return Decision(ResultKind.FAIL, level.lowered(), "judged safe")
    return Decision(ResultKind.FAIL, level, "suspected by static analysis")


def decision_of(judged: Judged) -> Decision:
    """Decide one judged case."""
    case, confirmation = judged.case, judged.case.confirmation
    by_caller = confirmation.evidence is not None and confirmation.evidence.by_caller
    return decide(case.rule, case.finding.confidence, confirmation.outcome, judged.verdict, by_caller=by_caller)


def report(
    judged: Sequence[Judged],
    identities: Mapping[Finding, str],
    suppressed: Mapping[Finding, Suppression],
    policy: Policy,
) -> tuple[Result, ...]:
    """Turn judged cases into results, in the order of their places."""
    results: list[Result] = []
    for item in judged:
        case = item.case
        decision = decision_of(item)
        if decision.level is None or case.finding.confidence < policy.min_confidence:
            continue
        if decision.kind is ResultKind.FAIL and decision.level.rank < policy.min_level.rank:
            continue
        opinion = case.finding.is_opinion and case.confirmation.outcome is not Outcome.CONFIRMED
        accepted = suppressed.get(case.finding)
        results.append(
            Result(
                finding=case.finding,
                rule=case.rule,
                kind=decision.kind,
                level=decision.level,
                reason="a model's opinion, which nothing has shown" if opinion else decision.reason,
                confirmation=case.confirmation,
                verdict=item.verdict,
                retrieved=item.retrieved,
                fingerprint=identities[case.finding],
                suppressions=(accepted,) if accepted else (),
            )
        )
    return tuple(results)


def propose(results: Sequence[Result], sources: Mapping[str, Artifact], tools: Tools) -> tuple[Result, ...]:
    """Give the live results with the fixes that are known for them; whether one holds, `mending` finds out."""
    if tools.fixer is None:
        return tuple(results)
    propose_one = tools.fixer.propose
    return tuple(
        replace(result, fix=propose_one(result.finding, sources[result.finding.location.uri]))
        if result.counts
        else result
        for result in results
    )


def count(artifacts: Sequence[Artifact], cases: Sequence[Case], results: Sequence[Result]) -> dict[str, int]:
    """Count what was looked at and what came of it."""
    outcomes = Counter(case.confirmation.outcome.value for case in cases)
    return {
        "files": len(artifacts),
        "lines": sum(artifact.text.count("\n") + 1 for artifact in artifacts),
        "findings": sum(case.finding.confidence > Confidence.LOW for case in cases),
        "candidates": sum(case.finding.confidence is Confidence.LOW for case in cases),
        **{outcome.value: outcomes[outcome.value] for outcome in Outcome},
        "results": sum(result.counts for result in results),
        "suppressed": sum(bool(result.suppressions) for result in results),
        "passed": sum(result.kind is ResultKind.PASS for result in results),
    }
