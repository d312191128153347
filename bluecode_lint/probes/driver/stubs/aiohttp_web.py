"""Stand-in for aiohttp's server: routes and responses. Its client is wild."""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: loaded under two names

from __future__ import annotations

import asyncio
import inspect
import json
import re
from typing import Any

from ..request import AnyRequest
from ..routes import ROUTES, Answer, Route
from ..stage import as_text, see
from ..values import read
from ..wild import Wild

Request = AnyRequest


class Response:
    """A response."""

    def __init__(
        self,
        *,
        body: Any = None,
        text: Any = None,
        status: int = 200,
        content_type: str | None = None,
        headers: Any = None,
        **_kw: Any,
    ) -> None:
        self.content = text if text is not None else body if body is not None else ""
        self.status = status
        self.headers = dict(headers or {})
        self.content_type = content_type or self.headers.get("Content-Type", "text/plain")
        self.cookies: list[dict[str, Any]] = []

    def set_cookie(self, key: str, value: Any = "", **options: Any) -> None:
        self.cookies.append({"key": as_text(key), "value": as_text(value), **options})
        see("set_cookie", as_text(key), json.dumps(self.cookies[-1], default=str, sort_keys=True))

    def answer(self) -> Answer:
        kind = as_text(self.headers.get("Content-Type", self.content_type)).split(";")[0]
        return Answer(as_text(self.content), self.status, list(self.headers.items()), kind, self.cookies)


StreamResponse = Response


def json_response(data: Any = None, **options: Any) -> Response:
    """Answer in JSON."""
    return Response(
        text=json.dumps(data, default=as_text), content_type="application/json", status=options.get("status", 200)
    )


class FileResponse(Response):
    """A file's content: this opens it."""

    def __init__(self, path: Any = "", **_kw: Any) -> None:
        with open(path, "rb") as file:  # noqa: PTH123  # the audit hook watches `open`
            super().__init__(body=file.read(), content_type="application/octet-stream")


class HTTPException(Exception):  # noqa: N818  # its name there
    """An answer that is raised."""

    status = 500

    def __init__(self, *, text: Any = "", reason: Any = "", **_kw: Any) -> None:
        super().__init__(text)
        self.text = text or reason

    def answer(self) -> Answer:
        return Answer(as_text(self.text), self.status, kind="text/plain")


class HTTPFound(HTTPException):
    """A redirect, raised or returned."""

    status = 302

    def __init__(self, location: Any = "", **_kw: Any) -> None:
        super().__init__()
        see("redirect", "HTTPFound", location)
        self.location = as_text(location)

    def answer(self) -> Answer:
        return Answer("", self.status, [("Location", self.location)])


HTTPSeeOther = HTTPMovedPermanently = HTTPTemporaryRedirect = HTTPFound
HTTPBadRequest = type("HTTPBadRequest", (HTTPException,), {"status": 400})
HTTPForbidden = type("HTTPForbidden", (HTTPException,), {"status": 403})
HTTPNotFound = type("HTTPNotFound", (HTTPException,), {"status": 404})
HTTPUnauthorized = type("HTTPUnauthorized", (HTTPException,), {"status": 401})


class _Routes:
    """A table of routes, or an application's router."""

    def _register(self, method: str, rule: str, view: Any = None) -> Any:
        def register(handler: Any) -> Any:
            ROUTES.append(Route("aiohttp", (method,), rule, handler, _dispatch))
            return handler

        return register if view is None else register(view)

    def get(self, rule: str = "/", *handler: Any, **_kw: Any) -> Any:
        return self._register("GET", rule, *handler[:1])

    def post(self, rule: str = "/", *handler: Any, **_kw: Any) -> Any:
        return self._register("POST", rule, *handler[:1])

    put = patch = delete = post
    add_get, add_post, add_put = get, post, post

    def add_route(self, method: str, rule: str, handler: Any, **_kw: Any) -> Any:
        return self._register(method, rule, handler)

    def view(self, rule: str) -> Any:
        return lambda handler: (rule, handler)[1]

    def __iter__(self) -> Any:
        return iter(())


class Application(dict[str, Any]):
    """An application."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        super().__init__()
        self.router = _Routes()
        self.on_startup: list[Any] = []
        self.on_cleanup: list[Any] = []

    def __missing__(self, key: str) -> Any:
        return Wild(f"app[{key!r}]")

    def add_routes(self, _routes: Any) -> None:
        """Know them already."""


class View:
    """A class-based handler."""

    def __init__(self, request: Any = None) -> None:
        self.request = request or AnyRequest("POST")


RouteTableDef = _Routes


def _shortcut(method: str) -> Any:
    return lambda rule, handler, **_kw: ROUTES.append(Route("aiohttp", (method,), rule, handler, _dispatch))


class _Web:
    """The names of ``aiohttp.web``."""

    def __getattr__(self, name: str) -> Any:
        found = globals().get(name)
        if found is None:
            found = (
                _shortcut(name.upper()) if name in {"get", "post", "put", "delete", "patch"} else Wild(f"web.{name}")
            )
        return found


web: Any = _Web()


def _dispatch(route: Route, method: str) -> Any:
    values = {name: _segment(name) for name in re.findall(r"\{(\w+)(?::[^}]*)?\}", route.rule)}
    try:
        result = route.view(AnyRequest(method, values))
        if inspect.isawaitable(result):
            result = asyncio.run(_await(result))
        answer = (
            result.answer() if hasattr(result, "answer") and not isinstance(result, Wild) else Answer(as_text(result))
        )
    except HTTPException as raised:
        answer = raised.answer()
    answer.record()
    return answer


async def _await(value: Any) -> Any:
    return await value


def _segment(name: str) -> Any:
    value = read("path parameter", name)
    if "/" in as_text(value):
        raise HTTPNotFound
    return value
