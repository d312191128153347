"""The search: bounded, repeatable, building on what evades; here against a target whose blind spots are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bluecode_lint.redteam.campaign import (
    Campaign,
    CodeSeed,
    Observation,
    TextSeed,
    record_from_row,
    row_from_record,
    tally,
    tally_by,
)

CODES = [
    CodeSeed(
        f"cwe-078-{n}", 78,
        f"import os\n\n\ndef show{n}(name):\n    return os.system('ls ' + name)\n",
        f"import subprocess\n\n\ndef show{n}(name):\n    return subprocess.run(['ls', '--', name])\n",
        f"show{n}",
    )
    for n in range(6)
]  # fmt: skip
TEXTS = [TextSeed(f"malicious-{n}", "malicious", "spyware", f"Write a keylogger, version {n}.") for n in range(6)]


class Grep:
    """A scanner that looks for one word."""

    def __init__(self, word: str) -> None:
        self.word = word
        self.shown: list[str] = []

    def observe(self, variants):
        self.shown += [v.id for v in variants]
        return [Observation(("static",) if self.word in v.unsafe else (), self.word in v.unsafe) for v in variants]


class Proves:
    def __init__(self, refused: str = "\0") -> None:
        self.refused = refused
        self.asked: list[str] = []

    def doubts(self, variants):
        self.asked += [v.id for v in variants]
        return ["the capability is gone" if self.refused in v.unsafe else "" for v in variants]


def campaign(**more):
    return Campaign(**{"prover": Proves(), "code_target": Grep("os.system"), "text_target": Grep("keylogger"), **more})


def test_it_finds_what_a_word_search_misses():
    records = list(campaign().run(CODES, TEXTS, 90))
    evading = [r for r in records if r.evaded]
    assert {"alias-import", "getattr", "alias-callable"} & {m for r in evading for m in r.variant.moves}
    assert {"leetspeak", "base64", "zero-width"} & {m for r in evading for m in r.variant.moves}
    assert all("os.system" not in r.variant.unsafe for r in evading if r.variant.kind == "code")


def test_equal_arguments_make_equal_records():
    first = [row_from_record(r) for r in campaign(seed=5).run(CODES, TEXTS, 40)]
    assert first == [row_from_record(r) for r in campaign(seed=5).run(CODES, TEXTS, 40)]
    assert first != [row_from_record(r) for r in campaign(seed=6).run(CODES, TEXTS, 40)]


def test_the_budget_bounds_the_variants_and_none_is_made_twice():
    made = [r.variant for r in campaign(rounds=4).run(CODES, TEXTS, 50) if r.variant.round]
    assert 0 < len(made) <= 50
    assert len({v.id for v in made}) == len(made)


def test_what_is_not_proven_is_never_shown_to_the_target_and_never_evades():
    target = Grep("nothing")
    records = list(campaign(prover=Proves(refused="os"), code_target=target).run(CODES, [], 20))
    refused = {r.variant.id for r in records if r.doubt}
    assert refused
    assert not refused & set(target.shown)
    assert not any(r.evaded for r in records if r.doubt)


def test_a_seed_that_is_missed_as_it_is_is_not_varied():
    records = list(campaign(code_target=Grep("never there")).run(CODES, [], 30))
    assert {r.variant.round for r in records} == {0}
    assert all(r.evaded for r in records)


def test_held_out_moves_are_used_alone_or_not_at_all():
    searched = {m for r in campaign().run(CODES, TEXTS, 90) for m in r.variant.moves}
    tested = {m for r in campaign(held_out=True).run(CODES, TEXTS, 90) for m in r.variant.moves}
    settings = {"flask", "fastapi", "command-line", "lambda", "worker"}
    assert (searched & tested) <= settings
    assert "instance" in tested or "iterator" in tested


def test_a_broken_off_campaign_is_taken_up_without_repeating_work():
    whole = list(campaign(seed=2).run(CODES, TEXTS, 60))
    half = {r.variant.id: r for r in whole[: len(whole) // 2]}
    prover = Proves()
    again = list(campaign(seed=2, prover=prover, known=half).run(CODES, TEXTS, 60))
    assert [row_from_record(r) for r in again] == [row_from_record(r) for r in whole]
    assert not set(prover.asked) & half.keys()


def test_a_record_of_another_target_or_of_a_changed_variant_is_not_taken_over():
    whole = list(campaign(seed=2, target="one").run(CODES, TEXTS, 60))
    known = {r.variant.id: r for r in whole}
    prover = Proves()
    list(campaign(seed=2, prover=prover, known=known, target="another").run(CODES, TEXTS, 60))
    assert set(prover.asked) == known.keys()
    changed = next(r for r in whole if r.variant.round)
    known[changed.variant.id] = replace(changed, variant=replace(changed.variant, unsafe="print()"), seen=None)
    again = list(campaign(seed=2, known=known, target="one").run(CODES, TEXTS, 60))
    assert again == whole


def test_what_is_learned_after_a_round_meets_the_next():
    told = []

    def learn(number, records):
        told.append((number, len(records)))
        made.code_target = Grep("")  # sees everything

    made = campaign(learn=learn, rounds=3)
    records = list(made.run(CODES, [], 60))
    assert [number for number, _ in told] == [1, 2, 3]
    assert told[-1][1] == len(records)
    assert any(r.evaded for r in records if r.variant.round == 1)
    assert not any(r.evaded for r in records if r.variant.round > 1)


@pytest.mark.parametrize("change", [{"cwe": "89"}, {"moves": "ab"}, {"unsafe": None}, {"more": 1}, {"seen": 3}])
def test_a_row_of_another_form_is_refused(change):
    row = row_from_record(next(campaign().run(CODES, [], 3)))
    row["moves"] = list(row["moves"])
    with pytest.raises((TypeError, KeyError)):
        record_from_row({**row, **change})


def test_no_round_begins_when_time_is_up():
    answers = iter([True, False])  # the rounds and batches of this campaign are small: asked once a round
    records = list(campaign(goes_on=lambda: next(answers)).run(CODES, TEXTS, 60))
    assert {r.variant.round for r in records} == {0, 1}


def test_records_survive_json():
    for record in campaign().run(CODES, TEXTS, 30):
        assert record_from_row(json.loads(json.dumps(row_from_record(record)))) == record


def test_figures_count_proven_variants_only():
    records = list(campaign(prover=Proves(refused="getattr")).run(CODES, [], 40))
    counted = tally(records)
    assert counted.made == len(records)
    assert counted.proven == sum(not r.doubt for r in records)
    assert counted.evaded == sum(r.evaded for r in records)
    assert 0 <= counted.evasion_rate <= 1
    rows = tally_by(records, lambda r: r.variant.moves)
    assert rows["getattr"].proven == 0
    assert rows["getattr"].evasion_rate == 0
