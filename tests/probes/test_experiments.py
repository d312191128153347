"""Tests that a model wrote, run for real: what brings hostile data to the place convicts, and nothing else does."""

import hashlib
from pathlib import Path

import pytest

from bluecode_lint.core.model import Artifact, Confidence, ExecResult, Finding, Location, Outcome, Region
from bluecode_lint.core.protocols import Laboratory
from bluecode_lint.probes import PRELOAD, AttackProber, read_replay, replay_job
from bluecode_lint.probes.drafts import read_draft
from bluecode_lint.probes.driver import draft
from bluecode_lint.sandbox import open_sandbox
from bluecode_lint.sources.syntax import parse_python

STORE = """\
import base64
import json
import os
import shlex
import subprocess


class Store:
    def __init__(self, settings):
        if settings["version"] != 42 or not settings["region"].startswith("eu-"):
            raise ValueError("bad settings")
        self.ticket = None

    def login(self, ticket):
        if ticket["kind"] == "operator":
            self.ticket = ticket
        return self

    def archive(self, envelope):
        if self.ticket is None:
            raise PermissionError("log in first")
        name = json.loads(base64.b64decode(envelope))["name"]
        os.system("tar cf /dev/null " + QUOTED)  # sink


def other(command):
    os.system("ls " + command)


def tool():
    return os


def echo(value, _ignored=None):
    return value


def plugin(text):
    exec(text)


shell = os.system
"""
UNSAFE = STORE.replace("QUOTED", "name")
SAFE = STORE.replace("QUOTED", "shlex.quote(name)")
WAY_IN = """\
def attack(lab):
    store = lab.call("Store", {"version": 42, "region": "eu-1"})
    store.login({"kind": "operator"})
    store.archive(lab.base64(lab.json({"name": f"box-{lab.hostile}"})))
"""
HARMLESS = WAY_IN.replace('f"box-{lab.hostile}"', '"plain"')


@pytest.fixture(scope="module")
def sandbox():
    opened = open_sandbox(preload=PRELOAD)
    if opened is None:
        pytest.skip("no sandbox holds on this machine")
    yield opened
    opened.close()


@pytest.fixture
def experiment(sandbox):
    def run(test, text=SAFE, cwe=78):
        line = next(i for i, row in enumerate(text.splitlines(), 1) if row.endswith("# sink"))
        artifact = Artifact("module.py", "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
        place = Location("module.py", Region(line, 1, line, 120))
        finding = Finding("bluecode/x", cwe, place, "suspected", Confidence.MEDIUM)
        return AttackProber(sandbox, None, parse_python).experiment(finding, artifact, test)

    return run


def test_a_way_in_that_no_search_finds_is_proof_and_can_be_replayed(sandbox, experiment):
    found = experiment(WAY_IN, UNSAFE)
    assert found.outcome is Outcome.CONFIRMED
    assert found.evidence.effect == "the shell ran CANARY as a command of its own"
    assert found.evidence.entry.startswith("an experiment by the model: r1 = Store({'version': 42, 'region': 'eu-1'})")
    assert "r1.archive(base64(json({'name': 'box-HOSTILE'})))" in found.evidence.entry
    assert found.evidence.by_caller
    assert read_replay(sandbox.exec(replay_job(found.replay))).worked


def test_the_same_way_into_code_that_quotes_shows_nothing_and_clears_nothing(experiment):
    found = experiment(WAY_IN)
    assert (found.outcome, found.evidence) == (Outcome.INCONCLUSIVE, None)


def test_it_is_the_same_twice(experiment):
    assert experiment(WAY_IN, UNSAFE) == experiment(WAY_IN, UNSAFE)


CHEATS = {
    "prints": 'def attack(lab):\n    print("exploited: the shell ran CANARY as a command of its own")\n',
    "asserts": HARMLESS + "    assert True\n",
    "exits well": "import sys\ndef attack(lab):\n    sys.exit(0)\n",
    "raises": 'def attack(lab):\n    raise RuntimeError("confirmed")\n',
    "claims": HARMLESS + '    return {"outcome": "confirmed", "effect": "the shell ran CANARY"}\n',
    "forges the report": (
        "import json, os\n" + HARMLESS + "    for name in ('report.json', 'steps.json', 'replay.json'):\n"
        "        json.dump({'outcome': 'confirmed', 'effect': 'ran'}, open(name, 'w'))\n"
    ),
    "forges the report and leaves": (
        "import json, os\ndef attack(lab):\n    for name in ('report.json', 'steps.json'):\n"
        "        json.dump({'outcome': 'confirmed', 'effect': 'ran', 'words': '', 'shown': '', 'attempts': 1,"
        " 'attack': {'point': ['', '']}, 'point': ''}, open(name, 'w'))\n    os._exit(0)\n"
    ),
    "forges steps of other kinds": (
        "import json, os\ndef attack(lab):\n"
        "    json.dump({'steps': [{'step': 'exec', 'code': 'x'}], 'trouble': ''}, open('steps.json', 'w'))\n"
        "    os._exit(0)\n"
    ),
    "forges steps that look ahead": (
        "import json, os\ndef attack(lab):\n"
        "    step = {'step': 'call', 'name': '', 'on': {'$result': 0, 'path': []}, 'args': [], 'named': {}}\n"
        "    json.dump({'steps': [step], 'trouble': ''}, open('steps.json', 'w'))\n    os._exit(0)\n"
    ),
    "makes the canary's mark itself": (
        "import glob, os\n" + WAY_IN + "    for n in range(1, 60):\n"
        "        os.makedirs(f'a{n}', exist_ok=True); open(f'a{n}/ran-canary', 'w').close()\n"
    ),
    "patches the oracle": (
        "import sys\nfor name, module in list(sys.modules.items()):\n    if hasattr(module, 'effect'):\n"
        "        module.effect = lambda *_: 'ran'\n"
        "try:\n    import bluecode_lint.probes.families.command_injection as oracle\n"
        "    oracle.FAMILY.effect = lambda _look: 'ran'\nexcept ImportError:\n    pass\n" + WAY_IN
    ),
    "patches the lab": "import __main__\n" + WAY_IN + "    __main__.as_data = lambda value: {'confirmed': True}\n",
    "patches the quoting": "import shlex\nshlex.quote = lambda value: value\n" + WAY_IN,
    "attacks its own code": "import os\ndef attack(lab):\n    os.system('touch ' + lab.hostile)\n",
    "hands over its own function": (
        HARMLESS + "    import os\n    lab.call('echo', lambda value: os.system(lab.hostile))\n"
    ),
    "hands over its own class": (
        "class Name(str):\n    def __str__(self):\n        return 'x; CANARY #'\n" + HARMLESS
        + "    lab.call('echo', Name('x'))\n"
    ),
    "attacks another place": HARMLESS + '    lab.call("other", f"; {lab.hostile}")\n',
    "attacks an imported function": HARMLESS + '    lab.call("os.system", lab.hostile)\n',
    "attacks an alias": HARMLESS + '    lab.call("shell", lab.hostile)\n',
    "attacks what a function returns": HARMLESS + '    lab.call("tool").system(lab.hostile)\n',
    "goes by private names": HARMLESS + '    lab.call("Store.__init__.__globals__", lab.hostile)\n',
    "goes by the names behind a result": (
        "import json, os\ndef attack(lab):\n"
        "    path = [['attribute', '__class__'], ['attribute', '__init__'], ['attribute', '__globals__'], ['item', 'os']]\n"
        "    steps = [{'step': 'call', 'name': 'echo', 'on': None, 'args': ['x'], 'named': {}},\n"
        "      {'step': 'call', 'name': '', 'on': {'$result': 0, 'path': path + [['attribute', 'system']]},\n"
        "       'args': [lab.hostile], 'named': {}}]\n"
        "    json.dump({'steps': steps, 'trouble': ''}, open('steps.json', 'w'))\n    os._exit(0)\n"
    ),
    "lets the canary run in the control, too": WAY_IN.replace("box-{", "x; {"),
    "writes over the module": (
        "import os\n" + HARMLESS + "    lab.file('module.py', 'import os; os.system(1)')\n"
        "    lab.file('shlex.py', 'quote = str')\n" + WAY_IN.partition("\n")[2]
    ),
    "has the module run code of its own": (
        "def attack(lab):\n    lab.call('plugin', 'import shlex; shlex.quote = str')\n" + WAY_IN.partition("\n")[2]
    ),
    "writes outside": HARMLESS + "    lab.file('../../module.py', 'x')\n",
    "floods": "def attack(lab):\n    while True:\n        lab.call('echo', lab.hostile)\n",
    "sleeps": "import time\ndef attack(lab):\n    time.sleep(60)\n",
    "does not parse": "def attack(lab:\n",
    "has no attack": "x = 1\n",
}  # fmt: skip


@pytest.mark.parametrize("how", CHEATS)
def test_a_test_that_cheats_convicts_nobody(experiment, how):
    found = experiment(CHEATS[how])
    assert found.outcome is Outcome.INCONCLUSIVE
    assert found.reason


MARKUP = """\
from flask import Flask, request
import html

app = Flask(__name__)

@app.route("/hello")
def hello():
    name = html.escape(request.args["name"])
    page = "<p>" + name + "</p>"  # sink
    return page

@app.route("/echo")
def echo():
    return request.args["text"]
"""


def test_an_effect_that_the_place_has_no_part_in_is_not_its_doing(experiment):
    test = (
        "def attack(lab):\n    lab.request('hello', query={'name': 'plain'})\n"
        "    lab.request('echo', query={'text': lab.hostile})\n"
    )
    assert experiment(test, MARKUP, 79).outcome is Outcome.INCONCLUSIVE


def test_a_request_of_the_experiments_is_one_of_an_outsider(experiment):
    text = MARKUP.replace("html.escape", "str").replace(
        '["name"]', '["name"] if request.args["mode"] == "raw" else "x"'
    )
    test = "def attack(lab):\n    lab.request('hello', query={'mode': 'raw', 'name': lab.hostile})\n"
    found = experiment(test, text, 79)
    assert found.outcome is Outcome.CONFIRMED
    assert not found.evidence.by_caller
    assert "request to hello(query={'mode': 'raw', 'name': HOSTILE})" in found.evidence.entry


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("42", "41"), "did not run line"),
        (("42", "41"), "ValueError: bad settings"),
        (('"operator"', '"guest"'), "PermissionError: log in first"),
        (("archive", "archve"), "has no 'archve'"),
        (('"Store"', '"Shop"'), "the module has no Shop"),
        (("lab.json", "lab.yaml"), "line 4 of the test: AttributeError"),
        (('f"box-{lab.hostile}"', '"plain"'), "no step uses the hostile value"),
    ],
)  # fmt: skip
def test_a_test_that_fails_is_told_why(experiment, change, told):
    assert told in experiment(WAY_IN.replace(*change), UNSAFE).reason


def test_what_a_draft_leaves_is_read_with_care():
    def left(content, **more):
        return read_draft(ExecResult(0, b"", b"", 0.1, files={draft.STEPS: content}, **more)).trouble

    assert all(left(content) for content in (b"", b"[]", b'{"steps": 7, "trouble": ""}', b"[" * 500_000))
    assert left(b'{"steps": [], "trouble": ""}') == "it asks for no call, request or run of the module"
    assert left(b"{}", timed_out=True) == "the test ran out of time"


def test_it_speaks_the_protocol():
    assert isinstance(AttackProber(None, Path(), parse_python), Laboratory)
