"""Stand-in for Flask (and Quart): applications, blueprints, class-based views, request, responses, templates."""
# ruff: noqa: ANN401, TID252  # the interface of the package it stands in for; relative: it is loaded under two names

from __future__ import annotations

import inspect
import json
import os
import re
from typing import Any

from ..request import AnyRequest
from ..routes import ROUTES, Answer, Route, methods_of
from ..stage import STAGE, as_text, see
from ..values import read
from ..wild import Wild
from .markup import Markup, escape
from .templates import render_named, render_text
from .werkzeug_parts import HTTPException, safe_join

_PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")


class _Local:
    """The current request, looked up anew at every use."""

    current: AnyRequest | None = None

    def __getattr__(self, name: str) -> Any:
        if _Local.current is None:
            _Local.current = AnyRequest("POST")
        return getattr(_Local.current, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(_Local.current, name, value)

    def __bool__(self) -> bool:
        return True


class _Session(dict[str, Any]):
    """The session: the server wrote it, so it is no input; what is missing is wild."""

    def __missing__(self, key: str) -> Any:
        return Wild(f"session[{key!r}]")

    def get(self, key: str, default: Any = None) -> Any:
        return dict.get(self, key, Wild(f"session.get({key!r})") if default is None else default)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Wild(f"session.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


request: Any = _Local()
session = _Session()
g: Any = Wild("g")
current_app: Any = Wild("current_app")


class Response:
    """A response under construction."""

    default_mimetype = "text/html"

    def __init__(
        self,
        response: Any = "",
        status: Any = 200,
        headers: Any = None,
        mimetype: str | None = None,
        content_type: str | None = None,
        **_kw: Any,
    ) -> None:
        self.data = response
        self.status_code = int(str(status)[:3]) if str(status)[:3].isdigit() else 200
        self.headers = _Headers(headers)
        self.mimetype = mimetype or (content_type or "").split(";")[0] or self.default_mimetype
        self.cookies: list[dict[str, Any]] = []

    @property
    def content_type(self) -> str:
        return self.mimetype

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.mimetype = str(value).split(";", maxsplit=1)[0]

    @property
    def status(self) -> int:
        return self.status_code

    @status.setter
    def status(self, value: Any) -> None:
        self.status_code = int(str(value)[:3])

    def set_cookie(self, key: str, value: Any = "", **options: Any) -> None:
        self.cookies.append({"key": key, "value": as_text(value), **options})
        see("set_cookie", as_text(key), json.dumps(self.cookies[-1], default=str, sort_keys=True))

    def delete_cookie(self, *_args: Any, **_kw: Any) -> None:
        """Forget a cookie."""

    def get_data(self, **_kw: Any) -> Any:
        return self.data

    def set_data(self, value: Any) -> None:
        self.data = value

    def get_json(self, **_kw: Any) -> Any:
        return json.loads(self.data)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Wild(f"response.{name}")

    def answer(self) -> Answer:
        body = self.data
        if inspect.isgenerator(body) or isinstance(body, (list, tuple, map)):
            body = "".join(as_text(part) for part in body)
        kind = {k.lower(): v for k, v in self.headers.items()}.get("content-type", self.mimetype)
        return Answer(
            as_text(body), self.status_code, list(self.headers.items()), as_text(kind).split(";")[0], self.cookies
        )


class _Headers(dict[str, Any]):
    """Response headers; werkzeug refuses line breaks in values."""

    def __init__(self, given: Any = None) -> None:
        super().__init__()
        for key, value in given.items() if isinstance(given, dict) else given or ():
            self[key] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        see("set_header", as_text(key), value)
        if "\n" in as_text(value) or "\r" in as_text(value):
            raise ValueError("Header values must not contain newline characters.")  # noqa: EM101, TRY003
        super().__setitem__(as_text(key), as_text(value))

    def add(self, key: Any, value: Any, **_kw: Any) -> None:
        self[key] = value

    set = add_header = add

    def extend(self, values: Any) -> None:
        for key, value in dict(values).items():
            self[key] = value


class _Registry:
    """What applications and blueprints share: registering views and hooks."""

    def __init__(self, name: str = "app", *_args: Any, url_prefix: str | None = None, **_kw: Any) -> None:
        self.name, self.url_prefix = name, url_prefix or ""
        self.config: Any = _Config()
        self.error_handlers: list[tuple[Any, Any]] = []
        self.jinja_env: Any = Wild("app.jinja_env")
        self.debug, self.secret_key = False, "stub"
        self.root_path = self.instance_path = STAGE.scratch or "."
        self.logger: Any = Wild("app.logger")

    def route(self, rule: str = "/", **options: Any) -> Any:
        def register(view: Any) -> Any:
            self.add_url_rule(rule, view_func=view, **options)
            return view

        return register

    def _short(self, method: str) -> Any:
        return lambda rule="/", **options: self.route(rule, **{**options, "methods": [method]})

    get = property(lambda self: self._short("GET"))
    post = property(lambda self: self._short("POST"))
    put = property(lambda self: self._short("PUT"))
    patch = property(lambda self: self._short("PATCH"))
    delete = property(lambda self: self._short("DELETE"))

    def add_url_rule(self, rule: str, _endpoint: Any = None, view_func: Any = None, **options: Any) -> None:
        if view_func is None:
            return
        methods = methods_of(options)
        if hasattr(view_func, "view_class"):
            defined = [m.upper() for m in ("post", "put", "patch", "delete", "get") if hasattr(view_func.view_class, m)]
            methods = tuple(defined) or methods
        for method in methods:
            ROUTES.append(Route("flask", (method,), f"{self.url_prefix}{rule}", view_func, self._dispatch))

    def add_resource(self, resource: Any, *rules: str, **_kw: Any) -> None:
        for rule in rules:
            self.add_url_rule(rule, view_func=View.as_view.__func__(resource, "resource"))  # type: ignore[attr-defined]

    def errorhandler(self, kind: Any) -> Any:
        def register(handler: Any) -> Any:
            self.error_handlers.append((kind, handler))
            return handler

        return register

    app_errorhandler = register_error_handler_decorator = errorhandler

    def register_error_handler(self, kind: Any, handler: Any) -> None:
        self.error_handlers.append((kind, handler))

    def register_blueprint(self, blueprint: Any, url_prefix: str | None = None, **_kw: Any) -> None:
        for known in ROUTES:
            if url_prefix and getattr(known.call, "__self__", None) is blueprint:
                known.rule = url_prefix + known.rule
        self.error_handlers.extend(getattr(blueprint, "error_handlers", ()))

    def _hook(self, function: Any = None, *_args: Any, **_kw: Any) -> Any:
        return function if callable(function) else (lambda inner: inner)

    before_request = after_request = teardown_request = teardown_appcontext = context_processor = _hook
    before_first_request = app_context_processor = app_template_filter = template_filter = template_global = _hook
    user_loader = app_url_defaults = url_value_preprocessor = _hook

    def run(self, *_args: Any, **kwargs: Any) -> None:
        see("call", "app.run", "", tuple(f"{k}={v}" for k, v in kwargs.items()))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Wild(f"app.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _dispatch(self, route: Route, method: str) -> Any:
        values: dict[str, Any] = {}
        for kind, name in _PARAMETER.findall(route.rule):
            values[name] = {"int": 7, "float": 7.0}.get(kind) or _path_value(kind, name)
        _Local.current = AnyRequest(method, values)
        try:
            answer = to_answer(_settle(route.view(**values)))
        except HTTPException as raised:
            answer = raised.answer()
        except Exception as error:
            handler = next((h for k, h in self.error_handlers if isinstance(k, type) and isinstance(error, k)), None)
            if handler is None:
                raise
            answer = to_answer(handler(error))
        answer.record()
        return answer


def _path_value(kind: str, name: str) -> str:
    """Give a path parameter; only the ``path`` converter lets slashes through."""
    value = read("path parameter", name)
    if kind != "path" and "/" in as_text(value):
        raise HTTPException(code=404)
    return value  # type: ignore[no-any-return]


def _settle(value: Any) -> Any:
    if inspect.iscoroutine(value):
        import asyncio  # noqa: PLC0415  # only asynchronous views need a loop

        return asyncio.run(value)
    return value


class _Config(dict[str, Any]):
    """Configuration: the deployment wrote it, so it is no input; what is missing is wild."""

    def __missing__(self, key: str) -> Any:
        return Wild(f"config[{key!r}]")

    def get(self, key: str, default: Any = None) -> Any:
        return dict.get(self, key, default)

    def from_object(self, *_args: Any, **_kw: Any) -> None:
        """Read nothing: there is no deployment."""

    from_pyfile = from_mapping = from_envvar = from_prefixed_env = from_object


class Flask(_Registry):
    """An application."""


class Blueprint(_Registry):
    """A part of an application."""


Quart = Api = Namespace = Flask


class View:
    """A class-based view."""

    methods: Any = None
    dispatch_request: Any = None
    init_every_request = True

    @classmethod
    def as_view(cls, _name: str, *args: Any, **kwargs: Any) -> Any:
        def view(**values: Any) -> Any:
            self = cls(*args, **kwargs)
            method = _Local.current.method.lower() if _Local.current else "get"
            handler = getattr(self, method, None) or getattr(self, "get", None) or self.dispatch_request
            return handler(**values)

        view.view_class = cls  # type: ignore[attr-defined]
        return view


class MethodView(View):
    """A class-based view with one method a verb."""


Resource = MethodView


def to_answer(value: Any) -> Answer:
    """Turn what a view returned into a response, by Flask's rules."""
    extras: tuple[Any, ...] = ()
    if isinstance(value, tuple):
        value, extras = value[0], value[1:]
    answer = _plain_answer(value)
    for extra in extras:
        if isinstance(extra, int):
            answer.status = extra
        elif isinstance(extra, (dict, list)):
            answer.headers.extend(_Headers(extra).items())
    for name, text in answer.headers:
        if name.lower() == "content-type":
            answer.kind = text.split(";")[0]
    return answer


def _plain_answer(value: Any) -> Answer:
    if isinstance(value, Answer):
        return value
    if isinstance(value, (dict, list)):
        return Answer(json.dumps(value, default=as_text), kind="application/json")
    if hasattr(value, "answer") and not isinstance(value, Wild):
        return value.answer()  # type: ignore[no-any-return]
    return Answer(as_text(value))


def make_response(*args: Any) -> Response:
    """Make a response to add to."""
    value = args[0] if args else ""
    if isinstance(value, tuple):
        args, value = value, value[0]
    if isinstance(value, Response):
        return value
    made = Response(value if not isinstance(value, (dict, list)) else json.dumps(value, default=as_text))
    if isinstance(value, (dict, list)):
        made.mimetype = "application/json"
    if len(args) > 1 and isinstance(args[1], int):
        made.status_code = args[1]
    if args and isinstance(args[-1], dict) and len(args) > 1:
        made.headers.extend(args[-1])
    return made


def jsonify(*args: Any, **kwargs: Any) -> Response:
    """Answer as JSON."""
    value = kwargs or (args[0] if len(args) == 1 else list(args))
    return Response(json.dumps(value, default=as_text), mimetype="application/json")


def redirect(location: Any, code: int = 302, **_kw: Any) -> Response:
    """Answer with a redirect."""
    see("redirect", "flask.redirect", location)
    made = Response("", code)
    dict.__setitem__(made.headers, "Location", as_text(location).replace("\n", "%0A").replace("\r", "%0D"))
    return made


def abort(code: Any = 500, description: Any = None, **_kw: Any) -> None:
    """End the request.

    Raises:
        HTTPException: Always.
    """
    if isinstance(code, Response):
        raise HTTPException(code=code.status_code)
    raise HTTPException(description, code=int(code))


def url_for(endpoint: Any, **values: Any) -> str:
    """Build a local address; values are percent-encoded, as Flask does."""
    from urllib.parse import urlencode  # noqa: PLC0415  # the loader may not have needed it yet

    return f"/{as_text(endpoint).replace('.', '/')}" + (f"?{urlencode(values)}" if values else "")


def send_file(path_or_file: Any, *_args: Any, **_kw: Any) -> Response:
    """Answer with a file's content: this opens it."""
    if hasattr(path_or_file, "read"):
        return Response(path_or_file.read(), mimetype="application/octet-stream")
    with open(path_or_file, "rb") as file:  # noqa: PTH123  # the audit hook watches `open`
        return Response(file.read(), mimetype="application/octet-stream")


def send_from_directory(directory: Any, path: Any = None, filename: Any = None, **_kw: Any) -> Response:
    """Answer with a file below a folder, refusing to leave it."""
    name = path if path is not None else filename
    see("joined", "send_from_directory", name)
    full = safe_join(os.fspath(directory), os.fspath(name))
    if full is None:
        raise HTTPException(code=404)
    return send_file(full)


def render_template_string(source: Any, **context: Any) -> str:
    """Render a template given as text."""
    return render_text(source, {"request": request, "session": session, "g": g, **context}, autoescape=True)


def render_template(name: Any, **context: Any) -> str:
    """Render a template of the project, if it can be found."""
    return render_named(name, context)


def flash(message: Any, *_args: Any) -> None:
    """Keep a message for the next page."""
    see("flash", "flask.flash", message)


def stream_with_context(value: Any) -> Any:
    """Give the generator back."""
    return value


def login_required(view: Any) -> Any:
    """Let everybody in: who is logged in is no input of the attack."""
    return view


def dumps(value: Any, **_kw: Any) -> str:
    """Write JSON."""
    return json.dumps(value, default=as_text)


after_this_request = copy_current_request_context = login_required
__all__ = ["Markup", "escape"]
