"""`Guard.check`: instructions in, a `Run` out. What is reported, and how loudly, is `decide` alone."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bluecode_lint.core.fingerprint import fingerprints
from bluecode_lint.core.model import (
    NOT_RUN,
    UNJUDGED,
    Case,
    Confidence,
    Finding,
    Judgment,
    Level,
    Location,
    Notification,
    Region,
    Result,
    ResultKind,
    Retrieved,
    Run,
    Suppression,
    Verdict,
)
from bluecode_lint.core.suppression import apply_suppressions
from bluecode_lint.guard.judge import PLAUSIBLE, SURE, InstructionJudge, Judged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Instruction, Rule
    from bluecode_lint.core.protocols import Reasoner
    from bluecode_lint.guard.nearest import KnownExamples

RULE_OF_DOMAIN = {
    "malicious": "bluecode/malicious-instruction",
    "biased": "bluecode/biased-instruction",
    "injected": "bluecode/prompt-injection-in-instructions",
    "hidden": "bluecode/hidden-text-in-instructions",
}
_PHRASES = {
    "malicious": "It asks for {title}",
    "biased": "It decides about or judges people by {title}",
    "injected": "It tries to take over the model that reads it: {title}",
}
_QUOTE_CHARS = 90


@dataclass(frozen=True, slots=True)
class GuardPolicy:
    """What the user asked to be told."""

    selects: Callable[[Finding], bool] = lambda _finding: True
    in_scope: Callable[[Finding], bool] = lambda _finding: True
    min_confidence: Confidence = Confidence.LOW
    min_level: Level = Level.NOTE
    honour_suppressions: bool = True

    def reports(self, finding: Finding, level: Level) -> bool:
        """Tell whether a finding is sure enough, and its result severe enough, to be reported."""
        return finding.confidence >= self.min_confidence and level.rank >= self.min_level.rank


@dataclass(frozen=True, slots=True)
class Guard:
    """Checks instructions. Built once from the loaded knowledge; may be shared by threads."""

    judge: InstructionJudge
    known: KnownExamples
    rules: Mapping[str, Rule]
    reasoner: Reasoner | None = None
    """Judges what the offline checks noted, beside them; without it nothing leaves the process."""
    tool_version: str = ""
    policy: GuardPolicy = field(default_factory=GuardPolicy)

    def check(self, instructions: Sequence[Instruction], trouble: Iterable[Notification] = ()) -> Run:
        """Judge every instruction. ``trouble`` is what already went wrong on the way here."""
        found: dict[Finding, tuple[Judged, Artifact]] = {}
        notifications = list(trouble)
        lines: dict[str, _Lines] = {}
        for instruction in instructions:
            artifact = instruction.artifact
            judgments = self.judge.judge(instruction.text, bare=instruction.origin == "request")
            if judgments.left_out:
                notifications.append(_left_out(judgments.left_out, artifact.uri))
            places = lines.setdefault(artifact.uri, _Lines(artifact.text))
            for judged in judgments.items:
                finding = self._finding(judged, instruction, places)
                if self.policy.selects(finding) and self.policy.in_scope(finding):
                    found.setdefault(finding, (judged, artifact))
        findings = sorted(found, key=lambda finding: finding.sort_key)
        artifacts = _unique(instruction.artifact for instruction in instructions)
        suppressed, remarks = self._suppressed(findings, artifacts)
        results = self._results(findings, found, suppressed)
        reported = {result.finding.location.uri for result in results}
        return Run(
            artifacts=tuple(artifact for artifact in artifacts if artifact.uri in reported),
            rules=tuple(self.rules[rule_id] for rule_id in sorted(RULE_OF_DOMAIN.values())),
            results=results,
            notifications=tuple(sorted({*notifications, *remarks})),
            tool_version=self.tool_version,
            statistics=_count(instructions, artifacts, findings, results),
        )

    def _finding(self, judged: Judged, instruction: Instruction, places: _Lines) -> Finding:
        rule = self.rules[RULE_OF_DOMAIN[judged.domain]]
        start = place_in_artifact(instruction, judged.start)
        end = max(start, place_in_artifact(instruction, judged.end - 1) + 1) if judged.end > judged.start else start
        snippet = instruction.artifact.text[start:end]
        return Finding(
            rule_id=rule.id,
            cwe=rule.cwe,
            location=Location(instruction.artifact.uri, places.region(start, end)),
            message=self._message(judged),
            confidence=_confidence(judged.probability),
            snippet=snippet,
        )

    def _message(self, judged: Judged) -> str:
        if judged.domain == "hidden":
            return f"Part of this text is hidden from people: {judged.detail}."
        nearest = self.known.nearest(judged.features, judged.domain)
        category = self.known.category(judged.features, nearest, judged.domain)
        advice = self.known.advice[judged.domain].get(category, {})
        phrase = _PHRASES[judged.domain].format(title=advice.get("title", category))
        how = (
            ""
            if judged.channel == "text"
            else f" (read from {judged.channel.replace('-', ' ')}: {_quote(judged.text)})"
        )
        like = f"; like {nearest[0].exemplar_id} ({nearest[0].similarity:.2f})" if nearest else ""
        by = "".join(f", {constitution.id}" for constitution in judged.broken)
        instead = f" {advice['instead']}" if "instead" in advice else ""
        return f"{phrase}{how}. Probability {judged.probability:.0%}{like}{by}.{instead}"

    def _suppressed(
        self, findings: Sequence[Finding], artifacts: Sequence[Artifact]
    ) -> tuple[Mapping[Finding, Suppression], Sequence[Notification]]:
        if not self.policy.honour_suppressions:
            return {}, ()
        accepted, remarks = apply_suppressions(findings, artifacts, frozenset(self.rules))
        return {**accepted, **_accepted_in_markup(findings, artifacts)}, remarks

    def _results(
        self,
        findings: Sequence[Finding],
        found: Mapping[Finding, tuple[Judged, Artifact]],
        suppressed: Mapping[Finding, Suppression],
    ) -> tuple[Result, ...]:
        results = []
        for finding, fingerprint in zip(findings, fingerprints(findings), strict=True):
            judged, artifact = found[finding]
            rule = self.rules[finding.rule_id]
            cited = tuple(Retrieved(constitution, 1.0) for constitution in judged.broken)
            verdict = self._verdict(finding, rule, artifact, cited)
            level, reason = decide(rule.level, finding.confidence, verdict)
            if level is None or not self.policy.reports(finding, level):
                continue
            accepted = suppressed.get(finding)
            results.append(
                Result(
                    finding=finding,
                    rule=rule,
                    kind=ResultKind.FAIL,
                    level=level,
                    reason=reason,
                    confirmation=NOT_RUN,
                    verdict=verdict,
                    retrieved=cited,
                    fingerprint=fingerprint,
                    suppressions=(accepted,) if accepted else (),
                )
            )
        return tuple(results)

    def _verdict(self, finding: Finding, rule: Rule, artifact: Artifact, cited: Sequence[Retrieved]) -> Verdict:
        if self.reasoner is not None:
            return self.reasoner.judge(Case(finding, rule, artifact), cited)
        if not cited:
            return UNJUDGED
        principles = " ".join(item.constitution.principle for item in cited)
        ids = tuple(item.constitution.id for item in cited)
        return Verdict(Judgment.UNDECIDED, Confidence.LOW, principles, ids, "offline")


def decide(rule_level: Level, confidence: Confidence, verdict: Verdict) -> tuple[Level | None, str]:
    """Say how a judgment is reported: a pure table. None is not at all.

    A model's word neither hides what the offline checks are sure of nor raises anything above the rule's level.
    """
    said_unsafe = verdict.judgment is Judgment.UNSAFE
    if confidence is Confidence.LOW:
        return (Level.NOTE, "noted offline, judged unsafe by the model") if said_unsafe else (None, "not likely enough")
    level = rule_level if confidence is Confidence.HIGH or said_unsafe else rule_level.lowered()
    if verdict.judgment is Judgment.SAFE:
        return level.lowered(), "judged safe by the model"
    return level, "judged offline"


def _confidence(chance: float) -> Confidence:
    if chance >= SURE:
        return Confidence.HIGH
    return Confidence.MEDIUM if chance >= PLAUSIBLE else Confidence.LOW


def place_in_artifact(instruction: Instruction, offset: int) -> int:
    """Give where a character of an instruction stands in its file."""
    at = bisect.bisect_right(instruction.anchors, (offset, len(instruction.artifact.text))) - 1
    text_offset, artifact_offset = instruction.anchors[max(at, 0)]
    return min(artifact_offset + offset - text_offset, len(instruction.artifact.text))


class _Lines:
    """Turns offsets of a text into lines and columns, both from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|\r|\n", text))]

    def region(self, start: int, end: int) -> Region:
        """Give the region from ``start`` to ``end``."""
        first = bisect.bisect_right(self._starts, start)
        last = bisect.bisect_right(self._starts, max(start, end - 1))
        return Region(first, start - self._starts[first - 1] + 1, last, max(end, start) - self._starts[last - 1] + 1)


_MARKUP_SUPPRESSION = re.compile(
    r"<!--\s*bluecode:\s*ignore\[(?P<ids>[a-z0-9/, -]+)\]\s*--\s*(?P<reason>[^\n]*?\S)\s*-->"
)


def _accepted_in_markup(findings: Sequence[Finding], artifacts: Sequence[Artifact]) -> dict[Finding, Suppression]:
    """Match ``<!-- bluecode: ignore[rule-id] -- reason -->`` with findings on its own line and the next one."""
    accepted: dict[tuple[str, int, str], str] = {}
    for artifact in artifacts:
        if artifact.language == "python" or "bluecode:" not in artifact.text:
            continue
        for number, line in enumerate(artifact.text.split("\n"), start=1):
            for match in _MARKUP_SUPPRESSION.finditer(line):
                for word in match["ids"].split(","):
                    rule_id = "bluecode/" + word.strip().removeprefix("bluecode/")
                    accepted |= {(artifact.uri, at, rule_id): match["reason"] for at in (number, number + 1)}
    matched = {}
    for finding in findings:
        place = finding.location
        reason = accepted.get((place.uri, place.region.start_line, finding.rule_id))
        if reason:
            matched[finding] = Suppression("inSource", reason)
    return matched


def _unique(artifacts: Iterable[Artifact]) -> list[Artifact]:
    return list({artifact.uri: artifact for artifact in artifacts}.values())


def _quote(text: str) -> str:
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= _QUOTE_CHARS else plain[:_QUOTE_CHARS] + "…")


def _left_out(characters: int, uri: str) -> Notification:
    message = (
        f"the text is too long: its beginning and end were checked, {characters:,} characters between them were not"
    )
    return Notification(Level.WARNING, "instruction-capped", message, uri)


def _count(
    instructions: Sequence[Instruction],
    artifacts: Sequence[Artifact],
    findings: Sequence[Finding],
    results: Sequence[Result],
) -> dict[str, int]:
    return {
        "files": len(artifacts),
        "lines": sum(artifact.text.count("\n") + 1 for artifact in artifacts),
        "instructions": len(instructions),
        "findings": sum(finding.confidence > Confidence.LOW for finding in findings),
        "candidates": sum(finding.confidence is Confidence.LOW for finding in findings),
        "results": sum(result.counts for result in results),
        "suppressed": sum(bool(result.suppressions) for result in results),
        "confirmed": 0,
        "passed": 0,
    }
