"""Run a pair's tests against both of its sides. This file runs in the sandbox, as a copy, never in our process.

It imports the standard library only. In its directory lie ``unsafe.py``, ``safe.py``, ``capability.py`` and
``safety.py``. Each test runs in a process of its own, in an empty directory, with the module under test as ``subject``.
A test reports by `AssertionError`; anything else it raises is a broken test, not a finding. One JSON object is printed.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Self

TEST_SECONDS = 25
PASSED, FAILED, BROKEN = 0, 10, 11
WORDS = {PASSED: "passed", FAILED: "failed", BROKEN: "broken"}
DETAIL_CHARS = 2_000


class Anything:
    """Stands for whatever an absent package would have provided; a decorator made of it leaves its function alone."""

    def __init__(self, name: str = "anything") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(f"{self._name}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # as permissive as what it stands for
        """Give the function back to which it was applied as a decorator, or else anything."""
        if len(args) == 1 and not kwargs and (isinstance(args[0], type) or hasattr(args[0], "__code__")):
            return args[0]
        return Anything(f"{self._name}()")

    def __getitem__(self, key: object) -> Anything:
        return Anything(f"{self._name}[]")

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (object,)

    def __repr__(self) -> str:
        return f"<{self._name}>"


class AbsentModule(ModuleType):
    """A module that is not installed, and has every attribute."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []  # so that it may have submodules

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # an attribute of anything is anything
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(f"{self.__name__}.{name}")


class AbsentFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers last: imports nobody else could answer become `AbsentModule`s, unless the library knows the name."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002  # the import system's signature
        target: ModuleType | None = None,  # noqa: ARG002  # the import system's signature
    ) -> importlib.machinery.ModuleSpec | None:
        """Answer for any name but those of the library and of what is installed."""
        top = fullname.partition(".")[0]
        if top in sys.stdlib_module_names or top.startswith("_"):
            return None
        parent = sys.modules.get(fullname.rpartition(".")[0])
        if parent is not None and not isinstance(parent, AbsentModule):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """Make the stand-in."""
        return AbsentModule(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing: there is nothing to run."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail the assertion that the block ends within ``seconds`` of processor time."""

    def expire(_signal: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"not done within {seconds} s")  # noqa: EM102, TRY003  # a test's assertion

    previous = signal.signal(signal.SIGVTALRM, expire)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


def error_of(function: Any, *args: Any, **kwargs: Any) -> BaseException | None:  # noqa: ANN401  # calls anything
    """Call, and give what was raised (None if nothing): refusing is a fine way to be safe."""
    try:
        function(*args, **kwargs)
    except (Exception, SystemExit) as error:  # noqa: BLE001  # whatever the subject refuses with
        return error
    return None


def load_subject(source: Path) -> ModuleType:
    """Import one side of the pair under the name its tests know."""
    spec = importlib.util.spec_from_file_location("subject", source)
    if spec is None or spec.loader is None:
        raise ImportError(str(source))
    module = importlib.util.module_from_spec(spec)
    sys.modules["subject"] = module
    spec.loader.exec_module(module)
    return module


def run_test(root: Path, side: str, test: str, report: int) -> int:
    """Run one test against one side, in a child: write details to ``report``, give the exit status."""
    work = root / f"work-{side}-{test}"
    work.mkdir()
    os.chdir(work)
    sys.path[:] = [entry for entry in sys.path if entry not in {"", str(root)}]
    sys.meta_path.append(AbsentFinder())
    sys.argv[:] = ["subject"]
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    signal.alarm(TEST_SECONDS)
    try:
        code = compile((root / f"{test}.py").read_text(encoding="utf-8"), f"{test}.py", "exec")
        names = {"subject": load_subject(root / f"{side}.py"), "within": within, "error_of": error_of}
        exec(code, names)  # noqa: S102  # the one purpose of this file; it runs in the sandbox
    except AssertionError:
        os.write(report, traceback.format_exc()[-DETAIL_CHARS:].encode())
        return FAILED
    except BaseException:  # noqa: BLE001  # a test that breaks is data
        os.write(report, traceback.format_exc()[-DETAIL_CHARS:].encode())
        return BROKEN
    return PASSED


def fork_test(root: Path, side: str, test: str) -> tuple[str, str]:
    """Give (what became of the test, its last words)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = BROKEN
        try:
            status = run_test(root, side, test, writing)
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        details = stream.read(DETAIL_CHARS).decode("utf-8", errors="replace")
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGALRM:
        return "timed out", details
    return WORDS.get(code, f"exit {code}"), details


def main() -> None:
    """Run every test against every side and print what became of each."""
    root = Path.cwd().resolve()
    outcomes = {
        f"{side}.{test}": fork_test(root, side, test)
        for side in ("unsafe", "safe")
        for test in ("capability", "safety")
    }
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main()
