"""Flows through classes and across modules, who is taken for hostile, and what a batch promises."""

from __future__ import annotations

import hashlib
import random

import pytest

from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Artifact, Confidence, Finding, Notification
from bluecode_lint.core.protocols import Analyzer
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
SHELL = "bluecode/os-command-injection"


def artifact(uri: str, text: str) -> Artifact:
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def findings(files: dict[str, str], rule: str = SHELL, **options: str) -> list[Finding]:
    analyzer = FlowAnalyzer(ROOT, RULES, **options)
    found = list(analyzer.analyze([artifact(uri, text) for uri, text in files.items()]))
    return [f for f in found if isinstance(f, Finding) and f.rule_id == rule and f.confidence > Confidence.LOW]


def test_it_is_an_analyzer():
    assert isinstance(FlowAnalyzer(ROOT, RULES), Analyzer)


VIEW = "from flask import request\nfrom {module} import {name}\n\n\ndef view():\n    {body}\n"
CROSSINGS = {
    "function": ("app.tools", "run", "run(request.args['q'])", "import os\n\n\ndef run(q):\n    os.system('ls ' + q)\n"),
    "relative": (".tools", "run", "run(request.args['q'])", "import os\n\n\ndef run(q):\n    os.system('ls ' + q)\n"),
    "through a helper": (
        "app.tools", "run", "run(request.args['q'])",
        "import os\n\n\ndef _go(c):\n    os.system(c)\n\n\ndef run(q):\n    _go('ls ' + q)\n",
    ),
    "method": (
        "app.tools", "Tool", "Tool().run(request.args['q'])",
        "import os\n\n\nclass Tool:\n    def run(self, q):\n        os.system('ls ' + q)\n",
    ),
    "made in a class": (
        "app.tools", "Tool", "tool = Tool(request.args['q'])\n    tool.run()",
        (
            "import os\n\n\nclass Tool:\n    def __init__(self, q):\n        self.q = q\n\n"
            "    def run(self):\n        os.system('ls ' + self.q)\n"
        ),
    ),
    "source elsewhere": (
        "app.tools", "get", "import os\n    os.system('ls ' + get())",
        "from flask import request\n\n\ndef get():\n    return request.args['q']\n",
    ),
    "source behind a class": (
        "app.tools", "Wrapper", "import os\n    os.system('ls ' + Wrapper(request).value('q'))",
        (
            "class Wrapper:\n    def __init__(self, request):\n        self.request = request\n\n"
            "    def value(self, name):\n        return self.request.args.get(name)\n"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CROSSINGS)
def test_a_flow_crosses_modules(name):
    module, imported, body, tools = CROSSINGS[name]
    view = VIEW.format(module=module, name=imported, body=body)
    found = findings({"app/views.py": view, "app/tools.py": tools})
    assert any(f.confidence is Confidence.HIGH for f in found)


def test_a_flow_through_modules_says_each_step():
    module, imported, body, tools = CROSSINGS["function"]
    view = VIEW.format(module=module, name=imported, body=body)
    found = findings({"app/views.py": view, "app/tools.py": tools})
    best = max(found, key=lambda f: f.confidence)
    assert best.location.uri == "app/tools.py"
    assert best.snippet == "os.system('ls ' + q)"
    assert best.code_flow[0].uri == "app/views.py"
    assert best.code_flow[-1].region == best.location.region
    assert all(step.message for step in best.code_flow)


def test_a_cleaning_function_of_another_module_is_known():
    view = "import os\nfrom flask import request\nfrom app.tools import clean\n\n\ndef view():\n    os.system('ls ' + clean(request.args['q']))\n"
    tools = "import shlex\n\n\ndef clean(q):\n    return shlex.quote(q)\n"
    assert findings({"app/views.py": view, "app/tools.py": tools}) == []


def test_a_checking_function_of_another_module_is_known():
    view = (
        "import os\nfrom flask import request\nfrom app.tools import fine\n\n\ndef view():\n"
        "    q = request.args['q']\n    if not fine(q):\n        return\n    os.system('ls ' + q)\n"
    )
    tools = "def fine(q):\n    return q in ('a', 'b')\n"
    assert findings({"app/views.py": view, "app/tools.py": tools}) == []


def test_a_package_may_pass_a_name_on():
    files = {
        "app/__init__.py": "from .tools import run\n",
        "app/tools.py": "import os\n\n\ndef run(q):\n    os.system('ls ' + q)\n",
        "web.py": "from flask import request\nfrom app import run\n\n\ndef view():\n    run(request.args['q'])\n",
    }
    assert any(f.confidence is Confidence.HIGH for f in findings(files))


CLASSES = {
    "attribute set in the constructor": (
        "class A:\n    def __init__(self, q):\n        self.q = q\n    def go(self):\n        os.system('ls ' + self.q)\ndef view():\n    A(request.args['q']).go()\n", True),
    "attribute of a handler": (
        "class A:\n    def prepare(self):\n        self.q = request.args['q']\n    def go(self):\n        os.system('ls ' + self.q)\n", True),
    "other attribute": (
        "class A:\n    def __init__(self, q):\n        self.q = q\n        self.r = 'ok'\n    def go(self):\n        os.system('ls ' + self.r)\ndef view():\n    A(request.args['q']).go()\n", False),
    "inherited method": (
        "class B:\n    def go(self, q):\n        os.system('ls ' + q)\nclass A(B):\n    pass\ndef view():\n    A().go(request.args['q'])\n", True),
    "dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    q: str\n    r: str\ndef view():\n    a = A(request.args['q'], 'ok')\n    os.system('ls ' + a.q)\n", True),
    "other field of a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    q: str\n    r: str\ndef view():\n    a = A(request.args['q'], 'ok')\n    os.system('ls ' + a.r)\n", False),
    "static method": (
        "class A:\n    @staticmethod\n    def go(q):\n        os.system('ls ' + q)\ndef view():\n    A.go(request.args['q'])\n", True),
    "class constant": (
        "class A:\n    base = 'ls '\n    def go(self):\n        os.system(self.base + 'x')\n", False),
    "recursion": (
        "def walk(q, n):\n    if n:\n        return walk(q, n - 1)\n    os.system('ls ' + q)\ndef view():\n    walk(request.args['q'], 3)\n", True),
    "mutual recursion": (
        "def a(q, n):\n    b(q, n)\ndef b(q, n):\n    if n:\n        a(q, n - 1)\n    os.system('ls ' + q)\ndef view():\n    a(request.args['q'], 3)\n", True),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_instances_keep_their_attributes_apart(name):
    text, expected = CLASSES[name]
    found = findings({"app/mod.py": "import os\nfrom flask import request\n" + text})
    assert any(f.confidence is Confidence.HIGH for f in found) is expected


LIBRARY = "import os\n\n\ndef run(name):\n    os.system('ls ' + name)\n"


@pytest.mark.parametrize(
    ("text", "options", "confidence"),
    [
        (LIBRARY, {}, Confidence.MEDIUM),
        (LIBRARY, {"threat_model": "library"}, Confidence.MEDIUM),
        (LIBRARY, {"threat_model": "web"}, None),
        (LIBRARY.replace("run", "_run") + "\n\n_run('x')\n", {}, None),
        (LIBRARY + "\n\nrun('x')\n", {}, None),
        ("import os\nimport sys\n\nos.system('ls ' + sys.argv[1])\n", {}, Confidence.MEDIUM),
        ("import os\nimport sys\n\nos.system('ls ' + sys.argv[1])\n", {"threat_model": "web"}, None),
        ("import os\n\n\ndef run(self):\n    os.system('ls ' + self.name)\n", {}, Confidence.MEDIUM),
        ("import os\nfrom settings import NAME\n\nos.system('ls ' + NAME)\n", {}, None),
    ],
)
def test_who_is_hostile_depends_on_who_calls(text, options, confidence):
    found = findings({"mod.py": text}, **options)
    assert (found[0].confidence if found else None) == confidence


def test_an_unknown_threat_model_is_refused():
    with pytest.raises(ValueError, match="threat model"):
        FlowAnalyzer(ROOT, RULES, threat_model="none")


def test_a_model_that_writes_code_has_a_rule_of_its_own():
    text = "def agent(llm, goal):\n    exec(llm.invoke(goal).content)\n"
    assert findings({"mod.py": text}, "bluecode/model-output-execution")
    assert not findings({"mod.py": text}, "bluecode/code-injection")


# --- a batch ---------------------------------------------------------------------------------------------------------


def project() -> list[Artifact]:
    files = {}
    for name, (module, imported, body, tools) in CROSSINGS.items():
        package = name.replace(" ", "_")
        view = VIEW.format(module=module.replace("app.", f"{package}."), name=imported, body=body)
        files[f"{package}/views.py"] = view
        files[f"{package}/tools.py"] = tools
    return [artifact(uri, text) for uri, text in files.items()]


def test_the_order_of_the_files_changes_nothing():
    files = project()
    analyzer = FlowAnalyzer(ROOT, RULES)
    expected = list(analyzer.analyze(files))
    random.Random(3).shuffle(files)
    assert list(analyzer.analyze(files)) == expected


def test_the_number_of_processes_changes_nothing(monkeypatch):
    monkeypatch.setattr("bluecode_lint.analyzers.flow.analyzer._WORTH_PROCESSES", 0)
    files = project()
    assert list(FlowAnalyzer(ROOT, RULES, jobs=2).analyze(files)) == list(FlowAnalyzer(ROOT, RULES).analyze(files))


def test_files_of_other_languages_are_left_alone():
    assert list(FlowAnalyzer(ROOT, RULES).analyze([Artifact("a.txt", "text", "x", "", parse_python("x"))])) == []


HOSTILE_FILES = {
    "python 2": "import os\nprint 'x'\ndef f(x):\n    exec x\n    os.system('ls %s' % x)\n",
    "broken": "def f(:\n    pass\n\nimport os\n\ndef g(x):\n    os.system('ls %s' % x)\n",
    "duplicate definitions": "import os\ndef f(x): pass\ndef f(x):\n    os.system('ls %s' % x)\n",
    "star import": "from os import *\nimport os\ndef f(x):\n    os.system('ls %s' % x)\n",
    "not ascii": "import os\ndef größe(wörter):\n    os.system('ls %s' % wörter)\n",
    "indented": "    def f(self, x):\n        os.system('ls %s' % x)\n",
    "huge dictionary": "import os\nD = {" + ", ".join(f"'{i}': {i}" for i in range(20_000)) + "}\ndef f(x):\n    os.system('ls %s' % x)\n",
    "many branches": "import os\ndef f(x, n):\n" + "".join(f"    if n == {i}:\n        a{i} = x\n" for i in range(400)) + "    os.system('ls %s' % x)\n",
    "nested loops": "import os\ndef f(x):\n" + "".join("    " * (i + 1) + f"for i{i} in x:\n" for i in range(15)) + "    " * 16 + "os.system('ls %s' % x)\n",
    "long chain of calls": "import os\n" + "".join(f"def f{i}(x):\n    f{i + 1}(x)\n" for i in range(200)) + "def f200(x):\n    os.system('ls %s' % x)\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_FILES)
def test_any_file_is_analysed(name):
    found = list(FlowAnalyzer(ROOT, RULES).analyze([artifact("mod.py", HOSTILE_FILES[name])]))
    assert not [f for f in found if isinstance(f, Notification)]
    assert any(f.rule_id == SHELL for f in found)


def test_what_is_nested_too_deeply_is_said_and_the_rest_analysed():
    text = "import os\ndef f(x):\n    os.system('ls %s' % x)\ny = " + "f(" * 5_000 + ")" * 5_000 + "\n"
    found = list(FlowAnalyzer(ROOT, RULES).analyze([artifact("mod.py", text)]))
    assert any(isinstance(f, Finding) and f.rule_id == SHELL for f in found)
    assert [f.id for f in found if isinstance(f, Notification)] == ["nesting-not-analysed"]


def test_a_cycle_of_imports_ends():
    files = {
        "a.py": "from b import g\n\n\ndef f(x):\n    return g(x)\n",
        "b.py": "import os\nfrom a import f\n\n\ndef g(x):\n    os.system('ls ' + x)\n    return f(x)\n",
    }
    assert findings(files)


# --- the knowledge ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("area: [", "cannot read"),
        ("area: extra\nsinks: [{rule: no-such-rule, what: something}]\n", "no-such-rule"),
        ("area: extra\ncontexts: {no-such-rule: {remote: high}}\n", "no-such-rule"),
        ("area: extra\nsinks: [{rule: sql-injection}]\n", "what"),
        ("area: extra\nunknown: 1\n", "unknown"),
        ("area: extra\nsanitizers: [{calls: [f], clears: [nothing-known]}]\n", "nothing-known"),
        (
            "area: extra\nsinks: [{rule: sql-injection, what: a thing, calls: [f], check: no-such-check}]\n",
            "no-such-check",
        ),
        ("area: extra\nsinks: [{rule: sql-injection, what: a thing, methods: [f], receivers: '('}]\n", "receivers"),
    ],
)
def test_malformed_knowledge_is_refused_with_its_place(content, complaint, tmp_path):
    folder = tmp_path / "flow"
    folder.mkdir()
    for file in (ROOT / "flow").iterdir():
        (folder / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "zz.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(RulesError, match=complaint):
        FlowAnalyzer(tmp_path, RULES)


def test_missing_knowledge_is_refused(tmp_path):
    with pytest.raises(RulesError, match="no flow knowledge"):
        FlowAnalyzer(tmp_path, RULES)


def test_work_has_a_limit_that_is_said(monkeypatch):
    monkeypatch.setattr("bluecode_lint.analyzers.flow.program.MAX_WORK", 50)
    lines = "".join(f"    a{i} = x\n" for i in range(100))
    text = f"import os\n\n\ndef f(x):\n    os.system('ls ' + x)\n\n\ndef g(x):\n{lines}    os.system('ls ' + x)\n"
    found = list(FlowAnalyzer(ROOT, RULES).analyze([artifact("mod.py", text)]))
    assert [f.id for f in found if isinstance(f, Notification)] == ["function-not-analysed"]
    assert [f.location.region.start_line for f in found if isinstance(f, Finding)] == [5]


def test_functions_inside_one_another_that_call_twice_end():
    body = "import os\n\n\ndef outer(x):\n"
    for n in range(11):
        body += f"    def f{n}(v):\n" + (
            f"        f{n - 1}(v)\n        f{n - 1}(v)\n" if n else "        os.system('ls ' + v)\n"
        )
    found = list(FlowAnalyzer(ROOT, RULES).analyze([artifact("mod.py", body + "    f10(x)\n")]))
    assert any(isinstance(f, Finding) and f.rule_id == SHELL for f in found)
