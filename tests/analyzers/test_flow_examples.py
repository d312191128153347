"""The examples of the rules that the flow analysis finds alone: it flags each insecure one and no secure one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
import yaml

from bluecode_lint.analyzers.flow import FlowAnalyzer
from bluecode_lint.core.model import Artifact, Clearance, Confidence, Finding, RuleKind
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from bluecode_lint.core.model import Rule

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}


def detectors_of(rule: Rule) -> list[str]:
    document = yaml.safe_load((ROOT / f"{rule.id.partition('/')[2]}.yaml").read_text(encoding="utf-8"))
    return list(document["detectors"])


OURS = [rule for rule in RULES.values() if rule.kind is RuleKind.FLOW and detectors_of(rule) == ["flow"]]


@pytest.fixture(scope="module")
def analyzer() -> FlowAnalyzer:
    return FlowAnalyzer(ROOT, RULES)


def flagged(analyzer: FlowAnalyzer, rule: Rule, text: str) -> bool:
    artifact = Artifact("app/mod.py", "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))
    found = [f for f in analyzer.analyze([artifact]) if not isinstance(f, Clearance)]
    assert all(isinstance(f, Finding) for f in found), found
    return any(f.rule_id == rule.id and f.confidence > Confidence.LOW for f in found)


def test_there_are_flow_rules():
    assert len(OURS) >= 25


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id.partition("/")[2])
def test_insecure_examples_are_flagged(rule, analyzer):
    assert len(rule.insecure) >= 3
    assert [n for n, text in enumerate(rule.insecure) if not flagged(analyzer, rule, text)] == []


@pytest.mark.parametrize("rule", OURS, ids=lambda rule: rule.id.partition("/")[2])
def test_secure_examples_are_not_flagged(rule, analyzer):
    assert len(rule.secure) >= 3
    assert [n for n, text in enumerate(rule.secure) if flagged(analyzer, rule, text)] == []
