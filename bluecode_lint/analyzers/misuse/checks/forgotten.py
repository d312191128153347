"""What a function is given for a check, and never looks at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Assign,
    Attribute,
    AugAssign,
    Call,
    Const,
    Delete,
    Expr,
    ExprStmt,
    Function,
    Jump,
    Name,
    Param,
    Raise,
    Stmt,
    Subscript,
    dotted,
    last_name,
)
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.analyzers.misuse.walking import expressions, statements
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit


def _works(function: Function) -> bool:
    """Tell whether a function does anything: an abstract or empty one has no reason to look at what it is given."""
    does = [
        stmt
        for stmt in function.body
        if not (isinstance(stmt, ExprStmt) and isinstance(stmt.value, Const)) and not isinstance(stmt, (Jump, Raise))
    ]
    return bool(does) and not any("abstract" in dotted(d) or "overload" in dotted(d) for d in function.decorators)


def _unread(function: Function, wanted: re.Pattern[str]) -> Iterator[Param]:
    """Yield the parameters with a wanted name that the body never mentions."""
    params = [p for p in function.params if not p.kind and wanted.search(p.name) and not isinstance(p.default, Call)]
    if not params or not _works(function):
        return
    mentioned = {expr.id for expr in expressions(function.body, nested=True) if isinstance(expr, Name)}
    if "locals" in mentioned:
        return
    yield from (param for param in params if param.name not in mentioned)


def _is_free(function: Function) -> bool:
    """Tell whether nobody else dictates a function's parameters: no base class, decorator or callback does."""
    return not function.decorators and (function.owner is None or not function.owner.bases)


_SIGNATURE = re.compile(
    r"(?i)(?:^|_)(?:sig|sign|signature|hmac|mac_tag|sign_hash)$|^(?:signature|sig|sign)_(?:hash|value|hex)$"
)


def ignored_signature(unit: Unit) -> Iterator[Hit]:
    """Find functions that are given a signature they never read."""
    for function in unit.module.functions:
        for param in _unread(function, _SIGNATURE):
            if param.default is None and _is_free(function):
                sure = function.owner is None or len(param.name) > len("sign")  # `sig` is a task in some libraries
                yield Hit(Stmt(param.start, param.end), Confidence.HIGH if sure else Confidence.MEDIUM)


_ACTOR = re.compile(
    r"(?i)^(?:cur|curr|current|acting|active|logged(?:_in)?|req|requesting|requester|request|executor|executing|caller|calling"
    r"|actor|auth|authenticated|session|viewer|viewing|performing|initiating|initiator|operator)_?"
    r"(?:user|account|member|person|employee|client|admin)?_?(?:id|uid|name)?$"
)
_NOT_AN_ACTOR = re.compile(
    r"(?i)^(?:req|request|session|auth|active|current|cur|curr|request_?id|req_?id|session_?id|auth_?name)$"
)
_SOMEBODY = re.compile(r"(?i)^(?:user|uid|account|member)_?(?:id)?$")
_SOMETHING = re.compile(r"(?i)_?id$|_?pk$|^cid$")


def ignored_actor(unit: Unit) -> Iterator[Hit]:
    """Find functions that are told who acts and do not ask, while they use the identifier of what is acted on."""
    for function in unit.module.functions:
        if not _is_free(function) or not any(_SOMETHING.search(p.name) for p in function.params):
            continue
        for param in _unread(function, _ACTOR):
            if not _NOT_AN_ACTOR.match(param.name) and _annotation_is_plain(unit, param):
                yield Hit(Stmt(param.start, param.end))
        others = [p for p in function.params if _SOMETHING.search(p.name) and not _SOMEBODY.match(p.name)]
        for param in _unread(function, _SOMEBODY) if others else ():
            if param.default is None and _annotation_is_plain(unit, param):
                yield Hit(Stmt(param.start, param.end), Confidence.MEDIUM)


def _annotation_is_plain(unit: Unit, param: Param) -> bool:
    """Tell whether an annotation does not itself carry the check, as ``Annotated[User, Depends(...)]`` does."""
    if param.annotation is None:
        return True
    return not re.search(r"Depends|Security|Current|Annotated|Inject", unit.source(param.annotation))


# --- tokens ----------------------------------------------------------------------------------------------------------

_CSRF_TOKEN = re.compile(r"(?i)(?:csrf|xsrf)\w*token$|^token_(?:csrf|xsrf)$")
_REQUEST = re.compile(r"(?i)(?:^|_)req(?:uest)?(?:_data)?$|request")
_CHANGING_CALLS = frozenset({
    "update", "pop", "append", "save", "delete", "remove", "insert", "add", "commit", "execute", "clear",
})  # fmt: skip


def unchecked_csrf_token(unit: Unit) -> Iterator[Hit]:
    """Find functions that change data for a request in a module that keeps a CSRF token they do not mention."""
    names = {
        last_name(target)
        for stmt in unit.module.assignments
        if stmt.scope is unit.module.scope
        for target in stmt.targets
    }
    if not any(_CSRF_TOKEN.search(name) for name in names):
        return
    for function in unit.module.functions:
        takes_request = any(_REQUEST.search(param.name) for param in function.params)
        if not takes_request or re.search(r"(?i)csrf|xsrf", unit.source(function)) or not _changes(function):
            continue
        yield Hit(Stmt(function.name_start, function.name_start + len(function.name.encode())))


def _changes(function: Function) -> bool:
    """Tell whether a function changes something that outlives it."""
    local = {param.name for param in function.params if _REQUEST.search(param.name)}
    for stmt in statements(function.body):
        targets: tuple[Expr, ...] = ()
        if isinstance(stmt, (Assign, Delete)):
            targets = stmt.targets
        elif isinstance(stmt, AugAssign):
            targets = (stmt.target,)
        if any(isinstance(target, (Subscript, Attribute)) and _root(target) not in local for target in targets):
            return True
        call = stmt.value if isinstance(stmt, ExprStmt) else None
        if isinstance(call, Call) and isinstance(call.function, Attribute) and call.function.name in _CHANGING_CALLS:
            return True
    return False


def _root(expr: Expr) -> str:
    return dotted(expr).partition(".")[0].partition("[")[0]


# --- templates -------------------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"^(?:str|int|float|bool|bytes|Decimal|date|datetime)\b")


def object_in_format_template(unit: Unit) -> Iterator[Hit]:
    """Find ``template.format(user=user)`` where the template is a parameter and the value an object.

    Surely an object is what a loop, a subscript, a call or an attribute gave, and what has no plain annotation; one
    whose class guards its attributes (``__getattr__``) is taken for a restricted view.
    """
    for call in unit.module.calls:
        if last_name(call.function) != "format" or not isinstance(call.function, Attribute):
            continue
        template = call.function.value
        owner = unit.function_of(call.scope)
        if not isinstance(template, Name) or owner is None or owner.name.startswith("_"):
            continue
        param = next((p for p in owner.params if p.name == template.id and not p.kind), None)
        if param is None or len(owner.scope.bindings.get(param.name, ())) > 1 or param.default is not None:
            continue
        objects = [value for name, value in call.keywords if name and _is_object(unit, value, call, owner)]
        if objects:
            yield Hit(call)


def _is_object(unit: Unit, value: Expr, call: Call, owner: Function) -> bool:
    if isinstance(value, Attribute):
        return _is_object(unit, value.value, call, owner) and not re.search(
            r"(?i)name|title|id$|email|text", value.name
        )
    if not isinstance(value, Name) or re.search(r"(?i)name|title|text|count|number|date|time|path|url|id$", value.id):
        return False
    param = next((p for p in owner.params if p.name == value.id), None)
    if param is not None:
        return param.annotation is not None and not _PLAIN.match(unit.source(param.annotation))
    home = call.scope.lookup(value.id)
    bound = (home.bindings.get(value.id) if home else None) or []
    if not bound or home is unit.module.scope:
        return False
    guarded = {cls.name for cls in unit.module.classes if {"__getattr__", "__getattribute__"} & cls.methods.keys()}
    return not any(
        isinstance(b, Const) or (isinstance(b, Call) and last_name(b.function) in guarded | {"str", "int"})
        for b in bound
    )
