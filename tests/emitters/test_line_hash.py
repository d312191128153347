"""The hash must be GitHub's, digit for digit."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import Artifact
from bluecode_lint.emitters.line_hash import hash_artifact_lines, hash_lines
from bluecode_lint.sources.syntax import parse_python

VECTORS = {
    "": ["c129715d7a2bc9a3:1"],
    " a\nb\n  \t\tc\n d": ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"],
    "x = 2\nx = 1\nprint(x)\nx = 3\nprint(x)\nx = 4\nprint(x)\n": [
        "e54938cc54b302f1:1",
        "bb609acbe9138d60:1",
        "1131fd5871777f34:1",
        "5c482a0f8b35ea28:1",
        "54517377da7028d2:1",
        "2c644846cb18d53e:1",
        "f1b89f20de0d133:1",
        "c129715d7a2bc9a3:1",
    ],
}


@pytest.mark.parametrize("text", VECTORS)
def test_vectors(text):
    assert list(hash_lines(text)) == VECTORS[text]


def roll(text: str) -> list[str]:
    """Compute the same one code unit at a time, over an explicit window: slow, and plainly the description."""
    units = list(text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-16-le", "surrogatepass"))
    units = [low | high << 8 for low, high in zip(units[::2], units[1::2], strict=True)]
    units = [unit for unit in units if unit not in {9, 32}]
    starts = [0] + [index + 1 for index, unit in enumerate(units) if unit == 10]
    units += [65535] + [0] * 100
    seen: dict[str, int] = {}
    hashes = []
    for start in starts:
        value = 0
        for unit in units[start : start + 100]:
            value = (value * 37 + unit) % 2**64
        name = format(value, "x")
        seen[name] = seen.get(name, 0) + 1
        hashes.append(f"{name}:{seen[name]}")
    return hashes


code = st.text(st.one_of(st.sampled_from(" \t\r\nab="), st.characters()), max_size=300)


@given(code)
def test_prefix_sums_agree_with_the_description(text):
    assert list(hash_lines(text)) == roll(text)


@given(code)
def test_line_ends_and_blanks_do_not_matter(text):
    unix = text.replace("\r", "")
    assert hash_lines(unix) == hash_lines(unix.replace("\n", "\r\n")) == hash_lines(unix.replace("\n", " \t\n\t"))


def test_repeated_lines_are_counted():
    line = "x" * 200 + "\n"
    assert [value.rpartition(":")[2] for value in hash_lines(line * 3)] == ["1", "2", "3", "1"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_byte_order_mark_on_disk_counts(mark):
    on_disk = (mark + "é = 1\n").encode()
    artifact = Artifact("a.py", "python", "é = 1\n", hashlib.sha256(on_disk).hexdigest(), parse_python("é = 1\n"))
    assert hash_artifact_lines(artifact) == hash_lines(mark + "é = 1\n")
