"""Find functions that are built like a program of the knowledge base whose defect was proven by execution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from bluecode_lint.core.model import Confidence, Finding, Level, Location, Notification, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Rule
    from bluecode_lint.core.protocols import Node, Syntax

RULE_ID = "bluecode/known-vulnerable-shape"
_SNIPPET_MAX = 200


class Shape(Protocol):
    """A known unsafe function."""

    @property
    def pair_id(self) -> str:
        """The pair of the knowledge base that it stands in."""

    @property
    def cwe(self) -> int:
        """Its weakness."""


class Recognition(Protocol):
    """A function of known shape."""

    @property
    def shape(self) -> Shape:
        """The known function."""

    @property
    def node(self) -> Node:
        """Where in the recognised function the known one has its defect."""


class KnownShapeAnalyzer:
    """Asks the knowledge base what it recognises in each file. ``recognise`` is given, and made when first needed."""

    name = "knowledge"

    def __init__(
        self, rules: Mapping[str, Rule], open_knowledge: Callable[[], Callable[[Syntax], Iterable[Recognition]]]
    ) -> None:
        """Keep the way to the knowledge."""
        self._rule = rules[RULE_ID]
        self._open = open_knowledge

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Notification]:
        """Report one finding for every function of known shape."""
        programs = [a for a in artifacts if a.language == "python"]
        if not programs:
            return
        recognise = self._open()
        for artifact in programs:
            try:
                yield from self._recognised(artifact, recognise)
            except Exception as error:  # noqa: BLE001  # one file must not lose the others; it is said
                message = f"known shapes were not looked for ({type(error).__name__}: {error})"
                yield Notification(Level.ERROR, "known-shapes-failed", message, artifact.uri)

    def _recognised(
        self, artifact: Artifact, recognise: Callable[[Syntax], Iterable[Recognition]]
    ) -> Iterator[Finding]:
        for found in recognise(artifact.syntax):
            region = _region(artifact.syntax, found.node)
            message = f"{self._rule.message} Known as {found.shape.pair_id} (CWE-{found.shape.cwe})."
            text = artifact.syntax.source[found.node.start_byte : found.node.end_byte].decode(errors="replace")
            yield Finding(
                rule_id=RULE_ID,
                cwe=found.shape.cwe,
                location=Location(artifact.uri, region),
                message=message,
                confidence=Confidence.MEDIUM,
                aliases=(f"knowledge:{found.shape.pair_id}",),
                snippet=text[:_SNIPPET_MAX],
            )


def _region(syntax: Syntax, node: Node) -> Region:
    """Convert a node's place: rows from 0 and columns in bytes to lines and columns from 1, in code points."""
    lines = syntax.source.split(b"\n")

    def position(point: tuple[int, int]) -> tuple[int, int]:
        row, column = point
        return row + 1, len(lines[row][:column].decode(errors="replace")) + 1

    return Region(*position(node.start_point), *position(node.end_point))
