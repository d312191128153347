"""Stand-in for click and typer: commands whose options and arguments are inputs."""
# ruff: noqa: ANN401, D102, N802, TID252  # the interface of the package; relative: loaded under two names

from __future__ import annotations

from typing import Any, Self

from ..stage import STAGE, Point, see
from ..values import DoorFile, read
from ..wild import Wild


class UsageError(Exception):
    """A parameter is wrong."""


BadParameter = ClickException = Abort = UsageError


class Choice(tuple[str, ...]):
    """One of several words."""

    __slots__ = ()

    def __new__(cls, choices: Any = (), *_args: Any, **_kw: Any) -> Self:
        return super().__new__(cls, tuple(choices))


class _Path:
    """A path; a file object for ``File``."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        """Accept any options."""


Path = _Path
File = type("File", (_Path,), {})


class Command:
    """A command: a callback and its parameters."""

    def __init__(self, callback: Any, parameters: list[tuple[str, dict[str, Any]]]) -> None:
        self.callback, self.parameters = callback, parameters
        self.__name__ = getattr(callback, "__name__", "command")
        self.__wrapped__ = callback

    def drive(self) -> None:
        values = {name: _value(name, options) for name, options in self.parameters}
        self.callback(**values)

    def __call__(self, *_args: Any, **_kw: Any) -> None:
        self.drive()

    def command(self, *_args: Any, **_kw: Any) -> Any:
        return _as_command

    group = command

    def add_command(self, *_args: Any, **_kw: Any) -> None:
        """Know it already."""

    main = __call__


def _as_command(function: Any) -> Command:
    if isinstance(function, Command):
        return function
    return Command(function, list(reversed(getattr(function, "w_parameters", []))))


def command(*args: Any, **_kw: Any) -> Any:
    """Make a command of a function."""
    return _as_command(args[0]) if args and callable(args[0]) else _as_command


group = command


def _parameter(door_name: str, options: dict[str, Any]) -> Any:
    def add(function: Any) -> Any:
        target = function.callback if isinstance(function, Command) else function
        target.__dict__.setdefault("w_parameters", []).append((door_name, options))
        if isinstance(function, Command):
            function.parameters.insert(0, (door_name, options))
        return function

    return add


def argument(*names: str, **options: Any) -> Any:
    """Declare a positional parameter."""
    return _parameter(names[0].lower().replace("-", "_") if names else "argument", options)


def option(*names: str, **options: Any) -> Any:
    """Declare an option."""
    plain = [n for n in names if not n.startswith("-")]
    longest = plain[0] if plain else max(names or ("option",), key=len).lstrip("-").split("/")[0]
    return _parameter(longest.replace("-", "_"), options)


def _value(name: str, options: dict[str, Any]) -> Any:
    kind = options.get("type")
    if options.get("is_flag") or isinstance(options.get("default"), bool):
        return bool(options.get("default", True))
    if isinstance(kind, Choice):
        return kind[0]
    if kind is File or isinstance(kind, File):
        return DoorFile("command-line option", name, text=True)
    value = read("command-line option", name)
    if kind in {int, float} or (kind is None and isinstance(options.get("default"), (int, float))):
        if Point("command-line option", name) == STAGE.target:
            raise UsageError(name)
        return 7
    many = options.get("multiple") or options.get("nargs") == -1
    return (value,) if many else value


def version_option(*_args: Any, **_kw: Any) -> Any:
    """Change nothing."""
    return lambda function: function


pass_context = pass_obj = lambda function: lambda *a, **k: function(Wild("context"), *a, **k)  # two names


def echo(message: Any = "", **_kw: Any) -> None:
    """Print."""
    see("printed", "click.echo", message)


secho = echo


def prompt(text: Any = "", **_kw: Any) -> Any:
    """Ask on the terminal."""
    return read("standard input", str(text))


class Typer:
    """A typer application: its commands are driven as the functions they are."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        """Accept any options."""

    def command(self, *_args: Any, **_kw: Any) -> Any:
        return lambda function: function

    callback = command

    def add_typer(self, *_args: Any, **_kw: Any) -> None:
        """Know it already."""

    def __call__(self, *_args: Any, **_kw: Any) -> None:
        """Run nothing by itself."""


def Argument(default: Any = ..., *_args: Any, **_kw: Any) -> Any:
    """Declare a typer argument."""
    return default


Option = Argument
