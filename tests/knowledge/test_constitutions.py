from __future__ import annotations

import shutil

import pytest

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.weaknesses import FAMILIES, family_of
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.constitutions import check_references, load_constitutions
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.reasoners.predicates import PREDICATES

ROOT = rules_root()

ONE = """\
constitutions:
  - id: cwe-078-x
    domain: code
    cwe: 78
    principle: Do not glue values into shell text.
    unsafe_when:
      - words: A shell runs it
        predicate: calls
        arguments: [os.system]
    safe_when:
      - words: No shell runs it
    rationale: A shell reads characters.
    examples: [cwe-078-archive-cli]
    provenance: written by hand
"""


@pytest.fixture(scope="module")
def shipped():
    return load_constitutions(ROOT, ROOT / "schema")


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "schema", tmp_path / "schema")
    (tmp_path / "constitutions").mkdir()
    return tmp_path


def load(root):
    return load_constitutions(root, root / "schema")


def test_the_shipped_ones_are_many_and_refer_to_what_exists(shipped):
    pairs = {pair.id: pair for pair in load_pairs(pair_files(ROOT), ROOT / "schema")}
    check_references(shipped, pairs, PREDICATES)
    assert len(shipped) >= 200
    assert len({constitution.cwe for constitution in shipped}) >= 60
    for constitution in shipped:
        assert {pairs[example].cwe for example in constitution.examples} <= {constitution.cwe}


def test_every_family_has_a_generic_principle(shipped):
    generic = {family_of(each.cwe) for each in shipped if each.id.startswith("generic-")}
    assert generic == set(FAMILIES)


def test_every_weakness_of_the_knowledge_base_has_a_principle(shipped):
    weaknesses = {pair.cwe for pair in load_pairs(pair_files(ROOT), ROOT / "schema")}
    assert weaknesses <= {constitution.cwe for constitution in shipped}


def test_one_is_read(root):
    (root / "constitutions" / "a.yaml").write_text(ONE, encoding="utf-8")
    (constitution,) = load(root)
    assert constitution.unsafe_when[0].arguments == ("os.system",)
    assert constitution.safe_when[0].predicate == ""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("domain: code", "domain: cooking", "domain"),
        ("    cwe: 78\n", "", "cwe"),
        ("predicate: calls", "predicate: Calls()", "predicate"),
        ("        predicate: calls\n", "", "predicate"),
        ("provenance: written by hand", "provenance: [x]", "provenance"),
        ("rationale:", "reason:", "'reason' was unexpected|'rationale' is a required"),
    ],
)
def test_a_malformed_one_is_refused(root, before, after, expected):
    assert before in ONE
    (root / "constitutions" / "a.yaml").write_text(ONE.replace(before, after), encoding="utf-8")
    with pytest.raises(RulesError, match=expected):
        load(root)


def test_an_id_given_twice_is_refused(root):
    for name in ("a", "b"):
        (root / "constitutions" / f"{name}.yaml").write_text(ONE, encoding="utf-8")
    with pytest.raises(RulesError, match="twice"):
        load(root)


def test_unknown_examples_and_predicates_are_refused(root):
    (root / "constitutions" / "a.yaml").write_text(ONE, encoding="utf-8")
    constitutions = load(root)
    check_references(constitutions, {"cwe-078-archive-cli"}, {"calls"})
    with pytest.raises(RulesError, match="archive-cli"):
        check_references(constitutions, set(), {"calls"})
    with pytest.raises(RulesError, match="calls"):
        check_references(constitutions, {"cwe-078-archive-cli"}, set())


def test_a_warm_start_gives_the_same(tmp_path, shipped):
    load_constitutions(ROOT, ROOT / "schema", cache=tmp_path)
    assert load_constitutions(ROOT, ROOT / "schema", cache=tmp_path) == shipped
