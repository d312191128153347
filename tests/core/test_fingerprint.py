"""A fingerprint is who a finding is, not where it stands."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.fingerprint import fingerprints
from bluecode_lint.core.model import Confidence, Finding, Location, Region

SINK = "os.system(name)"

lines = st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=["Cs"]), max_size=12).filter(
    lambda line: SINK not in line
)


def suspect(text: str, needle: str = SINK, *, uri: str = "app.py", rule_id: str = "bluecode/os-command-injection"):
    """Find every occurrence of the needle, line by line, as an analyzer would."""
    return [
        Finding(
            rule_id=rule_id,
            cwe=78,
            location=Location(uri, Region(row, column + 1, row, column + 1 + len(needle))),
            message=f"on line {row}",
            confidence=Confidence.HIGH,
            snippet=needle,
        )
        for row, line in enumerate(text.split("\n"), start=1)
        for column in range(len(line))
        if line.startswith(needle, column)
    ]


@given(st.lists(lines, max_size=5), st.lists(lines, max_size=5), st.integers(0, 5))
def test_inserted_lines_change_nothing(before, inserted, count):
    sinks = [f"    {SINK}"] * count
    original = suspect("\n".join([*before, *sinks]))
    shifted = suspect("\n".join([*inserted, *before, *sinks]))
    assert len(original) == count
    assert fingerprints(original) == fingerprints(shifted)


@given(st.sampled_from(["", "  ", "\t", "        "]))
def test_reindenting_a_multi_line_call_changes_nothing(indent):
    snippet = "subprocess.run(\n    name,\n    shell=True,\n)"
    (finding,) = suspect(SINK)
    before = replace(finding, snippet=snippet)
    after = replace(
        finding, snippet=textwrap.indent(snippet, indent).lstrip(), location=Location("app.py", Region(9, 9, 12, 2))
    )
    assert fingerprints([before]) == fingerprints([after])


def test_identical_defects_stay_two():
    twins = suspect(f"{SINK}\n{SINK}")
    assert len(set(fingerprints(twins))) == 2


@given(st.permutations(range(4)))
def test_order_of_findings_does_not_matter(order):
    findings = suspect("\n".join([SINK] * 4))
    expected = dict(zip(findings, fingerprints(findings), strict=True))
    shuffled = [findings[i] for i in order]
    assert dict(zip(shuffled, fingerprints(shuffled), strict=True)) == expected


def test_message_and_confidence_are_no_part_of_it():
    (finding,) = suspect(SINK)
    reworded = replace(finding, message="another wording", confidence=Confidence.LOW, aliases=("bandit:B605",))
    assert fingerprints([finding]) == fingerprints([reworded])


def test_rule_path_and_code_are():
    (base,) = suspect(SINK)
    others = [
        base,
        *suspect(SINK, uri="other.py"),
        *suspect(SINK, rule_id="bluecode/code-injection"),
        *suspect("os.system(other)", "os.system(other)"),
    ]
    assert len({fingerprints([finding]) for finding in others}) == len(others)


def test_parts_cannot_run_into_each_other():
    (base,) = suspect(SINK)
    left = replace(base, rule_id="bluecode/ab", location=replace(base.location, uri="c.py"))
    right = replace(base, rule_id="bluecode/a", location=replace(base.location, uri="bc.py"))
    assert fingerprints([left]) != fingerprints([right])


def test_lone_surrogates_are_hashed():
    (base,) = suspect(SINK)
    one, other = (replace(base, snippet=text) for text in ("f('\ud800')", "f('\ud801')"))
    assert fingerprints([one]) != fingerprints([other])


def test_nothing_gives_nothing():
    assert fingerprints([]) == ()
