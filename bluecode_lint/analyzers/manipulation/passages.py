"""The places in a Python file where words can stand: comments, strings, names and the file's own path."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Region
from bluecode_lint.core.tree import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Node

_PREFIX = re.compile(rb"[A-Za-z]*(?:'''|\"\"\"|'|\")")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]{1,80}\}|[0-7]{1,3}|[nrt'\"\\])")
_WORD_BREAK = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])")
_NAME = re.compile(r"\b[^\W\d]\w*(?:_|(?<=[a-z])(?=[A-Z]))\w+")  # of two words at least
_WORDS = frozenset({"comment", "string", "concatenated_string"})
_WORDLESS = frozenset({"identifier", "integer", "float", "attribute_name", "dotted_name", "import_statement"})
_TOKEN_MIN = 24
"""Below this length, a string without a space says nothing, not even encoded."""
_DEPTH_MAX = 60


@dataclass(frozen=True, slots=True)
class Passage:
    """Words of one place. ``kind`` is ``comment``, ``string``, ``name`` or ``path``."""

    kind: str
    text: str
    region: Region


def passages_in(artifact: Artifact) -> Iterator[Passage]:
    """Yield the passages of a file: adjacent comment lines as one, and strings that are joined as one.

    Names are not among them: see `names_in`.
    """
    if artifact.language != "python":
        last = artifact.text.rpartition("\n")[2]
        yield Passage("comment", artifact.text, Region(1, 1, artifact.text.count("\n") + 1, len(last) + 1))
        return
    lines = artifact.syntax.source.split(b"\n")
    comments: list[Node] = []
    for node in _walk(artifact.syntax.root):
        if node.type == "comment":
            if comments and not _follows(comments[-1], node, lines):
                yield _comment_passage(comments, lines)
                comments = []
            comments.append(node)
        else:
            text = joined_text(node)
            if " " in text or not text.isascii() or len(text) >= _TOKEN_MIN:
                yield Passage("string", text, _region(node, node, lines))
    if comments:
        yield _comment_passage(comments, lines)


def names_in(artifact: Artifact, is_telling: Callable[[str], bool]) -> Iterator[Passage]:
    """Yield the file's path and the names it defines, as words, that ``is_telling`` says are worth a look.

    Most files have none, which is found out from the words of the text alone.
    """
    path = _spaced(artifact.uri.rpartition(".")[0].replace("/", " "))
    if is_telling(path):
        yield Passage("path", path, Region(1, 1, 1, 1))
    if artifact.language != "python":
        return
    telling = {name for name in set(_NAME.findall(artifact.text)) if is_telling(_spaced(name))}
    if not telling:
        return
    lines = artifact.syntax.source.split(b"\n")
    for node in walk(artifact.syntax.root):
        for name in _new_names(node):
            text = _text(name)
            if text in telling:
                telling.discard(text)
                yield Passage("name", _spaced(text), _region(name, name, lines))


def _walk(root: Node) -> Iterator[Node]:
    """Yield comments and strings in source order, strings that are joined as a whole."""
    pending = [root]
    while pending:
        node = pending.pop()
        kind = node.type
        if kind in _WORDS or (kind == "binary_operator" and _is_joined_strings(node)):
            yield node
        elif kind not in _WORDLESS:
            pending.extend(reversed(node.named_children))


def _is_joined_strings(node: Node, depth: int = 0) -> bool:
    """Tell whether an expression adds up strings, at least one of them written out."""
    if depth > _DEPTH_MAX or node.type not in {"binary_operator", "string", "concatenated_string"}:
        return False
    if node.type != "binary_operator":
        return True
    sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
    return any(child.type == "+" for child in node.children) and all(
        side is not None and _is_joined_strings(side, depth + 1) for side in sides
    )


def joined_text(node: Node) -> str:
    """Give the text of a string, or of strings that are joined, as the program will see it."""
    if node.type == "string":
        return _string_text(node)
    return "".join(
        joined_text(child)
        for child in node.named_children
        if child.type in {"string", "concatenated_string", "binary_operator"}
    )


def _string_text(node: Node) -> str:
    raw = node.text or b""
    opening = _PREFIX.match(raw)
    if opening is None:
        return ""
    prefix = opening.group().lower()
    quote = prefix[-3:] if prefix.endswith((b"'''", b'"""')) else prefix[-1:]
    body = raw[opening.end() : -len(quote)] if raw.endswith(quote) else raw[opening.end() :]
    text = body.decode("utf-8", errors="replace")
    return text if b"r" in prefix.rstrip(b"'\"") else _ESCAPE.sub(_unescape, text)


def _unescape(found: re.Match[str]) -> str:
    try:
        return found.group().encode("ascii").decode("unicode_escape")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return found.group()


def _follows(earlier: Node, later: Node, lines: Sequence[bytes]) -> bool:
    """Tell whether a comment, alone on its line, continues the one on the line above."""
    row, column = later.start_point
    return row == earlier.end_point[0] + 1 and not lines[row][:column].strip()


def _comment_passage(comments: Sequence[Node], lines: Sequence[bytes]) -> Passage:
    text = "\n".join(_text(comment).lstrip("#!: ") for comment in comments)
    return Passage("comment", text, _region(comments[0], comments[-1], lines))


_NAMED = {
    "function_definition": ("name",),
    "class_definition": ("name",),
    "assignment": ("left",),
    "named_expression": ("name",),
    "for_statement": ("left",),
    "keyword_argument": ("name",),
    "default_parameter": ("name",),
    "typed_default_parameter": ("name",),
    "aliased_import": ("alias",),
    "call": ("function",),
}


def _new_names(node: Node) -> Iterable[Node]:
    """Give the identifiers that a node introduces, or calls."""
    if node.type in {"parameters", "lambda_parameters"}:
        return [child for child in node.named_children if child.type == "identifier"]
    fields = (node.child_by_field_name(field) for field in _NAMED.get(node.type, ()))
    return [name for name in fields if name is not None and name.type == "identifier"]


def _spaced(name: str) -> str:
    return _WORD_BREAK.sub(" ", name).strip().lower()


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", errors="replace")


def _region(first: Node, last: Node, lines: Sequence[bytes]) -> Region:
    def point(row: int, column: int) -> tuple[int, int]:
        return row + 1, len(lines[row][:column].decode("utf-8", errors="replace")) + 1

    return Region(*point(*first.start_point), *point(*last.end_point))
