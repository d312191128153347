"""``bluecode-lint redteam`` as its users run it: real pairs, the real sandbox, the real scanner."""

from __future__ import annotations

import json
import subprocess
import sys


def redteam(folder, *arguments):
    command = [sys.executable, "-m", "bluecode_lint", "redteam", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder, check=False)


def test_variants_are_proven_counted_written_and_repeatable(tmp_path):
    chosen = ("code", "--static", "--cwe", "89", "--cwe", "CWE-328", "--budget", "8", "--rounds", "2", "--seed", "3")
    first = redteam(tmp_path, *chosen, "-o", "a.jsonl", "--html", "a.html", "--propose", "p.jsonl")
    assert first.returncode == 0, first.stderr
    rows = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["cwe"] for row in rows} == {89, 328}
    assert any(row["moves"] for row in rows)
    assert all(row["seen"] is not None for row in rows if not row["doubt"])
    assert sum(not row["doubt"] for row in rows) > len(rows) / 2
    assert "CWE-89" in first.stdout
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "CWE-328" in page

    again = redteam(tmp_path, *chosen, "-o", "b.jsonl", "--resume", "a.jsonl")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "b.jsonl").read_bytes() == (tmp_path / "a.jsonl").read_bytes()
    assert again.stdout == first.stdout

    whole = (tmp_path / "a.jsonl").read_bytes()
    (tmp_path / "a.jsonl").write_bytes(whole[: len(whole) * 2 // 3])  # killed while it wrote
    gone_on = redteam(tmp_path, *chosen, "-o", "a.jsonl", "--resume", "a.jsonl")
    assert gone_on.returncode == 0, gone_on.stderr
    assert (tmp_path / "a.jsonl").read_bytes() == whole

    evaded = [row for row in rows if row["moves"] and row["seen"] and not row["seen"]["reported"]]
    proposed = (tmp_path / "p.jsonl").read_text(encoding="utf-8").splitlines()
    assert bool(proposed) == bool(evaded)
    for line in proposed:
        assert json.loads(line)["generator"]["parent"].startswith("cwe-")


def test_the_loop_measures_fresh_variants_before_and_after_each_round(tmp_path):
    chosen = ("code", "--static", "--cwe", "78", "--cwe", "117", "--budget", "8", "--rounds", "2", "--loop")
    answer = redteam(tmp_path, *chosen, "--html", "loop.html")
    assert answer.returncode == 0, answer.stderr
    head, *points = answer.stdout.partition("rounds folded in")[2].splitlines()
    assert head.split("  ")[-1].strip() == "other programs"
    assert [line.split()[0] for line in points] == ["0", "1", "2"]
    counts = [[int(cell.partition("/")[2]) for cell in line.split()[1:] if "/" in cell] for line in points]
    assert counts[0] == counts[1] == counts[2]
    assert all(counts[0])
    assert "Held-out moves" in (tmp_path / "loop.html").read_text(encoding="utf-8")


def test_instructions_are_rewritten_without_a_sandbox(tmp_path):
    answer = redteam(tmp_path, "text", "--budget", "24", "--rounds", "2", "-o", "t.jsonl")
    assert answer.returncode == 0, answer.stderr
    rows = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 24
    assert {row["kind"] for row in rows} == {"text"}
    assert {row["strategy"] for row in rows} == {"seed-based", "policy-based"}


def test_what_cannot_be_done_is_said(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"id": 1}\n', encoding="utf-8")
    for arguments, words in (
        (("--cwe", "99999"), "no proven pair"),
        (("text", "--resume", "bad.jsonl"), "holds no records"),
        (("text", "--resume", "missing.jsonl"), "missing.jsonl"),
        (("text", "--budget", "2", "-o", "nowhere/x.jsonl"), "cannot be written"),
        (("--budget", "-1"), "whole number"),
    ):
        answer = redteam(tmp_path, *arguments)
        assert answer.returncode == 2, arguments
        assert words in answer.stderr, arguments
        assert "Traceback" not in answer.stderr
