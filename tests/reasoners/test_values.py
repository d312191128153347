from __future__ import annotations

import pytest

from bluecode_lint.core.imports import text_of
from bluecode_lint.reasoners.scene import scenes_in
from bluecode_lint.reasoners.tree import argument_nodes
from bluecode_lint.sources.syntax import parse_python


def origins(source: str) -> set[str]:
    """Give (kind:path) of everything the argument of ``SINK`` is made of, constants left out."""
    for scene in scenes_in(parse_python(source)):
        if scene.node.type == "call" and text_of(scene.node.child_by_field_name("function")) == "SINK":
            leaves = scene.values.leaves(argument_nodes(scene.node)[0])
            return {f"{leaf.kind}:{leaf.path}" for leaf in leaves if leaf.kind != "constant"}
    return pytest.fail("no call is marked")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("SINK('x')\n", set()),
        ("def f(a):\n    SINK(a)\n", {"parameter:a"}),
        ("def f(a):\n    b = a\n    c = [b, 1]\n    SINK(c)\n", {"parameter:a"}),
        ("def f(a):\n    a = 'x'\n    SINK(a)\n", set()),
        ("def f(a, c):\n    if c:\n        a = 'x'\n    SINK(a)\n", {"parameter:a"}),
        ("def f(a):\n    SINK(a)\n    a = input()\n", {"parameter:a"}),
        ("def f():\n    x = ''\n    while True:\n        SINK(x)\n        x = input()\n", {"call:input"}),
        ("def f(a):\n    x = ''\n    for part in a:\n        x += part\n    SINK(x)\n", {"parameter:a"}),
        ("def f(a):\n    SINK([p for p in a])\n", {"parameter:a"}),
        ("def f(a):\n    SINK(','.join('?' for _ in a))\n", set()),
        ("def f(a):\n    x = str(a)\n    x = x.strip()\n    SINK(x)\n", {"parameter:a"}),
        ("def f(a):\n    with open(a) as s:\n        SINK(s.read())\n", {"parameter:a"}),
        ("def f(a):\n    if (n := a):\n        SINK(n)\n", {"parameter:a"}),
        ("def f(a):\n    x, y = 'k', a\n    SINK(x)\n", set()),
        ("def f(a):\n    x, y = 'k', a\n    SINK(y)\n", {"parameter:a"}),
        ("def f(a):\n    d = {}\n    d['k'] = a\n    SINK(d)\n", {"parameter:a"}),
        ("def f(a):\n    d = []\n    d.extend(a)\n    SINK(d)\n", {"parameter:a"}),
        ("K = 'x'\ndef f():\n    SINK(K)\n", set()),
        ("K = load()\ndef f():\n    SINK(K)\n", {"call:load"}),
        ("T = {'a': 'b'}\ndef f(a):\n    SINK(T[a])\n", set()),
        ("T = {'a': 'b'}\ndef f(a):\n    SINK(T.get(a, a))\n", {"parameter:a"}),
        ("def f(a, config):\n    SINK(config.get(a))\n", {"parameter:config"}),
        ("import requests\ndef f(a):\n    SINK(requests.get(a))\n", {"parameter:a"}),
        ("def f(a):\n    def g():\n        SINK(a)\n", {"parameter:a"}),
        ("def f(a):\n    b = a\n    def g():\n        SINK(b)\n", {"parameter:a"}),
        ("class C:\n    def f(self):\n        SINK(self.x)\n", {"name:self.x"}),
        ("from m import n\nSINK(n.o)\n", {"name:m.n.o"}),
        ("def f(a):\n    SINK(a.b.c)\n", {"parameter:a.b.c"}),
        ("def f(a):\n    x = x + a\n    SINK(x)\n", {"parameter:a", "name:x"}),
        ("def f(*args, k=1, **kw):\n    SINK((args, k, kw))\n", {"parameter:args", "parameter:k", "parameter:kw"}),
        ("def f(a: str = 'x'):\n    SINK(a)\n", {"parameter:a"}),
        ("def f(a):\n    SINK('x' if a else 'y')\n", set()),
        ("def f(a):\n    SINK(a == 'x')\n", set()),
    ],
)
def test_origins(source, expected):
    assert origins(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    b = c\n    c = b\n    SINK(b)\n",
        "def f(a):\n" + "".join(f"    x{n + 1} = x{n} + x{n}\n" for n in range(40)) + "    SINK(x40)\n",
        "def f(a):\n    SINK(" + "(" * 300 + "a" + ")" * 300 + ")\n",
        "def f(a):\n    SINK(a" + ".b" * 500 + ")\n",
    ],
)
def test_knots_and_depth_end(source):
    assert origins(source) is not None
