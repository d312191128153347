"""What is shown of a run while it goes on."""

import sys

import pytest

from bluecode_lint.cli.progress import ProgressLine


@pytest.fixture
def clock():
    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_a_log_gets_a_line_every_ten_seconds(clock, capsys, monkeypatch):
    monkeypatch.setenv("CI", "true")
    show = ProgressLine(quiet=False, clock=clock)
    for done in range(1, 6):
        clock.now += 4
        show("proofs", done, 9)
    show.clear()
    assert capsys.readouterr().err == "bluecode-lint: proofs 3/9, 12 s, about 24 s left\n"


def test_a_terminal_gets_one_line_that_is_removed(clock, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    show = ProgressLine(quiet=False, clock=clock)
    show("analyzers", 1, 2)
    show("analyzers", 2, 2)
    show.clear()
    said = capsys.readouterr().err
    assert [part.strip() for part in said.split("\r")] == [
        "", "bluecode-lint: analyzers 1/2, 0 s", "bluecode-lint: analyzers 2/2, 0 s", "", ""
    ]  # fmt: skip


@pytest.mark.parametrize(("quiet", "ci"), [(True, "true"), (False, ""), (False, "false")])
def test_nobody_who_looks_is_told_nothing(quiet, ci, clock, capsys, monkeypatch):
    monkeypatch.setenv("CI", ci)
    show = ProgressLine(quiet=quiet, clock=clock)
    clock.now += 60
    show("proofs", 1, 2)
    show.clear()
    assert capsys.readouterr().err == ""
