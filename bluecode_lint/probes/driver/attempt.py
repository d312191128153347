"""Run one attempt in a forked child and bring back what was observed.

The child answers in JSON through a pipe: the parent never loads an object that the code under test had its hands on.
"""

from __future__ import annotations

import gc
import io
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

from .entries import Entry, Subject, drive
from .stage import STAGE, Event, Point, Stage, begin, resume, see

if TYPE_CHECKING:
    from types import FrameType

    from .loader import Loading
    from .warm import WarmProcesses

MAX_REPORT = 2_000_000
PRIVATE: set[int] = set()
"""Descriptors that lead to processes of ours: no attempt may have them."""


@dataclass
class Observation:
    """What one attempt showed. ``error`` is the type name of what ended the entry, empty if it returned."""

    canary: str
    words: str = ""
    events: list[Event] = field(default_factory=list)
    reads: dict[Point, str] = field(default_factory=dict)
    guards: list[tuple[int, str]] = field(default_factory=list)
    laundered: list[tuple[int, str]] = field(default_factory=list)
    decisions: dict[str, bool] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    lines: frozenset[int] = frozenset()
    loaded: list[str] = field(default_factory=list)
    error: str = ""
    timed_out: bool = False
    seconds: float = 0.0
    """Processor time of the child: a busy machine changes nothing about it."""
    marks: frozenset[str] = frozenset()
    """Which effects of the payload were found on the scratch disk by the parent: ``ran``, ``made``."""


@dataclass(frozen=True)
class Warm:
    """What a process has that loaded the beginning of the module already (see `warm`)."""

    loading: Loading
    lines: set[int]
    output: Output
    traced: bool


def run_attempt(
    subject: Subject,
    entry: Entry,
    stage: Stage,
    *,
    seconds: float,
    traced: bool = True,
    warm: WarmProcesses | None = None,
) -> Observation:
    """Drive the entry on ``stage``, in a forked process and an empty folder, and give the observation."""
    answer = warm.attempt(subject, entry, stage, seconds) if warm is not None else None
    data, timed_out, used = answer or _run_cold(subject, entry, stage, seconds, traced=traced)
    observed = Observation(stage.canary, timed_out=timed_out, seconds=used)
    _fill(observed, data)
    found = {name for name in ("ran", "made") if os.path.exists(f"{stage.scratch}/{name}-{stage.canary}")}  # noqa: PTH110
    observed.marks = frozenset(found)
    return observed


def _run_cold(
    subject: Subject, entry: Entry, stage: Stage, seconds: float, *, traced: bool
) -> tuple[bytes, bool, float]:
    """Run an attempt that loads all of the module."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        close_private()
        run_child(subject, entry, stage, writer, traced=traced)
    os.close(writer)
    data, timed_out = collect(reader, time.monotonic() + seconds)
    return data, timed_out, end_child(child)


def close_private() -> None:
    """Close, in a fork, what leads to processes of ours."""
    for descriptor in PRIVATE:
        os.close(descriptor)
    PRIVATE.clear()


def collect(reader: int, deadline: float) -> tuple[bytes, bool]:
    """Read the child's report until it closes the pipe or the time is up."""
    data = b""
    try:
        while len(data) < MAX_REPORT:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([reader], [], [], left)[0]:
                return data, True
            piece = os.read(reader, 65_536)
            if not piece:
                break
            data += piece
    finally:
        os.close(reader)
    return data, False


def end_child(child: int) -> float:
    """Kill whatever the child left running, reap it, and give the seconds of processor time it took."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    usage = os.wait4(child, 0)[2]
    return usage.ru_utime + usage.ru_stime


def _fill(observed: Observation, data: bytes) -> None:
    """Read the report; a broken one is an attempt that crashed."""
    try:
        report: dict[str, Any] = json.JSONDecoder().decode(data.decode("utf-8", "replace"))
        observed.words, observed.error = str(report["words"]), str(report["error"])
        observed.events = [
            Event(str(e[0]), str(e[1]), str(e[2]), tuple(map(str, e[3])), tuple(map(int, e[4])))
            for e in report["events"]
        ]
        observed.reads = {Point(str(d), str(k)): str(v) for d, k, v in report["reads"]}
        observed.guards = [(int(at), str(name)) for at, name in report["guards"]]
        observed.notes = list(map(str, report["notes"]))
        observed.laundered = [(int(at), str(name)) for at, name in report["laundered"]]
        observed.decisions = {str(k): bool(v) for k, v in report["decisions"].items()}
        observed.missing, observed.loaded = list(map(str, report["missing"])), list(map(str, report["loaded"]))
        observed.lines = frozenset(map(int, report["lines"]))
    except (ValueError, KeyError, TypeError, IndexError):
        observed.error = "timeout" if observed.timed_out else "crashed"


def run_child(
    subject: Subject, entry: Entry, stage: Stage, writer: int, *, traced: bool = True, warm: Warm | None = None
) -> NoReturn:
    """Be the child: drive the entry, send the report, and never return."""
    error, words = "", entry.words
    code = 1
    try:
        os.setsid()
        os.chdir(stage.scratch)
        if warm is None:
            begin(stage)
            lines: set[int] = set()
            output = prepare_child(lines, traced=traced)
        else:
            resume(stage)
            lines, output, traced = warm.lines, warm.output, warm.traced
        STAGE.watching, STAGE.traced = True, traced
        gc.freeze()
        set_alarm(STAGE.alarm)
        if traced:
            sys.settrace(tracer(lines, subject.filename))
        try:
            words = drive(subject, entry, warm.loading if warm is not None else None)
        except BaseException as caught:  # noqa: BLE001  # whatever ends the code under test is an observation
            error = type(caught).__name__
            see("error", error, caught)
        set_alarm(0)
        sys.settrace(None)
        STAGE.watching = False
        printed = output.getvalue() + output.buffer.getvalue().decode("latin-1")
        if printed:
            see("printed", "stdout", printed)
        _send(writer, _report(words, error, lines))
        code = 0
    except BaseException:  # noqa: BLE001  # our own trouble: said in the job's log, and the attempt counts as crashed
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(code)


def prepare_child(lines: set[int], *, traced: bool) -> Output:
    """Make a forked process ready to run code under test; give where its output goes."""
    output = Output()
    sys.stdout = sys.stderr = output
    STAGE.watching, STAGE.traced, STAGE.visited = True, traced, lines
    signal.signal(signal.SIGPROF, _interrupt)
    return output


def set_alarm(seconds: float) -> None:
    """Interrupt this process after so many seconds of processor time; 0 for never."""
    signal.setitimer(signal.ITIMER_PROF, seconds)


class Output(io.StringIO):
    """Standard output and error of the code under test, with the binary side they have."""

    buffer: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.buffer = io.BytesIO()


class TooSlowError(BaseException):
    """The attempt took longer than the family allows; not an `Exception`, so that nothing swallows it."""


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Show where the time is spent, and end the attempt.

    Raises:
        TooSlowError: Always.
    """
    see("slow", "time", "")
    raise TooSlowError


def _report(words: str, error: str, lines: set[int]) -> dict[str, Any]:
    roots = tuple(STAGE.template_roots)
    loaded = sorted(
        {
            str(getattr(m, "__file__", ""))
            for m in list(sys.modules.values())
            if roots and str(getattr(m, "__file__", "") or "").startswith(roots)
        }
    )
    return {
        "words": words,
        "error": error,
        "events": [tuple(e) for e in STAGE.events],
        "reads": [(p.door, p.key, v[:500]) for p, v in STAGE.reads.items()],
        "guards": STAGE.guards[:50],
        "laundered": STAGE.laundered[:50],
        "decisions": STAGE.decisions,
        "notes": STAGE.notes[:50],
        "missing": sorted(STAGE.missing),
        "lines": sorted(lines),
        "loaded": loaded,
    }


def _send(writer: int, report: dict[str, Any]) -> None:
    data = json.JSONEncoder(default=str).encode(report).encode("utf-8", "replace")[:MAX_REPORT]
    while data:
        data = data[os.write(writer, data) :]


def tracer(lines: set[int], filename: str) -> Any:  # noqa: ANN401  # the type of a trace function is recursive
    """Make a trace function that collects the lines which run in a file."""

    def local(frame: FrameType, event: str, _argument: object) -> Any:  # noqa: ANN401
        if event == "line":
            lines.add(frame.f_lineno)
        return local

    def trace(frame: FrameType, _event: str, _argument: object) -> Any:  # noqa: ANN401
        return local if frame.f_code.co_filename == filename else None

    return trace
