"""The corpus of pairs keeps its promise: a few pairs in every run, all of them when asked for slow tests."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import pytest

from bluecode_lint.core.model import Outcome
from bluecode_lint.probes import PRELOAD, read_replay, replay_job
from bluecode_lint.probes.prober import known_families
from bluecode_lint.sandbox import open_sandbox

_spec = importlib.util.spec_from_file_location("score_corpus", Path(__file__).with_name("score_corpus.py"))
score_corpus = importlib.util.module_from_spec(_spec)
sys.modules["score_corpus"] = score_corpus
_spec.loader.exec_module(score_corpus)

SIDES = score_corpus.read_corpus()
FIRST = {(side.family, side.insecure): side for side in reversed(SIDES)}
SAMPLE = [
    FIRST[family, insecure]
    for family in ("command_injection", "sql_injection", "path_traversal", "code_injection", "deserialization")
    for insecure in (True, False)
]


@pytest.fixture(scope="module")
def sandbox():
    opened = open_sandbox(preload=PRELOAD)
    if opened is None:
        pytest.skip("no sandbox holds on this machine")
    yield opened
    opened.close()


def test_there_are_enough_pairs_and_every_family_has_some():
    assert sum(side.insecure for side in SIDES) >= 150
    assert sum(side.insecure for side in SIDES) == sum(not side.insecure for side in SIDES)
    assert {side.family for side in SIDES} == set(known_families())


@pytest.mark.parametrize("side", SAMPLE, ids=lambda side: f"{side.name}-{'insecure' if side.insecure else 'secure'}")
def test_a_sample_comes_out_right(side, sandbox, tmp_path):
    found = score_corpus.confirm(side, sandbox, tmp_path)
    assert found.outcome is (Outcome.CONFIRMED if side.insecure else Outcome.NEUTRALIZED), found.reason


@pytest.mark.slow
def test_the_whole_corpus_keeps_the_promise(sandbox, tmp_path):
    outcomes: Counter[tuple[bool, Outcome]] = Counter()
    for number, side in enumerate(SIDES):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = score_corpus.confirm(side, sandbox, folder)
        outcomes[side.insecure, found.outcome] += 1
        if found.outcome is Outcome.CONFIRMED:
            assert read_replay(sandbox.exec(replay_job(found.replay))).worked, side.name
    pairs = len(SIDES) // 2
    assert outcomes[False, Outcome.CONFIRMED] == 0
    assert outcomes[True, Outcome.CONFIRMED] >= 0.9 * pairs
    assert outcomes[False, Outcome.NEUTRALIZED] >= 0.7 * pairs
