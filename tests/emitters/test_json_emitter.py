"""The JSON report is complete: what a run knows can be read back from it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bluecode_lint.core.model import ResultKind
from bluecode_lint.emitters.json import SCHEMA_VERSION, JsonEmitter


@pytest.fixture(scope="module")
def document(run):
    return json.loads(JsonEmitter().emit(run))


def test_it_says_its_version(document, run):
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["tool"] == {"name": "bluecode-lint", "version": run.tool_version}


def test_every_result_is_there_with_its_kind(document, run):
    assert len(document["results"]) == len(run.results)
    assert {result["kind"] for result in document["results"]} == {kind.value for kind in ResultKind}
    assert [s["justification"] for r in document["results"] for s in r["suppressions"]] == [
        "only called with constants"
    ]


def test_a_proof_is_there_in_full(document, run):
    proof = document["results"][0]["confirmation"]
    confirmation = run.results[0].confirmation
    assert proof["evidence"]["payload"] == confirmation.evidence.payload
    assert proof["replay"] == confirmation.replay
    assert (proof["sandbox"], proof["runs"], proof["outcome"]) == ("landlock", 6, "confirmed")


def test_results_refer_to_constitutions(document):
    (retrieved,) = document["results"][0]["retrieved"]
    assert retrieved == {"constitution": "cwe-78-01", "score": 0.831235}
    assert document["constitutions"]["cwe-78-01"]["unsafe_when"][0]["predicate"] == "concatenates"
    assert document["results"][0]["verdict"]["cited"] == ["cwe-78-01"]


def test_results_refer_to_rules(document):
    assert {result["rule_id"] for result in document["results"]} <= document["rules"].keys()


def test_notifications_and_statistics_are_there(document, run):
    assert [n["id"] for n in document["notifications"]] == [n.id for n in run.notifications]
    assert document["statistics"] == dict(run.statistics)


def test_the_summary_counts_live_results(document):
    assert document["summary"] == {
        "error": {"results": 1, "confirmed": 1, "suppressed": 0},
        "warning": {"results": 1, "confirmed": 0, "suppressed": 1},
        "note": {"results": 1, "confirmed": 0, "suppressed": 0},
    }


def test_a_run_with_trouble_was_not_successful(run, samples):
    assert json.loads(JsonEmitter().emit(run))["execution_successful"] is True
    assert json.loads(JsonEmitter().emit(samples.make_untrusted_run()))["execution_successful"] is False


def test_text_is_kept_exactly_and_lone_surrogates_are_replaced(run):
    finding = replace(run.results[0].finding, snippet="é\x1b\x9b\u2028'\"\\\n日本", message="\ud800")
    document = json.loads(JsonEmitter().emit(replace(run, results=(replace(run.results[0], finding=finding),))))
    assert document["results"][0]["snippet"] == finding.snippet
    assert document["results"][0]["message"] == "\ufffd"
