"""Write a program plainly: undo what hides a call or a value and changes nothing, such as ``getattr(os, "system")``.

Every rewriting keeps what the program does and the number of each line, so that what is found in the plain text has its
place in the original. Nothing here runs any code. O(rounds x size).
"""

from __future__ import annotations

import ast
import binascii
import bisect
import contextlib
import re
from collections import Counter
from threading import Lock
from typing import TYPE_CHECKING

from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Shelf
    from bluecode_lint.sources.syntax import LazySyntax

    Edit = tuple[int, int, bytes]

ROUNDS = 8
"""How many layers of wrapping are taken off."""
SIZE_MAX = 400_000
"""Characters above which a program is left as it is."""

_WRAPPED = re.compile(
    r"""\bgetattr\([^,()\n]+,\s*['"]\w+['"]\s*[+)]|\(lambda\s*:|(?<![\w\])])\[[^\n]*\]\[-?\d|,\s*\)\[-?\d"""
    r"""|\}(?:\[['"\d]|\.get\()|\bdict\(\w+=[^\n]*\)(?:\[|\.get\()|\*\*\{['"]|\bbytes\.fromhex\(|b64decode\(b?['"]"""
)
"""What a program has in it that can be written more plainly; a look that costs little."""
_GIVES_BACK = re.compile(r"^def \w+\((\w+)(?::[^)\n]*)?\)[^:\n]*:\n    return \1$", re.MULTILINE)
_IMPORT = re.compile(r"^import [\w.]+(?: as \w+)?$", re.MULTILINE)
_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Constant, ast.Subscript, ast.List, ast.Dict, ast.JoinedStr)
_PURE = frozenset(
    {
        "str", "int", "len", "repr", "float", "bool", "list", "tuple", "dict", "set", "html.escape", "shlex.quote",
        "re.escape", "os.path.basename", "urllib.parse.quote", "quote", "escape",
    }
)  # fmt: skip
"""Functions that do nothing but answer, so that an answer nobody reads is no loss."""


def plain_text(text: str, *, thorough: bool = False) -> str:
    """Give the plain text of a Python program, or ``text`` itself where there is nothing to undo or it does not parse.

    ``thorough`` also gives imports and texts one spelling and drops values that nobody reads: for comparing programs.
    """
    if len(text) > SIZE_MAX or not (thorough or _WRAPPED.search(text) or _GIVES_BACK.search(text)):
        return text
    plain = text.encode("utf-8", errors="replace")
    if plain.count(b"\r") != plain.count(b"\r\n") or b"\f" in plain:  # whose lines others count in other ways
        return text
    for _ in range(ROUNDS):
        try:
            tree = ast.parse(plain)
            edits = list(_Rewriting(tree, plain).edits(thorough=thorough))
            changed = _applied(plain, edits)
            if not edits or changed == plain:
                break
            ast.parse(changed)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            break
        plain = changed
    return plain.decode("utf-8", errors="replace")


def plain_artifact(artifact: Artifact) -> Artifact:
    """Give a program as an artifact of its plain text, or the artifact itself where there is nothing to undo."""
    text = plain_text(artifact.text)
    return artifact if text == artifact.text else artifact.rewritten(text, parse_python)


class PlainArtifacts:
    """Gives the plain form of each program, worked out once for all who ask, and kept on a shelf if there is one.

    Safe to share between threads: the others wait.
    """

    def __init__(self, shelf: Shelf | None = None) -> None:
        """Start with nothing worked out."""
        self._shelf = shelf
        self._made: dict[str, Artifact] = {}
        self._lock = Lock()

    def __call__(self, artifact: Artifact) -> Artifact:
        """Give a program as an artifact of its plain text, or the artifact itself where there is nothing to undo."""
        with self._lock:
            key = f"{artifact.sha256} {artifact.uri}"
            made = self._made.get(key)
            if made is None:
                made = self._made[key] = self._make(artifact)
            return made

    def _make(self, artifact: Artifact) -> Artifact:
        if self._shelf is None:
            return plain_artifact(artifact)
        text = self._shelf.get([artifact.sha256]).get(artifact.sha256)
        if not isinstance(text, str):
            plain = plain_artifact(artifact)
            self._shelf.put({artifact.sha256: "" if plain is artifact else plain.text})
            return plain
        return artifact.rewritten(text, parse_python) if text else artifact


def plain_functions(artifact: Artifact, rows: Sequence[tuple[int, int]]) -> Artifact:
    """Give a program with some of its functions thoroughly plain; ``rows`` are their first and last lines, from 0.

    What the module imports, and its functions that give back what they get, count as known. O(size of the functions).
    """
    lines = artifact.text.split("\n")
    context = [*_IMPORT.findall(artifact.text), *(found[0] for found in _GIVES_BACK.finditer(artifact.text))]
    done = -1
    for first, last in sorted(rows):
        own = lines[first : last + 1]
        if first <= done or not own:  # inside the one before
            continue
        indent = own[0][: len(own[0]) - len(own[0].lstrip())]
        text = "\n".join(line.removeprefix(indent) for line in own)
        plain = plain_text("\n".join([text, *context]), thorough=True).split("\n")[: len(own)]
        lines[first : last + 1] = [indent + line if line else "" for line in plain]
        done = last
    text = "\n".join(lines)
    return artifact if text == artifact.text else artifact.rewritten(text, parse_python)


def parse_plainly(text: str) -> LazySyntax:
    """Make the syntax of a program's thoroughly plain text."""
    return parse_python(plain_text(text, thorough=True))


def _applied(source: bytes, edits: list[Edit]) -> bytes:
    """Carry out the innermost edits; those that overlap with one wait for the next round."""
    free: list[Edit] = []
    for edit in sorted(edits, key=lambda e: (e[1] - e[0], e)):
        at = bisect.bisect_left(free, edit)
        if (at == 0 or free[at - 1][1] <= edit[0]) and (at == len(free) or edit[1] <= free[at][0]):
            free.insert(at, edit)
    pieces, done = [], 0
    for start, end, new in free:
        pieces += [source[done:start], new]
        done = end
    return b"".join([*pieces, source[done:]])


class _Rewriting:
    """One round over one program."""

    def __init__(self, tree: ast.Module, source: bytes) -> None:
        self._tree = tree
        self._source = source
        self._lines = [0]
        for line in source.split(b"\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self._arguments = {id(a) for n in ast.walk(tree) if isinstance(n, ast.Call) for a in n.args}
        self._arguments |= {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.keyword | ast.Return | ast.Assign)}
        self._bindings = Counter(name for node in ast.walk(tree) for name in _bound_by(node))
        self._modules = {
            alias.asname or alias.name.partition(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }

    def edits(self, *, thorough: bool) -> Iterator[Edit]:
        """Yield what can be written more plainly; the edits may overlap."""
        identities = self._identities()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                yield from self._plain_call(node, identities)
                yield from self._plain_keywords(node)
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
                value = _value_taken_out(node)
                if value is not None:
                    yield self._replaced(node, value)
            elif isinstance(node, ast.BinOp):
                text = _joined_constants(node)
                if text is not None:
                    yield self._written(node, repr(text))
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self._unaliased_callables(node)
        if thorough:
            yield from self._one_spelling()

    # --- places ---

    def _span(self, node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
        last, column = node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[last - 1] + column

    def _text(self, node: ast.expr) -> str:
        start, end = self._span(node)
        return self._source[start:end].decode("utf-8", errors="replace")

    def _replaced(self, node: ast.expr, value: ast.expr) -> Edit:
        text = self._text(value)
        needs_brackets = not isinstance(value, _ATOMS) and id(node) not in self._arguments
        return self._written(node, f"({text})" if needs_brackets else text)

    def _written(self, node: ast.expr | ast.alias, text: str) -> Edit:
        """Write ``text`` in the place of a node, over as many lines."""
        start, end = self._span(node)
        missing = self._source[start:end].count(b"\n") - text.count("\n")
        if missing < 0:
            return start, end, self._source[start:end]
        if missing:
            text = f"({text}{missing * chr(10)})"
        return start, end, text.encode("utf-8", errors="replace")

    # --- wrapped values and calls ---

    def _plain_call(self, call: ast.Call, identities: frozenset[str]) -> Iterator[Edit]:
        callee, args = call.func, call.args
        if isinstance(callee, ast.Lambda) and not (args or call.keywords) and not _parameters(callee.args):
            yield self._replaced(call, callee.body)
        elif isinstance(callee, ast.Name) and callee.id == "getattr" and len(args) == 2 and not call.keywords:  # noqa: PLR2004  # object and name
            name = args[1].value if isinstance(args[1], ast.Constant) else None
            if isinstance(name, str) and name.isidentifier():
                owner = self._text(args[0])
                yield self._written(call, f"{owner if isinstance(args[0], _ATOMS) else f'({owner})'}.{name}")
        elif isinstance(callee, ast.Name) and callee.id in identities and len(args) == 1 and not call.keywords:
            if not isinstance(args[0], ast.Starred):
                yield self._replaced(call, args[0])
        elif isinstance(callee, ast.Attribute) and callee.attr == "get" and len(args) == 1 and not call.keywords:
            value = _entry(_table(callee.value), args[0])
            if value is not None:
                yield self._replaced(call, value)
        else:
            decoded = _decoded(call)
            if decoded is not None:
                yield self._written(call, repr(decoded))

    def _plain_keywords(self, call: ast.Call) -> Iterator[Edit]:
        for given in call.keywords:
            if given.arg is None and isinstance(given.value, ast.Dict) and given.value.keys:
                keys = [k.value if isinstance(k, ast.Constant) else None for k in given.value.keys]
                names = [k for k in keys if isinstance(k, str) and k.isidentifier()]
                if len(names) == len(keys):
                    start, end = self._span(given.value)
                    pairs = zip(names, given.value.values, strict=True)
                    text = ", ".join(f"{name}={self._text(value)}" for name, value in pairs)
                    lost = self._source[start:end].count(b"\n") - text.count("\n")
                    begin = self._source.rindex(b"**", 0, start)
                    yield begin, end, (text + lost * "\n").encode("utf-8", errors="replace")

    def _identities(self) -> frozenset[str]:
        """Name the module's functions that give back what they get."""
        found = []
        for node in self._tree.body:
            if isinstance(node, ast.FunctionDef) and not node.decorator_list:
                body = node.body[1:] if _is_text(node.body[0]) else node.body
                last = body[0] if len(body) == 1 else None
                parameters = _parameters(node.args)
                if isinstance(last, ast.Return) and isinstance(last.value, ast.Name) and parameters == [last.value.id]:
                    found.append(node.name)
        return frozenset(name for name in found if self._bindings[name] == 1)

    def _unaliased_callables(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Edit]:
        """Undo ``run = os.system`` … ``run(x)`` in one function."""
        for statement in function.body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                continue
            target, value = statement.targets[0], statement.value
            if not isinstance(target, ast.Name) or not isinstance(value, ast.Attribute):
                continue
            if _root(value) not in self._modules or self._bindings[target.id] != 1:
                continue
            uses = [n for n in ast.walk(function) if isinstance(n, ast.Name) and n.id == target.id and n is not target]
            calls = {id(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)}
            if uses and all(id(use) in calls and use.lineno > statement.lineno for use in uses):
                yield from (self._written(use, self._text(value)) for use in uses)

    # --- one spelling ---

    def _one_spelling(self) -> Iterator[Edit]:
        yield from self._import_names()
        for node in ast.walk(self._tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from self._unread_values(node)
                if isinstance(node, ast.AsyncFunctionDef) and not _suspends(node):
                    start = self._span(node)[0]
                    yield start, self._source.index(b"def", start), b""
            elif isinstance(node, ast.expr) and not isinstance(node, ast.JoinedStr):
                parts = _text_parts(node)
                if parts is not None and any(isinstance(p, ast.FormattedValue) for p in parts):
                    with contextlib.suppress(ValueError):  # what no f-string of this Python can hold
                        yield self._written(node, ast.unparse(ast.JoinedStr(parts)))

    def _import_names(self) -> Iterator[Edit]:
        """Undo ``import os as system_library``."""
        for node in ast.walk(self._tree):
            for alias in node.names if isinstance(node, ast.Import) else ():
                name = alias.asname
                top = alias.name.partition(".")[0]
                if name is None or name == alias.name or self._bindings[name] != 1 or self._bindings[top]:
                    continue
                yield self._written(alias, alias.name)
                for use in ast.walk(self._tree):
                    if isinstance(use, ast.Name) and use.id == name:
                        yield self._written(use, alias.name)

    def _unread_values(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Edit]:
        """Drop what is computed without effect and never read."""
        names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
        read = {n.id for n in names if isinstance(n.ctx, ast.Load)}
        if read & {"locals", "vars", "eval", "exec", "dir"}:
            return
        outer = {x for n in ast.walk(function) if isinstance(n, ast.Global | ast.Nonlocal) for x in n.names}
        for owner in ast.walk(function):
            body = getattr(owner, "body", None)
            statements = body if isinstance(body, list) and not isinstance(owner, ast.ClassDef) else []
            for statement in statements:
                target = statement.targets[0] if isinstance(statement, ast.Assign) else None
                unread = isinstance(target, ast.Name) and target.id not in read | outer
                if unread and len(statement.targets) == 1 and _is_pure(statement.value):
                    start, end = self._span(statement)
                    kept = b"pass" if len(statements) == 1 else b""
                    yield start, end, kept + b"\n" * self._source[start:end].count(b"\n")


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name


def _parameters(args: ast.arguments) -> list[str]:
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [a.arg for a in (*every, *(a for a in (args.vararg, args.kwarg) if a is not None))]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _root(chain: ast.expr) -> str:
    while isinstance(chain, ast.Attribute):
        chain = chain.value
    return chain.id if isinstance(chain, ast.Name) else ""


def _is_still(expr: ast.expr) -> bool:
    """Tell whether leaving an expression out changes nothing."""
    return isinstance(expr, ast.Constant | ast.Name)


def _is_pure(expr: ast.expr) -> bool:
    calls = [n for n in ast.walk(expr) if isinstance(n, ast.Call)]
    suspends = any(isinstance(n, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr) for n in ast.walk(expr))
    return not suspends and all(ast.unparse(call.func) in _PURE for call in calls)


def _suspends(function: ast.AsyncFunctionDef) -> bool:
    awaiting = ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Yield | ast.YieldFrom
    return any(isinstance(n, awaiting) or (isinstance(n, ast.comprehension) and n.is_async) for n in ast.walk(function))


def _table(expr: ast.expr) -> dict[object, ast.expr] | None:
    """Read a literal table, if its keys are constants and all its values but one are still."""
    if isinstance(expr, ast.Dict):
        keys = [k.value if isinstance(k, ast.Constant) else None for k in expr.keys]
        found: dict[object, ast.expr] = dict(zip(keys, expr.values, strict=True))
        whole = len(found) == len(keys) and None not in found
    elif isinstance(expr, ast.Call) and isinstance(expr.func, ast.Name) and expr.func.id == "dict" and not expr.args:
        found = {k.arg: k.value for k in expr.keywords}
        whole = None not in found
    elif isinstance(expr, ast.List | ast.Tuple):
        found = dict(enumerate(expr.elts))
        whole = not any(isinstance(e, ast.Starred) for e in expr.elts)
    else:
        return None
    return found if whole and sum(not _is_still(v) for v in found.values()) <= 1 else None


def _entry(table: dict[object, ast.expr] | None, key: ast.expr) -> ast.expr | None:
    """Take one value out of a table, if what stays behind is still."""
    if table is None or not isinstance(key, ast.Constant) or isinstance(key.value, bool):
        return None
    value = table.get(key.value)
    rest = [v for v in table.values() if v is not value]
    return value if value is not None and all(map(_is_still, rest)) else None


def _value_taken_out(node: ast.Subscript) -> ast.expr | None:
    """Give ``V`` of ``{"k": V}["k"]``, ``[None, V][1]`` and ``[x for x in [V]][0]``."""
    key, owner = node.slice, node.value
    if isinstance(owner, ast.List | ast.Tuple) and isinstance(key, ast.UnaryOp) and isinstance(key.op, ast.USub):
        steps = key.operand.value if isinstance(key.operand, ast.Constant) else None
        key = ast.Constant(len(owner.elts) - steps) if isinstance(steps, int) else key
    if isinstance(owner, ast.ListComp) and len(owner.generators) == 1:
        source = owner.generators[0]
        same = isinstance(owner.elt, ast.Name) and isinstance(source.target, ast.Name)
        same = same and ast.unparse(owner.elt) == ast.unparse(source.target) and not source.ifs and not source.is_async
        return _entry(_table(source.iter), key) if same and not isinstance(source.iter, ast.Dict) else None
    return _entry(_table(owner), key)


def _joined_constants(node: ast.BinOp) -> str | None:
    if not isinstance(node.op, ast.Add):
        return None
    left, right = (side.value if isinstance(side, ast.Constant) else None for side in (node.left, node.right))
    return left + right if isinstance(left, str) and isinstance(right, str) else None


def _decoded(call: ast.Call) -> str | bytes | None:
    """Read a literal that the program would decode: hexadecimal digits or base64."""
    callee, args = call.func, call.args
    if not isinstance(callee, ast.Attribute) or call.keywords:
        return None
    if callee.attr == "decode" and not args and isinstance(callee.value, ast.Constant):
        value = callee.value.value
        return value.decode() if isinstance(value, bytes) else None
    literal = args[0].value if len(args) == 1 and isinstance(args[0], ast.Constant) else None
    if not isinstance(literal, str | bytes) or not isinstance(callee.value, ast.Name):
        return None
    if callee.attr == "fromhex" and callee.value.id == "bytes" and isinstance(literal, str):
        return bytes.fromhex(literal)
    if callee.attr == "b64decode":
        return binascii.a2b_base64(literal)
    return None


# --- texts -----------------------------------------------------------------------------------------------------------


def _text_parts(node: ast.expr) -> list[ast.expr] | None:
    """Give the parts of a text that is put together, as those of an f-string; None if it is no such text."""
    if isinstance(node, ast.JoinedStr):
        return list(node.values)
    if isinstance(node, ast.Constant):
        return [node] if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text_parts(node.left), _text_parts(node.right)
        if left is None and right is None:
            return None
        return [*(left or [_field(node.left)]), *(right or [_field(node.right)])]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        given = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
        return _filled(node.left, "%s", given)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
        if node.func.attr == "format":
            return _filled(node.func.value, "{}", node.args)
        owner = node.func.value
        literal = node.args[0] if len(node.args) == 1 else None
        is_empty = isinstance(owner, ast.Constant) and owner.value == ""
        if node.func.attr == "join" and is_empty and isinstance(literal, ast.List | ast.Tuple):
            return [part for each in literal.elts for part in _text_parts(each) or [_field(each)]]
    return None


def _field(value: ast.expr) -> ast.expr:
    """Make the field of an f-string; ``str(x)`` in it is ``x``."""
    is_str = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "str"
    if isinstance(value, ast.Call) and is_str and len(value.args) == 1 and not value.keywords:
        value = value.args[0]
    return ast.FormattedValue(value, -1, None)


def _filled(template: ast.expr, mark: str, given: list[ast.expr]) -> list[ast.expr] | None:
    """Fill values into a template whose only marks are plain ones."""
    if not isinstance(template, ast.Constant) or not isinstance(template.value, str):
        return None
    pieces = template.value.split(mark)
    odd = any(sign in piece for piece in pieces for sign in ("{", "}") if mark == "{}") or (
        mark == "%s" and any("%" in piece for piece in pieces)
    )
    if odd or len(pieces) != len(given) + 1 or any(isinstance(g, ast.Starred) for g in given):
        return None
    parts: list[ast.expr] = [ast.Constant(pieces[0])] if pieces[0] else []
    for value, piece in zip(given, pieces[1:], strict=True):
        parts += [_field(value), *([ast.Constant(piece)] if piece else [])]
    return parts
