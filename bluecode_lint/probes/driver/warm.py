"""A process that has loaded the beginning of the module under test, from which attempts are forked.

Inside a package most of an attempt's time goes into importing the module's siblings. They are imported once here, as
the module itself asks for them, on a stage of their own; an attempt then starts as a fork in which the rest of the
module is loaded. That is the same as loading all of it anew only if nothing so far depends on the attempt. Whatever
could is looked for, and if there is any of it, this process is not used: inputs that were read, files written, things
that no fork has (threads, child processes, timers) or that all forks would share (open files). Answers that were made
up, to questions about what is missing, bind: attempts that would answer differently do not start here.
"""

from __future__ import annotations

import _thread
import ast
import gc
import json
import os
import pickle
import select
import signal
import struct
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from . import attempt
from .entries import start_loading
from .stage import STAGE, begin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entries import Entry, Subject
    from .loader import Loading
    from .stage import Stage

LOADING_SECONDS = 3.0
"""Limit on the processor time for the beginning of the module."""
PATIENCE_SECONDS = 4.0
"""How much later than asked an answer may come before the process counts as lost; for loading, twice as much again."""
MAX_PROCESSES = 3
"""How many of them a search may start: one for each way to answer what the loading asks."""

_LENGTH = struct.Struct(">I")
_MAX_MESSAGE = 2 * attempt.MAX_REPORT
_MAX_DESCRIPTORS = 256
_FAILED = 70
_real_read, _real_write, _real_fork, _real_waitpid = os.read, os.write, os.fork, os.waitpid


class Beginning(NamedTuple):
    """How much of a module is loaded beforehand, and whether lines are traced, there as in attempts.

    Up to ``plain``, statements import and define; from there to ``end`` they act, which succeeds less often.
    """

    plain: int
    end: int
    traced: bool


class LostError(Exception):
    """The process ended or did not answer. ``seconds`` is the processor time it took."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = seconds


# --- how much of a module can be loaded beforehand -------------------------------------------------------------------


def beginning_of(subject: Subject, span: tuple[int, int], *, traced: bool) -> Beginning:
    """Take what comes before the finding's statement, or all of the module if that stands in a function."""
    body = subject.tree.body
    end = len(body)
    if subject.outline.enclosing(span[0]) is None:
        end = next((i for i, s in enumerate(body) if (s.end_lineno or s.lineno) >= span[0]), end)
    return Beginning(next((i for i, s in enumerate(body[:end]) if not _prepares(s)), end), end, traced)


def _prepares(statement: ast.stmt) -> bool:
    if isinstance(
        statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Pass)
    ):
        return True
    if isinstance(statement, (ast.If, ast.Try)):
        test = getattr(statement, "test", None)
        acts = test is not None and any(isinstance(n, ast.Call) for n in ast.walk(test))
        return not acts and all(_prepares(s) for s in _inner(statement))
    if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Raise)):
        return not any(isinstance(n, (ast.Call, ast.Subscript)) and not _is_plain(n) for n in ast.walk(statement))
    return False


_PLAIN_CALLS = frozenset({"getLogger", "TypeVar", "ParamSpec", "namedtuple", "NewType", "compile", "frozenset", "cast"})


def _is_plain(node: ast.AST) -> bool:
    """Tell whether a call or subscript is of a kind that every module's head has."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, (ast.Name, ast.Attribute)) and "environ" not in ast.unparse(node.value)
    called = getattr(node, "func", None)
    return getattr(called, "attr", getattr(called, "id", "")) in _PLAIN_CALLS


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    for field in ("body", "orelse", "finalbody"):
        yield from getattr(statement, field, ())
    for handler in getattr(statement, "handlers", ()):
        yield from handler.body


# --- the near end ----------------------------------------------------------------------------------------------------


class WarmProcess:
    """The near end of one: it starts attempts and gives what they reported.

    Raises:
        LostError: It is not to be had: the loading took too long, failed, or left something an attempt depends on.
    """

    def __init__(self, subject: Subject, entry: Entry, stage: Stage, beginning: Beginning) -> None:
        self.subject = subject
        self.seconds = 0.0
        (orders, self._orders), (self._answers, answers) = os.pipe(), os.pipe()
        self._child = _real_fork()
        if not self._child:
            os.close(self._orders)
            os.close(self._answers)
            _be_far_end(subject, entry, stage, beginning, (orders, answers))
        os.close(orders)
        os.close(answers)
        attempt.PRIVATE.update((self._orders, self._answers))
        try:
            head = self._answer(LOADING_SECONDS + 2 * PATIENCE_SECONDS)
            self.decisions = {str(name): bool(value) for name, value in head["decisions"].items()}
            self.seconds = float(head["seconds"])
        except (LostError, KeyError, AttributeError, TypeError, ValueError) as error:
            raise LostError(self.end()) from error

    def fits(self, stage: Stage) -> bool:
        """Tell whether an attempt answers what the loading asked as the loading did."""
        return all(stage.polarity ^ (name in stage.flips) == value for name, value in self.decisions.items())

    def attempt(self, entry: Entry, stage: Stage, seconds: float) -> tuple[bytes, bool, float]:
        """Have one attempt made; give its report, whether it timed out, and its seconds of processor time.

        Raises:
            LostError: The process is no more.
        """
        outline, stage.outline = stage.outline, None
        order = pickle.dumps((entry, stage, seconds))
        stage.outline = outline
        try:
            _send(self._orders, order)
            head = self._answer(seconds + PATIENCE_SECONDS)
            report = _receive(self._answers, PATIENCE_SECONDS)
            return report, bool(head["timed_out"]), float(head["seconds"])
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise LostError from error

    def _answer(self, patience: float) -> dict[str, Any]:
        answer = json.JSONDecoder().decode(_receive(self._answers, patience).decode("utf-8", "replace"))
        if not isinstance(answer, dict):
            raise LostError
        return answer

    def end(self) -> float:
        """End it and everything it left; give the seconds of processor time it took."""
        for descriptor in (self._orders, self._answers):
            attempt.PRIVATE.discard(descriptor)
            os.close(descriptor)
        return attempt.end_child(self._child)


_Way = tuple[bool, bool]
"""How a module is loaded: as a script, and with an environment that is an input."""


class WarmProcesses:
    """Those of one search."""

    def __init__(self, beginning: Beginning) -> None:
        self._beginning = beginning
        self.seconds = 0.0
        """Processor time that loading took."""
        self._found: dict[_Way, list[WarmProcess]] = {}
        self._failed: set[_Way] = set()

    def attempt(self, subject: Subject, entry: Entry, stage: Stage, seconds: float) -> tuple[bytes, bool, float] | None:
        """Make an attempt in a fork of a process that has loaded the module's beginning; None where there is none."""
        way = (entry.kind == "script", subject.is_command(entry))
        if entry.kind == "experiment" or way in self._failed or not self._beginning.end:
            return None
        try:
            process = self._fitting(subject, entry, stage, way)
            return None if process is None else process.attempt(entry, stage, seconds)
        except LostError as error:
            self.seconds += error.seconds
            self._failed.add(way)
            return None

    def _fitting(self, subject: Subject, entry: Entry, stage: Stage, way: _Way) -> WarmProcess | None:
        found = self._found.setdefault(way, [])
        process = next((p for p in found if p.fits(stage)), None)
        if process is None and len(found) < MAX_PROCESSES:
            process = WarmProcess(subject, entry, stage, self._beginning)
            found.append(process)
            self.seconds += process.seconds
        return process

    def end(self) -> None:
        """End all of them."""
        for found in self._found.values():
            for process in found:
                process.end()
            found.clear()


# --- the far end -----------------------------------------------------------------------------------------------------


def _be_far_end(subject: Subject, entry: Entry, stage: Stage, beginning: Beginning, pipes: tuple[int, int]) -> NoReturn:
    """Be the process: load, say so, and fork an attempt for every order. Never returns."""
    orders, answers = pipes
    try:
        attempt.close_private()
        os.setsid()
        os.chdir(stage.scratch)
        before = _open_files()
        begin(_neutral(stage))
        lines: set[int] = set()
        output = attempt.prepare_child(lines, traced=beginning.traced)
        loading = start_loading(subject, entry)
        if not (_advance(loading, beginning.plain, subject) and _can_be_forked(before)):
            os._exit(0)
        if beginning.end > beginning.plain and entry.kind != "script":
            _go_ahead(loading, beginning.end, subject, before)
        gc.freeze()
        used = os.times()
        ready = {"decisions": STAGE.decisions, "seconds": sum(used[:4])}
        _send(answers, json.JSONEncoder().encode(ready).encode())
        while True:
            order = pickle.loads(_receive(orders, None))  # noqa: S301  # from the process that started this one
            _serve(subject, order, attempt.Warm(loading, lines, output, beginning.traced), pipes)
    finally:
        os._exit(0)


def _go_ahead(loading: Loading, end: int, subject: Subject, before: set[tuple[int, int, int]]) -> None:
    """Execute what acts, too, in a fork that becomes this process if that went well.

    Returns in the fork, or, where it went wrong, in the process itself.
    """
    child = _real_fork()
    if not child:
        if _advance(loading, end, subject) and _can_be_forked(before):
            return
        os._exit(_FAILED)
    if os.waitstatus_to_exitcode(_real_waitpid(child, 0)[1]) != _FAILED:
        os._exit(0)


def _neutral(stage: Stage) -> Stage:
    """Give a stage without attack that answers questions as ``stage`` does."""
    return type(stage)(
        canary=stage.canary,
        filename=stage.filename,
        scratch=stage.scratch,
        polarity=stage.polarity,
        flips=stage.flips,
        template_roots=stage.template_roots,
        outline=stage.outline,
        alarm=LOADING_SECONDS,
    )


def _advance(loading: Loading, end: int, subject: Subject) -> bool:
    """Execute statements of the module; tell whether that came to its end."""
    attempt.set_alarm(STAGE.alarm)
    if STAGE.traced:
        sys.settrace(attempt.tracer(STAGE.visited, subject.filename))
    try:
        loading.advance(end)
    except BaseException:  # noqa: BLE001  # the code under test may end itself in any way
        return False
    finally:
        sys.settrace(None)
        attempt.set_alarm(0)
    return True


def _can_be_forked(before: set[tuple[int, int, int]]) -> bool:
    """Tell whether every fork is in the state in which loading would have left it, and shares nothing with others."""
    if STAGE.reads or STAGE.written or STAGE.guards or STAGE.laundered:
        return False
    if _thread._count() or any(signal.getitimer(signal.ITIMER_REAL)) or _open_files() != before:  # noqa: SLF001
        return False
    try:
        _real_waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return not os.path.islink(STAGE.scratch)  # noqa: PTH114
    return False


def _open_files() -> set[tuple[int, int, int]]:
    found = set()
    for descriptor in range(_MAX_DESCRIPTORS):
        with suppress(OSError):
            status = os.fstat(descriptor)
            found.add((descriptor, status.st_dev, status.st_ino))
    return found


def _serve(subject: Subject, order: tuple[Entry, Stage, float], warm: attempt.Warm, pipes: tuple[int, int]) -> None:
    """Fork for one attempt, and pass its report on."""
    entry, stage, seconds = order
    stage.outline = subject.outline
    reader, writer = os.pipe()
    child = _real_fork()
    if not child:
        for descriptor in (reader, *pipes):
            os.close(descriptor)
        attempt.run_child(subject, entry, stage, writer, warm=warm)
    os.close(writer)
    data, timed_out = attempt.collect(reader, time.monotonic() + seconds)
    used = attempt.end_child(child)
    head = json.JSONEncoder().encode({"timed_out": timed_out, "seconds": used})
    _send(pipes[1], head.encode())
    _send(pipes[1], data)


# --- messages --------------------------------------------------------------------------------------------------------


def _send(descriptor: int, data: bytes) -> None:
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[_real_write(descriptor, rest) :]


def _receive(descriptor: int, patience: float | None) -> bytes:
    """Read one message.

    Raises:
        LostError: There is none, or not within ``patience`` seconds.
    """
    deadline = None if patience is None else time.monotonic() + patience
    (size,) = _LENGTH.unpack(_exactly(descriptor, _LENGTH.size, deadline))
    if size > _MAX_MESSAGE:
        raise LostError
    return _exactly(descriptor, size, deadline)


def _exactly(descriptor: int, size: int, deadline: float | None) -> bytes:
    data = b""
    while len(data) < size:
        if deadline is not None and not select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise LostError
        piece = _real_read(descriptor, min(size - len(data), 65_536))
        if not piece:
            raise LostError
        data += piece
    return data
