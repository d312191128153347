"""Watch the places where an attack takes effect, and keep everything else from getting in its way.

Where Python has an audit event it is used, because the code under test cannot take the hook off again. Processes are
never started: a command line that carries the canary goes to a real shell in which the canary is the only command
there is; any other is answered as a success. SQLite is real, with its tables made up as they are asked for.
"""
# ruff: noqa: ANN401, D102  # replacements take whatever the functions they replace take

from __future__ import annotations

import asyncio
import builtins
import bz2
import io
import json
import logging
import os
import pathlib
import re
import shlex
import sqlite3
import subprocess
import sys
import tarfile
import time
from typing import Any, Self

from . import wild
from .stage import STAGE, as_text, see
from .values import DoorFile, DoorMapping, DoorText, read

_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
_real_open = builtins.open
_real_popen = subprocess.Popen
_real_loads = json.loads

_PATH_EVENTS = frozenset(
    {
        "open",
        "os.listdir",
        "os.scandir",
        "os.remove",
        "os.rename",
        "os.mkdir",
        "os.rmdir",
        "os.chmod",
        "os.chown",
        "os.truncate",
        "os.link",
        "os.symlink",
        "os.utime",
        "shutil.copyfile",
        "shutil.copytree",
        "shutil.move",
        "shutil.rmtree",
        "shutil.unpack_archive",
        "shutil.make_archive",
        "sqlite3.connect",
        "glob.glob",
        "os.chdir",
    }
)
_TEXT_EVENTS = {
    "compile": "code",
    "exec": "code",
    "import": "import",
    "pickle.find_class": "unpickle",
    "socket.connect": "network",
    "socket.getaddrinfo": "network",
    "urllib.Request": "url",
    "marshal.loads": "marshal",
    "ctypes.dlopen": "native",
    "tempfile.mkstemp": "temporary",
    "tempfile.mkdtemp": "temporary",
}


def audit(event: str, args: tuple[Any, ...]) -> None:
    """Note the audit events that matter: paths and texts that carry this attempt's canary."""
    if not STAGE.watching:
        return
    if _changes_disk(event, args):
        STAGE.written = True
    if event in _PATH_EVENTS:
        for path in args[:2]:
            if isinstance(path, (str, bytes, os.PathLike)) and _matters(path):
                mode = args[1] if event == "open" and len(args) > 1 else ""
                see("path", event, os.fspath(path), (mode or "",))
    elif event in _TEXT_EVENTS:
        kind = _TEXT_EVENTS[event]
        direct = kind == "code" and sys._getframe(1).f_code.co_filename == STAGE.filename  # noqa: SLF001
        if direct or kind in {"unpickle", "native"} or STAGE.is_hot(args[:2]):
            see(kind, event, args[0] if args else "", args[1:3])


_READING = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect", "glob.glob"})
_CREATING = frozenset({"tempfile.mkstemp", "tempfile.mkdtemp"})
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _changes_disk(event: str, args: tuple[Any, ...]) -> bool:
    """Tell whether an audit event asks for a change of what is on the disk (or of the folder one works in)."""
    if event == "open":
        flags = args[2] if len(args) > 2 else 0  # noqa: PLR2004  # path, mode, flags
        return isinstance(flags, int) and bool(flags & _WRITE_FLAGS)
    if event == "sqlite3.connect":
        return bool(args) and ":memory:" not in as_text(args[0])
    return event in _CREATING or (event in _PATH_EVENTS and event not in _READING)


def _matters(path: Any) -> bool:
    """Tell whether a path carries input, or is used by the module under test rather than by an import."""
    text = as_text(os.fspath(path))
    return STAGE.is_hot(text) or (not text.endswith((".py", ".pyc", ".so")) and "/" in text[1:] and bool(STAGE.lines()))


# --- processes -------------------------------------------------------------------------------------------------------


def run_shell(command: object, what: str) -> None:
    """Give a command line to a real shell in which only the canary can be run, if it carries the canary."""
    text = as_text(command)
    see("shell", what, text)
    if STAGE.canary not in text or STAGE.target is None:
        return
    prelude = f"{STAGE.canary}() {{ : > '{STAGE.scratch}/ran-{STAGE.canary}'; }}\n"
    try:
        child = _real_popen(
            ["/bin/sh", "-c", prelude + text],
            env={"PATH": "/nonexistent"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=STAGE.scratch,
        )
        child.wait(1.0)
    except subprocess.TimeoutExpired:
        child.kill()
    except (OSError, ValueError) as error:  # a NUL in the command line, or no shell at all
        see("trouble", what, type(error).__name__)


def run_argv(argv: list[Any], what: str) -> None:
    """Look at an argument vector: a shell's ``-c`` is a command line, anything else starts nothing."""
    words = [as_text(word) for word in argv]
    if words and os.path.basename(words[0]) in _SHELLS and "-c" in words[:-1]:  # noqa: PTH119  # a name, not a path
        run_shell(words[words.index("-c") + 1], what)
        return
    see("argv", what, words[0] if words else "", tuple(words[1:]))
    if words and os.path.basename(words[0]) == "ssh" and len(words) > 2:  # noqa: PTH119, PLR2004  # ssh host command
        run_shell(" ".join(words[2:]), "ssh")


def start(command: Any, *, shell: bool, what: str) -> None:
    """Look at what a caller asks to be started."""
    if shell:
        run_shell(command[0] if isinstance(command, (list, tuple)) and command else command, what)
    elif isinstance(command, (str, bytes, os.PathLike)):
        run_argv([os.fspath(command)], what)
    else:
        run_argv(list(command), what)


class StagedPopen:
    """A process that was never started and has already succeeded."""

    def __init__(self, args: Any, *_rest: Any, shell: bool = False, **options: Any) -> None:
        text = options.get("text") or options.get("universal_newlines") or options.get("encoding")
        self._output: Any = "stub output\n" if text else b"stub output\n"
        self.args, self.pid, self.returncode = args, 4242, 0
        stream: Any = io.StringIO if text else io.BytesIO
        self.stdin, self.stdout, self.stderr = stream(), stream(self._output), stream()
        start(args, shell=bool(shell), what="subprocess")

    def communicate(self, input: Any = None, timeout: Any = None) -> tuple[Any, Any]:  # noqa: A002, ARG002
        if input is not None and isinstance(self.args, (list, tuple)) and self.args:  # noqa: SIM102  # two questions
            if os.path.basename(as_text(self.args[0])) in _SHELLS:  # noqa: PTH119
                run_shell(input, "subprocess")
        return self._output, self._output[:0]

    def poll(self) -> int:
        return 0

    def wait(self, *_args: Any, **_kw: Any) -> int:
        return 0

    def kill(self, *_args: Any) -> None:
        """Do nothing: there is no process."""

    terminate = send_signal = kill

    def __class_getitem__(cls, _item: Any) -> type:
        return cls

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None


def _system(command: Any) -> int:
    run_shell(command, "os.system")
    return 0


def _os_popen(command: Any, *_args: Any, **_kw: Any) -> Any:
    run_shell(command, "os.popen")
    return io.StringIO("stub output\n")


class _AsyncProcess(StagedPopen):
    """What asyncio gives for a process."""

    async def communicate(self, *_args: Any, **_kw: Any) -> tuple[Any, Any]:  # type: ignore[override]
        return b"stub output\n", b""

    async def wait(self, *_args: Any, **_kw: Any) -> int:  # type: ignore[override]
        return 0


async def _create_shell(command: Any, *_args: Any, **_kw: Any) -> _AsyncProcess:
    return _AsyncProcess(command, shell=True)  # noqa: S604  # nothing is started


async def _create_exec(program: Any, *args: Any, **_kw: Any) -> _AsyncProcess:
    return _AsyncProcess([program, *args])


def _exec_call(path_first: int, *, spread: bool) -> Any:
    def call(*args: Any, **_kw: Any) -> int:
        rest = args[path_first + 1 :] if spread else list(args[path_first + 1])
        run_argv([args[path_first], *list(rest)[1:]], "os.exec")
        return 0

    return call


def _remote_call(path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    last = path.rsplit(".", 1)[-1]
    command = args[0] if args else kwargs.get("command", kwargs.get("cmd"))
    if isinstance(command, str) and last in {"exec_command", "sudo"}:
        run_shell(command, path)
    elif isinstance(command, str) and last in {"exec_run", "check_call", "getoutput", "system", "popen"}:
        run_shell(command, path) if last in {"getoutput", "system", "popen"} else run_argv(shlex.split(command), path)


def watch_processes() -> None:
    """Replace everything that starts a process."""
    for name, value in {"Popen": StagedPopen}.items():
        setattr(subprocess, name, value)
    os.system, os.popen = _system, _os_popen  # type: ignore[assignment]
    asyncio.create_subprocess_shell, asyncio.create_subprocess_exec = _create_shell, _create_exec  # type: ignore[assignment]
    for suffix in ("l", "le", "lp", "lpe"):
        setattr(os, f"exec{suffix}", _exec_call(0, spread=True))
        setattr(os, f"spawn{suffix}", _exec_call(1, spread=True))
    for suffix in ("v", "ve", "vp", "vpe"):
        setattr(os, f"exec{suffix}", _exec_call(0, spread=False))
        setattr(os, f"spawn{suffix}", _exec_call(1, spread=False))
    os.posix_spawn = os.posix_spawnp = _exec_call(0, spread=False)
    wild.CALL_HOOKS.append(_remote_call)


# --- SQLite ----------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[A-Za-z_]\w*")
_SQL_WORDS = frozenset(
    [
        "select",
        "from",
        "where",
        "and",
        "or",
        "not",
        "in",
        "is",
        "null",
        "like",
        "insert",
        "into",
        "values",
        "update",
        "set",
        "delete",
        "order",
        "by",
        "group",
        "having",
        "limit",
        "offset",
        "join",
        "left",
        "right",
        "inner",
        "outer",
        "on",
        "as",
        "distinct",
        "count",
        "sum",
        "max",
        "min",
        "avg",
        "create",
        "table",
        "if",
        "exists",
        "replace",
        "asc",
        "desc",
        "between",
        "case",
        "when",
        "then",
        "else",
        "end",
        "union",
        "all",
        "exists",
        "collate",
        "nocase",
        "cast",
        "integer",
        "text",
        "random",
        "lower",
        "upper",
        "length",
    ]
)


def _invent_schema(connection: Any, statement: str, trouble: str) -> bool:
    """Create the table or column a statement lacks, with one planted row; tell whether anything was done."""
    execute = sqlite3.Connection.execute
    bare = re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", " ", statement)
    words = list(dict.fromkeys(w for w in _WORD.findall(bare) if w.lower() not in _SQL_WORDS and STAGE.canary not in w))
    lacks = re.search(r"no such table: (?:\w+\.)?(\w+)", trouble)
    if lacks:
        table = lacks.group(1)
        known = {w.lower(): w for w in words if w.lower() != table.lower()}
        known.setdefault("id", "id")
        columns = ", ".join(f'"{name}"' for name in known.values())
        execute(connection, f'CREATE TABLE "{table}" ({columns})')
        execute(connection, f'INSERT INTO "{table}" VALUES ({", ".join("1" for _ in known)})')  # noqa: S608  # our own
        return True
    column = re.search(r"no such column: (?:\w+\.)?(\w+)|has no column named (\w+)", trouble)
    if column and STAGE.canary not in trouble:
        name = column.group(1) or column.group(2)
        for (table,) in execute(connection, "SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table in words:
                execute(connection, f'ALTER TABLE "{table}" ADD COLUMN "{name}"')
                return True
    return False


def _run_sql(connection: Any, call: Any, statement: str, rest: tuple[Any, ...]) -> Any:
    see("sql", "sqlite3", statement, rest)
    if STAGE.failing:
        STAGE.failing = False
        message = f"secret-{STAGE.canary}"
        raise sqlite3.OperationalError(message)
    for _ in range(6):
        try:
            return call(statement, *rest)
        except sqlite3.OperationalError as error:
            if not _invent_schema(connection, statement, str(error)):
                raise
    return call(statement, *rest)


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *parameters: Any) -> Any:
        return _run_sql(self.connection, super().execute, sql, parameters)

    def executemany(self, sql: str, *parameters: Any) -> Any:
        return _run_sql(self.connection, super().executemany, sql, parameters)

    def executescript(self, sql_script: str) -> Any:
        return _run_sql(self.connection, super().executescript, sql_script, ())


class _Connection(sqlite3.Connection):
    def cursor(self, factory: Any = _Cursor) -> Any:
        return super().cursor(factory)

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self.cursor().execute(sql, *parameters)

    def executemany(self, sql: str, *parameters: Any) -> Any:
        return self.cursor().executemany(sql, *parameters)

    def executescript(self, sql_script: str) -> Any:
        return self.cursor().executescript(sql_script)


_real_connect = sqlite3.connect


def _connect(database: Any = ":memory:", *_args: Any, **options: Any) -> Any:
    options.pop("factory", None)
    options["check_same_thread"] = False
    try:
        return _real_connect(os.fspath(database), factory=_Connection, **options)
    except (sqlite3.OperationalError, TypeError):
        return _real_connect(":memory:", factory=_Connection, check_same_thread=False)


# --- files -----------------------------------------------------------------------------------------------------------


def _stage_open(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
    """Open for real; a file that is not there has a content that is an input like any other."""
    if STAGE.failing and STAGE.lines():
        STAGE.failing = False
        raise FileNotFoundError(2, f"secret-{STAGE.canary}", as_text(file))
    try:
        return _real_open(file, mode, *args, **options)
    except (OSError, ValueError):
        if isinstance(file, int) or not STAGE.watching or not STAGE.decide("a missing file can be read"):
            raise
        return DoorFile("content of the file it opens", "", text="b" not in mode)


def _pretend(real: Any, *, answer: Any) -> Any:
    """Let a question about a path that carries input be answered as if the file were there."""

    def ask(path: Any, *args: Any, **options: Any) -> Any:
        if STAGE.watching and not isinstance(path, int) and STAGE.is_hot(os.fspath(path) if path is not None else ""):
            return answer()
        return real(path, *args, **options)

    return ask


def _forgive(real: Any) -> Any:
    """Let a change of a path fail quietly where the scratch disk ends."""

    def act(*args: Any, **options: Any) -> Any:
        try:
            return real(*args, **options)
        except (PermissionError, FileNotFoundError):
            return None
        except OSError as error:
            if error.errno not in {30, 17, 21}:  # read-only file system, exists, is a directory
                raise
            return None

    return act


def watch_files() -> None:
    """Make paths that carry input look present and the rest of the disk look patient."""
    readers: tuple[tuple[Any, str], ...] = ((tarfile, "bltn_open"), (bz2, "_builtin_open"))
    for module, name in readers:  # they keep references of their own
        setattr(module, name, _stage_open)
    builtins.open = io.open = _stage_open
    present = lambda: STAGE.decide("the file exists")  # noqa: E731  # reads as the answer it is
    folder = lambda: not STAGE.decide("the path is no folder")  # noqa: E731
    for name, answer in {"exists": present, "isfile": present, "lexists": present, "isdir": folder}.items():
        setattr(os.path, name, _pretend(getattr(os.path, name), answer=answer))
    os.path.getsize = _pretend(os.path.getsize, answer=lambda: 10)
    for method, answer in {"exists": present, "is_file": present, "is_dir": folder}.items():
        setattr(pathlib.Path, method, _pretend(getattr(pathlib.Path, method), answer=answer))
    for name in ("makedirs", "mkdir", "chmod", "chown", "unlink", "remove", "rmdir", "listdir", "rename"):
        setattr(os, name, _forgive(getattr(os, name)))
    os.listdir = _forgive_list  # type: ignore[assignment]


_real_listdir = os.listdir


def _forgive_list(*args: Any) -> list[str]:
    try:
        return _real_listdir(*args)
    except OSError:
        return ["stub"]


# --- the rest --------------------------------------------------------------------------------------------------------


def _stage_loads(text: Any, *args: Any, **options: Any) -> Any:
    """Parse JSON; an input that is not JSON stands for a document with every key."""
    try:
        return _real_loads(text, *args, **options)
    except (ValueError, TypeError):
        if isinstance(text, DoorText):
            return DoorMapping(text.point.door, f"{text.point.key} as JSON" if text.point.key else "JSON")
        if STAGE.is_hot(text) or isinstance(text, (wild.Wild, bytes)):
            return DoorMapping("JSON field", "")
        raise


_real_handle = logging.Logger.handle


def _stage_handle(_logger: logging.Logger, record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except Exception as error:  # noqa: BLE001  # a bad format string is the code's own trouble
        message = f"{record.msg} ({type(error).__name__})"
    see("log", "logging", message)


class StagedInput(io.StringIO):
    """Standard input, line by line an input."""

    def read(self, *_args: Any) -> Any:
        return read("standard input", "")

    def readline(self, *_args: Any) -> Any:
        return read("standard input", "") + "\n"

    def readlines(self, *_args: Any) -> Any:
        return [self.readline()]

    def __iter__(self) -> Any:
        return iter([self.readline()])

    @property
    def buffer(self) -> Any:
        return DoorFile("standard input", "")


def watch_everything() -> None:
    """Install all of it, once, before anything is forked."""
    sys.addaudithook(audit)
    watch_processes()
    watch_files()
    sqlite3.connect = sqlite3.dbapi2.connect = _connect
    json.loads = _stage_loads  # type: ignore[assignment]
    json.load = lambda file, **options: _stage_loads(file.read(), **options)
    logging.Logger.isEnabledFor = lambda *_args: True  # type: ignore[method-assign]
    logging.Logger.handle = _stage_handle  # type: ignore[method-assign, assignment]
    builtins.input = lambda *_prompt: read("standard input", "")
    sys.stdin = StagedInput()
    time.sleep = lambda seconds: see("sleep", "time.sleep", seconds)
    asyncio.sleep = _no_sleep  # type: ignore[assignment]


async def _no_sleep(_delay: float = 0, result: Any = None) -> Any:
    return result
