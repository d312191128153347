"""Put the guard together from the rules on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.guard.check import Guard, GuardPolicy
from bluecode_lint.guard.classifier import Classifier
from bluecode_lint.guard.features import FeatureReader
from bluecode_lint.guard.judge import InstructionJudge
from bluecode_lint.guard.loading import load_data, read_classifier
from bluecode_lint.guard.nearest import KnownExamples
from bluecode_lint.guard.predicates import PassageReader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bluecode_lint.core.model import Rule
    from bluecode_lint.core.protocols import Reasoner
    from bluecode_lint.guard.loading import GuardData


def build_guard(
    root: Path,
    rules: Mapping[str, Rule],
    *,
    policy: GuardPolicy | None = None,
    reasoner: Reasoner | None = None,
    tool_version: str = "",
) -> Guard:
    """Load the knowledge under ``root`` and build the guard.

    Raises:
        RulesError: A file is missing or malformed.
    """
    data = load_data(root)
    document = read_classifier(root)
    return Guard(
        judge=build_judge(data, Classifier(document)),
        known=KnownExamples(document["exemplars"], data.advice),
        rules=rules,
        reasoner=reasoner,
        tool_version=tool_version,
        policy=policy or GuardPolicy(),
    )


def build_judge(data: GuardData, classifier: Classifier) -> InstructionJudge:
    """Build the offline judge from loaded knowledge and a classifier."""
    return InstructionJudge(
        PassageReader(data.concepts, data.patterns),
        FeatureReader(data.vectors, classifier.common, data.constitutions),
        classifier,
        data.vectors,
    )
