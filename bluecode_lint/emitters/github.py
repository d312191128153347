"""GitHub's workflow commands: each result becomes an annotation on its line of the diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.model import Level
from bluecode_lint.emitters.visible import escape_controls, visible
from bluecode_lint.emitters.wording import (
    TOOL_NAME,
    by_severity,
    explain_command,
    is_confirmed,
    live_results,
    one_line,
    replay_command,
    sentence,
    shorten,
    title_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.core.model import Notification, Region, Result, Run

_COMMANDS = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
_LONGEST_LINE = 500


class GithubEmitter:
    """Writes a command a line. Only ten annotations a step and kind are shown, so the most severe come first."""

    def emit(self, run: Run) -> str:
        """Render a run; trouble that spoils it before everything else, other remarks after the results."""
        spoiling = [note for note in run.notifications if note.level is Level.ERROR]
        remarks = [note for note in run.notifications if note.level in {Level.WARNING, Level.NOTE}]
        lines = [
            *(_annotate_notification(note) for note in spoiling),
            *(_annotate_result(result) for result in by_severity(live_results(run))),
            *(_annotate_notification(note) for note in sorted(remarks, key=lambda n: -n.level.rank)),
        ]
        return "".join(line + "\n" for line in lines)


def _annotate_result(result: Result) -> str:
    location = result.finding.location
    proven = " (proven by execution)" if is_confirmed(result) else ""
    title = visible(title_of(result.rule)) + proven
    return workflow_command(
        _COMMANDS[result.level],
        {"file": escape_controls(location.uri), **_position(location.region), "title": title},
        "\n".join(shorten(line, _LONGEST_LINE) for line in _say(result)),
    )


def _say(result: Result) -> Iterator[str]:
    """Give the lines of an annotation: what is wrong, how it was proven, where to read on."""
    yield sentence(result.finding.message)
    evidence = result.confirmation.evidence
    if is_confirmed(result) and evidence is not None:
        yield f"Entry: {sentence(evidence.entry)}"
        yield f"Payload: {one_line(evidence.payload)}"
        yield f"Effect: {sentence(evidence.effect)}"
    if command := replay_command(result):
        yield f"Run the proof again: {command}"
    yield f"How to fix it (CWE-{result.finding.cwe}): {explain_command(result.rule)}"


def _position(region: Region) -> dict[str, str]:
    """Give line and column properties. GitHub refuses columns where the lines differ."""
    lines = {"line": str(region.start_line), "endLine": str(region.end_line)}
    if region.start_line != region.end_line:
        return lines
    return {**lines, "col": str(region.start_column), "endColumn": str(region.end_column)}


def _annotate_notification(notification: Notification) -> str:
    properties = {"file": escape_controls(notification.uri)} if notification.uri else {}
    properties["title"] = f"{TOOL_NAME}: {visible(notification.id)}"
    return workflow_command(_COMMANDS[notification.level], properties, sentence(notification.message))


# --- the format ------------------------------------------------------------------------------------------------------


def workflow_command(name: str, properties: dict[str, str], message: str) -> str:
    """Write one workflow command; neither a property nor the message can end it or start another."""
    written = ",".join(f"{key}={escape_property(value)}" for key, value in properties.items())
    return f"::{name} {written}::{escape_data(message)}"


def escape_data(text: str) -> str:
    """Escape a message."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """Escape a property's value."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")
