"""Secrets in the source, in logs, in prompts, in comments and on command lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Collection,
    Const,
    Dict,
    Expr,
    ExprStmt,
    FString,
    Name,
    Stmt,
    Subscript,
    children,
    dotted,
    last_name,
    string_value,
    walk,
)
from bluecode_lint.analyzers.misuse.checks.literals import Given, entropy, is_placeholder, named_literals, tail_name
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_PASSWORD_NAME = re.compile(r"(?i)(?:^|[_-])(?:password|passwd|pwd|passphrase|passwort|pass_?word)$|^db_pass$|_pass$")
_TOKEN_NAME = re.compile(
    r"(?i)(?:api|access|auth|secret|client|private|account|service|storage)[_-]?(?:key|token|secret)$"
    r"|secret[_-]access[_-]key$|(?:^|[_-])(?:secret|token|bearer|apikey|credentials?)$"
    r"|^authorization$|x-\w*-?(?:key|token)$"
)
_KEY_NAME = re.compile(
    r"(?i)^(?:\w+_)?(?:secret_?key|(?:encryption|signing|hmac|aes|fernet|crypto|cipher|master)_?key"
    r"|jwt_?(?:secret|key)(?:_key)?)$"
)
_KNOWN_FORMAT = re.compile(
    r"^AKIA[0-9A-Z]{16}$|^gh[pousr]_[A-Za-z0-9]{36,}$|^github_pat_\w{22,}$|^glpat-[\w-]{20,}$|^xox[abprs]-[\w-]{20,}$"
    r"|^(?:sk|rk)_live_\w{16,}$|^sk-(?:proj-|ant-)?[\w-]{32,}$|^AIza[\w-]{35}$|^SG\.[\w-]{22}\.[\w-]{20,}$|^npm_\w{36}$"
    r"|-----BEGIN (?:RSA |EC |DSA |OPENSSH |ENCRYPTED )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]"
)
_NOT_A_SECRET = re.compile(
    r"^(?:https?|urn|file|s3|arn|projects)[:/]|^[/.~]|\s|^[a-z_]+(?:\.[a-z_]+)+$|^[A-Za-z_]+/\w+$|[(){}]"
)
_WEAK_WORDS = frozenset({
    "admin", "admin123", "administrator", "password", "password1", "password123", "passw0rd", "123456",
    "12345678", "1234", "root", "toor", "guest", "test", "test123", "changeme", "letmein", "qwerty", "default",
    "secret", "welcome", "user", "demo", "pass",
})  # fmt: skip
_MIN_TOKEN_LENGTH = 16
_MIN_ENTROPY = 3.0
"""Bits a character. Hexadecimal tops out at 4; words joined by underscores reach 3.6 but have no digits."""


def hard_coded_password(unit: Unit) -> Iterator[Hit]:
    """Find passwords among the literals that a name ending in ``password`` is given."""
    for literal in named_literals(unit):
        value = literal.value
        if not _PASSWORD_NAME.search(literal.name) or is_placeholder(value) or not 3 < len(value) <= 64:  # noqa: PLR2004
            continue
        if _NOT_A_SECRET.search(value) or _same_word(literal.name, value):
            continue
        only_letters = re.fullmatch(r"[a-zA-Z]+(?:[-_][a-zA-Z]+)*", value) is not None
        if not only_letters:
            yield Hit(literal.node)
        elif (
            literal.how is Given.COMPARED
            or (literal.how is Given.KEYWORD and value.lower() in _WEAK_WORDS)
            or (literal.how is Given.ASSIGNED and (value.lower() in _WEAK_WORDS or literal.name.isupper()))
            or ("-" in value and literal.how in (Given.DEFAULT, Given.FALLBACK))
        ):
            yield Hit(literal.node, Confidence.MEDIUM)
    yield from _positional_passwords(unit)


_LOGINS = {"login": 1, "HTTPBasicAuth": 1, "HTTPDigestAuth": 1, "HTTPProxyAuth": 1, "BasicAuth": 1}
"""Calls whose second argument is a password."""


def _positional_passwords(unit: Unit) -> Iterator[Hit]:
    """Find passwords that have no name: ``login("robot", "…")`` and ``auth=("robot", "…")``."""
    for call in unit.module.calls:
        position = _LOGINS.get(last_name(call.function))
        candidates = [call.argument(position)] if position is not None else []
        pair = call.keyword("auth")
        if isinstance(pair, Collection) and len(pair.items) == 2:  # noqa: PLR2004  # user and password
            candidates.append(pair.items[1])
        for candidate in candidates:
            text = string_value(candidate)
            if candidate is None or text is None or is_placeholder(text) or _NOT_A_SECRET.search(text):
                continue
            if len(text) > 3:  # noqa: PLR2004  # shorter ones are flags
                yield Hit(candidate, Confidence.HIGH if re.search(r"\d|[^\w]", text) else Confidence.MEDIUM)


def _same_word(name: str, value: str) -> bool:
    """Tell whether a field is only called by its own name: ``password_field = "password"``."""
    plain = re.sub(r"[^a-z]", "", value.lower())
    own = re.sub(r"[^a-z]", "", name.lower())
    return not re.search(r"\d", value) and plain != "" and (plain in own or own in plain)


def hard_coded_secret(unit: Unit) -> Iterator[Hit]:
    """Find keys and tokens: by a known format anywhere, else by a telling name and a value that looks drawn by lot."""
    for literal in named_literals(unit):
        value = literal.value.removeprefix("Bearer ").removeprefix("Basic ").removeprefix("token ").strip()
        if is_placeholder(value) or "EXAMPLE" in value:
            continue
        if _KNOWN_FORMAT.search(value) or (
            _TOKEN_NAME.search(literal.name)
            and not _KEY_NAME.search(literal.name)
            and literal.how is not Given.COMPARED
            and _looks_random(value)
        ):
            yield Hit(literal.node)


def _looks_random(value: str) -> bool:
    if len(value) < _MIN_TOKEN_LENGTH or _NOT_A_SECRET.search(value) or len(value) > 512:  # noqa: PLR2004  # no blobs
        return False
    digits = sum(c.isdigit() for c in value)
    letters = sum(c.isalpha() for c in value)
    return digits > 1 and letters > 1 and entropy(value) >= _MIN_ENTROPY and not re.search(r"(.)\1{5}|12345678", value)


_KEY_ARGUMENTS = {
    "jwt.encode": (1, "key"),
    "jwt.decode": (1, "key"),
    "jose.jwt.encode": (1, "key"),
    "jose.jwt.decode": (1, "key"),
    "Crypto.Cipher.AES.new": (0, "key"),
    "Cryptodome.Cipher.AES.new": (0, "key"),
    "cryptography.fernet.Fernet": (0, "key"),
    "cryptography.hazmat.primitives.ciphers.algorithms.AES": (0, "key"),
    "cryptography.hazmat.primitives.ciphers.aead.AESGCM": (0, "key"),
    "cryptography.hazmat.primitives.ciphers.aead.ChaCha20Poly1305": (0, "key"),
    "hmac.new": (0, "key"),
    "itsdangerous.URLSafeTimedSerializer": (0, "secret_key"),
    "itsdangerous.URLSafeSerializer": (0, "secret_key"),
    "itsdangerous.Signer": (0, "secret_key"),
}
_KEY_CALLS = frozenset(path.rpartition(".")[2] for path in _KEY_ARGUMENTS)


def hard_coded_key(unit: Unit) -> Iterator[Hit]:
    """Find keys that sign or encrypt: by the setting's name, or because a cipher or signer is given a constant."""
    for literal in named_literals(unit):
        if not _KEY_NAME.search(literal.name) or literal.how is Given.COMPARED:
            continue
        value = literal.value
        if re.search(r"(?i)[_-]?(?:name|field|env|header|id)$", literal.name) or _same_word(literal.name, value):
            continue
        if (
            is_placeholder(value)
            or (literal.how is not Given.ASSIGNED and value.lower() in _WEAK_WORDS)
            or (
                literal.how in (Given.KEYWORD, Given.KEY)
                and not _looks_random(value)
                and not value.lower().startswith("dev")
            )
        ):
            yield Hit(literal.node, Confidence.MEDIUM)
        elif " " not in value or literal.how is Given.ASSIGNED:
            yield Hit(literal.node)
    yield from _constant_key_arguments(unit)


def _constant_key_arguments(unit: Unit) -> Iterator[Hit]:
    for call in unit.module.calls:
        if last_name(call.function) not in _KEY_CALLS:
            continue
        where = _KEY_ARGUMENTS.get(unit.path(call.function, call.scope))
        key = call.argument(*where) if where else None
        if key is None:
            continue
        bare = key
        if isinstance(key, Call) and isinstance(key.function, Attribute) and key.function.name == "encode":
            bare = key.function.value
        const = unit.constant(bare, call.scope)
        if const is not None and isinstance(const.value, (str, bytes)) and const.value:
            yield Hit(key)


_URL_WITH_PASSWORD = re.compile(
    r"^[a-z][a-z0-9+.-]*://(?P<user>[^:/\s@{}$<%]*):(?P<password>[^@/\s{}$<%*]+)@(?P<host>[^\s/:?@]+)", re.IGNORECASE
)
_DSN_WITH_PASSWORD = re.compile(
    r"(?i)\b(?:host|server|data source|dbname|database|user(?:name| id)?|uid)\s*=[^\n]*"
    r"\b(?:password|pwd)\s*=\s*(?P<password>[^\s;'\"{}%<]{4,})"
)
_URL_HINT = re.compile(rb"(?i)://[^:/\s@]*:[^@/\s]+@|\b(?:password|pwd)\s*=\s*[^\s;'\"]{4}")
_EXAMPLE_PASSWORDS = re.compile(
    r"(?i)^(?:pass(?:word|wd)?|pwd|pw|secret|user|username|postgres|guest|root|admin|token|key|test)\d?$"
)


def password_in_url(unit: Unit) -> Iterator[Hit]:
    """Find URLs with a password in them, but for the examples everybody writes and documentation."""
    if not _URL_HINT.search(unit.module.source):
        return
    for expr in unit.every(Const):
        text = string_value(expr)
        found = (_URL_WITH_PASSWORD.match(text) or _DSN_WITH_PASSWORD.search(text)) if text else None
        if found is None or isinstance(unit.parent(expr), ExprStmt):
            continue
        parts = found.groupdict()
        password, host = found["password"], parts.get("host", "")
        if is_placeholder(password) or _EXAMPLE_PASSWORDS.match(password) or password == parts.get("user"):
            continue
        local = host in ("localhost", "127.0.0.1") or host.startswith("example.")
        yield Hit(expr, Confidence.MEDIUM if local else Confidence.HIGH)


_ACCOUNT_CALL = re.compile(r"(?i)user|account|create|admin|member|register")
_ADMIN_NAMES = frozenset({"admin", "administrator", "root", "superuser", "guest", "user", "test"})


def default_credentials(unit: Unit) -> Iterator[Hit]:
    """Find accounts made with a name and a password that everybody tries first."""
    for call in unit.module.calls:
        name = last_name(call.function)
        if name in ("create_superuser", "create_user"):
            password = call.argument(2, "password")
        elif _ACCOUNT_CALL.search(name):
            password = call.keyword("password") or call.keyword("passwd")
        else:
            continue
        text = string_value(password)
        if text is not None and text.lower() in _WEAK_WORDS:
            yield Hit(call)
    for stmt in unit.module.assignments:
        name = last_name(stmt.targets[0]) if stmt.targets else ""
        if not isinstance(stmt.value, Dict) or not re.search(r"(?i)users|accounts|credentials|logins|passwords", name):
            continue
        for key, value in stmt.value.pairs:
            user, text = string_value(key), string_value(value)
            if user in _ADMIN_NAMES and text is not None and text.lower() in _WEAK_WORDS:
                yield Hit(value)


# --- where secrets go ------------------------------------------------------------------------------------------------

_SECRET_VALUE = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|secret|api_?key|secret_?key|private_?key|access_?key|credentials?)$"
    r"|(?:access|auth|api|refresh|session|bearer|csrf|reset|id)_?token$|^(?:client|app|shared)_?secret$"
    r"|card_?number$|^cvv$|^ssn$"
)
_LOG_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception", "log", "fatal"})
_TRANSPARENT_CALLS = frozenset(
    {"str", "repr", "format", "join", "encode", "decode", "strip", "dict", "dumps", "upper", "lower"}
)


def exposed_values(expr: Expr) -> Iterator[Expr]:
    """Yield the names, attributes and keys whose value shows in a text made from ``expr``: not what a call digests."""
    stack = [expr]
    while stack:
        current = stack.pop()
        if isinstance(current, (Name, Attribute, Subscript)):
            yield current
        elif isinstance(current, Call):
            if last_name(current.function) in ("get", "getenv", "pop") and current.args:
                yield current
            elif last_name(current.function) in _TRANSPARENT_CALLS:
                stack.extend((current.function, *current.args, *(value for _, value in current.keywords)))
        else:
            stack.extend(children(current))


def _secrets_shown(expr: Expr) -> Iterator[Expr]:
    return (value for value in exposed_values(expr) if _SECRET_VALUE.search(tail_name(value)))


def secret_in_log(unit: Unit) -> Iterator[Hit]:
    """Find secrets among the arguments of logging calls and ``print``."""
    for call in unit.module.calls:
        name = last_name(call.function)
        if name == "print" and isinstance(call.function, Name):
            sure = False
        elif name in _LOG_LEVELS and isinstance(call.function, Attribute):
            receiver = dotted(call.function.value)
            if not re.search(r"(?i)(?:^|[._])log(?:ger|ging)?(?:\(\))?$|getLogger", receiver):
                continue
            sure = True
        else:
            continue
        if call.keyword("file") is not None and not sure:
            continue
        for argument in call.args:
            shown = next(_secrets_shown(argument), None)
            if shown is not None:
                yield Hit(call, Confidence.HIGH if sure else Confidence.MEDIUM)
                break


_FILE = re.compile(r"(?:open|io\.open|codecs\.open|pathlib\.Path|Path|os\.fdopen)\(\)(?:\.open\(\))?")


def secret_in_file(unit: Unit) -> Iterator[Hit]:
    """Find secrets written to files as they are."""
    for call in unit.module.calls:
        name = last_name(call.function)
        written: Expr | None = None
        if name in ("write", "writelines", "write_text") and isinstance(call.function, Attribute) and call.args:
            if _FILE.fullmatch(unit.path(call.function.value, call.scope)):
                written = call.args[0]
        elif name in ("dump", "safe_dump") and len(call.args) > 1:
            written = call.args[0] if _FILE.fullmatch(unit.path(call.args[1], call.scope)) else None
        if written is not None and next(_secrets_shown(written), None) is not None:
            yield Hit(call)


_PROMPT_KEYWORDS = frozenset({"messages", "prompt", "input", "contents", "system", "instructions"})
_MODEL_CALL = re.compile(
    r"(?i)(?:completions|messages|responses|chat|models)\.(?:create|stream|generate_content|parse)$|\.invoke$|generate_content$"
)


def secret_in_prompt(unit: Unit) -> Iterator[Hit]:
    """Find secrets in what is sent to a language model, and in texts called a prompt."""
    for call in unit.module.calls:
        if not _MODEL_CALL.search(dotted(call.function)):
            continue
        for key, value in call.keywords:
            if key in _PROMPT_KEYWORDS:
                yield from (Hit(shown) for shown in _secrets_shown(value))
    for stmt in unit.module.assignments:
        if stmt.value is None or not any(re.search(r"(?i)prompt$", last_name(t)) for t in stmt.targets):
            continue
        if any(isinstance(part, FString) for part in walk(stmt.value)):
            yield from (Hit(shown) for shown in _secrets_shown(stmt.value))


_COMMENTED_SECRET = re.compile(
    r"(?i)(?:password|passwd|pwd|api[_-]?key|secret|token)\b\W{0,3}[:=]\s*[\"']?(?P<value>[^\s\"',;]{8,})"
)


def secret_in_comment(unit: Unit) -> Iterator[Hit]:
    """Find comments that give a password or key: mixed letters and digits, so that prose and code do not count."""
    for start, text in unit.comments:
        found = _COMMENTED_SECRET.search(text)
        if found is None or is_placeholder(found["value"]) or re.search(r"[(\[{<>]|://|\.\w+\.", found["value"]):
            continue
        value = found["value"].rstrip(".!")
        kinds = sum(bool(re.search(kind, value)) for kind in (r"\d", r"[a-z]", r"[A-Z]", r"[^\w]|_"))
        if kinds >= 3 and re.search(r"\d", value):  # noqa: PLR2004  # of the four kinds of characters
            begin = start + len(text[: found.start()].encode())
            yield Hit(Stmt(begin, start + len(text[: found.end()].encode())))


_RUNNERS = frozenset({
    "run", "call", "check_call", "check_output", "Popen", "system", "popen", "create_subprocess_exec",
    "create_subprocess_shell", "getoutput", "spawn",
})  # fmt: skip
_RUNNER_PATH = re.compile(r"(?:subprocess|os|asyncio|pexpect|commands)\.\w+")
_COMMAND_SECRET = re.compile(
    r"(?i)(?:^|_)(?:password|passwd|pwd|passphrase|api_?key|secret|(?:access|auth|api)_?token)$"
)


def password_on_command_line(unit: Unit) -> Iterator[Hit]:
    """Find secrets in the arguments of a started program."""
    for call in unit.module.calls:
        if last_name(call.function) not in _RUNNERS or not call.args:
            continue
        if not _RUNNER_PATH.fullmatch(unit.path(call.function, call.scope)):
            continue
        command: Expr = call.args[0]
        if isinstance(command, Name):
            home = call.scope.lookup(command.id)
            bound = (home.bindings.get(command.id) if home else None) or []
            command = bound[0] if len(bound) == 1 and bound[0] is not None else command
        for shown in exposed_values(command):
            if _COMMAND_SECRET.search(tail_name(shown)):
                yield Hit(call)
                break
