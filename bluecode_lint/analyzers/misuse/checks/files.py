"""Files and directories: names that can be foreseen, rights that are too wide, checks that come too early."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Const,
    Expr,
    FString,
    If,
    Name,
    Operation,
    Scope,
    last_name,
    string_value,
    walk,
)
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.analyzers.misuse.walking import blocks, expressions, statements, terminates
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.ir import Body
    from bluecode_lint.analyzers.misuse.unit import Unit

_SHARED_DIRECTORY = re.compile(r"^(?:/tmp|/var/tmp|/dev/shm)/+[^/{}%*]")
_WRITING_MODE = re.compile(r"[wa+]")


def predictable_temp_path(unit: Unit) -> Iterator[Hit]:
    """Find files with a fixed name in a shared directory that are written: by ``open``, ``Path`` or a copy."""
    for call in unit.module.calls:
        name = last_name(call.function)
        target: Expr | None = None
        if name == "open" and isinstance(call.function, Name):
            mode = string_value(call.argument(1, "mode"))
            target = call.argument(0, "file") if mode and _WRITING_MODE.search(mode) else None
        elif name in ("write_text", "write_bytes", "touch", "open") and isinstance(call.function, Attribute):
            mode = string_value(call.argument(0, "mode"))
            if name != "open" or (mode and _WRITING_MODE.search(mode)):
                target = _path_argument(call.function.value, call.scope)
        elif name in ("copy", "copyfile", "copy2", "move") and len(call.args) > 1:
            target = call.args[1] if unit.path(call.function, call.scope).startswith("shutil.") else None
        text = _leading_text(unit, target, call.scope)
        if text is not None and _SHARED_DIRECTORY.match(text):
            yield Hit(call)


def _path_argument(expr: Expr, scope: Scope) -> Expr | None:
    """Give the argument of the ``Path(...)`` an expression is, or is bound to."""
    if isinstance(expr, Name):
        home = scope.lookup(expr.id)
        bound = (home.bindings.get(expr.id) if home else None) or []
        expr = bound[0] if len(bound) == 1 and bound[0] is not None else expr
    is_path = isinstance(expr, Call) and last_name(expr.function) in ("Path", "PosixPath") and len(expr.args) == 1
    return expr.args[0] if isinstance(expr, Call) and is_path else None


def _leading_text(unit: Unit, expr: Expr | None, scope: Scope) -> str | None:
    """Give the constant text a value is, or begins with; of a formatted one only if it has no random part."""
    if expr is None:
        return None
    if isinstance(expr, Call) and last_name(expr.function) == "join" and len(expr.args) > 1:
        folder = _leading_text(unit, expr.args[0], scope)
        rest = _leading_text(unit, expr.args[1], scope)
        return None if folder is None or rest is None else f"{folder}/{rest}"
    if isinstance(expr, Call) and unit.path(expr.function, scope) == "tempfile.gettempdir":
        return "/tmp"  # noqa: S108  # what the scanned code gets
    if isinstance(expr, FString):
        drawn = re.search(r"(?i)uuid|random|token|secret|mkd?temp|urandom|nonce", unit.source(expr))
        return None if drawn or not expr.parts else string_value(expr.parts[0])
    const = unit.constant(expr, scope)
    return const.value if const is not None and isinstance(const.value, str) else None


# --- rights ----------------------------------------------------------------------------------------------------------

_MODE_ARGUMENT = {"chmod": 1, "lchmod": 1, "fchmod": 1, "mkdir": 1, "makedirs": 1, "mkfifo": 1, "mknod": 1, "open": 2}


def loose_permissions(unit: Unit) -> Iterator[Hit]:
    """Find modes that let everybody write; a directory's sticky bit (as of ``/tmp``) makes it right."""
    for call in unit.module.calls:
        name = last_name(call.function)
        position = _MODE_ARGUMENT.get(name)
        path = unit.path(call.function, call.scope)
        if position is None or (name == "open" and path != "os.open"):
            continue
        on_path = isinstance(call.function, Attribute) and not path.startswith("os.")
        mode = call.argument(0 if on_path else position, "mode")
        bits = _mode_bits(unit, mode, call.scope) if mode is not None else 0
        if bits & stat.S_IWOTH and not bits & stat.S_ISVTX:
            yield Hit(call, Confidence.HIGH if "chmod" in name else Confidence.MEDIUM)
        elif bits & stat.S_IROTH and "chmod" in name and _ABOUT_SECRETS.search(unit.source(call)):
            yield Hit(call, detail="Everybody may read this secret.")


_ABOUT_SECRETS = re.compile(
    r"(?i)private|secret|passw|credential|\bid_rsa|\.pem|_key\b|\bkey_?(?:file|path)|token|shadow"
)


def _mode_bits(unit: Unit, expr: Expr, scope: Scope) -> int:
    """Give the bits a mode has for sure: numbers and ``stat.S_…`` names, joined by ``|``."""
    const = unit.constant(expr, scope)
    if const is not None:
        return const.value if isinstance(const.value, int) and not isinstance(const.value, bool) else 0
    if isinstance(expr, Operation) and expr.op == "|":
        bits = 0
        for operand in expr.operands:
            bits |= _mode_bits(unit, operand, scope)
        return bits
    name = last_name(expr)
    return int(getattr(stat, name)) if re.fullmatch(r"S_I[A-Z]+", name) and hasattr(stat, name) else 0


# --- check, then use -------------------------------------------------------------------------------------------------

_CHECKS = frozenset({"os.access", "os.path.exists", "os.path.isfile", "os.path.islink", "os.path.lexists"})
_CREATES = re.compile(r"^(?:open|write_text|write_bytes|mknod|copyfile|copy|move|rename)$")
_DESTROYS = re.compile(r"^(?:open|remove|unlink|rmtree|chmod|chown|rename|replace|read_text|write_text)$")


def check_then_use(unit: Unit) -> Iterator[Hit]:
    """Find files used by a name that was checked before: rights, being a link, or being absent.

    Whether a file is there before it is read or removed is left alone: losing that race only fails.
    """
    for function in unit.module.functions:
        for body in _bodies(function.body):
            for index, stmt in enumerate(body):
                if isinstance(stmt, If):
                    yield from _judge(unit, stmt, body[index + 1 :])


def _bodies(body: Body) -> Iterator[Body]:
    yield body
    for stmt in statements(body):
        yield from blocks(stmt) if not hasattr(stmt, "qualname") else ()


def _judge(unit: Unit, stmt: If, following: Body) -> Iterator[Hit]:
    test, guarded = stmt.branches[0]
    for expr in walk(test):
        if not isinstance(expr, Call) or not expr.args or last_name(expr.function) not in _CHECK_NAMES:
            continue
        path = unit.path(expr.function, expr.scope)
        if path not in _CHECKS:
            continue
        negated = any(isinstance(a, Operation) and a.op == "not" for a in unit.ancestors(expr))
        after = following if terminates(guarded) else guarded
        only_asks_whether_there = path == "os.access" and "F_OK" in unit.source(expr)
        if path in ("os.access", "os.path.islink") and not only_asks_whether_there:
            used = _DESTROYS
        elif negated and not terminates(guarded):
            used = _CREATES
        else:
            continue
        if _uses(unit, after, unit.source(expr.args[0]), used):
            yield Hit(expr)


_CHECK_NAMES = frozenset(path.rpartition(".")[2] for path in _CHECKS)


def _uses(unit: Unit, body: Body, path_text: str, wanted: re.Pattern[str]) -> bool:
    for expr in expressions(body):
        if not isinstance(expr, Call) or not wanted.match(last_name(expr.function)):
            continue
        on = expr.function.value if isinstance(expr.function, Attribute) else None
        if any(unit.source(part) == path_text for part in (*expr.args, *([on] if on else []))):
            mode = string_value(expr.argument(1, "mode"))
            if wanted is _CREATES and last_name(expr.function) == "open" and not (mode and "w" in mode):
                continue
            return True
    return False


# --- archives --------------------------------------------------------------------------------------------------------

_TAR = re.compile(r"tarfile\.(?:open|TarFile)(?:\.\w+)?\(\)")


def tar_without_filter(unit: Unit) -> Iterator[Hit]:
    """Find tar archives unpacked with neither a filter nor a choice of members."""
    for call in unit.module.calls:
        if last_name(call.function) not in ("extractall", "extract") or not isinstance(call.function, Attribute):
            continue
        if not _TAR.fullmatch(unit.path(call.function.value, call.scope)):
            continue
        chosen = call.keyword("filter")
        trusting = isinstance(chosen, Const) and chosen.value == "fully_trusted"
        if (chosen is None or trusting) and call.keyword("members") is None and not _looks_at_members(unit, call):
            yield Hit(call)


def _looks_at_members(unit: Unit, call: Call) -> bool:
    """Tell whether members are unpacked one by one where a resolved path is compared: flow analysis judges how."""
    owner = unit.function_of(call.scope)
    if last_name(call.function) != "extract" or owner is None or not call.args:
        return False
    text = unit.source(owner)
    return _RESOLVES.search(text) is not None and _COMPARES.search(text) is not None


_RESOLVES = re.compile(r"\b(?:realpath|abspath|resolve|normpath)\(")
_COMPARES = re.compile(r"\b(?:startswith|commonpath|commonprefix|is_relative_to|relative_to)\(|\.parents\b")
