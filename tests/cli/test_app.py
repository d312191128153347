"""The command line in one process: what each command prints, and the code it ends with."""

import io
import json
import signal
import sys

import pytest

from bluecode_lint.cli import app, commands
from bluecode_lint.core.errors import ExitCode

DEFECT = """\
import os
from flask import Flask, request
app = Flask(__name__)

@app.route("/")
def index():
    os.system("ls " + request.args["name"])
    return "done"
"""


@pytest.fixture(autouse=True)
def _own_world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    previous = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, previous)


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "app.py").write_text(DEFECT)
    return root


def scan(*arguments):
    return app.run(["scan", "--isolated", "--no-exec", *map(str, arguments)])


def test_a_defect_is_shown_and_fails_the_run(project, capsys):
    assert scan(project) == ExitCode.RESULTS
    out, err = capsys.readouterr()
    assert "os-command-injection" in out
    assert "project/app.py:7" in out
    assert "1 files" in err


@pytest.mark.parametrize(
    ("flags", "code"),
    [
        (["--fail-on", "error"], ExitCode.CLEAN),
        (["--fail-on", "never"], ExitCode.CLEAN),
        (["--exit-zero"], ExitCode.CLEAN),
        (["--ignore", "ALL"], ExitCode.CLEAN),
        (["--select", "CWE-78"], ExitCode.RESULTS),
        (["--min-severity", "error", "-q"], ExitCode.CLEAN),
        (["--min-confidence", "high"], ExitCode.RESULTS),
    ],
)
def test_flags_decide_what_fails(project, flags, code):
    assert scan(project, *flags) == code


def test_several_reports_of_one_scan(project, tmp_path, capsys):
    files = {name: tmp_path / f"out.{name}" for name in ("sarif", "html", "text")}
    formats = [f"--format={name}={path}" for name, path in files.items()]
    assert scan(project, *formats, "--format", "json", "-q") == ExitCode.RESULTS
    out, err = capsys.readouterr()
    assert json.loads(out)["execution_successful"] is True
    assert err == ""
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert "<html" in files["html"].read_text()
    assert "\x1b[" not in files["text"].read_text()


def test_annotations_for_github(project, capsys):
    scan(project, "--format", "github")
    assert "::warning file=project/app.py,line=7," in capsys.readouterr().out


def test_statistics_replace_the_report(project, capsys):
    scan(project, "--statistics")
    assert capsys.readouterr().out.split() == ["1", "bluecode/os-command-injection"]


def test_files_and_settings_can_be_listed(project, capsys):
    assert scan(project, "--show-files") == ExitCode.CLEAN
    assert capsys.readouterr().out == "project/app.py\n"
    assert scan("-", "--show-files", "--stdin-filename", "x.py") == ExitCode.CLEAN
    assert capsys.readouterr().out == "x.py\n"
    assert scan(project, "--show-settings", "--ignore", "a,b", "--ignore", "c") == ExitCode.CLEAN
    assert json.loads(capsys.readouterr().out)["ignore"] == ["a", "b", "c"]


def test_standard_input_is_scanned_under_its_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(DEFECT.encode())))
    assert scan("-", "--stdin-filename", "src/view.py") == ExitCode.RESULTS
    assert "src/view.py:7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-", "x.py"], "cannot be combined"),
        (["nowhere"], "no such file or directory: nowhere"),
        (["--select", "sql-injectoin"], "did you mean 'sql-injection'"),
        (["--jobs", "-1"], "whole number"),
        (["--format", "yaml"], "unknown format"),
        (["--diff-base", "main"], "need a git repository"),
        (["--frobnicate"], "unrecognized arguments"),
        (["-c", "missing.toml"], "cannot read"),
    ],
)
def test_what_cannot_be_done_ends_with_two_and_one_line(arguments, complaint, capsys):
    assert scan(*arguments) == ExitCode.ERROR
    err = capsys.readouterr().err
    assert complaint in err
    assert "Traceback" not in err


def test_too_much_standard_input_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"#" * 11)))
    assert scan("-", "--max-file-size", "10") == ExitCode.ERROR
    assert "larger than 10 bytes" in capsys.readouterr().err


def test_nothing_to_scan_is_said(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert scan(tmp_path / "empty") == ExitCode.CLEAN
    assert "nothing to scan" in capsys.readouterr().err
    assert scan(tmp_path / "empty", "--fail-on-empty") == ExitCode.NOTHING_TO_SCAN


def test_trouble_makes_the_run_an_error_even_with_exit_zero(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.py").write_text("x = 1\n")

    def refuse(*_arguments):
        raise OSError(13, "Permission denied")

    monkeypatch.setattr("bluecode_lint.sources.reading.read_bytes", refuse)
    assert scan("a.py", "--exit-zero", "-f", "json") == ExitCode.ERROR
    assert "error: a.py: cannot read: Permission denied [file-not-readable]" in capsys.readouterr().err


def test_a_missing_analyzer_refuses_to_start(project, monkeypatch, capsys):
    for place in ("process", "bandit"):
        monkeypatch.setattr(f"bluecode_lint.analyzers.{place}.find_executable", _missing)
    assert scan(project) == ExitCode.ERROR
    assert "bandit is not there" in capsys.readouterr().err
    assert app.run(["doctor"]) == ExitCode.ERROR


def _missing(name):
    from bluecode_lint.core.errors import AnalyzerUnavailableError

    message = f"{name} is not there"
    raise AnalyzerUnavailableError(message, advice="Install it.")


def test_without_a_sandbox_nothing_is_executed_and_it_is_said(project, monkeypatch, capsys):
    monkeypatch.setattr("bluecode_lint.sandbox.open_sandbox", lambda *_arguments, **_options: None)
    assert app.run(["scan", "--isolated", str(project)]) == ExitCode.RESULTS
    assert "no sandbox holds" in capsys.readouterr().out
    assert app.run(["scan", "--isolated", "--sandbox", "landlock", str(project)]) == ExitCode.ERROR
    (project / "proof.py").write_text("print()")
    assert app.run(["replay", str(project / "proof.py")]) == ExitCode.ERROR


def test_a_proof_is_kept_shown_and_run_again(project, capsys):
    assert app.run(["scan", "--isolated", str(project), "-f", "json"]) == ExitCode.RESULTS
    (result,) = json.loads(capsys.readouterr().out)["results"]
    assert result["level"] == "error"
    fingerprint = result["fingerprints"]["bluecode/v1"] if "fingerprints" in result else result["fingerprint"]
    assert app.run(["replay", "--show", fingerprint]) == ExitCode.CLEAN
    assert "os.system" in capsys.readouterr().out
    assert app.run(["replay", fingerprint[:8]]) == ExitCode.CLEAN
    assert "CONFIRMED" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["abcdef12", "nowhere.py"])
def test_a_proof_nobody_has_is_a_usage_error(what, capsys):
    assert app.run(["replay", what]) == ExitCode.ERROR
    assert "no proof and no script" in capsys.readouterr().err


def test_an_ambiguous_fingerprint_is_a_usage_error(tmp_path, capsys):
    folder = tmp_path / ".cache/bluecode-lint/replays"
    folder.mkdir(parents=True)
    for name in ("abcdef1", "abcdef2"):
        (folder / f"{name}.py").write_text("print()")
    assert app.run(["replay", "abcdef"]) == ExitCode.ERROR
    assert "2 proofs begin with" in capsys.readouterr().err


def test_rules_can_be_listed_and_explained(capsys):
    assert app.run(["rules"]) == ExitCode.CLEAN
    assert "bluecode/sql-injection" in capsys.readouterr().out
    assert app.run(["rules", "--format", "json"]) == ExitCode.CLEAN
    assert {"id", "cwe", "level"} <= set(json.loads(capsys.readouterr().out)[0])
    assert app.run(["explain", "CWE-89"]) == ExitCode.CLEAN
    out = capsys.readouterr().out
    assert "bluecode/sql-injection" in out
    assert "Insecure:" in out
    assert app.run(["explain", "CWE-1"]) == ExitCode.ERROR


def test_doctor_names_every_part(capsys):
    assert app.run(["doctor"]) == ExitCode.CLEAN
    out = capsys.readouterr().out
    for part in ("bandit", "semgrep", "landlock", "retrieval"):
        assert part in out


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (RuntimeError("a bug"), ExitCode.ERROR, "internal error: RuntimeError: a bug"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
        (app._TerminatedError(), ExitCode.TERMINATED, "terminated"),
    ],
)
def test_how_a_run_is_broken_off(raised, code, said, monkeypatch, capsys):
    def broken(_arguments):
        raise raised

    monkeypatch.setattr(commands, "rules_command", broken)
    assert app.run(["rules"]) == code
    assert said in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit) as ended:
        app.run(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("bluecode-lint ")


NOBODY = ("--llm-model", "m", "--llm-base-url", "http://127.0.0.1:9/v1")


@pytest.mark.online
def test_a_model_that_cannot_be_reached_hides_nothing(project, capsys):
    assert scan(project, *NOBODY, "-f", "json") == ExitCode.RESULTS
    out, err = capsys.readouterr()
    assert len(json.loads(out)["results"]) == 1
    assert "[model-failed]" in err
    assert scan(project, *NOBODY, "--require-llm") == ExitCode.ERROR


def test_an_estimate_sends_nothing(project, capsys):
    assert scan(project, *NOBODY, "--estimate") == ExitCode.RESULTS
    assert "would take 1 calls" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--require-llm"], "a model is needed"),
        (["--require-llm", "--offline", *NOBODY], "a model is needed"),
        (["--review"], "a model is needed"),
        ([*NOBODY, "--llm-timeout", "0"], "at least one second"),
        ([*NOBODY, "--llm-prices", "nowhere.yaml"], "not a price table"),
        ([*NOBODY, "--max-cost", "much"], "an amount in US dollars"),
        ([*NOBODY, "--max-cost", "-1"], "must not be negative"),
        (["--llm-model", "m", "--llm-base-url", "ftp://x"], "must be an http(s) URL"),
    ],
)
def test_contradictions_about_models_are_errors(project, flags, complaint, capsys):
    assert scan(project, *flags) == ExitCode.ERROR
    assert complaint in capsys.readouterr().err
