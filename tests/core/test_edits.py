"""Edits, and where places are before and after them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.edits import Patch, conflict
from bluecode_lint.core.model import Edit, Region

TEXT = "aé = 1\r\nb = 2\nc"


def test_edits_apply_in_any_order_and_equal_ones_once():
    insert = Edit(Region(1, 1, 1, 1), "import x\n")
    replace = Edit(Region(2, 1, 2, 2), "bb")
    patch = Patch(TEXT, [replace, insert, insert])
    assert patch.text == "import x\naé = 1\r\nbb = 2\nc"
    assert patch.moved(Region(2, 1, 2, 6)) == Region(3, 1, 3, 7)
    assert patch.origin(Region(3, 1, 3, 7)) == Region(2, 1, 2, 6)
    assert patch.landed(insert) == Region(1, 1, 2, 1)
    assert patch.snippet(patch.moved(Region(2, 1, 2, 2))) == "bb"


def test_what_is_within_a_replaced_place_grows_with_it():
    patch = Patch("f(a, shell=True)", [Edit(Region(1, 3, 1, 4), '["x"]'), Edit(Region(1, 4, 1, 16), "")])
    assert patch.text == 'f(["x"])'
    assert patch.moved(Region(1, 1, 1, 17)) == Region(1, 1, 1, 9)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Region(1, 1, 1, 3), Region(1, 2, 1, 4), True),
        (Region(1, 1, 1, 3), Region(1, 3, 1, 4), False),
        (Region(1, 1, 1, 1), Region(1, 1, 1, 1), True),
        (Region(1, 1, 1, 1), Region(1, 1, 1, 2), False),
        (Region(1, 1, 3, 1), Region(2, 1, 2, 1), True),
    ],
)
def test_conflicts(one, other, expected):
    assert conflict(Edit(one, "x"), Edit(other, "y")) is expected
    assert conflict(Edit(other, "y"), Edit(one, "x")) is expected


def test_bad_edits_are_refused():
    with pytest.raises(ValueError, match="conflict"):
        Patch(TEXT, [Edit(Region(1, 1, 1, 3), ""), Edit(Region(1, 2, 1, 4), "")])
    with pytest.raises(ValueError, match="no line"):
        Patch(TEXT, [Edit(Region(9, 1, 9, 1), "")])


@given(st.text("ab\r\né", max_size=30), st.data())
def test_what_no_edit_touches_keeps_its_text_and_comes_back(text, data):
    lines = text.split("\n")

    def place(offset):
        before = text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1

    start, end, first, last = sorted(data.draw(st.integers(0, len(text))) for _ in range(4))
    patch = Patch(text, [Edit(Region(*place(start), *place(end)), data.draw(st.text("x\n", max_size=4)))])
    assert lines
    if end < first < last:
        region = Region(*place(first), *place(last))
        assert patch.snippet(patch.moved(region)) == text[first:last]
        assert patch.origin(patch.moved(region)) == region
