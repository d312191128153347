"""SARIF as the standard has it (checked against its schema) and as GitHub reads it."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import Level, Location, Notification, Region
from bluecode_lint.emitters.line_hash import hash_lines
from bluecode_lint.emitters.sarif import GithubLimits, SarifEmitter, uri_of

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "sarif-schema-2.1.0.json").read_bytes())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def render(run, limits=None):
    log = json.loads(SarifEmitter(limits).emit(run))
    VALIDATOR.validate(log)
    (only,) = log["runs"]
    return only


@pytest.fixture(scope="module")
def log(run):
    return render(run)


# --- the standard ----------------------------------------------------------------------------------------------------


def test_the_schema_would_notice():
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate({"version": "2.1.0", "runs": [{"tool": {"driver": {}}}]})


@pytest.mark.parametrize("kind", ["untrusted_run", "clean_run"])
def test_other_runs_are_valid(kind, samples):
    assert render(getattr(samples, f"make_{kind}")())["results"] == []


def test_results_point_into_the_tables(log):
    rules, taxa = log["tool"]["driver"]["rules"], log["taxonomies"][0]["taxa"]
    for result in log["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        location = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert log["artifacts"][location["index"]]["location"]["uri"] == location["uri"]
        for taxon in result["taxa"]:
            assert taxa[taxon["index"]]["id"] == taxon["id"]
    for rule in rules:
        (relationship,) = rule["relationships"]
        assert taxa[relationship["target"]["index"]]["id"] == relationship["target"]["id"]


def test_rules_are_sorted(log):
    ids = [rule["id"] for rule in log["tool"]["driver"]["rules"]]
    assert ids == sorted(ids)
    assert len(ids) == 4


def test_notifications_point_into_their_table(log):
    (invocation,) = log["invocations"]
    names = log["tool"]["driver"]["notifications"]
    notifications = invocation["toolExecutionNotifications"]
    assert [names[n["descriptor"]["index"]]["id"] for n in notifications] == ["file-too-large", "suppression-unused"]
    assert notifications[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "data/big.py"
    assert invocation["executionSuccessful"] is True


def test_a_run_with_trouble_was_not_successful(samples):
    assert render(samples.make_untrusted_run())["invocations"][0]["executionSuccessful"] is False


def test_places_are_relative_and_columns_are_code_points(log):
    assert log["columnKind"] == "unicodeCodePoints"
    assert log["originalUriBaseIds"].keys() == {"%SRCROOT%"}
    assert "uri" not in log["originalUriBaseIds"]["%SRCROOT%"]
    uris = re.findall(r'"uri": "([^"]*)"', json.dumps(log))
    assert uris
    assert not [uri for uri in uris if uri.startswith(("/", "file:"))]


# --- what GitHub reads -----------------------------------------------------------------------------------------------


def test_passes_and_suppressed_results_are_left_out(log, run):
    assert len(log["results"]) == 3 < len(run.results)
    assert not [result for result in log["results"] if result["level"] == "none" or "suppressions" in result]


def test_rules_carry_what_github_filters_by(log):
    rule = log["tool"]["driver"]["rules"][0]
    assert rule["properties"]["tags"] == ["security", "external/cwe/cwe-078", "sample"]
    assert rule["properties"]["security-severity"] == "9.8"
    assert rule["properties"]["precision"] == "high"
    assert rule["defaultConfiguration"]["level"] == "warning"
    assert rule["shortDescription"]["text"] == "OS command injection."
    assert "Pass a list" in rule["help"]["text"]
    assert "Pass a list" in rule["help"]["markdown"]


def test_the_region_is_the_sink_with_all_four_coordinates(log):
    physical = log["results"][0]["locations"][0]["physicalLocation"]
    assert {key: value for key, value in physical["region"].items() if key != "snippet"} == {
        "startLine": 16,
        "startColumn": 22,
        "endLine": 16,
        "endColumn": 52,
    }


def test_both_fingerprints_are_there(log, run, samples):
    ours = {result.fingerprint for result in run.results}
    hashes = {"shop/app.py": hash_lines(samples.APP), "shop/store.py": hash_lines(samples.STORE)}
    for result in log["results"]:
        physical = result["locations"][0]["physicalLocation"]
        expected = hashes[physical["artifactLocation"]["uri"]][physical["region"]["startLine"] - 1]
        assert result["partialFingerprints"].keys() == {"bluecode/v1", "primaryLocationLineHash"}
        assert result["partialFingerprints"]["primaryLocationLineHash"] == expected
        assert result["partialFingerprints"]["bluecode/v1"] in ours


def test_without_the_text_only_our_fingerprint_is_given(run):
    assert render(replace(run, artifacts=()))["results"][0]["partialFingerprints"].keys() == {"bluecode/v1"}


def test_a_flow_is_a_code_flow(log):
    flow = log["results"][2]["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in flow] == [
        "Request data enters here.",
        "It is passed to `find`.",
        "It arrives as `name`.",
        "It reaches the database.",
    ]
    assert "codeFlows" not in log["results"][1]


def links_of(text: str) -> list[int]:
    """Find the embedded links of a plain-text message as the standard defines them, escapes honoured."""
    return [int(number) for number in re.findall(r"(?<!\\)\[(?:[^\[\]\\]|\\.)*\]\((\d+)\)", text)]


def test_the_message_links_to_places_that_exist(log):
    for result in log["results"]:
        ids = [place["id"] for place in result.get("relatedLocations", [])]
        assert set(links_of(result["message"]["text"])) <= set(ids)
    text = log["results"][0]["message"]["text"]
    assert sorted(links_of(text)) == [1, 2, 3]
    assert text.startswith("Request data becomes part of a shell command, which lets an attacker run any program. ")


def test_the_proof_is_in_the_message_and_at_a_place(log):
    result = log["results"][0]
    proof = result["relatedLocations"][1]["message"]["text"]
    for text in (result["message"]["text"], proof):
        assert "GET /ping?host=" in text
        assert "touch canary-4f1d" in text
        assert "canary-4f1d exists" in text
    assert "bluecode-lint replay 7f070b253e1b" in result["message"]["text"]


@given(st.text(st.one_of(st.sampled_from("[]()\\1 a"), st.characters()), max_size=30))
def test_scanned_text_cannot_forge_a_link(samples, text):
    run = samples.make_run()
    finding = replace(run.results[1].finding, message=f"x{text}[here](1)", code_flow=(), related=())
    (result,) = render(replace(run, results=(replace(run.results[1], finding=finding),)))["results"]
    assert links_of(result["message"]["text"]) == []


def test_what_else_we_know_is_under_our_own_names(log):
    properties = log["results"][0]["properties"]
    assert all(name.startswith("bluecode/") for name in properties)
    assert properties["bluecode/confidence"] == "high"
    assert properties["bluecode/outcome"] == "confirmed"
    assert properties["bluecode/judgment"] == "unsafe"
    assert properties["bluecode/cited"] == ["cwe-78-01"]
    assert properties["bluecode/sandbox"] == "landlock"


# --- limits ----------------------------------------------------------------------------------------------------------


def many(run, count):
    """Repeat the sample's live results at different lines, so that they stay different."""
    live = [result for result in run.results if result.counts]
    moved = []
    for number in range(count):
        result = live[number % len(live)]
        place = replace(result.finding.location, region=Region(number + 1, 1, number + 1, 5))
        moved.append(replace(result, finding=replace(result.finding, location=place), fingerprint=f"{number:032x}"))
    return replace(run, results=tuple(moved))


def notices(log):
    return {n["descriptor"]["id"]: n["message"]["text"] for n in log["invocations"][0]["toolExecutionNotifications"]}


def test_the_least_severe_results_are_cut_and_the_file_says_so(run):
    log = render(many(run, 30), GithubLimits(results=15))
    assert len(log["results"]) == 15
    assert [result["level"] for result in log["results"]].count("error") == 10
    assert notices(log)["sarif-results-cut"].startswith("15 of 30 results, the least severe, were left out")


def test_results_stay_in_the_order_of_the_source(run):
    lines = [
        (
            r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            r["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for r in render(many(run, 30), GithubLimits(results=15))["results"]
    ]
    assert lines == sorted(lines)


def test_the_compressed_size_is_kept(run):
    limit = 6_000
    report = SarifEmitter(GithubLimits(gzipped_bytes=limit)).emit(many(run, 600))
    assert len(gzip.compress(report.encode(), 6, mtime=0)) <= limit
    log = json.loads(report)["runs"][0]
    assert 0 < len(log["results"]) < 600
    assert "sarif-results-cut" in notices(log)


def test_twenty_thousand_results_fit(run):
    report = SarifEmitter().emit(many(run, 20_000))
    assert len(gzip.compress(report.encode(), 6, mtime=0)) <= 10_000_000
    assert len(json.loads(report)["runs"][0]["results"]) == 20_000


def test_long_flows_keep_both_ends_and_the_file_says_so(run):
    result = run.results[0]
    steps = tuple(Location("shop/app.py", Region(n, 1, n, 2), f"step {n}") for n in range(1, 10))
    related = tuple(Location("shop/app.py", Region(n, 1, n, 2), f"place {n}") for n in range(1, 10))
    long = replace(result, finding=replace(result.finding, code_flow=steps, related=related))
    log = render(replace(run, results=(long,)), GithubLimits(steps_of_a_flow=4, locations_of_a_result=5))
    (written,) = log["results"]
    flow = written["codeFlows"][0]["threadFlows"][0]["locations"]
    assert [step["location"]["message"]["text"] for step in flow] == ["step 1.", "step 2.", "step 8.", "step 9."]
    assert len(written["locations"]) + len(written["relatedLocations"]) == 5
    assert "[Proven by execution](2)" in written["message"]["text"]
    assert "1 result" in notices(log)["sarif-locations-cut"]


def test_nothing_is_said_where_nothing_was_cut(log):
    assert not {"sarif-results-cut", "sarif-locations-cut"} & notices(log).keys()


def test_tags_and_descriptions_are_cut(run):
    rule = replace(run.rules[0], message="x" * 5_000, name="N" * 500, tags=tuple(f"tag{n:02}" for n in range(40)))
    written = next(r for r in render(replace(run, rules=(rule,), results=()))["tool"]["driver"]["rules"])
    assert len(written["fullDescription"]["text"]) == 1_024
    assert len(written["name"]) == 255
    assert len(written["properties"]["tags"]) == 20
    assert written["properties"]["tags"][0] == "security"


# --- URIs ------------------------------------------------------------------------------------------------------------


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_path_survives_as_a_uri(path):
    uri = uri_of(path)
    assert unquote(uri) == path
    assert re.fullmatch(r"[A-Za-z0-9\-._~!$&'()*+,;=@/%]*", uri)


def test_names_that_are_not_utf_8_keep_their_bytes():
    assert uri_of(b"caf\xe9.py".decode("utf-8", "surrogateescape")) == "caf%E9.py"
    assert uri_of("\ud800.py") == "%3F.py"


def test_a_notification_of_every_level_is_valid(run):
    notes = tuple(Notification(level, f"level-{level}", "said") for level in Level)
    assert len(render(replace(run, notifications=notes))["invocations"][0]["toolExecutionNotifications"]) == 4
