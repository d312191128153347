"""Judge without a model: check the conditions of the retrieved constitutions on the code itself.

An execution outweighs all else. Then all ``unsafe_when`` conditions of a constitution, holding together, make a case
unsafe. All ``safe_when`` conditions make it safe if the constitution is about this very use and none says unsafe.
Likeness to an example decides nothing: it only chose which constitutions to check. A condition that is words alone
cannot be checked, so a constitution with one never decides by that side.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Confidence, Judgment, Outcome, RuleKind, Verdict
from bluecode_lint.core.weaknesses import are_related
from bluecode_lint.reasoners.predicates import PREDICATES
from bluecode_lint.reasoners.predicates.calls import argument_from_input
from bluecode_lint.reasoners.scene import Scene, scene_at
from bluecode_lint.reasoners.tree import argument_nodes
from bluecode_lint.reasoners.values import LeafKind, ModuleFacts, facts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Case, Condition, Constitution, Retrieved

NAME = "offline"

_MODULES_KEPT = 8
"""The findings of one module come one after another; its facts are collected once."""

_SINK_NAMING = frozenset({"calls", "assigns", "compares_by", "handler_catches"})
"""Predicates that say which use a principle is about."""

_TELLING = frozenset(
    {
        "argument_below",
        "argument_from_input",
        "argument_is",
        "argument_matches",
        "assigns",
        "assigns_text_to",
        "compares_secret",
        "purpose_matches",
        "receiver_made_by",
        "returns_caught_error",
    }
)
"""Predicates that show what is wrong with a call, or what it is for, rather than which call it is."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What checking one constitution gave. ``None`` is: could not be checked."""

    constitution: Constitution
    unsafe: bool | None
    safe: bool | None


class OfflineReasoner:
    """Judges by the constitutions whose conditions can be checked on the syntax tree."""

    def __init__(self, predicates: Mapping[str, Callable[..., bool]] = PREDICATES) -> None:
        """Check conditions with ``predicates``, by name."""
        self._predicates = predicates
        self._facts_of = lru_cache(maxsize=_MODULES_KEPT)(_facts_of)

    @property
    def name(self) -> str:
        """Give the name a verdict carries."""
        return NAME

    def judge(self, case: Case, retrieved: Sequence[Retrieved]) -> Verdict:
        """Judge from the confirmation and from what holds in the code; undecided where neither says anything."""
        scene = scene_at(case.artifact.syntax, case.finding.location.region, self._facts_of(case.artifact))
        readings = [read(constitution, scene, self._predicates) for constitution in _applicable(case, retrieved)]
        broken = [reading.constitution for reading in readings if reading.unsafe]
        satisfied = [
            reading.constitution
            for reading in readings
            if reading.safe and self._is_about_this_use(reading.constitution, case, scene)
        ]
        if case.confirmation.outcome is Outcome.CONFIRMED:
            return _proven(case, broken)
        if broken and satisfied:
            cited = [*broken, *satisfied]
            return _verdict(Judgment.UNDECIDED, Confidence.LOW, "Its principles disagree: " + _list(cited), cited)
        if broken:
            return _broken(case, scene, broken)
        if satisfied:
            return _satisfied(case, satisfied)
        return _verdict(Judgment.UNDECIDED, Confidence.LOW, "No known principle could be checked on this code.", ())

    def _is_about_this_use(self, constitution: Constitution, case: Case, scene: Scene) -> bool:
        """Tell whether a principle that is satisfied speaks about the claim: the same weakness, of the same call.

        That ``os.urandom`` is a good generator says nothing about how many bytes were asked for, and that one principle
        about cookies is kept says nothing about another.
        """
        named = [condition for condition in constitution.unsafe_when if condition.predicate in _SINK_NAMING]
        return (
            constitution.cwe == case.finding.cwe and bool(named) and _all_hold(named, scene, self._predicates) is True
        )


def _facts_of(artifact: Artifact) -> ModuleFacts:
    return facts_of(artifact.syntax.root)


def _applicable(case: Case, retrieved: Sequence[Retrieved]) -> list[Constitution]:
    """Pick the constitutions about the very weakness; those of its family speak only where there is none."""
    exact = [item.constitution for item in retrieved if item.constitution.cwe == case.finding.cwe]
    related = [item.constitution for item in retrieved if are_related(item.constitution.cwe, case.finding.cwe)]
    return exact or related


def read(
    constitution: Constitution, scene: Scene, predicates: Mapping[str, Callable[..., bool]] = PREDICATES
) -> Reading:
    """Check both sides of a constitution at one place in the code."""
    return Reading(
        constitution,
        unsafe=_all_hold(constitution.unsafe_when, scene, predicates),
        safe=_all_hold(constitution.safe_when, scene, predicates),
    )


def _all_hold(
    conditions: Iterable[Condition], scene: Scene, predicates: Mapping[str, Callable[..., bool]]
) -> bool | None:
    """Tell whether all conditions hold; None if none fails and one cannot be checked."""
    answer: bool | None = None
    unknown = False
    for condition in conditions:
        check = predicates.get(condition.predicate)
        if check is None or not _fits(check, len(condition.arguments)):
            unknown = True
        elif not check(scene, *condition.arguments):
            return False
        else:
            answer = True
    return None if unknown else answer


@lru_cache(maxsize=512)
def _fits(check: Callable[..., bool], count: int) -> bool:
    """Tell whether a check takes ``count`` arguments beside the scene."""
    try:
        inspect.signature(check).bind(None, *([""] * count))
    except TypeError:
        return False
    return True


def _proven(case: Case, broken: Sequence[Constitution]) -> Verdict:
    evidence = case.confirmation.evidence
    effect = evidence.effect if evidence is not None else "the attack's effect was observed"
    return _verdict(Judgment.UNSAFE, Confidence.HIGH, f"An execution showed it: {effect}", broken)


def _broken(case: Case, scene: Scene, broken: Sequence[Constitution]) -> Verdict:
    """Say unsafe, unless it is a bare suspicion and the code shows neither hostile data nor what would be harmed."""
    rationale = "; ".join(condition.words.rstrip(".") for condition in broken[0].unsafe_when) + f" ({broken[0].id})."
    if case.confirmation.outcome is Outcome.NEUTRALIZED:
        return _verdict(
            Judgment.UNDECIDED,
            Confidence.LOW,
            rationale + " But every payload tried in an execution was inert.",
            broken,
        )
    cleaner = _unknown_cleaner(scene) if case.rule.kind is RuleKind.FLOW else ""
    if cleaner:
        return _verdict(
            Judgment.UNDECIDED,
            Confidence.LOW,
            rationale + f" But what {cleaner} does to the value is not seen.",
            broken,
        )
    if case.finding.confidence is Confidence.LOW and not (_input_arrives(scene) or _is_telling(case, broken)):
        return _verdict(
            Judgment.UNDECIDED, Confidence.LOW, rationale + " But nothing shows that it matters here.", broken
        )
    confidence = Confidence.HIGH if case.finding.confidence is Confidence.HIGH else Confidence.MEDIUM
    return _verdict(Judgment.UNSAFE, confidence, rationale, broken)


def _unknown_cleaner(scene: Scene) -> str:
    """Name the function of the project that everything hostile in the call passed through; empty if some did not.

    A function of another file, or of this one, may clean a value or not; reading its name tells neither.
    """
    call = scene.call
    leaves = [
        leaf
        for node in (argument_nodes(call) if call is not None else ())
        for leaf in scene.values.leaves(node.child_by_field_name("value") if node.type == "keyword_argument" else node)
        if leaf.kind is not LeafKind.CONSTANT
    ]
    cleaners = [next((step for step in leaf.through if _is_of_project(step, scene)), "") for leaf in leaves]
    return cleaners[0].lstrip(".") if cleaners and all(cleaners) else ""


def _is_of_project(path: str, scene: Scene) -> bool:
    """Tell whether a called path is a function of the project: imported relatively, or defined in the module."""
    return path.startswith(".") or path in scene.facts.functions


def _is_telling(case: Case, broken: Sequence[Constitution]) -> bool:
    """Tell whether a broken principle saw more than the call itself, in a rule that is not about flowing data."""
    if case.rule.kind is RuleKind.FLOW:
        return False
    return any(condition.predicate in _TELLING for constitution in broken for condition in constitution.unsafe_when)


def _input_arrives(scene: Scene) -> bool:
    """Tell whether an argument of the call plainly comes from outside; a parameter alone shows nothing."""
    call = scene.call
    positions = range(len(argument_nodes(call))) if call is not None else ()
    return any(argument_from_input(scene, str(position)) for position in positions)


def _satisfied(case: Case, satisfied: Sequence[Constitution]) -> Verdict:
    first = satisfied[0]
    rationale = "; ".join(condition.words.rstrip(".") for condition in first.safe_when) + f" ({first.id})."
    if case.confirmation.outcome is Outcome.NEUTRALIZED:
        return _verdict(
            Judgment.SAFE, Confidence.HIGH, rationale + " Every payload tried in an execution was inert.", satisfied
        )
    return _verdict(Judgment.SAFE, Confidence.MEDIUM, rationale, satisfied)


def _verdict(judgment: Judgment, confidence: Confidence, rationale: str, cited: Sequence[Constitution]) -> Verdict:
    return Verdict(judgment, confidence, rationale, tuple(constitution.id for constitution in cited), NAME)


def _list(constitutions: Sequence[Constitution]) -> str:
    return ", ".join(constitution.id for constitution in constitutions) + "."
