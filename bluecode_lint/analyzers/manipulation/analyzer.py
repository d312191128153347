"""Find text that speaks to whoever reviews the code: people, and the models that more and more stand in for them.

Such text is worth a finding of its own. Honest code has no reason to argue about how it should be judged, and a model
that obeys what it reads would hide whatever stands beside it.
"""

from __future__ import annotations

import itertools
import re
import zlib
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.manipulation.disguises import readings
from bluecode_lint.analyzers.manipulation.passages import Passage, names_in, passages_in
from bluecode_lint.analyzers.manipulation.phrases import find_phrase, load_groups
from bluecode_lint.analyzers.manipulation.pretence import pretended_protections
from bluecode_lint.core.model import Confidence, Finding, Level, Location, Notification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.analyzers.manipulation.phrases import Hit
    from bluecode_lint.core.model import Artifact, Region, Rule

RULE_ID = "bluecode/reviewer-manipulation"
_ACCEPTING = re.compile(
    r"\s*(?:nosec|nosem(?:grep)?|noqa|bluecode\s*:\s*ignore|type:\s*ignore|pylint:|fmt:)", re.IGNORECASE
)
_PASSAGE_MAX = 60_000
_FLOOD_CHARACTERS = 4_000
_FLOOD_RATIO = 0.06
_SNIPPET_MAX = 200
_PHRASE_MAX = 120


class ManipulationAnalyzer:
    """Finds text aimed at reviewers in comments, strings, names and paths, in plain or in disguise."""

    name = "manipulation"

    def __init__(self, rules_root: Path, rules: Mapping[str, Rule]) -> None:
        """Load the phrases.

        Raises:
            RulesError: The table of phrases is malformed.
        """
        self._rule = rules[RULE_ID]
        self._groups = load_groups(rules_root / "manipulation" / "phrases.yaml")

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Notification]:
        """Report one finding a passage."""
        for artifact in artifacts:
            try:
                yield from self._analyze_one(artifact)
            except Exception as error:  # noqa: BLE001  # one file must not lose the others; it is said
                message = f"text aimed at reviewers was not looked for ({type(error).__name__}: {error})"
                yield Notification(Level.ERROR, "manipulation-failed", message, artifact.uri)

    def addresses_reviewer(self, artifact: Artifact) -> bool:
        """Tell whether a file holds any such text."""
        return any(isinstance(item, Finding) for item in self.analyze([artifact]))

    def _analyze_one(self, artifact: Artifact) -> Iterator[Finding]:
        names = names_in(artifact, lambda text: find_phrase(text, self._groups, is_name=True) is not None)
        for passage in itertools.chain(names, passages_in(artifact)):
            if _is_flood(passage.text):
                message = "a flood of repeated words fills the code, and would crowd it out of a model's sight"
                yield self._finding(artifact, passage.region, message, Confidence.MEDIUM, "token-flood")
                continue
            found = self._read(passage)
            if found is not None:
                disguise, hit = found
                what = " ".join(hit.phrase.split())[:_PHRASE_MAX]
                hidden = f", {disguise}," if disguise else ""
                message = f"a {passage.kind}{hidden} {hit.group.says}: {what!r}"
                sure = Confidence.HIGH if disguise and disguise != "escaped" else hit.group.confidence
                yield self._finding(artifact, passage.region, message, sure, hit.group.id)
        if artifact.language == "python":
            for region, name in pretended_protections(artifact):
                message = f"`{name}` is named as a protection and gives back what it was given"
                yield self._finding(artifact, region, message, Confidence.MEDIUM, "pretends-protection")

    def _read(self, passage: Passage) -> tuple[str, Hit] | None:
        """Find what a passage says, plainly or once unmasked."""
        accepting = passage.kind == "comment" and _ACCEPTING.match(passage.text) is not None
        for disguise, text in readings(passage.text[:_PASSAGE_MAX]):
            hit = find_phrase(text, self._groups, is_name=passage.kind in {"name", "path"})
            # A comment that accepts a finding has to give a reason; that it speaks of an approval is no attack.
            if hit is not None and not (accepting and hit.group.confidence < Confidence.HIGH):
                return disguise, hit
        return None

    def _finding(self, artifact: Artifact, region: Region, message: str, sure: Confidence, alias: str) -> Finding:
        return Finding(
            rule_id=RULE_ID,
            cwe=self._rule.cwe,
            location=Location(artifact.uri, region),
            message=message,
            confidence=sure,
            aliases=(f"manipulation:{alias}",),
            snippet=_snippet(artifact, region),
        )


def _is_flood(text: str) -> bool:
    """Tell whether a long text is words said over and over, not a table of data."""
    if len(text) < _FLOOD_CHARACTERS:
        return False
    sample = text[:_PASSAGE_MAX]
    words = sum(c.isalpha() or c == " " for c in sample) > 0.7 * len(sample) and sample.count(" ") > len(sample) / 20
    return words and len(zlib.compress(sample.encode("utf-8", "replace"))) < _FLOOD_RATIO * len(sample)


def _snippet(artifact: Artifact, region: Region) -> str:
    lines = artifact.text.split("\n")[region.start_line - 1 : region.end_line]
    if not lines:
        return ""
    lines[-1] = lines[-1][: region.end_column - 1]
    lines[0] = lines[0][region.start_column - 1 :]
    return "\n".join(lines)
