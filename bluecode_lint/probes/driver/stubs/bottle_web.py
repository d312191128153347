"""Stand-in for Bottle: routes on the module or on an application, request, response, templates, static files."""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: it is loaded under two names

from __future__ import annotations

import json
import os
import re
from typing import Any

from ..request import AnyRequest
from ..routes import ROUTES, Answer, Route
from ..stage import as_text, see
from ..values import read
from ..wild import Wild
from .markup import escape


class _Request:
    """The current request."""

    current: AnyRequest | None = None

    def __getattr__(self, name: str) -> Any:
        if _Request.current is None:
            _Request.current = AnyRequest("POST")
        return getattr(_Request.current, name)

    def get_cookie(self, name: str, *_args: Any, **_kw: Any) -> Any:
        return read("cookie", name)

    def get_header(self, name: str, *_args: Any) -> Any:
        return read("header", name)


class HTTPResponse(Exception):  # noqa: N818  # its name there
    """An answer that is raised or returned."""

    def __init__(self, body: Any = "", status: int = 200, headers: Any = None, **more: Any) -> None:
        super().__init__(body)
        self.body, self.status = body, status
        self.headers: dict[str, Any] = {**(headers or {}), **more}
        self.cookies: list[dict[str, Any]] = []
        self.content_type = "text/html"

    def set_header(self, name: str, value: Any) -> None:
        see("set_header", as_text(name), value)
        if "\n" in as_text(value) or "\r" in as_text(value):
            raise ValueError("Header value must not contain control characters")  # noqa: EM101, TRY003
        self.headers[name] = as_text(value)

    add_header = set_header

    def set_cookie(self, name: str, value: Any = "", **options: Any) -> None:
        self.cookies.append({"key": name, "value": as_text(value), **options})
        see("set_cookie", as_text(name), json.dumps(self.cookies[-1], default=str, sort_keys=True))

    def answer(self) -> Answer:
        kind = as_text(self.headers.get("Content-Type", self.content_type)).split(";")[0]
        return Answer(as_text(self.body), int(self.status), list(self.headers.items()), kind, self.cookies)


class HTTPError(HTTPResponse):
    """An error that is raised."""

    def __init__(self, status: int = 500, body: Any = "", **more: Any) -> None:
        super().__init__(body, status, **more)


request: Any = _Request()
response = HTTPResponse()


def abort(code: int = 500, text: Any = "") -> None:
    """End the request.

    Raises:
        HTTPError: Always.
    """
    raise HTTPError(code, text)


def redirect(url: Any, code: int = 303) -> None:
    """Redirect.

    Raises:
        HTTPResponse: Always; the redirect travels as one.
    """
    see("redirect", "bottle.redirect", url)
    raise HTTPResponse(status=code, headers={"Location": as_text(url)})


def static_file(filename: Any, root: Any, **_kw: Any) -> HTTPResponse:
    """Answer with a file below a folder, refusing to leave it, as Bottle does."""
    see("joined", "static_file", filename)
    base = os.path.join(os.path.abspath(as_text(root)), "")  # noqa: PTH100, PTH118  # text, as Bottle does
    full = os.path.abspath(os.path.join(base, as_text(filename).strip("/\\")))  # noqa: PTH100, PTH118
    if not full.startswith(base):
        return HTTPError(403, "Access denied.")
    with open(full, "rb") as file:  # noqa: PTH123  # the audit hook watches `open`
        found = HTTPResponse(file.read())
    found.content_type = "application/octet-stream"
    return found


def template(source: Any, *args: Any, **context: Any) -> str:
    """Render a template of Bottle's kind: ``{{x}}`` is escaped, ``{{!x}}`` is not."""
    for given in args:
        context = {**given, **context}
    text = as_text(source)
    see("template", "bottle", text)

    def value(match: re.Match[str]) -> str:
        found = eval(match.group(2).strip(), {"__builtins__": __builtins__}, context)  # noqa: S307
        return as_text(found) if match.group(1) else as_text(escape(found))

    return re.sub(r"\{\{(!?)(.*?)\}\}", value, text)


SimpleTemplate = template


class Bottle:
    """An application."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        self.config: Any = Wild("app.config")

    def route(self, rule: str = "/", method: Any = "GET", **_kw: Any) -> Any:
        first = method if isinstance(method, str) else next(iter(method))

        def register(view: Any) -> Any:
            ROUTES.append(Route("bottle", (first.upper(),), rule, view, _dispatch))
            return view

        return register

    def get(self, rule: str = "/", **_kw: Any) -> Any:
        return self.route(rule, "GET")

    def post(self, rule: str = "/", **_kw: Any) -> Any:
        return self.route(rule, "POST")

    put = delete = post

    def run(self, *_args: Any, **_kw: Any) -> None:
        """Serve nobody."""


_default = Bottle()
route, get, post, put, delete = _default.route, _default.get, _default.post, _default.put, _default.delete


def run(*_args: Any, **_kw: Any) -> None:
    """Serve nobody."""


def _dispatch(route_: Route, method: str) -> Any:
    values: dict[str, Any] = {}
    for name, kind in re.findall(r"<(\w+)(?::(\w+)[^>]*)?>", route_.rule):
        values[name] = 7 if kind == "int" else _segment(name, kind)
    _Request.current = AnyRequest(method, values)
    response.__init__()  # type: ignore[misc]  # a fresh response for the request
    try:
        result = route_.view(**values)
    except HTTPResponse as raised:
        result = raised
    if isinstance(result, HTTPResponse):
        answer = result.answer()
    else:
        answer = response.answer()
        answer.body = json.dumps(result, default=as_text) if isinstance(result, dict) else as_text(result)
        answer.kind = "application/json" if isinstance(result, dict) else answer.kind
    answer.record()
    return answer


def _segment(name: str, kind: str) -> Any:
    value = read("path parameter", name)
    if "/" in as_text(value) and kind != "path":
        raise HTTPError(404)
    return value
