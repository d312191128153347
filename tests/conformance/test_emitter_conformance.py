"""What every emitter must hold, whatever its format."""

from __future__ import annotations

import importlib.util
import random
import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluecode_lint.core.model import Artifact, Level, Notification, Region
from bluecode_lint.core.protocols import Emitter
from bluecode_lint.emitters.github import GithubEmitter
from bluecode_lint.emitters.html import HtmlEmitter
from bluecode_lint.emitters.json import JsonEmitter
from bluecode_lint.emitters.sarif import SarifEmitter
from bluecode_lint.emitters.text import TextEmitter

EMITTERS = {
    "sarif": SarifEmitter(),
    "json": JsonEmitter(),
    "github": GithubEmitter(),
    "html": HtmlEmitter(),
    "text": TextEmitter(),
    "text-narrow-verbose": TextEmitter(width=40, verbose=True),
    "text-color": TextEmitter(color=True),
}
COLOR = re.compile(r"\x1b\[[0-9;]*m")
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def load_samples():
    path = Path(__file__).parents[1] / "emitters" / "sample_run.py"
    spec = importlib.util.spec_from_file_location("sample_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SAMPLES = load_samples()
RUN = SAMPLES.make_run()
EMPTY = replace(RUN, artifacts=(), rules=(), results=(), notifications=(), statistics={}, tool_version="")

every_emitter = pytest.mark.parametrize("emitter", EMITTERS.values(), ids=EMITTERS.keys())


@every_emitter
def test_it_is_an_emitter(emitter):
    assert isinstance(emitter, Emitter)


@every_emitter
def test_equal_runs_give_equal_reports(emitter):
    assert emitter.emit(RUN) == emitter.emit(SAMPLES.make_run())


@every_emitter
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_results_does_not_matter(emitter, seed):
    shuffled = list(RUN.results)
    random.Random(seed).shuffle(shuffled)
    assert emitter.emit(replace(RUN, results=tuple(shuffled))) == emitter.emit(RUN)


@every_emitter
def test_the_environment_does_not_matter(emitter, monkeypatch, tmp_path):
    before = emitter.emit(RUN)
    for name, value in {
        "NO_COLOR": "1",
        "COLUMNS": "30",
        "TERM": "dumb",
        "FORCE_COLOR": "1",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert emitter.emit(RUN) == before


@every_emitter
def test_an_empty_run_is_reported(emitter):
    assert emitter.emit(EMPTY) == "" or emitter.emit(EMPTY).endswith("\n")


@every_emitter
def test_every_live_result_and_every_trouble_is_named(emitter):
    report = emitter.emit(RUN)
    for result in RUN.results:
        if result.counts:
            assert result.finding.rule_id.removeprefix("bluecode/") in report
    for notification in RUN.notifications:
        assert notification.id in report


@every_emitter
def test_trouble_is_named_when_nothing_was_found(emitter):
    assert "analyzer-crashed" in emitter.emit(SAMPLES.make_untrusted_run())


@every_emitter
def test_a_result_in_a_file_whose_text_is_gone_is_reported(emitter):
    assert "os-command-injection" in emitter.emit(replace(RUN, artifacts=()))


@every_emitter
def test_a_region_beyond_the_text_is_reported(emitter):
    result = RUN.results[0]
    beyond = replace(result.finding.location, region=Region(9_999, 7, 10_001, 3))
    moved = replace(result, finding=replace(result.finding, location=beyond))
    assert "9999" in emitter.emit(replace(RUN, results=(moved,)))


# --- hostile text ----------------------------------------------------------------------------------------------------


def infect(value, poison):
    """Append a text to every string anywhere in a run, but for what chooses the form of the report."""
    if isinstance(value, Enum | int | float) or value is None:
        return value
    if isinstance(value, str):
        return value + poison
    if isinstance(value, Artifact):
        return SAMPLES.make_artifact(value.uri + poison, value.text.replace("\n", poison + "\n"))
    if is_dataclass(value):
        return replace(value, **{f.name: infect(getattr(value, f.name), poison) for f in fields(value)})
    if isinstance(value, tuple):
        return tuple(infect(item, poison) for item in value)
    return value


poisons = st.one_of(
    st.sampled_from(
        ["\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\r\n::error::x", "\u202e", "]0;", "[bold]", "{0}", "%0A", "\ud800"]
    ),
    st.text(max_size=8),
)


@every_emitter
@settings(max_examples=25, deadline=None)
@given(poison=poisons)
def test_text_from_scanned_code_steers_nothing(emitter, poison):
    report = (
        COLOR.sub("", emitter.emit(infect(RUN, poison)))
        if emitter is EMITTERS["text-color"]
        else emitter.emit(infect(RUN, poison))
    )
    assert CONTROL.search(report) is None
    report.encode("utf-8")


@every_emitter
def test_notifications_of_level_none_do_not_break_it(emitter):
    emitter.emit(replace(RUN, notifications=(Notification(Level.NONE, "remark", "All is well"),)))
