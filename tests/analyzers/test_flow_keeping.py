"""The flow analysis with a shelf: the same findings, and only what depends on a change is analysed again."""

from __future__ import annotations

import hashlib
import json

import pytest

from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.analyzers.flow.frame import Summary
from bluecode_lint.analyzers.flow.keeping import digest_of, report_from_document, report_to_document
from bluecode_lint.analyzers.flow.project import Analyst, ModuleReport
from bluecode_lint.analyzers.flow.values import MISSING, Kind, Origin, Step, Taint, Value, constant
from bluecode_lint.analyzers.lowered import LoweredModules
from bluecode_lint.core.model import Artifact, Finding
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
FILES = {
    "app/views.py": (
        "from flask import request\nfrom app.tools import run, Tool\n\n\ndef view():\n    run(request.args['q'])\n\n\n"
        "def other():\n    t = Tool(request.form['x'])\n    t.go()\n"
    ),
    "app/tools.py": (
        "from app.low import start\n\n\ndef run(q, mode='a'):\n    start(f'ls {q}')\n\n\nclass Tool:\n"
        "    def __init__(self, q):\n        self.q = {'name': q, 'limit': 1.5}\n\n    def go(self):\n"
        "        start('rm ' + self.q['name'])\n"
    ),
    "app/low.py": "import os\n\n\ndef start(c):\n    os.system(c)\n",
    "app/alone.py": "def f(x):\n    return x + b'\\xff' + str(3j)\n",
}


class Memory:
    """A shelf in memory that keeps what JSON keeps, and counts what it lacked."""

    def __init__(self):
        self.values = {}
        self.missed = []

    def get(self, keys):
        keys = list(keys)
        self.missed += [key for key in keys if key not in self.values]
        return {key: json.loads(self.values[key]) for key in keys if key in self.values}

    def put(self, values):
        self.values.update({key: json.dumps(value) for key, value in values.items()})


def artifacts(**changed):
    texts = {**FILES, **{name.replace("__", "/") + ".py": text for name, text in changed.items()}}
    return [
        Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
        for uri, text in texts.items()
    ]


def analysed(files, shelf=None):
    return list(FlowAnalyzer(ROOT, RULES, shelf=shelf).analyze(files))


def test_the_findings_are_the_same_with_a_shelf_cold_and_warm():
    expected = analysed(artifacts())
    flows = [{step.uri for step in item.code_flow} for item in expected if isinstance(item, Finding)]
    assert {"app/views.py", "app/low.py"} in flows
    memory = Memory()
    assert analysed(artifacts(), memory) == expected
    memory.missed.clear()
    assert analysed(artifacts(), memory) == expected
    assert not memory.missed


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({"app__alone": "y = 1\n"}, {"app/alone.py"}),
        ({"app__low": "def start(c):\n    print(c)\n"}, {"app/low.py", "app/tools.py", "app/views.py"}),
        ({"app__views": FILES["app/views.py"] + "\n\nx = 1\n"}, {"app/views.py"}),
    ],
)
def test_a_change_is_analysed_again_with_what_depends_on_it(changed, again):
    memory = Memory()
    analysed(artifacts(), memory)
    memory.missed.clear()
    assert analysed(artifacts(**changed), memory) == analysed(artifacts(**changed))
    assert {key.split("\0")[1] for key in memory.missed} <= again
    assert {key.split("\0")[1] for key in memory.missed} >= {name.replace("__", "/") + ".py" for name in changed}


def test_a_damaged_report_is_made_anew():
    memory = Memory()
    expected = analysed(artifacts(), memory)
    for damage in ([], {}, {"uri": "a"}, 3, None, "x"):
        memory.values = dict.fromkeys(memory.values, json.dumps(damage))
        assert analysed(artifacts(), memory) == expected


def report(text):
    files = FlowAnalyzer(ROOT, RULES)
    analyst = Analyst(files._knowledge, RULES, "auto", LoweredModules())
    (artifact,) = (a for a in artifacts(app__alone=text) if a.uri == "app/alone.py")
    return analyst.analyse(artifact, {})


@pytest.mark.parametrize("text", [FILES["app/low.py"], FILES["app/tools.py"], "def f(:\n", ""])
def test_a_report_survives_as_json(text):
    made = report(text)
    document = report_to_document(made)
    read = report_from_document(json.loads(json.dumps(document)))
    assert report_to_document(read) == document
    assert (read.findings, read.clearances, read.notifications) == (made.findings, made.clearances, made.notifications)
    assert (read.aliases, read.wanted, list(read.summaries)) == (made.aliases, made.wanted, list(made.summaries))


def test_who_shares_an_origin_or_a_step_still_shares_it():
    whole = Origin(Kind.PARAM, "parameter q", 1, 2, 0)
    part = whole.part("name", "['name']")
    first = Step("comes in", 1, 2)
    then = Step("goes on", 3, 4, first, length=2)
    taints = (Taint(whole, 1 << 70, 3, "ls ", first), Taint(part, 0, 0, "", then))
    value = Value(taints, items={1: constant(b"\xff"), "k": constant((1, "a", None)), None: constant(...)})
    summary = Summary(("q",), ("positional",), value, attributes={"a": Value((taints[0],))}, requires={0: 1 << 80})
    made = ModuleReport("a.py", summaries={"a.f": summary, "a.g": Summary((), (), Value(const=2j))})
    read = report_from_document(json.loads(json.dumps(report_to_document(made)))).summaries
    again = read["a.f"]
    one, two = again.returned.taints
    assert two.origin.parent is one.origin
    assert one.origin.parts["name"] is two.origin
    assert two.steps.before is one.steps
    assert again.attributes["a"].taints[0] is one
    assert (one.cleared, again.requires) == (1 << 70, {0: 1 << 80})
    assert [v.const for v in again.returned.items.values()] == [b"\xff", (1, "a", None), ...]
    assert again.returned.const is MISSING
    assert read["a.g"].returned.const == 2j
    assert digest_of(again) == digest_of(summary)
    assert digest_of(read["a.g"]) != digest_of(summary)


def test_what_has_no_json_form_is_refused():
    with pytest.raises(TypeError, match="object"):
        digest_of(Summary((), (), Value(const=object())))
