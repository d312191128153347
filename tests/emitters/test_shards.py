"""Reports of shards make the report of the whole, byte for byte."""

import json
from dataclasses import replace

import pytest

from bluecode_lint.core.model import Level, Notification, Region
from bluecode_lint.core.shard import Shard
from bluecode_lint.emitters.sarif import GithubLimits, SarifEmitter
from bluecode_lint.emitters.shards import merge_shards


@pytest.fixture
def whole(run):
    """Have the sample's results in more files, whose names sort otherwise when they are quoted."""
    results, artifacts = list(run.results), list(run.artifacts)
    for uri in ("a b.py", "a-b.py", "ä.py", "z/%.py", "z/0.py"):
        artifacts.append(replace(run.artifacts[0], uri=uri))
        for result in run.results:
            place = replace(result.finding.location, uri=uri)
            results.append(replace(result, finding=replace(result.finding, location=place)))
    notes = (
        Notification(Level.NOTE, "files-skipped", "2 skipped: binary"),
        Notification(Level.WARNING, "file-not-decoded", "Bad bytes", "ä.py"),
        Notification(Level.WARNING, "file-not-decoded", "Bad bytes.", "b c.py"),
    )
    results.sort(key=lambda r: r.finding.sort_key)
    notifications = tuple(sorted({*run.notifications, *notes}))
    return replace(run, results=tuple(results), artifacts=tuple(artifacts), notifications=notifications)


def shards_of(whole, of):
    for number in range(1, of + 1):
        shard = Shard(number, of, "scan")
        yield replace(
            whole,
            shard=shard,
            artifacts=tuple(a for a in whole.artifacts if shard.holds(a.uri)),
            results=tuple(r for r in whole.results if shard.holds(r.finding.location.uri)),
            notifications=tuple(n for n in whole.notifications if not n.uri or shard.holds(n.uri)),
            statistics={k: v if number == 1 else 0 for k, v in whole.statistics.items()},
        )


def logs_of(whole, of, limits=None):
    return {f"{n}.sarif": json.loads(SarifEmitter(limits).emit(s)) for n, s in enumerate(shards_of(whole, of), start=1)}


@pytest.mark.parametrize("of", [1, 2, 3, 7, 40])
@pytest.mark.parametrize(
    "limits",
    [
        GithubLimits(),
        GithubLimits(results=5),
        GithubLimits(gzipped_bytes=5_000),
        GithubLimits(steps_of_a_flow=1),
    ],
    ids=["github", "few-results", "few-bytes", "few-steps"],
)
def test_the_whole_comes_out(whole, of, limits):
    merged = merge_shards(logs_of(whole, of, limits), limits=limits)
    assert merged == SarifEmitter(limits).emit(whole)


def test_the_order_of_the_reports_does_not_matter(whole):
    logs = logs_of(whole, 3)
    assert merge_shards(dict(reversed(logs.items()))) == merge_shards(logs)


def spoil(logs, change):
    log = json.loads(json.dumps(logs["2.sarif"]))
    change(log["runs"][0])
    return {**logs, "2.sarif": log}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda r: r["tool"]["driver"].update(name="Bandit"), "2.sarif is a report of Bandit"),
        (lambda r: r["tool"]["driver"].update(version="0.0.1"), "different versions: .* and 0.0.1"),
        (lambda r: r["tool"]["driver"]["rules"].pop(), "different rules"),
        (lambda r: r["properties"].update({"bluecode/scan": "other"}), "of different scans"),
        (lambda r: r["automationDetails"].update(id="bluecode-lint/"), "2.sarif is not of a shard"),
        (lambda r: r["automationDetails"].update(id="bluecode-lint/shard-1-of-3/"), "are both shard 1/3"),
        (lambda r: r["automationDetails"].update(id="bluecode-lint/shard-2-of-4/"), "different numbers: 1/3 and 2/4"),
        (lambda r: r.pop("tool"), "2.sarif is not a report"),
    ],
)
def test_what_does_not_belong_together_is_refused(whole, change, complaint):
    with pytest.raises(ValueError, match=complaint):
        merge_shards(spoil(logs_of(whole, 3), change))


@pytest.mark.parametrize("junk", [[], {}, 7, {"runs": []}, {"runs": [{}]}])
def test_what_is_no_report_is_refused(whole, junk):
    with pytest.raises(ValueError, match="junk is not a report"):
        merge_shards({**logs_of(whole, 2), "junk": junk})


def test_a_missing_shard_is_refused_or_said(whole):
    logs = logs_of(whole, 3)
    del logs["2.sarif"]
    with pytest.raises(ValueError, match="shard 2/3 is missing"):
        merge_shards(logs)
    run = json.loads(merge_shards(logs, partial=True))["runs"][0]
    said = [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    assert "1 of 3 shards are missing: 2." in said


def test_one_shard_in_trouble_spoils_the_whole(whole):
    failed = Notification(Level.ERROR, "semgrep-failed", "Semgrep failed")
    logs = logs_of(whole, 2)
    shard = next(shards_of(whole, 2))
    logs["1.sarif"] = json.loads(SarifEmitter().emit(replace(shard, notifications=(failed,))))
    run = json.loads(merge_shards(logs))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False


def test_results_of_other_places_keep_their_order(whole):
    moved = [
        replace(r, finding=replace(r.finding, location=replace(r.finding.location, region=Region(n + 1, 1, n + 1, 2))))
        for n, r in enumerate(whole.results)
    ]
    other = replace(whole, results=tuple(sorted(moved, key=lambda r: r.finding.sort_key)))
    assert merge_shards(logs_of(other, 4)) == SarifEmitter().emit(other)
