"""Findings attacked for real, in the sandbox."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from bluecode_lint.core.model import Artifact, Confidence, Finding, Location, Outcome, Region
from bluecode_lint.core.protocols import Prober
from bluecode_lint.probes import PRELOAD, AttackProber, ProbeOptions, probed_cwes, read_replay, replay_job
from bluecode_lint.sandbox import open_sandbox
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from bluecode_lint.core.model import Confirmation

MARK = "# sink"


@pytest.fixture(scope="module")
def sandbox():
    opened = open_sandbox(preload=PRELOAD)
    if opened is None:
        pytest.skip("no sandbox holds on this machine")
    yield opened
    opened.close()


def attack(sandbox, text: str, cwe: int, root=None, confidence=Confidence.MEDIUM, **options) -> Confirmation:
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.endswith(MARK))
    artifact = Artifact("module.py", "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
    finding = Finding("bluecode/x", cwe, Location("module.py", Region(line, 1, line, 120)), "suspected", confidence)
    return AttackProber(sandbox, root, parse_python, ProbeOptions(**options)).confirm(finding, artifact)


PING = """import os
from flask import Flask, request

app = Flask(__name__)

@app.route("/ping", methods=["POST"])
def ping():
    os.system("ping -c 1 " + request.form["host"])  # sink
    return "ok"
"""

QUERY = """def find(cursor, name):
    cursor.execute("SELECT * FROM users WHERE name = '%s'" % name)  # sink
    return cursor.fetchall()
"""


PRIVATE = """import os

def _runner(program):
    def run():
        os.system("exec " + program)  # sink
    return run

class Tools:
    clean = _runner("true")
"""


@pytest.mark.parametrize(("text", "outcome"), [
    (PRIVATE, Outcome.INCONCLUSIVE),
    (PRIVATE.replace("_runner", "runner"), Outcome.CONFIRMED),
    (PRIVATE.partition("class")[0], Outcome.CONFIRMED),
])  # fmt: skip
def test_a_private_function_that_only_the_modules_top_level_calls_is_no_way_in(text, outcome, sandbox):
    text = text.replace("return run", "run()\n    return run")
    assert attack(sandbox, text, 78).outcome is outcome


DECODED = """import base64, json, os

class Job:
    def run(self, token, mode):
        name = json.loads(base64.b64decode(token))["name"]
        os.system("tar cf x.tar " + name)  # sink
"""


def test_what_an_encoding_keeps_out_is_not_called_harmless(sandbox):
    assert attack(sandbox, DECODED, 78).outcome is Outcome.CONFIRMED
    picky = DECODED.replace("name =", "assert len(token) % 4 == 0 and token.startswith('q')\n        name =")
    assert attack(sandbox, picky, 78).outcome is not Outcome.NEUTRALIZED


def test_it_is_a_prober():
    assert isinstance(AttackProber(None, None, parse_python), Prober)


def test_without_a_sandbox_nothing_is_executed():
    assert attack(None, PING, 78).outcome is Outcome.NOT_RUN


def test_a_weakness_without_a_probe_is_not_run(sandbox):
    assert 798 not in probed_cwes()
    found = attack(sandbox, PING, 798)
    assert (found.outcome, found.runs) == (Outcome.NOT_RUN, 0)
    assert "CWE-798" in found.reason


JITTER = """import random

def retry_delay(attempt):
    return attempt + random.random()  # sink
"""


def test_whether_a_random_value_is_a_secret_is_not_for_an_execution_to_say(sandbox):
    candidate = attack(sandbox, JITTER, 338, confidence=Confidence.LOW)
    assert (candidate.outcome, candidate.runs) == (Outcome.NOT_RUN, 0)
    assert attack(sandbox, JITTER, 338).outcome is not Outcome.NOT_RUN


KEPT_INSIDE = """import random, secrets

class Accounts:
    def __init__(self):
        self.tokens = {}

    def forgot(self, name):
        self.tokens[name] = random.getrandbits(64)  # sink
"""


def test_a_predictable_value_that_does_not_show_is_no_less_predictable(sandbox):
    assert attack(sandbox, KEPT_INSIDE, 338).outcome is Outcome.INCONCLUSIVE
    strong = KEPT_INSIDE.replace("random.getrandbits(64)", "secrets.randbits(64)")
    assert attack(sandbox, strong, 338).outcome is Outcome.NEUTRALIZED


def test_a_request_that_reaches_a_shell_is_confirmed(sandbox):
    found = attack(sandbox, PING, 78)
    assert found.outcome is Outcome.CONFIRMED
    assert found.evidence.entry == 'POST /ping, form field "host"'
    assert found.evidence.payload == "plain; CANARY #"
    assert "CANARY" in found.evidence.effect
    assert found.sandbox == sandbox.level
    assert found.runs >= 7  # reach, control, attack, and two more of each


def test_a_bare_argument_is_named_as_what_must_be_controlled(sandbox):
    found = attack(sandbox, QUERY, 89)
    assert found.outcome is Outcome.CONFIRMED
    assert found.reason == 'whoever controls argument "name" of find() can do this'


def test_two_runs_say_and_write_the_same(sandbox):
    first, second = attack(sandbox, PING, 78), attack(sandbox, PING, 78)
    assert first == second


def test_a_replay_works_again_in_the_sandbox(sandbox):
    script = attack(sandbox, PING, 78).replay
    assert "ping -c 1" in script
    answer = read_replay(sandbox.exec(replay_job(script)))
    assert answer.worked, answer.said
    assert answer.said.startswith("CONFIRMED")


def test_a_replay_of_repaired_code_fails(sandbox):
    script = attack(sandbox, PING, 78).replay
    repaired = script.replace('ping -c 1 " + request.form["host"]', 'ping -c 1 " + str(len(request.form["host"]))')
    assert repaired != script
    assert not read_replay(sandbox.exec(replay_job(repaired))).worked


def test_a_replay_refuses_to_run_by_itself(sandbox):
    job = replay_job(attack(sandbox, PING, 78).replay)
    outside = type(job)(job.argv, job.files, limits=job.limits)
    result = sandbox.exec(outside)
    assert result.returncode not in {0, None}
    assert b"sandbox" in result.stderr


def test_values_that_arrive_inert_are_neutralised(sandbox):
    text = QUERY.replace("'%s'\" % name", '%s", [name]')
    assert text != QUERY
    found = attack(sandbox, text, 89)
    assert found.outcome is Outcome.NEUTRALIZED
    assert not found.replay


def test_an_unresolved_check_leaves_the_question_open(sandbox):
    text = QUERY.replace("    cursor", "    if not is_valid(name):\n        return []\n    cursor", 1)
    found = attack(sandbox, text, 89)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "is_valid" in found.reason


def test_an_unresolved_sanitiser_leaves_the_question_open(sandbox):
    text = QUERY.replace("% name", "% escape_sql(name)")
    assert attack(sandbox, text, 89).outcome is Outcome.INCONCLUSIVE


def test_another_sink_of_the_function_does_not_confirm_this_one(sandbox):
    text = """def find(cursor, name):
    cursor.execute("SELECT * FROM users WHERE name = '%s'" % name)
    cursor.execute("SELECT * FROM notes WHERE owner = %s", [name])  # sink
"""
    assert attack(sandbox, text, 89).outcome is Outcome.NEUTRALIZED


def test_a_statement_built_above_its_execution_is_followed(sandbox):
    text = """def find(cursor, name):
    query = "SELECT * FROM users WHERE name = '" + name + "'"  # sink
    cursor.execute(query)
"""
    assert attack(sandbox, text, 89).outcome is Outcome.CONFIRMED


def test_a_caller_that_converts_is_honoured(sandbox):
    text = """def load(number):
    return db.execute("SELECT * FROM t WHERE n = %s" % number)  # sink

def main(text):
    return load(int(text))
"""
    assert attack(sandbox, text, 89).outcome is Outcome.NEUTRALIZED


def test_a_sibling_is_imported_read_only_and_replayed(sandbox, tmp_path):
    (tmp_path / "cleaning.py").write_text("def clean(value):\n    return value.strip()\n")
    text = (
        "from cleaning import clean\n\ndef f(cursor, name):\n"
        '    cursor.execute("SELECT \'" + clean(name) + "\'")  # sink\n'
    )
    (tmp_path / "module.py").write_text(text)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    found = attack(sandbox, text, 89, tmp_path)
    assert found.outcome is Outcome.CONFIRMED
    assert read_replay(sandbox.exec(replay_job(found.replay))).worked
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert str(tmp_path) not in found.replay


def test_a_module_that_does_not_parse_is_inconclusive(sandbox):
    found = attack(sandbox, "def f(:\n    pass  # sink\n", 78)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "does not parse" in found.reason


def test_python_2_is_read_line_for_line(sandbox):
    text = "import os\n\ndef show(name):\n    print 'showing', name\n    os.system('cat ' + name)  # sink\n"
    assert attack(sandbox, text, 78).outcome is Outcome.CONFIRMED


def test_a_loop_without_end_is_data(sandbox):
    text = "import os\n\ndef f(name):\n    while True:\n        pass\n    os.system(name)  # sink\n"
    found = attack(sandbox, text, 78, seconds=1.0)
    assert found.outcome is Outcome.INCONCLUSIVE


def test_a_small_budget_is_said(sandbox):
    found = attack(sandbox, PING, 78, budget=2)
    assert found.outcome is Outcome.INCONCLUSIVE
    assert "2 attempts" in found.reason


@pytest.mark.parametrize("exit_call", ["raise SystemExit", "os._exit(0)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_module_that_ends_the_process_is_data(sandbox, exit_call):
    text = f"import os\n\ndef f(name):\n    {exit_call}\n    os.system(name)  # sink\n"
    assert attack(sandbox, text, 78, budget=20).outcome is Outcome.INCONCLUSIVE


USES_SIBLING = """import os
import config

def ping(host):
    if config.allows(host):
        os.system("ping " + host)  # sink
"""

ALLOWS = "def allows(host): return True\n"

SIBLINGS = {
    "plain": "",
    "counts its uses": "USED = []\ndef allows(host): USED.append(1); return len(USED) == 1\n",
    "is slow": "import time\nwhile time.process_time() < 0.7: pass\n",
    "starts a thread": "import queue, threading\nWORK, DONE = queue.Queue(), queue.Queue()\n"
    "def work():\n    while True: DONE.put(WORK.get())\nthreading.Thread(target=work, daemon=True).start()\n"
    "def allows(host): WORK.put(1); return DONE.get(timeout=1) == 1\n",
    "keeps a file open": "import os, tempfile\nFILE = open(__file__)\ndef allows(host): return FILE.read(1) == 'i'\n",
    "writes a file": "open('lock', 'x').close()\nimport os\ndef allows(host): os.remove('lock'); return True\n",
    "leaves a child": "import os\nCHILD = os.fork() or os._exit(0)\n"
    "def allows(host): return os.waitpid(CHILD, 0)[0] == CHILD\n",
    "asks what is missing": "import missing_package\nSTRICT = bool(missing_package.strict)\n"
    "def allows(host): return not STRICT\n",
    "prints": "import sys\nOUT = sys.stdout\nprint('hello')\ndef allows(host): return OUT is sys.stdout\n",
    "knows its folder": "import os\nHERE = os.getcwd()\ndef allows(host): return os.getcwd() == HERE\n",
}
"""What a sibling does when it is imported, and how that shows later in every attempt of its own."""


@pytest.mark.parametrize("kind", SIBLINGS)
def test_every_attempt_finds_its_siblings_as_if_it_had_imported_them(kind, sandbox, tmp_path):
    (tmp_path / "config.py").write_text((ALLOWS if "def allows" not in SIBLINGS[kind] else "") + SIBLINGS[kind])
    (tmp_path / "module.py").write_text(USES_SIBLING)
    found = attack(sandbox, USES_SIBLING, 78, tmp_path)
    assert found.outcome is Outcome.CONFIRMED, found.reason


@pytest.mark.parametrize(("sibling", "outcome"), [
    ("import sys\nHOST = sys.argv[1]\n", Outcome.CONFIRMED),
    ("import shlex, sys\nHOST = shlex.quote(sys.argv[1])\n", Outcome.NEUTRALIZED),
    ("HOST = 'localhost'\n", Outcome.INCONCLUSIVE),
    ("import os\nos._exit(0)\n", Outcome.INCONCLUSIVE),
])  # fmt: skip
def test_what_a_sibling_reads_when_it_is_imported_is_an_input(sibling, outcome, sandbox, tmp_path):
    text = 'import os\nimport config\n\ndef ping():\n    os.system("ping " + config.HOST)  # sink\n'
    (tmp_path / "config.py").write_text(sibling)
    (tmp_path / "module.py").write_text(text)
    found = attack(sandbox, text, 78, tmp_path)
    assert found.outcome is outcome, found.reason


WHOLE = """import os

def run(command):
    {check}
    return os.system(command)  # sink
"""


def test_an_input_that_is_the_whole_command_is_confirmed_and_replays(sandbox):
    shown = attack(sandbox, WHOLE.format(check="command = command.strip()"), 78)
    assert shown.outcome is Outcome.CONFIRMED
    assert shown.evidence is not None
    assert (shown.evidence.payload, shown.evidence.by_caller) == ("CANARY plain", True)
    assert read_replay(sandbox.exec(replay_job(shown.replay))).worked


def test_a_whole_command_whose_program_is_not_the_senders_is_not(sandbox):
    for check in (
        "assert command.split()[0] in ('ls', 'date')",
        "command = 'echo ' + ''.join(c for c in command if c.isalnum())",
        "command = {'list': 'ls'}[command]",
    ):
        assert attack(sandbox, WHOLE.format(check=check), 78).outcome is not Outcome.CONFIRMED
