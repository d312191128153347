"""What hides a call or a value is undone, nothing else changes, and every line keeps its number."""

from __future__ import annotations

import random

import pytest

from bluecode_lint.core.model import Artifact
from bluecode_lint.redteam.operators import OPERATORS, rewrite
from bluecode_lint.sources.plain import (
    SIZE_MAX,
    PlainArtifacts,
    parse_plainly,
    plain_artifact,
    plain_functions,
    plain_text,
)
from bluecode_lint.sources.syntax import parse_python

PROGRAM = """
import re
import textwrap


def clean(text, width=20):
    words = re.sub("[^a-z ]", "", text.lower())
    line = "%s: %s" % (words, len(words.split()))
    label = "count of " + textwrap.shorten(words, width=width)
    return textwrap.dedent(label + "; " + line)
"""


def outcome(code: str) -> object:
    # our own program, written above, not scanned code
    names: dict[str, object] = {}
    exec(compile(code, "program", "exec"), names)
    return names["clean"]("Ab, c d"), names["clean"]("x y", width=5)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.name)
@pytest.mark.parametrize("seed", range(4))
def test_a_disguised_program_does_the_same_when_written_plainly(operator, seed):
    disguised = rewrite(PROGRAM, operator, random.Random(seed))
    plain = plain_text(disguised)
    assert outcome(plain) == outcome(PROGRAM)
    assert plain.count("\n") == disguised.count("\n")
    assert plain_text(disguised, thorough=True).count("\n") == disguised.count("\n")


@pytest.mark.parametrize(
    ("hidden", "plain"),
    [
        ("getattr(os, 'sys' + 'tem')(x)", "os.system(x)"),
        ("getattr(a or b, 'run')(x)", "(a or b).run(x)"),
        ("run((lambda: x + 1)())", "run(x + 1)"),
        ("(lambda: x + 1)() * 2", "(x + 1) * 2"),
        ("run({'value': x}['value'])", "run(x)"),
        ("run([None, f(x)][1])", "run(f(x))"),
        ("run([None, x][-1])", "run(x)"),
        ("run((x,)[0])", "run(x)"),
        ("run(dict(value=x).get('value'))", "run(x)"),
        ("run([each for each in [x]][0])", "run(x)"),
        ("run(x, **{'shell': True})", "run(x, shell=True)"),
        ("run(bytes.fromhex('6c73').decode())", "run('ls')"),
        ("run(base64.b64decode('bHM=').decode())", "run('ls')"),
    ],
)
def test_what_hides_a_call_or_a_value_is_undone(hidden, plain):
    assert plain_text(hidden + "\n") == plain + "\n"


@pytest.mark.parametrize(
    "code",
    [
        "getattr(os, name)(x)",
        "getattr(os, 'system', None)(x)",
        "getattr(os, 'not a name')(x)",
        "run((lambda y=1: x)(2))",
        "run({'value': f(), 'other': g()}['value'])",  # g is called, too
        "run([f(), g()][0])",
        "run([x][3])",
        "run([each for each in [x] if ok(each)][0])",
        "run([each + 1 for each in [x]][0])",
        "run(x, **{name: True})",
        "run(x, **{'not a name': True})",
        "run(bytes.fromhex('zz').decode())",
        "{'value': x}['value'] = 3",
        "def f(:",
        "\0",
        "(" * 3000,
        "x = 1\r[None, y][1]\r",
        "",
    ],
)
def test_what_means_something_else_or_nothing_is_left_alone(code):
    assert plain_text(code) == code


def test_a_function_that_gives_back_what_it_gets_is_seen_through_unless_there_are_two():
    sham = "def clean(value):\n    return value\n"
    assert plain_text(sham + "run(clean(x))\n").endswith("run(x)\n")
    assert plain_text(sham + "clean = html.escape\nrun(clean(x))\n").endswith("run(clean(x))\n")


def test_a_callee_kept_in_a_variable_is_named_again():
    code = "import os\ndef f(x):\n    go = os.system\n    getattr(log, 'info')(x)\n    go(x)\n"
    assert "os.system(x)" in plain_text(code)
    assert "go(x)" in plain_text(code.replace("    go(x)", "    go = print\n    go(x)"))


def test_thoroughly_plain_programs_have_one_spelling():
    one = "import os\ndef f(x):\n    return os.popen(f'ls {x}')\n"
    for other in (
        "import os as lib\ndef f(x):\n    return lib.popen('ls ' + x)\n",
        "import os\ndef f(x):\n    return os.popen('ls {}'.format(x))\n",
        "import os\ndef f(x):\n    return os.popen('ls %s' % x)\n",
        "import os\ndef f(x):\n    return os.popen(''.join(['ls ', str(x)]))\n",
        "import os\nasync def f(x):\n    return os.popen('ls ' + x)\n",
    ):
        assert plain_text(other, thorough=True) == one
    unread = "def f(x):\n    safe = html.escape(str(x))\n    return x\n"
    assert plain_text("import html\n" + unread, thorough=True) == "import html\ndef f(x):\n    \n    return x\n"
    assert plain_text("def f(x):\n    kept = launch(x)\n    return x\n", thorough=True).count("launch") == 1
    assert parse_plainly(one).source == one.encode()


def test_several_lines_stay_several_lines():
    code = "def f(x):\n    return getattr(\n        x, 'y',\n    )\n"
    assert plain_text(code + "getattr(a, 'b')\n").count("\n") == code.count("\n") + 1


def test_only_the_chosen_functions_are_made_thoroughly_plain():
    text = "import os as lib\nclass A:\n    def f(self, x):\n        lib.system('a' + x)\n\n    def g(self, x):\n        lib.system('a' + x)\n"
    artifact = Artifact("a.py", "python", text, "", parse_python(text))
    made = plain_functions(artifact, [(2, 3)])
    assert made.text == text.replace("lib.system('a' + x)", "os.system(f'a{x}')", 1)
    assert made.sha256 != artifact.sha256
    assert made.syntax.source == made.text.encode()
    assert plain_functions(artifact, []) is artifact
    assert plain_artifact(artifact) is artifact


def test_what_is_too_large_is_left_alone():
    text = "getattr(os, 'system')(x)\n" + "#" * SIZE_MAX
    assert plain_text(text) == text


def test_a_program_is_written_plainly_once_for_all_who_ask():
    hidden, plain = (
        Artifact("a.py", "python", text, sha, parse_python(text))
        for text, sha in (("import os\ngetattr(os, 'system')('ls')\n", "1"), ("x = 1\n", "2"))
    )

    class Memory:
        def __init__(self):
            self.values = {}

        def get(self, keys):
            return {key: self.values[key] for key in keys if key in self.values}

        def put(self, values):
            self.values.update(values)

    memory = Memory()
    for shelf in (None, memory, memory):
        readings = PlainArtifacts(shelf)
        assert readings(hidden) == plain_artifact(hidden)
        assert readings(hidden) is readings(hidden)
        assert readings(plain) is plain
    assert memory.values == {"1": plain_artifact(hidden).text, "2": ""}
    memory.values["1"] = 3  # damaged: worked out again
    assert PlainArtifacts(memory)(hidden) == plain_artifact(hidden)
