"""Load what the guard knows: ``rules/knowledge/instructions`` and ``rules/constitutions/instructions``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Condition, Constitution
from bluecode_lint.guard.lexicon import Concepts, WordVectors
from bluecode_lint.guard.predicates import check_predicates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

KNOWLEDGE = ("knowledge", "instructions")
CONSTITUTIONS = ("constitutions", "instructions")
SOURCES = ("biased", "malicious", "injected", "ordinary")
"""The files of exemplars, one for each domain and one for the requests of every day."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A labelled instruction. ``form`` is how it is put: as a request, a ticket, a stub, a comment, a chat."""

    id: str
    domain: str
    category: str
    label: str
    form: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class GuardData:
    """Everything but the classifier's weights."""

    concepts: Concepts
    patterns: Mapping[str, str]
    vectors: WordVectors
    constitutions: Sequence[Constitution]
    advice: Mapping[str, Mapping[str, Mapping[str, str]]]
    """Domain, category, then ``title`` and ``instead``: what it is called, and what could be asked for instead."""


def load_data(root: Path) -> GuardData:
    """Load from the folder of all rules.

    Raises:
        RulesError: A file is missing or malformed.
    """
    folder = root.joinpath(*KNOWLEDGE)
    try:
        concepts = Concepts(_read_yaml(folder / "concepts.yaml"))
        constitutions = tuple(
            _constitution(item)
            for file in sorted(root.joinpath(*CONSTITUTIONS).glob("*.yaml"))
            for item in _read_yaml(file)["constitutions"]
        )
        check_predicates(constitutions)
        return GuardData(
            concepts=concepts,
            patterns=_read_yaml(folder / "patterns.yaml"),
            vectors=WordVectors.load(folder / "words.json"),
            constitutions=constitutions,
            advice=_read_yaml(folder / "advice.yaml"),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{folder}: the guard's knowledge is missing or malformed: {error}"
        raise RulesError(message) from error


def read_classifier(root: Path) -> dict[str, Any]:
    """Read the weights written by ``train``.

    Raises:
        RulesError: They are missing or malformed.
    """
    path = root.joinpath(*KNOWLEDGE) / "classifier.json"
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path}: {error}"
        raise RulesError(message, advice="`python -m bluecode_lint.guard.train` writes it.") from error
    return document


def _read_yaml(path: Path) -> Any:  # noqa: ANN401  # whatever the file holds; its readers check
    import yaml  # noqa: PLC0415  # lazy: start-up time

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506  # a safe loader


def load_exemplars(root: Path) -> list[Exemplar]:
    """Load every labelled instruction; only training and evaluation need them.

    Raises:
        RulesError: A file is missing or malformed.
    """
    exemplars = []
    for source in SOURCES:
        path = root.joinpath(*KNOWLEDGE) / f"{source}.jsonl"
        try:
            with path.open(encoding="utf-8") as lines:
                exemplars += [Exemplar(**json.loads(line)) for line in lines]
        except (OSError, ValueError, TypeError) as error:
            message = f"{path}: {error}"
            raise RulesError(message) from error
    return exemplars


def _constitution(item: Mapping[str, Any]) -> Constitution:
    return Constitution(
        id=item["id"],
        domain=item["domain"],
        cwe=item["cwe"],
        principle=item["principle"].strip(),
        unsafe_when=_conditions(item["unsafe_when"]),
        safe_when=_conditions(item["safe_when"]),
        rationale=item["rationale"].strip(),
        examples=tuple(item["examples"]),
        provenance=item["provenance"].strip(),
    )


def _conditions(items: Sequence[Mapping[str, Any]]) -> tuple[Condition, ...]:
    return tuple(
        Condition(item["words"].strip(), item.get("predicate", ""), tuple(item.get("arguments", ()))) for item in items
    )
