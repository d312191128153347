"""Constitutions: ``rules/constitutions/*.yaml``, principles with the conditions that break and satisfy them.

All conditions of ``unsafe_when`` together break a principle, and all of ``safe_when`` together satisfy it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluecode_lint.core.model import Condition, Constitution
from bluecode_lint.knowledge.documents import load_documents, refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path


def load_constitutions(root: Path, schemas: Path, *, cache: Path | None = None) -> tuple[Constitution, ...]:
    """Load every constitution under ``root/constitutions``, sorted by id.

    Raises:
        RulesError: A file is malformed, or two constitutions share an id.
    """
    files = sorted((root / "constitutions").glob("*.yaml"))
    constitutions: dict[str, Constitution] = {}
    for file, document in zip(files, load_documents(files, "constitution", schemas, cache=cache), strict=True):
        for item in document["constitutions"]:
            constitution = _constitution_from_document(item)
            if constitution.id in constitutions:
                raise refusal(file, f"id: {constitution.id} is given twice")
            constitutions[constitution.id] = constitution
    return tuple(constitutions[key] for key in sorted(constitutions))


def _constitution_from_document(document: Mapping[str, Any]) -> Constitution:
    return Constitution(
        id=document["id"],
        domain=document["domain"],
        cwe=document["cwe"],
        principle=document["principle"].strip(),
        unsafe_when=_conditions(document["unsafe_when"]),
        safe_when=_conditions(document["safe_when"]),
        rationale=document["rationale"].strip(),
        examples=tuple(document["examples"]),
        provenance=document["provenance"].strip(),
    )


def _conditions(documents: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(
        Condition(document["words"].strip(), document.get("predicate", ""), tuple(document.get("arguments", ())))
        for document in documents
    )


def check_references(
    constitutions: Iterable[Constitution], pair_ids: Collection[str], predicates: Collection[str]
) -> None:
    """Check that every cited example and every named predicate exists.

    Raises:
        RulesError: One does not.
    """
    for constitution in constitutions:
        for example in constitution.examples:
            if example not in pair_ids:
                raise refusal(constitution.id, f"examples: {example} is not in the knowledge base")
        for condition in (*constitution.unsafe_when, *constitution.safe_when):
            if condition.predicate and condition.predicate not in predicates:
                raise refusal(constitution.id, f"predicate: {condition.predicate} is unknown")
