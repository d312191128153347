"""Stand-in for markupsafe, bleach and nh3: text that is marked safe, and the functions that make text safe."""
# ruff: noqa: ANN401, D102  # the interfaces of the packages it stands in for

from __future__ import annotations

import html
import re
from typing import Any

try:
    from markupsafe import Markup, escape  # the real one is better wherever it is installed
except ImportError:

    class Markup(str):  # type: ignore[no-redef]
        """Text that needs no more escaping; what is formatted into it is escaped."""

        __slots__ = ()

        def __html__(self) -> str:
            return str(self)

        def __add__(self, other: Any) -> Any:
            return Markup(str(self) + str(escape(other)))

        def __mod__(self, values: Any) -> Any:
            escaped = tuple(escape(v) for v in values) if isinstance(values, tuple) else escape(values)
            return Markup(str(self) % escaped)

        def format(self, *args: Any, **kwargs: Any) -> Any:
            return Markup(str(self).format(*(escape(a) for a in args), **{k: escape(v) for k, v in kwargs.items()}))

        def join(self, items: Any) -> Any:
            return Markup(str(self).join(str(escape(i)) for i in items))

    def escape(value: Any, /) -> Any:  # type: ignore[misc]
        """Escape for HTML unless it is marked safe."""
        if hasattr(value, "__html__"):
            return Markup(value.__html__())
        return Markup(html.escape(str(value), quote=True))


def clean(text: Any, *_args: Any, tags: Any = (), **_kw: Any) -> str:
    """Escape all markup but the bare allowed tags, as bleach does."""
    escaped = html.escape(str(text), quote=False)
    for tag in tags or ():
        escaped = re.sub(rf"&lt;(/?){re.escape(str(tag))}&gt;", rf"<\1{tag}>", escaped)
    return escaped


def linkify(text: Any, *_args: Any, **_kw: Any) -> str:
    """Give the text back: turning URLs into links makes nothing safe."""
    return str(text)


__all__ = ["Markup", "clean", "escape", "linkify"]
