import hashlib
import os
import pickle

import pytest

from bluecode_lint.core.model import Artifact, Notification
from bluecode_lint.sources.reading import make_artifact, read_artifacts


def read(root, *uris, **options):
    return list(read_artifacts(root, uris, **options))


def decode(content):
    *trouble, artifact = make_artifact("a.py", content)
    return artifact.text, [n.message for n in trouble]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"x = 1\r\ny = 2\r\n", "x = 1\r\ny = 2\r\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"# coding: latin-1\nx = '\xe9'\n", "# coding: latin-1\nx = 'é'\n"),
        ("x = 'é'\n".encode(), "x = 'é'\n"),
        (b"", ""),
    ],
)
def test_decodes_as_python_does(content, text):
    assert decode(content) == (text, [])


@pytest.mark.parametrize(
    "content", [b"x = '\xff'\n", b"# coding: nonsense\nx = 1\n", b"# coding: rot13\nx = 1\n", b"x\0y\n"]
)
def test_what_cannot_be_decoded_is_said_and_still_scanned(content):
    text, trouble = decode(content)
    assert len(trouble) == 1
    assert "bad bytes replaced" in trouble[0]
    assert "x" in text
    assert "\0" not in text


def test_lone_surrogates_never_reach_a_report():
    text, _ = decode(b"# coding: utf-7\nx = '+2AA-'\n")
    text.encode("utf-8")


def test_a_file_over_the_limit_is_said_not_read(tmp_path):
    (tmp_path / "big.py").write_bytes(b"#" * 101)
    (answer,) = read(tmp_path, "big.py", max_bytes=100)
    assert (answer.id, answer.uri) == ("file-too-large", "big.py")
    assert "101 bytes, the limit is 100" in answer.message


def test_a_vanished_file_is_said(tmp_path):
    (answer,) = read(tmp_path, "gone.py")
    assert answer.id == "file-vanished"


def test_a_pipe_put_in_a_files_place_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.py")
    (answer,) = read(tmp_path, "a.py")
    assert isinstance(answer, Notification)
    assert answer.id == "file-not-readable"


def test_the_hash_is_of_the_bytes_on_disk(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\n")
    (answer,) = read(tmp_path, "a.py")
    assert isinstance(answer, Artifact)
    assert answer.sha256 == hashlib.sha256(b"\xef\xbb\xbfx = 1\n").hexdigest()


def test_syntax_survives_a_pickle_and_a_broken_file():
    (artifact,) = make_artifact("a.py", b"def f(:\n  pass\nx = 1\n")
    copy = pickle.loads(pickle.dumps(artifact))
    assert copy.syntax.root.has_error
    assert copy.syntax.source == artifact.text.encode()


def test_ten_thousand_parentheses_parse():
    (artifact,) = make_artifact("a.py", b"x = " + b"(" * 10_000 + b")" * 10_000 + b"\n")
    assert artifact.syntax.root.type == "module"
