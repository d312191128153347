from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from bluecode_lint.core.errors import RulesError
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.pairs import (
    LINE_BYTES_MAX,
    duplicates_of,
    file_name_of,
    line_from_pair,
    load_pairs,
    measure,
    pair_files,
    parse_pair,
    structure_of,
)
from bluecode_lint.sources.syntax import parse_python

SCHEMAS = rules_root() / "schema"


@pytest.fixture(scope="module")
def shipped():
    return load_pairs(pair_files(rules_root()), SCHEMAS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "knowledge" / "code").mkdir(parents=True)
    return tmp_path / "knowledge" / "code"


def document_of(pair) -> dict:
    return json.loads(line_from_pair(pair))


def test_the_shipped_pairs_are_many_proven_and_varied(shipped):
    statistics = measure(shipped, parse_python)
    assert statistics.total >= 400
    assert len(statistics.pairs) >= 60
    assert statistics.verified == statistics.pairs
    assert min(statistics.structures.values()) >= 5
    assert sum(statistics.structures.values()) == statistics.total
    assert len(statistics.frameworks) >= 8


def test_a_pair_survives_its_line(shipped):
    for pair in shipped:
        assert parse_pair(line_from_pair(pair).encode(), SCHEMAS, "x") == pair


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cwe": 79}, "another CWE"),
        ({"colour": "red"}, "colour"),
        ({"safe_code": None}, "safe_code"),
        ({"id": "CWE 78"}, "id"),
        ({"tests": {"capability": "x = 1"}}, "tests"),
        ({"verification": {"outcome": "sure", "ran": "nothing"}}, "verification.outcome"),
        ({"unsafe_code": "x" * 20_000}, "unsafe_code"),
    ],
)
def test_a_malformed_pair_is_refused_by_place_and_key(folder, shipped, change, expected):
    document = {**document_of(shipped[0]), **change}
    file = folder / file_name_of(shipped[0].cwe)
    file.write_text(json.dumps(document) + "\n", encoding="utf-8")
    with pytest.raises(RulesError, match=expected) as caught:
        load_pairs([file], SCHEMAS)
    assert f"{file.name}:1" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"id": "a", "id": "b"}', "repeated"),
        (b'{"a": NaN}', "NaN"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "nested"),
        (b"[1]", "top"),
        (b'"' + b"a" * LINE_BYTES_MAX + b'"', "longer"),
        (b"x" * 10_000_000, "longer"),
    ],
)
def test_a_hostile_line_is_refused(line, expected):
    with pytest.raises(RulesError, match=expected):
        parse_pair(line, SCHEMAS, "entry")


def test_brackets_inside_texts_are_no_nesting(shipped):
    pair = dataclasses.replace(shipped[0], scenario="Brackets everywhere: " + "[{" * 200)
    assert parse_pair(line_from_pair(pair).encode(), SCHEMAS, "x").scenario == pair.scenario


def test_two_equal_sides_are_refused(shipped):
    pair = dataclasses.replace(shipped[0], safe_code=shipped[0].unsafe_code)
    with pytest.raises(RulesError, match="same"):
        parse_pair(line_from_pair(pair).encode(), SCHEMAS, "x")


def test_an_id_given_twice_and_a_stray_file_are_refused(folder, shipped):
    file = folder / file_name_of(shipped[0].cwe)
    file.write_text(2 * (line_from_pair(shipped[0]) + "\n"), encoding="utf-8")
    with pytest.raises(RulesError, match="twice"):
        load_pairs([file], SCHEMAS)
    stray = folder / "notes.jsonl"
    stray.write_text("", encoding="utf-8")
    with pytest.raises(RulesError, match="named"):
        load_pairs([stray], SCHEMAS)


def test_a_pair_in_the_wrong_file_is_refused(folder, shipped):
    file = folder / file_name_of(9998)
    file.write_text(line_from_pair(shipped[0]) + "\n", encoding="utf-8")
    with pytest.raises(RulesError, match="belong"):
        load_pairs([file], SCHEMAS)


def test_a_missing_and_an_unreadable_file_are_refused(tmp_path):
    with pytest.raises(RulesError, match="no such file"):
        load_pairs([tmp_path / "CWE-078.jsonl"], SCHEMAS)
    (tmp_path / "CWE-079.jsonl").mkdir()
    with pytest.raises(RulesError, match="no such file"):
        load_pairs([tmp_path / "CWE-079.jsonl"], SCHEMAS)


FIRST = 'import os\n\n\ndef run(name):\n    """Doc."""\n    os.system("ls " + name)  # comment\n'


@pytest.mark.parametrize(
    "twin",
    [
        'import os\n\n\ndef start(title):\n    os.system("du " + title)\n',
        'import os\n\n\ndef run(name):\n    # another comment\n\n    os.system(\n        "ls -l " + name\n    )\n',
    ],
)
def test_names_literals_comments_and_layout_do_not_make_a_structure(twin):
    assert structure_of(FIRST, parse_python) == structure_of(twin, parse_python)


@pytest.mark.parametrize(
    "other",
    [
        'import os\n\n\ndef run(name):\n    os.popen("ls " + name)\n',
        'import os\n\n\ndef run(name):\n    os.system(f"ls {name}")\n',
        'import os\n\n\ndef run(name, flag):\n    if flag:\n        os.system("ls " + name)\n',
    ],
)
def test_calls_shapes_and_branches_make_a_structure(other):
    assert structure_of(FIRST, parse_python) != structure_of(other, parse_python)


def test_near_duplicates_count_once_and_are_named(shipped):
    renamed = dataclasses.replace(
        shipped[0], id=shipped[0].id + "-copy", unsafe_code=shipped[0].unsafe_code + "\n# copied\n"
    )
    assert duplicates_of(renamed, shipped, parse_python) == (shipped[0].id,)
    assert duplicates_of(shipped[0], shipped, parse_python) == ()
    before = measure(shipped, parse_python)
    after = measure([*shipped, renamed], parse_python)
    assert after.total == before.total + 1
    assert after.structures == before.structures


def test_a_users_directory_extends_ours(tmp_path, shipped):
    own = tmp_path / "knowledge" / "code"
    own.mkdir(parents=True)
    pair = dataclasses.replace(shipped[0], id=shipped[0].id + "-mine")
    (own / file_name_of(pair.cwe)).write_text(line_from_pair(pair) + "\n", encoding="utf-8")
    both = load_pairs([*pair_files(rules_root()), *pair_files(tmp_path)], SCHEMAS)
    assert len(both) == len(shipped) + 1
    shutil.rmtree(own)
    assert pair_files(tmp_path) == ()
