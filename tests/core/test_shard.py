"""Shares of files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.shard import Shard


@given(st.text(max_size=40), st.integers(1, 20))
def test_every_file_is_in_one_share(uri, of):
    assert sum(Shard(number, of).holds(uri) for number in range(1, of + 1)) == 1


def test_the_share_of_a_file_is_forever():
    held = [Shard(2, 3).holds(f"package/module{n}.py") for n in range(12)]
    assert [n for n, of_share in enumerate(held) if of_share] == [0, 2, 5, 7, 8, 9]


def test_shares_are_spelled_i_of_n():
    assert Shard.parse("2/5") == Shard(2, 5)


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "1/0", "1", "a/b", "-1/2", "1/2/3", " 1/2", "1/2\n", "\u0661/2"])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(ValueError, match="must be I/N"):
        Shard.parse(text)
