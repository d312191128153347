"""Bad input: said, survived, and never taken for a clean result."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

STATIC = "--no-exec"


# --- what ends a run before it begins --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["scan", "missing.py"], "no such file or directory: missing.py"),
        (["scan", "--select=no-such-rule", "."], "no-such-rule"),
        (["scan", "--select=bluecode/os-comand-injection", "."], "os-command-injection"),
        (["scan", "--format=yaml", "."], "unknown format 'yaml'"),
        (["scan", "--format=sarif=nowhere/out.sarif", "."], "nowhere"),
        (["scan", "--output=.", "."], "it is a directory"),
        (["scan", "--fail-on=critical", "."], "critical"),
        (["scan", "--jobs=many", "."], "many"),
        (["scan", "--config=missing.toml", "."], "missing.toml"),
        (["scan", "--diff-base=no-such-branch", "."], "no-such-branch"),
        (["scan", "-", "app.py"], "standard input"),
        (["scan", "--frobnicate", "."], "frobnicate"),
        (["explain", "CWE-99999"], "99999"),
        (["replay", "deadbeef0123"], "deadbeef0123"),
        (["teleport"], "teleport"),
        ([], "COMMAND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors_exit_2_in_one_line(command_line, repository, arguments, complaint):
    root = repository({"app.py": "x = 1\n"})
    done = command_line.run(*arguments, cwd=root)
    assert done.code == 2
    assert complaint in done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("bluecode-lint: ")
    assert len(done.stderr.splitlines()) <= 3, "one line, and what to do about it"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("selct = ['CWE-78']\n", "did you mean 'select'?"),
        ("select = 3\n", "select"),
        ("fail-on = 'critical'\n", "critical"),
        ("this is not toml\n", "not valid TOML"),
        ("python = '/repo/evil'\n", "cannot be set by the scanned repository"),
        ("no-suppressions = true\n", "cannot be set by the scanned repository"),
        ("sandbox = 'none'\n", "cannot be set by the scanned repository"),
        ("select = ['no-such-rule']\n", "no-such-rule"),
    ],
    ids=lambda value: value.strip() if "=" in value or "toml" in value else "",
)
def test_a_malformed_configuration_exits_2(command_line, repository, content, complaint):
    root = repository({"app.py": "x = 1\n", "bluecode-lint.toml": content})
    done = command_line.run("scan", STATIC, ".", cwd=root)
    assert (done.code, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert command_line.run("scan", STATIC, "--isolated", ".", cwd=root).code == 0


def test_an_empty_directory_is_clean_and_said_to_be_empty(command_line, repository):
    root = repository({})
    done = command_line.run("scan", ".", cwd=root)
    assert done.code == 0
    assert "nothing to scan" in done.stderr
    assert command_line.run("scan", "--fail-on-empty", ".", cwd=root).code == 3


def test_an_output_that_cannot_be_written_exits_2_and_leaves_no_piece(command_line, repository, defect):
    root = repository({"app.py": defect})
    locked = root / "locked"
    locked.mkdir(mode=0o555)
    done = command_line.run(
        "scan", STATIC, f"--format=sarif={locked / 'out.sarif'}", "app.py", cwd=root, prefix=unprivileged()
    )
    assert done.code == 2
    assert "cannot write" in done.stderr
    assert list(locked.iterdir()) == []


def test_a_full_disk_is_an_error(command_line, repository, defect):
    root = repository({"app.py": defect})
    assert Path("/dev/full").exists()
    done = command_line.run("scan", STATIC, "--format=json=/dev/full", "app.py", cwd=root)
    assert done.code == 2
    assert "cannot write /dev/full" in done.stderr


# --- what must not lose the rest -------------------------------------------------------------------------------------


def unprivileged() -> list[str]:
    """Give a prefix under which permissions hold even for root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may do everything, and setpriv is not here to take that away")
    return ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]


@pytest.fixture(scope="module")
def bad_tree(tmp_path_factory, command_line, defect):
    """One scan of a tree in which every file but one is trouble."""
    root = tmp_path_factory.mktemp("bad") / "tree"
    root.mkdir()
    (root / "good.py").write_text(defect)
    (root / "broken.py").write_text("def half(:\n    x = = 3\n\n\n" + defect)
    (root / "undecodable.py").write_bytes(b"NAME = '\xff\xfe\xe9'\n" + defect.encode())
    (root / "odd_cookie.py").write_bytes(b"# -*- coding: klingon -*-\n" + defect.encode())
    (root / "latin.py").write_bytes(("# coding: latin-1\nNAME = 'Grüße'\n" + defect).encode("latin-1"))
    (root / "utf16.py").write_bytes(defect.encode("utf-16"))
    (root / "nulls.py").write_bytes(b"x = '\0\0'\n" + defect.encode())
    (root / "nested.py").write_text("x = " + "(" * 10_000 + "1" + ")" * 10_000 + "\n\n\n" + defect)
    (root / "deep_calls.py").write_text("x = " + "f(" * 10_000 + "1" + ")" * 10_000 + "\n")
    (root / "deep_chain.py").write_text("x = a" + ".b" * 20_000 + "\ny = " + "not " * 20_000 + "x\n")
    (root / "unbalanced.py").write_text("x = " + "([{" * 5_000 + "\n")
    (root / "long_line.py").write_text("x = '" + "a" * 900_000 + "'\n")
    (root / "empty.py").write_text("")
    (root / "crlf.py").write_bytes(defect.replace("\n", "\r\n").encode())
    with (root / "huge.py").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    os.mkfifo(root / "pipe.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    (root / "outside.py").symlink_to("/etc/hostname")
    (root / "loop").symlink_to(".")
    (root / "notebook.ipynb").write_text("{}")
    closed = root / "closed"
    closed.mkdir()
    (closed / "hidden.py").write_text(defect)
    (root / "secret.py").write_text(defect)
    (root / "secret.py").chmod(0)
    closed.chmod(0)
    yield command_line.scan(STATIC, ".", cwd=root, prefix=unprivileged())
    closed.chmod(stat.S_IRWXU)


def test_every_readable_defect_is_reported(bad_tree):
    found = {(result.uri, result.line) for result in bad_tree.results if result.cwe == 78}
    expected = {
        ("good.py", 10), ("broken.py", 14), ("undecodable.py", 11), ("odd_cookie.py", 11), ("latin.py", 12),
        ("nulls.py", 11), ("nested.py", 13), ("crlf.py", 10),
    }  # fmt: skip
    assert expected <= found, expected - found


@pytest.mark.parametrize(
    ("uri", "name", "level"),
    [
        ("undecodable.py", "file-not-decoded", "warning"),
        ("odd_cookie.py", "file-not-decoded", "warning"),
        ("huge.py", "file-too-large", "warning"),
        ("pipe.py", "not-a-regular-file", "warning"),
        ("outside.py", "symlink-leaves-root", "warning"),
        ("secret.py", "file-not-readable", "error"),
        ("closed", "directory-not-readable", "error"),
    ],
)
def test_trouble_is_named_with_its_place(bad_tree, uri, name, level):
    assert (name, level, uri) in bad_tree.notifications


def test_what_could_not_be_read_makes_the_scan_untrusted(bad_tree):
    assert bad_tree.code == 2
    assert bad_tree.sarif["runs"][0]["invocations"][0]["executionSuccessful"] is False


def test_the_same_tree_without_the_unreadable_is_trusted(command_line, repository, defect):
    root = repository({"broken.py": "def half(:\n\n\n" + defect, "undecodable.py": b"'\xff'\n"})
    done = command_line.scan(STATIC, ".", cwd=root)
    assert done.code == 1, done.said


def test_a_file_that_vanishes_during_the_scan_is_said(command_line, repository, tmp_path, defect):
    """Git lists one folder after the other; when this git is asked for the second, it deletes a file of the first."""
    root = repository({"first/app.py": defect, "first/fleeting.py": defect, "second/app.py": "x = 1\n"})
    tools = tmp_path / "tools"
    tools.mkdir()
    deletes = f'case "$PWD" in */second) rm -f "{root}/first/fleeting.py";; esac'
    (tools / "git").write_text(f'#!/bin/bash\n{deletes}\nexec "{shutil.which("git")}" "$@"\n')
    (tools / "git").chmod(0o755)
    done = command_line.scan(
        STATIC, "first", "second", cwd=root, env={"PATH": f"{tools}:{command_line.environment['PATH']}"}
    )
    assert ("file-vanished", "warning", "first/fleeting.py") in done.notifications
    assert [result.uri for result in done.results] == ["first/app.py"]
    assert done.code == 1
