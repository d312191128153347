"""Stand-in for Django and its REST framework: views, responses, shortcuts, HTML helpers, models."""
# ruff: noqa: ANN401, D102, TID252  # the interface of the package; relative: it is loaded under two names

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import quote

from ..request import AnyRequest
from ..routes import Answer
from ..stage import as_text, see
from ..wild import Permissive, Wild
from .markup import Markup, escape
from .templates import render_named

HttpRequest = WSGIRequest = AnyRequest
SafeString = SafeText = Markup
conditional_escape = escape
connection: Any = Wild("connection")
connections: Any = Wild("connections")
settings: Any = Wild("settings")


class BadHeaderError(ValueError):
    """A header with a line break."""


class Http404(Exception):  # noqa: N818  # its name there
    """Nothing here."""


class PermissionDenied(Exception):  # noqa: N818  # its name there
    """Not for you."""


class SuspiciousOperation(Exception):  # noqa: N818  # its name there
    """The request looks like an attack."""


SuspiciousFileOperation = DisallowedRedirect = SuspiciousOperation


class ValidationError(Exception):
    """A value is not valid."""


class HttpResponse:
    """A response."""

    status_code = 200
    default_type = "text/html"

    def __init__(self, content: Any = b"", content_type: str | None = None, status: Any = None, **options: Any) -> None:
        self.content = content
        self.kind = (content_type or options.get("mimetype") or self.default_type).split(";")[0]
        self.status_code = status or self.status_code
        self.items_sent: list[tuple[str, str]] = []
        self.cookies_sent: list[dict[str, Any]] = []
        self.headers: Any = self
        for key, value in (options.get("headers") or {}).items():
            self[key] = value

    def __setitem__(self, key: str, value: Any) -> None:
        see("set_header", as_text(key), value)
        if "\n" in as_text(value) or "\r" in as_text(value):
            raise BadHeaderError("Header values can't contain newlines")  # noqa: EM101, TRY003  # as Django does
        if key.lower() == "content-type":
            self.kind = as_text(value).split(";")[0]
        self.items_sent.append((as_text(key), as_text(value)))

    def __getitem__(self, key: str) -> str:
        return dict(self.items_sent).get(key, "")

    def setdefault(self, key: str, value: Any) -> None:
        self[key] = value

    def write(self, more: Any) -> None:
        self.content = as_text(self.content) + as_text(more)

    def set_cookie(self, key: str, value: Any = "", **options: Any) -> None:
        self.cookies_sent.append({"key": as_text(key), "value": as_text(value), **options})
        see("set_cookie", as_text(key), json.dumps(self.cookies_sent[-1], default=str, sort_keys=True))

    set_signed_cookie = set_cookie

    def delete_cookie(self, *_args: Any, **_kw: Any) -> None:
        """Forget a cookie."""

    def answer(self) -> Answer:
        content = self.content
        if not isinstance(content, (str, bytes)) and hasattr(content, "__iter__"):
            content = "".join(as_text(part) for part in content)
        return Answer(as_text(content), int(self.status_code), self.items_sent, self.kind, self.cookies_sent)


StreamingHttpResponse = TemplateResponse = HttpResponse


def _status(name: str, code: int) -> type[HttpResponse]:
    return type(name, (HttpResponse,), {"status_code": code})


HttpResponseBadRequest = _status("HttpResponseBadRequest", 400)
HttpResponseForbidden = _status("HttpResponseForbidden", 403)
HttpResponseNotFound = _status("HttpResponseNotFound", 404)
HttpResponseServerError = _status("HttpResponseServerError", 500)


class HttpResponseNotAllowed(HttpResponse):
    """The method is not allowed; its first argument is the list of those that are."""

    status_code = 405

    def __init__(self, permitted_methods: Any = (), *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.permitted = permitted_methods


class JsonResponse(HttpResponse):
    """A response in JSON."""

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        status = options.get("status", args[0] if args and isinstance(args[0], int) else None)
        super().__init__(json.dumps(data, default=as_text), "application/json", status)


class Response(JsonResponse):
    """The REST framework's response."""


class HttpResponseRedirect(HttpResponse):
    """A redirect; the address is percent-encoded, its host is not checked."""

    status_code = 302

    def __init__(self, redirect_to: Any = "", **_options: Any) -> None:
        super().__init__()
        see("redirect", "HttpResponseRedirect", redirect_to)
        self["Location"] = quote(as_text(redirect_to), safe="/#%[]=:;$&()+,!?*@'~\\")


HttpResponsePermanentRedirect = HttpResponseRedirect


class FileResponse(HttpResponse):
    """A response with a file's content."""

    default_type = "application/octet-stream"

    def __init__(self, file: Any = b"", **options: Any) -> None:
        content = file.read() if hasattr(file, "read") else file
        super().__init__(content, options.get("content_type"))


def redirect(to: Any, *_args: Any, **_kw: Any) -> HttpResponseRedirect:
    """Redirect to an address."""
    return HttpResponseRedirect(to)


def render(_request: Any, template: Any = "", context: Any = None, *_args: Any, **options: Any) -> HttpResponse:
    """Render a template of the project."""
    return HttpResponse(render_named(template, dict(context or {})), options.get("content_type"))


def render_to_string(template: Any, context: Any = None, *_args: Any, **_kw: Any) -> str:
    """Render a template of the project to text."""
    return render_named(template, dict(context or {}))


def get_object_or_404(model: Any, *_args: Any, **_kw: Any) -> Any:
    """Find the object, whatever it is."""
    return Wild(f"{getattr(model, '__name__', 'object')} instance")


get_list_or_404 = get_object_or_404


def mark_safe(text: Any) -> Any:
    """Mark text as needing no escapes."""
    return Markup(as_text(text))


def format_html(template: str, *args: Any, **kwargs: Any) -> Any:
    """Format with escaped values."""
    return Markup(template.format(*(escape(a) for a in args), **{k: escape(v) for k, v in kwargs.items()}))


def strip_tags(value: Any) -> str:
    """Take the tags out."""
    return re.sub(r"<[^>]*>?", "", as_text(value))


def escapejs(value: Any) -> str:
    """Escape for a JavaScript string."""
    return "".join(c if c.isalnum() or c in " _" else f"\\u{ord(c):04X}" for c in as_text(value))


def url_has_allowed_host_and_scheme(url: Any, allowed_hosts: Any = None, **_kw: Any) -> bool:
    """Tell whether an address stays on an allowed host, by Django's rules."""
    text = as_text(url).strip().replace("\\", "/")
    hosts = {allowed_hosts} if isinstance(allowed_hosts, str) else set(allowed_hosts or ())
    if not text or text.startswith("///"):
        return False
    match = re.match(r"(?:([a-z][a-z0-9+.-]*):)?(?://([^/?#]*))?", text, re.IGNORECASE)
    scheme, host = (match.group(1), match.group(2)) if match else (None, None)
    if not host and scheme:
        return False
    return (not host or host in hosts) and (not scheme or scheme.lower() in {"http", "https"})


is_safe_url = url_has_allowed_host_and_scheme


def _decorate(*args: Any, **_kw: Any) -> Any:
    """Let the decorated view through: who may call it is no input of the attack."""
    if len(args) == 1 and callable(args[0]) and not isinstance(args[0], (str, Wild)):
        return args[0]
    return lambda view: view


csrf_exempt = csrf_protect = login_required = permission_required = _decorate
require_POST = require_GET = _decorate  # noqa: N816  # their names there
require_http_methods = require_safe = user_passes_test = staff_member_required = never_cache = cache_page = _decorate
api_view = permission_classes = authentication_classes = action = receiver = sensitive_post_parameters = _decorate
method_decorator = xframe_options_exempt = transaction_atomic = async_to_sync = sync_to_async = _decorate


class View:
    """A class-based view: its methods are driven one by one."""

    def __init__(self, **_options: Any) -> None:
        self.request: Any = AnyRequest("POST")
        self.kwargs: Any = self.request.match_info
        self.args: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Wild(f"self.{name}")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return context


TemplateView = ListView = DetailView = FormView = CreateView = UpdateView = DeleteView = RedirectView = View
APIView = GenericAPIView = ViewSet = GenericViewSet = ModelViewSet = LoginRequiredMixin = View


class _Manager(type):
    """Gives every model a manager of its own and its exception."""

    def __init__(cls, name: str, bases: tuple[type, ...], space: dict[str, Any]) -> None:
        super().__init__(name, bases, space)
        if "objects" not in space:
            cls.objects: Any = Wild(f"{name}.objects")
        cls.DoesNotExist = type("DoesNotExist", (Exception,), {})


class Model(Permissive, metaclass=_Manager):
    """A model."""


class _Models:
    Model = Model

    def __getattr__(self, name: str) -> Any:
        return Wild(f"models.{name}")


models: Any = _Models()
db: Any = Wild("django.db")


def unescape(text: Any) -> str:
    """Undo HTML escapes."""
    return html.unescape(as_text(text))
