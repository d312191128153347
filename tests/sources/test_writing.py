"""A changed text goes back as it was encoded, or not at all."""

import hashlib

import pytest

from bluecode_lint.sources.reading import make_artifact
from bluecode_lint.sources.writing import encode_as, write_changed

LIMIT = 1_000_000


def artifact_of(uri, content):
    return list(make_artifact(uri, content))[-1]


@pytest.mark.parametrize(
    "content",
    [
        b"a = 1\r\nb = 2\r\n",
        b"\xef\xbb\xbfa = 1\n",
        "# coding: latin-1\na = 'é'\n".encode("latin-1"),
        "# -*- coding: cp1252 -*-\na = '€'".encode("cp1252"),
        b"",
    ],
)
def test_the_encoding_is_kept(content):
    artifact = artifact_of("a.py", content)
    assert encode_as(artifact, artifact.text) == content
    changed = encode_as(artifact, artifact.text + "x")
    assert changed == content + b"x"


def test_what_was_not_decoded_or_cannot_be_encoded_is_refused():
    assert encode_as(artifact_of("a.py", b"a = '\xff'\n"), "b") is None
    assert encode_as(artifact_of("a.py", b"# coding: ascii\n"), "# coding: ascii\né") is None


def test_a_file_is_written_whole_with_its_mode(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(b"a = 1\n")
    path.chmod(0o751)
    assert write_changed(tmp_path, artifact_of("a.py", b"a = 1\n"), "a = 2\n", LIMIT) is None
    assert path.read_bytes() == b"a = 2\n"
    assert path.stat().st_mode & 0o777 == 0o751
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]


def test_a_file_that_changed_meanwhile_is_left(tmp_path):
    (tmp_path / "a.py").write_bytes(b"a = 3\n")
    told = write_changed(tmp_path, artifact_of("a.py", b"a = 1\n"), "a = 2\n", LIMIT)
    assert "changed by somebody else" in told.message
    (tmp_path / "a.py").write_bytes(b"a" * 100)
    assert "changed by somebody else" in write_changed(tmp_path, artifact_of("a.py", b"a = 1\n"), "a = 2\n", 10).message
    (tmp_path / "a.py").unlink()
    assert "cannot be written" in write_changed(tmp_path, artifact_of("a.py", b"a = 1\n"), "a = 2\n", LIMIT).message


def test_a_link_out_of_the_tree_is_not_followed_and_one_within_is(tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside.py"
    root.mkdir()
    outside.write_bytes(b"a = 1\n")
    (root / "a.py").symlink_to(outside)
    told = write_changed(root, artifact_of("a.py", b"a = 1\n"), "a = 2\n", LIMIT)
    assert "outside of the scanned tree" in told.message
    assert hashlib.sha256(outside.read_bytes()).hexdigest() == hashlib.sha256(b"a = 1\n").hexdigest()
    (root / "b.py").write_bytes(b"a = 1\n")
    (root / "c.py").symlink_to(root / "b.py")
    assert write_changed(root, artifact_of("c.py", b"a = 1\n"), "a = 2\n", LIMIT) is None
    assert (root / "b.py").read_bytes() == b"a = 2\n"
    assert (root / "c.py").is_symlink()
