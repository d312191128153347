"""Prove pairs by execution: the capability holds on both sides, the safety only on the safe one. In a sandbox."""

from __future__ import annotations

import dataclasses
import json
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Job, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.core.protocols import Sandbox
    from bluecode_lint.knowledge.pairs import Pair

EXPECTED: Mapping[str, str] = {
    "unsafe.capability": "passed",
    "unsafe.safety": "failed",
    "safe.capability": "passed",
    "safe.safety": "passed",
}
"""What the four runs of a proven pair end in."""

LIMITS = Limits(wall_s=110.0, cpu_s=60, memory_mib=1024, processes=32, file_mib=64)


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a pair's four test runs (``unsafe.capability`` …), with the last words of each that did not pass.

    ``trouble`` is set if they could not be run to the end.
    """

    pair_id: str
    outcomes: Mapping[str, str]
    details: Mapping[str, str]
    trouble: str = ""

    @property
    def is_proof(self) -> bool:
        """Tell whether the sides were told apart exactly as a verified pair's must be."""
        return not self.trouble and dict(self.outcomes) == dict(EXPECTED)

    @property
    def reason(self) -> str:
        """Say in one line what differs from a proof; empty for a proof."""
        if self.trouble:
            return self.trouble
        wrong = [
            f"{run} {self.outcomes.get(run, 'did not run')} instead of {expected}"
            for run, expected in EXPECTED.items()
            if self.outcomes.get(run) != expected
        ]
        return "; ".join(wrong)


def verify(pair: Pair, sandbox: Sandbox) -> Trial:
    """Run a pair's tests against both sides in the sandbox.

    Raises:
        SandboxUnavailableError: The sandbox itself could not run.
    """
    result = sandbox.exec(_job_of(pair))
    if result.timed_out:
        return Trial(pair.id, {}, {}, "the tests did not end in time")
    try:
        report = json.loads(result.stdout)
        outcomes = {run: str(outcome) for run, (outcome, _) in report.items()}
        details = {run: str(words) for run, (outcome, words) in report.items() if outcome != "passed"}
    except (ValueError, TypeError, AttributeError):
        last_words = result.stderr.decode("utf-8", errors="replace")[-500:]
        return Trial(pair.id, {}, {}, f"the tests reported nothing (exit {result.returncode}): {last_words}")
    return Trial(pair.id, outcomes, details)


def _job_of(pair: Pair) -> Job:
    library = sysconfig.get_path("purelib")
    return Job(
        argv=(sys.executable, "-B", "trial.py"),
        files={
            "trial.py": Path(__file__).with_name("trial.py").read_bytes(),
            "unsafe.py": pair.unsafe_code.encode(),
            "safe.py": pair.safe_code.encode(),
            "capability.py": pair.capability.encode(),
            "safety.py": pair.safety.encode(),
        },
        env={"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"},
        readonly=tuple(dict.fromkeys((sys.prefix, library))),
        limits=LIMITS,
    )


def verify_all(pairs: Sequence[Pair], sandbox: Sandbox, *, jobs: int = 2) -> Iterator[Trial]:
    """Verify many pairs, ``jobs`` at a time, and yield their trials in the order given."""
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        yield from pool.map(lambda pair: verify(pair, sandbox), pairs)


def marked(pair: Pair, trial: Trial) -> Pair:
    """Give the pair with what the trial showed written into it."""
    if trial.is_proof:
        ran = "capability and safety tests against both sides, in the sandbox"
        return dataclasses.replace(pair, outcome="verified", ran=ran)
    return dataclasses.replace(pair, outcome="unverified", ran=trial.reason[:300])
