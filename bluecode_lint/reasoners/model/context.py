"""What of the code a model gets to see: the lines a case needs, without comments, docstrings and secrets.

Line numbers stay those of the file, so that an answer can be checked against it. Nothing else leaves the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import imports_of, text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.model.budget import estimate_tokens
from bluecode_lint.reasoners.model.redaction import PLACEHOLDER, scrub, scrub_code, secret_literals, settings_in
from bluecode_lint.reasoners.scene import scene_at
from bluecode_lint.reasoners.tree import same_node, scope_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Case, Location
    from bluecode_lint.core.protocols import Node

_STRING_MAX = 300
_STRING_KEPT = 120
_LINE_MAX = 400
_CALLEES_MAX = 8
_DEFINITIONS_MAX = 2
_LINES_BEFORE, _LINES_AFTER = 12, 6
_CALLERS_MAX = 4
_HOOK = re.compile(r"\bbefore_(?:app_)?(?:first_)?request\b|\bmiddleware\b|\burl_value_preprocessor\b")
_DEFINITIONS = frozenset({"function_definition", "class_definition"})
_IMPORTS = frozenset({"import_statement", "import_from_statement", "future_import_statement"})


@dataclass(frozen=True, slots=True)
class CleanSource:
    """A file as a model may see it. ``lines`` are as many as the file has; ``secrets`` are the values taken out."""

    uri: str
    lines: tuple[str, ...]
    secrets: frozenset[str]
    originals: Mapping[str, str] = field(default_factory=dict)
    """Neutral name to the name that stands in the file, where names were neutralised."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines of one file that are shown, by number."""

    uri: str
    lines: Mapping[int, str]


# --- cleaning --------------------------------------------------------------------------------------------------------


def clean(artifact: Artifact, *, neutral_names: bool = False, known: frozenset[str] = frozenset()) -> CleanSource:
    """Take comments, docstrings and secrets out of a file, and shorten what is too long to be read."""
    root = artifact.syntax.root
    edits = [*_prose(root)]
    named = list(secret_literals(root))
    edits += [(*_inside(node), PLACEHOLDER) for node, _ in named]
    edits += [(*span, PLACEHOLDER) for node in walk(root) for span in settings_in(node)]
    edits += _long_strings(root)
    originals: dict[str, str] = {}
    if neutral_names:
        renamed = _neutral_names(root)
        originals = {neutral: name for name, neutral in renamed.items()}
        edits += [(n.start_byte, n.end_byte, renamed[text_of(n)]) for n in _identifiers(root) if text_of(n) in renamed]
    secrets = known | {value for _, value in named}
    text = _apply(artifact.syntax.source, edits)
    lines = tuple(_shorten(line.rstrip()) for line in scrub_code(text, secrets).split("\n"))
    return CleanSource(artifact.uri, lines, secrets, originals)


def _prose(root: Node) -> Iterator[tuple[int, int, str]]:
    """Yield what speaks to readers instead of the interpreter: comments, and strings that are statements."""
    for node in walk(root):
        if node.type == "comment":
            yield node.start_byte, node.end_byte, ""
        elif node.type == "expression_statement" and all(
            child.type in {"string", "concatenated_string"} for child in node.named_children
        ):
            yield node.start_byte, node.end_byte, "..." if len(_siblings(node)) == 1 else ""


def _siblings(node: Node) -> Sequence[Node]:
    return [child for child in node.parent.named_children if child.type != "comment"] if node.parent is not None else ()


def _inside(literal: Node) -> tuple[int, int]:
    """Give the span between a string's quotes, or all of a number."""
    start, end = literal.start_byte, literal.end_byte
    for child in literal.children:
        if child.type == "string_start":
            start = child.end_byte
        elif child.type == "string_end":
            end = child.start_byte
    return start, end


def _long_strings(root: Node) -> Iterator[tuple[int, int, str]]:
    """Yield the middles of overlong strings: they cost tokens, and a flood of words must not bury the code."""
    for node in walk(root):
        if node.type == "string" and node.end_byte - node.start_byte > _STRING_MAX:
            start, end = _inside(node)
            middle = end - start - 2 * _STRING_KEPT
            yield start + _STRING_KEPT, end - _STRING_KEPT, f"<{middle} characters left out>"


def _apply(source: bytes, edits: Iterable[tuple[int, int, str]]) -> str:
    """Replace spans of bytes, keeping every line end, so that lines keep their numbers.

    Of two edits that overlap, the one that starts earlier (or is longer) wins.
    """
    parts: list[bytes] = []
    position = 0
    for start, end, replacement in sorted(edits, key=lambda edit: (edit[0], -edit[1])):
        if start < position:
            continue
        parts += [source[position:start], replacement.encode(), b"\n" * source.count(b"\n", start, end)]
        position = end
    parts.append(source[position:])
    return b"".join(parts).decode("utf-8", errors="replace")


def _shorten(line: str) -> str:
    return line if len(line) <= _LINE_MAX else f"{line[:_LINE_MAX]} <{len(line) - _LINE_MAX} characters left out>"


# --- neutral names ---------------------------------------------------------------------------------------------------


def _neutral_names(root: Node) -> dict[str, str]:
    """Give each name that the file itself defines a plain one: what a thing is called must not decide."""
    imported = imports_of(root).paths
    names: dict[str, str] = {}
    for node in walk(root):
        for prefix, named in _defined(node):
            name = text_of(named)
            if name not in imported and name not in names and not name.startswith("__") and name not in {"self", "cls"}:
                names[name] = f"{prefix}{len(names) + 1}"
    return names


def _defined(node: Node) -> Iterator[tuple[str, Node]]:
    if node.type in _DEFINITIONS:
        name = node.child_by_field_name("name")
        if name is not None:
            yield ("function_" if node.type == "function_definition" else "Class_"), name
    elif node.type in {"parameters", "lambda_parameters"}:
        for child in node.named_children:
            inner = child.child_by_field_name("name") or next(iter(child.named_children), child)
            if inner.type == "identifier":
                yield "parameter_", inner
    elif node.type in {"assignment", "named_expression", "for_statement"}:
        left = node.child_by_field_name("left") or node.child_by_field_name("name")
        for inner in walk(left) if left is not None and left.type not in {"attribute", "subscript"} else ():
            if inner.type == "identifier":
                yield "name_", inner


def _identifiers(root: Node) -> Iterator[Node]:
    """Yield identifiers that may be renamed: none that names a keyword argument or another object's attribute."""
    for node in walk(root):
        if node.type != "identifier" or node.parent is None:
            continue
        owner = node.parent
        if owner.type == "attribute" and owner.child_by_field_name("attribute") == node:
            continue
        if owner.type == "keyword_argument" and owner.child_by_field_name("name") == node:
            continue
        yield node


def censor(text: str, sources: Iterable[CleanSource]) -> str:
    """Take out of any text what was taken out of these files: secrets, and names where they were neutralised."""
    known = list(sources)
    text = scrub(text, frozenset().union(*(source.secrets for source in known)))
    neutral = {name: plain for source in known for plain, name in source.originals.items()}
    return re.sub(r"\b[^\W\d]\w*", lambda found: neutral.get(found.group(), found.group()), text) if neutral else text


def restore_names(text: str, originals: Mapping[str, str]) -> str:
    """Put the file's own names back into what a model said about neutral ones."""
    if not originals:
        return text
    return re.sub(r"\b\w+_\d+\b", lambda found: originals.get(found.group(), found.group()), text)


# --- choosing lines --------------------------------------------------------------------------------------------------


class CodeIndex:
    """The scanned files by name, their cleaned text, and where functions of a name are defined and called."""

    def __init__(
        self, artifacts: Iterable[Artifact], *, neutral_names: bool = False, secrets: frozenset[str] = frozenset()
    ) -> None:
        """Index Python files; each is cleaned and searched on first need. ``secrets`` are taken out wherever met."""
        self._secrets = secrets
        self._artifacts = {a.uri: a for a in artifacts if a.language == "python"}
        self._neutral_names = neutral_names
        self._clean: dict[str, CleanSource] = {}
        self._definitions: dict[str, list[tuple[str, Node]]] | None = None
        self._calls: dict[str, list[tuple[str, Node, Node]]] = {}

    def add(self, artifact: Artifact) -> None:
        """Make sure that a case's own file is known."""
        if artifact.uri not in self._artifacts:
            self._artifacts[artifact.uri] = artifact
            self._definitions = None

    def artifact(self, uri: str) -> Artifact | None:
        """Give a scanned file, if it was one."""
        return self._artifacts.get(uri)

    def clean(self, uri: str) -> CleanSource | None:
        """Give a file as a model may see it."""
        if uri not in self._clean and uri in self._artifacts:
            self._clean[uri] = clean(self._artifacts[uri], neutral_names=self._neutral_names, known=self._secrets)
        return self._clean.get(uri)

    def definitions(self, name: str) -> Sequence[tuple[str, Node]]:
        """Give every function called ``name``, with its file."""
        self._search()
        return (self._definitions or {}).get(name, ())

    def callers(self, name: str) -> Sequence[tuple[str, Node, Node]]:
        """Give every call of something called ``name``: its file, the function it stands in, and itself."""
        self._search()
        return self._calls.get(name, ())

    def _search(self) -> None:
        if self._definitions is not None:
            return
        self._definitions, self._calls = {}, {}
        for uri in sorted(self._artifacts):
            for node in walk(self._artifacts[uri].syntax.root):
                if node.type == "function_definition":
                    self._definitions.setdefault(text_of(node.child_by_field_name("name")), []).append((uri, node))
                elif node.type == "call":
                    scope = scope_of(node)
                    if scope.type == "function_definition":
                        self._calls.setdefault(called_name(node), []).append((uri, scope, node))


def called_name(call: Node) -> str:
    """Give the last part of what a call names: ``run`` of ``subprocess.run(...)``."""
    return text_of(call.child_by_field_name("function")).rpartition(".")[2]


def excerpts_for(cases: Sequence[Case], index: CodeIndex, tokens_max: int) -> tuple[Excerpt, ...]:
    """Choose the lines to show for findings of one function, most needed first, until the budget is full.

    Needed, in this order: the findings' own lines and the hops of their flows; the functions around these; imports and
    the module's definitions they use; functions they call; functions that call them.
    """
    return _fill(_wanted(cases, index), index, tokens_max)


def excerpts_around(scopes: Sequence[tuple[str, Node]], index: CodeIndex, tokens_max: int) -> tuple[Excerpt, ...]:
    """Choose the lines to show for whole functions, given with their files, until the budget is full."""
    return _fill(_around(scopes, index), index, tokens_max)


def _fill(wanted: Iterable[tuple[str, Iterable[int]]], index: CodeIndex, tokens_max: int) -> tuple[Excerpt, ...]:
    """Take lines as long as they fit, a piece either whole or not at all."""
    shown: dict[str, dict[int, str]] = {}
    room = tokens_max
    for uri, numbers in wanted:
        source = index.clean(uri)
        if source is None:
            continue
        new = {
            n: source.lines[n - 1]
            for n in numbers
            if 1 <= n <= len(source.lines) and n not in shown.get(uri, {}) and source.lines[n - 1].strip()
        }
        cost = sum(estimate_tokens(f'"{n}: {line}",\n') for n, line in new.items())
        if cost > room:
            continue
        room -= cost
        shown.setdefault(uri, {}).update(new)
    return tuple(Excerpt(uri, dict(sorted(lines.items()))) for uri, lines in shown.items() if lines)


def _wanted(cases: Sequence[Case], index: CodeIndex) -> Iterator[tuple[str, Iterable[int]]]:
    places = [place for case in cases for place in (case.finding.location, *case.finding.code_flow)]
    for place in places:
        yield place.uri, range(place.region.start_line, place.region.end_line + 1)
    scopes = list(_scopes(places, index))
    for uri, scope in scopes:
        inside = range(1, 10**9) if scope.type != "function_definition" else _lines_of(scope)
        near = [p.region for p in places if p.uri == uri and p.region.start_line in inside]
        if near:  # for a module, and for a function that is too long to be shown as a whole
            first, last = min(r.start_line for r in near) - _LINES_BEFORE, max(r.end_line for r in near) + _LINES_AFTER
            yield uri, range(max(first, inside.start), min(last + 1, inside.stop))
    yield from _around(scopes, index)


def _around(scopes: Sequence[tuple[str, Node]], index: CodeIndex) -> Iterator[tuple[str, Iterable[int]]]:
    functions = [(uri, scope) for uri, scope in scopes if scope.type == "function_definition"]
    yield from ((uri, header) for uri, scope in functions for header in _class_headers(scope))
    yield from ((uri, _lines_of(scope)) for uri, scope in functions)
    for uri in dict.fromkeys(uri for uri, _ in scopes):
        artifact = index.artifact(uri)
        if artifact is not None:
            yield from ((uri, lines) for lines in _module_level(artifact, [s for u, s in scopes if u == uri]))
    yield from _neighbours(scopes, index)


def _scopes(places: Iterable[Location], index: CodeIndex) -> Iterator[tuple[str, Node]]:
    """Yield the function (or module) around each place, once."""
    seen: set[tuple[str, int]] = set()
    for place in places:
        artifact = index.artifact(place.uri)
        if artifact is None:
            continue
        scope = scene_at(artifact.syntax, place.region).scope
        if (place.uri, scope.start_byte) not in seen:
            seen.add((place.uri, scope.start_byte))
            yield place.uri, scope


def _lines_of(node: Node) -> range:
    """Give the lines of a definition, its decorators included."""
    outer = _with_decorators(node)
    return range(outer.start_point[0] + 1, outer.end_point[0] + 2)


def _with_decorators(node: Node) -> Node:
    return node.parent if node.parent is not None and node.parent.type == "decorated_definition" else node


def _class_headers(function: Node) -> Iterator[range]:
    """Yield the first lines of the classes around a function, up to the colon."""
    node = function.parent
    while node is not None:
        body = node.child_by_field_name("body")
        if node.type == "class_definition" and body is not None:
            last = max(child.end_point[0] for child in node.children if child.end_byte <= body.start_byte)
            yield range(node.start_point[0] + 1, last + 2)
        node = node.parent


def _module_level(artifact: Artifact, scopes: Sequence[Node]) -> Iterator[range]:
    """Yield the imports and the module's assignments that the functions use, and hooks around all of them."""
    used = {text_of(n) for scope in scopes for n in walk(_with_decorators(scope)) if n.type == "identifier"}
    whole = any(scope.type == "module" for scope in scopes)
    for statement in artifact.syntax.root.named_children:
        if statement.type == "decorated_definition" and _is_hook(statement):
            yield _lines_of(statement)
        elif statement.type in _IMPORTS:
            names = {text_of(n) for n in walk(statement) if n.type == "identifier"}
            if whole or names & used or "*" in text_of(statement):
                yield _lines_of(statement)
    yield from _assignments(artifact, scopes)


def _assignments(artifact: Artifact | None, scopes: Sequence[Node]) -> Iterator[range]:
    """Yield the module's assignments to names that the functions use."""
    used = {text_of(n) for scope in scopes for n in walk(_with_decorators(scope)) if n.type == "identifier"}
    for statement in artifact.syntax.root.named_children if artifact is not None else ():
        if statement.type == "expression_statement" and statement.named_children:
            assignment = statement.named_children[0]
            left = assignment.child_by_field_name("left") if assignment.type == "assignment" else None
            if left is not None and any(text_of(n) in used for n in walk(left)):
                yield _lines_of(statement)


def _is_hook(decorated: Node) -> bool:
    """Tell whether a function is run before others of its module, as a check of who calls often is."""
    return any(_HOOK.search(text_of(child)) for child in decorated.named_children if child.type == "decorator")


def _neighbours(scopes: Sequence[tuple[str, Node]], index: CodeIndex) -> Iterator[tuple[str, range]]:
    """Yield functions that the scopes call, then functions that call the scopes."""
    calls = [(uri, node) for uri, scope in scopes for node in walk(scope) if node.type == "call"]
    found = dict.fromkeys(place for uri, call in calls for place in _meant(uri, call, index)[:_DEFINITIONS_MAX])
    for uri, function in list(found)[:_CALLEES_MAX]:
        yield uri, _lines_of(function)
        # A pattern or a list that a check compares with decides whether it holds.
        yield from ((uri, lines) for lines in _assignments(index.artifact(uri), [function]))
    callers = dict.fromkeys(place for _, scope in scopes for place in _callers(scope, index))
    for uri, function in list(callers)[:_CALLERS_MAX]:
        yield uri, _lines_of(function)


def _callers(scope: Node, index: CodeIndex) -> Iterator[tuple[str, Node]]:
    """Yield the functions with a call that can mean this one."""
    if scope.type != "function_definition":
        return
    for uri, caller, call in index.callers(text_of(scope.child_by_field_name("name"))):
        if any(same_node(scope, function) for _, function in _meant(uri, call, index)):
            yield uri, caller


def _meant(uri: str, call: Node, index: CodeIndex) -> list[tuple[str, Node]]:
    """Give the functions a call can mean, those of its own file first.

    A plain name is a function, never a method: one of this file, or of the module it is imported from. ``name.method``
    is what the module called ``name`` defines if that is an import, and else a method, of which few may have its name:
    what ``get`` or ``open`` of some object is, its name does not tell.
    """
    function, artifact = call.child_by_field_name("function"), index.artifact(uri)
    if function is None or artifact is None:
        return []
    named = index.definitions(called_name(call))
    here, elsewhere = [d for d in named if d[0] == uri], [d for d in named if d[0] != uri]
    imports = imports_of(artifact.syntax.root)
    module = imports.path(function).rpartition(".")[0]
    if text_of(function).partition(".")[0] in imports.paths:
        wanted = module.strip(".").replace(".", "/")
        return [d for d in named if not _is_method(d[1]) and wanted and _is_module(d[0], wanted)]
    if function.type == "identifier":
        return [d for d in here if not _is_method(d[1])]
    methods = [d for d in (*here, *elsewhere) if _is_method(d[1])]
    own = text_of(function).rpartition(".")[0] in {"self", "cls", "super()"}
    return methods if own or len(methods) <= _DEFINITIONS_MAX else [d for d in here if _is_method(d[1])]


def _is_method(function: Node) -> bool:
    outer = _with_decorators(function)
    holder = outer.parent.parent if outer.parent is not None else None
    return holder is not None and holder.type == "class_definition"


def _is_module(uri: str, wanted: str) -> bool:
    """Tell whether a file is the module of a (perhaps relative) dotted path, given with slashes."""
    name = uri.removesuffix(".py").removesuffix("/__init__")
    return name == wanted or name.endswith(f"/{wanted}")
