"""The nouns that outlive a run, as JSON values and back: an analyzer's answers, confirmations, verdicts.

Arrays in the order of the fields: a large project has tens of thousands of them.
"""

from __future__ import annotations

from typing import Any

from bluecode_lint.core.model import (
    Attempt,
    Clearance,
    Confidence,
    Confirmation,
    Evidence,
    Finding,
    Judgment,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    Verdict,
)

Answer = Finding | Clearance | Notification
"""What an analyzer says."""

_NO_ANSWER = "this is no answer of an analyzer"
_NO_CONFIRMATION = "this is no confirmation"
_NO_VERDICT = "this is no verdict"
_DAMAGE = (TypeError, ValueError, KeyError, IndexError, AttributeError, RecursionError)


def answer_to_document(answer: Answer) -> list[Any]:
    """Give a finding, a clearance or a notification as a JSON array that begins with which of them it is."""
    if isinstance(answer, Finding):
        return [
            "finding",
            answer.rule_id,
            answer.cwe,
            _location_to_document(answer.location),
            answer.message,
            int(answer.confidence),
            list(answer.aliases),
            [_location_to_document(step) for step in answer.code_flow],
            [_location_to_document(place) for place in answer.related],
            answer.snippet,
        ]
    if isinstance(answer, Clearance):
        return ["clearance", answer.rule_id, _location_to_document(answer.location)]
    return ["notification", answer.level.value, answer.id, answer.message, answer.uri]


def answer_from_document(document: Any) -> Answer:  # noqa: ANN401  # JSON
    """Read what `answer_to_document` wrote.

    Raises:
        ValueError: It wrote something else.
    """
    try:
        kind, *parts = document
        if kind == "finding":
            rule_id, cwe, location, message, confidence, aliases, code_flow, related, snippet = parts
            return Finding(
                rule_id,
                cwe,
                _location_from_document(location),
                message,
                Confidence(confidence),
                tuple(aliases),
                tuple(map(_location_from_document, code_flow)),
                tuple(map(_location_from_document, related)),
                snippet,
            )
        if kind == "clearance":
            rule_id, location = parts
            return Clearance(rule_id, _location_from_document(location))
        if kind == "notification":
            level, name, message, uri = parts
            return Notification(Level(level), name, message, uri)
    except _DAMAGE as error:
        raise ValueError(_NO_ANSWER) from error
    raise ValueError(_NO_ANSWER)


def answers_from_documents(documents: Any) -> list[Answer]:  # noqa: ANN401  # JSON
    """Read a list of what `answer_to_document` wrote.

    Raises:
        ValueError: It is no list, or something else is in it.
    """
    if not isinstance(documents, list):
        raise ValueError(_NO_ANSWER)  # noqa: TRY004  # damage is one kind of error, whatever it looks like
    return [answer_from_document(document) for document in documents]


def confirmation_to_document(confirmation: Confirmation) -> dict[str, Any]:
    """Give a confirmation as a JSON object."""
    seen = confirmation.evidence
    return {
        "outcome": confirmation.outcome.value,
        "probe": confirmation.probe,
        "reason": confirmation.reason,
        "evidence": None if seen is None else [seen.entry, seen.payload, seen.effect, seen.by_caller],
        "replay": confirmation.replay,
        "sandbox": confirmation.sandbox,
        "runs": confirmation.runs,
        "journal": [[a.entry, a.input, a.payload, a.reached, a.ended] for a in confirmation.journal],
    }


def confirmation_from_document(document: Any) -> Confirmation:  # noqa: ANN401  # JSON
    """Read what `confirmation_to_document` wrote.

    Raises:
        ValueError: It wrote something else.
    """
    try:
        seen = document["evidence"]
        return Confirmation(
            Outcome(document["outcome"]),
            document["probe"],
            document["reason"],
            None if seen is None else Evidence(*seen),
            document["replay"],
            document["sandbox"],
            document["runs"],
            tuple(Attempt(*attempt) for attempt in document["journal"]),
        )
    except _DAMAGE as error:
        raise ValueError(_NO_CONFIRMATION) from error


def verdict_to_document(verdict: Verdict) -> list[Any]:
    """Give a verdict as a JSON array."""
    return [
        verdict.judgment.value,
        int(verdict.confidence),
        verdict.rationale,
        list(verdict.cited),
        verdict.reasoner,
    ]


def verdict_from_document(document: Any) -> Verdict:  # noqa: ANN401  # JSON
    """Read what `verdict_to_document` wrote.

    Raises:
        ValueError: It wrote something else.
    """
    try:
        judgment, confidence, rationale, cited, reasoner = document
        return Verdict(Judgment(judgment), Confidence(confidence), rationale, tuple(cited), reasoner)
    except _DAMAGE as error:
        raise ValueError(_NO_VERDICT) from error


def region_to_document(region: Region) -> list[int]:
    """Give a region as four numbers."""
    return [region.start_line, region.start_column, region.end_line, region.end_column]


def _location_to_document(location: Location) -> list[Any]:
    return [location.uri, *region_to_document(location.region), location.message]


def _location_from_document(document: Any) -> Location:  # noqa: ANN401  # JSON
    uri, start_line, start_column, end_line, end_column, message = document
    return Location(uri, Region(start_line, start_column, end_line, end_column), message)
