"""Stand-in for FastAPI and Starlette: routes, parameters by kind, responses."""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: it is loaded under two names

from __future__ import annotations

import asyncio
import inspect
import json
import re
import typing
from typing import Any

from ..request import AnyRequest
from ..routes import ROUTES, Answer, Route
from ..stage import as_text, see
from ..values import DoorFile, DoorMapping, read, read_bytes
from ..wild import Wild

Request = WebSocket = AnyRequest
UploadFile = DoorFile


class HTTPException(Exception):  # noqa: N818  # its name there
    """An answer that is raised."""

    def __init__(self, status_code: int = 500, detail: Any = None, **_kw: Any) -> None:
        super().__init__(detail)
        self.status_code, self.detail = status_code, detail

    def answer(self) -> Answer:
        return Answer(
            json.dumps({"detail": self.detail}, default=as_text), int(self.status_code), kind="application/json"
        )


class RequestValidationError(Exception):
    """A parameter does not fit its declaration."""


class _Parameter:
    """A parameter's declaration: which door it comes through."""

    def __init__(self, door: str) -> None:
        self.door = door
        self.default: Any = ...
        self.dependency: Any = None
        self.rules: dict[str, Any] = {}

    def __call__(self, default: Any = ..., *_args: Any, **rules: Any) -> _Parameter:
        made = _Parameter(self.door)
        made.default, made.rules = default, rules
        return made


Query, Path = _Parameter("query parameter"), _Parameter("path parameter")
Header, Cookie, Form = _Parameter("header"), _Parameter("cookie"), _Parameter("form field")
Body, File = _Parameter("JSON field"), _Parameter("uploaded file")


def Depends(dependency: Any = None, **_kw: Any) -> _Parameter:  # noqa: N802  # its name there
    """Declare a parameter that another function makes."""
    made = _Parameter("dependency")
    made.dependency = dependency
    return made


Security = Depends


class Response:
    """A response."""

    media_type = "text/plain"
    status = 200

    def __init__(
        self,
        content: Any = "",
        status_code: int | None = None,
        headers: Any = None,
        media_type: str | None = None,
        **_kw: Any,
    ) -> None:
        self.body = content
        self.status_code = status_code or self.status
        self.headers = dict(headers or {})
        self.kind = media_type or self.media_type
        self.cookies: list[dict[str, Any]] = []

    def set_cookie(self, key: str, value: Any = "", **options: Any) -> None:
        self.cookies.append({"key": as_text(key), "value": as_text(value), **options})
        see("set_cookie", as_text(key), json.dumps(self.cookies[-1], default=str, sort_keys=True))

    def answer(self) -> Answer:
        kind = {k.lower(): v for k, v in self.headers.items()}.get("content-type", self.kind)
        return Answer(
            _text(self.body), self.status_code, list(self.headers.items()), as_text(kind).split(";")[0], self.cookies
        )


def _text(body: Any) -> str:
    if not isinstance(body, (str, bytes)) and hasattr(body, "__iter__"):
        return "".join(as_text(part) for part in body)
    return as_text(body)


class HTMLResponse(Response):
    """A page."""

    media_type = "text/html"


class PlainTextResponse(Response):
    """Plain text."""


class JSONResponse(Response):
    """A document in JSON."""

    media_type = "application/json"

    def __init__(self, content: Any = None, *args: Any, **options: Any) -> None:
        super().__init__(json.dumps(content, default=as_text), *args, **options)


ORJSONResponse = UJSONResponse = JSONResponse
StreamingResponse = Response


class RedirectResponse(Response):
    """A redirect."""

    status = 307

    def __init__(self, url: Any = "", *args: Any, **options: Any) -> None:
        super().__init__("", *args, **options)
        see("redirect", "RedirectResponse", url)
        self.headers["location"] = as_text(url)


class FileResponse(Response):
    """A file's content: this opens it."""

    media_type = "application/octet-stream"

    def __init__(self, path: Any = "", *_args: Any, **options: Any) -> None:
        with open(path, "rb") as file:  # noqa: PTH123  # the audit hook watches `open`
            super().__init__(file.read(), media_type=options.get("media_type"))


class FastAPI:
    """An application, or a part of one."""

    def __init__(self, *_args: Any, prefix: str = "", **_kw: Any) -> None:
        self.prefix = prefix
        self.state: Any = Wild("app.state")

    def _register(self, method: str, rule: str, options: dict[str, Any]) -> Any:
        def register(view: Any) -> Any:
            made = Route("fastapi", (method,), f"{self.prefix}{rule}", view, _dispatch)
            made.view.__dict__.setdefault("response_class", options.get("response_class"))
            ROUTES.append(made)
            return view

        return register

    def get(self, rule: str = "/", **options: Any) -> Any:
        return self._register("GET", rule, options)

    def post(self, rule: str = "/", **options: Any) -> Any:
        return self._register("POST", rule, options)

    def put(self, rule: str = "/", **options: Any) -> Any:
        return self._register("PUT", rule, options)

    def patch(self, rule: str = "/", **options: Any) -> Any:
        return self._register("PATCH", rule, options)

    def delete(self, rule: str = "/", **options: Any) -> Any:
        return self._register("DELETE", rule, options)

    def api_route(self, rule: str = "/", methods: Any = ("GET",), **options: Any) -> Any:
        return self._register(next(iter(methods)), rule, options)

    route = api_route

    def add_api_route(self, rule: str, endpoint: Any, methods: Any = ("GET",), **options: Any) -> None:
        self._register(next(iter(methods)), rule, options)(endpoint)

    add_route = add_api_route

    def include_router(self, *_args: Any, **_kw: Any) -> None:
        """Know the routes already."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Wild(f"app.{name}")


APIRouter = Starlette = Router = FastAPI


def _dispatch(route: Route, method: str) -> Any:
    """Call a view as the framework would, and show its answer."""
    names = set(re.findall(r"\{(\w+)(?::\w+)?\}", route.rule))
    wide = set(re.findall(r"\{(\w+):path\}", route.rule))
    try:
        values = _arguments(route.view, names, wide, method)
        result = _settle(route.view(**values))
        answer = _answer(result, getattr(route.view, "response_class", None))
    except HTTPException as raised:
        answer = raised.answer()
    except RequestValidationError as refused:
        answer = Answer(json.dumps({"detail": str(refused)}), 422, kind="application/json")
    answer.record()
    return answer


def _settle(value: Any) -> Any:
    return asyncio.run(_await(value)) if inspect.isawaitable(value) else value


async def _await(value: Any) -> Any:
    return await value


def _answer(result: Any, response_class: Any) -> Answer:
    if hasattr(result, "answer"):
        return result.answer()  # type: ignore[no-any-return]
    if isinstance(response_class, type) and issubclass(response_class, Response) and response_class is not JSONResponse:
        return response_class(result).answer()
    return Answer(json.dumps(result, default=as_text), kind="application/json")


def _arguments(view: Any, names: set[str], wide: set[str], method: str) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(view, include_extras=True)
    except Exception as error:  # noqa: BLE001  # an annotation may name what does not exist
        see("note", type(error).__name__, "")
        hints = dict(getattr(view, "__annotations__", {}))
    values: dict[str, Any] = {}
    for name, parameter in inspect.signature(view).parameters.items():
        declared, kind = parameter.default, hints.get(name, str)
        for extra in getattr(kind, "__metadata__", ()):
            declared = extra if isinstance(extra, _Parameter) else declared
        kind = typing.get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
        if name in names:
            values[name] = _path_value(name, kind, name in wide)
        else:
            values[name] = _value(name, kind, declared, method)
    return values


def _path_value(name: str, kind: Any, is_wide: bool) -> Any:  # noqa: FBT001  # private
    value = _convert("path parameter", name, kind)
    if isinstance(value, str) and "/" in value and not is_wide:
        raise HTTPException(404, "Not Found")
    return value


def _value(name: str, kind: Any, declared: Any, method: str) -> Any:
    if isinstance(kind, type) and issubclass(kind, AnyRequest):
        return AnyRequest(method)
    if isinstance(declared, _Parameter):
        if declared.dependency is not None or declared.door == "dependency":
            maker = declared.dependency
            return (
                Wild(name)
                if maker is None or isinstance(maker, Wild)
                else _settle(maker(**_arguments(maker, set(), set(), method)))
            )
        if declared.door == "uploaded file":
            return read_bytes(declared.door, name) if kind is bytes else DoorFile(declared.door, name)
        value = _convert(declared.door, name, kind)
        _check(value, declared.rules)
        return value
    if isinstance(kind, type) and issubclass(kind, DoorFile):
        return DoorFile("uploaded file", name)
    if (
        isinstance(kind, type)
        and (hasattr(kind, "model_fields") or hasattr(kind, "__annotations__"))
        and kind not in _PLAIN
    ):
        return _model(kind)
    if kind in {dict, typing.Dict}:  # noqa: UP006  # both spellings occur
        return DoorMapping("JSON field")
    return _convert("query parameter", name, kind)


_PLAIN = (str, int, float, bool, bytes, list, dict)


def _check(value: Any, rules: dict[str, Any]) -> None:
    """Hold a text to its declared pattern and length."""
    pattern = rules.get("pattern") or rules.get("regex")
    if isinstance(value, str) and pattern and not re.search(pattern, value):
        raise RequestValidationError("pattern")  # noqa: EM101  # one word
    if isinstance(value, str) and rules.get("max_length") and len(value) > rules["max_length"]:
        raise RequestValidationError("max_length")  # noqa: EM101


def _convert(door: str, name: str, kind: Any) -> Any:
    options = [k for k in typing.get_args(kind) if k is not type(None)]
    if type(None) in typing.get_args(kind) and options:
        kind = options[0]
    if typing.get_origin(kind) is typing.Literal:
        return options[0]
    value = read(door, name)
    if isinstance(kind, type) and kind in {int, float, bool}:
        try:
            return kind(value)
        except (ValueError, TypeError):
            return kind(7)
    if isinstance(kind, type) and kind not in _PLAIN and callable(kind) and not isinstance(value, kind):
        try:
            return kind(value)
        except (ValueError, TypeError):
            if hasattr(kind, "__members__"):
                return next(iter(kind.__members__.values()))
            raise RequestValidationError(name) from None
    return [value] if typing.get_origin(kind) is list or kind is list else value


def _model(kind: Any) -> Any:
    """Build a body model, every text field an input."""
    hints = typing.get_type_hints(kind)
    data = {
        name: _convert("JSON field", name, hint)
        for name, hint in hints.items()
        if not name.startswith("_") and name != "model_config"
    }
    try:
        return kind(**data)
    except HTTPException:
        raise
    except Exception as error:  # validation errors have a class of their own in every library
        raise RequestValidationError(type(error).__name__) from error


run_in_threadpool: Any = None


async def _in_thread(function: Any, *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)


run_in_threadpool = _in_thread
BackgroundTasks: Any = Wild("BackgroundTasks")


class Jinja2Templates:
    """Templates of the project."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        """Need nothing."""

    def TemplateResponse(self, *args: Any, **kwargs: Any) -> HTMLResponse:  # noqa: N802  # its name there
        from .templates import render_named  # noqa: PLC0415  # few applications render templates

        name = next((a for a in args if isinstance(a, str)), kwargs.get("name", ""))
        context = next((a for a in args if isinstance(a, dict)), kwargs.get("context", {}))
        return HTMLResponse(render_named(name, context))
