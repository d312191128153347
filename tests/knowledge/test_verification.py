from __future__ import annotations

import dataclasses
import sys

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import ExecResult, Job
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.knowledge.verification import EXPECTED, marked, verify, verify_all
from bluecode_lint.sandbox.landlock import LandlockSandbox

ROOT = rules_root()


@pytest.fixture(scope="module")
def sandbox():
    opened = LandlockSandbox()
    try:
        opened.exec(Job(argv=(sys.executable, "-c", "pass")))
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    return opened


@pytest.fixture(scope="module")
def shipped():
    return {pair.id: pair for pair in load_pairs(pair_files(ROOT), ROOT / "schema")}


@pytest.fixture
def pair(shipped):
    return shipped["cwe-078-archive-cli"]


def test_a_sample_of_the_shipped_pairs_is_proven_again(shipped, sandbox):
    sample = [shipped[key] for key in sorted(shipped)[::57]]
    trials = list(verify_all(sample, sandbox, jobs=2))
    assert [trial.pair_id for trial in trials] == [pair.id for pair in sample]
    assert {trial.pair_id: trial.reason for trial in trials if not trial.is_proof} == {}


@pytest.mark.slow
@pytest.mark.evals
def test_every_shipped_pair_is_proven_again(request, shipped, sandbox):
    if "evals" not in request.config.option.markexpr:
        pytest.skip("minutes of work: asked for with -m evals")
    trials = verify_all(list(shipped.values()), sandbox, jobs=2)
    assert {trial.pair_id: trial.reason for trial in trials if not trial.is_proof} == {}


def test_an_unsafe_side_that_is_safe_proves_nothing(pair, sandbox):
    trial = verify(dataclasses.replace(pair, unsafe_code=pair.safe_code), sandbox)
    assert not trial.is_proof
    assert "unsafe.safety passed instead of failed" in trial.reason


def test_a_safe_side_that_is_unsafe_proves_nothing(pair, sandbox):
    trial = verify(dataclasses.replace(pair, safe_code=pair.unsafe_code), sandbox)
    assert "safe.safety failed instead of passed" in trial.reason


def test_a_safe_side_that_does_nothing_proves_nothing(pair, sandbox):
    trial = verify(dataclasses.replace(pair, safe_code="def main(argv):\n    return 2\n"), sandbox)
    assert "safe.capability" in trial.reason


def test_a_broken_test_is_no_failed_one(pair, sandbox):
    trial = verify(dataclasses.replace(pair, safety="import no_such_thing.at_all\nundefined_name\n"), sandbox)
    assert trial.outcomes["unsafe.safety"] == "broken"
    assert "NameError" in trial.details["unsafe.safety"]
    assert not trial.is_proof


def test_hostile_sides_stay_inside_and_prove_nothing(pair, sandbox, tmp_path):
    outside = tmp_path / "outside"
    hostile = f"""
import os, sys, time
try:
    open({str(outside)!r}, "w").close()
except OSError:
    pass
def main(argv):
    os._exit(0)
"""
    trial = verify(dataclasses.replace(pair, unsafe_code=hostile), sandbox)
    assert not outside.exists()
    assert not trial.is_proof
    endless = verify(
        dataclasses.replace(pair, unsafe_code="import signal\nsignal.alarm(1)\nwhile True: pass\n"), sandbox
    )
    assert endless.outcomes["unsafe.capability"] == "timed out"
    assert not endless.is_proof


class FixedSandbox:
    level = "fake"

    def __init__(self, result):
        self.result = result

    def exec(self, _job):
        return self.result


@pytest.mark.parametrize(
    "result",
    [
        ExecResult(None, b"", b"", 40.0, timed_out=True),
        ExecResult(-9, b"", b"killed", 1.0),
        ExecResult(0, b"not json", b"", 1.0),
        ExecResult(0, b"[1, 2]", b"", 1.0),
        ExecResult(0, b'{"unsafe.capability": ["passed", ""]}', b"", 1.0),
    ],
)
def test_a_run_that_did_not_end_well_is_no_proof(pair, result):
    trial = verify(pair, FixedSandbox(result))
    assert not trial.is_proof
    assert trial.reason


def test_what_a_trial_showed_is_written_into_the_pair(pair, sandbox):
    unproven = dataclasses.replace(pair, outcome="unverified", ran="not yet")
    proof = verify(unproven, sandbox)
    assert dict(proof.outcomes) == dict(EXPECTED)
    assert marked(unproven, proof).is_verified
    failed = verify(dataclasses.replace(pair, unsafe_code=pair.safe_code), sandbox)
    assert not marked(pair, failed).is_verified
    assert "passed instead of failed" in marked(pair, failed).ran
