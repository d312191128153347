from __future__ import annotations

import dataclasses
import sys

import pytest

from bluecode_lint.core.errors import RulesError, SandboxUnavailableError
from bluecode_lint.core.model import Job
from bluecode_lint.knowledge.admission import admit, store
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.pairs import line_from_pair, load_pairs, pair_files
from bluecode_lint.sandbox.landlock import LandlockSandbox
from bluecode_lint.sources.syntax import parse_python

SCHEMAS = rules_root() / "schema"


class UnusedSandbox:
    level = "unused"

    def exec(self, _job):
        pytest.fail("something was executed")


@pytest.fixture(scope="module")
def sandbox():
    opened = LandlockSandbox()
    try:
        opened.exec(Job(argv=(sys.executable, "-c", "pass")))
    except SandboxUnavailableError as error:
        pytest.skip(str(error))
    return opened


@pytest.fixture(scope="module")
def shipped():
    return load_pairs(pair_files(rules_root()), SCHEMAS)


@pytest.fixture
def fresh(shipped):
    """Make a pair of a structure nobody has: a shipped one inside another function."""
    pair = next(each for each in shipped if each.id == "cwe-078-archive-cli")
    tail = "\n\ndef describe(items):\n    return {item: len(item) for item in items if item}\n"
    return dataclasses.replace(
        pair,
        id="cwe-078-archive-described",
        unsafe_code=pair.unsafe_code + tail,
        safe_code=pair.safe_code + tail,
        outcome="unverified",
        ran="not yet",
    )


def line_of(pair) -> bytes:
    return line_from_pair(pair).encode()


def test_a_new_proven_pair_is_let_in_and_kept_sorted(tmp_path, fresh, shipped, sandbox):
    pair = admit(line_of(fresh), shipped, SCHEMAS, parse=parse_python, sandbox=sandbox)
    assert pair.is_verified
    target = store(pair, tmp_path, SCHEMAS)
    earlier = dataclasses.replace(pair, id="cwe-078-aaa")
    assert store(earlier, tmp_path, SCHEMAS) == target
    assert [each.id for each in load_pairs([target], SCHEMAS)] == ["cwe-078-aaa", pair.id]
    assert store(pair, tmp_path, SCHEMAS) == target
    assert len(load_pairs([target], SCHEMAS)) == 2


def test_nothing_runs_before_the_cheap_checks(fresh, shipped):
    refused = {
        "already": dataclasses.replace(fresh, id=shipped[0].id, cwe=shipped[0].cwe),
        "structure of cwe-078-archive-cli": dataclasses.replace(
            next(each for each in shipped if each.id == "cwe-078-archive-cli"), id="cwe-078-copy"
        ),
        "another CWE": dataclasses.replace(fresh, cwe=79),
        "same": dataclasses.replace(fresh, safe_code=fresh.unsafe_code),
    }
    for reason, pair in refused.items():
        with pytest.raises(RulesError, match=reason):
            admit(line_of(pair), shipped, SCHEMAS, parse=parse_python, sandbox=UnusedSandbox())
    for line in (b"", b"{", b"x" * 10_000_000, b"[[" * 10_000):
        with pytest.raises(RulesError):
            admit(line, shipped, SCHEMAS, parse=parse_python, sandbox=UnusedSandbox())


def test_an_unproven_pair_stays_out(fresh, shipped, sandbox):
    harmless = dataclasses.replace(fresh, unsafe_code=fresh.safe_code + "\n# nothing wrong here\nEXTRA = {}\n")
    with pytest.raises(RulesError, match=r"not proven: unsafe\.safety passed"):
        admit(line_of(harmless), shipped, SCHEMAS, parse=parse_python, sandbox=sandbox)


def test_a_directory_that_cannot_be_written_is_told(tmp_path, fresh):
    (tmp_path / "knowledge").write_text("")
    with pytest.raises(RulesError, match="cannot be written"):
        store(fresh, tmp_path, SCHEMAS)
