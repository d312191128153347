from __future__ import annotations

import functools

import pytest

from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.distillation import SUPPORT_MIN, distill
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.reasoners.predicates import PREDICATES
from bluecode_lint.reasoners.scene import scenes_in
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()


@functools.cache
def scenes_of(code: str):
    return tuple(scenes_in(parse_python(code)))


def holds(conditions, code: str) -> bool:
    return any(
        all(PREDICATES[each.predicate](scene, *each.arguments) for each in conditions) for scene in scenes_of(code)
    )


@pytest.fixture(scope="module")
def pairs():
    wanted = {295, 327, 338, 502, 95, 409}
    return [pair for pair in load_pairs(pair_files(ROOT), ROOT / "schema") if pair.cwe in wanted]


@pytest.mark.parametrize(("cwe", "call"), [(502, "pickle.loads"), (95, "eval")])
def test_what_disappears_on_the_safe_side_is_proposed(pairs, cwe, call):
    proposals = distill(pairs, cwe, parse=parse_python, holds=holds)
    best = proposals[0]
    assert best.constitution.unsafe_when[0].arguments == (call,)
    assert len(best.told_apart) >= SUPPORT_MIN
    assert set(best.told_apart) | set(best.missed) <= {pair.id for pair in pairs if pair.cwe == cwe}


def test_the_measured_effect_is_true(pairs):
    by_id = {pair.id: pair for pair in pairs}
    for proposal in distill(pairs, 502, parse=parse_python, holds=holds):
        for pair_id in proposal.told_apart:
            assert holds(proposal.constitution.unsafe_when, by_id[pair_id].unsafe_code)
            assert not holds(proposal.constitution.unsafe_when, by_id[pair_id].safe_code)
        for pair_id in proposal.wrongly_flagged:
            assert holds(proposal.constitution.unsafe_when, by_id[pair_id].safe_code)


def test_proposals_are_unique_ordered_and_repeatable(pairs):
    first = distill(pairs, 95, parse=parse_python, holds=holds)
    assert first == distill(pairs, 95, parse=parse_python, holds=holds)
    assert len({each.constitution.id for each in first}) == len(first)
    support = [len(each.told_apart) for each in first]
    assert support == sorted(support, reverse=True)


def test_one_structure_alone_supports_nothing(pairs):
    one = [pair for pair in pairs if pair.cwe == 502][:1]
    assert distill(one, 502, parse=parse_python, holds=holds) == []
    assert distill(pairs, 9999, parse=parse_python, holds=holds) == []
