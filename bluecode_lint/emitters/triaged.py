"""Write what `triage` found out: into the logs that the results came from, or as a table."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.model import Level, Outcome, ResultKind
from bluecode_lint.emitters.sarif import SCHEMA, uri_of
from bluecode_lint.emitters.visible import safe_json, visible
from bluecode_lint.emitters.wording import TOOL_NAME, one_line, plural, sentence, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.core.model import Confirmation, Verdict

_LONGEST = 160
_OF_ONE_RUN = frozenset({"ruleIndex", "rule", "taxa", "locations", "codeFlows", "relatedLocations", "graphs"})
"""Properties of a result that mean something only beside the tables of its own run."""


@dataclass(frozen=True, slots=True)
class Row:
    """The verdict on one result of another tool. ``log``, ``run`` and ``result`` are its place in what was read."""

    log: int
    run: int
    result: int
    tool: str
    rule_id: str
    uri: str
    line: int
    cwes: tuple[int, ...]
    message: str
    was: Level
    kind: ResultKind
    level: Level
    reason: str
    confirmation: Confirmation
    verdict: Verdict


def triaged_text(rows: Sequence[Row]) -> str:
    """Write one line a result, with the proof below it, and the counts."""
    lines = []
    for row in rows:
        what = row.confirmation.outcome.value if row.confirmation.outcome is not Outcome.NOT_RUN else "not attacked"
        changed = f"{row.was} -> {_level_word(row)}" if _level_word(row) != row.was else row.was.value
        lines.append(f"{row.uri or '?'}:{row.line}: {row.tool} {row.rule_id}: {changed}, {what}, {row.reason}")
        lines.append(f"    {shorten(one_line(row.message), _LONGEST)}")
        lines.extend(f"    = {line}" for line in _evidence(row))
    levels = Counter(_level_word(row) for row in rows)
    proven = sum(row.confirmation.outcome is Outcome.CONFIRMED for row in rows)
    counts = ", ".join(f"{levels[word]} {word}" for word in ("error", "warning", "note", "pass") if levels[word])
    lines.append(f"{plural(len(rows), 'result')} judged: {counts or 'none'}; {proven} proven.")
    return "\n".join(visible(line) for line in lines) + "\n"


def _level_word(row: Row) -> str:
    return "pass" if row.kind is ResultKind.PASS else row.level.value


def _evidence(row: Row) -> list[str]:
    evidence, verdict = row.confirmation.evidence, row.verdict
    if evidence is not None:
        payload = shorten(one_line(evidence.payload), _LONGEST // 2)
        return [f"proof: {evidence.entry}; payload {payload}; {one_line(evidence.effect)}"]
    said = [one_line(row.confirmation.reason)] if row.confirmation.reason else []
    return said + (
        [f"judged {verdict.judgment}: {shorten(one_line(verdict.rationale), _LONGEST)}"] if verdict.rationale else []
    )


def triaged_json(rows: Sequence[Row]) -> str:
    """Write a list with one object a result."""
    return json.dumps([{"tool": r.tool, "rule_id": r.rule_id, "uri": r.uri, "line": r.line, **_told(r)} for r in rows],
                      indent=2, ensure_ascii=False) + "\n"  # fmt: skip


def triaged_sarif(documents: Sequence[Mapping[str, Any]], rows: Sequence[Row], *, merge: bool = False) -> str:
    """Write the logs again with the verdict on each result; every run, rule, id and fingerprint stays as it was.

    Several logs become one with all their runs. With ``merge`` all results become one run of ours, their rules named
    after their tools.
    """
    copies = copy.deepcopy(list(documents))
    for row in rows:
        _annotate(copies[row.log]["runs"][row.run]["results"][row.result], row)
    runs = [run for document in copies for run in document["runs"]]
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_merged(runs, rows)] if merge else runs}
    return safe_json(json.dumps(log, ensure_ascii=False, indent=1)) + "\n"


def _annotate(result: dict[str, Any], row: Row) -> None:
    """Add the verdict: the level decides what code scanning shows, the properties tell everything."""
    result["level"] = "note" if row.kind is ResultKind.PASS else row.level.value
    properties = result.get("properties")
    result["properties"] = {**(properties if isinstance(properties, dict) else {}), "bluecode": _told(row)}
    said = _words(row)
    message = result.get("message")
    if isinstance(message, dict) and isinstance(message.get("text"), str):
        message["text"] = f"{message['text']}\n\n{said}"
    if row.confirmation.evidence is not None and result.get("locations"):
        proof = {key: value for key, value in result["locations"][0].items() if key == "physicalLocation"}
        related = result.get("relatedLocations")
        places = related if isinstance(related, list) else []
        result["relatedLocations"] = [*places, {**proof, "message": {"text": said}}]


def _words(row: Row) -> str:
    parts = [f"{TOOL_NAME}: {row.reason}"]
    evidence = row.confirmation.evidence
    if evidence is not None:
        parts.append(f"{evidence.entry}, payload {one_line(evidence.payload)}: {one_line(evidence.effect)}")
    elif row.confirmation.reason:
        parts.append(one_line(row.confirmation.reason))
    return " ".join(sentence(part) for part in parts)


def _told(row: Row) -> dict[str, Any]:
    confirmation, verdict = row.confirmation, row.verdict
    evidence = confirmation.evidence
    return {
        "kind": row.kind.value,
        "level": row.level.value,
        "original_level": row.was.value,
        "reason": row.reason,
        "outcome": confirmation.outcome.value,
        "outcome_reason": confirmation.reason,
        "probe": confirmation.probe,
        "sandbox": confirmation.sandbox,
        "entry": evidence.entry if evidence is not None else "",
        "payload": evidence.payload if evidence is not None else "",
        "effect": evidence.effect if evidence is not None else "",
        "replay": confirmation.replay,
        "judgment": verdict.judgment.value,
        "rationale": verdict.rationale,
        "cited": list(verdict.cited),
        "reasoner": verdict.reasoner,
    }


def _merged(runs: Sequence[dict[str, Any]], rows: Sequence[Row]) -> dict[str, Any]:
    """Make one run of all: rules are named after their tools, results keep their order."""
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for row, result in zip(rows, (r for run in runs for r in run.get("results") or ()), strict=True):
        name = f"{row.tool.lower()}/{row.rule_id}"
        tags = ["security", *(f"external/cwe/cwe-{cwe:03d}" for cwe in row.cwes)]
        rules.setdefault(
            name, {"id": name, "shortDescription": {"text": row.message or name}, "properties": {"tags": tags}}
        )
        kept = {key: value for key, value in result.items() if key not in _OF_ONE_RUN}
        if row.uri:
            region = result["locations"][0]["physicalLocation"].get("region", {})
            place = {"artifactLocation": {"uri": uri_of(row.uri)}, "region": region}
            kept["locations"] = [{"physicalLocation": place}]
        results.append({**kept, "ruleId": name})
    driver = {"name": TOOL_NAME, "rules": [rules[name] for name in sorted(rules)]}
    return {"tool": {"driver": driver}, "results": results}
