"""Run a test that a model wrote, and keep nothing of it but the steps it asks for.

Runs as a script of its own, in a sandbox job of its own, in which there is neither the code under test nor an oracle.
So a test can print, forge, patch and assert as it likes: all that leaves this job is data, and another job carries the
steps out (see `experiment`).
"""
# ruff: noqa: T201  # a script: what it prints is the job's log

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TEST, STEPS = "test.py", "steps.json"
HOSTILE, CONTENT = "\ue000hostile\ue001", "\ue000content\ue001"
"""What stands for the hostile value: text, or the content of a file. From Unicode's private use area."""


class Result:
    """What a step will give: it can be handed on, looked into, and its methods called."""

    def __init__(self, lab: Lab, number: int, path: tuple[tuple[str, Any], ...] = ()) -> None:
        self._lab, self._number, self._path = lab, number, path

    def __getattr__(self, name: str) -> Result:
        """Name an attribute of it.

        Raises:
            AttributeError: The name is private.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        return Result(self._lab, self._number, (*self._path, ("attribute", name)))

    def __getitem__(self, key: Any) -> Result:  # noqa: ANN401  # a key or an index
        """Name an item of it."""
        return Result(self._lab, self._number, (*self._path, ("item", key)))

    def __call__(self, *args: Any, **named: Any) -> Result:  # noqa: ANN401  # whatever the method takes
        """Call it."""
        return self._lab.record("call", name="", on=self, args=args, named=named)

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON data."""
        return {"$result": self._number, "path": [list(part) for part in self._path]}

    def __iter__(self) -> Any:  # noqa: ANN401  # never returns
        """Refuse: nobody knows yet how many items there are.

        Raises:
            TypeError: Always.
        """
        message = "a result cannot be iterated over, because nothing has run yet: take items by index"
        raise TypeError(message)


class Encoded:
    """A value that is encoded when the hostile value is known."""

    def __init__(self, how: str, value: Any) -> None:  # noqa: ANN401  # any value a step takes
        self.how, self.value = how, value


class Lab:
    """What a test is handed: the ways to reach the code under test. Each notes a step, and runs nothing."""

    hostile = HOSTILE
    hostile_content = CONTENT.encode()

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []

    def call(self, what: str, /, *args: Any, **named: Any) -> Result:  # noqa: ANN401
        """Call a function or class of the module."""
        return self.record("call", name=str(what), on=None, args=args, named=named)

    def request(self, view: str, /, method: str = "", **parts: Any) -> Result:  # noqa: ANN401
        """Send a request to a view function of the module."""
        return self.record("request", name=str(view), method=str(method), parts=parts)

    def run(self, *argv: Any, **options: Any) -> Result:  # noqa: ANN401
        """Run the module as a script."""
        return self.record("run", args=argv, named=options)

    def file(self, path: str, content: Any) -> None:  # noqa: ANN401
        """Put a file into the folder the module works in."""
        self.record("file", path=str(path), content=content)

    def env(self, name: str, value: Any) -> None:  # noqa: ANN401
        """Set an environment variable."""
        self.record("env", name=str(name), value=value)

    def stand_in(self, name: str = "stand_in") -> Result:
        """Make an object that has every attribute and takes every call."""
        return self.record("stand-in", name=str(name))

    def base64(self, value: Any) -> Encoded:  # noqa: ANN401
        """Encode a value as base 64 text."""
        return Encoded("base64", value)

    def hex(self, value: Any) -> Encoded:  # noqa: ANN401
        """Encode a value as hexadecimal text."""
        return Encoded("hex", value)

    def url(self, value: Any) -> Encoded:  # noqa: ANN401
        """Percent-encode a value."""
        return Encoded("url", value)

    def json(self, value: Any) -> Encoded:  # noqa: ANN401
        """Write a value as JSON text."""
        return Encoded("json", value)

    def record(self, step: str, **parts: Any) -> Result:  # noqa: ANN401
        """Note a step."""
        self.steps.append({"step": step, **{key: as_data(value) for key, value in parts.items()}})
        return Result(self, len(self.steps) - 1)


def as_data(value: Any) -> Any:  # noqa: ANN401  # what a test hands to a step
    """Write a value as JSON data.

    Raises:
        TypeError: It is an object of the test's own.
    """
    if value is None or type(value) in {bool, int, float, str}:
        return value
    if type(value) is bytes:
        return {"$bytes": value.decode("utf-8", "surrogateescape")}
    if type(value) in {list, tuple}:
        return [as_data(item) for item in value]
    if type(value) is dict and all(type(key) is str for key in value) and not any(k.startswith("$") for k in value):
        return {key: as_data(item) for key, item in value.items()}
    if type(value) is Result:
        return value.as_data()
    if type(value) is Encoded:
        return {"$encoded": value.how, "value": as_data(value.value)}
    name = type(value).__name__
    message = f"a {name} cannot be handed to the module: give text, numbers, bytes, lists, dicts, results"
    raise TypeError(message)


def main() -> None:
    """Run the test's ``attack(lab)`` and leave the steps, or what went wrong."""
    lab = Lab()
    trouble = ""
    try:
        space: dict[str, Any] = {"__name__": "test"}
        exec(compile(Path(TEST).read_text(encoding="utf-8"), TEST, "exec"), space)  # noqa: S102  # this is the sandbox
        space["attack"](lab)
    except BaseException as error:  # noqa: BLE001  # a test may fail in any way, and is told how
        trouble = told(error)
    Path(STEPS).write_text(json.dumps({"steps": lab.steps, "trouble": trouble}), encoding="utf-8")


def told(error: BaseException) -> str:
    """Say what went wrong and at which line of the test."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEST:
            line = trace.tb_lineno
        trace = trace.tb_next
    at = f"line {line} of the test: " if line else ""
    missing = isinstance(error, KeyError) and error.args == ("attack",)
    return "there is no function attack(lab)" if missing else f"{at}{type(error).__name__}: {error}"[:300]


if __name__ == "__main__":
    print(f"{TEST} runs without the code it is about", file=sys.stderr)
    main()
