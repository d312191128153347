"""Stand-in for Tornado: request handlers."""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: it is loaded under two names

from __future__ import annotations

import html
import json
from typing import Any

from ..request import AnyRequest
from ..routes import Answer
from ..stage import as_text, see
from ..values import read
from ..wild import Wild
from .templates import render_named, render_text


class HTTPError(Exception):
    """An answer that is raised."""

    def __init__(self, status_code: int = 500, log_message: Any = None, *_args: Any, **_kw: Any) -> None:
        super().__init__(log_message)
        self.status_code = status_code

    def answer(self) -> Answer:
        return Answer("error", int(self.status_code))


class RequestHandler:
    """A handler: what its methods write is the response."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        self.request: Any = AnyRequest("POST")
        self.application: Any = Wild("application")
        self.settings: Any = Wild("settings")
        self._written: list[str] = []
        self._sent: list[tuple[str, str]] = []
        self._set: list[dict[str, Any]] = []
        self._status = 200
        self._json = False
        self.current_user: Any = Wild("current_user")

    def get_argument(self, name: str, *_default: Any, **_kw: Any) -> Any:
        return read("query parameter", name)

    get_query_argument = get_argument

    def get_body_argument(self, name: str, *_default: Any, **_kw: Any) -> Any:
        return read("form field", name)

    def get_arguments(self, name: str, **_kw: Any) -> list[Any]:
        return [read("query parameter", name)]

    def get_cookie(self, name: str, *_default: Any) -> Any:
        return read("cookie", name)

    def get_secure_cookie(self, name: str, *_default: Any, **_kw: Any) -> Any:
        return Wild(f"secure cookie {name}")

    def write(self, chunk: Any) -> None:
        if isinstance(chunk, dict):
            self._json = True
            chunk = json.dumps(chunk, default=as_text)
        self._written.append(as_text(chunk))

    def finish(self, chunk: Any = "") -> None:
        self.write(chunk)

    def render(self, name: Any, **context: Any) -> None:
        self.write(render_named(name, context))

    def render_string(self, name: Any, **context: Any) -> str:
        return render_named(name, context)

    def set_header(self, name: str, value: Any) -> None:
        see("set_header", as_text(name), value)
        if "\n" in as_text(value) or "\r" in as_text(value):
            raise ValueError("Unsafe header value")  # noqa: EM101, TRY003  # as Tornado does
        self._sent.append((as_text(name), as_text(value)))

    add_header = set_header

    def set_status(self, code: int, *_args: Any) -> None:
        self._status = code

    def set_cookie(self, name: str, value: Any = "", **options: Any) -> None:
        self._set.append({"key": name, "value": as_text(value), **options})
        see("set_cookie", as_text(name), json.dumps(self._set[-1], default=str, sort_keys=True))

    set_secure_cookie = set_cookie

    def redirect(self, url: Any, *_args: Any, **_kw: Any) -> None:
        see("redirect", "RequestHandler.redirect", url)
        self._sent.append(("Location", as_text(url)))
        self._status = 302

    def send_error(self, status_code: int = 500, **_kw: Any) -> None:
        raise HTTPError(status_code)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Wild(f"self.{name}")

    def answer(self) -> Answer:
        kind = {k.lower(): v for k, v in self._sent}.get(
            "content-type", "application/json" if self._json else "text/html"
        )
        return Answer("".join(self._written), self._status, self._sent, kind.split(";")[0], self._set)


class Application:
    """An application."""

    def __init__(self, *_args: Any, **_kw: Any) -> None:
        """Know nothing: handlers are driven one by one."""

    def listen(self, *_args: Any, **_kw: Any) -> None:
        """Listen to nobody."""


def authenticated(method: Any) -> Any:
    """Let everybody in: who is logged in is no input of the attack."""
    return method


def xhtml_escape(value: Any) -> str:
    """Escape for HTML."""
    return html.escape(as_text(value), quote=True)


class Template:
    """A template of Tornado's own kind: ``{{ }}`` is escaped, and expressions are Python."""

    def __init__(self, source: Any = "", **_kw: Any) -> None:
        self.source = source

    def generate(self, **context: Any) -> str:
        return render_text(self.source, context, autoescape=True)


class _Namespace:
    """The names of ``tornado.web``, ``tornado.escape`` and the other sub-modules."""

    def __getattr__(self, name: str) -> Any:
        found = globals().get(name)
        return Wild(f"tornado.{name}") if found is None else found


web: Any = _Namespace()
escape: Any = web
template: Any = web
