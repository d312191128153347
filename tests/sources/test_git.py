import subprocess

import pytest

from bluecode_lint.core.errors import SourceError
from bluecode_lint.sources import git


def run(root, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    run(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a.py").write_text("one\ntwo\nthree\n")
    (tmp_path / "old name.py").write_text("".join(f"line {n}\n" for n in range(20)))
    run(tmp_path, "add", ".")
    run(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def test_changed_lines_are_those_of_the_new_side(repository):
    (repository / "a.py").write_text("one\n2\nthree\nfour\n")
    assert git.changed_lines(repository, "HEAD", staged=False) == {"a.py": [range(2, 3), range(4, 5)]}


def test_the_index_is_told_from_the_work_tree(repository):
    (repository / "a.py").write_text("one\nstaged\nthree\n")
    run(repository, "add", "a.py")
    (repository / "a.py").write_text("one\nstaged\nthree\nnot staged\n")
    assert git.changed_lines(repository, None, staged=True) == {"a.py": [range(2, 3)]}
    assert git.staged_content(repository, "a.py") == b"one\nstaged\nthree\n"
    assert git.staged_content(repository, "missing.py") is None


def test_a_renamed_file_has_only_its_changed_lines(repository):
    run(repository, "mv", "old name.py", "néw.py")
    text = (repository / "néw.py").read_text()
    (repository / "néw.py").write_text(text + "diff --git is only a line here\n")
    run(repository, "add", ".")
    assert git.changed_lines(repository, "HEAD", staged=True) == {"néw.py": [range(21, 22)]}


def test_the_merge_base_is_where_the_branch_left(repository):
    base = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository, capture_output=True, check=True, text=True)
    run(repository, "switch", "-q", "-c", "topic")
    run(repository, "commit", "-q", "--allow-empty", "-m", "on topic")
    run(repository, "switch", "-q", "main")
    run(repository, "commit", "-q", "--allow-empty", "-m", "on main")
    run(repository, "switch", "-q", "topic")
    assert git.merge_base(repository, "main") == base.stdout.strip()


@pytest.mark.parametrize("reference", ["nowhere", "--output=x"])
def test_an_unknown_reference_is_an_error_with_advice(repository, reference):
    with pytest.raises(SourceError):
        git.merge_base(repository, reference)


def test_outside_of_a_repository(tmp_path):
    assert git.find_top_level(tmp_path) is None
    assert git.list_files(tmp_path) is None
    with pytest.raises(SourceError):
        git.changed_lines(tmp_path, "HEAD", staged=False)


def test_a_hostile_filter_is_not_run(repository, tmp_path_factory):
    mark = tmp_path_factory.mktemp("elsewhere") / "sprung"
    for name in ("evil", "ev=il"):
        run(repository, "config", f"filter.{name}.clean", f"touch {mark}; cat")
        run(repository, "config", f"filter.{name}.required", "true")
    (repository / ".gitattributes").write_text("a.py filter=evil\nb.py filter=ev=il\n")
    (repository / "a.py").write_text("one\n2\nthree\n")
    assert git.changed_lines(repository, "HEAD", staged=False) == {"a.py": [range(2, 3)]}
    assert not mark.exists()


def test_a_hostile_promisor_is_not_asked(repository, tmp_path_factory):
    mark = tmp_path_factory.mktemp("elsewhere") / "sprung"
    run(repository, "config", "extensions.partialClone", "evil")
    run(repository, "config", "remote.evil.promisor", "true")
    run(repository, "config", "remote.evil.url", f"ext::sh -c touch% {mark}")
    run(repository, "config", "protocol.ext.allow", "always")
    blob = subprocess.run(["git", "rev-parse", "HEAD:a.py"], cwd=repository, capture_output=True, check=True, text=True)
    name = blob.stdout.strip()
    (repository / ".git/objects" / name[:2] / name[2:]).unlink()
    assert git.staged_content(repository, "a.py") is None
    assert not mark.exists()


def test_every_kind_of_change_at_once(repository):
    run(repository, "mv", "old name.py", "new\nname.py")
    (repository / "a.py").write_text("one\n")
    (repository / "added.py").write_text("x\ny\n")
    run(repository, "add", "-A")
    run(repository, "update-index", "--chmod=+x", "added.py")
    assert git.changed_lines(repository, "HEAD", staged=True) == {
        "a.py": [range(1, 1)],
        "added.py": [range(1, 3)],
        "new\nname.py": [],
    }
