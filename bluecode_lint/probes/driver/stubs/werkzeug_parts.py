"""Stand-in for the parts of werkzeug that applications use by themselves."""
# ruff: noqa: ANN401, D102, TID252  # foreign interface; relative: it has two names

from __future__ import annotations

import os
import re
import unicodedata
from typing import Any

from ..routes import Answer


class HTTPException(Exception):  # noqa: N818  # its name there
    """An answer that is raised."""

    code: int = 500
    description: str = ""

    def __init__(self, description: Any = None, response: Any = None, code: int | None = None) -> None:
        super().__init__(description)
        self.description, self.response, self.code = str(description or ""), response, code or type(self).code

    def answer(self) -> Answer:
        return Answer(body=self.description, status=self.code)


def _status(name: str, code: int) -> type[HTTPException]:
    return type(name, (HTTPException,), {"code": code})


BadRequest = _status("BadRequest", 400)
Unauthorized = _status("Unauthorized", 401)
Forbidden = _status("Forbidden", 403)
NotFound = _status("NotFound", 404)
MethodNotAllowed = _status("MethodNotAllowed", 405)
RequestEntityTooLarge = _status("RequestEntityTooLarge", 413)
InternalServerError = _status("InternalServerError", 500)


def secure_filename(filename: str) -> str:
    """Reduce a name to a plain file name: ASCII letters, digits, dot, dash and underscore."""
    text = unicodedata.normalize("NFKD", str(filename)).encode("ascii", "ignore").decode("ascii")
    for separator in (os.sep, "\\"):
        text = text.replace(separator, " ")
    return re.sub(r"[^A-Za-z0-9_.-]", "", "_".join(text.split())).strip("._")


def safe_join(directory: str, *names: str) -> str | None:
    """Join names below a folder; None if the result would leave it."""
    parts = [str(directory)]
    for name in names:
        normal = os.path.normpath(str(name)) if name else ""
        if normal.startswith(("/", "../")) or normal == ".." or "\\" in normal:
            return None
        parts.append(normal)
    return "/".join(parts)
