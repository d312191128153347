"""Bandit as a process: its tests become findings of our rules, each worth what `rules/mappings/bandit.yaml` says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
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

    from bluecode_lint.analyzers.mirror import Mirror, MirroredFile
    from bluecode_lint.core.model import Artifact, Rule

GENERIC_RULE = "bluecode/bandit-finding"
"""Where tests go that we have no opinion about."""
_COMPLETED = (0, 1)
"""Bandit's exit codes of a finished run: nothing found, something found."""


@dataclass(frozen=True, slots=True)
class BanditTest:
    """What one of Bandit's tests means here, and how much its word alone is worth."""

    rule_id: str
    confidence: Confidence


def load_mapping(path: Path, rules: Mapping[str, Rule]) -> dict[str, BanditTest]:
    """Read ``mappings/bandit.yaml``: test id to rule and confidence.

    Raises:
        RulesError: It is malformed or names a rule that is not in ``rules``.
    """
    try:
        entries = yaml.safe_load(path.read_bytes())
        mapping = {
            test: BanditTest(entry["rule"], Confidence[entry["confidence"].upper()]) for test, entry in entries.items()
        }
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: {error}"
        raise RulesError(message) from error
    unknown = {entry.rule_id for entry in mapping.values()}.union({GENERIC_RULE}).difference(rules)
    if unknown:
        message = f"{path}: no such rule: {', '.join(sorted(unknown))}"
        raise RulesError(message)
    return mapping


class BanditAnalyzer:
    """Runs Bandit once, over ``jobs`` processes.

    Bandit parses with its own interpreter; a file it cannot parse is a notification, because the other analyzers still
    cover it. Its ``# nosec`` is ignored here: suppressions are judged once, for all tools.
    """

    name = "bandit"

    def __init__(
        self,
        rules_root: Path,
        rules: Mapping[str, Rule],
        *,
        jobs: int = 1,
        timeout_s: float = 600.0,
        executable: Path | None = None,
    ) -> None:
        self._rules = rules
        self._mapping = load_mapping(rules_root / "mappings" / "bandit.yaml", rules)
        self._jobs = max(1, jobs)
        self._timeout_s = timeout_s
        self._given = executable

    @cached_property
    def executable(self) -> Path:
        """The program to run. Raises `AnalyzerUnavailableError` if there is none."""
        return self._given or find_executable("bandit")

    @cached_property
    def version(self) -> str:
        """The version the program prints. Raises `AnalyzerUnavailableError` if it does not start."""
        return tool_version(self.executable)

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Notification]:
        """Report what Bandit reports, and everything that kept it from looking."""
        if not artifacts:
            return
        chunks = min(self._jobs, len(artifacts))
        with mirrored(artifacts, folders=chunks) as mirror, ThreadPoolExecutor(chunks) as pool:
            for reports in pool.map(lambda folder: list(self._analyze_folder(mirror, folder)), range(chunks)):
                yield from reports

    def _analyze_folder(self, mirror: Mirror, folder: int) -> Iterator[Finding | Notification]:
        argv = (str(self.executable), "-r", str(folder), "-f", "json", "-q", "--ignore-nosec", "-n", "0")
        try:
            output = run_tool(argv, mirror.root, timeout_s=self._timeout_s)
        except AnalyzerUnavailableError as error:
            yield _failure(str(error))
            return
        if output.returncode is None:
            yield _failure(f"Bandit was stopped after {self._timeout_s:g} s; its findings are missing")
            return
        try:
            if output.returncode not in _COMPLETED:
                raise ValueError  # noqa: TRY301  # one place says that the output is worth nothing
            report = json.loads(output.stdout)
            found = [self._finding(mirror, result) for result in report["results"]]
            skipped = [_skipped(mirror, error) for error in report["errors"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            yield _failure(f"Bandit failed ({output.complaint}); its findings are missing")
            return
        yield from found
        yield from skipped

    def _finding(self, mirror: Mirror, result: Mapping[str, Any]) -> Finding:
        file = mirror.files[result["filename"].rpartition("/")[2]]
        test = str(result["test_id"])
        meaning = self._mapping.get(test, BanditTest(GENERIC_RULE, Confidence.LOW))
        rule = self._rules[meaning.rule_id]
        start, end = _span(file, result)
        return Finding(
            rule_id=rule.id,
            cwe=rule.cwe,
            location=Location(file.artifact.uri, file.region(start, end)),
            message=f"Bandit: {result['issue_text']}" if rule.id == GENERIC_RULE else rule.message,
            confidence=meaning.confidence,
            aliases=(f"bandit:{test}",),
            snippet=file.text(start, end),
        )


def _span(file: MirroredFile, result: Mapping[str, Any]) -> tuple[int, int]:
    """Give the two ends as byte offsets. Of a node's last line only ``line_range`` knows."""
    first = int(result["line_number"])
    last = max(int(line) for line in (result["line_range"] or [first]))
    start = file.offset(first, int(result["col_offset"]))
    end = file.offset(last, int(result["end_col_offset"]))
    return start, end if end > start else file.code_end(first)


def _skipped(mirror: Mirror, error: Mapping[str, Any]) -> Notification:
    file = mirror.file(str(error["filename"]))
    return Notification(
        Level.NOTE,
        "bandit-file-skipped",
        f"Bandit did not look at this file ({error['reason']}); the other analyzers did",
        file.artifact.uri if file else "",
    )


def _failure(message: str) -> Notification:
    return Notification(Level.ERROR, "bandit-failed", message)
