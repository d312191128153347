"""One request for all frameworks: every way any of them offers to read a request leads to the same doors."""
# ruff: noqa: ANN401, D102  # it answers to the interfaces of six frameworks at once

from __future__ import annotations

import sys
from typing import Any

from .values import DoorFile, DoorMapping, read, read_bytes
from .wild import Wild


class Document(DoorMapping):
    """A mapping that may also be called or awaited, as a JSON body is in one framework or another."""

    def __call__(self, *_args: Any, **_kw: Any) -> Document:
        return self

    def __await__(self) -> Any:
        yield from ()
        return self


class BodyText(str):
    """Text that may also be called or awaited."""

    __slots__ = ()

    def __call__(self, *_args: Any, **_kw: Any) -> BodyText:
        return self

    def __await__(self) -> Any:
        yield from ()
        return self


class BodyBytes(bytes):
    """Bytes that may also be called, awaited or read from."""

    def __call__(self, *_args: Any, **_kw: Any) -> BodyBytes:
        return self

    def __await__(self) -> Any:
        yield from ()
        return self

    def read(self, *_args: Any) -> bytes:
        return bytes(self)


class Uploads(dict[str, Any]):
    """The uploaded files: there is one under every name."""

    def _file(self, key: Any) -> DoorFile:
        if key not in self.keys():
            super().__setitem__(str(key), DoorFile("uploaded file", str(key)))
        return super().__getitem__(str(key))  # type: ignore[no-any-return]

    def __getitem__(self, key: Any) -> Any:
        return self._file(key)

    def __contains__(self, key: object) -> bool:
        return True

    def __bool__(self) -> bool:
        return True

    def get(self, key: Any, _default: Any = None) -> Any:
        return self._file(key)

    def getlist(self, key: Any) -> list[Any]:
        return [self._file(key)]


class AnyRequest:
    """A request as Flask, Django, Starlette, aiohttp, Bottle, Tornado or Twisted would hand it over."""

    def __init__(self, method: str = "GET", path_values: dict[str, Any] | None = None) -> None:
        query, form = DoorMapping("query parameter"), DoorMapping("form field")
        self.method = method
        self.args = self.GET = self.query = self.query_params = self.params = self.rel_url_query = query
        self.form = self.POST = self.forms = form
        self.values = self.REQUEST = query if method == "GET" else form
        self.headers = self.META = DoorMapping("header")
        self.cookies = self.COOKIES = DoorMapping("cookie")
        self.files = self.FILES = Uploads()
        self.json = Document("JSON field")
        self.view_args = self.match_info = self.path_params = self.url_args = (
            DoorMapping("path parameter") if path_values is None else dict(path_values)
        )
        self.session: Any = Wild("request.session")
        self.user: Any = Wild("request.user")
        self.remote_addr, self.host, self.scheme, self.is_secure_value = "127.0.0.1", "localhost", "http", False
        self.endpoint, self.blueprint, self.content_length = "view", None, 64
        self.path, self.url, self.base_url, self.full_path = (
            "/view",
            "http://localhost/view",
            "http://localhost/view",
            "/view",
        )
        self.host_url = self.url_root = "http://localhost/"
        self.mimetype = self.content_type = "application/json"
        self.is_json, self.is_ajax, self.encoding, self.charset = True, False, "utf-8", "utf-8"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "data" and "rest_framework" in sys.modules:
            return self.json
        if name in {"data", "body", "body_raw", "stream", "raw_post_data", "content"}:
            return BodyBytes(read_bytes("request body", ""))
        if name == "text":
            return BodyText(read("request body", ""))
        if name == "referrer":
            return read("header", "Referer")
        if name == "query_string":
            return read_bytes("query string", "")
        if name == "authorization":
            return DoorMapping("authorization")
        return Wild(f"request.{name}")

    def get_json(self, *_args: Any, **_kw: Any) -> Any:
        return self.json

    def get_data(self, *_args: Any, as_text: bool = False, **_kw: Any) -> Any:
        return read("request body", "") if as_text else BodyBytes(read_bytes("request body", ""))

    async def post(self) -> Any:
        return self.form

    async def read(self) -> bytes:
        return read_bytes("request body", "")

    def get(self, key: Any, _default: Any = None) -> Any:
        return read("query parameter", str(key))

    def __getitem__(self, key: Any) -> Any:
        return read("query parameter", str(key))

    def __contains__(self, key: object) -> bool:
        return True

    def build_absolute_uri(self, location: str = "/view") -> str:
        return f"http://localhost{location}" if str(location).startswith("/") else str(location)

    def get_full_path(self) -> str:
        return "/view?next=stub"

    def get_host(self) -> str:
        return "localhost"

    def is_secure(self) -> bool:
        return False

    def getParameter(self, key: str) -> Any:  # noqa: N802  # its name there
        return read("query parameter", key)
