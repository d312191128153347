"""A backend is taken only if nobody gets out of it, and never a weaker one than asked for."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError, UsageError
from bluecode_lint.core.model import ExecResult
from bluecode_lint.sandbox import LEVELS, choice, describe_backends, open_sandbox
from bluecode_lint.sandbox.selftest import find_holes


class FakeSandbox:
    """Runs the self-test's program with nothing around it. What it gets away with is what a sandbox must stop."""

    level = "fake"

    def __init__(self, preload=(), outcome=None):
        self.outcome = outcome
        self.closed = False

    def exec(self, job):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            return self.outcome
        with tempfile.TemporaryDirectory() as scratch:
            for name, content in job.files.items():
                Path(scratch, name).write_bytes(content)
            # To a file: the daemon the program leaves behind would hold a pipe open.
            with tempfile.TemporaryFile() as output:
                done = subprocess.run(job.argv, cwd=scratch, stdout=output, check=False)
                output.seek(0)
                said = output.read()
        self.mark = job.argv[-1]
        return ExecResult(done.returncode, said, b"", 0.1)

    def close(self):
        self.closed = True


class HoldingSandbox(FakeSandbox):
    """Answers the self-test as a sandbox does of which nobody gets out."""

    def exec(self, job):
        return ExecResult(0, b"done\n", b"", 0.1)


def backends(**made):
    """Lay out a table of backends, from the weakest to the strongest."""
    return {
        level: choice._Backend(make, stops="", cannot_stop="", advice=f"get {level}") for level, make in made.items()
    }


def _refuse(_preload):
    message = "not installed"
    raise SandboxUnavailableError(message)


@pytest.fixture
def table(monkeypatch):
    def lay(**made):
        monkeypatch.setattr(choice, "_BACKENDS", backends(**made))
        monkeypatch.setattr(choice, "LEVELS", tuple(made))

    return lay


def test_the_self_test_sees_every_hole_of_no_sandbox():
    fake = FakeSandbox()
    found = find_holes(fake)
    try:
        assert {
            "read a file outside",
            "list a directory outside",
            "write a file outside",
            "change a mode outside",
            "change a time outside",
            "signal another process",
            "read another process's environment",
            "open an internet socket",
            "open a Unix socket",
            "open a netlink socket",
            "gain privilege by exec",
            "see the environment outside",
            "outlive the job",
        } <= set(found)
    finally:
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and fake.mark.encode() in (process / "cmdline").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.parametrize(
    "outcome",
    [
        ExecResult(1, b"", b"Traceback\nImportError: no ctypes", 0.1),
        ExecResult(0, b"", b"", 0.1),
        ExecResult(0, b"read a file outside\n", b"", 0.1),
        ExecResult(None, b"", b"", 10.0, timed_out=True),
        SandboxUnavailableError("gone"),
    ],
)
def test_a_self_test_that_did_not_run_proves_nothing(outcome):
    with pytest.raises(SandboxUnavailableError):
        find_holes(FakeSandbox(outcome=outcome))


def test_one_hole_is_enough():
    assert find_holes(FakeSandbox(outcome=ExecResult(0, b"read a file outside\ndone\n", b"", 0.1))) == (
        "read a file outside",
    )


def test_the_first_that_holds_is_taken(table):
    table(weak=HoldingSandbox, strong=_refuse)
    assert isinstance(open_sandbox(), HoldingSandbox)


def test_one_that_does_not_hold_is_passed_over(table):
    leaking = FakeSandbox(outcome=ExecResult(0, b"open an internet socket\ndone\n", b"", 0.1))
    table(weak=lambda _: leaking, strong=HoldingSandbox)
    assert isinstance(open_sandbox(), HoldingSandbox)
    assert leaking.closed


def test_a_weaker_one_than_asked_for_is_never_taken(table):
    table(weak=HoldingSandbox, strong=_refuse)
    assert open_sandbox("strong") is None


def test_a_stronger_one_than_asked_for_will_do(table):
    table(weak=HoldingSandbox, middle=_refuse, strong=HoldingSandbox)
    assert isinstance(open_sandbox("middle"), HoldingSandbox)


def test_without_a_backend_there_is_none(table):
    table(weak=_refuse, strong=_refuse)
    assert open_sandbox() is None


def test_an_unknown_level_is_a_mistake_of_the_user():
    with pytest.raises(UsageError, match="none") as caught:
        open_sandbox("none")
    assert "landlock" in caught.value.advice


def test_the_backends_are_described(table):
    leaking = FakeSandbox(outcome=ExecResult(0, b"read a file outside\nmake a namespace\ndone\n", b"", 0.1))
    table(weak=lambda _: leaking, middle=_refuse, strong=HoldingSandbox)
    weak, middle, strong = describe_backends()
    assert (weak.level, weak.usable) == ("weak", False)
    assert weak.detail == "it does not hold: a job could read a file outside, make a namespace"
    assert (middle.usable, middle.detail, middle.advice) == (False, "not installed", "get middle")
    assert (strong.usable, strong.detail) == (True, "")


def test_every_level_says_what_it_stops_and_what_it_cannot():
    assert LEVELS == ("landlock", "bubblewrap", "container")
    for status in describe_backends():
        assert status.stops
        assert status.cannot_stop
        assert status.advice
        assert status.usable or status.detail


def test_choosing_leaves_nothing_behind():
    before = {process.name for process in Path("/proc").iterdir()}
    sandbox = open_sandbox()
    if sandbox is None:
        pytest.skip("no sandbox here")
    sandbox.close()
    time.sleep(0.1)
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not set(children) - before


def test_our_own_interpreter_is_found_by_both_names():
    from bluecode_lint.sandbox.inside.lockdown import interpreter_paths

    paths = interpreter_paths()
    assert any(sys.executable == path or sys.executable.startswith(path + "/") for path in paths)
    real = os.path.realpath(sys.executable)
    assert any(real == path or real.startswith(path + "/") for path in paths)
    assert str(Path.home()) not in paths
    assert "/" not in paths
