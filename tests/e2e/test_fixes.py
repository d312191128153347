"""``--fix``, ``--unsafe-fixes`` and ``--diff`` of the installed command, on real files."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

SCHEMA = Path(__file__).parents[1] / "data" / "sarif-schema-2.1.0.json"

APP = '''"""A depot."""

from __future__ import annotations

import sqlite3

import requests
import yaml
from flask import Flask, jsonify, request

app = Flask(__name__)


@app.post("/settings")
def settings():
    loaded = yaml.load(request.data, Loader=yaml.Loader)
    return jsonify(count=len(loaded or ()))


@app.get("/items")
def items():
    rows = sqlite3.connect("depot.db").execute(f"SELECT id FROM item WHERE name = '{request.args['name']}'")
    return jsonify([row[0] for row in rows])


def fetch():
    return requests.get("https://depot.example/prices", verify=False, timeout=5)
'''
SAFE = APP.replace("yaml.load(request.data, Loader=yaml.Loader)", "yaml.safe_load(request.data)").replace(
    "f\"SELECT id FROM item WHERE name = '{request.args['name']}'\"",
    "\"SELECT id FROM item WHERE name = ?\", (request.args['name'],)",
)
BOTH = SAFE.replace(", verify=False", "")


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "depot"
    root.mkdir()
    (root / "app.py").write_bytes(APP.encode())
    (root / "crlf.py").write_bytes(
        "# coding: latin-1\r\nimport random\r\n\r\n\r\ndef make_token(é):\r\n    return random.choice(é)\r\n".encode(
            "latin-1"
        )
    )
    (root / "mark.py").write_bytes(
        b"\xef\xbb\xbfimport yaml\n\n\ndef read(f):\n    return yaml.load(f, Loader=yaml.Loader)\n"
    )
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=root, check=True)
    return root


def contents(root):
    return {path.name: path.read_bytes() for path in root.glob("*.py")}


def test_fix_is_attacked_again_and_written_as_it_was_encoded(command_line, repository):
    before = command_line.scan(".", cwd=repository)
    assert "fixable with --fix" in before.stdout
    jsonschema.validate(before.sarif, json.loads(SCHEMA.read_bytes()))
    changes = [
        change
        for r in before.sarif["runs"][0]["results"]
        for f in r.get("fixes", ())
        for change in f["artifactChanges"]
    ]
    assert {change["artifactLocation"]["uri"] for change in changes} == {"app.py", "crlf.py", "mark.py"}

    done = command_line.scan(".", "--fix", cwd=repository)
    written = contents(repository)
    assert written["app.py"].decode() == SAFE
    assert written["mark.py"] == b"\xef\xbb\xbfimport yaml\n\n\ndef read(f):\n    return yaml.safe_load(f)\n"
    assert written["crlf.py"].startswith(b"# coding: latin-1\r\nimport random\r\nimport secrets\r\n")
    assert b"secrets.choice(\xe9)\r\n" in written["crlf.py"]
    assert done.json["statistics"]["fixed"] == 4
    assert "attacked again" in done.stdout
    assert [r.rule for r in done.results] == ["bluecode/disabled-certificate-validation"]
    assert done.code == 1

    done = command_line.scan(".", "--fix", "--unsafe-fixes", cwd=repository)
    assert contents(repository)["app.py"].decode() == BOTH
    assert (done.code, done.results) == (0, [])


def test_diff_shows_a_patch_and_changes_nothing(command_line, repository):
    untouched = contents(repository)
    done = command_line.run("scan", ".", "--no-exec", "--diff", "-q", cwd=repository)
    assert done.code == 1
    assert contents(repository) == untouched
    assert done.stdout.startswith("--- app.py\n+++ app.py\n@@ ")
    patch = subprocess.run(
        ["git", "apply", "-p0", "--include=app.py", "-"], cwd=repository, input=done.stdout.encode(), check=False
    )
    assert patch.returncode == 0
    assert contents(repository)["app.py"].decode() == SAFE
    shown = command_line.run("scan", "app.py", "--no-exec", "--diff", "-q", cwd=repository)
    assert (shown.code, shown.stdout) == (0, "")
    shown = command_line.run("scan", "app.py", "--no-exec", "--diff", "--fix", "--unsafe-fixes", "-q", cwd=repository)
    assert shown.code == 1
    assert "-    return requests.get" in shown.stdout
    assert contents(repository)["app.py"].decode() == SAFE


def test_standard_input_comes_back_fixed(command_line, repository):
    done = command_line.run("scan", "-", "--no-exec", "--fix", cwd=repository, stdin=APP.encode())
    assert done.stdout == SAFE
    assert "disabled-certificate-validation" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fix", "--staged"), "--fix changes files, and --staged looks at git's index"),
        (("--fix", "--baseline", "b.jsonl", "--update-baseline"), "cannot be combined with --fix or --diff"),
    ],
)
def test_contradictions_are_refused(command_line, repository, arguments, words):
    done = command_line.run("scan", ".", *arguments, cwd=repository)
    assert done.code == 2
    assert words in done.stderr


def test_links_and_read_only_files_are_left_alone_and_said(command_line, repository, tmp_path):
    outside = tmp_path / "outside.py"
    outside.write_text(APP)
    (repository / "app.py").unlink()
    (repository / "app.py").symlink_to(outside)
    (repository / "mark.py").chmod(0o444)
    done = command_line.scan("app.py", "mark.py", "--no-exec", "--fix", cwd=repository)
    assert outside.read_text() == APP
    if os.geteuid():
        assert done.code == 2
        assert ("file-not-written", "error", "mark.py") in done.notifications
