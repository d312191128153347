from __future__ import annotations

from pathlib import Path

import pytest

from bluecode_lint.guard.build import build_guard
from bluecode_lint.guard.check import RULE_OF_DOMAIN, Guard
from bluecode_lint.knowledge.catalogue import load_rules

RULES = Path(__file__).parents[2] / "rules"


@pytest.fixture(scope="session")
def guard() -> Guard:
    rules = {rule.id: rule for rule in load_rules(RULES) if rule.id in RULE_OF_DOMAIN.values()}
    return build_guard(RULES, rules)
