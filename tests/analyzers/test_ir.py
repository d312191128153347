"""Lowering: the shapes, the names, the positions, and that nothing a file contains makes it fail."""

import pytest

from bluecode_lint.analyzers.ir import (
    Assign,
    Call,
    Collection,
    Const,
    FString,
    If,
    Match,
    Module,
    Name,
    Operation,
    With,
    dotted,
    last_name,
    walk,
)
from bluecode_lint.analyzers.ir_lowering import lower, module_name
from bluecode_lint.core.model import Region
from bluecode_lint.sources.syntax import parse_python


def lowered(text: str, uri: str = "pkg/mod.py") -> Module:
    return lower(uri, parse_python(text))


def value_of(text: str):
    statement = lowered(f"x = {text}\n").body[0]
    assert isinstance(statement, Assign)
    return statement.value


def last_call_path(text: str) -> str:
    module = lowered(text)
    call = max(module.calls, key=lambda c: c.end)
    return module.path(call.function, call.scope)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("import os\nos.system(x)", "os.system"),
        ("from os import system as s\ns(x)", "os.system"),
        ("import os.path as p\np.join(x)", "os.path.join"),
        ("import a.b.c\na.b.c.d()", "a.b.c.d"),
        ("from . import util\nutil.f()", "pkg.util.f"),
        ("from .sib import g as h\nh()", "pkg.sib.g"),
        ("from ..far import g\ng()", "far.g"),
        ("run = os.system\nrun(x)", "os.system"),
        ("def f(q):\n    cur = sqlite3.connect(d).cursor()\n    cur.execute(q)", "sqlite3.connect().cursor().execute"),
        ("def f(q):\n    with db.connect() as c:\n        c.run(q)", "db.connect().run"),
        ("def f(c: 'Cursor | None'):\n    c.run()", ""),
        ("def f(c: Cursor | None):\n    c.run()", "Cursor().run"),
        ("from typing import Optional\ndef f(c: Optional[Cursor] = None):\n    c.run()", "Cursor().run"),
        ("def f(c):\n    c.run()", ""),
        ("def helper(): pass\nhelper()", "pkg.mod.helper"),
        ("try:\n    import yaml\nexcept ImportError:\n    yaml = None\nyaml.load(x)", "yaml.load"),
        ("x = a\nx = b\nx.c()", ""),
        ("class A:\n    def __init__(self):\n        self.c = f()\n    def g(self):\n        self.c.run(q)", "f().run"),
        ("x = x.y\nx.z()", ""),
        ("exec code in ns", "exec"),
        ("async def f():\n    (await connect()).run()", "connect().run"),
    ],
)
def test_names_resolve_through_imports_aliases_and_types(text, path):
    assert last_call_path(text) == path


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("'a' 'b'", "ab"),
        (r"'a\n\x41\d'", "a\nA\\d"),
        (r"r'\n'", "\\n"),
        ("b'a' b'b'", b"ab"),
        ("'''it's \"q\"'''", 'it\'s "q"'),
        ("'é\\t'", "é\t"),
        ("f'plain'", "plain"),
        ("0x1F", 31),
        ("0777", 511),
        ("10L", 10),
        ("1_000", 1000),
        ("-2.5", -2.5),
        ("True", True),
    ],
)
def test_literals_become_their_values(literal, value):
    node = value_of(literal)
    assert isinstance(node, Const)
    assert node.value == value
    assert type(node.value) is type(value)


def test_a_formatted_string_keeps_its_texts_and_values():
    node = value_of("f'a{b!r:>3}c{{' 'd'")
    assert isinstance(node, FString)
    texts = [p.value for p in node.parts if isinstance(p, Const)]
    assert texts == ["a", "c{", "d"]
    assert node.parts[1].conversion == "r"
    assert node.parts[1].spec == ">3"


def test_chains_are_flat():
    node = value_of("a + b + c - d")
    assert isinstance(node, Operation)
    assert node.op == "-"
    first = node.operands[0]
    assert isinstance(first, Operation)
    assert [o.id for o in first.operands if isinstance(o, Name)] == ["a", "b", "c"]
    statement = lowered("if a:\n    pass\nelif b:\n    pass\nelse:\n    x()\n").body[0]
    assert isinstance(statement, If)
    assert len(statement.branches) == 2
    assert len(statement.orelse) == 1


@pytest.mark.parametrize("text", ["a not in b", "a is not b", "a < b is not c not in d"])
def test_two_word_operators_are_one(text):
    assert all(op in ("not in", "is not", "<") for op in value_of(text).ops)


def test_a_match_tells_literal_cases_from_open_ones():
    module = lowered("match x:\n    case 'a' | 'b': pass\n    case str(y) if y: pass\n    case _: pass\n")
    match = module.body[0]
    assert isinstance(match, Match)
    assert [None if c.literals is None else len(c.literals) for c in match.cases] == [2, None, None]
    assert "y" in match.cases[1].captures


def test_a_parenthesized_with_binds_its_targets():
    statement = lowered("with (open(a) as f, open(b) as g):\n    pass\n").body[0]
    assert isinstance(statement, With)
    assert [t.id for _, t in statement.items if isinstance(t, Name)] == ["f", "g"]


def test_functions_know_their_class_calls_and_shape():
    module = lowered("class A:\n    @d(1)\n    async def f(self, a, *b, c: int = 1, **e):\n        yield g(a)\n")
    function = module.functions[0]
    assert function.owner is module.classes[0]
    assert function.qualname == "A.f"
    assert [(p.name, p.kind) for p in function.params] == [("self", ""), ("a", ""), ("b", "*"), ("c", ""), ("e", "**")]
    assert function.is_async
    assert function.is_generator
    assert function.called == {"g"}
    assert last_name(function.decorators[0].function) == "d"


def test_columns_count_code_points():
    module = lowered("é = 'ü'; f(é)\n")
    assert module.region(module.calls[0]) == Region(1, 10, 1, 14)
    assert module.text(module.calls[0]) == "f(é)"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_count_whatever_ends_them(end):
    module = lowered(f"a = 1{end}{end}f(x){end}")
    assert module.region(module.calls[0]) == Region(3, 1, 3, 5)


def test_the_end_of_the_file_is_on_its_last_line():
    module = lowered("f(x)")
    assert module.region(module.calls[0]) == Region(1, 1, 1, 5)


def test_a_syntax_error_does_not_lose_what_follows():
    module = lowered("def f(:\n    pass\n\nimport os\n\ndef g(x):\n    os.system(x)\n")
    assert module.errors
    assert "os.system" in {module.path(c.function, c.scope) for c in module.calls}


@pytest.mark.parametrize(
    "text",
    [
        "print 'a', b\nexec c\nraise E, 'm'\nprint >>f, `x`\ntry:\n    pass\nexcept E, e:\n    pass\n",
        "match x:\n    case {'a': [1, *_], **r}: pass\ntype X[T] = list[T]\ndef f[T](x: T) -> T: ...\n",
        "try:\n    pass\nexcept A, B:\n    pass\nx = t'{a}'\n",
        "\x00\x01",
        "",
        "    def indented(self):\n        return f(self)\n",
    ],
)
def test_any_version_of_the_language_is_lowered(text):
    assert lowered(text).cut == []


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "f(x)" + ")" * 10_000,
        "a" + " + b" * 20_000,
        "if x:\n    pass\n" + "elif y:\n    pass\n" * 3_000,
        "a = " * 2_000 + "1",
    ],
    ids=["parentheses", "sum", "elif", "assignments"],
)
def test_long_chains_cost_no_depth(text):
    assert lowered(text).cut == []


@pytest.mark.parametrize(
    "text",
    [
        "f(" * 2_000 + ")" * 2_000,
        "lambda: " * 3_000 + "1",
        "a" + ".b()" * 3_000,
        "not " * 4_000 + "x",
        "".join(" " * i + "if a:\n" for i in range(400)),
        "[" * 3_000 + "]" * 3_000,
    ],
    ids=["calls", "lambdas", "methods", "nots", "blocks", "lists"],
)
def test_deep_nesting_is_cut_and_said(text):
    assert lowered(text + "\n").cut


def test_walk_visits_everything_once():
    node = value_of("f(a, *b, k=[c for d in e if g], **{h: i})")
    names = sorted(e.id for e in walk(node) if isinstance(e, Name))
    assert names == ["a", "b", "c", "d", "e", "f", "g", "h", "i"]


def test_dotted_reads_chains_as_written():
    node = value_of("self.conn.cursor()[0].execute(q)")
    assert isinstance(node, Call)
    assert dotted(node.function) == "self.conn.cursor()[].execute"
    assert dotted(value_of("','.join(x)").function) == ".join"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 3\nx = a * 2 + 1", 7),
        ("a = 'p' + 'q'\nx = a + 'r'", "pqr"),
        ("a = 1\na = 2\nx = a", None),
        ("x = 'a' * 10**9", None),
        ("x = 1 // 0", None),
    ],
)
def test_constants_fold_as_far_as_they_are_sure_and_small(text, value):
    module = lowered(text)
    folded = module.constant(module.assignments[-1].value, module.scope)
    assert (folded.value if folded else None) == value


@pytest.mark.parametrize(
    ("uri", "name"),
    [("src/pkg/mod.py", "pkg.mod"), ("pkg/__init__.py", "pkg"), ("./a.py", "a"), ("a/b.pyi", "a.b")],
)
def test_a_file_is_named_as_it_is_imported(uri, name):
    assert module_name(uri) == name


def test_tuples_bind_item_by_item():
    module = lowered("a, b = os.system, 1\na(x)\n")
    assert module.path(module.calls[0].function, module.scope) == "os.system"
    assert isinstance(module.assignments[0].targets[0], Collection)
