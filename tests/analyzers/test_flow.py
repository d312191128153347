"""How values move and what stops them: one construct of the language, or one check, at a time."""

from __future__ import annotations

import hashlib

import pytest

from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.core.model import Artifact, Clearance, Confidence, Finding, Notification
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}


def artifact(text: str, uri: str = "app/mod.py") -> Artifact:
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


@pytest.fixture(scope="module")
def analyzer() -> FlowAnalyzer:
    return FlowAnalyzer(ROOT, RULES)


def shell_findings(analyzer: FlowAnalyzer, *texts: str) -> list[Finding]:
    files = [artifact(text, f"app/mod{n}.py") for n, text in enumerate(texts)]
    found = list(analyzer.analyze(files))
    assert not [f for f in found if isinstance(f, Notification)]
    return [
        f
        for f in found
        if isinstance(f, Finding) and f.confidence > Confidence.LOW and f.rule_id.endswith("os-command-injection")
    ]


def findings(analyzer: FlowAnalyzer, text: str, least: Confidence = Confidence.LOW) -> list[Finding]:
    return [f for f in analyzer.analyze([artifact(text)]) if isinstance(f, Finding) and f.confidence >= least]


def in_handler(body: str) -> str:
    lines = "\n".join("    " + line for line in body.splitlines())
    return f"import os\nimport re\nimport shlex\nfrom flask import request\n\n\ndef handler():\n    x = request.args['x']\n{lines}\n"


REACHING = {
    "concatenation": "os.system('ls ' + x)",
    "formatted string": "os.system(f'ls {x}')",
    "percent": "os.system('ls %s' % x)",
    "percent tuple": "os.system('%s %s' % ('ls', x))",
    "percent mapping": "os.system('ls %(d)s' % {'d': x})",
    "locals": "os.system('ls %(x)s' % locals())",
    "format": "os.system('ls {}'.format(x))",
    "format by name": "os.system('{cmd} {arg}'.format(cmd='ls', arg=x))",
    "format spread": "os.system('ls {d}'.format(**{'d': x}))",
    "join": "os.system(' '.join(['ls', x]))",
    "join of a comprehension": "os.system(' '.join(y.strip() for y in x.split(',')))",
    "augmented assignment": "cmd = 'ls '\ncmd += x\nos.system(cmd)",
    "list position": "a = ['ok', x]\nos.system('ls ' + a[1])",
    "last list position": "a = ['ok', x]\nos.system('ls ' + a[-1])",
    "appended": "a = []\na.append('ok')\na.append(x)\na.pop(0)\nos.system('ls ' + a[0])",
    "dictionary key": "d = {'a': 'ok', 'b': x}\nos.system('ls ' + d['b'])",
    "key set later": "d = {}\nd['a'] = 'ok'\nd['b'] = x\nos.system('ls ' + d.get('b'))",
    "unpacking": "a, b = 'ok', x\nos.system('ls ' + b)",
    "starred unpacking": "a, *rest = ['ok', x]\nos.system('ls ' + rest[0])",
    "swapping": "a, b = x, 'ok'\na, b = b, a\nos.system('ls ' + b)",
    "conditional": "y = x if len(x) > 3 else 'ok'\nos.system('ls ' + y)",
    "or default": "y = x or 'ok'\nos.system('ls ' + y)",
    "walrus": "if (y := x.strip()):\n    os.system('ls ' + y)",
    "certain branch": "n = 106\ny = 'ok'\nif 7 * 18 + n > 200:\n    y = x\nos.system('ls ' + y)",
    "one of two branches": "if len(x) > 3:\n    y = 'ok'\nelse:\n    y = x\nos.system('ls ' + y)",
    "loop": "cmd = 'ls'\nfor part in x.split():\n    cmd = cmd + ' ' + part\nos.system(cmd)",
    "second round of a loop": "a = 'ok'\nfor _ in range(3):\n    os.system('ls ' + a)\n    a = x",
    "while": "n = 0\ny = ''\nwhile n < 3:\n    y = y + x\n    n += 1\nos.system('ls ' + y)",
    "with": "with open('f') as f:\n    os.system('ls ' + x)",
    "try": "try:\n    y = x\nexcept ValueError:\n    y = 'ok'\nos.system('ls ' + y)",
    "match": "match len(x):\n    case 1:\n        y = 'ok'\n    case _:\n        y = x\nos.system('ls ' + y)",
    "certain match": "match 'ABC'[1]:\n    case 'A':\n        y = 'ok'\n    case 'B':\n        y = x\nos.system('ls ' + y)",
    "lambda": "f = lambda v: 'ls ' + v\nos.system(f(x))",
    "closure": "def inner():\n    os.system('ls ' + x)\ninner()",
    "nested function": "def inner(v):\n    return 'ls ' + v\nos.system(inner(x))",
    "partial": "import functools\nf = functools.partial(os.system, 'ls')\ndef g(a, b):\n    os.system(a + b)\nfunctools.partial(g, 'ls ')(x)",
    "map": "def f(v):\n    os.system('ls ' + v)\nlist(map(f, [x]))",
    "thread": "import threading\ndef f(v):\n    os.system('ls ' + v)\nthreading.Thread(target=f, args=(x,)).start()",
    "getattr": "getattr(os, 'system')('ls ' + x)",
    "alias": "run = os.system\nrun('ls ' + x)",
    "import inside": "from os import popen as p\np('ls ' + x)",
    "slice": "os.system('ls ' + x[2:-1])",
    "list for a shell": "import subprocess\nsubprocess.run(['sh', '-c', 'ls ' + x])",
    "shell flag": "import subprocess\nsubprocess.run('ls ' + x, shell=True)",
    "chosen program": "import subprocess\nsubprocess.run([x, '-l'])",
    "default argument": "def f(a, b='ls '):\n    os.system(b + a)\nf(x)",
    "keyword argument": "def f(*, a):\n    os.system('ls ' + a)\nf(a=x)",
    "rest arguments": "def f(*args):\n    os.system('ls ' + args[0])\nf(x)",
    "rest keywords": "def f(**kw):\n    os.system('ls ' + kw['a'])\nf(a=x)",
    "spread arguments": "def f(a, b):\n    os.system(a + b)\nf(*['ls ', x])",
    "generator": "def f():\n    yield x\nfor y in f():\n    os.system('ls ' + y)",
    "escaped for another context": "from html import escape\nos.system('ls ' + escape(x))",
    "prefix checked only": "if x.startswith('a'):\n    os.system('ls ' + x)",
    "a check of something else": "y = request.args['y']\nif y in ('a', 'b'):\n    os.system('ls ' + x)",
    "a check too late": "os.system('ls ' + x)\nif x not in ('a', 'b'):\n    return",
    "a check that changes nothing": "if x not in ('a', 'b'):\n    print('odd')\nos.system('ls ' + x)",
    "pattern without an end": "if re.match(r'[a-z]+', x):\n    os.system('ls ' + x)",
    "pattern that lets everything through": "if re.fullmatch(r'.*', x):\n    os.system('ls ' + x)",
    "a black list of some": "if ';' in x:\n    return\nos.system('ls ' + x)",
    "written to the instance": "self.y = x\nos.system('ls ' + self.y)",
    "global text": "os.system(TEMPLATE % x)",
    "config parser": "import configparser\nc = configparser.ConfigParser()\nc.add_section('s')\nc.set('s', 'a', 'ok')\nc.set('s', 'b', x)\nos.system('ls ' + c.get('s', 'b'))",
    "base64 and back": "import base64\ny = base64.b64decode(base64.b64encode(x.encode())).decode()\nos.system('ls ' + y)",
    "quoted before it was decoded": "from urllib.parse import unquote\nos.system('ls ' + unquote(shlex.quote(x)))",
    "a method that gives back its object": "class Box:\n    def put(self, v):\n        self.v = v\n        return self\n    def get(self):\n        return self.v\nos.system('ls ' + Box().put(x).get())",
}  # fmt: skip

STOPPED = {
    "constant": "os.system('ls')",
    "constant branch": "y = 'ok'\nif 7 * 18 + 106 < 200:\n    y = x\nos.system('ls ' + y)",
    "constant conditional": "n = 86\ny = 'ok' if 7 * 42 - n > 200 else x\nos.system('ls ' + y)",
    "constant match": "match 'ABC'[1]:\n    case 'A':\n        y = x\n    case 'B':\n        y = 'ok'\n    case _:\n        y = x\nos.system('ls ' + y)",
    "other list position": "a = ['ok', x]\nos.system('ls ' + a[0])",
    "popped": "a = []\na.append('ok')\na.append(x)\na.append('end')\na.pop(0)\nos.system('ls ' + a[1])",
    "other key": "d = {'a': 'ok', 'b': x}\ny = d['b']\ny = d['a']\nos.system('ls ' + y)",
    "overwritten": "y = x\ny = 'ok'\nos.system('ls ' + y)",
    "looked up": "d = {'a': 'ls', 'b': 'ps'}\nos.system(d[x])",
    "looked up with default": "d = {'a': 'ls', 'b': 'ps'}\nos.system(d.get(x, 'ls'))",
    "number": "os.system('kill %d' % int(x))",
    "number field": "os.system('kill %d' % x)",
    "number format": "os.system(f'kill {x:d}')",
    "number checked": "try:\n    int(x)\nexcept ValueError:\n    return\nos.system('kill ' + x)",
    "uuid": "import uuid\nos.system(f'ls {uuid.UUID(x)}')",
    "isinstance": "if isinstance(x, int):\n    os.system('kill %s' % x)",
    "quoted": "os.system('ls ' + shlex.quote(x))",
    "quoted each": "os.system(' '.join(shlex.quote(y) for y in x.split()))",
    "quoted by map": "os.system('ls ' + ' '.join(map(shlex.quote, x.split())))",
    "argument list": "import subprocess\nsubprocess.run(['ls', '--', x])",
    "allow list": "if x not in ('a', 'b'):\n    return\nos.system('ls ' + x)",
    "allow list inside": "if x in ('a', 'b'):\n    os.system('ls ' + x)",
    "allow list in a name": "ok = x in ('a', 'b')\nif ok:\n    os.system('ls ' + x)",
    "allow list or default": "y = x if x in ('a', 'b') else 'a'\nos.system('ls ' + y)",
    "allow list by loop": "y = 'a'\nfor known in ('a', 'b'):\n    if x == known:\n        y = known\nos.system('ls ' + y)",
    "filtered": "for y in [z for z in x.split() if z in ('a', 'b')]:\n    os.system('ls ' + y)",
    "equality": "if x == 'a':\n    os.system('ls ' + x)",
    "raised": "if x not in {'a', 'b'}:\n    raise ValueError(x)\nos.system('ls ' + x)",
    "asserted": "assert x in ('a', 'b')\nos.system('ls ' + x)",
    "and": "if x and re.fullmatch(r'[a-z]+', x):\n    os.system('ls ' + x)",
    "or to leave": "if not x or not x.isalnum():\n    return\nos.system('ls ' + x)",
    "isalnum": "if x.isalnum():\n    os.system('ls ' + x)",
    "fullmatch": "if not re.fullmatch(r'[\\w.-]+', x):\n    return\nos.system('ls ' + x)",
    "match to the end": "if not re.match(r'^[a-z0-9]+$', x):\n    return\nos.system('ls ' + x)",
    "compiled": "p = re.compile(r'^[a-z]+\\Z')\nif p.match(x) is None:\n    return\nos.system('ls ' + x)",
    "match in a name": "m = re.match(r'^[a-z]+$', x)\nif not m:\n    return\nos.system('ls ' + x)",
    "no bad character": "if re.search(r'[^a-z]', x):\n    return\nos.system('ls ' + x)",
    "every character": "if not all(c in 'abcdef' for c in x):\n    return\nos.system('ls ' + x)",
    "every character alnum": "if all(c.isalnum() or c in '-_' for c in x):\n    os.system('ls ' + x)",
    "substituted": "y = re.sub(r'[^a-z0-9]', '', x)\nos.system('ls ' + y)",
    "checking function": "def ok(v):\n    return v in ('a', 'b')\nif not ok(x):\n    return\nos.system('ls ' + x)",
    "raising function": "def check(v):\n    if v not in ('a', 'b'):\n        raise ValueError(v)\ncheck(x)\nos.system('ls ' + x)",
    "cleaning function": "def clean(v):\n    return shlex.quote(v)\nos.system('ls ' + clean(x))",
    "match literals": "match x:\n    case 'a' | 'b':\n        os.system('ls ' + x)",
    "length of it": "os.system('ls %s' % len(x))",
    "dead code": "return 1\nos.system('ls ' + x)",
    "config parser": "import configparser\nc = configparser.ConfigParser()\nc.add_section('s')\nc.set('s', 'a', 'ok')\nc.set('s', 'b', x)\nos.system('ls ' + c.get('s', 'a'))",
    "closure over a checked value": "if x not in ('a',):\n    return\ndef inner():\n    os.system('ls ' + x)\ninner()",
}  # fmt: skip


@pytest.mark.parametrize("name", REACHING)
def test_hostile_data_is_followed(name, analyzer):
    text = "TEMPLATE = 'ls %s'\n" + in_handler(REACHING[name])
    assert shell_findings(analyzer, text)


@pytest.mark.parametrize("name", STOPPED)
def test_what_is_harmless_is_not_reported(name, analyzer):
    assert shell_findings(analyzer, in_handler(STOPPED[name])) == []


def test_a_member_check_before_unpacking_is_seen(analyzer):
    text = (
        "import os\n\n\ndef unpack(tar, path):\n    root = os.path.realpath(path)\n    for member in tar.getmembers():\n"
        "        target = os.path.realpath(os.path.join(root, member.name))\n"
        "        if not target.startswith(root + os.sep):\n            raise ValueError(member.name)\n"
        "    tar.extractall(path)\n"
    )
    found = findings(analyzer, text, Confidence.MEDIUM)
    assert found == []
    unchecked = text.replace("            raise ValueError(member.name)\n", "            print(member.name)\n")
    assert any(f.rule_id == "bluecode/archive-slip" for f in findings(analyzer, unchecked))


def test_a_path_checked_by_its_parents_stays_inside(analyzer):
    text = (
        "from pathlib import Path\nfrom flask import request\n\nROOT = Path('/srv').resolve()\n\n\ndef f():\n"
        "    path = (ROOT / request.args['f']).resolve()\n    if ROOT not in path.parents:\n        return None\n"
        "    return path.read_text()\n"
    )
    assert [f for f in findings(analyzer, text) if f.rule_id == "bluecode/path-traversal"] == []
    assert findings(analyzer, text.replace("not in", "in"), Confidence.HIGH)


@pytest.mark.parametrize(
    ("body", "reported"),
    [
        ("return eval(self.rule)", True),
        ("rule = self.rule\n        if isinstance(rule, str):\n            return eval(rule)", True),
        ("return eval(self.fixed)", False),
        ("return open(self.rule)", False),
    ],
)
def test_what_whoever_made_the_instance_chose_is_run(body, reported, analyzer):
    text = (
        "class Pool:\n    def __init__(self, rule='2 * jobs'):\n        self.rule = rule\n        self.fixed = '1'\n\n"
        f"    def start(self, jobs):\n        {body}\n"
    )
    assert bool(findings(analyzer, text, Confidence.MEDIUM)) is reported


@pytest.mark.parametrize(
    ("expression", "sureness"),
    [
        (r"re.search('q=(.+)', x).group(1)", Confidence.HIGH),
        (r"re.compile('q=(.+)').findall(x)[0]", Confidence.HIGH),
        (r"re.match(r'(\w+)=(.*)', x).group(1)", Confidence.MEDIUM),
        (r"re.match(r'(\w+)=(\d+)', x).group(1)", None),
        (r"re.findall(r'id: (\d+) .*', x)[0]", None),
    ],
)
def test_a_match_has_the_characters_its_pattern_lets_through(expression, sureness, analyzer):
    found = shell_findings(analyzer, in_handler(f"os.system('ls ' + {expression})"))
    assert max((f.confidence for f in found), default=None) == sureness


def test_the_arguments_of_a_views_address_are_the_clients(analyzer):
    text = (
        "from pathlib import Path\nfrom django.views.generic import TemplateView\n\n\nclass Page(TemplateView):\n"
        "    def get_context_data(self, **more):\n        return (Path('/srv') / self.kwargs['name']).read_text()\n"
    )
    assert any(f.rule_id == "bluecode/path-traversal" for f in findings(analyzer, text, Confidence.HIGH))
    assert findings(analyzer, text.replace("(TemplateView)", ""), Confidence.HIGH) == []


@pytest.mark.parametrize(
    ("made", "asked", "reported"),
    [
        ("requests.Session()", "client.get(url).text", True),
        ("connected()", "client.post(url).json()['x']", True),
        ("connected()", "http_client.get(url).text", True),
        ("flask.session", "client.get('theme')", False),
    ],
)
def test_what_a_session_is_answered_is_foreign(made, asked, reported, analyzer):
    text = f"import flask\nimport requests\n\n\ndef f(url):\n    client = {made}\n    exec({asked})\n"
    found = findings(analyzer, text, Confidence.MEDIUM)
    assert any("answer of another server" in f.message for f in found) is reported


BETWEEN_QUOTES = """
import sqlite3
from flask import request

def f():
    name = request.args["name"]
    if QUOTE in name:
        return
    sqlite3.connect("a").execute(STATEMENT)
"""


@pytest.mark.parametrize(
    ("quote", "statement", "reported"),
    [
        ('"\'"', "f\"SELECT a FROM t WHERE n = '{name}'\"", False),
        ("'\"'", "f\"SELECT a FROM t WHERE n = '{name}'\"", True),
        ('"\'"', 'f"SELECT a FROM t WHERE n = {name}"', True),
    ],
)
def test_a_text_without_its_closing_quote_stays_between_the_quotes(quote, statement, reported, analyzer):
    text = BETWEEN_QUOTES.replace("QUOTE", quote).replace("STATEMENT", statement)
    assert bool(findings(analyzer, text, Confidence.MEDIUM)) is reported


@pytest.mark.parametrize(
    ("template", "reported"),
    [
        ("<p>{{ n|safe }}</p>", True),
        ("{% autoescape false %}<p>{{ n }}</p>{% endautoescape %}", True),
        ("<p>{{ n }}</p>", False),
        ("<p>{{ n }} {{ other|safe }}</p>", False),
    ],
)
def test_what_a_template_prints_as_it_is(template, reported, analyzer):
    text = (
        "from flask import render_template_string, request\n\n\ndef f():\n"
        f"    return render_template_string({template!r}, n=request.args['n'], other='x')\n"
    )
    assert any(f.rule_id.endswith("cross-site-scripting") for f in findings(analyzer, text)) is reported


@pytest.mark.parametrize(
    ("body", "cleared"),
    [
        ("y = 'ok'\nos.system('ls ' + y)", True),
        ("y = 'ok' if 7 * 42 > 200 else x\nos.system('ls ' + y)", True),
        ("os.system('ls ' + x)", False),
        ("os.system('ls ' + elsewhere())", False),
        ("for y in ('ok', x):\n    os.system('ls ' + y)", False),
    ],
)
def test_a_sink_that_saw_only_the_programs_own_values_is_cleared(body, cleared, analyzer):
    found = [f for f in analyzer.analyze([artifact(in_handler(body))]) if isinstance(f, Clearance)]
    assert any(f.rule_id == "bluecode/os-command-injection" for f in found) is cleared
