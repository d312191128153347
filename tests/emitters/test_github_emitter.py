"""Workflow commands say what was meant, and nothing else can be smuggled into them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import Level, Location, Region
from bluecode_lint.emitters.github import GithubEmitter, escape_data, escape_property, workflow_command


def unescape(text: str, *, is_property: bool = False) -> str:
    """Read as the runner does: its replacements in its order."""
    for escaped, character in [("%0D", "\r"), ("%0A", "\n"), *([("%3A", ":"), ("%2C", ",")] if is_property else [])]:
        text = text.replace(escaped, character)
    return text.replace("%25", "%")


def parse(command: str) -> tuple[str, dict[str, str], str]:
    """Take a command apart as the runner does: at the first ``::`` after the opening one, at commas, at ``=``."""
    head, _, message = command.removeprefix("::").partition("::")
    name, _, written = head.partition(" ")
    pairs = (pair.partition("=") for pair in written.split(",") if pair)
    return name, {key: unescape(value, is_property=True) for key, _, value in pairs}, unescape(message)


texts = st.text(st.one_of(st.sampled_from("%:,\r\n=0ADd2C5 "), st.characters(exclude_categories=["Cs"])))


@given(texts)
def test_messages_survive(text):
    assert unescape(escape_data(text)) == text
    assert not set("\r\n") & set(escape_data(text))


@given(texts)
def test_properties_survive(text):
    assert unescape(escape_property(text), is_property=True) == text
    assert not set("\r\n:,") & set(escape_property(text))


@given(texts, texts, texts)
def test_commands_survive(file, title, message):
    command = workflow_command("error", {"file": file, "title": title}, message)
    assert len(command.splitlines()) == 1 or "\n" not in command
    assert parse(command) == ("error", {"file": file, "title": title}, message)


def commands(run):
    return [parse(line) for line in GithubEmitter().emit(run).split("\n") if line]


def test_levels_become_commands(run):
    assert [name for name, _, _ in commands(run)] == ["error", "warning", "notice", "warning", "notice"]


def test_the_most_severe_comes_first_and_trouble_before_it(run, samples):
    trouble = samples.make_untrusted_run().notifications
    (first, second, *_) = commands(replace(run, notifications=(*run.notifications, *trouble)))
    assert first[1]["title"] == "bluecode-lint: analyzer-crashed"
    assert second[1]["title"] == "OS command injection (proven by execution)"


def test_suppressed_and_passed_results_are_left_out(run):
    titles = [properties["title"] for _, properties, _ in commands(run)]
    assert sum(not title.startswith("bluecode-lint:") for title in titles) == 3


def test_columns_only_where_the_lines_are_equal(run):
    proven, query = (properties for _, properties, _ in commands(run)[:2])
    assert {key: proven[key] for key in ("line", "endLine", "col", "endColumn")} == {
        "line": "16",
        "endLine": "16",
        "col": "22",
        "endColumn": "52",
    }
    assert (query["line"], query["endLine"]) == ("6", "10")
    assert not {"col", "endColumn"} & query.keys()


def test_a_proof_is_told_in_lines(run):
    _, _, message = commands(run)[0]
    assert [line.partition(":")[0] for line in message.split("\n")[1:4]] == ["Entry", "Payload", "Effect"]
    assert "bluecode-lint replay " in message


def test_a_file_name_cannot_start_a_command(run):
    hostile = Location("a.py\n::stop-commands::x", Region(1, 1, 1, 2))
    result = replace(run.results[0], finding=replace(run.results[0].finding, location=hostile))
    (line,) = GithubEmitter().emit(replace(run, results=(result,), notifications=())).splitlines()
    assert line.startswith("::error file=a.py\\n%3A%3Astop-commands%3A%3Ax,")


def test_results_of_level_none_do_not_count_as_annotations(run):
    assert commands(replace(run, results=(replace(run.results[0], level=Level.NONE),), notifications=())) == []
