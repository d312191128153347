"""Semgrep as a process, with our own rules: each Semgrep rule carries the id of the rule it finds."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint.analyzers.mirror import mirrored
from bluecode_lint.analyzers.process import find_executable, run_tool, tool_version
from bluecode_lint.core.errors import AnalyzerUnavailableError, RulesError
from bluecode_lint.core.model import Confidence, Finding, Level, Location, Notification

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.analyzers.mirror import Mirror
    from bluecode_lint.core.model import Artifact, Rule

_COMPLETED = (0, 1)
"""Exit codes of a finished scan."""
_QUIET = ("--metrics=off", "--disable-version-check")
"""Talk to nobody. Without the second it waits for a network that may not be there, even to print its version."""
_CONFIG = "rules.json"
_RULE_TIMEOUT_S = 10
"""What one rule may take on one file before Semgrep gives the file up and says so."""


@dataclass(frozen=True, slots=True)
class SemgrepRule:
    """One of our Semgrep rules. A file in which one of ``needs`` is not found cannot match it."""

    id: str
    rule_id: str
    confidence: Confidence
    needs: tuple[re.Pattern[str], ...]
    document: Mapping[str, Any]
    """The rule as Semgrep reads it."""

    def can_match(self, artifact: Artifact) -> bool:
        """Tell whether a file has what the rule needs: asked here, it costs Semgrep nothing."""
        return all(need.search(artifact.text) for need in self.needs)


def load_semgrep_rules(folder: Path, rules: Mapping[str, Rule]) -> dict[str, SemgrepRule]:
    """Read ``rules/semgrep/*.yaml``: what each finds, and what a file must contain for it to match.

    Raises:
        RulesError: A file is malformed, an id is given twice, or a rule is not in ``rules``.
    """
    loaded: dict[str, SemgrepRule] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            documents = yaml.load(path.read_bytes(), Loader=_Loader)["rules"]  # noqa: S506  # safe: see _Loader
            entries = [_semgrep_rule(document) for document in documents]
        except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, re.error) as error:
            message = f"{path}: {error!r}"
            raise RulesError(message) from error
        for entry in entries:
            if entry.rule_id not in rules or entry.id in loaded:
                message = f"{path}: {entry.id} is given twice, or {entry.rule_id} is no rule"
                raise RulesError(message)
            loaded[entry.id] = entry
    if not loaded:
        message = f"{folder}: no Semgrep rules"
        raise RulesError(message)
    return loaded


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader, in C where PyYAML was built with it: an order of magnitude faster."""


def _semgrep_rule(document: Mapping[str, Any]) -> SemgrepRule:
    metadata = document["metadata"]
    return SemgrepRule(
        id=document["id"],
        rule_id=metadata["rule"],
        confidence=Confidence[metadata["confidence"].upper()],
        needs=tuple(re.compile(need) for need in metadata.get("needs", ())),
        document=document,
    )


class SemgrepAnalyzer:
    """Runs Semgrep once, each rule over the files that have what it needs; not at all if there are none.

    It talks to nobody: no metrics, no version check, rules from disk. ``# nosemgrep`` is ignored here: suppressions are
    judged once, for all tools.
    """

    name = "semgrep"

    def __init__(
        self,
        rules_root: Path,
        rules: Mapping[str, Rule],
        *,
        jobs: int = 1,
        timeout_s: float = 900.0,
        executable: Path | None = None,
    ) -> None:
        self._rules = rules
        self._known = load_semgrep_rules(rules_root / "semgrep", rules)
        self._jobs = max(1, jobs)
        self._timeout_s = timeout_s
        self._given = executable

    @cached_property
    def executable(self) -> Path:
        """The program to run. Raises `AnalyzerUnavailableError` if there is none."""
        return self._given or find_executable("semgrep")

    @cached_property
    def version(self) -> str:
        """The version the program prints. Raises `AnalyzerUnavailableError` if it does not start."""
        return tool_version(self.executable, *_QUIET)

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Notification]:
        """Report what our rules match, and everything that kept Semgrep from looking."""
        promising = {a.uri: [rule.id for rule in self._known.values() if rule.can_match(a)] for a in artifacts}
        wanted = [artifact for artifact in artifacts if promising[artifact.uri]]
        if not wanted:
            return
        with mirrored(wanted) as mirror:
            config = {"rules": list(self._targeted(mirror, promising))}
            (mirror.root / _CONFIG).write_text(json.dumps(config), encoding="utf-8")
            yield from self._scan(mirror)

    def _targeted(self, mirror: Mirror, promising: Mapping[str, Sequence[str]]) -> Iterator[Mapping[str, Any]]:
        """Yield each rule that can match somewhere, with the files where it can."""
        for rule in self._known.values():
            names = [file.name for file in mirror.files.values() if rule.id in promising[file.artifact.uri]]
            if len(names) == len(mirror.files):
                yield rule.document
            elif names:
                yield {**rule.document, "paths": {"include": names}}

    def _scan(self, mirror: Mirror) -> Iterator[Finding | Notification]:
        """Try the fast front end, then the classic one, before giving up."""
        complaint = ""
        for front_end in (("--experimental",), ()):
            try:
                output = run_tool(
                    self._argv(front_end),
                    mirror.root,
                    timeout_s=self._timeout_s,
                    env={"XDG_CONFIG_HOME": str(mirror.root), "XDG_CACHE_HOME": str(mirror.root)},
                )
            except AnalyzerUnavailableError as error:
                complaint = str(error)
                continue
            if output.returncode is None:
                complaint = f"stopped after {self._timeout_s:g} s"
                break
            try:
                if output.returncode not in _COMPLETED:
                    raise ValueError  # noqa: TRY301  # one place says that the output is worth nothing
                reports = list(self._reports(mirror, json.loads(output.stdout)))
            except (ValueError, KeyError, TypeError, AttributeError):
                complaint = output.complaint
                continue
            yield from reports
            return
        yield Notification(Level.ERROR, "semgrep-failed", f"Semgrep failed ({complaint}); its findings are missing")

    def _argv(self, front_end: tuple[str, ...]) -> tuple[str, ...]:
        return (
            str(self.executable),
            "scan",
            *front_end,
            *_QUIET,
            "--disable-nosem",
            "--no-git-ignore",
            "--json",
            "--quiet",
            f"--jobs={self._jobs}",
            f"--timeout={_RULE_TIMEOUT_S}",
            "--max-target-bytes=0",
            f"--config={_CONFIG}",
            "0",
        )

    def _reports(self, mirror: Mirror, report: Mapping[str, Any]) -> Iterator[Finding | Notification]:
        for result in report["results"]:
            yield self._finding(mirror, result)
        troubles = {_trouble(mirror, error) for error in report["errors"]}
        yield from sorted(trouble for trouble in troubles if trouble is not None)

    def _finding(self, mirror: Mirror, result: Mapping[str, Any]) -> Finding:
        """Convert a match by its offsets, which count UTF-8 bytes (as its columns do)."""
        entry = self._known[result["check_id"].rpartition(".")[2]]
        rule = self._rules[entry.rule_id]
        file = mirror.files[result["path"].rpartition("/")[2]]
        start, end = result["start"]["offset"], result["end"]["offset"]
        return Finding(
            rule_id=rule.id,
            cwe=rule.cwe,
            location=Location(file.artifact.uri, file.region(start, end)),
            message=rule.message,
            confidence=entry.confidence,
            aliases=(f"semgrep:{entry.id}",),
            snippet=file.text(start, end),
        )


def _trouble(mirror: Mirror, error: Mapping[str, Any]) -> Notification | None:
    """Say what became of a file. What Semgrep recovered from by itself (a partial parse) is worth a note."""
    kind = error.get("type")
    word = str(kind[0] if isinstance(kind, list) else kind)
    file = mirror.file(str(error.get("path", "")))
    uri = file.artifact.uri if file else ""
    if word == "PartialParsing":
        return Notification(Level.NOTE, "semgrep-file-in-part", "Semgrep could not read all of this file", uri)
    if file is not None:
        return Notification(
            Level.NOTE, "semgrep-file-skipped", f"Semgrep gave this file up ({word}); the other analyzers did not", uri
        )
    first_line = str(error.get("message", "")).strip().partition("\n")[0][:300]
    return Notification(Level.ERROR, "semgrep-trouble", f"Semgrep: {word}: {first_line}")
