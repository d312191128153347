"""SARIF 2.1.0, as the standard has it and as GitHub code scanning reads it.

Passes and suppressed results are left out: GitHub ignores ``kind`` and ``suppressions`` and would raise alerts for
them. Nothing depends on the time, the machine or the place of the tree, so that equal runs give equal bytes.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

from bluecode_lint.core.fingerprint import FINGERPRINT_NAME
from bluecode_lint.core.model import Level, Notification
from bluecode_lint.emitters.line_hash import hash_artifact_lines
from bluecode_lint.emitters.visible import safe_json
from bluecode_lint.emitters.wording import (
    TOOL_NAME,
    by_severity,
    cwe_url,
    is_confirmed,
    live_results,
    one_line,
    replay_command,
    runs_words,
    sentence,
    shorten,
    title_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Fix, Location, Region, Result, Rule, Run
    from bluecode_lint.core.shard import Shard

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
RESULTS_CUT = "sarif-results-cut"
LOCATIONS_CUT = "sarif-locations-cut"
SCAN_PROPERTY = "bluecode/scan"
"""Names the scan that a shard is of."""

T = TypeVar("T")
ROOT = "%SRCROOT%"
_CWE_COMPONENT = {"name": "CWE", "index": 0}
_LONGEST_PAYLOAD = 200
_MOST_LINKS = 8
_ZLIB_DEFAULT_LEVEL = 6
_MOST_INDENTED = 1_000


@dataclass(frozen=True, slots=True)
class GithubLimits:
    """What GitHub code scanning accepts; it refuses the whole file beyond the first two."""

    gzipped_bytes: int = 10_000_000
    results: int = 25_000
    locations_of_a_result: int = 1_000
    steps_of_a_flow: int = 10_000
    tags_of_a_rule: int = 20
    name_length: int = 255
    description_length: int = 1_024


class SarifEmitter:
    """Writes one run. What is beyond the limits is cut, the least severe first, and the file says so."""

    def __init__(self, limits: GithubLimits | None = None) -> None:
        """Keep the limits; those of GitHub unless others are given."""
        self._limits = limits or GithubLimits()

    def emit(self, run: Run) -> str:
        """Render a run, byte for byte the same for the same run."""
        limits = self._limits if run.shard is None else _for_merging(self._limits)
        worst_first = by_severity(live_results(run))
        return fit(worst_first, limits, lambda results, cut: _Log(run, limits, results, cut).render())


def _for_merging(limits: GithubLimits) -> GithubLimits:
    """Lift the limits that only the whole of a scan's shards is to be cut by; links reach no further than those."""
    return replace(
        limits,
        gzipped_bytes=sys.maxsize,
        results=sys.maxsize,
        locations_of_a_result=sys.maxsize,
        steps_of_a_flow=sys.maxsize,
    )


def fit(worst_first: Sequence[T], limits: GithubLimits, render: Callable[[Sequence[T], int], str]) -> str:
    """Render as many results as GitHub takes; ``render`` is given those and how many were cut."""
    kept = min(len(worst_first), limits.results)
    while True:
        log = render(worst_first[:kept], len(worst_first) - kept)
        size = _gzipped_size(log, limits.gzipped_bytes)
        if size <= limits.gzipped_bytes or not kept:
            return log
        kept = min(kept - 1, int(kept * limits.gzipped_bytes / size * 0.95))


def write_log(run: Mapping[str, Any]) -> str:
    """Write a log with one run as JSON."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    # Indented for people; of thousands of results only machines read on, and the compact form is ten times faster.
    indent = 1 if len(run["results"]) <= _MOST_INDENTED else None
    return safe_json(json.dumps(log, ensure_ascii=False, indent=indent)) + "\n"


def automation_id(shard: Shard | None) -> str:
    """Name the run, so that GitHub keeps the shards of a scan apart."""
    return f"{TOOL_NAME}/" + (f"shard-{shard.number}-of-{shard.of}/" if shard else "")


def shard_of(name: str) -> tuple[int, int] | None:
    """Read which shard a run is, of how many, from its name; None if it is none."""
    match = re.fullmatch(rf"{TOOL_NAME}/shard-([1-9][0-9]*)-of-([1-9][0-9]*)/", name)
    return (int(match[1]), int(match[2])) if match and int(match[1]) <= int(match[2]) else None


def _gzipped_size(log: str, enough: int) -> int:
    """Give the compressed size in bytes, as the uploader compresses, or an upper bound where that is small enough."""
    data = log.encode()
    return len(data) if len(data) <= enough else len(gzip.compress(data, _ZLIB_DEFAULT_LEVEL, mtime=0))


class _Log:
    """One SARIF log under construction: the tables and the indices that results refer to."""

    def __init__(self, run: Run, limits: GithubLimits, results: Sequence[Result], cut: int) -> None:
        self.run = run
        self.limits = limits
        self.results = sorted(results, key=lambda r: r.finding.sort_key)
        self.cut = cut
        self.rules = sorted({rule.id: rule for rule in (*run.rules, *(r.rule for r in results))}.values(), key=_rule_id)
        self.rule_index = {rule.id: index for index, rule in enumerate(self.rules)}
        self.artifacts: dict[str, Artifact] = {a.uri: a for a in sorted(run.artifacts, key=lambda a: a.uri)}
        self.artifact_index = {uri: index for index, uri in enumerate(self.artifacts)}
        cwes = {rule.cwe for rule in self.rules} | {result.finding.cwe for result in results}
        self.cwe_index = {cwe: index for index, cwe in enumerate(sorted(cwes))}
        self._line_hashes: dict[str, tuple[str, ...]] = {}

    def render(self) -> str:
        """Give the log as JSON."""
        results = [self.result(result) for result in self.results]
        notifications = self.notifications()
        notification_ids = sorted({notification.id for notification in notifications})
        run = {
            "tool": {"driver": self.driver(notification_ids)},
            "invocations": [
                {
                    "executionSuccessful": self.run.execution_successful,
                    "toolExecutionNotifications": [self.notification(n, notification_ids) for n in notifications],
                }
            ],
            "automationDetails": {"id": automation_id(self.run.shard)},
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the scanned tree."}}},
            "artifacts": [
                {
                    "location": self.artifact_location(artifact.uri),
                    "sourceLanguage": artifact.language,
                    "hashes": {"sha-256": artifact.sha256},
                }
                for artifact in self.artifacts.values()
            ],
            "results": results,
            "taxonomies": [weaknesses(list(self.cwe_index))],
            "properties": {
                **{f"bluecode/{key}": value for key, value in sorted(self.run.statistics.items())},
                **({SCAN_PROPERTY: self.run.shard.scan} if self.run.shard else {}),
            },
        }
        return write_log(run)

    # --- the tool ----------------------------------------------------------------------------------------------------

    def driver(self, notification_ids: Sequence[str]) -> dict[str, Any]:
        """Describe the tool with its rules and the kinds of notifications it sent."""
        version = self.run.tool_version
        return {
            "name": TOOL_NAME,
            **({"version": version, "semanticVersion": version} if version else {}),
            "rules": [self.rule(rule) for rule in self.rules],
            "notifications": [kind_of_notification(name) for name in notification_ids],
            "supportedTaxonomies": [_CWE_COMPONENT],
        }

    def rule(self, rule: Rule) -> dict[str, Any]:
        """Describe a rule, with what GitHub filters and ranks by among its properties."""
        limits = self.limits
        link = f"[CWE-{rule.cwe}]({cwe_url(rule.cwe)})"
        tags = ["security", f"external/cwe/cwe-{rule.cwe:03d}", *sorted(set(rule.tags) - {"security"})]
        return {
            "id": rule.id,
            "name": shorten(rule.name, limits.name_length),
            "shortDescription": {"text": shorten(sentence(title_of(rule)), limits.description_length)},
            "fullDescription": {"text": shorten(sentence(rule.message), limits.description_length)},
            "help": {
                "text": f"{rule.help.strip()}\n\nCWE-{rule.cwe}: {cwe_url(rule.cwe)}",
                "markdown": f"{rule.help.strip()}\n\nMore about the weakness: {link}.",
            },
            "helpUri": cwe_url(rule.cwe),
            "defaultConfiguration": {"level": rule.level.value},
            "relationships": [{"target": self.taxon(rule.cwe), "kinds": ["superset"]}],
            "properties": {
                "tags": tags[: limits.tags_of_a_rule],
                "precision": rule.precision,
                "security-severity": f"{rule.security_severity:.1f}",
                "bluecode/kind": rule.kind.value,
            },
        }

    def taxon(self, cwe: int) -> dict[str, Any]:
        """Refer to a weakness."""
        return {"id": str(cwe), "index": self.cwe_index[cwe], "toolComponent": _CWE_COMPONENT}

    # --- notifications -----------------------------------------------------------------------------------------------

    def notifications(self) -> list[Notification]:
        """Give the run's notifications and what this file itself had to leave out."""
        clipped = sum(self.is_clipped(result) for result in self.results)
        told = (replace(n, message=sentence(n.message), uri=uri_of(n.uri)) for n in self.run.notifications)
        return [*sorted(told), *cut_notifications(len(self.results), self.cut, clipped)]

    def is_clipped(self, result: Result) -> bool:
        """Tell whether a result has more places than may be written."""
        finding = result.finding
        too_related = len(_related(result)) >= self.limits.locations_of_a_result
        return too_related or len(finding.code_flow) > self.limits.steps_of_a_flow

    def notification(self, notification: Notification, ids: Sequence[str]) -> dict[str, Any]:
        """Describe a notification, with the file it is about."""
        location = self.artifact_location(unquote(notification.uri, errors="surrogateescape"))
        return describe_notification(notification, ids.index(notification.id), location)

    # --- results -----------------------------------------------------------------------------------------------------

    def result(self, result: Result) -> dict[str, Any]:
        """Describe a result: where and what, how it got there, the proof, and how to know it again."""
        finding = result.finding
        related = _related(result)[: self.limits.locations_of_a_result - 1]
        flow = clip_places(finding.code_flow, self.limits.steps_of_a_flow)
        steps = [{"location": self.location(step)} for step in flow]
        return {
            "ruleId": finding.rule_id,
            "ruleIndex": self.rule_index[result.rule.id],
            "level": result.level.value,
            "message": {"text": _message(result, related)},
            "locations": [self.location(replace(finding.location, message=""), finding.snippet)],
            **({"codeFlows": [{"threadFlows": [{"locations": steps}]}]} if steps else {}),
            **(
                {"relatedLocations": [{"id": i, **self.location(place)} for i, place in enumerate(related, start=1)]}
                if related
                else {}
            ),
            "partialFingerprints": self.partial_fingerprints(result),
            "taxa": [self.taxon(finding.cwe)],
            **({"fixes": [self.fix(result.fix, finding.location.uri)]} if result.fix is not None else {}),
            "properties": _properties(result),
        }

    def fix(self, fix: Fix, uri: str) -> dict[str, Any]:
        """Describe a fix: what to put in the place of what, in the file of the result."""
        replacements = [
            {"deletedRegion": _region(edit.region), "insertedContent": {"text": edit.text}} for edit in fix.edits
        ]
        return {
            "description": {"text": _escape_links(sentence(fix.description))},
            "artifactChanges": [{"artifactLocation": self.artifact_location(uri), "replacements": replacements}],
            "properties": {"bluecode/applicability": fix.applicability.value},
        }

    def partial_fingerprints(self, result: Result) -> dict[str, str]:
        """Give our fingerprint and GitHub's; the second only where the file's text is at hand."""
        location = result.finding.location
        ours = {FINGERPRINT_NAME: result.fingerprint} if result.fingerprint else {}
        artifact = self.artifacts.get(location.uri)
        if artifact is None:
            return ours
        if location.uri not in self._line_hashes:
            self._line_hashes[location.uri] = hash_artifact_lines(artifact)
        hashes = self._line_hashes[location.uri]
        line = location.region.start_line
        return {**ours, "primaryLocationLineHash": hashes[line - 1]} if line <= len(hashes) else ours

    def location(self, location: Location, snippet: str = "") -> dict[str, Any]:
        """Describe a place, with its message if it has one."""
        physical = {
            "artifactLocation": self.artifact_location(location.uri),
            "region": {**_region(location.region), **({"snippet": {"text": snippet}} if snippet else {})},
        }
        message = {"message": {"text": _escape_links(sentence(location.message))}} if location.message else {}
        return {"physicalLocation": physical, **message}

    def artifact_location(self, uri: str) -> dict[str, Any]:
        """Refer to a file of the tree, by index too where it is in the table."""
        index = {"index": self.artifact_index[uri]} if uri in self.artifact_index else {}
        return {"uri": uri_of(uri), "uriBaseId": ROOT, **index}


def weaknesses(cwes: Sequence[int]) -> dict[str, Any]:
    """List the weaknesses that rules and results refer to."""
    return {
        "name": "CWE",
        "organization": "MITRE",
        "shortDescription": {"text": "The MITRE Common Weakness Enumeration."},
        "informationUri": "https://cwe.mitre.org/",
        "isComprehensive": False,
        "taxa": [{"id": str(cwe), "helpUri": cwe_url(cwe)} for cwe in cwes],
    }


def cut_notifications(kept: int, cut: int, clipped: int) -> list[Notification]:
    """Say what a log had to leave out: ``cut`` results beside those ``kept``, places of ``clipped`` results."""
    added = []
    if cut:
        message = f"{cut} of {kept + cut} results, the least severe, were left out to stay within GitHub's limits."
        added.append(Notification(Level.WARNING, RESULTS_CUT, message))
    if clipped:
        message = f"Steps of the flow or related places of {clipped} results were left out (GitHub's limits)."
        added.append(Notification(Level.NOTE, LOCATIONS_CUT, message))
    return added


def kind_of_notification(name: str) -> dict[str, Any]:
    """Describe a kind of notifications."""
    return {"id": name, "shortDescription": {"text": _words(name)}}


def describe_notification(notification: Notification, index: int, location: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a notification, whose kind has this index, with the file it is about if there is one."""
    return {
        "descriptor": {"id": notification.id, "index": index},
        "level": notification.level.value,
        "message": {"text": notification.message},
        **({"locations": [{"physicalLocation": {"artifactLocation": location}}]} if notification.uri else {}),
    }


def _rule_id(rule: Rule) -> str:
    return rule.id


def _words(name: str) -> str:
    return sentence(name.replace("-", " ").capitalize())


def _region(region: Region) -> dict[str, int]:
    return {
        "startLine": region.start_line,
        "startColumn": region.start_column,
        "endLine": region.end_line,
        "endColumn": region.end_column,
    }


def clip_places(places: Sequence[T], most: int) -> Sequence[T]:
    """Keep both ends of a flow that is too long: the source and the sink say the most."""
    return places if len(places) <= most else [*places[: most // 2], *places[len(places) - (most - most // 2) :]]


def _related(result: Result) -> list[Location]:
    """List the related places: where the data comes from, the proof at the sink, then those of the finding."""
    finding = result.finding
    source = [_described(step, "Hostile data enters here") for step in finding.code_flow[:1]]
    proof = [replace(finding.location, message=text) for text in [_proof(result)] if text]
    return [*source, *proof, *(_described(place, "Related place") for place in finding.related)]


def _described(place: Location, otherwise: str) -> Location:
    return place if place.message else replace(place, message=otherwise)


def _proof(result: Result) -> str:
    """Tell what an execution showed, on one line."""
    confirmation, evidence = result.confirmation, result.confirmation.evidence
    if not is_confirmed(result) or evidence is None:
        return ""
    payload = shorten(one_line(evidence.payload), _LONGEST_PAYLOAD)
    where = f" (sandbox: {confirmation.sandbox}, {runs_words(confirmation.runs)})" if confirmation.sandbox else ""
    return f"Entry: {sentence(evidence.entry)} Payload: `{payload}`. Effect: {sentence(evidence.effect)}{where}"


def _message(result: Result, related: Sequence[Location]) -> str:
    """Write the message: what is wrong (GitHub's title), then linked where from, in what, and how it was proven."""
    proof = _proof(result)
    places: list[str] = []
    proofs: list[str] = []
    for number, place in enumerate(related, start=1):
        if place.message == proof:
            proofs.append(f"[Proven by execution]({number}): {_escape_links(proof)}")
        elif len(places) < _MOST_LINKS:
            places.append(f"[{_escape_links(place.message.rstrip('.'))}]({number})")
    see = [f"See: {'; '.join(places)}."] if places else []
    command = replay_command(result)
    again = [f"Run the proof again with `{command}`."] if command else []
    return " ".join([_escape_links(sentence(result.finding.message)), *see, *proofs, *again])


def _escape_links(text: str) -> str:
    r"""Escape what SARIF reads as an embedded link: ``[`` and ``]`` in text that is not ours, and the backslash."""
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _properties(result: Result) -> dict[str, Any]:
    """Tell the rest of what we know under names of our own, leaving out what is empty."""
    confirmation, verdict = result.confirmation, result.verdict
    known: Mapping[str, Any] = {
        "confidence": result.finding.confidence.word,
        "outcome": confirmation.outcome.value,
        "judgment": verdict.judgment.value,
        "reason": result.reason,
        "aliases": list(result.finding.aliases),
        "cited": list(verdict.cited),
        "reasoner": verdict.reasoner,
        "rationale": verdict.rationale,
        "probe": confirmation.probe,
        "sandbox": confirmation.sandbox,
        "runs": confirmation.runs,
    }
    return {f"bluecode/{key}": value for key, value in known.items() if value}


def uri_of(path: str) -> str:
    """Write a relative path as a URI reference; bytes of a name that is not UTF-8 are kept as they are on disk."""
    try:
        raw = path.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError:
        raw = path.encode("utf-8", errors="replace")
    return quote(raw, safe="/!$&'()*+,;=@~")
