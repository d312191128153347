import os
from pathlib import Path

import pytest

from bluecode_lint.cli.outputs import Destination, plan_outputs, wants_color, write_report
from bluecode_lint.core.errors import OutputError, UsageError


def plan(*formats, output=""):
    return plan_outputs({"format": formats, "output": output})


def test_text_on_standard_output_is_the_default():
    assert plan() == (Destination("text", None),)


def test_several_reports_at_once(tmp_path):
    assert plan(f"sarif={tmp_path}/a.sarif", "github") == (
        Destination("sarif", tmp_path / "a.sarif"),
        Destination("github", None),
    )


@pytest.mark.parametrize("formats", [("text", "json"), ("yaml",), ("sarif=",)])
def test_contradictions_are_usage_errors(formats):
    with pytest.raises(UsageError):
        plan(*formats)


def test_a_missing_folder_is_known_before_the_work_starts(tmp_path):
    with pytest.raises(OutputError, match="directory is missing"):
        plan("json", output=str(tmp_path / "no/where.json"))
    with pytest.raises(OutputError, match="it is a directory"):
        plan("json", output=str(tmp_path))


def test_a_report_replaces_the_old_one_whole_and_keeps_the_umask(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old")
    write_report("new \ud800", path)
    assert path.read_text() == "new ?"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_devices_are_written_through(capfdbinary):
    write_report("hello", Path("/dev/stdout"))
    assert capfdbinary.readouterr().out == b"hello"


def test_what_cannot_be_written_is_an_error():
    with pytest.raises(OutputError, match="cannot write"):
        write_report("x", Path("/proc/nope.json"))


@pytest.mark.parametrize(
    ("choice", "names", "expected"),
    [("always", {"NO_COLOR"}, True), ("never", {"FORCE_COLOR"}, False), ("auto", {"NO_COLOR"}, False),
     ("auto", {"FORCE_COLOR"}, True), ("auto", {"NO_COLOR", "FORCE_COLOR"}, False), ("auto", set(), False)],
)  # fmt: skip
def test_colour(choice, names, expected):
    assert wants_color(choice, names) is expected
