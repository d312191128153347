"""Underlines stand under what they mean, whatever is on the line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from bluecode_lint.core.model import Region
from bluecode_lint.emitters.excerpt import Note, excerpt, split_lines
from bluecode_lint.emitters.visible import visible

WIDE = 10_000

line_text = st.text(
    st.one_of(st.sampled_from("\t\x1b é日\u202e\u0301x"), st.characters(exclude_characters="\n")), max_size=30
)


def one_row(line, start, end, width=WIDE, label=""):
    (row,) = excerpt([line], [Note(Region(1, start, 1, end), label, primary=True)], width)
    (mark,) = row.marks
    return row, mark


def cut_cells(text: str, start: int, width: int) -> str:
    """Give what stands in some cells of a text."""
    found, at = "", 0
    for character in text:
        if start <= at < start + width:
            found += character
        at += cell_len(character)
    return found


@given(line_text, st.data())
def test_the_underline_covers_exactly_the_region(line, data):
    start = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(start, len(line)))
    row, mark = one_row(line, start + 1, end + 1)
    region = "".join(" " if character == "\t" else visible(character) for character in line[start:end])
    covered = cut_cells(row.text, mark.start, mark.width)
    assert covered.replace(" ", "").startswith(region.replace(" ", "").strip("\u0301")[:1])
    if "\t" not in line and cell_len(region):
        assert mark.start == sum(cell_len(visible(character)) for character in line[:start])
        assert mark.width == cell_len(region)


@given(line_text, st.integers(10, 40), st.data())
def test_rows_keep_the_width(line, width, data):
    start = data.draw(st.integers(0, len(line)))
    row, mark = one_row(line * 20, start + 1, start + 2, width)
    assert cell_len(row.text) <= width
    assert mark.start + mark.width <= max(width, mark.start + 1)


def test_a_long_line_is_shown_around_its_defect():
    line = "a" * 300 + "DEFECT" + "b" * 300
    row, mark = one_row(line, 301, 307, 60)
    assert cut_cells(row.text, mark.start, mark.width) == "DEFECT"
    assert row.text.startswith("…")
    assert row.text.endswith("…")
    assert cell_len(row.text) <= 60


def test_tabs_stop_at_every_fourth_cell():
    row, mark = one_row("a\tb", 3, 4)
    assert row.text == "a   b"
    assert (mark.start, mark.width) == (4, 1)


def test_control_characters_are_shown():
    row, mark = one_row("x\x1b[2J = 1", 2, 3)
    assert row.text == "x\\x1b[2J = 1"
    assert (mark.start, mark.width) == (1, 4)


def numbers(lines, *notes):
    return [row.number for row in excerpt(lines, notes, 80)]


def test_context_gaps_and_small_gaps():
    lines = [f"line {n}" for n in range(1, 101)]
    primary = Note(Region(10, 1, 10, 3), primary=True)
    assert numbers(lines, primary) == [9, 10, 11]
    assert numbers(lines, primary, Note(Region(7, 1, 7, 2))) == [7, 8, 9, 10, 11]
    assert numbers(lines, primary, Note(Region(50, 1, 50, 2))) == [9, 10, 11, 0, 50]


def test_blank_context_is_left_out():
    assert numbers(["", "x = 1", "   "], Note(Region(2, 1, 2, 2), primary=True)) == [2]


def test_a_long_region_is_shown_by_head_and_tail():
    lines = [f"line {n}" for n in range(1, 101)]
    assert numbers(lines, Note(Region(10, 1, 60, 3))) == [10, 11, 12, 13, 14, 0, 59, 60]


def test_the_label_stands_at_the_end_and_an_exclusive_end_is_not_shown():
    lines = ["f(", "    x,", ")", "y"]
    rows = excerpt(lines, [Note(Region(1, 1, 4, 1), "here")], 80)
    assert [row.number for row in rows] == [1, 2, 3]
    assert [row.marks[0].label for row in rows] == ["", "", "here"]
    assert (rows[1].marks[0].start, rows[1].marks[0].width) == (4, 2)


def test_regions_outside_the_text_are_left_out():
    assert excerpt(["x"], [Note(Region(5, 1, 5, 2))], 80) == []
    assert excerpt([], [Note(Region(1, 1, 1, 2))], 80) == []


def test_lines_are_those_regions_count():
    assert split_lines("a\r\nb\x0cc\u2028d\n") == ["a", "b\x0cc\u2028d", ""]
