"""What answers requests: routes, views and the methods of handler classes, in any of the common frameworks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Class,
    Collection,
    Expr,
    Function,
    dotted,
    last_name,
    string_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_CHANGING = frozenset({"post", "put", "patch", "delete"})
_VERBS = _CHANGING | {"get", "head", "options", "websocket"}
_ROUTES = frozenset({"route", "api_route", "add_url_rule", "view", "action", "view_config", "api_view", "expose"})
_CLASS_BASE = re.compile(r"(?:View|ViewSet|Resource|RequestHandler|HTTPEndpoint|Mixin|APIView|HTTPRequestHandler)$")
_CLASS_METHOD = re.compile(
    r"^(?:get|post|put|patch|delete|do_[A-Z]+|create|update|partial_update|destroy|list|retrieve)$"
)
_CLASS_CHANGING = re.compile(
    r"^(?:post|put|patch|delete|do_(?:POST|PUT|PATCH|DELETE)|create|update|partial_update|destroy)$"
)
_CHANGES = re.compile(
    r"\.(?:delete|save|create|update|commit|remove|add|insert\w*|bulk_\w+|set_password|execute|write)\(|request\.(?:POST|FILES)"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A function that answers requests. ``route`` is its decorator, None for a view or a handler's method."""

    function: Function
    route: Call | None
    path: str
    changes: bool
    owner: Class | None = None


def endpoints(unit: Unit) -> tuple[Endpoint, ...]:
    """Give every endpoint of a module, found once."""
    known = unit.remembered.get("endpoints")
    if known is None:
        each = (_routed(unit, f) or _method(f) or _view(unit, f) for f in unit.module.functions)
        known = unit.remembered["endpoints"] = tuple(endpoint for endpoint in each if endpoint is not None)
    return cast("tuple[Endpoint, ...]", known)


def _routed(unit: Unit, function: Function) -> Endpoint | None:
    for decorator in function.decorators:
        call = decorator if isinstance(decorator, Call) else None
        target = call.function if call else decorator
        name = last_name(target)
        if not isinstance(target, Attribute) and name not in ("route", "api_view", "view_config"):
            continue
        if name in _VERBS:
            if call is None:
                continue
            path = string_value(call.argument(0, "path")) or ""
            if path.startswith(("/", "")) and call.args and string_value(call.args[0]) is not None:
                return Endpoint(function, call, path, name in _CHANGING)
        elif name in _ROUTES and call is not None:
            return Endpoint(function, call, string_value(call.argument(0, "rule")) or "", _route_changes(unit, call))
    return None


def _route_changes(unit: Unit, call: Call) -> bool:
    methods = call.keyword("methods") or call.keyword("request_method") or call.keyword("method")
    if methods is None and call.args and isinstance(call.args[0], Collection):
        methods = call.args[0]  # api_view(["POST"])
    return methods is not None and bool(re.search(r"(?i)post|put|patch|delete", unit.source(methods)))


def _method(function: Function) -> Endpoint | None:
    owner = function.owner
    if owner is None or not _CLASS_METHOD.match(function.name):
        return None
    if not any(_CLASS_BASE.search(last_name(base)) for base in owner.bases):
        return None
    return Endpoint(function, None, "", bool(_CLASS_CHANGING.match(function.name)), owner)


def _view(unit: Unit, function: Function) -> Endpoint | None:
    """Take a function whose first parameter is ``request`` for a Django view, if Django is near."""
    if function.owner is not None or not function.params or function.params[0].name != "request":
        return None
    if function.scope.parent is not unit.module.scope or function.name.startswith("_"):
        return None
    if "django" not in unit.packages and not re.search(r"\brequest\.(?:POST|GET|user|FILES)\b", unit.source(function)):
        return None
    return Endpoint(function, None, "", bool(_CHANGES.search(unit.source(function))))


def decorator_names(function: Function | Class) -> Iterator[str]:
    """Yield the dotted names of decorators, calls without their arguments."""
    for decorator in function.decorators:
        yield dotted(_called(decorator))


def _called(expr: Expr) -> Expr:
    return expr.function if isinstance(expr, Call) else expr
