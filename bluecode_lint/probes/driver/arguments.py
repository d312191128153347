"""Make arguments for a function from its annotations, defaults, names and the way its body uses them."""
# ruff: noqa: ANN401  # an argument may be anything

from __future__ import annotations

import ast
from collections.abc import Callable  # noqa: TC003  # a variable's annotation, evaluated
from typing import TYPE_CHECKING, Any

from .request import AnyRequest
from .stage import STAGE, Point
from .values import DoorFile, DoorMapping, DoorObject, DoorSequence, read, read_bytes
from .wild import Wild

if TYPE_CHECKING:
    from .outline import FunctionNode, Outline

_TEXT_METHODS = frozenset(dir(str))
_REQUESTS = frozenset(["request", "req", "rq", "http_request", "new_request"])
_EVENTS = frozenset(
    ["event", "payload", "params", "data", "body", "message", "msg", "form", "kwargs", "options", "query_params"]
)
_SERVICES = frozenset(
    [
        "conn",
        "connection",
        "cursor",
        "cur",
        "db",
        "database",
        "mongo",
        "session",
        "logger",
        "log",
        "client",
        "ctx",
        "context",
        "engine",
        "redis",
        "notice",
        "bot",
        "channel",
        "socket",
        "sock",
        "method",
        "properties",
        "response",
        "resp",
        "self",
        "cls",
        "pool",
        "api",
        "collection",
        "coll",
        "directory",
        "tree",
        "queryset",
    ]
)
_CALLABLES = frozenset(["callback", "fn", "func", "handler", "function", "on_done", "get_response", "view"])


class _Uses:
    """How a function's body uses one of its parameters."""

    def __init__(self, function: ast.AST, name: str) -> None:
        self.called: set[str] = set()
        self.attributes: set[str] = set()
        self.keys: set[str] = set()
        self.indexes: set[int] = set()
        self.loops = self.decorates = self.is_called = self.numeric = False
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and _is(node.value, name):
                self.attributes.add(node.attr)
            elif isinstance(node, ast.Subscript) and _is(node.value, name):
                self._subscript(node.slice)
            elif isinstance(node, ast.Call):
                self._call(node, name)
            elif isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)) and _is(node.iter, name):
                self.loops = True
            elif (isinstance(node, ast.BinOp) and _is_number(node, name)) or (
                isinstance(node, ast.Compare)
                and _is(node.left, name)
                and isinstance(node.ops[0], (ast.Lt, ast.Gt, ast.LtE, ast.GtE))
            ):
                self.numeric = True
            for decorator in getattr(node, "decorator_list", ()):
                inner = decorator.func if isinstance(decorator, ast.Call) else decorator
                if isinstance(inner, ast.Attribute) and _is(inner.value, name):
                    self.decorates = True
        self.attributes -= self.called

    def _subscript(self, index: ast.AST) -> None:
        if isinstance(index, ast.Constant) and isinstance(index.value, str):
            self.keys.add(index.value)
        elif isinstance(index, ast.Constant) and isinstance(index.value, int):
            self.indexes.add(index.value)

    def _call(self, node: ast.Call, name: str) -> None:
        if isinstance(node.func, ast.Attribute) and _is(node.func.value, name):
            self.called.add(node.func.attr)
            if node.func.attr == "get" and node.args and isinstance(node.args[0], ast.Constant):
                self.keys.add(str(node.args[0].value))
        elif _is(node.func, name):
            self.is_called = True
        elif isinstance(node.func, ast.Name) and node.func.id == "range" and any(_is(a, name) for a in node.args):
            self.numeric = True


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _is_number(node: ast.BinOp, name: str) -> bool:
    sides = (node.left, node.right)
    return any(_is(s, name) for s in sides) and any(
        isinstance(s, ast.Constant) and isinstance(s.value, (int, float)) for s in sides
    )


def arguments_for(
    node: FunctionNode, label: str, outline: Outline, space: dict[str, Any], *, bound: bool
) -> tuple[list[Any], dict[str, Any]]:
    """Give positional and keyword arguments for a call of ``node``; ``bound`` leaves out the first parameter."""
    spec = node.args
    names = [*spec.posonlyargs, *spec.args][1 if bound else 0 :]
    defaults: list[ast.expr | None] = [None] * (len(names) - len(spec.defaults[-len(names) :] if names else [])) + list(
        spec.defaults[-len(names) :] if names else []
    )
    make = _Maker(node, label, outline, space)
    positional = [make(argument, default) for argument, default in zip(names, defaults, strict=False)]
    if spec.vararg and not positional:
        positional.append(read("argument", f"*{spec.vararg.arg}"))
    keyword = {a.arg: make(a, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True)}
    if spec.kwarg:
        for key in sorted(_Uses(node, spec.kwarg.arg).keys):
            keyword.setdefault(key, read("argument", key))
    return positional, keyword


class _Maker:
    """Makes one argument at a time for one function."""

    def __init__(self, node: FunctionNode, label: str, outline: Outline, space: dict[str, Any]) -> None:
        self.node, self.label, self.outline, self.space = node, label, outline, space

    def __call__(self, argument: ast.arg, default: ast.expr | None) -> Any:
        name = argument.arg
        point = Point("argument", name)
        if point in STAGE.values or point == STAGE.target:
            annotation = ast.unparse(argument.annotation) if argument.annotation else ""
            if "bytes" in annotation:
                return read_bytes("argument", name)
            if annotation.startswith(("str", "Optional[str")) and not isinstance(STAGE.hostile, (str, bytes)):
                return str(read("argument", name))
            if not any(
                word in annotation.lower()
                for word in ("list", "sequence", "tuple", "set[", "iterable", "dict", "mapping")
            ):
                uses = _Uses(self.node, name)
                if not (uses.loops or uses.indexes or uses.keys):
                    return read("argument", name)
        if argument.annotation is not None:
            made = self._by_annotation(ast.unparse(argument.annotation).strip("'\""), name)
            if made is not None:
                return made
        made = self._by_default(default, name)
        return made if made is not None else self._by_use(name)

    def _by_annotation(self, annotation: str, name: str) -> Any:
        lower = annotation.replace("typing.", "")
        for outer in ("Optional[", "Annotated[", "Final[", "Union["):
            if lower.startswith(outer):
                return self._by_annotation(lower[len(outer) : -1].split(",")[0].strip(), name)
        if "|" in lower:
            return self._by_annotation(lower.split("|")[0].strip(), name)
        bare = lower.split("[", maxsplit=1)[0].rsplit(".", 1)[-1].strip()
        if bare in _SIMPLE:
            return _SIMPLE[bare](name)
        if "Request" in bare:
            return AnyRequest("POST")
        if bare in _SEQUENCES:
            return [_item(lower[len(lower.split("[")[0]) + 1 : -1] if "[" in lower else "str", name)]
        if bare in self.outline.classes:
            return self._instance(bare, name)
        return None if bare in {"Any", "object"} or not bare[:1].isupper() else Wild(name)

    def _instance(self, bare: str, name: str) -> Any:
        """Build an instance of a class of the module, its fields being inputs."""
        made = self.space.get(bare)
        if not isinstance(made, type):
            return DoorObject("argument", name)
        try:
            shape: Any = object.__new__(made)
        except TypeError:
            return DoorObject("argument", name)
        for statement in self.outline.classes[bare].body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                key = statement.target.id
                kind = ast.unparse(statement.annotation)
                value: Any = (
                    7 if kind in {"int", "float"} else True if kind == "bool" else read("argument", f"{name}.{key}")
                )
                object.__setattr__(shape, key, value)
        if not vars(shape) if hasattr(shape, "__dict__") else True:
            return DoorObject("argument", name)
        return shape

    def _by_default(self, default: ast.expr | None, name: str) -> Any:
        if isinstance(default, ast.Constant):
            if isinstance(default.value, bool):
                return default.value
            if isinstance(default.value, (int, float)):
                return default.value
            if isinstance(default.value, bytes):
                return read_bytes("argument", name)
            if isinstance(default.value, str):
                return read("argument", name)
        return None

    def _by_use(self, name: str) -> Any:
        uses = _Uses(self.node, name)
        if uses.decorates:
            from .stubs import flask_web  # noqa: PLC0415  # only needed where routes are registered on a parameter

            return flask_web.Flask(name)
        structure = _structure(name, uses)
        if structure is not None:
            return structure
        if uses.called - _TEXT_METHODS:
            return Wild(name)
        if uses.attributes:
            return DoorObject("argument", name)
        if uses.indexes and not uses.called:
            return DoorSequence("argument", name)
        if uses.loops and not uses.called:
            return [read("argument", f"{name}[0]")]
        if uses.numeric:
            return 7
        return Wild(name) if name in _SERVICES else read("argument", name)


def _structure(name: str, uses: _Uses) -> Any:
    """Give what the name and the uses say is no plain text; None if they do not."""
    if name in _REQUESTS and (uses.attributes or uses.called) and not uses.keys:
        return AnyRequest("POST")
    if name in _CALLABLES or (uses.is_called and not uses.attributes):
        return Wild(name)
    is_file = uses.called & {"read", "readline", "readlines", "chunks", "save"}
    if is_file or (name in {"file", "upload"} and "filename" in uses.attributes):
        return DoorFile("argument", name)
    if name in _SERVICES and not uses.keys and (uses.called or uses.attributes):
        return Wild(name)
    if uses.keys or uses.called & {"items", "keys", "values", "update"} or (name in _EVENTS and "get" in uses.called):
        return DoorMapping("argument", name)
    return None


def _item(kind: str, name: str) -> Any:
    """Give the one item of a list argument."""
    if kind.split(",", maxsplit=1)[0].strip() in {"int", "float"}:
        return 7
    if kind.startswith(("dict", "Dict")):
        return DoorMapping("argument", name)
    return read("argument", f"{name}[0]")


def _path(name: str) -> Any:
    import pathlib  # noqa: PLC0415  # patched by `sinks` after this module was loaded

    return pathlib.Path(read("argument", name))


_SEQUENCES = frozenset(
    ["list", "List", "Sequence", "Iterable", "tuple", "Tuple", "set", "Set", "Collection", "frozenset"]
)
_SIMPLE: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("str", "AnyStr", "PathLike", "HttpUrl", "EmailStr"), lambda name: read("argument", name)),
    **dict.fromkeys(("bytes", "bytearray"), lambda name: read_bytes("argument", name)),
    **dict.fromkeys(("dict", "Dict", "Mapping", "MutableMapping"), lambda name: DoorMapping("argument", name)),
    **dict.fromkeys(("UploadFile", "FileStorage", "BinaryIO", "IO"), lambda name: DoorFile("argument", name)),
    "TextIO": lambda name: DoorFile("argument", name, text=True),
    "Path": _path,
    "int": lambda _name: 7,
    "float": lambda _name: 7.0,
    "bool": lambda _name: True,
    "Callable": Wild,
}
"""How to make an argument of a well-known type."""
