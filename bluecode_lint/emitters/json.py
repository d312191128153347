"""The complete record of a run as JSON, passes and suppressed results included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bluecode_lint.emitters.visible import safe_json
from bluecode_lint.emitters.wording import TOOL_NAME, tally

if TYPE_CHECKING:
    from bluecode_lint.core.model import (
        Condition,
        Confirmation,
        Constitution,
        Fix,
        Location,
        Notification,
        Region,
        Result,
        Rule,
        Run,
        Verdict,
    )

SCHEMA_VERSION = "1.1"
"""Rises in its first part when a reader may break, in its second when something was added."""

_SCORE_DIGITS = 6


class JsonEmitter:
    """Writes everything a run knows but the text of the files. Regions end exclusively, columns are code points."""

    def emit(self, run: Run) -> str:
        """Render a run, byte for byte the same for the same run."""
        constitutions = {r.constitution.id: r.constitution for result in run.results for r in result.retrieved}
        document = {
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": TOOL_NAME, "version": run.tool_version},
            "execution_successful": run.execution_successful,
            "summary": {
                row.level.value: {"results": row.results, "confirmed": row.confirmed, "suppressed": row.suppressed}
                for row in tally(run)
            },
            "statistics": dict(run.statistics),
            "results": [_result(result) for result in sorted(run.results, key=lambda r: r.finding.sort_key)],
            "notifications": [_notification(notification) for notification in run.notifications],
            "artifacts": [{"uri": a.uri, "language": a.language, "sha256": a.sha256} for a in run.artifacts],
            "rules": {rule.id: _rule(rule) for rule in sorted(run.rules, key=lambda rule: rule.id)},
            "constitutions": {key: _constitution(constitutions[key]) for key in sorted(constitutions)},
        }
        return safe_json(json.dumps(document, ensure_ascii=False, indent=2)) + "\n"


def _result(result: Result) -> dict[str, Any]:
    finding = result.finding
    return {
        "rule_id": finding.rule_id,
        "cwe": finding.cwe,
        "kind": result.kind.value,
        "level": result.level.value,
        "reason": result.reason,
        "fingerprint": result.fingerprint,
        "message": finding.message,
        "location": _location(finding.location),
        "snippet": finding.snippet,
        "confidence": finding.confidence.word,
        "aliases": list(finding.aliases),
        "code_flow": [_location(step) for step in finding.code_flow],
        "related": [_location(place) for place in finding.related],
        "confirmation": _confirmation(result.confirmation),
        "verdict": _verdict(result.verdict),
        "retrieved": [
            {"constitution": r.constitution.id, "score": round(r.score, _SCORE_DIGITS)} for r in result.retrieved
        ],
        "suppressions": [{"kind": s.kind, "justification": s.justification} for s in result.suppressions],
        "fix": result.fix and _fix(result.fix),
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "description": fix.description,
        "applicability": fix.applicability.value,
        "edits": [{**_region(edit.region), "text": edit.text} for edit in fix.edits],
    }


def _location(location: Location) -> dict[str, Any]:
    return {"uri": location.uri, **_region(location.region), "message": location.message}


def _region(region: Region) -> dict[str, int]:
    return {
        "start_line": region.start_line,
        "start_column": region.start_column,
        "end_line": region.end_line,
        "end_column": region.end_column,
    }


def _confirmation(confirmation: Confirmation) -> dict[str, Any]:
    evidence = confirmation.evidence
    return {
        "outcome": confirmation.outcome.value,
        "probe": confirmation.probe,
        "reason": confirmation.reason,
        "evidence": evidence and {"entry": evidence.entry, "payload": evidence.payload, "effect": evidence.effect},
        "sandbox": confirmation.sandbox,
        "runs": confirmation.runs,
        "replay": confirmation.replay,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "judgment": verdict.judgment.value,
        "confidence": verdict.confidence.word,
        "rationale": verdict.rationale,
        "cited": list(verdict.cited),
        "reasoner": verdict.reasoner,
    }


def _notification(notification: Notification) -> dict[str, str]:
    return {
        "level": notification.level.value,
        "id": notification.id,
        "message": notification.message,
        "uri": notification.uri,
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "cwe": rule.cwe,
        "kind": rule.kind.value,
        "level": rule.level.value,
        "security_severity": rule.security_severity,
        "precision": rule.precision,
        "message": rule.message,
        "help": rule.help,
        "tags": list(rule.tags),
    }


def _constitution(constitution: Constitution) -> dict[str, Any]:
    return {
        "domain": constitution.domain,
        "cwe": constitution.cwe,
        "principle": constitution.principle,
        "unsafe_when": [_condition(condition) for condition in constitution.unsafe_when],
        "safe_when": [_condition(condition) for condition in constitution.safe_when],
        "rationale": constitution.rationale,
        "examples": list(constitution.examples),
        "provenance": constitution.provenance,
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {"words": condition.words, "predicate": condition.predicate, "arguments": list(condition.arguments)}
