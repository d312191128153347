"""The rule catalogue: ``rules/<slug>.yaml``, one file a kind of defect."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bluecode_lint
from bluecode_lint.core.model import Level, Rule, RuleKind
from bluecode_lint.knowledge.documents import load_documents, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    """Load every rule directly under ``root``, sorted by id. ``cache`` is a directory that makes the next start faster.

    Raises:
        RulesError: A file is malformed, or two rules share an id. The message names the file and the key.
    """
    files = sorted(root.glob("*.yaml"))
    if not files:
        raise refusal(root, "no rules there")
    documents = load_documents(files, "rule", root / "schema", cache=cache)
    rules = sorted(
        (_rule_from_document(document, file) for file, document in zip(files, documents, strict=True)),
        key=lambda rule: rule.id,
    )
    names = sorted(rule.name for rule in rules)
    for earlier, later in itertools.pairwise(names):
        if earlier == later:
            raise refusal(root, f"name: {later} is given to two rules")
    return tuple(rules)


def _rule_from_document(document: Mapping[str, Any], file: Path) -> Rule:
    if document["id"] != PREFIX + file.stem:
        raise refusal(file, f"id: {document['id']} does not match the file's name")
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
