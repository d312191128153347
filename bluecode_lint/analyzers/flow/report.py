"""Turn hits into findings: how sure they are, what they say, one for each place and rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.flow.sinks import is_identifier_place
from bluecode_lint.analyzers.flow.values import BUILT, DOUBT, GIVEN, WEAK, Kind, Step, is_doubtful
from bluecode_lint.core.model import Clearance, Confidence, Finding, Location, Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bluecode_lint.analyzers.flow.frame import Hit
    from bluecode_lint.analyzers.flow.knowledge import Context, Knowledge
    from bluecode_lint.analyzers.flow.program import ModuleAnalysis
    from bluecode_lint.analyzers.ir import Function, Module
    from bluecode_lint.core.model import Rule

MAX_SNIPPET = 400


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding with what decides between two of the same place."""

    finding: Finding
    kind: Kind


def draft_findings(analysis: ModuleAnalysis, rules: Mapping[str, Rule], threat_model: str) -> list[Finding]:
    """Judge all hits of a module; keep the surest one of each rule and place."""
    best: dict[tuple[str, str, Region], Draft] = {}
    for hit, function in analysis.found.hits:
        confidence = judge(hit, function, analysis, threat_model)
        rule = rules.get(f"bluecode/{rule_of(hit)}")
        if confidence is None or rule is None:
            continue
        draft = _draft(hit, confidence, rule, analysis)
        key = (rule.id, draft.finding.location.uri, draft.finding.location.region)
        known = best.get(key)
        if known is None or _rank(draft) > _rank(known):
            best[key] = draft
    return [d.finding for d in best.values()]


def clearances(analysis: ModuleAnalysis) -> list[Clearance]:
    """List the sinks of a module that were looked at and never saw anything but what the program chose."""
    module = analysis.module
    return [
        Clearance(f"bluecode/{rule}", Location(module.uri, Region(*module.position(start), *module.position(end))))
        for (rule, start, end), harmless in analysis.found.sinks.items()
        if harmless
    ]


def best_of(findings: Iterable[Finding]) -> list[Finding]:
    """Keep the surest finding of each rule and place, independent of order."""
    best: dict[tuple[str, str, Region], Finding] = {}
    for finding in findings:
        key = (finding.rule_id, finding.location.uri, finding.location.region)
        known = best.get(key)
        if known is None or (finding.confidence, finding.message) > (known.confidence, known.message):
            best[key] = finding
    return sorted(best.values(), key=lambda f: f.sort_key)


_EXECUTING = frozenset({"code-injection", "os-command-injection", "sql-injection", "unsafe-deserialization"})


def rule_of(hit: Hit) -> str:
    """Name the rule: what a model wrote and the program runs is a defect of its own."""
    return "model-output-execution" if hit.taint.origin.kind is Kind.MODEL and hit.rule in _EXECUTING else hit.rule


def _rank(draft: Draft) -> tuple[int, int, int]:
    return (draft.finding.confidence, -draft.kind, len(draft.finding.code_flow))


def judge(hit: Hit, function: Function | None, analysis: ModuleAnalysis, threat_model: str) -> Confidence | None:
    """Say how sure a hit is; None if it is not worth a question."""
    context = analysis.knowledge.contexts[hit.rule]
    taint = hit.taint
    kind = taint.origin.kind
    confidence = context.confidences[kind]
    built = context.built if hit.built is None else hit.built
    if kind is Kind.PARAM:
        confidence = _judge_param(hit, function, analysis, context, built=built)
        if threat_model in ("web", "cli") and confidence is not None:
            confidence = Confidence.LOW
    elif kind is Kind.UNKNOWN and not taint.shape & BUILT:
        confidence = context.given if taint.shape & GIVEN else None
    elif kind is Kind.LOCAL and threat_model == "web":
        confidence = Confidence.LOW if confidence is not None else None
    if confidence is None:
        return None
    if is_doubtful(kind) and (
        taint.shape & DOUBT or (hit.rule == "sql-injection" and is_identifier_place(taint.prefix))
    ):
        return Confidence.LOW if kind is Kind.PARAM else None
    if taint.shape & WEAK and confidence > Confidence.LOW:
        confidence = Confidence(confidence - 1)
    return min(confidence, hit.most)


def _judge_param(
    hit: Hit, function: Function | None, analysis: ModuleAnalysis, context: Context, *, built: bool
) -> Confidence | None:
    confidence = hit.param if hit.param is not None else context.confidences[Kind.PARAM]
    if confidence is None or function is None:
        return None
    if built and not hit.taint.shape & BUILT:
        return Confidence.LOW
    if not is_public(function, analysis) or analysis.is_only_passed_harmless(function, hit.taint.origin.param):
        return Confidence.LOW
    return confidence


def is_public(function: Function, analysis: ModuleAnalysis) -> bool:
    """Tell whether callers outside the module are to be expected: by name, or because nobody inside calls it."""
    private = function.name.startswith("_") and not function.name.endswith("__")
    if function.owner is not None and function.owner.name.startswith("_"):
        private = True
    return not private or function.name not in analysis.called_names


def _draft(hit: Hit, confidence: Confidence, rule: Rule, analysis: ModuleAnalysis) -> Draft:
    module = analysis.module
    if hit.region is not None:
        uri, region, snippet = hit.uri, hit.region, hit.snippet
    else:
        uri = module.uri
        region = Region(*module.position(hit.start), *module.position(hit.end))
        snippet = module.source[hit.start : hit.end].decode("utf-8", errors="replace")[:MAX_SNIPPET]
    location = Location(uri, region, f"{hit.what[:1].upper()}{hit.what[1:]}")
    finding = Finding(
        rule.id,
        rule.cwe,
        location,
        message_of(hit, analysis.knowledge),
        confidence,
        aliases=(f"flow:{rule_of(hit)}",),
        code_flow=tuple(flow_of(hit.taint.steps, module)),
        snippet=snippet,
    )
    return Draft(finding, hit.taint.origin.kind)


def flow_of(steps: Step | None, module: Module) -> list[Location]:
    """List the steps of a flow from source to sink."""
    found: list[Location] = []
    current = steps
    while current is not None:
        found.append(location_of(current, module))
        current = current.before
    found.reverse()
    return found


def location_of(step: Step, module: Module) -> Location:
    """Place a step."""
    if step.region is not None:
        return Location(step.uri, step.region, step.message)
    return Location(module.uri, Region(*module.position(step.start), *module.position(step.end)), step.message)


def message_of(hit: Hit, knowledge: Knowledge) -> str:
    """Say in a sentence what reaches what, and what that lets an attacker do."""
    what, effect = hit.taint.origin.what, knowledge.contexts[rule_of(hit)].effect
    kind = hit.taint.origin.kind
    if kind is Kind.PARAM:
        return f"{_upper(what)} reaches {hit.what} unchecked: a caller that passes on hostile data {effect}."
    if kind is Kind.UNKNOWN:
        return f"{_upper(what)} is put into {hit.what}: if anyone else decides on its value, it {effect}."
    if kind in (Kind.SECRET, Kind.ERROR):
        return f"{_upper(what)} reaches {hit.what}, which {effect}."
    return f"{_upper(what)} reaches {hit.what}, which {effect}."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
