from __future__ import annotations

import functools
import inspect

import pytest

from bluecode_lint.core.model import Condition
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.constitutions import load_constitutions
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.reasoners.offline import read
from bluecode_lint.reasoners.predicates import PREDICATES
from bluecode_lint.reasoners.scene import scenes_in
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
SHIPPED = load_constitutions(ROOT, ROOT / "schema")
PAIRS = {pair.id: pair for pair in load_pairs(pair_files(ROOT), ROOT / "schema")}


@functools.cache
def scenes_of(text: str):
    return tuple(scenes_in(parse_python(text)))


def is_checkable(conditions) -> bool:
    return all(condition.predicate for condition in conditions)


CHECKABLE = [each for each in SHIPPED if is_checkable(each.unsafe_when) or is_checkable(each.safe_when)]


@pytest.mark.parametrize("constitution", CHECKABLE, ids=[each.id for each in CHECKABLE])
def test_the_predicates_of_a_constitution_tell_its_examples_apart(constitution):
    for example in constitution.examples:
        pair = PAIRS[example]
        unsafe = [read(constitution, scene) for scene in scenes_of(pair.unsafe_code)]
        safe = [read(constitution, scene) for scene in scenes_of(pair.safe_code)]
        if is_checkable(constitution.unsafe_when):
            assert any(reading.unsafe for reading in unsafe), f"{example}: the unsafe side is not flagged"
            assert not any(reading.unsafe for reading in safe), f"{example}: the safe side is flagged"
        if is_checkable(constitution.safe_when):
            assert any(reading.safe for reading in safe), f"{example}: the safe side is not accepted"
            assert not any(reading.safe for reading in unsafe), f"{example}: the unsafe side is accepted"


def test_most_constitutions_can_be_checked_and_have_examples():
    assert len(CHECKABLE) >= 200
    assert sum(1 for each in CHECKABLE if each.examples) >= 200


def test_every_condition_has_a_known_predicate_and_fitting_arguments():
    for constitution in SHIPPED:
        for condition in (*constitution.unsafe_when, *constitution.safe_when):
            if condition.predicate:
                check = PREDICATES[condition.predicate]
                inspect.signature(check).bind(None, *condition.arguments)


def test_no_call_of_any_pair_is_at_once_safe_and_unsafe_by_one_constitution():
    for constitution in CHECKABLE:
        for pair in PAIRS.values():
            if pair.cwe == constitution.cwe:
                for scene in (*scenes_of(pair.unsafe_code), *scenes_of(pair.safe_code)):
                    reading = read(constitution, scene)
                    assert not (reading.unsafe and reading.safe), (constitution.id, pair.id)


def holds(source: str, predicate: str, *arguments: str) -> bool:
    """Ask about the call that is marked with ``SINK``."""
    for scene in scenes_of(source):
        call = scene.call
        if scene.node.type == "call" and call is not None and b"SINK" in (call.text or b"").split(b"(")[0]:
            return PREDICATES[predicate](scene, *arguments)
    return pytest.fail("no call is marked")


BUILT = [
    'def f(a):\n    SINK("x" + a)\n',
    'def f(a):\n    SINK(f"x{a}")\n',
    'def f(a):\n    SINK("x%s" % a)\n',
    'def f(a):\n    SINK("x{}".format(a))\n',
    'def f(a):\n    SINK(" ".join(["x", a]))\n',
    'def f(a):\n    t = "x"\n    t += a\n    SINK(t + "y")\n',
    'def f(a):\n    t = "x" + a\n    SINK(t)\n',
    'def f(a):\n    SINK(text("x" + a))\n',
]
NOT_BUILT = [
    'def f(a):\n    SINK("x" + "y")\n',
    "def f(a):\n    SINK(a)\n",
    'def f(a):\n    SINK("x", a)\n',
    'T = "a"\ndef f(a):\n    SINK(f"x{T}")\n',
    'def f(a):\n    t = a\n    t = "x"\n    SINK(t + "y")\n',
    "def f(a):\n    SINK()\n",
    "def f(a):\n    SINK(*a)\n",
]


@pytest.mark.parametrize("source", BUILT)
def test_glued_text_is_built(source):
    assert holds(source, "argument_is_built", "0")


@pytest.mark.parametrize("source", NOT_BUILT)
def test_constants_and_whole_values_are_not_built(source):
    assert not holds(source, "argument_is_built", "0")


CHECKED = [
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        return\n    SINK(a)\n"),
    ("allowlist", 'def f(a):\n    if a in ("x", "y"):\n        SINK(a)\n'),
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        raise ValueError\n    b = a + '.txt'\n    SINK(b)\n"),
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        a = 'default'\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    SINK(a) if a in ALLOWED else None\n"),
    ("allowlist", "def f(a):\n    return a in ALLOWED and SINK(a)\n"),
    ("allowlist", "def f(a):\n    assert a in ALLOWED\n    SINK(a)\n"),
    ("pattern", "import re\ndef f(a):\n    if not re.fullmatch('[a-z]+', a):\n        return\n    SINK(a)\n"),
    ("pattern", "def f(a):\n    if NAME.fullmatch(a) is None:\n        return\n    SINK(a)\n"),
    (
        "pattern",
        "import re\ndef f(a):\n    m = re.fullmatch('[a-z]+', a)\n    if not m:\n        return\n    SINK(a)\n",
    ),
    ("pattern", "import re\ndef f(a):\n    if not re.match(r'[a-z]+\\Z', a):\n        return\n    SINK(a)\n"),
    ("type", "def f(a):\n    if not a.isalnum():\n        return\n    SINK(a)\n"),
    ("type", "def f(a):\n    if isinstance(a, int):\n        SINK(a)\n"),
    ("number", "def f(a):\n    SINK(int(a))\n"),
    (
        "containment",
        "def f(a):\n    p = (ROOT / a).resolve()\n    if not p.is_relative_to(ROOT):\n        return\n    SINK(p)\n",
    ),
    (
        "containment",
        "def f(a):\n    p = (ROOT / a).resolve()\n    if ROOT not in p.parents:\n        return\n    SINK(p)\n",
    ),
    (
        "containment",
        "import os\ndef f(a):\n    p = os.path.realpath(a)\n    if not p.startswith(ROOT + os.sep):\n        return\n    SINK(p)\n",
    ),
    ("containment", "def f(a):\n    p = ROOT / a\n    p.relative_to(ROOT)\n    SINK(p)\n"),
    ("equality", "def f(a):\n    if a == 'x':\n        SINK(a)\n"),
    ("bound", "def f(a):\n    if a > 100:\n        return\n    SINK(a)\n"),
    ("prefix", "def f(a):\n    if not a.startswith('https://'):\n        return\n    SINK(a)\n"),
    ("host", "def f(a):\n    if urlsplit(a).hostname not in HOSTS:\n        return\n    SINK(a)\n"),
    (
        "signature",
        "import hmac\ndef f(a, t):\n    if not hmac.compare_digest(t, mac(a)):\n        return\n    SINK(a)\n",
    ),
]
UNCHECKED = [
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        print(a)\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    SINK(a)\n    if a not in ALLOWED:\n        return\n"),
    ("allowlist", "def f(a, b):\n    if b not in ALLOWED:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a, allowed):\n    if a not in allowed:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if '..' in a:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a in ALLOWED:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a not in ALLOWED and DEBUG:\n        return\n    SINK(a)\n"),
    ("allowlist", "import os\ndef f(a):\n    if os.path.splitext(a)[1] not in ALLOWED:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        a = a.strip()\n    SINK(a)\n"),
    ("pattern", "import re\ndef f(a):\n    if not re.match('[a-z]+', a):\n        return\n    SINK(a)\n"),
    ("pattern", "import re\ndef f(a):\n    if not re.search('[a-z]+', a):\n        return\n    SINK(a)\n"),
    (
        "pattern",
        "import re\ndef f(a):\n    if not re.fullmatch('[a-z]+', a.split('/')[0]):\n        return\n    SINK(a)\n",
    ),
    ("type", "def f(a):\n    if not a[:3].isalnum():\n        return\n    SINK(a)\n"),
    ("containment", "def f(a):\n    if not a.startswith(ROOT):\n        return\n    SINK(a)\n"),
    ("containment", "def f(a):\n    if a.is_relative_to(ROOT):\n        return\n    SINK(a)\n"),
    ("bound", "def f(a):\n    if a < 0:\n        return\n    SINK(a)\n"),
    ("host", "def f(a):\n    if a.endswith('.example'):\n        SINK(a)\n"),
    (
        "signature",
        "import hmac\ndef f(a, t):\n    SINK(a)\n    if not hmac.compare_digest(t, mac(a)):\n        return\n",
    ),
]

MORE_CHECKED = [
    ("allowlist", "def f(a):\n    if a == 'x':\n        pass\n    elif a in ALLOWED:\n        SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a not in ALLOWED:\n        g()\n    else:\n        SINK(a)\n"),
    (
        "allowlist",
        "def f(a):\n    if b:\n        g()\n    elif a not in ALLOWED:\n        g()\n    else:\n        SINK(a)\n",
    ),
    ("allowlist", "def f(a):\n    while a in ALLOWED:\n        SINK(a)\n"),
    ("allowlist", "def f(a):\n    if not (a in ALLOWED):\n        sys.exit(1)\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a not in frozenset({'x', 'y'}):\n        abort(404)\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    if a not in TABLE.keys():\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    known = {'x': 1, 'y': 2}\n    if a not in known:\n        return\n    SINK(a)\n"),
    ("allowlist", "def f(a):\n    SINK(a if a in ALLOWED else 'd')\n"),
    ("allowlist", "def f(a):\n    return [SINK(p) for p in a if p in ALLOWED]\n"),
    ("allowlist", "def f(a):\n    if b or a not in ALLOWED:\n        return\n    SINK(a)\n"),
    ("address", "import ipaddress\ndef f(a):\n    ipaddress.ip_address(a)\n    SINK(a)\n"),
    ("number", "def f(a):\n    int(a)\n    SINK(a)\n"),
    ("validator", "def f(a):\n    validate_name(a)\n    SINK(a)\n"),
    ("validator", "def f(a):\n    if not is_allowed(a):\n        return\n    SINK(a)\n"),
    ("validator", "def f(a):\n    SINK(safe_path(a))\n"),
    ("text", "def f(a):\n    if not isinstance(a, str):\n        return\n    SINK(a)\n"),
    ("doctype", "def f(a):\n    if b'<!DOCTYPE' in a:\n        return\n    SINK(a)\n"),
    ("hostless", "def f(a):\n    if urlsplit(a).netloc:\n        return\n    SINK(a)\n"),
    ("host", "def f(a):\n    h = urlsplit(a).hostname\n    if h != 'a.example':\n        return\n    SINK(a)\n"),
    ("equality", "def f(a):\n    if 'x' != a:\n        return\n    SINK(a)\n"),
    ("bound", "def f(a):\n    if 100 < a:\n        return\n    SINK(a)\n"),
    ("bound", "def f(a):\n    if a <= 100:\n        SINK(a)\n"),
    ("bound", "def f(a):\n    if 100 >= a:\n        SINK(a)\n"),
    ("containment", "import os\ndef f(a):\n    if os.path.commonpath([R, a]) != R:\n        return\n    SINK(a)\n"),
    ("containment", "def f(a):\n    if a.startswith(f'{ROOT}/'):\n        SINK(a)\n"),
]
REFUSED_IN_TRY = """\
import ipaddress
def f(a):
    try:
        ipaddress.ip_address(a)
    except ValueError:
        {}
    SINK(a)
"""
NESTED_EXITS = """\
def f(a):
    if a not in ALLOWED:
        if a:
            raise X
        else:
            return
    SINK(a)
"""
MORE_CHECKED += [("address", REFUSED_IN_TRY.format("return")), ("allowlist", NESTED_EXITS)]
MORE_UNCHECKED = [
    ("allowlist", "def f(a):\n    if a in ALLOWED:\n        g()\n    else:\n        SINK(a)\n"),
    ("allowlist", "def f(a):\n    SINK(a if a not in ALLOWED else 'd')\n"),
    ("allowlist", "def f(a):\n    known = {'x': 1, a: 2}\n    if a not in known:\n        return\n    SINK(a)\n"),
    ("allowlist", NESTED_EXITS.replace("else:\n            return", "pass")),
    ("allowlist", "def f(a):\n    def g():\n        if a not in ALLOWED:\n            return\n    SINK(a)\n"),
    ("address", REFUSED_IN_TRY.format("pass")),
    ("validator", "def f(a, b):\n    validate_name(b)\n    SINK(a)\n"),
    ("doctype", "def f(a):\n    if b'<!DOCTYPE' in a:\n        g()\n    SINK(a)\n"),
    ("hostless", "def f(a):\n    if urlsplit(a).path:\n        return\n    SINK(a)\n"),
    ("hostless", "def f(a):\n    if not urlsplit(a).netloc:\n        return\n    SINK(a)\n"),
    ("host", "def f(a):\n    if urlsplit(a).path not in HOSTS:\n        return\n    SINK(a)\n"),
    ("equality", "def f(a, b):\n    if a == b:\n        SINK(a)\n"),
    ("prefix", "def f(a, b):\n    if not a.startswith(b):\n        return\n    SINK(a)\n"),
]


@pytest.mark.parametrize(("kind", "source"), CHECKED + MORE_CHECKED)
def test_a_check_before_the_use_counts(kind, source):
    assert holds(source, "argument_checked", "0", kind)
    assert not holds(source, "argument_unchecked", "0", kind)


@pytest.mark.parametrize(("kind", "source"), UNCHECKED + MORE_UNCHECKED)
def test_what_only_looks_like_a_check_does_not_count(kind, source):
    assert not holds(source, "argument_checked", "0", kind)
    assert holds(source, "argument_unchecked", "0", kind)


@pytest.mark.parametrize(
    ("source", "predicate", "arguments", "expected"),
    [
        ("SINK(shell=True)\n", "argument_is", ("shell", "True"), True),
        ("SINK(**options)\n", "argument_absent", ("shell",), False),
        ("SINK(1)\n", "argument_absent", ("shell",), True),
        ("SINK(*items, 5)\n", "argument_present", ("0",), False),
        ("SINK(verify=flag)\n", "argument_is_not", ("verify", "False"), False),
        ("SINK(verify='/etc/ca.pem')\n", "argument_is_not", ("verify", "False"), True),
        ("SINK(['ls', '--', name])\n", "options_end_before_input", ("0",), True),
        ("SINK(['ls', name])\n", "options_end_before_input", ("0",), False),
        ("SINK(['ls', 'dir/' + name])\n", "options_end_before_input", ("0",), True),
        ("SINK(['sh', '-c', name])\n", "first_item_is_fixed_program", ("0",), False),
        ("SINK(['git', name])\n", "first_item_is_fixed_program", ("0",), True),
        ("SINK([name])\n", "first_item_is_fixed_program", ("0",), False),
        ("SINK('SELECT ?', (x,))\n", "text_has_placeholders", ("0",), True),
        ("SINK('SELECT ?' + y, (x,))\n", "text_has_placeholders", ("0",), False),
        ("SINK('SELECT 1')\n", "text_has_placeholders", ("0",), False),
        ("SINK(16 * 1024)\n", "argument_at_least", ("0", "1000"), True),
        ("SINK(size)\n", "argument_at_least", ("0", "1000"), False),
        ("SINK(1024)\n", "argument_below", ("0", "2048"), True),
        ("SINK(f'https://a.example/{x}')\n", "begins_with_host", ("0",), True),
        ("SINK(f'https://{x}/')\n", "begins_with_host", ("0",), False),
        ("SINK(f'https://a.example{x}/')\n", "begins_with_host", ("0",), False),
        ("import shlex\nSINK('a ' + shlex.quote(x))\n", "argument_through", ("0", "shlex.quote"), True),
        ("import shlex\nSINK('a ' + shlex.quote(x) + y)\n", "argument_through", ("0", "shlex.quote"), False),
        ("import sys\nSINK(sys.argv[1])\n", "argument_from_input", ("0",), True),
        ("from flask import request\nn = request.args['n']\nSINK('a' + n)\n", "argument_from_input", ("0",), True),
        ("@app.route('/')\ndef f(n):\n    SINK(n)\n", "argument_from_input", ("0",), True),
        ("def f(n):\n    SINK(n)\n", "argument_from_input", ("0",), False),
        ("def f(n):\n    SINK(n)\n", "argument_from_parameter", ("0",), True),
        ("TABLE = {'a': 'b'}\nt = TABLE.get(k)\nSINK(t)\n", "argument_is_constant", ("0",), True),
        ("parts = ['a']\nparts.append(x)\nSINK(' '.join(parts))\n", "argument_is_constant", ("0",), False),
    ],
)
def test_predicates_mean_their_words(source, predicate, arguments, expected):
    assert holds(source, predicate, *arguments) is expected


@pytest.mark.parametrize("name", sorted(PREDICATES))
def test_no_predicate_raises_on_odd_code(name):
    check = PREDICATES[name]
    wanted = [
        parameter
        for parameter in inspect.signature(check).parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ][1:]
    arguments = ["0"] * len(wanted)
    for text in (
        "",
        "def f(:\n",
        "f(*a, **b)\n",
        "x = f'{y!r:>{w}}'\n",
        "with a as b, c: pass\n",
        "lambda: (yield)\n",
        "@d\n",
    ):
        for scene in scenes_of(text):
            assert check(scene, *arguments) in {True, False}


def test_conditions_in_words_alone_never_decide():
    constitution = next(each for each in SHIPPED if not is_checkable(each.safe_when) and each.safe_when)
    assert Condition("words").predicate == ""
    for scene in scenes_of('import os\nos.system("ls " + x)\n'):
        assert read(constitution, scene).safe in {None, False}
