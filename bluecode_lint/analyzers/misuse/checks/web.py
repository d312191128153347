"""Endpoints that say too much, ask for too little, or share what is not theirs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Assign,
    Attribute,
    AugAssign,
    Call,
    Class,
    Collection,
    Declare,
    Dict,
    Expr,
    ExprStmt,
    Function,
    Handler,
    If,
    Name,
    Raise,
    Return,
    Stmt,
    Try,
    With,
    dotted,
    last_name,
    string_value,
    walk,
)
from bluecode_lint.analyzers.misuse.checks.endpoints import Endpoint, decorator_names, endpoints
from bluecode_lint.analyzers.misuse.checks.literals import tail_name
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.analyzers.misuse.walking import statements
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit


def csrf_middleware_missing(unit: Unit) -> Iterator[Hit]:
    """Find a Django middleware list that has sessions or logins but no CSRF protection."""
    for stmt in unit.module.assignments:
        if not any(last_name(target) in ("MIDDLEWARE", "MIDDLEWARE_CLASSES") for target in stmt.targets):
            continue
        if not isinstance(stmt.value, Collection):
            continue
        names = [string_value(item) or "" for item in stmt.value.items]
        with_logins = any(name.endswith((".SessionMiddleware", ".AuthenticationMiddleware")) for name in names)
        if with_logins and not any("Csrf" in name for name in names):
            yield Hit(stmt.value)


# --- too much said ---------------------------------------------------------------------------------------------------

_ANY_ERROR = re.compile(
    r"^(?:Exception|BaseException|OSError|IOError"
    r"|\w*(?:Database|SQLAlchemy|Operational|Programming|Integrity)Error)$"
)
_RAISED_ANSWERS = frozenset({"HTTPException", "APIException", "abort"})
_ANSWERS = _RAISED_ANSWERS | {
    "HttpResponse", "HttpResponseServerError", "JsonResponse", "JSONResponse", "PlainTextResponse", "Response",
    "jsonify", "json_response", "make_response", "send_error", "write",
}  # fmt: skip
_LOGS = re.compile(r"(?i)log(?:ger|ging)?\.\w+$|print$|capture_exception$")


def exception_in_response(unit: Unit) -> Iterator[Hit]:
    """Find endpoints that answer with the text of any exception, or with a traceback."""
    for endpoint in endpoints(unit):
        for stmt in statements(endpoint.function.body):
            for clause in stmt.handlers if isinstance(stmt, Try) else ():
                yield from _leaks(unit, clause)


def _leaks(unit: Unit, clause: Handler) -> Iterator[Hit]:
    types = clause.type.items if isinstance(clause.type, Collection) else (clause.type,)
    names = ["Exception" if kind is None else last_name(kind) for kind in types]
    any_error = any(_ANY_ERROR.match(name) for name in names)
    for stmt in statements(clause.body):
        for answer in _answers(stmt):
            for expr in walk(answer):
                if isinstance(expr, Call) and unit.path(expr.function).startswith("traceback.format"):
                    yield Hit(answer)
                    break
                is_it = any_error and clause.name and isinstance(expr, Name) and expr.id == clause.name
                if is_it and _shows_text(unit, expr):
                    yield Hit(answer)
                    break


def _answers(stmt: Stmt) -> Iterator[Expr]:
    """Yield the expressions of a statement that go to the client."""
    if isinstance(stmt, Return) and stmt.value is not None:
        yield stmt.value
    elif isinstance(stmt, (Raise, ExprStmt, Assign)) and isinstance(stmt.value, Call):
        called = last_name(stmt.value.function)
        if called in (_RAISED_ANSWERS if isinstance(stmt, Raise) else _ANSWERS):
            yield stmt.value


def _shows_text(unit: Unit, name: Expr) -> bool:
    """Tell whether an exception's name is used for its text: not for a code, a type or a log."""
    above = unit.parent(name)
    if isinstance(above, Attribute):
        return above.name in ("args", "message", "strerror", "orig")
    if isinstance(above, Call) and last_name(above.function) in ("type", "isinstance", "getattr"):
        return False
    return not any(isinstance(a, Call) and _LOGS.search(dotted(a.function)) for a in unit.ancestors(name))


_PERSON = re.compile(r"(?i)user|account|customer|member|profile|employee|patient|person")
_SECRET_FIELD = re.compile(
    r"(?i)^(?:hashed_|encrypted_)?(?:password|passwd|pwd|ssn|social_security\w*|credit_card\w*|cvv|secret\w*|api_key|private_key)(?:_hash|_digest)?$"
)
_SERIALIZES = re.compile(r"^(?:to_?(?:dict|json)|as_?(?:dict|json)|serialize|json|__json__)$")
_OUTPUT_MODEL = re.compile(r"(?:Out|Response|Read|Public|View|Output|Details?)$")


def user_record_in_response(unit: Unit) -> Iterator[Hit]:
    """Find whole user records, or secret fields of them, on their way to a client."""
    for endpoint in endpoints(unit):
        for stmt in statements(endpoint.function.body):
            for answer in _answers(stmt):
                yield from _records(answer)
    for function in unit.module.functions:
        if _SERIALIZES.match(function.name) and function.owner is not None:
            for stmt in statements(function.body):
                if isinstance(stmt, Return) and stmt.value is not None:
                    yield from _secret_fields(stmt.value)
    for owner in unit.module.classes:
        yield from _serializer(unit, owner)
        yield from _output_model(owner)


def _records(answer: Expr) -> Iterator[Hit]:
    yield from _secret_fields(answer)
    for expr in walk(answer):
        if isinstance(expr, Attribute) and expr.name == "__dict__" and _PERSON.search(dotted(expr.value)):
            yield Hit(expr)
        elif isinstance(expr, Call) and last_name(expr.function) in ("model_to_dict", "vars"):
            whole = len(expr.args) == 1 and not expr.keywords
            if whole and _PERSON.search(dotted(expr.args[0])):
                yield Hit(expr)


def _secret_fields(answer: Expr) -> Iterator[Hit]:
    for expr in walk(answer):
        pairs: list[tuple[str, Expr]] = []
        if isinstance(expr, Dict):
            pairs = [(string_value(key) or "", value) for key, value in expr.pairs]
        elif isinstance(expr, Call) and last_name(expr.function) in ("jsonify", "dict"):
            pairs = [(key or "", value) for key, value in expr.keywords]
        for key, value in pairs:
            if _SECRET_FIELD.match(key) and _SECRET_FIELD.match(tail_name(value)):
                yield Hit(value)


def _class_values(owner: Class) -> dict[str, Expr]:
    return {
        last_name(stmt.targets[0]): stmt.value
        for stmt in owner.body
        if isinstance(stmt, Assign) and stmt.targets and stmt.value is not None
    }


def _serializer(unit: Unit, meta: Class) -> Iterator[Hit]:
    """Judge the ``Meta`` of a REST serializer: a password among its fields must be write-only."""
    values = _class_values(meta)
    fields = values.get("fields")
    if meta.name != "Meta" or fields is None or "." not in meta.qualname:
        return
    outer = next((c for c in unit.module.classes if meta in c.body), None)
    if outer is None or not any("Serializer" in last_name(base) for base in outer.bases):
        return
    if "write_only" in unit.source(outer):
        return
    if isinstance(fields, Collection):
        for item in fields.items:
            if _SECRET_FIELD.match(string_value(item) or ""):
                yield Hit(item)
    elif string_value(fields) == "__all__" and _PERSON.fullmatch(last_name(values.get("model", fields))):
        yield Hit(fields)


def _output_model(owner: Class) -> Iterator[Hit]:
    """Judge a pydantic model by its name: what is returned must not declare a password."""
    if not _OUTPUT_MODEL.search(owner.name) or not any("Model" in last_name(base) for base in owner.bases):
        return
    for stmt in owner.body:
        if not isinstance(stmt, Assign) or stmt.annotation is None or not stmt.targets:
            continue
        if _SECRET_FIELD.match(last_name(stmt.targets[0])):
            yield Hit(stmt)


# --- too little asked ------------------------------------------------------------------------------------------------

_PROTECTING = re.compile(
    r"(?i)login|permission|auth|admin|role|require[sd]?_|_required|jwt|protect|secur|token|staff|superuser"
    r"|user_passes_test|scope|access"
)
_ASKING = re.compile(
    r"(?i)current_user|is_authenticated|login_required|has_(?:object_)?perm|check_\w*(?:perm|auth|access|role)|require_"
    r"|authori[sz]|PermissionDenied|\b40[13]\b|Unauthorized|Forbidden|(?<![.\w])session\b|verify_|get_jwt|api_?key"
    r"|request\.user|g\.user|is_admin|is_staff|Depends\(|Security\(|owner|credential|token"
)
_OPEN_BY_NATURE = re.compile(
    r"(?i)log_?in|log_?out|register|sign_?(?:up|in|out)|reset|forgot|webhook|callback|health|contact|subscri|search|token"
    r"|refresh|verif|confirm|public|feedback|newsletter|activate|index|home|ping|error"
)
_GUARD_ALL = re.compile(
    r"before_request|(?:APIRouter|FastAPI)\([^)]*dependencies\s*=|@app\.middleware|add_middleware\([^)]*(?i:auth)"
    r"|DEFAULT_PERMISSION_CLASSES|LoginManager.*login_required|decorators\s*=\s*\["
)


_PLAIN_BASE = re.compile(
    r"(?:View|MethodView|APIView|GenericAPIView|Resource|RequestHandler|HTTPEndpoint|(?:Model|Generic)?ViewSet|\w*Mixin)$"
)
"""Bases that ask for nothing themselves; what a project's own base class does in ``dispatch`` is not known."""


def _is_plain_view(owner: Class) -> bool:
    """Tell whether all that guards a class's endpoints is in sight: it is no mixin, and its bases are a framework's."""
    return "Mixin" not in owner.name and all(_PLAIN_BASE.match(last_name(base)) for base in owner.bases)


def _is_protected(unit: Unit, endpoint: Endpoint) -> bool:
    function, owner = endpoint.function, endpoint.owner
    if any(_PROTECTING.search(name) for name in decorator_names(function)):
        return True
    if endpoint.route is not None and re.search(r"dependencies|permission|Depends|auth", unit.source(endpoint.route)):
        return True
    for param in function.params:
        given = [unit.source(e) for e in (param.default, param.annotation) if e is not None]
        if any(re.search(r"(?i)Depends|Security|CurrentUser|current_user|AuthUser", text) for text in given):
            return True
    if owner is not None:
        if any(re.search(r"(?i)login|perm|auth|staff|access|superuser", last_name(base)) for base in owner.bases):
            return True
        if any(_PROTECTING.search(name) for name in decorator_names(owner)):
            return True
        if {"permission_classes", "authentication_classes", "permission_required"} & _class_values(owner).keys():
            return True
    return False


def missing_authorization(unit: Unit) -> Iterator[Hit]:
    """Find endpoints that change data and ask for nothing, among endpoints that mostly do."""
    if _GUARD_ALL.search(unit.text):
        return
    protected = 0
    bare: list[Endpoint] = []
    for endpoint in endpoints(unit):
        if endpoint.owner is not None and not _is_plain_view(endpoint.owner):
            continue
        if _is_protected(unit, endpoint):
            protected += 1
        elif (
            endpoint.changes
            and not _ASKING.search(unit.source(endpoint.function))
            and not _OPEN_BY_NATURE.search(f"{endpoint.function.name} {endpoint.path}")
        ):
            bare.append(endpoint)
    if protected < len(bare) and (protected or not _imports_unused_guard(unit)):
        return
    for endpoint in bare:
        yield Hit(_name_of(endpoint.function), Confidence.HIGH if protected > 1 else Confidence.MEDIUM)


_GUARD_NAME = re.compile(
    r"login_required|jwt_required|permission_required|permissions_required|roles?_required|roles_accepted|admin_required"
    r"|auth_required|auth_token_required|fresh_login_required|staff_member_required|user_passes_test|requires_auth"
)


def _imports_unused_guard(unit: Unit) -> bool:
    """Tell whether a decorator that guards endpoints is imported and used nowhere: it was meant to be."""
    names = [local for statement in unit.module.imports for local, _ in statement.names]
    return any(_GUARD_NAME.fullmatch(name) and unit.text.count(name) == 1 for name in names)


def _name_of(function: Function) -> Stmt:
    return Stmt(function.name_start, function.name_start + len(function.name.encode()))


_COMMENTED_GUARD = re.compile(
    r"^#+\s*@[\w.]*(?:login_required|permission_required|permission_classes|requires?_\w+|jwt_required|auth\w*_required|"
    r"admin\w*|staff_member_required|csrf_protect|token_required|roles?_\w+|user_passes_test|auth\.\w+)"
)
_COMMENTED_CHECK = re.compile(
    r"^#+\s*if\s+not\s+[^#]*(?:is_admin|is_authenticated|is_staff|has_perm\w*|authorized|verify_\w+|check_\w+)\b[^#]*:\s*$"
)


_NEXT_CODE = re.compile(rb"(?:[ \t]*(?:#[^\n]*)?\r?\n)*[ \t]*(@|def |async def |class )?")


def commented_out_protection(unit: Unit) -> Iterator[Hit]:
    """Find decorators and checks of a caller's rights that are commented out right above what they guarded."""
    source = unit.module.source
    for start, text in unit.comments:
        guard = _COMMENTED_GUARD.match(text)
        check = None if guard else _COMMENTED_CHECK.match(text)
        if not guard and not check:
            continue
        following = _NEXT_CODE.match(source, start + len(text.encode()))
        if check or (following is not None and following[1]):
            confidence = Confidence.HIGH if guard else Confidence.MEDIUM
            yield Hit(Stmt(start, start + len(text.rstrip().encode())), confidence)


_VERIFIES = re.compile(
    r"(?i)hmac|signature|construct_event|verif|compare_digest|secret|token|authori|validat|Security\(|Depends\(|trusted"
    r"|allowed_ip"
)
_ABOUT_WEBHOOKS = re.compile(r"(?i)list|create|add|register")
_READS_BODY = re.compile(r"(?i)request|payload|json|body|data|event")


def unverified_webhook(unit: Unit) -> Iterator[Hit]:
    """Find webhook endpoints whose text shows no check of the sender."""
    for endpoint in endpoints(unit):
        function = endpoint.function
        called = f"{endpoint.path} {function.name}"
        if not endpoint.changes or not re.search(r"(?i)web_?hooks?\b|(?:^|/|_)hooks?\b", called):
            continue
        outside = (*function.decorators, *(param.default for param in function.params))
        text = " ".join((unit.source(function), *(unit.source(expr) for expr in outside if expr is not None)))
        if _READS_BODY.search(text) and not _VERIFIES.search(text) and not _ABOUT_WEBHOOKS.search(function.name):
            yield Hit(_name_of(function))


# --- shared state ----------------------------------------------------------------------------------------------------


def shared_request_state(unit: Unit) -> Iterator[Hit]:
    """Find endpoints that write a module's variable or their class's attribute without a lock."""
    for endpoint in endpoints(unit):
        body = endpoint.function.body
        declared = (stmt for stmt in statements(body) if isinstance(stmt, Declare) and stmt.kind == "global")
        shared = {name for stmt in declared for name in stmt.names}
        owner = endpoint.owner.name if endpoint.owner is not None else ""
        guards = (stmt for stmt in statements(body) if _is_guard(unit, stmt, shared))
        guarded = {id(inner) for guard in guards for inner in statements((guard,))}
        for stmt in statements(body):
            if id(stmt) in guarded or not isinstance(stmt, (Assign, AugAssign)):
                continue
            for target in stmt.targets if isinstance(stmt, Assign) else (stmt.target,):
                if (isinstance(target, Name) and target.id in shared) or (
                    owner and isinstance(target, Attribute) and dotted(target.value) == owner
                ):
                    yield Hit(stmt)


def _is_guard(unit: Unit, stmt: Stmt, shared: set[str]) -> bool:
    """Tell whether a statement locks, or fills a variable once (``if x is None: x = …``)."""
    if isinstance(stmt, With):
        return any("lock" in unit.source(context).lower() for context, _ in stmt.items)
    if not isinstance(stmt, If) or not shared:
        return False
    unset = re.compile("|".join(rf"\b{re.escape(name)} is None|not {re.escape(name)}\b" for name in sorted(shared)))
    return any(unset.search(unit.source(test)) for test, _ in stmt.branches)
