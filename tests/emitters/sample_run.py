"""Sample runs for tests of reports: one of every kind of result, in files that are awkward on purpose."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from bluecode_lint.core.fingerprint import fingerprints
from bluecode_lint.core.model import (
    NOT_RUN,
    UNJUDGED,
    Applicability,
    Artifact,
    Condition,
    Confidence,
    Confirmation,
    Constitution,
    Edit,
    Evidence,
    Finding,
    Fix,
    Judgment,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    Result,
    ResultKind,
    Retrieved,
    Rule,
    RuleKind,
    Run,
    Suppression,
    Verdict,
)
from bluecode_lint.sources.syntax import parse_python

APP = '''"""A small service. Ein Dienst, 小さなサービス."""

import hashlib
import os

from flask import Flask, request

from shop.store import find

app = Flask(__name__)


@app.get("/ping")
def ping():
    host = request.args["host"]
    greeting = "日本", os.system("ping -c 1 " + host)
    return greeting


@app.get("/item")
def item():
    return find(request.args["name"])


def etag(body):
    return hashlib.md5(body).hexdigest()


def clean(path):
    os.system("rm " + path)  # bluecode: ignore[os-command-injection] -- only called with constants
'''

STORE = """import sqlite3


def find(name):
    connection = sqlite3.connect("shop.db")
    return connection.execute(
        "select * from item where name = '"
        + name
        + "'",
    ).fetchall()


def load(blob):
    return safe_loads(blob)
"""

HELP = """\
A shell reads the whole string: `;`, `$()` and friends in it are commands.

## How to fix it

Pass a list, so that no shell is involved:

```python
subprocess.run(["ping", "-c", "1", host], check=True)
```

## More

Nothing else.
"""


def make_rule(slug: str, cwe: int, kind: RuleKind, level: Level, severity: float, **more: str) -> Rule:
    name = "".join(word.capitalize() for word in slug.split("-"))
    message = more.get("message", f"The code has a weakness of kind {slug}, which lets an attacker in")
    text = more.get("help", f"Do not write {slug}.")
    return Rule(f"bluecode/{slug}", name, cwe, kind, level, severity, "high", message, text, tags=("sample",))


COMMAND = make_rule("os-command-injection", 78, RuleKind.FLOW, Level.WARNING, 9.8, help=HELP)
QUERY = make_rule("sql-injection", 89, RuleKind.FLOW, Level.WARNING, 9.1)
HASH = make_rule("weak-hash", 328, RuleKind.POLICY, Level.NOTE, 5.3)
PICKLE = make_rule("unsafe-deserialization", 502, RuleKind.FLOW, Level.WARNING, 9.8)

PRINCIPLE = Constitution(
    id="cwe-78-01",
    domain="web",
    cwe=78,
    principle="Text from a request never becomes part of a shell's command line.",
    unsafe_when=(Condition("a request's value is concatenated into the command", "concatenates", ("os.system",)),),
    safe_when=(Condition("the command is a list and no shell is used"),),
    rationale="A shell has no quoting that every value survives.",
    provenance="pair cwe-78-a, verified by execution",
)

REPLAY = "print('the attack again')\n"


def make_artifact(uri: str, text: str) -> Artifact:
    return Artifact(
        uri, "python", text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), parse_python(text)
    )


def place(artifact: Artifact, needle: str, message: str = "") -> Location:
    """Locate the first occurrence of a text, as an analyzer would."""
    start = artifact.text.index(needle)
    before, through = artifact.text[:start], artifact.text[: start + len(needle)]
    region = Region(
        before.count("\n") + 1,
        start - before.rfind("\n"),
        through.count("\n") + 1,
        len(through) - through.rfind("\n"),
    )
    return Location(artifact.uri, region, message)


def make_finding(rule: Rule, artifact: Artifact, needle: str, message: str, **more) -> Finding:
    confidence = more.pop("confidence", Confidence.HIGH)
    location = place(artifact, needle)
    return Finding(rule.id, rule.cwe, location, message, confidence, snippet=needle, **more)


def make_result(finding: Finding, rule: Rule, level: Level, **more) -> Result:
    known = {
        "kind": ResultKind.FAIL,
        "reason": "suspected by static analysis",
        "confirmation": NOT_RUN,
        "verdict": UNJUDGED,
        "fingerprint": fingerprints([finding])[0],
    }
    return Result(finding=finding, rule=rule, level=level, **{**known, **more})


def make_run() -> Run:
    """Make a run with a proven and a suspected flow, a policy note, a suppressed result, a pass and two remarks."""
    app, store = make_artifact("shop/app.py", APP), make_artifact("shop/store.py", STORE)
    return Run(
        artifacts=(app, store),
        rules=(QUERY, HASH, PICKLE, COMMAND),
        results=(
            _proven(app),
            _policy(app),
            _suppressed(app),
            _suspected(app, store),
            _passed(store),
        ),
        notifications=(
            Notification(Level.NOTE, "file-too-large", "The file is larger than 1 MiB and was skipped", "data/big.py"),
            Notification(Level.WARNING, "suppression-unused", "Line 4: `# nosec` matched nothing.", "shop/app.py"),
        ),
        tool_version="0.1.0",
        statistics={"files": 12, "lines": 3456, "candidates": 7, "passed": 1, "suppressed": 1},
    )


def make_untrusted_run() -> Run:
    """Make a run without results in which an analyzer crashed: it must not look clean."""
    trouble = Notification(Level.ERROR, "analyzer-crashed", "semgrep crashed: exit code 2")
    return replace(make_run(), results=(), artifacts=(), notifications=(trouble,))


def make_clean_run() -> Run:
    return replace(make_run(), results=(), artifacts=(), notifications=(), statistics={"files": 12, "lines": 3456})


def _proven(app: Artifact) -> Result:
    sink = 'os.system("ping -c 1 " + host)'
    finding = make_finding(
        COMMAND,
        app,
        sink,
        "Request data becomes part of a shell command, which lets an attacker run any program",
        aliases=("bandit:B605", "semgrep:os-command-injection"),
        code_flow=(
            place(app, 'request.args["host"]', "Request data enters here"),
            place(app, "host", "It is kept in `host`"),
            place(app, sink, "It reaches the shell"),
        ),
        related=(place(app, "def ping():", "In the function `ping`"),),
    )
    return make_result(
        finding,
        COMMAND,
        Level.ERROR,
        reason="confirmed by execution",
        confirmation=Confirmation(
            Outcome.CONFIRMED,
            probe="command",
            evidence=Evidence(
                entry="GET /ping?host=[payload](1)",
                payload="127.0.0.1; touch canary-4f1d\n\x1b[31m",
                effect="the canary command ran: canary-4f1d exists",
            ),
            replay=REPLAY,
            sandbox="landlock",
            runs=6,
        ),
        verdict=Verdict(
            Judgment.UNSAFE,
            Confidence.HIGH,
            "The value of `host` is concatenated into the command.",
            cited=("cwe-78-01",),
            reasoner="offline",
        ),
        retrieved=(Retrieved(PRINCIPLE, 0.8312345678),),
    )


def _policy(app: Artifact) -> Result:
    message = "MD5 is broken: two inputs with the same digest are made in seconds"
    finding = make_finding(HASH, app, "hashlib.md5(body)", message, aliases=("bandit:B324",))
    words = "Say that the digest protects nothing"
    end = finding.location.region.end_column - 1
    edit = Edit(replace(finding.location.region, start_column=end, end_column=end), ", usedforsecurity=False")
    return make_result(finding, HASH, Level.NOTE, fix=Fix(words, Applicability.SAFE, (edit,)))


def _suppressed(app: Artifact) -> Result:
    finding = make_finding(COMMAND, app, 'os.system("rm " + path)', "A parameter becomes part of a shell command")
    accepted = Suppression("inSource", "only called with constants")
    return make_result(finding, COMMAND, Level.WARNING, suppressions=(accepted,))


def _suspected(app: Artifact, store: Artifact) -> Result:
    sink = STORE[STORE.index("connection.execute(") : STORE.index(".fetchall")]
    finding = make_finding(
        QUERY,
        store,
        sink,
        "Request data becomes part of an SQL statement, which lets an attacker read and change every row",
        code_flow=(
            place(app, 'request.args["name"]', "Request data enters here"),
            place(app, 'find(request.args["name"])', "It is passed to `find`"),
            place(store, "name", "It arrives as `name`"),
            place(store, sink, "It reaches the database"),
        ),
    )
    inconclusive = Confirmation(
        Outcome.INCONCLUSIVE, probe="query", reason="the sink was not reached", sandbox="landlock"
    )
    fix = Fix("Hand the value over [here](1)", Applicability.UNSAFE, (Edit(finding.location.region, "é\n\x1b[2J<b>"),))
    return make_result(finding, QUERY, Level.WARNING, confirmation=inconclusive, fix=fix)


def _passed(store: Artifact) -> Result:
    finding = make_finding(PICKLE, store, "safe_loads(blob)", "Data is unpickled", confidence=Confidence.LOW)
    return make_result(
        finding,
        PICKLE,
        Level.NONE,
        kind=ResultKind.PASS,
        reason="judged safe, and every attack was inert",
        confirmation=Confirmation(Outcome.NEUTRALIZED, probe="deserialization", sandbox="landlock", runs=4),
        verdict=Verdict(Judgment.SAFE, Confidence.MEDIUM, "The loader knows plain data only.", reasoner="offline"),
    )
