"""Exemplars of code: an unsafe program, its safe twin, and the tests that tell them apart.

``rules/knowledge/code/CWE-NNN.jsonl`` holds one pair a line. Nothing in here runs a pair's code; see `verification`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.knowledge.documents import (
    LINE_BYTES_MAX,
    LINES_FILE_BYTES_MAX,
    check_schema,
    parse_json,
    read_capped,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.core.protocols import Node, Parser

CODE_FOLDER = "knowledge/code"

_FILE_NAME = re.compile(r"CWE-(\d{3,4})\.jsonl")


@dataclass(frozen=True, slots=True)
class Pair:
    """One exemplar. ``capability`` passes on both sides; ``safety`` fails on the unsafe side only.

    ``framework`` is the third-party package it needs, or ``stdlib``. ``generator`` says how it was made, ``outcome``
    whether execution has shown the two sides to differ, and ``ran`` what was executed (or why nothing was).
    """

    id: str
    cwe: int
    title: str
    scenario: str
    policy: str
    unsafe_code: str
    safe_code: str
    entry: str
    capability: str
    safety: str
    framework: str
    generator: Mapping[str, Any]
    license: str
    outcome: str
    ran: str

    @property
    def is_verified(self) -> bool:
        """Tell whether execution has told its sides apart."""
        return self.outcome == "verified"


def pair_files(root: Path) -> tuple[Path, ...]:
    """List the files of a rules directory (or of a user's knowledge directory) that hold pairs, sorted."""
    folder = root / CODE_FOLDER
    return tuple(sorted(folder.glob("*.jsonl")))


def load_pairs(files: Iterable[Path], schemas: Path) -> tuple[Pair, ...]:
    """Load and check the pairs of several files, in order of id.

    Raises:
        RulesError: A file, a line or a pair is malformed, too large, or given twice. The message names it.
    """
    pairs: dict[str, Pair] = {}
    for file in files:
        for pair in _pairs_of(file, schemas):
            if pair.id in pairs:
                raise refusal(file, f"id: {pair.id} is given twice")
            pairs[pair.id] = pair
    return tuple(pairs[key] for key in sorted(pairs))


def _pairs_of(file: Path, schemas: Path) -> Iterator[Pair]:
    match = _FILE_NAME.fullmatch(file.name)
    if match is None:
        raise refusal(file, "a file of pairs is named CWE-NNN.jsonl")
    cwe = int(match[1])
    for number, line in enumerate(read_capped(file, LINES_FILE_BYTES_MAX).splitlines(), start=1):
        where = f"{file}:{number}"
        pair = parse_pair(line, schemas, where)
        if pair.cwe != cwe:
            raise refusal(where, f"cwe: {pair.cwe} does not belong in this file")
        yield pair


def parse_pair(line: bytes, schemas: Path, where: str) -> Pair:
    """Read one pair from a JSON line.

    Raises:
        RulesError: It is too long, no JSON, does not match the schema, or contradicts itself.
    """
    if len(line) > LINE_BYTES_MAX:
        raise refusal(where, f"longer than {LINE_BYTES_MAX} bytes")
    document = check_schema(parse_json(line, where), "pair", schemas, where)
    if int(document["id"].split("-")[1]) != document["cwe"]:
        raise refusal(where, f"id: {document['id']} names another CWE than {document['cwe']}")
    if document["unsafe_code"].strip() == document["safe_code"].strip():
        raise refusal(where, "safe_code: the two sides are the same")
    return _pair_from_document(document)


def _pair_from_document(document: Mapping[str, Any]) -> Pair:
    return Pair(
        id=document["id"],
        cwe=document["cwe"],
        title=document["title"],
        scenario=document["scenario"],
        policy=document["policy"],
        unsafe_code=document["unsafe_code"],
        safe_code=document["safe_code"],
        entry=document["entry"],
        capability=document["tests"]["capability"],
        safety=document["tests"]["safety"],
        framework=document["framework"],
        generator=document["generator"],
        license=document["license"],
        outcome=document["verification"]["outcome"],
        ran=document["verification"]["ran"],
    )


def line_from_pair(pair: Pair) -> str:
    """Write a pair as its JSON line, keys in the order people read them."""
    document = {
        "id": pair.id,
        "cwe": pair.cwe,
        "title": pair.title,
        "scenario": pair.scenario,
        "policy": pair.policy,
        "unsafe_code": pair.unsafe_code,
        "safe_code": pair.safe_code,
        "entry": pair.entry,
        "tests": {"capability": pair.capability, "safety": pair.safety},
        "framework": pair.framework,
        "generator": dict(pair.generator),
        "license": pair.license,
        "verification": {"outcome": pair.outcome, "ran": pair.ran},
    }
    return json.dumps(document, ensure_ascii=False)


def file_name_of(cwe: int) -> str:
    """Name the file that holds a CWE's pairs."""
    return f"CWE-{cwe:03d}.jsonl"


# --- structure -------------------------------------------------------------------------------------------------------

_KEPT_LITERALS = frozenset({"true", "false", "none"})


def structure_of(code: str, parse: Parser) -> str:
    """Give a hash of a program's structure: local names, literals, comments and docstrings do not matter.

    What is called and imported does, so that two programs over different APIs differ.
    """
    tokens = [token for token, _ in tokens_of(parse(code).root)]
    return hashlib.sha256(" ".join(tokens).encode()).hexdigest()[:16]


def tokens_of(root: Node) -> Iterator[tuple[str, Node]]:
    """Yield the tokens that make a program's (or a function's) structure, each with the node it stands for."""
    return _normalised(root, bound_names(root))


def bound_names(root: Node) -> dict[str, str]:
    """Number the names a program binds itself (assignments, parameters, functions, classes, loops), in order."""
    names: dict[str, str] = {}
    for node in walk(root):
        if node.type == "identifier" and _is_binding(node):
            names.setdefault(text_of(node), f"n{len(names)}")
    return names


_BINDERS = {
    "assignment": "left",
    "augmented_assignment": "left",
    "for_statement": "left",
    "for_in_clause": "left",
    "function_definition": "name",
    "class_definition": "name",
    "named_expression": "name",
    "default_parameter": "name",
    "typed_default_parameter": "name",
}
_BINDING_PARENTS = frozenset(
    {"parameters", "lambda_parameters", "as_pattern_target", "typed_parameter", "pattern_list", "tuple_pattern"}
)


def _is_binding(node: Node) -> bool:
    parent = node.parent
    if parent is None:
        return False
    field = _BINDERS.get(parent.type)
    if field is not None:
        bound = parent.child_by_field_name(field)
        return bound is not None and bound.start_byte == node.start_byte and bound.end_byte == node.end_byte
    return parent.type in _BINDING_PARENTS


def _normalised(node: Node, local: Mapping[str, str]) -> Iterator[tuple[str, Node]]:
    """Yield the tokens of a subtree in source order, without recursion into what a depth bomb would nest."""
    pending: list[Node] = [node]
    while pending:
        current = pending.pop()
        kind = current.type
        if kind == "comment":
            continue
        if kind == "expression_statement" and [c.type for c in current.named_children] == ["string"]:
            continue
        if kind == "identifier":
            text = text_of(current)
            yield local.get(text, text), current
        elif kind in {"integer", "float"} or (kind == "string" and not _interpolations(current)):
            yield kind, current
        elif not current.children:
            yield kind if kind in _KEPT_LITERALS else text_of(current), current
        else:
            yield kind, current
            children: Sequence[Node] = _interpolations(current) if kind == "string" else current.children
            pending.extend(reversed(children))


def _interpolations(node: Node) -> list[Node]:
    return [child for child in node.named_children if child.type == "interpolation"]


# --- figures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts of a knowledge base. ``structures`` counts near-duplicates once, per CWE."""

    pairs: Mapping[int, int]
    verified: Mapping[int, int]
    structures: Mapping[int, int]
    frameworks: Mapping[str, int]

    @property
    def total(self) -> int:
        """Count all pairs."""
        return sum(self.pairs.values())


def measure(pairs: Sequence[Pair], parse: Parser) -> Statistics:
    """Count pairs, verified pairs and distinct structures per CWE. A pair's structure is that of its unsafe side."""
    structures: dict[int, set[str]] = {}
    for pair in pairs:
        structures.setdefault(pair.cwe, set()).add(structure_of(pair.unsafe_code, parse))
    return Statistics(
        pairs=dict(sorted(Counter(pair.cwe for pair in pairs).items())),
        verified=dict(sorted(Counter(pair.cwe for pair in pairs if pair.is_verified).items())),
        structures={cwe: len(hashes) for cwe, hashes in sorted(structures.items())},
        frameworks=dict(sorted(Counter(pair.framework for pair in pairs).items())),
    )


def duplicates_of(candidate: Pair, pairs: Iterable[Pair], parse: Parser) -> tuple[str, ...]:
    """Name the pairs of the same CWE whose unsafe side has the candidate's structure."""
    structure = structure_of(candidate.unsafe_code, parse)
    return tuple(
        pair.id
        for pair in pairs
        if pair.cwe == candidate.cwe and pair.id != candidate.id and structure_of(pair.unsafe_code, parse) == structure
    )
