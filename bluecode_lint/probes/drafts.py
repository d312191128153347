"""Runs a test that a model wrote, alone in the sandbox, and reads the steps it asks for: data, whatever it tried."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from bluecode_lint.core.model import Job, Limits
from bluecode_lint.probes.driver.draft import CONTENT, HOSTILE, STEPS, TEST

if TYPE_CHECKING:
    from bluecode_lint.core.model import ExecResult

_SCRIPT = Path(__file__).resolve().parent / "driver" / "draft.py"
_STEPS_MAX = 40
_BYTES_MAX = 400_000
_TEXT = {"type": "string"}
_CALL = {"args": {"type": "array"}, "named": {"type": "object"}}


def _shape(step: str, **parts: Any) -> dict[str, Any]:  # noqa: ANN401  # schemas
    properties = {"step": {"const": step}, **parts}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_SHAPE = Draft202012Validator(
    {
        "type": "array",
        "maxItems": _STEPS_MAX,
        "items": {
            "oneOf": [
                _shape("call", name=_TEXT, on={"type": ["object", "null"]}, **_CALL),
                _shape("request", name=_TEXT, method=_TEXT, parts={"type": "object"}),
                _shape("run", **_CALL),
                _shape("file", path=_TEXT, content={}),
                _shape("env", name=_TEXT, value={}),
                _shape("stand-in", name=_TEXT),
            ]
        },
    }
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The steps a test asks for, or why there are none to carry out."""

    steps: tuple[dict[str, Any], ...] = ()
    trouble: str = ""

    @property
    def words(self) -> str:
        """Say for people what the steps do, such as ``r1 = Store('/srv'); r1.read(HOSTILE)``."""
        used = {data["$result"] for step in self.steps for data in _results_in(step)}
        return "; ".join(
            f"r{number + 1} = {_in_words(step)}" if number in used else _in_words(step)
            for number, step in enumerate(self.steps)
        )

    @property
    def is_by_caller(self) -> bool:
        """Tell whether the hostile value only ever is an argument, which who calls the function decides on."""
        outside = [step for step in self.steps if step["step"] in {"request", "run", "env", "file"}]
        return not any(mark in json.dumps(outside, ensure_ascii=False) for mark in (HOSTILE, CONTENT))


def draft_job(test: str, python: str = sys.executable) -> Job:
    """Make the job that runs a test without the code it is about."""
    return Job(
        argv=(python, "-I", str(_SCRIPT)),
        files={TEST: test.encode("utf-8", "surrogatepass")},
        readonly=(str(_SCRIPT.parent),),
        collect=(STEPS,),
        limits=Limits(wall_s=8.0, cpu_s=4, memory_mib=256, processes=4),
    )


def read_draft(result: ExecResult) -> Draft:
    """Read what a test left: untrusted."""
    data = result.files.get(STEPS, b"")
    if result.timed_out:
        return Draft(trouble="the test ran out of time")
    try:
        left: Any = json.loads(data) if len(data) <= _BYTES_MAX else None
        steps, trouble = left["steps"], str(left["trouble"])[:300]
    except (ValueError, KeyError, TypeError, RecursionError):
        return Draft(trouble="the test ended without handing over its steps")
    if trouble:
        return Draft(trouble=trouble)
    if not _SHAPE.is_valid(steps) or not all(_looks_back(step, number) for number, step in enumerate(steps)):
        return Draft(trouble=f"its steps are not what the lab notes (at most {_STEPS_MAX})")
    if not any(step["step"] in {"call", "request", "run"} for step in steps):
        return Draft(trouble="it asks for no call, request or run of the module")
    return Draft(tuple(steps))


def _looks_back(step: dict[str, Any], number: int) -> bool:
    """Tell whether a step uses results of earlier ones only."""
    return all(
        type(data["$result"]) is int and 0 <= data["$result"] < number and isinstance(data.get("path"), list)
        and all(isinstance(part, list) and len(part) == 2 for part in data["path"])  # noqa: PLR2004  # kind and key
        for data in _results_in(step)
    )  # fmt: skip


def _results_in(data: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # JSON
    if isinstance(data, dict):
        return [data] if "$result" in data else [found for item in data.values() for found in _results_in(item)]
    return [found for item in data for found in _results_in(item)] if isinstance(data, list) else []


def _in_words(step: dict[str, Any]) -> str:
    kind = step["step"]
    if kind == "file":
        return f"with a file {step['path']!r} of {_told(step['content'])}"
    if kind == "env":
        return f"with {step['name']}={_told(step['value'])} in the environment"
    if kind == "stand-in":
        return f"<stand-in {step['name']}>"
    if kind == "request":
        parts = ", ".join(f"{name}={_told(value)}" for name, value in step["parts"].items())
        return f"{step['method'] or 'a'} request to {step['name']}({parts})".strip()
    called = "run" if kind == "run" else (step["name"] or _told(step["on"]))
    args = [_told(value) for value in step["args"]]
    args += [f"{name}={_told(value)}" for name, value in step["named"].items()]
    return f"{called}({', '.join(args)})"


def _told(data: Any) -> str:  # noqa: ANN401  # JSON
    if isinstance(data, str):
        return "HOSTILE" if data in {HOSTILE, CONTENT} else repr(_readable(data))
    if isinstance(data, list):
        return f"[{', '.join(_told(item) for item in data)}]"
    if not isinstance(data, dict):
        return repr(data)
    if "$result" in data:
        path = "".join(f".{key}" if kind == "attribute" else f"[{key!r}]" for kind, key in data["path"])
        return f"r{data['$result'] + 1}{path}"
    if "$bytes" in data:
        return "HOSTILE" if data["$bytes"] in {HOSTILE, CONTENT} else f"b{_readable(data['$bytes'])!r}"
    if "$encoded" in data:
        return f"{data['$encoded']}({_told(data.get('value'))})"
    return "{" + ", ".join(f"{key!r}: {_told(value)}" for key, value in data.items()) + "}"


def _readable(text: str) -> str:
    return text.replace(HOSTILE, "HOSTILE").replace(CONTENT, "HOSTILE")
