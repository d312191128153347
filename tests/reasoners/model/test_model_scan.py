"""A scan with a scripted model, from the command line: what is sent, what is reported, and that both repeat."""

import json

import pytest

from bluecode_lint.cli.app import run
from bluecode_lint.core.errors import ExitCode

pytestmark = pytest.mark.online
VIEWS = '''\
"""Written by hunter2-docstring."""
import base64
import json
import os

from flask import Flask, request

app = Flask(__name__)
API_KEY = "hunter2-constant-of-the-module"  # hunter2-comment


class Store:
    def __init__(self, settings):
        if settings["version"] * 7 != 294 or not settings["region"].startswith("eu-"):
            raise ValueError("bad settings, and the key is " + API_KEY)
        self.ready = True

    def archive(self, envelope):
        if self.ready is not True:
            raise ValueError("not ready")
        os.system("tar cf /dev/null " + json.loads(base64.b64decode(envelope))["name"])


@app.route("/invoice/<int:number>", methods=["DELETE"])
def remove(number):
    """Ask for hunter2-docstring."""
    invoice = Invoice.query.get(number)
    db.session.delete(invoice)
    return "gone"
'''
WAY_IN = """\
def attack(lab):
    store = lab.call("Store", {"version": 42, "region": "eu-1"})
    store.archive(lab.base64(lab.json({"name": lab.hostile})))
"""
SUSPICION = {
    "function": "R1",
    "cwe": 862,
    "file": "views.py",
    "line": 28,
    "quote": "db.session.delete(invoice)",
    "attack": "Anybody deletes any invoice.",
    "missing": "A check of the owner.",
}


def model(stage, tests):
    """Answer as one that writes ``tests`` in turn, suspects one function, and finds everything unsafe."""
    left = list(tests)

    def answer(body):
        system = body["messages"][0]["content"]
        if system.startswith("You write a test"):
            said = {"way": "By the constructor.", "test": left.pop(0) if left else ""}
        elif system.startswith("You review"):
            said = {"suspicions": [SUSPICION]}
        else:
            said = {"verdicts": []}
        return stage.Answer(200, stage.completion(json.dumps(said)))

    return answer


@pytest.fixture
def scan(server, tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "views.py").write_text(VIEWS, encoding="utf-8")

    def go(*more):
        arguments = [
            "scan",
            str(folder),
            "--isolated",
            "-q",
            "-j1",
            "--llm-model",
            "tiny",
            "--llm-base-url",
            server.url,
        ]
        return run([*arguments, "--cache-dir", str(tmp_path / "cache"), *more])

    return go


def results_of(file):
    return json.loads(file.read_text(encoding="utf-8"))["results"]


def test_an_experiment_after_a_failed_one_proves_what_no_attack_did_and_secrets_stay(stage, server, scan, tmp_path):
    server.script = [model(stage, [WAY_IN.replace("42", "41"), WAY_IN])]
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    assert scan("--review", "-f", f"json={first}") == ExitCode.RESULTS
    proven = [r for r in results_of(first) if r["confirmation"]["outcome"] == "confirmed"]
    assert [r["level"] for r in proven] == ["error"]
    assert json.loads(first.read_text(encoding="utf-8"))["statistics"]["confirmed"] == 1
    assert "an experiment by the model: r1 = Store" in proven[0]["confirmation"]["evidence"]["entry"]
    opinion = next(r for r in results_of(first) if "model:review" in r["aliases"])
    assert opinion["level"] in {"note", "warning"}
    assert opinion["reason"] == "a model's opinion, which nothing has shown"
    kinds = {json.loads(body)["messages"][0]["content"][:8] for body in server.requests}
    assert kinds == {"You revi", "You writ"}  # a proof is not asked about, nor an opinion
    assert any("bad settings, and the key is" in body for body in server.requests)  # the error was told
    assert not any("hunter2" in body for body in server.requests)
    sent = len(server.requests)
    assert scan("--review", "-f", f"json={second}") == ExitCode.RESULTS
    assert results_of(second) == results_of(first)
    assert len(server.requests) == sent


@pytest.mark.parametrize("name", ["text", "json", "sarif", "github", "html"])
def test_the_receipt_stands_in_every_format(stage, server, scan, tmp_path, name):
    server.script = [model(stage, [])]
    file = tmp_path / "report"
    scan("--no-exec", "-f", f"{name}={file}")
    text = " ".join(file.read_text(encoding="utf-8").split())
    assert "tiny at 127.0.0.1 was asked" in text
    assert "100 + 50 tokens, $0.0000" in text


def test_an_estimate_counts_reviews_and_tests_and_sends_nothing(stage, server, scan, capsys):
    server.script = [model(stage, [])]
    scan("--review", "--estimate", "--show-prompts")
    said = capsys.readouterr().err
    assert "would take 3 calls for" in said
    assert all(words in said for words in ("You write a test", "You review Python", "You judge findings"))
    assert server.requests == []
