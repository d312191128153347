from __future__ import annotations

import re
import time

import pytest

from bluecode_lint.analyzers.misuse.ambiguity import Growth, growth

EXPONENTIAL = [
    r"^(\w+\s?)*$",
    r"^(\d+)+$",
    r"(a|aa)+b",
    r"(a*)*b",
    r"(x+x+)+y",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"([^\s]+\s*)+:",
    r"(?s)(.|\n)*x",
    r"^(?:a?b?){12,}c",
    r"^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*@",
    r"(ab|(a)(b))*c",
    r"(a{0,50}){20}b",
    r"(?:a+){15}b",
    r"(?:a{1,3})*b",
]
POLYNOMIAL = [r".*.*x", r"\d+\d+$", r"^\s*a*\s*\w*a+$", r"x.*y.*z"]
LINEAR = [
    r"^\w+(?:\s\w+)*$",
    r"^\d+$",
    r",\s*",
    r"(a|b)*c",
    r"<[^>]*>",
    r"(?:a+)+",
    r"(.|\n)*x",
    r"^(?:[^,]*,)*$",
    r"[^@]+@[^@]+",
    r"(a{2}){3}b",
    r"^[a-z]{1,8}(?:-[a-z0-9]{1,8})*$",
    r"(é|ß)+x",
    r"^\w{0,300}\w{0,300}$",
]
UNJUDGED = [r"(", r"(a)\1+b", r"(?>a+)+b", r"(?:^a|b)+c", "a" * 500]


@pytest.mark.parametrize("pattern", EXPONENTIAL)
def test_exponential(pattern: str) -> None:
    assert growth(pattern) is Growth.EXPONENTIAL


@pytest.mark.parametrize("pattern", POLYNOMIAL)
def test_polynomial(pattern: str) -> None:
    assert growth(pattern) is Growth.POLYNOMIAL


@pytest.mark.parametrize("pattern", [*LINEAR, *UNJUDGED])
def test_linear_or_unjudged(pattern: str) -> None:
    assert growth(pattern) is Growth.LINEAR


def test_what_cannot_fail_does_no_harm_unless_the_end_is_asked_for() -> None:
    assert growth("(a+)+") is Growth.LINEAR
    assert growth("(a+)+", whole=True) is Growth.EXPONENTIAL
    assert growth(r"(a+)+\Z") is Growth.EXPONENTIAL


@pytest.mark.parametrize(("pattern", "pump"), [(r"^(\d+)+$", "1"), (r"(a|aa)+b", "a"), (r"(x+x+)+y", "x")])
def test_the_interpreter_agrees(pattern: str, pump: str) -> None:
    def work(count: int) -> float:
        """Measure processor time, the least of three: a ratio of two of them holds on a busy machine, too."""
        tries = []
        for _ in range(3):
            began = time.process_time()
            re.match(pattern, pump * count + "!")
            tries.append(time.process_time() - began)
        return min(tries)

    count = 8
    while work(count) < 0.002:
        count += 1
    assert work(count + 6) > 4 * work(count)


def test_large_patterns_are_judged_at_all() -> None:
    assert growth("|".join(f"(?:[a-z]+{c})*{c}" for c in "abcdefghijklm")) in Growth
    assert growth(r"(\w*\s*){11}" * 3 + "x") in Growth
