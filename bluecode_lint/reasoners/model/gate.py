"""The deterministic gate between a model's opinion and a verdict.

A model proposes; this decides. An opinion counts only if everything in it can be found in the code that was shown, and
an acquittal only if something beside the model speaks for it, too. What does not pass is undecided, and the offline
verdict, which no words can sway, is the floor under everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.model import Confidence, Judgment, Outcome, RuleKind, Verdict
from bluecode_lint.core.weaknesses import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.model import Case, Location
    from bluecode_lint.reasoners.model.answer import Opinion
    from bluecode_lint.reasoners.model.prompt import Prompt

NEVER_ACQUITTED = frozenset().union(
    *(FAMILIES[name] for name in ("secret", "cipher", "random", "transport", "browser")), {1427}
)
"""Requirements, not guesses: a secret in the code or a weak cipher is there or is not, whatever can be said for it."""

_QUOTE_MIN = 3
_RATIONALE_MAX = 700


def objections(
    opinion: Opinion, case: Case, prompt: Prompt, floor: Verdict, *, addresses_reviewer: bool = False
) -> tuple[str, ...]:
    """Say everything that speaks against letting an opinion count; nothing does if it is empty.

    ``floor`` is the offline verdict; ``addresses_reviewer`` is whether the file holds text aimed at its reviewer.
    """
    if opinion.judgment is Judgment.UNDECIDED:
        return ()
    found = [*_unfounded(opinion, case, prompt)]
    if opinion.judgment is Judgment.SAFE:
        found += _unearned(opinion, case, floor)
        if addresses_reviewer:
            found.append("the file holds text that addresses its reviewer")
    return tuple(found)


def _unfounded(opinion: Opinion, case: Case, prompt: Prompt) -> Iterator[str]:
    """Check an opinion against what was shown: quotes, hops, citations."""
    lines = {(excerpt.uri, number): line for excerpt in prompt.excerpts for number, line in excerpt.lines.items()}
    for quote in (*opinion.path, *opinion.protections):
        if not stands_in(quote.text, quote.line, lines.get((quote.uri, quote.line), "")):
            yield f"a quote does not stand at {quote.uri}:{quote.line}"
    covered = {(step.uri, step.line) for step in opinion.path}
    for hop in (*case.finding.code_flow, case.finding.location):
        if not _is_covered(hop, covered):
            yield f"its path leaves out {hop.uri}:{hop.region.start_line}"
    for name in opinion.cited:
        if name not in prompt.citable:
            yield f"it cites {name[:80]}, which it was not shown"


def _unearned(opinion: Opinion, case: Case, floor: Verdict) -> Iterator[str]:
    """Check what an acquittal needs beyond being founded."""
    finding, inert = case.finding, case.confirmation.outcome is Outcome.NEUTRALIZED
    if case.rule.kind is RuleKind.POLICY or finding.cwe in NEVER_ACQUITTED:
        yield f"a model never acquits of CWE-{finding.cwe}"
    if not any(protection.holds for protection in opinion.protections):
        yield "it names no protection that holds"
    verified = floor.judgment is Judgment.SAFE
    if case.rule.kind is RuleKind.MISUSE and finding.confidence is Confidence.HIGH and not verified:
        yield "the misuse is certain, and no checked principle clears it"
    elif finding.confidence > Confidence.LOW and not inert and not verified:
        yield "neither an execution nor a checked principle supports it"


def stands_in(quote: str, number: int, line: str) -> bool:
    """Tell whether a quote stands in the line of that number, however it is spaced."""
    text = quote.removeprefix(f"{number}:")  # the number stands before the line in the prompt
    wanted, shown = "".join(text.split()), "".join(line.split())
    return bool(wanted) and wanted in shown and (len(wanted) >= _QUOTE_MIN or wanted == shown)


def _is_covered(hop: Location, covered: set[tuple[str, int]]) -> bool:
    return any((hop.uri, line) in covered for line in range(hop.region.start_line, hop.region.end_line + 1))


# --- from opinion to verdict -----------------------------------------------------------------------------------------


def settle(
    opinion: Opinion, case: Case, prompt: Prompt, floor: Verdict, against: tuple[str, ...], name: str
) -> Verdict:
    """Join the offline verdict and a model's opinion, whose ``against`` are its `objections`.

    The floor's unsafe stands. Where the floor says safe and the model unsafe, nobody is believed: undecided.
    """
    if opinion.judgment is Judgment.UNDECIDED or against:
        remark = f"The model was not followed: {against[0]}." if against else "The model could not decide."
        return _with_remark(floor, remark)
    told = _account(opinion, prompt)
    if floor.judgment is Judgment.UNSAFE:
        agreed = opinion.judgment is Judgment.UNSAFE
        return _with_remark(floor, told if agreed else "The model disagreed, which changes nothing.")
    if floor.judgment is Judgment.SAFE and opinion.judgment is Judgment.UNSAFE:
        words = f"A checked principle speaks for it ({floor.rationale.rstrip('.')}), the model against it. {told}"
        return Verdict(Judgment.UNDECIDED, Confidence.LOW, words[:_RATIONALE_MAX], (*floor.cited, *opinion.cited), name)
    inert = case.confirmation.outcome is Outcome.NEUTRALIZED
    sure = Confidence.HIGH if inert and opinion.judgment is Judgment.SAFE else Confidence.MEDIUM
    cited = tuple(dict.fromkeys((*floor.cited, *opinion.cited)))
    return Verdict(opinion.judgment, sure, told, cited, name)


def _with_remark(floor: Verdict, remark: str) -> Verdict:
    words = f"{floor.rationale} {remark}".strip()[:_RATIONALE_MAX]
    return Verdict(floor.judgment, floor.confidence, words, floor.cited, floor.reasoner)


def _account(opinion: Opinion, prompt: Prompt) -> str:
    """Write what a model said in the three things a reader checks: why, along which lines, past what."""
    parts = [opinion.rationale.strip()]
    if len(opinion.path) > 1:
        parts.append("Path: " + " > ".join(f"{step.uri}:{step.line}" for step in opinion.path) + ".")
    for protection in opinion.protections:
        holds = "holds" if protection.holds else "does not hold"
        parts.append(f"`{protection.text.strip()}` (line {protection.line}) {holds}: {protection.remark.strip()}")
    if opinion.would_change.strip():
        parts.append(f"Would change its mind: {opinion.would_change.strip()}")
    return prompt.original(" ".join(" ".join(parts).split()))[:_RATIONALE_MAX]
