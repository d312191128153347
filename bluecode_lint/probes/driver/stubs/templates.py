"""Rendering templates: the real Jinja2 where it is installed, else a small one that knows its core.

The small one renders ``{{ expression|filter }}``, ``{% if %}``, ``{% for %}`` and ``{% set %}`` with autoescape, which
is what it takes to tell an escaped value from a raw one and a rendered expression from a literal one.
"""
# ruff: noqa: ANN401, D102, TID252  # templates hold values of any type; relative: it is loaded under two names

from __future__ import annotations

import pathlib
import re
from typing import Any

from ..stage import STAGE, as_text, see
from .markup import Markup, escape

try:
    import jinja2 as _real
except ImportError:
    _real = None  # type: ignore[assignment]

_TOKEN = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)


def render_text(source: Any, context: dict[str, Any], *, autoescape: bool) -> str:
    """Render a template's source text."""
    text = as_text(source)
    see("template", "jinja2", text)
    if _real is not None:
        environment = _real.Environment(autoescape=autoescape, undefined=_real.ChainableUndefined)
        return environment.from_string(text).render(**context)
    return _Small(text, autoescape=autoescape).render(context)


def render_named(name: Any, context: dict[str, Any]) -> str:
    """Render a template file of the project; without the file nothing can be said of its output."""
    see("template_name", "render_template", name)
    for root in STAGE.template_roots:
        for folder in ("templates", "."):
            path = pathlib.Path(root) / folder / as_text(name)
            try:
                source = path.read_text(encoding="utf-8", errors="replace")
            except (OSError, ValueError):
                continue
            return render_text(source, context, autoescape=as_text(name).endswith((".html", ".htm", ".xml", ".xhtml")))
    return "rendered template"


class _Small:
    """A template of the small renderer."""

    def __init__(self, source: str, *, autoescape: bool) -> None:
        self.tokens = _TOKEN.split(source)
        self.autoescape = autoescape

    def render(self, context: dict[str, Any]) -> str:
        text, _ = self._block(0, dict(context), active=True)
        return text

    def _block(self, at: int, context: dict[str, Any], *, active: bool) -> tuple[str, int]:
        """Render from token ``at`` up to the tag that closes the block; give the text and where it stopped."""
        out: list[str] = []
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.startswith("{%"):
                words = token[2:-2].strip("- \n").split(None, 1)
                tag, rest = words[0], words[1] if len(words) > 1 else ""
                if tag in {"endif", "endfor", "else", "elif", "endblock", "endautoescape"}:
                    return "".join(out), at
                text, at = self._tag(tag, rest, at, context, active=active)
                out.append(text)
            elif active and token.startswith("{{"):
                out.append(self._value(token[2:-2].strip("- \n"), context))
            elif active and not token.startswith("{#"):
                out.append(token)
            at += 1
        return "".join(out), at

    def _tag(self, tag: str, rest: str, at: int, context: dict[str, Any], *, active: bool) -> tuple[str, int]:
        if tag == "if":
            holds = active and bool(_evaluate(rest, context))
            text, end = self._block(at + 1, context, active=holds)
            while end < len(self.tokens) and re.match(r"\{%-?\s*(else|elif)", self.tokens[end]):
                other, end = self._block(end + 1, context, active=active and not holds)
                text += other
            return text, end
        if tag == "for":
            name, _, sequence = rest.partition(" in ")
            items = list(_evaluate(sequence, context) or ()) if active else []
            text, end = self._block(at + 1, {**context, name.strip(): items[0] if items else ""}, active=bool(items))
            for item in items[1:]:
                text += self._block(at + 1, {**context, name.strip(): item}, active=True)[0]
            return text, end
        if tag == "autoescape":
            before, self.autoescape = self.autoescape, "true" in rest.lower()
            text, end = self._block(at + 1, context, active=active)
            self.autoescape = before
            return text, end
        if tag == "block":
            return self._block(at + 1, context, active=active)
        if tag == "set" and active and "=" in rest:
            name, _, value = rest.partition("=")
            context[name.strip()] = _evaluate(value, context)
        return "", at

    def _value(self, expression: str, context: dict[str, Any]) -> str:
        body, *filters = _split_filters(expression)
        value = _evaluate(body, context)
        safe = False
        for name in filters:
            bare = name.split("(")[0].strip()
            if bare == "safe":
                safe = True
            elif bare in {"e", "escape", "forceescape"}:
                value = escape(value)
            elif bare in {"upper", "lower", "title", "trim", "capitalize"}:
                value = getattr(as_text(value), {"trim": "strip"}.get(bare, bare))()
            elif bare == "tojson":
                value = Markup(as_text(__import__("json").dumps(value)).replace("<", "\\u003c").replace(">", "\\u003e"))
            elif bare == "default" and value in (None, ""):
                value = ""
        if self.autoescape and not safe:
            value = escape(value)
        return "" if value is None else as_text(value)


def _split_filters(expression: str) -> list[str]:
    return [part.strip() for part in re.split(r"\|(?=\s*[a-z_]+)", expression)]


def _evaluate(expression: str, context: dict[str, Any]) -> Any:
    """Evaluate a template expression as Jinja2 would: names, attributes, items, calls, arithmetic."""
    try:
        return eval(expression.strip(), {"__builtins__": {}}, _Names(context))  # noqa: S307  # the sandbox evaluates it
    except Exception as error:  # noqa: BLE001  # an undefined value renders as nothing, a broken one too
        STAGE.notes.append(f"template expression: {type(error).__name__}")
        return ""


class _Names(dict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return ""


class Template:
    """A compiled template."""

    def __init__(self, source: Any = "", *_args: Any, autoescape: Any = False, **_kw: Any) -> None:
        self.source, self.autoescape = source, bool(autoescape)

    def render(self, *args: Any, **context: Any) -> str:
        for given in args:
            context = {**given, **context}
        return render_text(self.source, context, autoescape=self.autoescape)

    render_unicode = render


class Environment:
    """A source of templates with one way of escaping."""

    def __init__(self, *_args: Any, autoescape: Any = False, **_kw: Any) -> None:
        self.autoescape = bool(autoescape)
        self.filters: dict[str, Any] = {}
        self.globals: dict[str, Any] = {}

    def from_string(self, source: Any, *_args: Any, **_kw: Any) -> Template:
        return Template(source, autoescape=self.autoescape)

    def get_template(self, name: Any, *_args: Any, **_kw: Any) -> Any:
        see("template_name", "jinja2", name)
        return _Named(name)


SandboxedEnvironment = ImmutableSandboxedEnvironment = Environment


class _Named:
    def __init__(self, name: Any) -> None:
        self.name = name

    def render(self, *args: Any, **context: Any) -> str:
        for given in args:
            context = {**given, **context}
        return render_named(self.name, context)


def select_autoescape(*_args: Any, **_kw: Any) -> bool:
    """Escape, as the function of that name does for HTML."""
    return True
