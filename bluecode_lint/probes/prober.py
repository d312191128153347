"""Chooses the family of a finding, has the driver search in the sandbox, and says what came of it."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.model import Attempt, Confidence, Confirmation, Evidence, Job, Limits, Outcome
from bluecode_lint.probes import families
from bluecode_lint.probes.drafts import draft_job, read_draft
from bluecode_lint.probes.replay import MARK, write_replay

if TYPE_CHECKING:
    from bluecode_lint.core.model import Artifact, Finding
    from bluecode_lint.core.protocols import Parser, Sandbox
    from bluecode_lint.probes.drafts import Draft
    from bluecode_lint.probes.families.family import Family

HERE = Path(__file__).resolve().parent
ARGUMENT = "argument"
"""The door that only a caller of the function has (see `driver.stage.Point`)."""
CANDIDATE_SHARE = 0.5
"""How many attempts a bare suspicion may cost, of those a finding may: most that hold are shown by a few.

Not how many seconds: a search that time ends is not the same each time.
"""
PRELOAD = ("bluecode_lint.probes.driver.main", "bluecode_lint.probes.families.command_injection")
"""What a warm sandbox may import beforehand: the driver changes nothing until a job asks it to."""

_BOOT = """import importlib, sys, types
name = "bluecode_lint.probes.driver.main"
loaded = sys.modules.get(name)
if loaded is None or not loaded.__file__.startswith(sys.argv[1]):
    package = types.ModuleType("bluecode_probes")
    package.__path__ = [sys.argv[1]]
    sys.modules["bluecode_probes"] = package
    name = "bluecode_probes.driver.main"
importlib.import_module(name).main()
"""
"""Starts the driver: the preloaded one, or, under another name, the one beside this module."""


_LATE, _LOST = "the probe ran out of time", "the probe ended without a report"
_HURRIED = re.compile(rf"{_LATE}|{_LOST}|the budget of \S+ seconds ran out")


def is_lasting(confirmation: Confirmation) -> bool:
    """Tell whether another run would say the same: not so where time decided."""
    return confirmation.outcome is not Outcome.INCONCLUSIVE or _HURRIED.search(confirmation.reason) is None


@cache
def known_families() -> dict[str, Family]:
    """Import every family; keys are their module names."""
    found: dict[str, Family] = {}
    for module in pkgutil.iter_modules(families.__path__):
        loaded = importlib.import_module(f"{families.__name__}.{module.name}")
        if hasattr(loaded, "FAMILY"):
            found[module.name] = loaded.FAMILY
    return found


def probed_cwes() -> frozenset[int]:
    """Give the CWEs for which there is a probe."""
    return frozenset().union(*(family.cwes for family in known_families().values()))


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """What an operator may set.

    ``budget`` is the number of attempts a finding may cost, ``seconds`` their processor time. ``python`` is the
    interpreter inside the sandbox. With a ``journal`` a confirmation tells every attempt.
    """

    budget: int = 80
    seconds: float = 5.0
    python: str = sys.executable
    journal: bool = False


class AttackProber:
    """Confirms findings by attacking the code in a sandbox (see `core.protocols.Prober`).

    Args:
        sandbox: Where jobs run; without one nothing is ever executed.
        project_root: The scanned project, readable by the job so that sibling modules can be imported.
        parse: Makes the syntax of a text, to widen a finding to its statement.
        options: Budget and interpreter.
    """

    def __init__(
        self, sandbox: Sandbox | None, project_root: Path | None, parse: Parser, options: ProbeOptions | None = None
    ) -> None:
        self._sandbox = sandbox
        self._root = project_root.resolve() if project_root is not None else None
        self._parse = parse
        self._options = options or ProbeOptions()

    @property
    def probed_cwes(self) -> frozenset[int]:
        """Give the CWEs it can attack."""
        return probed_cwes()

    def confirm(self, finding: Finding, artifact: Artifact) -> Confirmation:
        """Attack what the finding points at.

        Raises:
            SandboxUnavailableError: The sandbox itself failed.
        """
        chosen = self._choose(finding)
        if isinstance(chosen, Confirmation):
            return chosen
        name, family, sandbox = chosen
        return self._carry_out(self._plan(finding, artifact, name), family, sandbox)

    def experiment(self, finding: Finding, artifact: Artifact, test: str) -> Confirmation:
        """Carry out a test that a model wrote (see `core.protocols.Laboratory`).

        The test runs in a job of its own and yields steps; another job carries these out under the family's oracle.

        Raises:
            SandboxUnavailableError: The sandbox itself failed.
        """
        chosen = self._choose(finding)
        if isinstance(chosen, Confirmation):
            return chosen
        name, family, sandbox = chosen
        draft = read_draft(sandbox.exec(draft_job(test, self._options.python)))
        if draft.trouble:
            return Confirmation(Outcome.INCONCLUSIVE, family.name, draft.trouble, sandbox=sandbox.level, runs=1)
        plan = {**self._plan(finding, artifact, name), "steps": draft.steps}
        return self._carry_out(plan, family, sandbox, draft)

    def _choose(self, finding: Finding) -> tuple[str, Family, Sandbox] | Confirmation:
        """Give the family of a finding with its name, and the sandbox; or why nothing can be executed."""
        chosen = next(((name, f) for name, f in known_families().items() if finding.cwe in f.cwes), None)
        if chosen is None:
            return Confirmation(Outcome.NOT_RUN, reason=f"there is no probe for CWE-{finding.cwe}")
        if self._sandbox is None:
            return Confirmation(Outcome.NOT_RUN, probe=chosen[1].name, reason="there is no sandbox")
        if finding.confidence is Confidence.LOW and not chosen[1].answers_candidates:
            reason = "an execution cannot show what the value is for"
            return Confirmation(Outcome.NOT_RUN, probe=chosen[1].name, reason=reason)
        return *chosen, self._sandbox

    def _carry_out(
        self, plan: dict[str, Any], family: Family, sandbox: Sandbox, draft: Draft | None = None
    ) -> Confirmation:
        result = sandbox.exec(self._job(plan))
        report = _read_report(result.files.get("report.json", b""))
        if report is None:
            why = _LATE if result.timed_out else _LOST
            return Confirmation(Outcome.INCONCLUSIVE, family.name, why, sandbox=sandbox.level)
        return self._confirmation(report, plan, family, draft)

    def _plan(self, finding: Finding, artifact: Artifact, family: str) -> dict[str, Any]:
        region = finding.location.region
        last = region.end_line if region.end_column > 1 else max(region.start_line, region.end_line - 1)
        root = self._root
        share = CANDIDATE_SHARE if finding.confidence is Confidence.LOW else 1.0
        return {
            "family": family,
            "uri": artifact.uri,
            "text": artifact.text,
            "root": str(root) if root is not None and (root / artifact.uri).is_file() else "",
            "first": region.start_line,
            "last": last,
            "budget": max(1, int(self._options.budget * share)),
            "seconds": self._options.seconds,
            "journal": self._options.journal,
        }

    def _job(self, plan: dict[str, Any]) -> Job:
        readonly = [str(HERE)]
        if plan["root"]:
            readonly.append(plan["root"])
        return Job(
            argv=(self._options.python, "-I", "-c", _BOOT, str(HERE)),
            files={"plan.json": json.dumps(plan).encode("utf-8", "surrogatepass")},
            readonly=tuple(readonly),
            collect=("report.json",),
            limits=Limits(wall_s=4 * self._options.seconds + 10.0, cpu_s=int(self._options.seconds) + 4),
        )

    def _confirmation(
        self, report: dict[str, Any], plan: dict[str, Any], family: Family, draft: Draft | None
    ) -> Confirmation:
        level = self._sandbox.level if self._sandbox is not None else ""
        runs = int(report.get("attempts", 0))
        outcome = Outcome(report["outcome"])
        if outcome is not Outcome.CONFIRMED:
            reason = str(report["reason"])
            return Confirmation(outcome, family.name, reason, sandbox=level, runs=runs, journal=_journal(report))
        words, point = str(report["words"]), str(report["point"])
        entry = f"{words}, {point}" if point else words
        by_caller = report["attack"]["point"][0] == ARGUMENT
        if draft is not None:
            words, point, by_caller = "an experiment by the model", "the value HOSTILE", draft.is_by_caller
            entry = f"{words}: {draft.words}"
        evidence = Evidence(entry, str(report["shown"]), str(report["effect"]), by_caller)
        reason = f"whoever controls {point} of {words} can do this" if point else f"{words} does this by itself"
        script = write_replay(plan, report, evidence, family, self._root)
        return Confirmation(outcome, family.name, reason, evidence, script, level, runs, _journal(report))


def _journal(report: dict[str, Any]) -> tuple[Attempt, ...]:
    return tuple(Attempt(*entry) for entry in report.get("journal", ()))


def _read_report(data: bytes) -> dict[str, Any] | None:
    try:
        report = json.loads(data)
        return report if report["outcome"] in {"confirmed", "neutralized", "inconclusive"} else None
    except (ValueError, KeyError, TypeError):
        return None


__all__ = ["MARK", "PRELOAD", "AttackProber", "ProbeOptions", "is_lasting", "known_families", "probed_cwes"]
