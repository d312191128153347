"""Carry out an experiment: steps, given as data, that bring a hostile value to the place of a finding.

Whoever wrote the steps (a model) can only choose how the code under test is used. What they may name is what that code
defines; the oracle is the family's; and what happens counts only in a step that runs the finding's statement, only if a
harmless value does not do it, and only if it stops once the statement is taken out.
"""
# ruff: noqa: ANN401  # values of inputs and results have any type

from __future__ import annotations

import ast
import asyncio
import base64
import copy
import inspect
import json
import os
import urllib.parse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .draft import CONTENT, HOSTILE
from .entries import Entry, finish, open_script_inputs, ready
from .loader import run_module
from .routes import ROUTES
from .search import Answer, Exhausted, Setup
from .stage import STAGE, Point
from .wild import Wild

if TYPE_CHECKING:
    import types
    from collections.abc import Sequence

    from .attempt import Observation
    from .entries import Subject
    from .outline import Outline
    from .search import Search
    from .stage import Event

ENTRY = Entry("experiment", "experiment")
_DOORS = {
    "query": "query parameter",
    "form": "form field",
    "json": "JSON field",
    "headers": "header",
    "cookies": "cookie",
    "path": "path parameter",
}
"""Parts of a request, and the doors they come in through."""


POINTS = {HOSTILE: Point("the hostile value", ""), CONTENT: Point("the hostile content", "")}
"""The input that stands for the hostile value, by its mark."""


_CODE = frozenset({"code", "unpickle", "native", "marshal"})
_PROGRAMS = frozenset({".py", ".pyc", ".pyd", ".pyi", ".pth", ".so"})


class StepError(Exception):
    """A step asks for what there is not, or what it may not have."""


@dataclass(frozen=True)
class Experiment:
    """Steps, and the lines of the statement that they must run."""

    steps: tuple[dict[str, Any], ...]
    place: range
    point: Point


# --- judging ---------------------------------------------------------------------------------------------------------


def conclude(search: Search, steps: Sequence[dict[str, Any]]) -> Answer:
    """Carry the steps out with harmless and hostile values, and give the answer: confirmed or inconclusive.

    Never neutralized: that an experiment of somebody's choice shows nothing says nothing.
    """
    aim(search, steps)
    try:
        answer = _attack(search)
        if answer.attack is not None and _survives_removal(search, answer):
            answer = Answer("inconclusive", "the effect stays when the finding's statement is taken out: not its doing")
    except Exhausted:
        answer = Answer("inconclusive", f"the budget ran out after {search.attempts} attempts")
    if answer.outcome != "confirmed":
        answer = Answer("inconclusive", answer.reason)
    answer.attempts, answer.loaded, answer.journal = search.attempts, search.loaded, search.journal
    return answer


def aim(search: Search, steps: Sequence[dict[str, Any]]) -> None:
    """Make steps what the search's entry does."""
    mark = CONTENT if CONTENT in json.dumps(steps, ensure_ascii=False) else HOSTILE
    experiment = Experiment(tuple(steps), range(search.first, search.last + 1), POINTS[mark])
    search.subject = replace(search.subject, experiment=experiment)


def _attack(search: Search) -> Answer:
    experiment = search.subject.experiment
    text = json.dumps(experiment.steps, ensure_ascii=False)
    if search.family.needs_input and HOSTILE not in text and CONTENT not in text:
        return Answer("inconclusive", "no step uses the hostile value")
    reached: Observation | None = None
    for polarity in (True, False):
        reached = search.run(ENTRY, Setup(polarity=polarity), experiment.point if search.family.needs_input else None)
        if reached.error == StepError.__name__:
            break
        if search.here(reached):
            setup = Setup(polarity=polarity)
            if search.family.needs_input:
                return search.attack_point(ENTRY, experiment.point, setup, shows=False)
            return search.observe(ENTRY, setup, reached)
    assert reached is not None  # noqa: S101  # the loop runs
    return Answer("inconclusive", _why_not_reached(search, reached))


def _why_not_reached(search: Search, reached: Observation) -> str:
    """Say for the next attempt how far the steps came."""
    said = next((event.text for event in reversed(reached.events) if event.kind == "error"), "")
    if reached.error == StepError.__name__:
        return said
    ended = f"; they ended with {reached.error}: {said[:200]}" if reached.error else ""
    if search.passed(reached):
        return f"the steps ran line {search.line}, but nothing that the oracle watches happened there{ended}"
    inside = sorted(n for n in reached.lines if search.function is None or search.function.covers(n))
    far = f"; the last line they ran in its function is {inside[-1]}" if inside else "; they never ran its function"
    return f"the steps did not run line {search.line}{far}{ended}"


def _survives_removal(search: Search, answer: Answer) -> bool:
    """Tell whether the effect is still there without the finding's statement."""
    assert answer.attack is not None  # noqa: S101  # asked for confirmed answers only
    whole = search.subject
    try:
        search.subject = replace(whole, tree=without(whole.tree, search.first, search.last))
        look, disturbed = search.pair(answer.attack)
        return bool(search.family.effect(look) or disturbed)
    finally:
        search.subject = whole


def without(tree: ast.Module, first: int, last: int) -> ast.Module:
    """Copy a module, doing nothing in place of the statement at some lines; its lines still count as run."""
    changed: ast.Module = _Removal(first, last).visit(copy.deepcopy(tree))
    return ast.fix_missing_locations(changed)


class _Removal(ast.NodeTransformer):
    """Replaces simple statements inside a span by ``pass``, and what headers of others call by None."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last

    def _inside(self, node: Any) -> bool:
        return bool(self.first <= node.lineno and (node.end_lineno or node.lineno) <= self.last)

    def visit(self, node: ast.AST) -> Any:
        """Replace what stands inside the span."""
        if isinstance(node, ast.stmt) and self._inside(node) and not hasattr(node, "body"):
            return ast.copy_location(ast.Pass(), node)
        if isinstance(node, ast.Call) and self._inside(node):
            return ast.copy_location(ast.Constant(None), node)
        return self.generic_visit(node)


# --- carrying out ----------------------------------------------------------------------------------------------------


def perform(subject: Subject) -> str:
    """Load the module and carry out the steps of its experiment; only what happens at the place is left as seen."""
    experiment: Experiment = subject.experiment
    results: list[Any] = []
    steps = [*experiment.steps]
    ran: set[int] = set()
    module: types.ModuleType | None = None
    try:
        for number, step in enumerate(steps):
            if module is None and step["step"] in {"call", "request"}:
                open_script_inputs()
                module = run_module(subject.tree, subject)
                STAGE.watching = True
            seen = len(STAGE.events)
            ran |= STAGE.visited
            STAGE.visited.clear()
            try:
                results.append(_carry_out(step, results, subject, module))
            except StepError as error:
                message = f"step {number + 1}: {error}"
                raise StepError(message) from None
            finally:
                _forbid_code_elsewhere(STAGE.events[seen:], experiment.place)
                if not any(line in experiment.place for line in STAGE.visited) and STAGE.traced:
                    del STAGE.events[seen:]
    finally:
        STAGE.visited |= ran
    return "the steps"


def _forbid_code_elsewhere(events: Sequence[Event], place: range) -> None:
    """Make sure that no step ran code of somebody's choice outside of the place: such code could fake anything.

    Raises:
        StepError: One did.
    """
    if any(e.kind in _CODE and not any(line in place for line in e.lines) for e in events):
        message = "the steps had code run at another place, which could fake the effect; do without"
        raise StepError(message)


def _carry_out(step: dict[str, Any], results: list[Any], subject: Subject, module: types.ModuleType | None) -> Any:
    kind = step["step"]
    if kind == "file":
        _write_file(str(step["path"]), _value(step["content"], results))
        return None
    if kind == "env":
        os.environ[str(step["name"])] = str(_value(step["value"], results))
        return None
    if kind == "stand-in":
        return Wild(str(step["name"]))
    if kind == "run":
        return _run_script(_value(step["args"], results), _value(step["named"], results), subject)
    assert module is not None  # noqa: S101  # loaded before the first step that needs it
    if kind == "request":
        _request(step, _value(step["parts"], results))
        return None
    called = _callee(step, results, subject, module)
    result = _settled(called(*_value(step["args"], results), **_value(step["named"], results)))
    result = ready(result) if type(result).__name__ in subject.outline.classes else result
    if any(line in subject.experiment.place for line in STAGE.visited):
        finish(result, subject, module)
    return result


def _settled(result: Any) -> Any:
    """Await and exhaust what a call gave."""
    if isinstance(result, Wild):
        return result
    if inspect.isawaitable(result):

        async def wait() -> Any:
            return await result

        return asyncio.run(wait())
    if inspect.isgenerator(result):
        return [item for _, item in zip(range(20), result, strict=False)]
    return result


def _write_file(path: str, content: Any) -> None:
    """Write a file into the working folder.

    Raises:
        StepError: The path leads out of it.
    """
    place = Path(path)
    if place.is_absolute() or ".." in place.parts or place.suffix in _PROGRAMS:
        message = "a file is written into the working folder, by a relative path, and is no program"
        raise StepError(message)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else str(content).encode())


def _run_script(args: list[Any], options: dict[str, Any], subject: Subject) -> None:
    for index, value in enumerate(args, start=1):
        STAGE.values[Point("command-line argument", str(index))] = value
    for name, value in options.items():
        STAGE.values[Point("command-line option", name)] = value
    STAGE.watching = True
    open_script_inputs()
    run_module(subject.tree, subject, as_main=True)


def _request(step: dict[str, Any], parts: dict[str, Any]) -> None:
    name = str(step["name"]).rpartition(".")[2]
    route = next((r for r in ROUTES if _view_name(r.view) == name), None)
    if route is None:
        known = ", ".join(sorted({_view_name(r.view) for r in ROUTES})[:8]) or "none"
        message = f"there is no view called {name}; known: {known}"
        raise StepError(message)
    for part, content in parts.items():
        if part == "body":
            STAGE.values[Point("request body", "")] = content
        elif part in _DOORS and isinstance(content, dict):
            STAGE.values.update({Point(_DOORS[part], key): value for key, value in content.items()})
        else:
            message = f"a request has no part {part}: give {', '.join(_DOORS)} as dicts, or body"
            raise StepError(message)
    STAGE.framework = route.framework
    route.call(route, str(step["method"]).upper() or route.methods[0])


def _view_name(view: Any) -> str:
    unwrapped = inspect.unwrap(view) if callable(view) else view
    return str(getattr(unwrapped, "__name__", ""))


# --- what a step may name --------------------------------------------------------------------------------------------


def _callee(step: dict[str, Any], results: list[Any], subject: Subject, module: types.ModuleType) -> Any:
    """Give what a step calls: something that the code under test defines.

    Raises:
        StepError: It defines no such thing.
    """
    if step["on"] is not None:
        found = _value(step["on"], results)
        if not isinstance(found, Wild) and not _is_defined_here(found, subject):
            message = "only methods that the code under test defines can be called on a result"
            raise StepError(message)
        return found
    name = str(step["name"])
    found = module
    for part in name.split("."):
        if part.startswith("__") or not hasattr(found, part):
            message = f"the module has no {name}"
            raise StepError(message)
        found = getattr(found, part)
    if not _is_in_outline(name, subject.outline):
        message = f"{name} is not defined in the module, which is what is to be tested"
        raise StepError(message)
    if not callable(found):
        message = f"{name} cannot be called"
        raise StepError(message)
    return found


def _is_in_outline(name: str, outline: Outline) -> bool:
    owner, _, last = name.rpartition(".")
    if name in outline.classes:
        return True
    return any(f.name == last and f.owner == owner and f.outer is None for f in outline.functions)


def _is_defined_here(found: Any, subject: Subject) -> bool:
    """Tell whether a callable's code stands in the module, or in another file of the project."""
    code = getattr(inspect.unwrap(found) if callable(found) else None, "__code__", None)
    if isinstance(found, type):
        return found.__name__ in subject.outline.classes and found.__module__ in {subject.name, "builtins"}
    where = str(getattr(code, "co_filename", ""))
    return where == subject.filename or (bool(STAGE.template_roots) and where.startswith(STAGE.template_roots))


# --- values ----------------------------------------------------------------------------------------------------------


def _value(data: Any, results: list[Any]) -> Any:
    """Make the value that JSON data stands for, with the hostile (or harmless) value filled in."""
    if isinstance(data, str):
        return _filled(data)
    if isinstance(data, list):
        return [_value(item, results) for item in data]
    if not isinstance(data, dict):
        return data
    if "$bytes" in data:
        made = _filled(data["$bytes"])
        return made if isinstance(made, bytes) else str(made).encode("utf-8", "surrogateescape")
    if "$result" in data:
        return _followed(results[data["$result"]], data["path"])
    if "$encoded" in data:
        return _encoded(data["$encoded"], _value(data["value"], results))
    return {key: _value(item, results) for key, item in data.items()}


def _filled(text: str) -> Any:
    mark = next((m for m in (HOSTILE, CONTENT) if m in text), None)
    if mark is None:
        return text
    hostile = STAGE.value_of(POINTS[mark])
    if text == mark:
        return hostile
    if isinstance(hostile, bytes):
        return text.encode("utf-8", "surrogateescape").replace(mark.encode(), hostile)
    return text.replace(mark, str(hostile))


def _followed(value: Any, path: list[list[Any]]) -> Any:
    """Look into a result.

    Raises:
        StepError: There is no such part, or it is private.
    """
    for kind, key in path:
        owner = type(value).__name__
        if kind == "attribute" and str(key).startswith("_"):
            message = f"{key} of a result ({owner}) is private"
            raise StepError(message)
        try:
            value = value[key] if kind == "item" else getattr(value, str(key))
        except (AttributeError, LookupError, TypeError) as error:
            message = f"a result ({owner}) has no {key!r}: {type(error).__name__}"
            raise StepError(message) from None
    return value


def _encoded(how: str, value: Any) -> str:
    if how == "json":
        return json.dumps(value)
    raw = value if isinstance(value, bytes) else str(value).encode()
    if how == "base64":
        return base64.b64encode(raw).decode()
    if how == "hex":
        return raw.hex()
    return urllib.parse.quote(raw, safe="")
