"""Becoming the job's program: by exec, or, for a Python script, in the warm interpreter we already are."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PACKAGE = __name__.rpartition(".")[0]
_ISOLATED = "-I"
_COMMAND = "-c"


def is_warm(argv: Sequence[str]) -> bool:
    """Tell whether the interpreter's ``argv`` asks for what it already is: isolated, with a script or a command.

    Any other option would have to act on an interpreter's start, which is behind us.
    """
    if len(argv) < 3 or argv[1] != _ISOLATED:  # noqa: PLR2004
        return False
    return not argv[2].startswith("-") or (argv[2] == _COMMAND and len(argv) > 3)  # noqa: PLR2004


def replace(argv: Sequence[str]) -> NoReturn:
    """Execute another program in this process.

    Raises:
        OSError: It is not there, or not executable.
    """
    if "/" in argv[0]:
        os.execve(argv[0], list(argv), os.environ)  # noqa: S606  # no shell is the point
    os.execvpe(argv[0], list(argv), os.environ)  # noqa: S606


def warm(argv: Sequence[str]) -> Callable[[], None]:
    """Prepare to run a script or command as ``__main__``, as a fresh ``python -I`` would."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in sys.modules if name == _PACKAGE or name.startswith(_PACKAGE + ".")]:
        del sys.modules[name]
    sys.orig_argv = list(argv)
    if "linecache" in sys.modules:
        # The zygote's own command, which tracebacks would quote.
        sys.modules["linecache"].cache.pop("<string>", None)
    is_command = argv[2] == _COMMAND
    sys.argv = [_COMMAND, *argv[4:]] if is_command else list(argv[2:])

    def _run() -> None:
        main = ModuleType("__main__")
        main.__builtins__ = builtins  # type: ignore[attr-defined]
        sys.modules["__main__"] = main
        try:
            if is_command:
                source, name = argv[3].encode(errors="surrogateescape"), "<string>"
            else:
                source = _read(argv[2])
                main.__file__ = name = os.path.abspath(argv[2])  # noqa: PTH100
            exec(compile(source, name, "exec", dont_inherit=True), main.__dict__)  # noqa: S102  # the job's own code
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001  # as the interpreter's own top level: print it, exit with 1
            # Our own frame would be the first line of every traceback.
            trace = error.__traceback__.tb_next if error.__traceback__ else None
            sys.excepthook(type(error), error.with_traceback(trace), trace)
            raise SystemExit(1) from None

    return _run


def _read(name: str) -> bytes:
    try:
        with open(name, "rb") as stream:  # noqa: PTH123
            return stream.read()
    except OSError as error:
        sys.stderr.write(f"{sys.executable}: can't open file {name!r}: [Errno {error.errno}] {error.strerror}\n")
        raise SystemExit(2) from None
