from __future__ import annotations

import pytest

from bluecode_lint.knowledge.features import NODES_MAX, api_family, features_of, stems_of
from bluecode_lint.sources.syntax import parse_python


@pytest.mark.parametrize(
    ("identifier", "stems"),
    [
        ("userNames", ["user", "nam"]),
        ("HTTPServer", ["http", "serv"]),
        ("parse_XML2json", ["parse", "xml", "json"]),
        ("x", []),
        ("_0x1f", []),
        ("passwords", ["password"]),
    ],
)
def test_identifiers_are_split_and_stemmed(identifier, stems):
    assert list(stems_of(identifier)) == stems


@pytest.mark.parametrize(
    ("path", "family"),
    [
        ("subprocess.run", "process"),
        ("os.path.join", "file"),
        ("os.system", "process"),
        ("django.db.connection.cursor().execute", "sql"),
        ("django.http.HttpResponse", "web"),
        ("mymodule.run", ""),
        ("", ""),
    ],
)
def test_calls_belong_to_families_by_their_longest_known_prefix(path, family):
    assert api_family(path) == family


def features(text: str) -> set[str]:
    return set(features_of(parse_python(text)))


def test_calls_are_resolved_through_imports():
    assert "call:subprocess.run" in features("import subprocess as sp\nsp.run(a, shell=True)\n")
    assert "call:subprocess.run" in features("from subprocess import run\nrun(a)\n")


@pytest.mark.parametrize(
    ("text", "feature"),
    [
        ("f(a, shell=True)\n", "keyword:shell=True"),
        ("f(x + 'a')\n", "argument:f:0:built"),
        ("f(f'{x}')\n", "argument:f:0:fstring"),
        ("f('{}'.format(x))\n", "argument:f:0:built"),
        ("f([1])\n", "argument:f:0:list"),
        ("q = 'SELECT a FROM b'\n", "literal:sql"),
        ("q = 'https://a.example/'\n", "literal:url"),
        ("q = '<b>x</b>'\n", "literal:markup"),
        ("q = '{{ x }}'\n", "literal:template"),
        ("q = '../x'\n", "literal:traversal"),
        ("h['Content-Type'] = 'x'\n", "literal:header"),
        ("if a not in b:\n    raise X\n", "branch:raise_statement"),
        ("if a in b:\n    f()\n", "branch:on"),
        ("a is b\n", "compare:is"),
        ("try:\n    f()\nexcept:\n    pass\n", "except:bare"),
        ("try:\n    f()\nexcept OSError:\n    pass\n", "except:OSError"),
        ("@app.route('/')\ndef f(): pass\n", "decorator:route"),
        ("user_token = make()\n", "concept:credential"),
        ("for x in y: pass\n", "flow:for_statement"),
        ("request.args['a']\n", "index:request.args"),
        ("os.chmod(p, 0o777)\n", "constant:0o777"),
    ],
)
def test_shapes_become_features(text, feature):
    assert feature in features(text)


def test_comments_and_local_names_of_one_letter_do_not():
    assert features("# password token secret\nx = 1\n") == features("y = 1  # nothing\n")


def test_a_very_long_text_is_described_by_its_beginning():
    counts = features_of(parse_python("f(1)\n" * 100_000))
    assert 0 < counts["method:f"] <= NODES_MAX
