"""Recognise a function that is built like one of the proven unsafe ones, whatever its names and numbers are.

A shape is the sequence of a function's tokens with its own names numbered and its literals blanked (see `pairs`). The
shapes of unsafe sides count, those that some safe side shares do not.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.installed import named_versions
from bluecode_lint.knowledge.pairs import bound_names, load_pairs, pair_files, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.core.protocols import Node, Parser, Syntax
    from bluecode_lint.knowledge.pairs import Pair

SHORTEST = 20
"""Tokens below which a function is too plain to be recognised by its shape."""

SHAPES_FILE = "knowledge/shapes.json"
"""The shapes of the pairs we ship, under the rules directory: reading them takes a thousandth of making them."""

_GRAMMARS = ("tree-sitter-languages", "tree-sitter-python")

DISGUISE = 2
"""How many times as long as a known function one may be that is taken for the same in disguise."""

_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
_IMPORT = re.compile(rb"^\s*(?:from|import)\b.*", re.MULTILINE)
_BLOCKS = frozenset(
    {
        "module", "block", "class_definition", "decorated_definition", "function_definition", "if_statement",
        "else_clause", "elif_clause", "try_statement", "except_clause", "finally_clause", "with_statement",
        "for_statement", "while_statement",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownShape:
    """An unsafe function: the pair it stands in, and which of its tokens the defect is at."""

    pair_id: str
    cwe: int
    anchor: int
    words: frozenset[bytes]
    """Names that are not its own: a function without one of them has another shape."""
    size: int
    """Its length in bytes."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """A function of known shape, and the node in it that corresponds to the known defect."""

    shape: KnownShape
    node: Node


class KnownShapes:
    """The shapes of a knowledge base. Looking at a function costs its words; only if they fit, its tokens."""

    def __init__(self, shapes: Mapping[str, KnownShape]) -> None:
        """Recognise ``shapes``, by the digest of their tokens."""
        self._shapes = shapes
        self._by_word = _by_rarest_word(shapes.values())

    @classmethod
    def of_pairs(cls, pairs: Sequence[Pair], parse: Parser) -> KnownShapes:
        """Take the functions of all verified pairs. O(tokens of all pairs)."""
        shapes: dict[str, KnownShape] = {}
        harmless: set[str] = set()
        for pair in pairs:
            if not pair.is_verified:
                continue
            for function in functions_in(parse(pair.safe_code).root):
                harmless.add(_shape_of(function))
            changed = _changed_lines(pair.unsafe_code, pair.safe_code)
            for function in functions_in(parse(pair.unsafe_code).root):
                anchor = _anchor(function, changed)
                if anchor is not None and sum(1 for _ in tokens_of(function)) >= SHORTEST:
                    shapes.setdefault(_shape_of(function), _known(pair, anchor, function))
        return cls({shape: known for shape, known in shapes.items() if shape not in harmless})

    @classmethod
    def from_document(cls, document: Any) -> KnownShapes:  # noqa: ANN401  # JSON
        """Read what `to_document` wrote.

        Raises:
            ValueError: It wrote something else.
        """
        try:
            return cls(
                {
                    shape: KnownShape(pair_id, cwe, anchor, frozenset(word.encode() for word in words.split()), size)
                    for shape, pair_id, cwe, anchor, words, size in document
                }
            )
        except (TypeError, AttributeError) as error:
            message = "these are no shapes"
            raise ValueError(message) from error

    def to_document(self) -> list[Any]:
        """Give the shapes as JSON values, sorted."""
        return sorted([shape, *_row(known)] for shape, known in self._shapes.items())

    def __len__(self) -> int:
        return len(self._shapes)

    def resembling(self, syntax: Syntax) -> list[tuple[int, int]]:
        """List the functions of a file that may be a known shape in disguise, by first and last line, from 0.

        Such a one has, with what the file imports, all words of a shape and is not much longer.
        """
        everywhere = set(_WORD.findall(syntax.source))
        present = self._by_word.keys() & everywhere
        likely = [shape for word in present for shape in self._by_word[word] if shape.words <= everywhere]
        if not likely:
            return []
        imported = {word for line in _IMPORT.findall(syntax.source) for word in _WORD.findall(line)}
        found = []
        for function in functions_in(syntax.root):
            size = function.end_byte - function.start_byte
            words = imported.union(_WORD.findall(syntax.source[function.start_byte : function.end_byte]))
            if any(shape.words <= words and size <= DISGUISE * shape.size for shape in likely):
                found.append((function.start_point[0], function.end_point[0]))
        return found

    def recognise(self, syntax: Syntax) -> Iterator[Recognition]:
        """Yield the functions of a file whose shape is known."""
        everywhere = set(_WORD.findall(syntax.source))
        present = self._by_word.keys() & everywhere
        if not any(shape.words <= everywhere for word in present for shape in self._by_word[word]):
            return
        for function in functions_in(syntax.root):
            words = set(_WORD.findall(syntax.source[function.start_byte : function.end_byte]))
            near = [s for word in present & words for s in self._by_word[word] if s.words <= words]
            found = self._shapes.get(_shape_of(function)) if near else None
            if found is not None:
                node = next(itertools.islice((node for _, node in tokens_of(function)), found.anchor, None))
                yield Recognition(found, node)


def open_shapes(root: Path, extra: Sequence[Path], parse: Parser) -> KnownShapes:
    """Load the shapes of the unsafe functions of ``root`` and of a user's directories.

    Those of ``root`` alone are read from `SHAPES_FILE`, unless that was made of other pairs.

    Raises:
        RulesError: A file is malformed.
    """
    files = [file for folder in (root, *extra) for file in pair_files(folder)]
    with suppress(OSError, ValueError, TypeError, KeyError):  # absent or of another shape: made anew
        kept = json.loads((root / SHAPES_FILE).read_bytes())
        if kept["made-of"] == _digest_of(files):
            return KnownShapes.from_document(kept["shapes"])
    return KnownShapes.of_pairs(load_pairs(files, root / "schema"), parse)


def write_shapes(root: Path, parse: Parser) -> Path:
    """Write `SHAPES_FILE` anew, and give where it is.

    Raises:
        RulesError: A file of pairs is malformed.
        OSError: It cannot be written.
    """
    files = pair_files(root)
    made = KnownShapes.of_pairs(load_pairs(files, root / "schema"), parse)
    rows = ",\n".join(json.dumps(row) for row in made.to_document())
    path = root / SHAPES_FILE
    path.write_text(f'{{"made-of": "{_digest_of(files)}", "shapes": [\n{rows}\n]}}\n', encoding="utf-8")
    return path


def _row(known: KnownShape) -> list[Any]:
    words = " ".join(sorted(word.decode() for word in known.words))
    return [known.pair_id, known.cwe, known.anchor, words, known.size]


def _digest_of(files: Iterable[Path]) -> str:
    """Name what shapes are made of: the pairs, and the grammar that makes their tokens."""
    digest = hashlib.sha256(" ".join(named_versions(*_GRAMMARS)).encode())
    for file in files:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def functions_in(root: Node) -> Iterator[Node]:
    """Yield the function definitions below a node, in the order of the source; expressions are not looked into."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.type == "function_definition":
            yield node
        pending.extend(child for child in reversed(node.named_children) if child.type in _BLOCKS)


def _changed_lines(unsafe: str, safe: str) -> frozenset[int]:
    """Give the lines of the unsafe side, from 0, that the safe side has not."""
    matcher = difflib.SequenceMatcher(None, unsafe.splitlines(), safe.splitlines(), autojunk=False)
    return frozenset(
        line
        for tag, start, end, _, _ in matcher.get_opcodes()
        if tag != "equal"
        for line in range(start, max(end, start + 1))
    )


def _anchor(function: Node, changed: frozenset[int]) -> int | None:
    """Find the token of the first call (or else of anything) of a function on a changed line; None if none is."""
    fallback = None
    for position, (_, node) in enumerate(tokens_of(function)):
        if node.start_point[0] in changed:
            if node.type == "call":
                return position
            if fallback is None and position:
                fallback = position
    return fallback


def _shape_of(function: Node) -> str:
    """Give the digest of a function's tokens."""
    tokens = "\0".join(token for token, _ in tokens_of(function))
    return hashlib.sha256(tokens.encode("utf-8", "replace")).hexdigest()[:32]


def _foreign_words(function: Node) -> frozenset[bytes]:
    own = bound_names(function)
    words = {text_of(node) for _, node in tokens_of(function) if node.type == "identifier"}
    return frozenset(word.encode() for word in words - own.keys())


def _known(pair: Pair, anchor: int, function: Node) -> KnownShape:
    return KnownShape(pair.id, pair.cwe, anchor, _foreign_words(function), function.end_byte - function.start_byte)


def _by_rarest_word(shapes: Iterable[KnownShape]) -> dict[bytes, list[KnownShape]]:
    """Index shapes by the word of theirs that the fewest others have."""
    listed = list(shapes)
    counts: dict[bytes, int] = {}
    for shape in listed:
        for word in shape.words:
            counts[word] = counts.get(word, 0) + 1
    index: dict[bytes, list[KnownShape]] = {}
    for shape in listed:
        if shape.words:
            index.setdefault(min(shape.words, key=lambda w: (counts[w], w)), []).append(shape)
    return index
