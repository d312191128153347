"""The knowledge base from the command line: looked at, proven again, extended, and kept from what is no knowledge."""

from __future__ import annotations

import json

import pytest

from bluecode_lint.cli.app import run
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.pairs import line_from_pair, load_pairs, pair_files

ROOT = rules_root()


@pytest.fixture(scope="module")
def shipped():
    return {pair.id: pair for pair in load_pairs(pair_files(ROOT), ROOT / "schema")}


def call(capsys, *argv):
    code = run([*map(str, argv)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


NEW = {
    "id": "cwe-078-du-of-a-folder", "cwe": 78, "title": "The size of a folder is asked of a shell",
    "scenario": "A page shows how much room a user's folder takes.", "policy": "No user text in a shell command.",
    "unsafe_code": "import subprocess\n\n\ndef room(folder):\n    return subprocess.getoutput(f'du -s {folder} | cut -f1')\n",
    "safe_code": "import subprocess\n\n\ndef room(folder):\n    done = subprocess.run(['du', '-s', '--', folder], "
    "capture_output=True, text=True)\n    return done.stdout.partition('\\t')[0]\n",
    "entry": "room",
    "tests": {
        "capability": "import os\nos.mkdir('d')\nassert subject.room('d').strip().isdigit()\n",
        "safety": "import os\nerror_of(subject.room, 'd; touch canary')\nassert not os.path.exists('canary')\n",
    },
    "framework": "stdlib", "generator": {"strategy": "authored"}, "license": "Apache-2.0",
    "verification": {"outcome": "unverified", "ran": "not yet"},
}  # fmt: skip


def add(capsys, tmp_path, *entries):
    file = tmp_path / "new.jsonl"
    file.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in entries))
    return call(capsys, "kb", "add", file, "--to", tmp_path / "own")


def test_list_show_and_export_agree(shipped, capsys):
    _, listed, _ = call(capsys, "kb", "list", "--cwe", "CWE-78")
    ids = [line.split()[0] for line in listed.splitlines()]
    assert ids == [pair.id for pair in shipped.values() if pair.cwe == 78]
    assert "Unsafe:" in call(capsys, "kb", "show", ids[0])[1]
    exported = call(capsys, "kb", "export", "--cwe", "78")[1].splitlines()
    assert exported == [line_from_pair(shipped[pair_id]) for pair_id in ids]


def test_stats_count_pairs_and_structures(shipped, capsys):
    _, out, _ = call(capsys, "kb", "stats")
    assert f"{len(shipped)} pairs" in out.splitlines()[-1]
    _, measured, _ = call(capsys, "kb", "stats", "--cwe", "89", "--retrieval")
    assert "hit@3" in measured


def test_a_sample_is_proven_again(capsys):
    code, out, _ = call(capsys, "kb", "verify", "--sample", "2")
    assert (code, out.split(" pairs hold")[0]) == (0, "2 of 2")


def test_a_proven_pair_is_added_marked_and_found(tmp_path, capsys):
    code, out, _ = add(capsys, tmp_path, NEW)
    assert (code, "proven, added to" in out) == (0, True)
    (stored,) = load_pairs(pair_files(tmp_path / "own"), ROOT / "schema")
    assert stored.is_verified
    assert NEW["id"] in call(capsys, "kb", "list", "--knowledge", tmp_path / "own")[1]
    assert "there is a pair of this id already" in add(capsys, tmp_path, NEW)[1]


PRINCIPLE = """\
constitutions:
  - id: house-shell
    domain: code
    cwe: 78
    principle: Ask the file system how large a folder is, not a shell.
    unsafe_when: [{words: A shell is asked, predicate: calls, arguments: [subprocess.getoutput]}]
    safe_when: [{words: No shell is asked, predicate: calls, arguments: [os.scandir]}]
    rationale: The house has been bitten.
    examples: [cwe-078-du-of-a-folder]
    provenance: written by the house
"""


def test_a_scan_judges_by_the_users_own_knowledge_too(tmp_path, capsys):
    add(capsys, tmp_path, NEW)
    own = tmp_path / "own"
    (own / "constitutions").mkdir()
    (own / "constitutions" / "house.yaml").write_text(PRINCIPLE)
    code = tmp_path / "app.py"
    code.write_text(
        "import subprocess\n\n\ndef size(folder):\n    return subprocess.getoutput(f'du -s {folder} | cut -f1')\n"
    )
    scan = ("scan", code, "--no-exec", "--isolated", "-q")
    assert "Ask the file system" not in call(capsys, *scan)[1]
    assert "Ask the file system" in call(capsys, *scan, "--knowledge", own)[1]
    (own / "constitutions" / "again.yaml").write_text(PRINCIPLE)
    status, _, said = call(capsys, *scan, "--knowledge", own)
    assert (status, "house-shell is given twice" in said) == (2, True)
    assert "has neither knowledge/code" in call(capsys, *scan, "--knowledge", tmp_path / "own" / "knowledge")[2]
    (own / "constitutions" / "again.yaml").write_text(PRINCIPLE.replace("house-shell", "cwe-078-shell-keyword-built"))
    assert "is given by two directories" in call(capsys, *scan, "--knowledge", own)[2]
    assert "no such knowledge directory" in call(capsys, *scan, "--knowledge", tmp_path / "none")[2]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"unsafe_code": NEW["safe_code"].replace("done", "made")}, "unsafe.safety passed instead of failed"),
        ({"cwe": 89}, "names another CWE"),
        ({"safe_code": NEW["unsafe_code"]}, "the two sides are the same"),
        ({"surprise": 1}, "surprise"),
        ({"safe_code": "import os\nos.kill(os.getppid(), 9)\n"}, "not proven"),
        ({"title": "x" * 2_000_000}, "longer than"),
    ],
    ids=["unsafe side is safe", "wrong CWE", "twins", "unknown field", "attacks its judge", "too long"],
)
def test_what_is_no_knowledge_is_refused_and_named(change, why, tmp_path, capsys):
    code, out, _ = add(capsys, tmp_path, {**NEW, **change}, "no json at all")
    assert code == 1
    assert out.count("refused: ") == 2
    assert why in out
    assert not (tmp_path / "own").exists()


def test_a_near_duplicate_of_a_shipped_pair_is_refused(shipped, tmp_path, capsys):
    known = json.loads(line_from_pair(shipped["cwe-078-archive-cli"]))
    renamed = known["unsafe_code"].replace("directory", "folder").replace("archive", "pack")
    known |= {"id": "cwe-078-renamed-twin", "unsafe_code": renamed}
    assert "has the structure of cwe-078-archive-cli" in add(capsys, tmp_path, known)[1]


def test_every_principle_tells_its_examples_apart(capsys):
    code, out, _ = call(capsys, "constitution", "check")
    assert code == 0
    assert out.endswith(" 0 problems\n")


def test_principles_are_proposed_with_their_measured_effect(capsys):
    code, out, _ = call(capsys, "constitution", "distill", "--cwe", "CWE-502")
    assert code == 0
    assert "told_apart:" in out
    assert "provenance: distilled by contrast, not yet reviewed" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("kb", "show", "nothing"), "has no pair 'nothing'"),
        (("kb", "list", "--knowledge", "nowhere"), "no such knowledge directory"),
        (("kb", "list", "--cwe", "abc"), "whole number"),
        (("kb", "add", "gone.jsonl", "--to", "own"), "gone.jsonl"),
    ],
)
def test_wrong_arguments_are_errors(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *argv)
    assert code == 2
    assert words in err
