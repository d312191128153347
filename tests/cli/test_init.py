"""`init` writes what is missing, extends what is there, and never destroys a line."""

from __future__ import annotations

import subprocess
import tomllib

import pytest
import yaml

from bluecode_lint.cli.app import run


@pytest.fixture
def repository(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(tmp_path)], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(capsys, *options):
    code = run(["init", *options])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_an_empty_repository_gets_all_three(repository, capsys):
    code, out, _ = init(capsys)
    assert code == 0
    assert out.count(": written") == 3
    hooks = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert {"id": "bluecode-lint"} in hooks
    workflow = yaml.safe_load((repository / ".github/workflows/bluecode-lint.yml").read_text())
    assert workflow[True]["push"]["branches"] == ["trunk"]
    assert workflow["permissions"] == {}
    assert "fail-on" in tomllib.loads((repository / "bluecode-lint.toml").read_text())
    (repository / "app.py").write_text("x = 1\n")
    assert run(["scan", "--no-exec", "-q", "."]) == 0  # the configuration it wrote is one that is read


def test_a_second_time_changes_nothing(repository, capsys):
    init(capsys)
    before = {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()}
    _, out, _ = init(capsys)
    assert "written" not in out
    assert "extended" not in out
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("indent", ["", "  "])
def test_what_is_there_is_extended(indent, repository, capsys):
    project = '[project]\nname = "x"  # ours\n'
    hooks = f"# ours\nrepos:\n{indent}- repo: local\n{indent}  hooks: []\n"
    (repository / "pyproject.toml").write_text(project)
    (repository / ".pre-commit-config.yaml").write_text(hooks)
    init(capsys)
    assert (repository / "pyproject.toml").read_text().startswith(project)
    assert (repository / ".pre-commit-config.yaml").read_text().startswith(hooks)
    repos = yaml.safe_load((repository / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repo["repo"].rpartition("/")[2] for repo in repos] == ["local", "bluecode-lint"]
    assert tomllib.loads((repository / "pyproject.toml").read_text())["tool"]["bluecode-lint"]
    assert not (repository / "bluecode-lint.toml").exists()


def test_what_it_does_not_understand_is_left_alone(repository, capsys):
    (repository / "pyproject.toml").write_text("[broken\n")
    (repository / ".pre-commit-config.yaml").write_text("repos: []\nfail_fast: true\n")
    code, out, _ = init(capsys)
    assert code == 0
    assert "pyproject.toml: is left alone, it does not parse" in out
    assert ".pre-commit-config.yaml: is left alone" in out
    assert (repository / "pyproject.toml").read_text() == "[broken\n"
    assert (repository / ".pre-commit-config.yaml").read_text() == "repos: []\nfail_fast: true\n"


def test_diff_writes_nothing(repository, capsys):
    _, out, _ = init(capsys, "--diff")
    assert "+repos:" in out
    assert [path.name for path in repository.iterdir()] == [".git"]


def test_outside_of_a_repository_it_is_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert init(capsys)[::2] == (2, "bluecode-lint: there is no git repository here\n  Run `git init` first.\n")
