"""Words that every report shares."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import Confirmation, Level, Outcome
from bluecode_lint.emitters.visible import escape_controls, safe_json, visible, visible_lines
from bluecode_lint.emitters.wording import (
    advice_of,
    by_severity,
    plural,
    replay_command,
    sentence,
    shorten,
    title_of,
)


@pytest.mark.parametrize(
    ("slug", "title"),
    [
        ("os-command-injection", "OS command injection"),
        ("reflected-xss", "Reflected XSS"),
        ("cleartext-https-downgrade", "Cleartext HTTPS downgrade"),
        ("weak-hash", "Weak hash"),
    ],
)
def test_titles(slug, title, run):
    assert title_of(replace(run.rules[0], id=f"bluecode/{slug}")) == title


def test_sentences_end_once():
    assert sentence("It is\n  wrong") == "It is wrong."
    assert sentence("Really?") == "Really?"
    assert sentence("") == ""


@given(st.text(), st.integers(1, 50))
def test_shortened_text_keeps_the_limit(text, limit):
    assert len(shorten(text, limit)) <= limit
    assert shorten(text, len(text) + 1) == text


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        (
            "What it is.\n\n## How to fix it\n\nDo this:\n\n```python\n# not a heading\n```\n\n## More\n\nx",
            "Do this:\n\n```python\n# not a heading\n```",
        ),
        ("What.\n\n**Fix**\n\nDo that.", "Do that."),
        ("What.\n\nFix: do that.\n\nAnd so on.", "Fix: do that.\n\nAnd so on."),
        ("Compare the origin.\n", "Compare the origin."),
    ],
)
def test_advice_is_the_part_about_fixing(text, advice, run):
    assert advice_of(replace(run.rules[0], help=text)) == advice


def test_only_a_proof_can_be_replayed(run):
    proven = run.results[0]
    assert replay_command(proven) == f"bluecode-lint replay {proven.fingerprint[:12]}"
    assert replay_command(replace(proven, confirmation=Confirmation(Outcome.INCONCLUSIVE, replay="x"))) == ""
    assert replay_command(replace(proven, fingerprint="")) == ""


def test_severity_is_level_then_proof_then_score(run):
    proven = run.results[0]
    unproven = replace(proven, confirmation=Confirmation(Outcome.NOT_RUN))
    milder = replace(unproven, rule=replace(proven.rule, security_severity=2.0))
    warning = replace(proven, level=Level.WARNING)
    assert by_severity([warning, milder, unproven, proven]) == [proven, unproven, milder, warning]


def test_numbers_with_nouns():
    assert [plural(n, "file") for n in (0, 1, 1024)] == ["0 files", "1 file", "1,024 files"]


# --- harmless text ---------------------------------------------------------------------------------------------------


@given(st.text())
def test_visible_text_has_nothing_that_steers(text):
    shown = visible(text)
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}]
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", shown)
    assert visible(shown) == shown


@given(st.text())
def test_lines_stay_lines(text):
    assert visible_lines(text).count("\n") == text.count("\n")


def test_escapes_are_those_of_python():
    assert visible("a\x1b\n\u202e\U000e0041é日") == "a\\x1b\\n\\u202e\\U000e0041é日"
    assert escape_controls("a\x1b\u200c") == "a\\x1b\u200c"


def test_json_stays_json():
    assert safe_json('"\x9b\u2028\ud800"') == '"\\u009b\\u2028\ufffd"'
