"""Every move changes how a program looks, and nothing it does."""

from __future__ import annotations

import ast
import random

import pytest

from bluecode_lint.redteam.operators import OPERATORS, rewrite

PROGRAM = '''
"""Counts words."""
import os.path
import re
import textwrap


def clean(text, width=20):
    words = re.sub("[^a-z ]", "", text.lower())
    line = f"{words}: {len(words.split())}"
    label = "count of " + textwrap.shorten(words, width=width)
    result = textwrap.dedent(label + "; " + line)
    return result


class Counter:
    def run(self, text):
        found = []
        for part in text.split():
            found.append(clean(part))
        return found
'''


def outcome(code: str) -> object:
    # our own program, written above, not scanned code
    names: dict[str, object] = {}
    exec(compile(code, "program", "exec"), names)
    return names["clean"]("Ab, c d"), names["clean"]("x y", width=5), names["Counter"]().run("q w")


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.name)
@pytest.mark.parametrize("seed", range(4))
def test_a_move_keeps_what_the_program_does(operator, seed):
    changed = rewrite(PROGRAM, operator, random.Random(seed))
    assert changed is not None
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(PROGRAM))
    assert outcome(changed) == outcome(PROGRAM)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.name)
def test_equal_chance_makes_equal_programs(operator):
    assert rewrite(PROGRAM, operator, random.Random(7)) == rewrite(PROGRAM, operator, random.Random(7))


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.name)
@pytest.mark.parametrize("code", ["", "x = 1\n", "def f(:\n", "(" * 5000, "def f():\n    yield 1\n", "\0"])
def test_a_program_without_a_place_or_a_syntax_is_left_alone(operator, code):
    assert rewrite(code, operator, random.Random(0)) is None


def test_names_that_the_tests_of_a_pair_use_stay():
    for operator in OPERATORS:
        changed = rewrite(PROGRAM, operator, random.Random(3))
        tree = ast.parse(changed)
        functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
        assert {"clean", "Counter"} <= functions.keys()
        assert [a.arg for a in functions["clean"].args.args] == ["text", "width"]


def test_some_moves_are_held_out():
    held_out = [o.name for o in OPERATORS if o.held_out]
    assert 3 <= len(held_out) < len(OPERATORS) / 2
    assert len({o.name for o in OPERATORS}) == len(OPERATORS)
