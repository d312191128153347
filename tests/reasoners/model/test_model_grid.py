"""`evals code` with a model: what each mode changes, beside what it costs, from one set of findings."""

import json

import pytest

from bluecode_lint.cli.app import run
from bluecode_lint.core.errors import ExitCode
from bluecode_lint.evals import LabelledCase, Trial, change_between, grid_text, score

pytestmark = pytest.mark.online
CASES = tuple(LabelledCase(name, f"{name}.py", name in "ab", (cwe,)) for name, cwe in zip("abcd", (78, 89, 78, 89), strict=True))  # fmt: skip
MODES = ["direct", "reminder", "exemplars", "constitutions", "full"]


def test_lost_and_removed_stand_side_by_side_and_knowledge_is_told_apart():
    before = score("offline", CASES, {"a.py": [78], "c.py": [78], "d.py": [89]})
    after = score("full", CASES, {"b.py": [89], "d.py": [89]})
    change = change_between(before, after)
    assert (change.lost_tp, change.removed_fp, change.gained_tp, change.new_fp) == (("a",), ("c",), ("b",), ())
    text = grid_text([Trial(after, change, calls=3, kept=1, tokens=400, micro_usd=2000)], seen={78})
    numbers = next(line for line in text.splitlines() if line.startswith("full")).split()
    assert numbers == ["full", "1", "1", "1", "0", "3", "1", "100", "0.00050"]
    with_knowledge, without = text.split("CWEs with knowledge")[1].split("CWEs without")
    assert with_knowledge.split()[:5] == ["full", "0", "0", "1", "1"]
    assert without.split()[:5] == ["full", "1", "1", "0", "0"]
    assert "unknown" in grid_text([Trial(after, change, 3, 0, 400, None)], seen=())


@pytest.fixture
def suite(tmp_path):
    safe = "import os\nfrom tidy import tidy\nfrom flask import request\n\n\ndef f():\n    os.system('ls ' + tidy(request.args['n']))\n"
    bad = safe.replace("tidy(request.args['n'])", "request.args['n']")
    (tmp_path / "bad.py").write_text(bad)
    (tmp_path / "good.py").write_text(safe)
    cases = [{"id": n, "path": f"{n}.py", "vulnerable": n == "bad", "cwe": [78]} for n in ("bad", "good")]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, cases)))
    return tmp_path


def test_a_grid_asks_in_every_mode_and_attacks_once(stage, server, suite, tmp_path, capsys):
    server.script = [lambda _body: stage.Answer(200, stage.completion('{"verdicts": []}'))]
    arguments = ["evals", "code", str(suite), "--no-exec", "-q", "-j1", "--llm-model", "m"]
    arguments += ["--llm-base-url", server.url]
    arguments += ["--cache-dir", str(tmp_path / "cache")]
    assert run([*arguments, "--grid", "-f", "json"]) == ExitCode.CLEAN
    rows = json.loads(capsys.readouterr().out)
    assert [row["tool"] for row in rows] == ["bluecode-lint", *MODES]
    asked = [json.loads(body)["messages"][1]["content"] for body in server.requests]
    assert len(asked) == 2 * (len(MODES) - 1)  # without executions, `full` asks what `constitutions` did
    assert sum("What is looked for" in text for text in asked) == 6
    assert sum("Examples, reviewed by people" in text for text in asked) == 2
    assert [row["tokens_per_case"] for row in rows[1:]] == [150, 150, 150, 150, 0]
    assert all(row["lost_tp"] == [] and row["usd_per_case"] == 0 for row in rows[1:])
    assert run([*arguments, "--reasoner-mode", "direct"]) == ExitCode.CLEAN
    line = capsys.readouterr().out.split("lost TP")[1].splitlines()[1].split()
    assert line == ["direct", "0", "0", "0", "0", "0", "2", "0", "0.00000"]  # kept from the grid


def test_a_grid_without_a_model_is_an_error(suite, capsys):
    assert run(["evals", "code", str(suite), "--grid"]) == ExitCode.ERROR
    assert "a grid needs a model" in capsys.readouterr().err
