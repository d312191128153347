"""The rule catalogue: ``rules/<slug>.yaml``, one file a kind of defect."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bluecode_lint
from bluecode_lint.core.model import Level, Rule, RuleKind
from bluecode_lint.knowledge.documents import YAML_BYTES_MAX, check_schema, parse_yaml, read_capped, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PREFIX = "bluecode/"


def rules_root() -> Path:
    """Find the shipped rules: ``_rules`` beside the package's modules in a wheel, else the checkout's ``rules/``.

    Raises:
        RulesError: Neither is there.
    """
    package = Path(bluecode_lint.__file__).resolve().parent
    for candidate in (package / "_rules", package.parent / "rules"):
        if (candidate / "schema").is_dir():
            return candidate
    raise refusal(package, "the rules that ship with bluecode-lint are missing")


def load_rules(root: Path, *, cache: Path | None = None) -> tuple[Rule, ...]:
    """Load every rule directly under ``root``, sorted by id.

    ``cache`` is a directory of the user's own. What was validated once is kept there, keyed by the content of the files
    and of the schema, so that a warm start neither parses YAML nor imports a validator.

    Raises:
        RulesError: A file is malformed, or two rules share an id. The message names the file and the key.
    """
    files = {path.name: read_capped(path, YAML_BYTES_MAX) for path in sorted(root.glob("*.yaml"))}
    if not files:
        raise refusal(root, "no rules there")
    key = _content_key(files, root / "schema" / "rule.schema.json")
    documents = _read_cache(cache, key)
    if documents is None:
        documents = [_checked(root, name, data) for name, data in files.items()]
        _write_cache(cache, key, documents)
    rules = sorted((_rule_from_document(document) for document in documents), key=lambda rule: rule.id)
    for earlier, later in itertools.pairwise(rules):
        if earlier.id == later.id:
            raise refusal(root, f"id: {later.id} is given to two rules")
        if earlier.name == later.name:
            raise refusal(root, f"name: {later.name} is given to two rules")
    return tuple(rules)


def _checked(root: Path, name: str, data: bytes) -> Mapping[str, Any]:
    where = str(root / name)
    document = check_schema(parse_yaml(data, where), "rule", root / "schema", where)
    if document["id"] != PREFIX + name.removesuffix(".yaml"):
        raise refusal(where, f"id: {document['id']} does not match the file's name")
    return document


def _rule_from_document(document: Mapping[str, Any]) -> Rule:
    return Rule(
        id=document["id"],
        name=document["name"],
        cwe=document["cwe"],
        kind=RuleKind(document["kind"]),
        level=Level(document["level"]),
        security_severity=float(document["security-severity"]),
        precision=document["precision"],
        message=document["message"].strip(),
        help=document["help"].strip(),
        tags=tuple(document.get("tags", ())),
        insecure=tuple(document["examples"]["insecure"]),
        secure=tuple(document["examples"]["secure"]),
    )


def _content_key(files: Mapping[str, bytes], schema: Path) -> str:
    digest = hashlib.sha256(read_capped(schema, YAML_BYTES_MAX))
    for name, data in files.items():
        digest.update(f"\0{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _read_cache(cache: Path | None, key: str) -> Sequence[Mapping[str, Any]] | None:
    """Give the documents stored under ``key``; a missing or damaged entry is a miss."""
    if cache is None:
        return None
    try:
        stored = json.loads((cache / f"rules-{key[:32]}.json").read_bytes())
    except (OSError, ValueError):
        return None
    return stored["documents"] if isinstance(stored, dict) and stored.get("key") == key else None


def _write_cache(cache: Path | None, key: str, documents: Sequence[Mapping[str, Any]]) -> None:
    """Store the documents; a cache that cannot be written costs time, nothing else."""
    if cache is None:
        return
    target = cache / f"rules-{key[:32]}.json"
    scratch = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps({"key": key, "documents": documents}, separators=(",", ":")), encoding="utf-8")
        scratch.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
