from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from bluecode_lint.core.model import (
    Artifact,
    Case,
    Condition,
    Confidence,
    Confirmation,
    Constitution,
    Finding,
    Judgment,
    Level,
    Location,
    Outcome,
    Region,
    Retrieved,
    Rule,
    RuleKind,
)
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.retriever import open_retriever
from bluecode_lint.reasoners import offline as offline_module
from bluecode_lint.reasoners.offline import OfflineReasoner
from bluecode_lint.sources.syntax import parse_python


@pytest.fixture(scope="module")
def retriever(tmp_path_factory):
    return open_retriever(rules_root(), parse_python, cache=tmp_path_factory.mktemp("cache"))


def case_of(text: str, cwe: int, *, kind=RuleKind.FLOW, confidence=Confidence.HIGH, flow=False) -> Case:
    """Make a case about the call whose line ends in ``# here``; the location is the call, as analyzers report it."""
    lines = text.split("\n")
    row = next(at for at, line in enumerate(lines) if line.endswith("# here"))
    code = lines[row].removesuffix("# here").rstrip()
    lines[row] = code
    start = len(code) - len(code.lstrip())
    for keyword in ("return ", "await "):
        if code[start:].startswith(keyword):
            start += len(keyword)
    source = "\n".join(lines)
    region = Region(row + 1, start + 1, row + 1, len(code) + 1)
    artifact = Artifact("a.py", "python", source, hashlib.sha256(source.encode()).hexdigest(), parse_python(source))
    rule = Rule("bluecode/x", "X", cwe, kind, Level.WARNING, 5.0, "high", "A message.", "Some help.")
    steps = (Location("a.py", region), Location("a.py", region)) if flow else ()
    return Case(Finding(rule.id, cwe, Location("a.py", region), "m", confidence, code_flow=steps), rule, artifact)


ORDERED = """\
COLUMNS = ("a", "b")
def f(db, c):
    if c not in COLUMNS:
        raise ValueError(c)
    return db.execute("SELECT 1 FROM t ORDER BY " + c)  # here
"""
CONTAINED = """\
import os
ROOT = "/srv"
def f(n):
    p = os.path.realpath(os.path.join(ROOT, n))
    if not p.startswith(ROOT):
        raise ValueError(n)
    return open(p)  # here
"""
REDIRECT = """\
from flask import redirect, request
from urllib.parse import urlsplit
def f():
    t = request.args["t"]
    if urlsplit(t).netloc not in HOSTS:
        return None
    return redirect(t)  # here
"""
UNSAFE = [
    (78, "import subprocess\ndef f(name):\n    subprocess.run(f'ls {name}', shell=True)  # here\n"),
    (78, "import os\ndef f(name):\n    os.system('ls ' + name)  # here\n"),
    (89, "def f(db, name):\n    return db.execute(f\"SELECT 1 FROM t WHERE n = '{name}'\")  # here\n"),
    (502, "import pickle\ndef f(data):\n    return pickle.loads(data)  # here\n"),
    (502, "import yaml\ndef f(text):\n    return yaml.load(text, Loader=yaml.Loader)  # here\n"),
    (95, "def f(text):\n    return eval(text)  # here\n"),
    (
        1336,
        "from flask import render_template_string\ndef f(n):\n    return render_template_string('<p>' + n)  # here\n",
    ),
    (295, "import requests\ndef f(u):\n    return requests.get(u, verify=False)  # here\n"),
    (327, "import hashlib\ndef sign(d):\n    return hashlib.md5(d)  # here\n"),
    (915, "def f(o, form):\n    for k, v in form.items():\n        setattr(o, k, v)  # here\n"),
]
SAFE = [
    (78, "import subprocess\ndef f(name):\n    subprocess.run(['ls', '--', name], check=True)  # here\n"),
    (78, "import os\ndef f(name):\n    os.system('uptime')  # here\n"),
    (78, "import os, shlex\ndef f(name):\n    os.system('ls ' + shlex.quote(name))  # here\n"),
    (89, "def f(db, name):\n    return db.execute('SELECT 1 FROM t WHERE n = ?', (name,))  # here\n"),
    (89, ORDERED),
    (502, "import yaml\ndef f(text):\n    return yaml.load(text, Loader=yaml.SafeLoader)  # here\n"),
    (22, CONTAINED.replace("startswith(ROOT)", "startswith(ROOT + os.sep)")),
    (601, REDIRECT),
]
UNDECIDED = [
    (78, "import subprocess\ndef f(cmd):\n    subprocess.run(cmd)  # here\n"),
    (78, "import subprocess\ndef f(name):\n    subprocess.run(['sh', '-c', name])  # here\n"),
    (22, "def f(p):\n    return open(p)  # here\n"),
    (22, CONTAINED),
    (999, "def f(x):\n    return g(x)  # here\n"),
]


def judge(retriever, case):
    return OfflineReasoner().judge(case, retriever.retrieve(case, count=40))


@pytest.mark.parametrize(("cwe", "text"), UNSAFE)
def test_broken_principles_make_unsafe(retriever, cwe, text):
    verdict = judge(retriever, case_of(text, cwe))
    assert verdict.judgment is Judgment.UNSAFE
    assert verdict.cited
    assert verdict.cited[0] in verdict.rationale


@pytest.mark.parametrize(("cwe", "text"), SAFE)
def test_satisfied_principles_make_safe(retriever, cwe, text):
    verdict = judge(retriever, case_of(text, cwe))
    assert verdict.judgment is Judgment.SAFE
    assert verdict.cited


@pytest.mark.parametrize(("cwe", "text"), UNDECIDED)
def test_what_cannot_be_seen_is_undecided(retriever, cwe, text):
    assert judge(retriever, case_of(text, cwe)).judgment is Judgment.UNDECIDED


@pytest.mark.parametrize(("cwe", "text"), UNSAFE)
def test_nothing_unsafe_is_judged_safe_with_six_principles_either(retriever, cwe, text):
    case = case_of(text, cwe)
    assert OfflineReasoner().judge(case, retriever.retrieve(case)).judgment is not Judgment.SAFE


@pytest.mark.parametrize(
    ("cwe", "text"),
    [
        (331, "import secrets\ndef token():\n    return secrets.token_hex(2)  # here\n"),
        (338, "import os\ndef key():\n    return os.urandom(2)  # here\n"),
        (1275, "def f(r):\n    r.set_cookie('sid', 's', secure=True, httponly=True)  # here\n"),
        (327, "def f(modes):\n    return modes.CBC(b'0' * 16)  # here\n"),
        (605, "def f(s):\n    s.bind(('0.0.0.0', 80))  # here\n"),
        (347, "import jwt\ndef f(t, k):\n    return jwt.decode(t, k, algorithms=['HS256', 'none'])  # here\n"),
    ],
)
def test_a_principle_kept_elsewhere_makes_nothing_safe(retriever, cwe, text):
    assert judge(retriever, case_of(text, cwe, kind=RuleKind.MISUSE)).judgment is not Judgment.SAFE


def test_a_bare_suspicion_of_a_flow_needs_hostile_data(retriever):
    text = "import os\ndef f(name):\n    os.system('ls ' + name)  # here\n"
    weak = case_of(text, 78, confidence=Confidence.LOW)
    assert judge(retriever, weak).judgment is Judgment.UNDECIDED
    assert judge(retriever, case_of(text, 78, confidence=Confidence.LOW, flow=True)).judgment is Judgment.UNDECIDED
    typed = "import os\nname = input()\nos.system('ls ' + name)  # here\n"
    assert judge(retriever, case_of(typed, 78, confidence=Confidence.LOW)).judgment is Judgment.UNSAFE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "import os\nfrom .cleaning import word\ndef f(n):\n    os.system('ls ' + word(n))  # here\n",
            Judgment.UNDECIDED,
        ),
        (
            "import os\ndef word(n):\n    return n\ndef f(n):\n    os.system('ls ' + word(n))  # here\n",
            Judgment.UNDECIDED,
        ),
        (
            "import os\nfrom .cleaning import word\ndef f(n, m):\n    os.system('ls ' + word(n) + m)  # here\n",
            Judgment.UNSAFE,
        ),
        ("import os\ndef f(n):\n    os.system('ls ' + n.strip())  # here\n", Judgment.UNSAFE),
        ("import os\ndef f(n):\n    os.system('ls ' + str(n))  # here\n", Judgment.UNSAFE),
    ],
)
def test_a_function_of_the_project_may_clean_or_not(retriever, text, expected):
    assert judge(retriever, case_of(text, 78)).judgment is expected


def test_an_inert_attack_silences_a_broken_principle(retriever):
    case = case_of("import os\ndef f(name):\n    os.system('ls ' + name)  # here\n", 78)
    assert (
        judge(retriever, replace(case, confirmation=Confirmation(Outcome.NEUTRALIZED))).judgment is Judgment.UNDECIDED
    )
    inconclusive = replace(case, confirmation=Confirmation(Outcome.INCONCLUSIVE))
    assert judge(retriever, inconclusive).judgment is Judgment.UNSAFE


def test_an_inert_attack_strengthens_safe(retriever):
    case = case_of("import os\ndef f(name):\n    os.system('uptime')  # here\n", 78)
    before = judge(retriever, case)
    after = judge(retriever, replace(case, confirmation=Confirmation(Outcome.NEUTRALIZED)))
    assert before.judgment is after.judgment is Judgment.SAFE
    assert after.confidence > before.confidence


def test_disagreeing_principles_are_undecided():
    calls = (Condition("A shell runs it", "calls", ("os.system",)),)
    one = Constitution("a", "code", 78, "p", unsafe_when=calls, safe_when=(Condition("words"),))
    two = Constitution("b", "code", 78, "p", unsafe_when=(*calls, Condition("words")), safe_when=calls)
    case = case_of("import os\nos.system('x')  # here\n", 78)
    verdict = OfflineReasoner().judge(case, [Retrieved(one, 0.9), Retrieved(two, 0.8)])
    assert verdict.judgment is Judgment.UNDECIDED
    assert set(verdict.cited) == {"a", "b"}


def test_conditions_the_reasoner_does_not_know_never_decide():
    for condition in (
        Condition("words"),
        Condition("words", "no_such_check", ("0",)),
        Condition("words", "calls_", ()),
    ):
        known = Condition("A shell runs it", "calls", ("os.system",))
        strange = Constitution("a", "code", 78, "p", unsafe_when=(known, condition), safe_when=(known, condition))
        case = case_of("import os\nos.system('x')  # here\n", 78)
        assert OfflineReasoner().judge(case, [Retrieved(strange, 1.0)]).judgment is Judgment.UNDECIDED


def test_arguments_that_do_not_fit_never_decide():
    wrong = (Condition("words", "argument_is_built", ()), Condition("words", "argument_is_built", ("0", "1", "2")))
    for condition in wrong:
        strange = Constitution("a", "code", 78, "p", unsafe_when=(condition,), safe_when=(condition,))
        case = case_of("import os\nos.system('x')  # here\n", 78)
        assert OfflineReasoner().judge(case, [Retrieved(strange, 1.0)]).judgment is Judgment.UNDECIDED


def test_the_facts_of_a_module_are_collected_once_for_all_of_its_findings(retriever, monkeypatch):
    collected = []
    original = offline_module.facts_of
    monkeypatch.setattr(offline_module, "facts_of", lambda root: collected.append(root) or original(root))
    reasoner = OfflineReasoner()
    case = case_of("import os\nos.system('x' + y)  # here\nos.system('z')\n", 78)
    for row in (2, 3):
        there = replace(case.finding, location=Location("a.py", Region(row, 1, row, 10)))
        reasoner.judge(replace(case, finding=there), retriever.retrieve(case))
    assert len(collected) == 1
