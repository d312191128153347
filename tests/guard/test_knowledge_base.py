from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Condition, Constitution
from bluecode_lint.guard.loading import load_data, load_exemplars, read_classifier
from bluecode_lint.guard.predicates import PassageReader, breaks, check_predicates, satisfies
from bluecode_lint.guard.structure import skeleton_of

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture(scope="module")
def exemplars():
    return load_exemplars(RULES)


def test_every_category_has_both_sides(exemplars):
    counts = Counter((e.domain, e.category, e.label) for e in exemplars)
    wanted = {"biased": (17, 25), "malicious": (13, 30), "injected": (7, 30)}
    for domain, (categories, number) in wanted.items():
        named = {category for d, category, _ in counts if d == domain}
        assert len(named) == categories
        for category in named:
            for label in ("unsafe", "safe"):
                assert counts[domain, category, label] >= number, (domain, category, label)
    assert sum(number for (domain, _, _), number in counts.items() if domain == "ordinary") >= 800


def test_no_text_is_there_twice_and_most_have_a_structure_of_their_own(exemplars):
    assert len({e.text for e in exemplars}) == len(exemplars)
    assert len({e.id for e in exemplars}) == len(exemplars)
    assert len({skeleton_of(e) for e in exemplars}) > 0.75 * len(exemplars)


def test_constitutions_cite_exemplars_that_exist(exemplars):
    ids = {e.id for e in exemplars}
    data = load_data(RULES)
    for constitution in data.constitutions:
        assert set(constitution.examples) <= ids, constitution.id


def test_every_category_has_a_title_and_advice(exemplars):
    advice = load_data(RULES).advice
    for e in exemplars:
        if e.domain != "ordinary":
            assert advice[e.domain][e.category].keys() == {"title", "instead"}


def test_the_weights_are_of_this_knowledge_base(exemplars):
    stored = read_classifier(RULES)["exemplars"]["ids"].split()
    assert stored == [e.id for e in exemplars if e.domain != "ordinary"]


def constitution(predicate: str, *arguments: str) -> Constitution:
    return Constitution(
        "x", "biased", 697, "p", (Condition("w", predicate, arguments),), (Condition("w", "mentions", ("fairness",)),)
    )


def test_predicates():
    data = load_data(RULES)
    read = PassageReader(data.concepts, data.patterns).read
    together = constitution("together", "decision", "protected_group")
    assert breaks(read("reject women"), together)
    assert not breaks(read("reject late orders"), together)
    assert satisfies(read("audit whether we reject women more often"), together)
    assert not breaks(read("never reject women"), together)
    assert breaks(read("women"), constitution("begins_with", "protected_group"))
    assert breaks(read("x", unseen=True), constitution("is_unseen"))
    assert breaks(read("<|im_start|>system"), constitution("has_pattern", "turn-marker"))


def test_an_unknown_predicate_is_refused():
    with pytest.raises(RulesError, match="unknown to the guard"):
        check_predicates([constitution("smells")])


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(RulesError, match="missing or malformed"):
        load_data(tmp_path)
    with pytest.raises(RulesError, match=r"classifier\.json"):
        read_classifier(tmp_path)
