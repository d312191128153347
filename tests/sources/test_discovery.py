import os
import subprocess

import pytest

from bluecode_lint.core.errors import UsageError
from bluecode_lint.sources.discovery import Excludes, choose_staged, discover, find_root


def write(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")


def files(root, *paths, excludes=None):
    return discover([root / p for p in paths or ("",)], root, root, excludes or Excludes()).files


def git(root, *arguments):
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def test_walks_in_a_fixed_order_and_takes_python_only(tmp_path):
    write(tmp_path, "b.py", "a/z.py", "a/stub.pyi", "a/data.json", "README")
    assert files(tmp_path) == ["a/stub.pyi", "a/z.py", "b.py"]


def test_a_script_is_known_by_its_first_line(tmp_path):
    (tmp_path / "tool").write_text("#!/usr/bin/env python3\nprint()\n")
    (tmp_path / "other").write_text("#!/bin/sh\n")
    assert files(tmp_path) == ["tool"]


def test_default_excludes_hold_at_any_depth(tmp_path):
    write(tmp_path, "a.py", ".venv/lib/b.py", "x/node_modules/c.py", "build/d.py", "x/__pycache__/e.py")
    assert files(tmp_path) == ["a.py"]


def test_own_excludes_use_gitignore_syntax(tmp_path):
    write(tmp_path, "a.py", "gen/b.py", "c_pb2.py")
    assert files(tmp_path, excludes=Excludes(("/gen/", "*_pb2.py"))) == ["a.py"]


def test_named_files_are_scanned_unless_excludes_are_forced(tmp_path):
    write(tmp_path, "build/a.py")
    assert files(tmp_path, "build/a.py") == ["build/a.py"]
    assert files(tmp_path, "build/a.py", excludes=Excludes(forced=True)) == []


def test_gitignore_is_honoured_inside_a_repository(tmp_path):
    git(tmp_path, "init", "-q")
    write(tmp_path, "kept.py", "ignored.py", "sub/also.py")
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / "sub/.gitignore").write_text("also.py\n")
    assert files(tmp_path) == ["kept.py"]


def test_a_file_deleted_from_the_work_tree_is_no_file(tmp_path):
    git(tmp_path, "init", "-q")
    write(tmp_path, "kept.py", "gone.py")
    git(tmp_path, "add", ".")
    (tmp_path / "gone.py").unlink()
    assert files(tmp_path) == ["kept.py"]


def test_hostile_git_configuration_starts_nothing(tmp_path):
    git(tmp_path, "init", "-q")
    write(tmp_path, "a.py")
    trap, mark = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch {mark}\n")
    trap.chmod(0o755)
    git(tmp_path, "config", "core.fsmonitor", str(trap))
    assert files(tmp_path) == ["a.py"]
    assert not mark.exists()


@pytest.mark.parametrize("name", ["has space.py", "ünïcode.py", "-dash.py", "new\nline.py", 'quo"te.py'])
def test_names_are_taken_as_they_are(tmp_path, name):
    git(tmp_path, "init", "-q")
    write(tmp_path, name)
    assert files(tmp_path) == [name]


def test_a_link_that_leaves_the_tree_is_not_followed(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    write(outside, "secret.py")
    write(root, "a.py")
    (root / "link.py").symlink_to(outside / "secret.py")
    (root / "inside.py").symlink_to(root / "a.py")
    (root / "folder").symlink_to(outside)
    found = discover([root], root, root, Excludes())
    assert found.files == ["a.py", "inside.py"]
    assert [(n.id, n.uri) for n in found.notifications] == [("symlink-leaves-root", "link.py")]


def test_a_dangling_link_is_said(tmp_path):
    (tmp_path / "a.py").symlink_to(tmp_path / "nowhere.py")
    found = discover([tmp_path], tmp_path, tmp_path, Excludes())
    assert found.files == []
    assert [n.id for n in found.notifications] == ["file-not-readable"]


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    found = discover([tmp_path / "pipe.py"], tmp_path, tmp_path, Excludes())
    assert found.files == []
    assert [n.id for n in found.notifications] == ["not-a-regular-file"]


def test_notebooks_are_counted(tmp_path):
    write(tmp_path, "a.ipynb", "b.ipynb", "c.py")
    found = discover([tmp_path], tmp_path, tmp_path, Excludes())
    assert found.skipped["notebook"] == 2


def test_a_missing_path_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        discover([tmp_path / "nope"], tmp_path, tmp_path, Excludes())


def test_the_root_is_the_work_tree_else_the_current_folder_else_the_common_one(tmp_path):
    write(tmp_path, "repo/src/a.py", "plain/b.py")
    git(tmp_path / "repo", "init", "-q")
    assert find_root([tmp_path / "repo/src"], tmp_path) == tmp_path / "repo"
    assert find_root([tmp_path / "plain"], tmp_path) == tmp_path
    assert find_root([tmp_path / "plain/b.py"], tmp_path / "repo") == tmp_path / "plain"


def test_staged_files_need_not_be_in_the_work_tree(tmp_path):
    staged = ["src/gone.py", "src/data.json", "other/a.py", "src/build/b.py"]
    chosen = choose_staged(staged, [tmp_path / "src"], tmp_path, tmp_path, Excludes())
    assert chosen.files == ["src/gone.py"]
    named = [tmp_path / "src/build/b.py"]
    assert choose_staged(staged, named, tmp_path, tmp_path, Excludes()).files == ["src/build/b.py"]
    assert choose_staged(staged, named, tmp_path, tmp_path, Excludes(forced=True)).files == []
