"""What a regular expression lets through, and where matching it takes for ever."""

import time

import pytest

from bluecode_lint.analyzers.flow.regexes import allowed_characters, ambiguity, is_anchored


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|aa)+$",
        r"^(\w+\s?)*$",
        "(a*)*b",
        r"(?:\s*,*)+;",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ],
)
def test_exponential_patterns_are_found(pattern):
    assert "exponential" in ambiguity(pattern)


@pytest.mark.parametrize("pattern", [".*.*x", r"\d+\d+$", r"(.+?)\((.*)\)", r"\s*(.*)\s*$", r"\[(.*?)\] (.*?): (.*)"])
def test_polynomial_patterns_are_found(pattern):
    found = ambiguity(pattern)
    assert found
    assert "exponential" not in found


@pytest.mark.parametrize(
    "pattern",
    [
        "a+$", r"^\w+(?: \w+)*$", "^[a-z]+(-[a-z]+)*$", "(x|y)*z", r"([a-z]+\.)+[a-z]{2,}$", r"(\d{1,3}\.){3}\d{1,3}$",
        r'"(?:[^"\\]|\\.)*"', "(a+)+", "^[^@]+@[^@]+$", "(?>a+)+$", "(a++)+$", "[", "x" * 5000,
    ],
)  # fmt: skip
def test_unambiguous_patterns_are_left_alone(pattern):
    assert ambiguity(pattern) == ""


def test_a_full_match_is_anchored_by_its_call():
    assert ambiguity("(a+)+") == ""
    assert ambiguity("(a+)+", full=True)


def test_a_large_pattern_is_judged_quickly_or_not_at_all():
    start = time.perf_counter()
    ambiguity("(" + "|".join(f"[a-z]*{i}[a-z]*" for i in range(200)) + ")*$")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("pattern", "full", "inside", "outside"),
    [
        (r"[a-z0-9]+", True, "a0", "A;/ "),
        (r"^[\w.-]+$", False, "a_.-", ";/ "),
        (r"\d{4}-\d\d", True, "0-", "a;"),
        (r"[^<>]*", True, "a;'", "<>"),
        (r"(?:a|b)+\Z", False, "ab", "c"),
        (r"\S+", True, "a;", " \n"),
    ],
)
def test_the_characters_that_get_through(pattern, full, inside, outside):
    letters = allowed_characters(pattern, full=full)
    assert letters is not None
    assert set(inside) <= letters
    assert not set(outside) & letters


@pytest.mark.parametrize("pattern", ["[a-z]+", "^[a-z]+", "("])
def test_a_pattern_without_an_end_says_nothing_of_the_whole(pattern):
    assert allowed_characters(pattern, full=False) is None


def test_anchors_are_seen():
    assert is_anchored("^a")
    assert is_anchored(r"\Aa")
    assert not is_anchored("a^")
