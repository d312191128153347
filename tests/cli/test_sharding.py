"""`scan --shard` and `merge`: the same report, byte for byte, however a scan is cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bluecode_lint.cli import app
from bluecode_lint.core.errors import ExitCode

DEMO = Path(__file__).parents[1] / "data" / "demo_app"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def scan(tmp_path, monkeypatch, kept):
    """Scan the demo application; what is kept of one scan serves the next."""
    monkeypatch.delenv("BLUECODE_NO_CACHE")
    monkeypatch.setenv("BLUECODE_CACHE_DIR", str(kept))

    def run(name, *options, tree=DEMO):
        path = tmp_path / f"{name}.sarif"
        arguments = ["scan", "--isolated", "-q", "--fail-on", "never", "-f", f"sarif={path}", *options, str(tree)]
        assert app.run(arguments) == ExitCode.CLEAN
        return path

    return run


def cut(scan, of, *options):
    return [scan(f"{n}-of-{of}", "--shard", f"{n}/{of}", *options) for n in range(1, of + 1)]


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_what_the_shards_report_is_what_the_whole_scan_reports(scan, tmp_path, of):
    whole, merged = scan("whole"), tmp_path / "merged.sarif"
    assert b"confirmed" in whole.read_bytes()
    shards = cut(scan, of)
    assert app.run(["merge", *map(str, reversed(shards)), "-o", str(merged)]) == ExitCode.RESULTS
    assert merged.read_bytes() == whole.read_bytes()


def test_data_that_crosses_into_another_shard_is_followed(scan, tmp_path, capsysbinary):
    tree = tmp_path / "tree"
    tree.mkdir()
    for n in range(6):
        (tree / f"run{n}.py").write_text("import os\n\n\ndef run(what):\n    os.system('ls ' + what)\n")
        (tree / f"main{n}.py").write_text(
            f"import requests\nimport reqeusts\nfrom flask import Flask, request\n\nfrom run{n} import run\n\n"
            "app = Flask(__name__)\n\n\n@app.get('/')\ndef view():\n    run(request.args['a'])\n    return ''\n"
            "x = 1  # nosec\n"
        )
    whole = scan("whole", "--no-exec", tree=tree)
    assert len(json.loads(whole.read_text())["runs"][0]["results"]) >= 6
    shards = [scan(f"s{n}", "--no-exec", "--shard", f"{n}/5", tree=tree) for n in range(1, 6)]
    assert app.run(["merge", "--fail-on", "never", *map(str, shards)]) == ExitCode.CLEAN
    assert capsysbinary.readouterr().out == whole.read_bytes()


def test_a_missing_shard_is_an_error_unless_a_part_is_wanted(scan, capsys):
    first, _second, third = map(str, cut(scan, 3, "--no-exec"))
    assert app.run(["merge", first, third]) == ExitCode.ERROR
    assert "shard 2/3 is missing" in capsys.readouterr().err
    assert app.run(["merge", "--partial", "--fail-on", "never", first, third]) == ExitCode.CLEAN
    assert "1 of 3 shards are missing: 2." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--no-exec", "--min-severity", "error"), "the settings differ"),
        (("--no-exec", "--shard", "1/2"), "both shard 1/2"),
    ],
)
def test_shards_of_different_scans_are_refused(scan, capsys, options, complaint):
    first = scan("first", "--no-exec", "--shard", "1/2")
    second = scan("second", "--shard", "2/2", *options)
    assert app.run(["merge", str(first), str(second)]) == ExitCode.ERROR
    assert complaint in capsys.readouterr().err


def test_what_cannot_be_merged_is_said(scan, tmp_path, capsys):
    whole, garbage = scan("whole", "--no-exec"), tmp_path / "garbage.sarif"
    garbage.write_text("{")
    for reports, complaint in (
        ([whole], "is not of a shard"),
        ([whole, whole], "given twice"),
        ([garbage], "cannot read"),
        ([tmp_path / "nothing.sarif"], "No such file"),
    ):
        assert app.run(["merge", *map(str, reports)]) == ExitCode.ERROR
        assert complaint in capsys.readouterr().err
    (damaged,) = cut(scan, 1, "--no-exec")
    log = json.loads(damaged.read_text())
    log["runs"][0]["results"] = [{"level": "error"}]
    damaged.write_text(json.dumps(log))
    assert app.run(["merge", str(damaged)]) == ExitCode.ERROR
    assert "is damaged" in capsys.readouterr().err


def test_a_share_is_spelled_and_used_as_it_must_be(tmp_path, capsys):
    for options, complaint in (
        (("--shard", "3/2"), "--shard must be I/N"),
        (("--shard", "1/2", "--baseline", "b", "--update-baseline"), "cannot be combined with --shard"),
    ):
        assert app.run(["scan", "--isolated", *options, str(DEMO)]) == ExitCode.ERROR
        assert complaint in capsys.readouterr().err


def test_the_files_of_the_shares_are_all_files(capsys):
    def files(*options):
        app.run(["scan", "--isolated", "--show-files", *options, str(DEMO)])
        return capsys.readouterr().out.splitlines()

    assert sorted(files("--shard", "1/2") + files("--shard", "2/2")) == sorted(files())
    assert files("--shard", "1/2")
