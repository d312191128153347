"""The report for people: source with the defect underlined, how the data got there, the proof, and what to do."""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from bluecode_lint.core.model import Applicability, Judgment, Level, Outcome
from bluecode_lint.emitters.excerpt import Row, excerpt, notes_by_file, split_lines
from bluecode_lint.emitters.visible import visible, visible_lines
from bluecode_lint.emitters.wording import (
    advice_of,
    coverage,
    explain_command,
    fixable,
    is_confirmed,
    live_results,
    one_line,
    plural,
    replay_command,
    runs_words,
    sentence,
    short_fingerprint,
    shorten,
    slug_of,
    tally,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bluecode_lint.core.model import Notification, Result, Run

_STYLES = {Level.ERROR: "bold red", Level.WARNING: "bold yellow", Level.NOTE: "bold cyan", Level.NONE: "dim"}
_GUTTER = "blue"
_QUIET = "dim"
_PROVEN = "bold magenta"

_NARROWEST = 40
_MOST_ADVICE_LINES = 16
_MOST_OF_A_KIND = 5
_LONGEST_PAYLOAD = 300
_KEY_WIDTH = 9


class TextEmitter:
    """Writes for a terminal of ``width`` cells; ``verbose`` adds what is usually only in the JSON report."""

    def __init__(self, *, color: bool = False, width: int = 100, verbose: bool = False) -> None:
        self._color = color
        self._width = max(width, _NARROWEST)
        self._verbose = verbose

    def emit(self, run: Run) -> str:
        """Render a run: its results in the order of the source, our own trouble, the counts."""
        page = _Page(run, color=self._color, width=self._width, verbose=self._verbose)
        for result in live_results(run):
            page.write_result(result)
        if self._verbose:
            page.write_set_aside()
        page.write_notifications()
        page.write_summary()
        return page.text()


class _Page:
    """A report under construction."""

    def __init__(self, run: Run, *, color: bool, width: int, verbose: bool) -> None:
        self.run = run
        self.width = width
        self.verbose = verbose
        self.buffer = io.StringIO()
        # An empty environment: what is written depends on the arguments alone.
        self.console = Console(
            file=self.buffer,
            force_terminal=color,
            color_system="standard" if color else None,
            no_color=not color,
            width=width,
            legacy_windows=False,
            force_jupyter=False,
            highlight=False,
            markup=False,
            emoji=False,
            _environ={},
        )
        self.highlighter = Syntax("", "python", theme="ansi_dark") if color else None
        self.lines = {artifact.uri: split_lines(artifact.text) for artifact in run.artifacts}
        self.advised: set[str] = set()

    def text(self) -> str:
        """Give what was written, without blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in self.buffer.getvalue().split("\n"))

    def line(self, *parts: str | tuple[str, str] | Text) -> None:
        """Write one line as it is: neither wrapped nor cut."""
        text = Text.assemble(*parts)
        if self.highlighter is None:
            self.buffer.write(text.plain + "\n")
        else:
            self.console.print(text, soft_wrap=True)

    # --- a result ----------------------------------------------------------------------------------------------------

    def write_result(self, result: Result) -> None:
        """Write one result in full."""
        finding = result.finding
        heading = Text.assemble(
            (f"{result.level}[{slug_of(finding.rule_id)}]", _STYLES[result.level]),
            (" proven" if is_confirmed(result) else "", _PROVEN),
            ": ",
            (sentence(finding.message), "bold"),
        )
        for line in heading.wrap(self.console, self.width):
            self.line(line)
        self.write_source(result)
        for key, style, body in self.remarks(result):
            self.write_remark(key, style, body)
        self.line()

    def write_source(self, result: Result) -> None:
        """Write the excerpts: that of the defect first, then those of other files its data came through."""
        location = result.finding.location
        notes = notes_by_file(result)
        gutter = len(str(max(note.region.end_line for group in notes.values() for note in group)))
        room = self.width - gutter - 3
        for uri in sorted(notes, key=lambda name: name != location.uri):
            first = location.region if uri == location.uri else notes[uri][0].region
            arrow = "-->" if uri == location.uri else ":::"
            place = f"{visible(uri)}:{first.start_line}:{first.start_column}"
            weakness = f"  CWE-{result.finding.cwe}" if uri == location.uri else ""
            self.line(" " * gutter, (arrow, _GUTTER), f" {place}", (weakness, _QUIET))
            rows = excerpt(self.lines.get(uri, ()), notes[uri], room)
            if not rows and uri == location.uri:
                rows = [Row(first.start_line, visible(result.finding.snippet))]
            self.line(" " * gutter, (" |", _GUTTER))
            for row in rows:
                self.write_row(row, gutter, room)
        self.line(" " * gutter, (" |", _GUTTER))

    def write_row(self, row: Row, gutter: int, room: int) -> None:
        """Write a line of source and its underlines, a line each."""
        if not row.number:
            self.line((f"{'.' * min(gutter, 3):>{gutter}}", _GUTTER))
            return
        self.line((f"{row.number:>{gutter}} | ", _GUTTER), self.highlighted(row.text))
        edge = (" " * gutter + " | ", _GUTTER)
        for mark in row.marks:
            style = "bold red" if mark.primary else "bold blue"
            underline = ("^" if mark.primary else "-") * mark.width
            label = shorten(mark.label, room)
            if mark.start + mark.width + 1 + len(label) <= room:
                self.line(edge, " " * mark.start, (f"{underline} {label}", style))
                continue
            self.line(edge, " " * mark.start, (underline, style))
            self.line(edge, " " * max(0, min(mark.start, room - len(label))), (label, style))

    def highlighted(self, code: str) -> Text:
        """Colour a line of Python, if there is colour."""
        if self.highlighter is None:
            return Text(code)
        text = self.highlighter.highlight(code)
        text.rstrip()
        text.no_wrap = True
        return text

    def remarks(self, result: Result) -> Iterator[tuple[str, str, str]]:
        """Give what is known beside the source: keyword, its style, and words."""
        yield from _proof(result)
        yield from _judgment(result)
        yield from _cited(result)
        if self.verbose:
            yield from _identity(result)
        if result.fix is not None:
            unsafe = " (unsafe)" if result.fix.applicability is Applicability.UNSAFE else ""
            yield "[*]", "bold green", f"{one_line(result.fix.description)}{unsafe}"
        if result.rule.id not in self.advised:
            self.advised.add(result.rule.id)
            yield "fix", "bold green", _short_advice(result)
        else:
            yield "fix", "bold green", f"as above, or: {explain_command(result.rule)}"

    def write_remark(self, key: str, style: str, body: str) -> None:
        """Write a keyword and its words, wrapped with a hanging indent; lines of code in them are kept as they are."""
        room = self.width - _KEY_WIDTH - 5
        label: tuple[str, str] = (f"{key:<{_KEY_WIDTH}}", style)
        for line in body.split("\n"):
            text = Text(visible(line))
            indent = len(line) - len(line.lstrip())
            wrapped = [text] if indent else text.wrap(self.console, room)
            for piece in wrapped or [Text("")]:
                self.line("  ", ("= " if label[0].strip() else "  ", _GUTTER), label, piece)
                label = (" " * _KEY_WIDTH, "")

    # --- the rest ----------------------------------------------------------------------------------------------------

    def write_set_aside(self) -> None:
        """Write one line for each result that does not count, and why."""
        aside = [result for result in self.run.results if not result.counts]
        for result in sorted(aside, key=lambda r: r.finding.sort_key):
            location = result.finding.location
            place = f"{visible(location.uri)}:{location.region.start_line}:{location.region.start_column}"
            accepted = "; ".join(f"{one_line(s.kind)}: {one_line(s.justification)}" for s in result.suppressions)
            why = f"suppressed ({accepted})" if accepted else f"passed ({one_line(result.reason)})"
            self.line((f"{place} {slug_of(result.finding.rule_id)} {why}", _QUIET))
        if aside:
            self.line()

    def write_notifications(self) -> None:
        """Write our own trouble, the worst first; of many alike, five unless verbose."""
        ordered = sorted(self.run.notifications, key=lambda n: (-n.level.rank, n.id, n.uri, n.message))
        for (level, name), group in groupby(ordered, key=lambda n: (n.level, n.id)):
            alike = list(group)
            shown = alike if self.verbose or level is Level.ERROR else alike[:_MOST_OF_A_KIND]
            for notification in shown:
                self.write_notification(notification)
            if len(alike) > len(shown):
                self.line(("  ", ""), (f"and {len(alike) - len(shown)} more of {visible(name)}; -v shows them", _QUIET))
        if ordered:
            self.line()

    def write_notification(self, notification: Notification) -> None:
        """Write one remark on the scan itself."""
        place = f"{visible(notification.uri)}: " if notification.uri else ""
        text = Text.assemble(
            (f"{notification.level}", _STYLES[notification.level]),
            (f"({visible(notification.id)})", _QUIET),
            f": {place}{sentence(notification.message)}",
        )
        for line in text.wrap(self.console, self.width):
            self.line(line)

    def write_summary(self) -> None:
        """Write the counts: a table by level if there is anything in it, and what was looked at."""
        rows = tally(self.run)
        if any(row.results or row.suppressed for row in rows):
            self.line((f"{'':8}{'results':>9}{'proven':>9}{'suppressed':>12}", _QUIET))
            for row in rows:
                style = _STYLES[row.level] if row.results else _QUIET
                proven = _PROVEN if row.confirmed else _QUIET
                self.line(
                    (f"{row.level:<8}", style),
                    (f"{row.results:>9,}", style),
                    (f"{row.confirmed:>9,}", proven),
                    (f"{row.suppressed:>12,}", _QUIET),
                )
            self.line()
        if not self.run.execution_successful:
            self.line(("This scan is not to be trusted: see the errors above.", "bold red"))
        total = sum(row.results for row in rows)
        counted = plural(total, "result") if total else "No results"
        style = "bold" if total or not self.run.execution_successful else "bold green"
        fixed = self.run.statistics.get("fixed", 0)
        done = f" ({fixed:,} fixed before)" if fixed else ""
        for line in Text.assemble((counted, style), coverage(self.run), f".{done}").wrap(self.console, self.width):
            self.line(line)
        if hint := fixable(self.run):
            for line in Text(hint, "bold green").wrap(self.console, self.width):
                self.line(line)


# --- what is said of a result ----------------------------------------------------------------------------------------


def _proof(result: Result) -> Iterator[tuple[str, str, str]]:
    """Tell what execution showed: three lines that a person can check, and the command to see it again."""
    confirmation, evidence = result.confirmation, result.confirmation.evidence
    if is_confirmed(result):
        where = f"in the {confirmation.sandbox} sandbox" if confirmation.sandbox else "by execution"
        lines = [f"{where}, {runs_words(confirmation.runs)}"]
        if evidence is not None:
            lines += [
                f"entry    {one_line(evidence.entry)}",
                f"payload  {shorten(one_line(evidence.payload), _LONGEST_PAYLOAD)}",
                f"effect   {one_line(evidence.effect)}",
            ]
        if command := replay_command(result):
            lines.append(f"again    {command}")
        yield "proof", _PROVEN, "\n".join(lines)
    elif confirmation.outcome is Outcome.NEUTRALIZED:
        yield "attacked", _QUIET, f"every attack was inert ({runs_words(confirmation.runs)})"
    elif confirmation.outcome is Outcome.INCONCLUSIVE:
        reason = f": {one_line(confirmation.reason)}" if confirmation.reason else ""
        yield "attacked", _QUIET, f"without a conclusion{reason}"


def _judgment(result: Result) -> Iterator[tuple[str, str, str]]:
    verdict = result.verdict
    if verdict.judgment is not Judgment.UNDECIDED:
        by = f" by the {verdict.reasoner} reasoner" if verdict.reasoner else ""
        rationale = f": {sentence(verdict.rationale)}" if verdict.rationale else ""
        yield "judged", _QUIET, f"{verdict.judgment}{by}{rationale}"


def _cited(result: Result) -> Iterator[tuple[str, str, str]]:
    principles = {r.constitution.id: (r.constitution.principle, r.score) for r in result.retrieved}
    for name in result.verdict.cited:
        if name in principles:
            principle, score = principles[name]
            yield "by", _QUIET, f"{visible(name)} ({score:.2f}): {sentence(principle)}"
        else:
            yield "by", _QUIET, visible(name)


def _identity(result: Result) -> Iterator[tuple[str, str, str]]:
    finding = result.finding
    names = [f"CWE-{finding.cwe}", f"{finding.confidence.word} confidence", *map(visible, finding.aliases)]
    yield "known as", _QUIET, ", ".join([*names, short_fingerprint(result)])
    yield "because", _QUIET, one_line(result.reason)


def _short_advice(result: Result) -> str:
    """Give the advice, indented code in place of fences, cut where it would bury the results."""
    lines = list(_unfenced(visible_lines(advice_of(result.rule)).split("\n")))
    explain = explain_command(result.rule)
    if len(lines) <= _MOST_ADVICE_LINES:
        return "\n".join([*lines, f"More: {explain}"])
    return "\n".join([*lines[:_MOST_ADVICE_LINES], f"… the rest: {explain}"])


def _unfenced(lines: Iterable[str]) -> Iterator[str]:
    in_code = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif in_code:
            yield f"    {line}"
        elif line.strip():
            yield line.strip()
