"""Have an analyzer look again at programs that hide their calls and values, written plainly."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Clearance, Finding, Location, Notification, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Analyzer

_SNIPPET_MAX = 200


class PlainTextAnalyzer:
    """Runs an analyzer, and runs it again on what is not written plainly, whose findings are brought to the original.

    ``plain`` gives the same program in another text with the same lines, or the artifact itself. ``instead``: the
    analyzer looks at the plain text only, because that is what it knows.
    """

    def __init__(self, inner: Analyzer, plain: Callable[[Artifact], Artifact], *, instead: bool = False) -> None:
        """Wrap ``inner``."""
        self._inner = inner
        self._plain = plain
        self._instead = instead

    @property
    def name(self) -> str:
        """Give the name of the analyzer that looks."""
        return self._inner.name

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Clearance | Notification]:
        """Report what is found in either text, one defect once. The original's troubles only are told."""
        written = {a.uri: self._plain(a) if a.language == "python" else a for a in artifacts}
        changed = {a.uri: _Lines(a, written[a.uri]) for a in artifacts if written[a.uri] is not a}
        known: set[tuple[str, str, int]] = set()
        for item in self._inner.analyze([a for a in artifacts if not (self._instead and a.uri in changed)]):
            if isinstance(item, Finding):
                known.add(_key(item))
            yield item
        for item in self._inner.analyze([written[uri] for uri in changed]) if changed else ():
            if isinstance(item, Notification):
                if self._instead:
                    yield item
            elif isinstance(item, Clearance):
                yield replace(item, location=changed[item.location.uri].place(item.location, changed))
            elif _key(item) not in known:
                yield _brought_back(item, changed)


def _key(finding: Finding) -> tuple[str, str, int]:
    return finding.rule_id, finding.location.uri, finding.location.region.start_line


def _brought_back(finding: Finding, changed: dict[str, _Lines]) -> Finding:
    lines = changed[finding.location.uri]
    place = lines.place(finding.location, changed)
    snippet = finding.snippet if place == finding.location else lines.text(place.region)[:_SNIPPET_MAX]
    return replace(
        finding,
        location=place,
        snippet=snippet,
        code_flow=tuple(lines.place(step, changed) for step in finding.code_flow),
        related=tuple(sorted({lines.place(step, changed) for step in finding.related})),
    )


class _Lines:
    """The lines of a program and of its plain text, which are as many."""

    def __init__(self, original: Artifact, plain: Artifact) -> None:
        self._original = original.text.split("\n")
        self._plain = plain.text.split("\n")

    def place(self, location: Location, changed: dict[str, _Lines]) -> Location:
        """Give the place in the original: the same one on an unchanged line, the whole of a changed one."""
        lines = changed.get(location.uri)
        if lines is None:
            return location
        region = location.region
        start, end = region.start_column, region.end_column
        if lines.is_changed(region.start_line):
            text = lines.line(region.start_line)
            start = len(text) - len(text.lstrip()) + 1
        if lines.is_changed(region.end_line):
            end = len(lines.line(region.end_line).rstrip()) + 1
        return replace(location, region=Region(region.start_line, start, region.end_line, end))

    def line(self, number: int) -> str:
        return self._original[number - 1] if number <= len(self._original) else ""

    def is_changed(self, number: int) -> bool:
        return number > len(self._plain) or self.line(number) != self._plain[number - 1]

    def text(self, region: Region) -> str:
        """Give the original text of a region."""
        lines = [self.line(number) for number in range(region.start_line, region.end_line + 1)]
        lines[-1] = lines[-1][: region.end_column - 1]
        lines[0] = lines[0][region.start_column - 1 :]
        return "\n".join(lines)
