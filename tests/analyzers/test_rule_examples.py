"""Every rule's examples are tests: its detectors flag each insecure one and no secure one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import yaml

from bluecode_lint.analyzers.bandit import BanditAnalyzer
from bluecode_lint.analyzers.misuse import MisuseAnalyzer
from bluecode_lint.analyzers.semgrep import SemgrepAnalyzer
from bluecode_lint.core.model import Artifact, Confidence, Level, Notification
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluecode_lint.core.model import Rule

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
DETECTORS = {
    rule.id: frozenset(yaml.safe_load((ROOT / f"{rule.id.partition('/')[2]}.yaml").read_text())["detectors"])
    for rule in RULES.values()
}
OURS = {"bandit", "semgrep", "misuse"}
JUDGED_HERE = [rule for rule in RULES.values() if DETECTORS[rule.id] <= OURS]


def example_artifact(rule: Rule, side: str, number: int, text: str) -> Artifact:
    digest = hashlib.sha256(text.encode()).hexdigest()
    uri = f"{rule.id.partition('/')[2]}/{side}_{number}.py"
    return Artifact(uri, "python", text, digest, parse_python(text))


@pytest.fixture(scope="module")
def flagged() -> Mapping[str, set[str]]:
    """Give, for each example's uri, the rules that were found there as more than a question."""
    artifacts = [
        example_artifact(rule, side, number, text)
        for rule in JUDGED_HERE
        for side, texts in (("insecure", rule.insecure), ("secure", rule.secure))
        for number, text in enumerate(texts)
    ]
    found: dict[str, set[str]] = {artifact.uri: set() for artifact in artifacts}
    for analyzer in (BanditAnalyzer(ROOT, RULES), SemgrepAnalyzer(ROOT, RULES), MisuseAnalyzer(ROOT, RULES)):
        for report in analyzer.analyze(artifacts):
            if isinstance(report, Notification):
                assert report.level is not Level.ERROR, report
            elif report.confidence > Confidence.LOW and analyzer.name in DETECTORS[report.rule_id]:
                found[report.location.uri].add(report.rule_id)
    return found


@pytest.mark.parametrize("rule", JUDGED_HERE, ids=lambda rule: rule.id)
def test_insecure_examples_are_flagged_and_secure_ones_are_not(rule: Rule, flagged: Mapping[str, set[str]]) -> None:
    slug = rule.id.partition("/")[2]
    missed = [n for n in range(len(rule.insecure)) if rule.id not in flagged[f"{slug}/insecure_{n}.py"]]
    false = [n for n in range(len(rule.secure)) if rule.id in flagged[f"{slug}/secure_{n}.py"]]
    assert not missed, f"insecure examples not flagged: {missed}"
    assert not false, f"secure examples flagged: {false}"


@pytest.mark.parametrize("rule", JUDGED_HERE, ids=lambda rule: rule.id)
def test_each_rule_has_three_examples_of_either_side(rule: Rule) -> None:
    assert len(set(rule.insecure)) >= 3
    assert len(set(rule.secure)) >= 3
