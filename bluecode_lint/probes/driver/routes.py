"""What the web frameworks' stand-ins register and give back, whichever framework it is."""
# views and bodies have any type

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .stage import as_text, see

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Route:
    """A view somebody registered: how it is reached and how it is called."""

    framework: str
    methods: tuple[str, ...]
    rule: str
    view: Any
    call: Callable[[Route, str], Any]

    @property
    def words(self) -> str:
        """Say it for people, such as ``POST /ping``."""
        return f"{self.methods[0]} {self.rule}"


ROUTES: list[Route] = []


@dataclass
class Answer:
    """A response in one shape for all frameworks: ``body`` is text, header names are in lower case."""

    body: str = ""
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    kind: str = "text/html"
    cookies: list[dict[str, Any]] = field(default_factory=list)

    def record(self) -> None:
        """Show the response to the oracles."""
        see("response", self.kind, self.body, (str(self.status),))
        for name, value in self.headers:
            see("header", name.lower(), value)
        for cookie in self.cookies:
            see("cookie", as_text(cookie.get("key", "")), json.dumps(cookie, default=str, sort_keys=True))


def methods_of(options: dict[str, Any], default: str = "GET") -> tuple[str, ...]:
    """Read a route's methods, the ones that change something first."""
    methods = tuple(str(m).upper() for m in options.get("methods") or (default,))
    return tuple(sorted(methods, key=lambda m: (m not in {"POST", "PUT", "PATCH"}, m)))
