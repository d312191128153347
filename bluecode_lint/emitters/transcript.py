"""The account of `prove`: entry by entry, what was tried on each suspicion and what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Confidence, Outcome
from bluecode_lint.emitters.visible import visible
from bluecode_lint.emitters.wording import one_line, plural, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bluecode_lint.core.model import Attempt, Confirmation, Finding

    Proof = tuple[Finding, Confirmation]

_LONGEST = 120
_MOST_ATTEMPTS = 12
"""Attempts of one entry that are shown; the JSON account has all of them."""


def transcript_text(proofs: Sequence[Proof]) -> str:
    """Write the account for people: a heading for each suspicion, its ways in, what each attempt did."""
    if not proofs:
        return "Nothing is suspected here, so nothing was attacked.\n"
    lines = [line for proof in proofs for line in _suspicion(*proof)]
    count = sum(confirmation.outcome is Outcome.CONFIRMED for _, confirmation in proofs)
    lines.append(f"{plural(len(proofs), 'suspicion')}, {count} confirmed.")
    return "\n".join(visible(line) for line in lines) + "\n"


def _suspicion(finding: Finding, confirmation: Confirmation) -> Iterator[str]:
    place = finding.location
    kind = "candidate" if finding.confidence is Confidence.LOW else "finding"
    slug = finding.rule_id.partition("/")[2]
    yield f"{place.uri}:{place.region.start_line}:{place.region.start_column}  {slug}  CWE-{finding.cwe}  ({kind})"
    if finding.snippet:
        yield f"    {shorten(one_line(finding.snippet), _LONGEST)}"
    by_entry: dict[str, list[Attempt]] = {}
    for attempt in confirmation.journal:
        by_entry.setdefault(attempt.entry, []).append(attempt)
    for entry, attempts in by_entry.items():
        yield f"  {entry}"
        yield from _attempts(attempts)
    runs = (
        f" ({plural(confirmation.runs, 'execution')} in the {confirmation.sandbox} sandbox)"
        if confirmation.runs
        else ""
    )
    evidence = confirmation.evidence
    said = evidence.effect if evidence is not None else confirmation.reason or "nothing here can be attacked"
    yield f"  = {confirmation.outcome}{runs}: {one_line(said)}"
    if evidence is not None:
        yield f"    {confirmation.reason}"
    yield ""


def _attempts(attempts: Sequence[Attempt]) -> Iterator[str]:
    """Write one line for each different attempt, in order, with how often it was made."""
    rows: dict[str, int] = {}
    for attempt in attempts:
        sent = f"{attempt.input or 'as it is'}: {shorten(one_line(attempt.payload or 'harmless data'), _LONGEST // 2)}"
        what = "reached the sink" if attempt.reached else "did not reach the sink"
        line = f"    {sent:<72} {what}{f', ended by {attempt.ended}' if attempt.ended else ''}"
        rows[line] = rows.get(line, 0) + 1
    shown = list(rows.items())[:_MOST_ATTEMPTS]
    yield from (f"{line} ({count} times)" if count > 1 else line for line, count in shown)
    if len(rows) > len(shown):
        yield f"    … and {len(rows) - len(shown)} more"


def transcript_json(proofs: Iterable[Proof]) -> str:
    """Write the account for programs: a list with one object for each suspicion."""
    rows = [
        {
            "uri": finding.location.uri,
            "line": finding.location.region.start_line,
            "column": finding.location.region.start_column,
            "rule_id": finding.rule_id,
            "cwe": finding.cwe,
            "confidence": finding.confidence.name.lower(),
            "outcome": confirmation.outcome,
            "probe": confirmation.probe,
            "reason": confirmation.reason,
            "effect": confirmation.evidence.effect if confirmation.evidence is not None else "",
            "sandbox": confirmation.sandbox,
            "executions": confirmation.runs,
            "replay": confirmation.replay,
            "attempts": [
                {"entry": a.entry, "input": a.input, "payload": a.payload, "reached": a.reached, "ended": a.ended}
                for a in confirmation.journal
            ],
        }
        for finding, confirmation in proofs
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
