"""A keyword argument that is added, changed or taken away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.fixes.site import SAFE, UNSAFE, enclosing, fix, keyword, unpacks, value_of

if TYPE_CHECKING:
    from bluecode_lint.core.model import Applicability, Fix
    from bluecode_lint.core.protocols import Node
    from bluecode_lint.fixes.site import Site


@dataclass(frozen=True, slots=True)
class _Change:
    """In calls whose path ends as ``path`` says: the keyword ``name`` gets ``after`` (empty: it is taken away).

    Only where its value is ``before``; where that is empty, only where it is missing. The path need not be precise: the
    rule has looked at the call already.
    """

    rules: tuple[str, ...]
    path: re.Pattern[str]
    name: str
    before: str
    after: str
    words: str
    applicability: Applicability = UNSAFE


_HTTP = re.compile(r".*\.(?:get|post|put|patch|delete|head|options|request|stream|Client|AsyncClient)")
_COOKIE = re.compile(r".*\.set_cookie")
_EXTRACT = re.compile(r".*\.extract(?:all)?")
_TORCH = re.compile(r"torch\.load")
_LOADING = ("unsafe-deserialization", "unsafe-model-load")
_CHANGES = (
    _Change(("disabled-certificate-validation",), _HTTP, "verify", "False", "",
            "Check the server's certificate (hosts with one of their own then need `verify=\"ca.pem\"`)"),
    _Change(("missing-timeout",), _HTTP, "timeout", "", "10", "Give up after 10 seconds without an answer"),
    _Change(("missing-timeout",), _HTTP, "timeout", "None", "10", "Give up after 10 seconds without an answer"),
    _Change(("debug-mode",), re.compile(r".*\.run"), "debug", "True", "", "Leave the debugger off"),
    _Change(("insecure-cookie",), _COOKIE, "secure", "", "True", "Send the cookie over HTTPS only"),
    _Change(("insecure-cookie",), _COOKIE, "secure", "False", "True", "Send the cookie over HTTPS only"),
    _Change(("script-readable-cookie",), _COOKIE, "httponly", "", "True", "Hide the cookie from scripts"),
    _Change(("script-readable-cookie",), _COOKIE, "httponly", "False", "True", "Hide the cookie from scripts"),
    _Change(("cross-site-cookie",), _COOKIE, "samesite", "", '"Lax"', "Keep the cookie from other sites' requests"),
    _Change(("tar-extraction-without-filter", "archive-slip"), _EXTRACT, "filter", "", '"data"',
            "Extract with the filter for data (links and devices are refused)"),
    _Change(_LOADING, _TORCH, "weights_only", "", "True", "Load weights only"),
    _Change(_LOADING, _TORCH, "weights_only", "False", "True", "Load weights only"),
    _Change(_LOADING, re.compile(r"numpy\.load"), "allow_pickle", "True", "", "Load arrays only"),
    _Change(("external-entities-enabled", "xml-external-entity"), re.compile(r".*\.XMLParser"), "resolve_entities",
            "True", "False", "Leave entities unresolved"),
    _Change(("template-autoescape-disabled",), re.compile(r".*Environment"), "autoescape", "", "True",
            "Escape values in templates (those that are markup then need `|safe`)"),
    _Change(("template-autoescape-disabled",), re.compile(r".*Environment"), "autoescape", "False", "True",
            "Escape values in templates (those that are markup then need `|safe`)"),
)  # fmt: skip

_HARMLESS = re.compile(r"(?:^|_)(?:etag|cache|shard|bucket|dedup|partition)(?:_|$)", re.IGNORECASE)
"""Names of what a digest is for where nobody attacks it."""


def changed(site: Site) -> Fix | None:
    """Change the keyword that a rule is about, at the first call of the place that the table knows."""
    changes = [change for change in _CHANGES if site.rule in change.rules]
    for call in site.calls():
        if unpacks(call):
            continue
        path = site.imports.path(call.child_by_field_name("function"))
        for change in changes:
            argument = keyword(call, change.name)
            if change.path.fullmatch(path) and value_of(argument) == change.before:
                return _applied(site, change, call, argument)
    return None


def _applied(site: Site, change: _Change, call: Node, argument: Node | None) -> Fix:
    if argument is None:
        edit = site.with_argument(call, f"{change.name}={change.after}")
    elif change.after:
        edit = site.replaced(argument, f"{change.name}={change.after}")
    else:
        edit = site.without(call, argument)
    return fix(change.words, change.applicability, [edit])


def marked_harmless(site: Site) -> Fix | None:
    """Say that a digest protects nothing, where the names around it say so already."""
    for call in site.calls():
        if site.path(call) not in {"hashlib.md5", "hashlib.sha1"} or unpacks(call) or keyword(call, "usedforsecurity"):
            continue
        function = enclosing(call, frozenset({"function_definition"}))
        assigned = enclosing(call, frozenset({"assignment"}))
        names = [
            text_of(function.child_by_field_name("name")) if function is not None else "",
            text_of(assigned.child_by_field_name("left")) if assigned is not None else "",
        ]
        if any(_HARMLESS.search(name) for name in names):
            words = "Say that the digest protects nothing"
            return fix(words, SAFE, [site.with_argument(call, "usedforsecurity=False")])
    return None
