"""Ways into the code under test, and how each is driven."""
# ruff: noqa: ANN401  # what comes back from the code under test is of any type

from __future__ import annotations

import argparse
import asyncio
import inspect
import io
import os
import re
import sys
import types
import urllib.parse
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .arguments import arguments_for
from .loader import Loading
from .request import AnyRequest
from .routes import ROUTES, Route
from .stage import STAGE, as_text, see
from .values import DoorFile, DoorMapping, DoorText, read
from .wild import Permissive, Wild

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from .outline import Function, Outline

MAX_ITEMS = 20
MAX_DEPTH = 2


@dataclass(frozen=True)
class Entry:
    """A way in. ``kind`` is route, function, script or experiment; ``name`` identifies it inside the module."""

    kind: str
    name: str
    owner: str = ""
    line: int = 0

    @property
    def words(self) -> str:
        """Say it for people."""
        if self.kind == "script":
            return "the module run as a script"
        return f"{self.owner}.{self.name}()" if self.owner else f"{self.name}()"


@dataclass
class Subject:
    """The module under test, parsed."""

    tree: ast.Module
    outline: Outline
    filename: str
    name: str
    package: str
    experiment: Any = None
    """The `Experiment` to carry out, where somebody wrote one."""

    def is_command(self, entry: Entry) -> bool:
        """Tell whether an entry is started from a command line, where the environment is an input, too."""
        return entry.kind == "script" or (
            entry.kind == "function" and not entry.owner and self.outline.is_command(entry.name)
        )


def plan_entries(subject: Subject, line: int) -> list[list[Entry]]:
    """List the ways to a line in groups, outermost first: callers before the function itself, the script last.

    A private function that only the module's own top level calls is no way in: the module chose what it is given.
    """
    target = subject.outline.enclosing(line)
    script = [Entry("script", "__main__")]
    if target is None:
        return [script]
    callers = [f for f in subject.outline.callers(target) if not f.name.startswith("test_")]
    own = target.outermost
    groups: list[list[Entry]] = []
    if callers:
        groups.append([_entry(f) for f in callers[:4]])
    if not (own.is_private and not callers and subject.outline.is_used_at_top(own)):
        groups.append([_entry(own)])
    if target.outer is not None and target is not own:
        groups.append([_entry(target)])
    groups.append(script)
    return groups


def _entry(function: Function) -> Entry:
    return Entry("function", function.name, function.owner, function.node.lineno)


# --- driving ---------------------------------------------------------------------------------------------------------


def start_loading(subject: Subject, entry: Entry) -> Loading:
    """Make everything ready for the module to be loaded, as a script if that is the way in."""
    ROUTES.clear()
    open_script_inputs()
    STAGE.has_environment = subject.is_command(entry)
    return Loading(subject.tree, subject, as_main=entry.kind == "script")


def drive(subject: Subject, entry: Entry, loading: Loading | None = None) -> str:
    """Load the module, go in through the entry, and say how people would call that way in.

    ``loading`` is the module where its first statements have been executed already.
    """
    if entry.kind == "experiment":
        from .experiment import perform  # noqa: PLC0415  # it builds on this module

        ROUTES.clear()
        return perform(subject)
    module = (loading or start_loading(subject, entry)).finish()
    if entry.kind == "script":
        return entry.words
    STAGE.watching = True
    function = next(f for f in subject.outline.functions if f.node.lineno == entry.line)
    route = _route_of(function, module)
    if route is None and function.outer is None:
        found = _resolve(function, module)
        if found is None:
            STAGE.notes.append(f"{entry.words} is not to be had")
            return entry.words
        command = _command_of(found)
        if command is not None:
            command.drive()
            return f"command {function.name}"
        result = _call(found, function, subject, module)
        result = asyncio.run(_await(result)) if inspect.isawaitable(result) and not isinstance(result, Wild) else result
        if result is None:
            _show_written(found)
        route = _route_of(function, module) or _inner_route(function)
        if route is None:
            finish(result, subject, module)
            return entry.words
    if route is not None:
        STAGE.framework = route.framework
        route.call(route, route.methods[0])
        return route.words
    return entry.words


def _route_of(function: Function, module: types.ModuleType) -> Route | None:
    """Find the registered route whose view is (or wraps, or belongs to) the function."""
    for route in ROUTES:
        view = inspect.unwrap(route.view) if callable(route.view) else route.view
        code = getattr(view, "__code__", None)
        if code is not None and code.co_filename == STAGE.filename and code.co_name == function.name:
            first = min([function.node.lineno, *(d.lineno for d in function.node.decorator_list)])
            if code.co_firstlineno in {first, function.node.lineno}:
                return route
        owner = getattr(route.view, "view_class", None)
        if owner is not None and function.owner and owner.__name__ == function.owner:  # noqa: SIM102  # two questions
            if function.name.upper() in route.methods or function.name.lower() not in {
                "get",
                "post",
                "put",
                "patch",
                "delete",
            }:
                return route
    wanted = getattr(module, function.name, None) if not function.owner else None
    return next((r for r in ROUTES if wanted is not None and r.view is wanted), None)


def _inner_route(function: Function) -> Route | None:
    """Find a route that calling the function has just registered (an application factory)."""
    end = function.node.end_lineno or 0
    for route in ROUTES:
        code = getattr(inspect.unwrap(route.view) if callable(route.view) else None, "__code__", None)
        if (
            code is not None
            and code.co_filename == STAGE.filename
            and function.node.lineno < code.co_firstlineno <= end
        ):
            return route
    return None


def _resolve(function: Function, module: types.ModuleType) -> Any:
    """Give the callable for a function, on a permissively built instance if it is a method."""
    if function.owner:
        owner = getattr(module, function.owner, None)
        if not isinstance(owner, type):
            return None
        raw = inspect.getattr_static(owner, function.name, None)
        if isinstance(raw, (classmethod, staticmethod)):
            return getattr(owner, function.name)
        made = _instance(owner, module)
        return None if made is None else getattr(made, function.name, None)
    return getattr(module, function.name, None)


def _instance(owner: type, module: types.ModuleType) -> Any:
    """Build an instance: by its constructor if that works, else bare, with unknown attributes made up."""
    outline = STAGE.outline
    node = next((f.node for f in outline.functions if f.owner == owner.__name__ and f.name == "__init__"), None)
    try:
        if node is None:
            made = owner()
        else:
            args, kwargs = arguments_for(node, owner.__name__, outline, vars(module), bound=True)
            made = owner(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  # a constructor may want what is not there
        STAGE.notes.append(f"{owner.__name__}(): {type(error).__name__}")
        try:
            made = object.__new__(type(owner.__name__, (owner, Permissive), {}))
        except TypeError:
            return None
    return ready(made)


def _server_class() -> type:
    """Give the base of the standard library's request handlers, if anything has imported it: nobody else needs it."""
    return getattr(sys.modules.get("http.server"), "BaseHTTPRequestHandler", _Nothing)


class _Nothing:
    """The class of no object."""


def ready(made: Any) -> Any:
    """Give a view or handler instance the request it expects to have."""
    if isinstance(made, _server_class()):
        vars(made).update(
            path=read("request path", ""),
            headers=DoorMapping("header"),
            rfile=DoorFile("request body", ""),
            wfile=io.BytesIO(),
            requestline="GET / HTTP/1.1",
            request_version="HTTP/1.1",
            command="GET",
            client_address=("127.0.0.1", 4242),
            close_connection=True,
            server=Wild("server"),
            log_request=lambda *_args: None,
        )
    elif isinstance(made, Permissive) and "request" not in vars(made):
        vars(made)["request"] = AnyRequest("POST")
    return made


def _show_written(found: Any) -> None:
    """Show what a handler method has written, as the response it is."""
    owner = getattr(found, "__self__", None)
    if isinstance(owner, _server_class()):
        head, _, body = owner.wfile.getvalue().partition(b"\r\n\r\n")  # type: ignore[attr-defined]
        see("wire", "http.server", head)
        see(
            "response",
            "text/html" if b"html" in head.lower() or b"content-type" not in head.lower() else "text/plain",
            body,
        )
    elif callable(getattr(type(owner), "answer", None)):
        try:
            owner.answer().record()  # type: ignore[union-attr]
        except AttributeError as error:
            STAGE.notes.append(f"answer: {type(error).__name__}")


def _command_of(found: Any) -> Any:
    return found if hasattr(found, "drive") and hasattr(found, "callback") else None


def _call(found: Any, function: Function, subject: Subject, module: types.ModuleType) -> Any:
    node = function.node
    bound = bool(function.owner) and not any(getattr(d, "id", "") == "staticmethod" for d in node.decorator_list)
    if not callable(found):  # a property was read already
        return found
    if isinstance(found, (classmethod, staticmethod)):
        found = found.__func__
    args, kwargs = arguments_for(node, function.words, subject.outline, vars(module), bound=bound)
    first = node.args.args[0].arg if node.args.args else ""
    if not bound and first in {"self", "cls"} and args:
        args[0] = _FragmentSelf(module)
    try:
        return found(*args, **kwargs)
    except TypeError as error:
        if "positional argument" not in str(error) and "unexpected keyword" not in str(error):
            raise
        return found(*args[: len(args) - 1], **kwargs) if args else found(Wild("argument"))


class _FragmentSelf(Permissive):
    """The ``self`` of a method cut out of its class: other such methods of the module are its methods."""

    def __init__(self, module: types.ModuleType) -> None:
        super().__init__()
        object.__setattr__(self, "_module", module)
        vars(self)["request"] = AnyRequest("POST")

    def __getattr__(self, name: str) -> Any:
        module = object.__getattribute__(self, "_module")
        found = vars(module).get(name)
        if isinstance(found, types.FunctionType):
            parameters = found.__code__.co_varnames[: found.__code__.co_argcount]
            if parameters[:1] in {("self",), ("cls",)}:
                return types.MethodType(found, self)
        return super().__getattr__(name)


def finish(result: Any, subject: Subject, module: types.ModuleType, depth: int = 0) -> None:
    """Bring what a call gave to its end: await, exhaust, enter, call what it returned; then show the value."""
    if inspect.iscoroutine(result) or inspect.isawaitable(result):
        result = asyncio.run(_await(result))
    if inspect.isasyncgen(result):
        result = asyncio.run(_drain(result))
    elif inspect.isgenerator(result):
        result = [item for _, item in zip(range(MAX_ITEMS), result, strict=False)]
    elif hasattr(result, "__enter__") and type(result).__module__ == "contextlib":
        with result as inner:
            result = inner
    if isinstance(result, types.FunctionType) and result.__code__.co_filename == STAGE.filename and depth < MAX_DEPTH:
        inner_function = next((f for f in subject.outline.functions if _is_code_of(result, f)), None)
        if inner_function is not None:
            args, kwargs = arguments_for(
                inner_function.node, inner_function.words, subject.outline, vars(module), bound=False
            )
            finish(result(*args, **kwargs), subject, module, depth + 1)
        return
    if isinstance(result, Wild):
        see("returned", "unresolved", "", (result.w_path,))
        return
    if hasattr(result, "answer") and not isinstance(result, type):
        result.answer().record()
        return
    if isinstance(result, (str, bytes, int, float, list, tuple, dict)) or result is None:
        see("returned", type(result).__name__, _flat(result))
    else:
        see("returned", type(result).__name__, as_text(result))


def _is_code_of(value: types.FunctionType, function: Function) -> bool:
    first = min([function.node.lineno, *(d.lineno for d in function.node.decorator_list)])
    return value.__code__.co_name == function.name and value.__code__.co_firstlineno in {first, function.node.lineno}


def _flat(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return "\n".join(as_text(item) for item in value)
    return value


async def _await(result: Any) -> Any:
    return await result


async def _drain(result: Any) -> list[Any]:
    items: list[Any] = []
    async for item in result:
        items.append(item)
        if len(items) >= MAX_ITEMS:
            break
    return items


# --- script inputs ---------------------------------------------------------------------------------------------------


class _Argv(list[str]):
    """The command line: every index beyond the program's name is an input."""

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return (
            "program" if index == 0 else read("command-line argument", str(index if index >= 0 else len(self) + index))
        )

    def __iter__(self) -> Iterator[str]:
        return iter([self[i] for i in range(len(self))])


def open_script_inputs() -> None:
    """Turn the command line and the parsers of it into doors, for good: functions of the module may parse later."""
    sys.argv = _Argv(["program", "a", "b"])
    type(os.environ).__getitem__ = _variable  # type: ignore[method-assign]
    urllib.parse.parse_qs = _parse_query  # type: ignore[assignment]
    argparse.ArgumentParser.parse_args = _parse_args  # type: ignore[method-assign, assignment]
    argparse.ArgumentParser.parse_known_args = _parse_known_args  # type: ignore[method-assign, assignment]


_real_variable = type(os.environ).__getitem__
_CONVENTIONAL = re.compile(
    r"(?:\w+_)?(?:EDITOR|VISUAL|PAGER|BROWSER|SHELL)|(?:\w*PATH|HOME|USER|USERNAME|LOGNAME|HOSTNAME|PWD|OLDPWD|TERM|DISPLAY"
    r"|LANG|LANGUAGE|TZ|TEMP|TMP|TMPDIR|APPDATA|LOCALAPPDATA|PROGRAMFILES|SYSTEMROOT|VIRTUAL_ENV|COLUMNS|LINES|NO_COLOR"
    r"|FORCE_COLOR|CI|(?:LC|XDG|PYTHON|PIP|CONDA)_?\w*|\w+_PROXY)",
    re.IGNORECASE,
)
"""Variables by which the person at the terminal tells every program what they like; to be obeyed is their purpose."""


def _variable(environment: Any, key: Any) -> Any:
    """Give an environment variable: as it was set, or, if the module asks for one that is not, as an input.

    Raises:
        KeyError: It is not set.
    """
    try:
        return _real_variable(environment, key)
    except KeyError:
        name = as_text(key)
        if not STAGE.has_environment or _CONVENTIONAL.fullmatch(name) or not _is_asked_by_subject():
            raise
        if not STAGE.decide(f"{name} is in the environment"):
            raise
        value = read("environment variable", name)
        if "\0" in value:  # no variable can hold one
            raise
        return value.encode() if isinstance(key, bytes) else value


def _is_asked_by_subject() -> bool:
    """Tell whether the module under test asks, by any of the ways that mappings have."""
    frame: Any = sys._getframe(2)  # noqa: SLF001  # the documented way to walk one's own stack
    while frame is not None and frame.f_code.co_filename in _MAPPING_FILES:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename == STAGE.filename


_MAPPING_FILES = frozenset({os.getenv.__code__.co_filename, MutableMapping.pop.__code__.co_filename})


def _parse_query(*_args: Any, **_options: Any) -> DoorMapping:
    return DoorMapping("query parameter", as_list=True)


def _parse_known_args(self: argparse.ArgumentParser, *_args: Any) -> tuple[argparse.Namespace, list[str]]:
    return _parse_args(self), []


def _parse_args(self: argparse.ArgumentParser, *_args: Any) -> argparse.Namespace:
    """Give every declared option a value from its door, converted and checked as declared."""
    made = argparse.Namespace()
    for action in self._actions:
        _parse_action(action, made)
    return made


def _parse_action(action: argparse.Action, made: argparse.Namespace) -> None:
    if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # there is no public way to see sub-commands
        _parse_first_command(action, made)
    elif action.nargs == 0:
        if action.dest not in {"help", "version"}:
            setattr(made, action.dest, action.default)
    elif action.choices is not None:
        setattr(made, action.dest, next(iter(action.choices)))
    else:
        value = _converted(action, read("command-line option", action.dest))
        many = action.nargs in {"+", "*"} or isinstance(action.nargs, int)
        setattr(made, action.dest, [value] if many else value)


def _parse_first_command(action: Any, made: argparse.Namespace) -> None:
    """Give the options of the first sub-command."""
    for name, parser in list(action.choices.items())[:1]:
        setattr(made, action.dest if action.dest != argparse.SUPPRESS else "command", name)
        for inner in parser._actions:  # noqa: SLF001
            _parse_action(inner, made)
        for key, default in parser._defaults.items():  # noqa: SLF001
            setattr(made, key, default)


def _converted(action: argparse.Action, value: Any) -> Any:
    """Convert an option as declared; a hostile value that does not fit ends the program, as it would."""
    if not callable(action.type) or action.type is str:
        return value
    try:
        return action.type(value)
    except (ValueError, TypeError, argparse.ArgumentTypeError):
        if isinstance(value, DoorText) and value.point == STAGE.target:
            raise SystemExit(2) from None
        return action.default if action.default is not None else action.type("7")
