"""Attack every pair of tests/data/probes and print, per family, what became of each side.

Run it with ``python tests/probes/score_corpus.py [FAMILY ...]``; it ends with 1 if the promise is broken: at least
90 % of the insecure sides confirmed, no secure side confirmed, at least 70 % of the secure sides neutralised.
"""

# ruff: noqa: T201  # a script that prints a table
from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bluecode_lint.core.model import Artifact, Confidence, Confirmation, Finding, Location, Outcome, Region
from bluecode_lint.probes import PRELOAD, AttackProber
from bluecode_lint.sandbox import open_sandbox
from bluecode_lint.sources.syntax import parse_python

CORPUS = Path(__file__).resolve().parents[1] / "data" / "probes"
MARK = "# sink"


@dataclass(frozen=True)
class Side:
    """One side of a pair: the module's text, and the modules beside it."""

    family: str
    name: str
    cwe: int
    insecure: bool
    text: str
    siblings: tuple[tuple[str, str], ...]

    @property
    def line(self) -> int:
        """Give the line of the sink, which carries a mark."""
        return next(i for i, line in enumerate(self.text.splitlines(), 1) if line.rstrip().endswith(MARK))


def read_corpus(families: list[str] | None = None) -> list[Side]:
    """Read all pairs, or those of some families."""
    sides: list[Side] = []
    for path in sorted(CORPUS.glob("*.pairs")):
        if families and path.stem not in families:
            continue
        for block in path.read_text(encoding="utf-8").split("=== ")[1:]:
            head, _, rest = block.partition("\n")
            name, _, cwe = head.rpartition(" | ")
            insecure, _, secure = rest.partition("--- secure\n")
            for text, flag in ((insecure.removeprefix("--- insecure\n"), True), (secure, False)):
                main, *beside = text.split("+++ ")
                siblings = tuple((b.partition("\n")[0].strip(), b.partition("\n")[2]) for b in beside)
                sides.append(Side(path.stem, name, int(cwe), flag, main, siblings))
    return sides


def confirm(side: Side, sandbox: object, folder: Path) -> Confirmation:
    """Attack one side, as a file of a project of its own."""
    (folder / "module.py").write_text(side.text, encoding="utf-8")
    for name, text in side.siblings:
        (folder / name).write_text(text, encoding="utf-8")
    digest = hashlib.sha256(side.text.encode()).hexdigest()
    artifact = Artifact("module.py", "python", side.text, digest, parse_python(side.text))
    region = Region(side.line, 1, side.line, 200)
    finding = Finding("bluecode/probe", side.cwe, Location("module.py", region), "suspected", Confidence.MEDIUM)
    return AttackProber(sandbox, folder, parse_python).confirm(finding, artifact)


def main() -> int:
    """Print the table."""
    sides = read_corpus(sys.argv[1:])
    table: dict[str, Counter[str]] = {}
    times: list[float] = []
    sandbox = open_sandbox(preload=PRELOAD)
    for side in sides:
        with tempfile.TemporaryDirectory() as folder:
            started = time.monotonic()
            found = confirm(side, sandbox, Path(folder))
            times.append(time.monotonic() - started)
        kind = "insecure" if side.insecure else "secure"
        table.setdefault(side.family, Counter())[f"{kind} {found.outcome.value}"] += 1
        table[side.family][kind] += 1
        wanted = Outcome.CONFIRMED if side.insecure else Outcome.NEUTRALIZED
        if found.outcome is not wanted:
            print(f"{side.family}: {side.name} ({kind}): {found.outcome.value}: {found.reason} {found.evidence or ''}")
    total = sum(table.values(), Counter())
    print(f"\n{'family':24} {'pairs':>5} {'confirmed':>10} {'secure: confirmed':>18} {'neutralised':>12}")
    for family, row in [*sorted(table.items()), ("all", total)]:
        print(
            f"{family:24} {row['insecure']:>5} {row['insecure confirmed']:>10} {row['secure confirmed']:>18} "
            f"{row['secure neutralized']:>12}"
        )
    times.sort()
    print(f"median {times[len(times) // 2]:.2f} s, p95 {times[int(len(times) * 0.95)]:.2f} s a finding")
    kept = total["insecure confirmed"] >= 0.9 * total["insecure"] and not total["secure confirmed"]
    return 0 if kept and total["secure neutralized"] >= 0.7 * total["secure"] else 1


if __name__ == "__main__":
    sys.exit(main())
