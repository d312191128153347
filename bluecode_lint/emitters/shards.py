"""Make one SARIF log of those that the shards of a scan wrote: byte for byte the one that the whole scan writes.

Shards cut nothing for GitHub's sake, because only the whole can tell what is least; that is done here. Files, rules,
weaknesses and kinds of notifications have other numbers in the whole, so every reference is numbered anew.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bluecode_lint.core.model import Level, Notification, Outcome
from bluecode_lint.emitters.sarif import (
    ROOT,
    SCAN_PROPERTY,
    GithubLimits,
    automation_id,
    clip_places,
    cut_notifications,
    describe_notification,
    fit,
    kind_of_notification,
    shard_of,
    weaknesses,
    write_log,
)
from bluecode_lint.emitters.wording import TOOL_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARDS_MISSING = "shards-missing"
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Part:
    """The run of one shard, with the name of its file."""

    name: str
    number: int
    of: int
    run: Json


def merge_shards(logs: Mapping[str, Any], *, partial: bool = False, limits: GithubLimits | None = None) -> str:
    """Merge parsed logs, by the names of their files. With ``partial`` missing shards are said, not refused.

    Raises:
        ValueError: A log is not of a shard of ours, they are of different scans, or one is missing or there twice.
    """
    parts = sorted((_part(name, log) for name, log in logs.items()), key=lambda part: part.number)
    _check(parts)
    missing = sorted(set(range(1, parts[0].of + 1)) - {part.number for part in parts})
    if missing and not partial:
        message = f"shard {missing[0]}/{parts[0].of} is missing"
        raise ValueError(message)
    whole = _Whole(parts, missing, limits or GithubLimits())
    return fit(whole.worst_first, whole.limits, whole.render)


def _part(name: str, log: Any) -> _Part:  # noqa: ANN401  # JSON
    try:
        run = log["runs"][0]
        driver = run["tool"]["driver"]
        if driver["name"] != TOOL_NAME:
            message = f"{name} is a report of {driver['name']}, not of {TOOL_NAME}"
            raise ValueError(message)
        shard = shard_of(run["automationDetails"]["id"])
    except (KeyError, TypeError, IndexError) as error:
        message = f"{name} is not a report of {TOOL_NAME}"
        raise ValueError(message) from error
    if shard is None:
        message = f"{name} is not of a shard: scan with --shard I/N"
        raise ValueError(message)
    return _Part(name, *shard, run)


def _check(parts: Sequence[_Part]) -> None:
    """Refuse what was not cut from one scan."""
    first = parts[0]
    for before, part in pairwise(parts):
        same = f"{first.name} and {part.name}"
        versions = [p.run["tool"]["driver"].get("version", "") for p in (first, part)]
        if part.of != first.of:
            message = f"{same} are shards of different numbers: {first.number}/{first.of} and {part.number}/{part.of}"
        elif part.number == before.number:
            message = f"{before.name} and {part.name} are both shard {part.number}/{part.of}"
        elif versions[0] != versions[1]:
            message = f"{same} were written by different versions: {versions[0]} and {versions[1]}"
        elif _rules(first.run) != _rules(part.run):
            message = f"{same} were written with different rules"
        elif part.run["properties"].get(SCAN_PROPERTY) != first.run["properties"].get(SCAN_PROPERTY):
            message = f"{same} are of different scans: the files or the settings differ"
        else:
            continue
        raise ValueError(message)


def _rules(run: Json) -> list[Json]:
    """Give the rules without the numbers of their weaknesses, which depend on what was found."""
    return [
        {key: value for key, value in rule.items() if key != "relationships"} for rule in run["tool"]["driver"]["rules"]
    ]


class _Whole:
    """The run of all shards under construction."""

    def __init__(self, parts: Sequence[_Part], missing: Sequence[int], limits: GithubLimits) -> None:
        self.parts = parts
        self.missing = missing
        self.limits = limits
        self.base = parts[0].run
        artifacts = [artifact for part in parts for artifact in part.run["artifacts"]]
        self.artifacts = sorted(artifacts, key=lambda artifact: _path(artifact["location"]))
        self.artifact_index = {a["location"]["uri"]: index for index, a in enumerate(self.artifacts)}
        self.rules = self.base["tool"]["driver"]["rules"]
        self.rule_index = {rule["id"]: index for index, rule in enumerate(self.rules)}
        severity = {rule["id"]: float(rule["properties"]["security-severity"]) for rule in self.rules}
        results = [result for part in parts for result in part.run["results"]]
        self.worst_first = sorted(
            results,
            key=lambda r: (
                -Level(r["level"]).rank,
                r["properties"]["bluecode/outcome"] != Outcome.CONFIRMED,
                -severity[r["ruleId"]],
                _place(r),
            ),
        )

    def render(self, kept: Sequence[Json], cut: int) -> str:
        """Give the log with these results."""
        results = sorted(kept, key=_place)
        clipped = sum(self._is_clipped(result) for result in results)
        results = [self._clip(result) for result in results]
        notifications = sorted(self._notifications()) + cut_notifications(len(results), cut, clipped)
        kinds = sorted({notification.id for notification in notifications})
        found = {int(taxon["id"]) for result in kept for taxon in result["taxa"]}
        cwes = sorted(found | {int(r["target"]["id"]) for rule in self.rules for r in rule["relationships"]})
        driver = self.base["tool"]["driver"]
        successful = all(part.run["invocations"][0]["executionSuccessful"] for part in self.parts)
        run = {
            **self.base,
            "tool": {"driver": {**driver, "notifications": [kind_of_notification(kind) for kind in kinds]}},
            "invocations": [
                {
                    "executionSuccessful": successful,
                    "toolExecutionNotifications": [_notification(n, kinds) for n in notifications],
                }
            ],
            "automationDetails": {"id": automation_id(None)},
            "artifacts": self.artifacts,
            "results": results,
            "taxonomies": [weaknesses(cwes)],
            "properties": self._statistics(),
        }
        return write_log(self._numbered(run, {str(cwe): index for index, cwe in enumerate(cwes)}))

    def _notifications(self) -> set[Notification]:
        """Give each once: what is true of the whole run is said by every shard."""
        told = {
            Notification(Level(n["level"]), n["descriptor"]["id"], n["message"]["text"], _about(n))
            for part in self.parts
            for n in part.run["invocations"][0]["toolExecutionNotifications"]
        }
        if self.missing:
            of = self.parts[0].of
            numbers = ", ".join(map(str, self.missing))
            message = f"{len(self.missing)} of {of} shards are missing: {numbers}."
            told.add(Notification(Level.WARNING, SHARDS_MISSING, message))
        return told

    def _statistics(self) -> Json:
        total: Counter[str] = Counter()
        for part in self.parts:
            total.update({key: value for key, value in part.run["properties"].items() if key != SCAN_PROPERTY})
        return dict(sorted(total.items()))

    def _is_clipped(self, result: Json) -> bool:
        related, steps = result.get("relatedLocations", ()), _steps(result)
        return len(related) >= self.limits.locations_of_a_result or len(steps) > self.limits.steps_of_a_flow

    def _clip(self, result: Json) -> Json:
        """Leave out what is too much of a result's places."""
        if not self._is_clipped(result):
            return result
        clipped = dict(result)
        if "relatedLocations" in result:
            clipped["relatedLocations"] = result["relatedLocations"][: self.limits.locations_of_a_result - 1]
        if steps := _steps(result):
            clipped["codeFlows"] = [{"threadFlows": [{"locations": clip_places(steps, self.limits.steps_of_a_flow)}]}]
        return clipped

    def _numbered(self, node: Any, cwe_index: Mapping[str, int]) -> Any:  # noqa: ANN401  # JSON
        """Number every reference to a file, a rule or a weakness as in the tables of the whole."""
        if isinstance(node, list):
            return [self._numbered(item, cwe_index) for item in node]
        if not isinstance(node, dict):
            return node
        new = {key: self._numbered(value, cwe_index) for key, value in node.items()}
        if "ruleIndex" in new:
            new["ruleIndex"] = self.rule_index[new["ruleId"]]
        if "toolComponent" in new:
            new["index"] = cwe_index[new["id"]]
        if "uriBaseId" in new:
            new.pop("index", None)
            if new["uri"] in self.artifact_index:
                new["index"] = self.artifact_index[new["uri"]]
        return new


def _notification(notification: Notification, kinds: Sequence[str]) -> Json:
    location = {"uri": notification.uri, "uriBaseId": ROOT}
    return describe_notification(notification, kinds.index(notification.id), location)


def _about(notification: Json) -> str:
    places = notification.get("locations")
    return str(places[0]["physicalLocation"]["artifactLocation"]["uri"]) if places else ""


def _steps(result: Json) -> list[Json]:
    flows = result.get("codeFlows")
    return list(flows[0]["threadFlows"][0]["locations"]) if flows else []


def _path(location: Json) -> str:
    return unquote(location["uri"], errors="surrogateescape")


def _place(result: Json) -> tuple[object, ...]:
    """Give the order of results: file, region, rule."""
    physical = result["locations"][0]["physicalLocation"]
    region = physical["region"]
    numbers = (region["startLine"], region["startColumn"], region["endLine"], region["endColumn"])
    return (_path(physical["artifactLocation"]), numbers, result["ruleId"])
