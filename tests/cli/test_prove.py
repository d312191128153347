"""`prove` on real files, through the command line, in a real sandbox."""

from __future__ import annotations

import json

import pytest

from bluecode_lint.cli.app import run

VIEWS = """
import os
from flask import Flask, request

app = Flask(__name__)


@app.get("/ping")
def ping():
    os.system("ping -c 1 " + request.args["host"])
    return ""


class Tools:
    def show(self, name):
        os.system("file " + name.translate({code: "_" for code in range(128) if not chr(code).isalnum()}))
"""


@pytest.fixture
def views(tmp_path):
    path = tmp_path / "views.py"
    path.write_text(VIEWS)
    return path


def prove(capsys, *argv):
    code = run(["prove", "--isolated", *map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_confirmed_attack_is_told_attempt_by_attempt(views, capsys):
    before = views.read_bytes()
    code, out, _ = prove(capsys, f"{views}:ping")
    assert code == 1
    assert "GET /ping" in out
    assert 'query parameter "host": plain; CANARY #' in out
    assert "confirmed (" in out
    assert "Tools" not in out
    assert views.read_bytes() == before


def test_a_method_that_holds_is_no_result(views, capsys):
    code, out, _ = prove(capsys, f"{views}:Tools.show")
    assert code == 0
    assert "0 confirmed" in out


def test_the_json_account_has_every_attempt(views, capsys):
    code, out, _ = prove(capsys, views, "--format", "json")
    rows = json.loads(out)
    assert code == 1
    (proven,) = [row for row in rows if row["outcome"] == "confirmed"]
    assert proven["cwe"] == 78
    assert len(proven["attempts"]) == proven["executions"] > 3
    assert {"reached": True, "ended": ""}.items() <= proven["attempts"][-1].items()
    compile(proven["replay"], "replay", "exec")


def test_a_file_without_suspicions_is_said_to_have_none(tmp_path, capsys):
    (tmp_path / "calm.py").write_text("def add(a, b):\n    return a + b\n")
    assert prove(capsys, tmp_path / "calm.py")[:2] == (0, "Nothing is suspected here, so nothing was attacked.\n")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nothing.py", "no such file"),
        ("views.py:pign", "Did you mean ping?"),
        (".", "prove attacks one file"),
    ],
)
def test_a_wrong_target_is_a_usage_error(views, target, words, capsys, monkeypatch):
    monkeypatch.chdir(views.parent)
    code, out, err = prove(capsys, target)
    assert (code, out) == (2, "")
    assert words in err


def test_only_text_and_json_are_written(views, capsys):
    code, _, err = prove(capsys, views, "--format", "sarif")
    assert code == 2
    assert "prove writes text or json" in err


def test_a_syntax_error_loses_no_other_suspicion(tmp_path, capsys):
    path = tmp_path / "broken.py"
    path.write_text(VIEWS + "\n\ndef broken(:\n    pass\n")
    code, out, _ = prove(capsys, path)
    assert code == 0
    assert "inconclusive: the module does not parse: SyntaxError" in out
