from __future__ import annotations

import dataclasses

import pytest

from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.knowledge.quality import leave_one_out
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()


@pytest.fixture(scope="module")
def some():
    pairs = load_pairs(pair_files(ROOT), ROOT / "schema")
    return [pair for pair in pairs if pair.cwe in {78, 89, 502, 611, 643, 1333}]


def test_code_alone_finds_its_weakness_among_a_few(some):
    quality = leave_one_out(some, parse_python)
    assert quality.pairs == len(some)
    assert quality.hit_1 <= quality.hit_3 <= quality.family_3
    assert quality.hit_3 >= 0.8
    assert quality.hit_1 <= quality.mean_reciprocal_rank <= 1.0
    assert set(quality.hit_3_by_cwe) == {78, 89, 502, 611, 643, 1333}


def test_a_twin_is_no_help(some):
    alone = [pair for pair in some if pair.cwe == 89][:1] + [pair for pair in some if pair.cwe == 78]
    twin = dataclasses.replace(alone[0], id="cwe-089-twin", unsafe_code=alone[0].unsafe_code + "\n# twin\n")
    assert leave_one_out([*alone, twin], parse_python).hit_3_by_cwe[89] == 0.0


def test_nothing_at_all_is_measured_as_nothing():
    assert leave_one_out([], parse_python).hit_3 == 0.0
