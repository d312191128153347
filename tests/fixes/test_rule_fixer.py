"""What is proposed, in several styles of writing each, and where nothing is."""

from __future__ import annotations

import ast

import pytest

from bluecode_lint.core.edits import Patch
from bluecode_lint.core.model import Applicability, Artifact, Confidence, Finding, Location, Region
from bluecode_lint.fixes import RuleFixer
from bluecode_lint.fixes.fixer import FAMILIES
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

SAFE, UNSAFE = Applicability.SAFE, Applicability.UNSAFE


def propose(rule, code):
    """Propose for the text between « and »."""
    before, rest = code.split("«")
    marked, _, after = rest.partition("»")
    text = before + marked + after

    def point(offset):
        return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1

    region = Region(*point(len(before)), *point(len(before) + len(marked)))
    finding = Finding(f"bluecode/{rule}", 0, Location("a.py", region), "m", Confidence.HIGH)
    fix = RuleFixer().propose(finding, Artifact("a.py", "python", text, "", parse_python(text)))
    if fix is None:
        return None, ""
    fixed = Patch(text, fix.edits).text
    ast.parse(fixed)
    return fix.applicability, fixed


def check(rule, code, applicability, expected):
    assert propose(rule, code) == (applicability, expected)


def test_every_rule_that_is_fixed_exists():
    rules = {rule.id for rule in load_rules(rules_root())}
    assert {f"bluecode/{slug}" for slug in FAMILIES} <= rules


# --- SQL -------------------------------------------------------------------------------------------------------------

LITE, PG = "import sqlite3\n", "import psycopg2\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("""«db.execute(f"SELECT a FROM t WHERE a = '{x}'")»""", """db.execute("SELECT a FROM t WHERE a = ?", (x,))"""),
        ("""«db.execute("SELECT a FROM t WHERE a = '%s'" % x)»""", """db.execute("SELECT a FROM t WHERE a = ?", (x,))"""),
        ("""«db.execute("SELECT a FROM t WHERE a = {}".format(x))»""", """db.execute("SELECT a FROM t WHERE a = ?", (x,))"""),
        ("""«db.execute("SELECT a FROM t WHERE a = '" + x + "'")»""", """db.execute("SELECT a FROM t WHERE a = ?", (x,))"""),
        ("""«db.execute("SELECT a FROM t WHERE a = " + str(x))»""", """db.execute("SELECT a FROM t WHERE a = ?", (x,))"""),
        (
            """«db.execute("SELECT a FROM t WHERE a = {n} AND b = '{m}'".format(n=x, m=y.z))»""",
            """db.execute("SELECT a FROM t WHERE a = ? AND b = ?", (x, y.z))""",
        ),
        (
            """«db.execute("SELECT a FROM t WHERE a = %(n)s" % {"n": x})»""",
            """db.execute("SELECT a FROM t WHERE a = ?", (x,))""",
        ),
        (
            """«db.execute(f"INSERT INTO t (a, b) VALUES ('{x}', {y})")»""",
            """db.execute("INSERT INTO t (a, b) VALUES (?, ?)", (x, y))""",
        ),
        (
            """«db.execute(f"SELECT a FROM t WHERE a LIKE '%{x}%'")»""",
            """db.execute("SELECT a FROM t WHERE a LIKE ?", (f"%{x}%",))""",
        ),
        (
            """«db.execute("SELECT a FROM t WHERE a LIKE '%%%s%%' LIMIT %d" % (x, y))»""",
            """db.execute("SELECT a FROM t WHERE a LIKE ? LIMIT ?", (f"%{x}%", y))""",
        ),
        (
            """«db.execute("SELECT a FROM t WHERE a LIKE '%" + x["é"] + "%'")»""",
            """db.execute("SELECT a FROM t WHERE a LIKE ?", ("%" + x["é"] + "%",))""",
        ),
        (
            "«db.execute(\n    f\"SELECT a \"\n    f\"FROM t WHERE a = '{x}' \"\n    \"ORDER BY b\",\n)»",
            """db.execute(\n    "SELECT a "\n    "FROM t WHERE a = ? "\n    "ORDER BY b",\n    (x,),\n)""",
        ),
        (
            "def f(db, x):\n    query = f\"DELETE FROM t WHERE é = '{x}'\"\n    «db.execute(query)»",
            'def f(db, x):\n    query = "DELETE FROM t WHERE é = ?"\n    db.execute(query, (x,))',
        ),
    ],
)  # fmt: skip
def test_values_become_parameters(code, expected):
    check("sql-injection", LITE + code, SAFE, LITE + expected)


def test_the_mark_is_the_drivers():
    code = """«cursor.execute("SELECT a FROM t WHERE a LIKE '%%%s%%' AND b LIKE '%%' AND c = %s" % (x, y))»"""
    expected = """cursor.execute("SELECT a FROM t WHERE a LIKE %s AND b LIKE '%%' AND c = %s", (f"%{x}%", y))"""
    check("sql-injection", PG + code, SAFE, PG + expected)
    check("sql-injection", LITE + code, None, "")


@pytest.mark.parametrize(
    "code",
    [
        """«db.execute(f"SELECT a FROM {x}")»""",
        """«db.execute(f"SELECT {x} FROM t")»""",
        """«db.execute(f"SELECT a FROM t ORDER BY {x}")»""",
        """«db.execute(f"SELECT a FROM t WHERE {x} = 1")»""",
        """«db.execute(f"SELECT a FROM t WHERE a IN ({x})")»""",
        """«db.execute(f"SELECT a FROM t WHERE a = {x}b")»""",
        """«db.execute(f"SELECT a FROM t WHERE a = 1 AND {x}")»""",
        """«db.execute(f"SELECT a FROM t WHERE a = '{x}''{y}'")»""",
        """«db.execute(f'SELECT a FROM t WHERE a = "{x}"')»""",
        """«db.execute(f"SELECT a FROM t WHERE a = {x!r}")»""",
        """«db.execute(f"SELECT a FROM t WHERE b = '?' AND a = {x}")»""",
        """«db.execute(f"SELECT a FROM t WHERE a = {x}", {})»""",
        """«db.execute("SELECT a FROM t WHERE a = %s" % x, *more)»""",
        """«db.execute(f"PRAGMA user_version = {x}")»""",
        """«db.executescript(f"DELETE FROM t WHERE a = '{x}'")»""",
        """def f(db, x):\n    q = f"DELETE FROM t WHERE a = {x}"\n    x = 3\n    «db.execute(q)»""",
        """def f(db, x):\n    q = f"DELETE FROM t WHERE a = {x}"\n    print(q)\n    «db.execute(q)»""",
        """def f(db, x):\n    q = "DELETE FROM t"\n    q += f" WHERE a = {x}"\n    «db.execute(q)»""",
        """«db.execute(f"SELECT a FROM t WHERE a = '{x}'\n""",
    ],
)
def test_what_is_no_plain_value_stays(code):
    check("sql-injection", LITE + code, None, "")


@pytest.mark.parametrize("imports", ["", "import sqlite3, psycopg2\n", "import sqlalchemy\n"])
def test_without_one_known_driver_nothing_is_proposed(imports):
    check("sql-injection", imports + """«db.execute(f"SELECT a FROM t WHERE a = '{x}'")»""", None, "")


# --- shell -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "applicability", "expected"),
    [
        ("import subprocess\n«subprocess.run('git log --format=%H', shell=True)»", SAFE,
         'import subprocess\nsubprocess.run(["git", "log", "--format=%H"])'),
        ("import subprocess as sp\n«sp.call(shell=True, args='ls')»", None, ""),
        ("import subprocess as sp\n«sp.check_call(\"ls 'a b'\", shell=True, cwd=x)»", SAFE,
         'import subprocess as sp\nsp.check_call(["ls", "a b"], cwd=x)'),
        ("from subprocess import Popen\n«Popen(f\"tar xf '{a}' -C /tmp/{b}\", stdout=1, shell=True)»", UNSAFE,
         'from subprocess import Popen\nPopen(["tar", "xf", str(a), "-C", f"/tmp/{b}"], stdout=1)'),
        ("import subprocess, shlex\n«subprocess.check_output('ls ' + shlex.quote(d), shell=True)»", UNSAFE,
         'import subprocess, shlex\nsubprocess.check_output(["ls", d])'),
        ("import subprocess\ndef f(d):\n    c = 'ls %s' % d\n    «subprocess.run(c, shell=True)»", UNSAFE,
         'import subprocess\ndef f(d):\n    c = ["ls", str(d)]\n    subprocess.run(c)'),
        ('"""D."""\nfrom os import system\n\n«system("ls {}".format(d))»', UNSAFE,
         '"""D."""\nimport subprocess\nfrom os import system\n\nsubprocess.run(["ls", str(d)], check=False)'),
    ],
)  # fmt: skip
def test_commands_become_lists(code, applicability, expected):
    check("os-command-injection", code, applicability, expected)


@pytest.mark.parametrize(
    "call",
    [
        "subprocess.run('ls | wc', shell=True)",
        "subprocess.run('A=1 ls', shell=True)",
        "subprocess.run('ls *', shell=True)",
        "subprocess.run('ls $HOME', shell=True)",
        "subprocess.run('ls \"', shell=True)",
        "subprocess.run(f'{x} -l', shell=True)",
        "subprocess.run(f'ls {x} > out', shell=True)",
        "subprocess.run(x, shell=True)",
        "subprocess.run('ls', shell=x)",
        "subprocess.run('ls', **{'shell': True})",
        "subprocess.run('ls', shell=True, executable='/bin/bash')",
        "print(os.system('ls ' + x))",
    ],
)
def test_what_needs_a_shell_keeps_it(call):
    check("os-command-injection", f"import os, subprocess\n«{call}»", None, "")


# --- other functions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "code", "applicability", "expected"),
    [
        ("unsafe-deserialization", "import yaml\n«yaml.load(f, Loader=yaml.Loader)»", SAFE, "import yaml\nyaml.safe_load(f)"),
        ("unsafe-deserialization", "import yaml as y\n«y.load(f, y.FullLoader)»", SAFE, "import yaml as y\ny.safe_load(f)"),
        ("unsafe-deserialization", "from yaml import load, Loader\n«load(f, Loader)»", SAFE,
         "import yaml\nfrom yaml import load, Loader\nyaml.safe_load(f)"),
        ("unsafe-deserialization", "from yaml import load, safe_load\n«load(f)»", SAFE,
         "from yaml import load, safe_load\nsafe_load(f)"),
        ("unsafe-deserialization", "import yaml\n«yaml.load_all(Loader=yaml.UnsafeLoader, stream=f)»", SAFE,
         "import yaml\nyaml.safe_load_all(stream=f)"),
        ("unsafe-deserialization", "import yaml\n«yaml.load(f, Loader=MyLoader)»", None, ""),
        ("unsafe-deserialization", "import yaml\ndef g(yaml):\n  «yaml.load(f)»", None, ""),
        ("unsafe-deserialization", "import pickle\n«pickle.loads(f)»", None, ""),
        ("unsafe-deserialization", "import torch\n«torch.load(f, weights_only=False)»", UNSAFE,
         "import torch\ntorch.load(f, weights_only=True)"),
        ("weak-hash", "import hashlib\n«hashlib.md5(b)».hexdigest()", UNSAFE, "import hashlib\nhashlib.sha256(b).hexdigest()"),
        ("weak-hash", "from hashlib import sha1\n«sha1(b)»", UNSAFE,
         "import hashlib\nfrom hashlib import sha1\nhashlib.sha256(b)"),
        ("weak-hash", "import hashlib\n«hashlib.new('MD5', b)»", UNSAFE, 'import hashlib\nhashlib.new("sha256", b)'),
        ("weak-hash", "import hashlib\ndef make_cache_key(b):\n    return «hashlib.md5(b)».digest()", SAFE,
         "import hashlib\ndef make_cache_key(b):\n    return hashlib.md5(b, usedforsecurity=False).digest()"),
        ("weak-hash", "import hashlib\nclass MD5Hasher:\n    def encode(self, b):\n        return «hashlib.md5(b)»", None, ""),
        ("weak-hash", "from Crypto.Hash import MD5\n«MD5.new(b)»", None, ""),
        ("predictable-token", "import os\nimport random\n\nimport requests\n\nt = «random.choice(s)»", SAFE,
         "import os\nimport random\nimport secrets\n\nimport requests\n\nt = secrets.choice(s)"),
        ("predictable-token", '#!/bin/python\n"""D."""\n\nfrom __future__ import annotations\n\nfrom random import choices\n\nt = «choices(s, k=3)»', SAFE,
         '#!/bin/python\n"""D."""\n\nfrom __future__ import annotations\n\nimport secrets\nfrom random import choices\n\nt = secrets.SystemRandom().choices(s, k=3)'),
        ("predictable-token", "import random\r\nt = «random.getrandbits(8)»\r\n", SAFE,
         "import random\r\nimport secrets\r\nt = secrets.randbits(8)\r\n"),
        ("predictable-token", "import random\nrandom.seed(1)\nt = «random.choice(s)»", UNSAFE,
         "import random\nimport secrets\nrandom.seed(1)\nt = secrets.choice(s)"),
        ("predictable-token", "import random\nsecrets = []\nt = «random.choice(s)»", None, ""),
        ("entity-expansion", "import xml.etree.ElementTree as ET\n«ET.fromstring(s)»", UNSAFE,
         "import xml.etree.ElementTree as ET\n\nimport defusedxml.ElementTree\ndefusedxml.ElementTree.fromstring(s)"),
        ("external-entities-enabled", "from xml.dom import minidom\nfrom defusedxml import minidom as safe\n«minidom.parseString(s)»", UNSAFE,
         "from xml.dom import minidom\nfrom defusedxml import minidom as safe\nsafe.parseString(s)"),
        ("entity-expansion", "from lxml import etree\n«etree.fromstring(s)»", None, ""),
        ("insecure-temp-file", "import tempfile\ndef f():\n    n = «tempfile.mktemp('.x')»\n    return n", UNSAFE,
         "import os\nimport tempfile\ndef f():\n    n_descriptor, n = tempfile.mkstemp('.x')\n    os.close(n_descriptor)\n    return n"),
        ("insecure-temp-file", "import os\nfrom tempfile import mktemp\nn = «mktemp()»\n", UNSAFE,
         "import os\nimport tempfile\nfrom tempfile import mktemp\nn_descriptor, n = tempfile.mkstemp()\nos.close(n_descriptor)\n"),
        ("insecure-temp-file", "import tempfile\nopen(«tempfile.mktemp()»)", None, ""),
        ("insecure-temp-file", "import tempfile\nn = «tempfile.mktemp()»; print(n)", None, ""),
        ("disabled-certificate-validation", "import ssl\n«ssl._create_unverified_context()»", UNSAFE,
         "import ssl\nssl.create_default_context()"),
    ],
)  # fmt: skip
def test_another_function_takes_the_place(rule, code, applicability, expected):
    check(rule, code, applicability, expected)


@pytest.mark.parametrize(
    ("rule", "code", "expected"),
    [
        ("disabled-certificate-validation", "«requests.get(u, verify=False, timeout=3)»", "requests.get(u, timeout=3)"),
        ("disabled-certificate-validation", "«session.post(verify=False, url=u)»", "session.post(url=u)"),
        ("disabled-certificate-validation", "«requests.get(\n    u,\n    verify=False,\n)»", "requests.get(\n    u,\n)"),
        ("missing-timeout", "«requests.get(u)»", "requests.get(u, timeout=10)"),
        ("missing-timeout", "«requests.get(u, timeout=None)»", "requests.get(u, timeout=10)"),
        ("missing-timeout", "«requests.get(\n    u,\n)»", "requests.get(\n    u,\n    timeout=10,\n)"),
        ("xml-external-entity", "p = «etree.XMLParser(resolve_entities=True)»", "p = etree.XMLParser(resolve_entities=False)"),
        ("template-autoescape-disabled", "«jinja2.Environment(loader=x)»", "jinja2.Environment(loader=x, autoescape=True)"),
        ("debug-mode", "«app.run(debug=True)»", "app.run()"),
        ("insecure-cookie", "«r.set_cookie('a', b)»", "r.set_cookie('a', b, secure=True)"),
        ("script-readable-cookie", "«r.set_cookie('a', b, httponly=False)»", "r.set_cookie('a', b, httponly=True)"),
        ("tar-extraction-without-filter", "«tar.extractall(d)»", 'tar.extractall(d, filter="data")'),
    ],
)  # fmt: skip
def test_keywords_change(rule, code, expected):
    check(rule, code, UNSAFE, expected)


@pytest.mark.parametrize("code", ["«requests.get(u, **options)»", "«requests.get(u, timeout=x)»", "«urlopen(u)»"])
def test_keywords_that_are_not_known_stay(code):
    check("missing-timeout", code, None, "")
