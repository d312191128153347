from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Level, RuleKind
from bluecode_lint.knowledge.catalogue import load_rules, rules_root

if TYPE_CHECKING:
    from pathlib import Path

RULE = """\
id: bluecode/open-door
name: OpenDoor
cwe: 284
kind: flow
level: warning
security-severity: 5.0
precision: high
message: The door stays open and anyone walks in.
help: |-
  Close the door, *always*.
detectors: [flow]
tags: [access]
examples:
  insecure: ["door.open()"]
  secure: ["door.close()"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(rules_root() / "schema", tmp_path / "schema")
    return tmp_path


def write(root: Path, text: str, name: str = "open-door.yaml") -> None:
    (root / name).write_text(text, encoding="utf-8")


def test_loads_a_rule(root):
    write(root, RULE)
    (rule,) = load_rules(root)
    assert (rule.id, rule.cwe, rule.kind, rule.level) == ("bluecode/open-door", 284, RuleKind.FLOW, Level.WARNING)
    assert rule.insecure == ("door.open()",)
    assert rule.help == "Close the door, *always*."


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("kind: flow", "kind: guess", "kind"),
        ("cwe: 284", "cwe: '284'", "cwe"),
        ("security-severity: 5.0", "security-severity: 11", "security-severity"),
        ("tags: [access]", "colour: red", "colour"),
        ("precision: high\n", "", "precision"),
        ("bluecode/open-door", "bluecode/open-window", "does not match"),
        ("tags: [access]", "cwe: 22", "repeated key cwe"),
        ("tags: [access]", "tags: &a [x]", "aliases"),
        ("tags: [access]", "tags: !!python/name:os.system", "YAML"),
        ("tags: [access]", "tags: [", "YAML"),
        ('secure: ["door.close()"]', "secure: []", "examples.secure"),
    ],
)
def test_a_malformed_rule_is_refused_by_file_and_key(root, before, after, expected):
    assert before in RULE
    write(root, RULE.replace(before, after))
    with pytest.raises(RulesError) as caught:
        load_rules(root)
    assert "open-door.yaml" in str(caught.value)
    assert expected in str(caught.value)


def test_an_alias_bomb_is_refused_before_it_expands(root):
    lines = ["a0: &a0 {k: v}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 20)]
    write(root, "\n".join(lines))
    with pytest.raises(RulesError, match="aliases"):
        load_rules(root)


def test_deep_nesting_and_size_are_refused(root):
    write(root, "id: " + "[" * 100_000)
    with pytest.raises(RulesError, match="YAML"):
        load_rules(root)
    write(root, RULE + "#" * 300_000)
    with pytest.raises(RulesError, match="larger"):
        load_rules(root)


def test_two_rules_of_one_name_are_refused(root):
    write(root, RULE)
    write(root, RULE.replace("open-door", "open-gate"), "open-gate.yaml")
    with pytest.raises(RulesError, match="OpenDoor"):
        load_rules(root)


def test_no_rules_at_all_is_an_error(root):
    with pytest.raises(RulesError, match="no rules"):
        load_rules(root)


def test_the_cache_answers_the_same_and_a_damaged_one_is_ignored(root, tmp_path):
    write(root, RULE)
    cache = tmp_path / "cache"
    fresh = load_rules(root, cache=cache)
    (entry,) = cache.glob("rule-*.json")
    assert load_rules(root, cache=cache) == fresh
    entry.write_text("{", encoding="utf-8")
    assert load_rules(root, cache=cache) == fresh
    assert json.loads(entry.read_text(encoding="utf-8"))["documents"]
    write(root, RULE.replace("5.0", "6.0"))
    assert load_rules(root, cache=cache)[0].security_severity == 6.0


def test_a_cache_that_cannot_be_written_changes_nothing(root, tmp_path):
    write(root, RULE)
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert load_rules(root, cache=blocked) == load_rules(root)


def test_the_shipped_rules_are_valid():
    root = rules_root()
    if not list(root.glob("*.yaml")):
        pytest.skip("no rule has been written yet")
    rules = load_rules(root)
    assert len({rule.id for rule in rules}) == len(rules)
