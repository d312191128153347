"""Score what tools report over a labelled suite: which vulnerable programs were flagged, and which safe ones.

A suite is a folder with ``manifest.jsonl``: one case a line with ``id``, ``path`` (of its file, relative to the
folder), ``vulnerable``, ``cwe`` (a list; a safe case has those it is safe from) and, for twins, ``pair``. A case is
flagged if a result in its file has a CWE of one family with one of the case's.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.weaknesses import are_related

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MANIFEST = "manifest.jsonl"
OUTCOMES = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """One program of a suite with its label."""

    id: str
    path: str
    vulnerable: bool
    cwes: tuple[int, ...]
    pair: str = ""


@dataclass(slots=True)
class Tally:
    """How often each outcome occurred; figures are fractions, and 0 where there is nothing to divide by."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def add(self, outcome: str) -> None:
        """Count one case."""
        setattr(self, outcome, getattr(self, outcome) + 1)

    @property
    def precision(self) -> float:
        """Give the share of flagged cases that are vulnerable."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Give the share of vulnerable cases that are flagged."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """Give the harmonic mean of precision and recall."""
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def youden(self) -> float:
        """Give the true-positive rate less the false-positive rate."""
        return self.recall - _share(self.fp, self.fp + self.tn)


@dataclass(slots=True)
class Score:
    """What one tool achieved on a suite. ``pairs`` counts twins: both right, both flagged, none, the safe one only."""

    tool: str
    total: Tally = field(default_factory=Tally)
    by_cwe: dict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    pairs: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("right", "both", "none", "wrong"), 0))
    outcome_of: dict[str, str] = field(default_factory=dict)
    """The outcome of each case, by id."""

    @property
    def mean_youden(self) -> float:
        """Give the mean of TPR - FPR over the CWEs that have cases of both kinds."""
        known = [t.youden for t in self.by_cwe.values() if t.tp + t.fn and t.fp + t.tn]
        return _share(sum(known), len(known))


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def read_suite(text: str) -> tuple[LabelledCase, ...]:
    """Read a manifest.

    Raises:
        ValueError: A line is no case; the message says which.
    """
    cases = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            cwes = tuple(int(cwe) for cwe in data["cwe"])
            vulnerable = data["vulnerable"]
            if not isinstance(vulnerable, bool):
                raise TypeError  # noqa: TRY301  # one place says that the line is no case
            cases.append(
                LabelledCase(str(data["id"]), str(data["path"]), vulnerable, cwes, str(data.get("pair") or ""))
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            message = f"line {number} of the manifest is no case: {error!r}"
            raise ValueError(message) from error
    if not cases:
        message = "the manifest has no cases"
        raise ValueError(message)
    return tuple(cases)


def score(tool: str, cases: Sequence[LabelledCase], found: Mapping[str, Iterable[int]]) -> Score:
    """Score a tool by the CWEs it ``found`` in each file."""
    made = Score(tool)
    flagged: dict[str, bool] = {}
    for case in cases:
        hit = any(are_related(cwe, wanted) for cwe in found.get(case.path, ()) for wanted in case.cwes)
        outcome = ("tp" if hit else "fn") if case.vulnerable else ("fp" if hit else "tn")
        flagged[case.id] = hit
        made.outcome_of[case.id] = outcome
        made.total.add(outcome)
        for cwe in case.cwes:
            made.by_cwe[cwe].add(outcome)
    twins: dict[str, dict[bool, LabelledCase]] = defaultdict(dict)
    for case in cases:
        if case.pair:
            twins[case.pair][case.vulnerable] = case
    for both in twins.values():
        if len(both) == 2:  # noqa: PLR2004  # a vulnerable one and a safe one
            answer = (flagged[both[True].id], flagged[both[False].id])
            name = {(True, False): "right", (True, True): "both", (False, False): "none", (False, True): "wrong"}
            made.pairs[name[answer]] += 1
    return made


def score_text(scores: Sequence[Score], *, by_cwe: bool = False, listed: str = "") -> str:
    """Write the table: a row a tool, then, if asked, a row a CWE, and the cases of one outcome."""
    heading = f"{'':<24}{'TP':>6}{'FP':>6}{'FN':>6}{'TN':>6}{'prec':>8}{'recall':>8}{'F1':>8}{'TPR-FPR':>9}{'mean':>8}"
    lines = [heading, *(_row(made.tool, made.total) + f"{made.mean_youden:>8.3f}" for made in scores)]
    for made in scores:
        if by_cwe:
            lines += ["", f"{made.tool}, by CWE", *(_row(f"CWE-{c}", t) for c, t in sorted(made.by_cwe.items()))]
    pairs = [made for made in scores if sum(made.pairs.values())]
    if pairs:
        lines += ["", f"{'pairs':<24}{'right':>8}{'both':>8}{'none':>8}{'wrong':>8}"]
    for made in pairs:
        right = f" ({_share(made.pairs['right'], sum(made.pairs.values())):.0%} right)"
        lines.append(f"{made.tool:<24}" + "".join(f"{n:>8}" for n in made.pairs.values()) + right)
    if listed:
        for made in scores:
            lines += ["", f"{made.tool}: {listed}", *(f"  {i}" for i, o in made.outcome_of.items() if o == listed)]
    return "\n".join(lines) + "\n"


def _row(name: str, t: Tally) -> str:
    counts = "".join(f"{n:>6}" for n in (t.tp, t.fp, t.fn, t.tn))
    return f"{name:<24}{counts}{t.precision:>8.3f}{t.recall:>8.3f}{t.f1:>8.3f}{t.youden:>9.3f}"


def score_json(scores: Sequence[Score], trials: Sequence[Trial] = (), shown: Proofs | None = None) -> str:
    """Write everything as JSON: of tools (the first with what executions showed), and of `Trial`s with their costs."""
    rows = [_document(made) for made in scores]
    rows[0] |= {"executions": asdict(shown)} if shown is not None else {}
    rows += [{**_document(trial.score), **asdict(trial.change), **_costs(trial)} for trial in trials]
    return json.dumps(rows, indent=2) + "\n"


def _document(made: Score) -> dict[str, Any]:
    return {
        "tool": made.tool,
        **_figures(made.total),
        "mean_youden": round(made.mean_youden, 4),
        "pairs": made.pairs,
        "by_cwe": {str(cwe): _figures(tally) for cwe, tally in sorted(made.by_cwe.items())},
        "cases": made.outcome_of,
    }


def _figures(tally: Tally) -> dict[str, float]:
    counts = {name: getattr(tally, name) for name in OUTCOMES}
    return {**counts, **{n: round(getattr(tally, n), 4) for n in ("precision", "recall", "f1", "youden")}}


# --- what executions show --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Execution:
    """The attack on one finding: the file and the CWE of that, what came of it, and how long it took."""

    path: str
    cwe: int
    outcome: str
    seconds: float


@dataclass(slots=True)
class Proofs:
    """What executions showed: cases with such an outcome for a CWE of theirs, by outcome, and times of all of them.

    A case that has several findings counts once, by the outcome that says most.
    """

    vulnerable: dict[str, int]
    safe: dict[str, int]
    executions: int
    median_s: float
    p95_s: float


_SAYS_MOST = ("confirmed", "neutralized", "inconclusive")


def proofs(cases: Sequence[LabelledCase], executions: Sequence[Execution]) -> Proofs:
    """Count what executions showed on each side, and take the median and the 95th percentile of their times."""
    counts = {side: dict.fromkeys(_SAYS_MOST, 0) for side in (True, False)}
    by_path: dict[str, list[Execution]] = defaultdict(list)
    for execution in executions:
        by_path[execution.path].append(execution)
    for case in cases:
        own = {e.outcome for e in by_path[case.path] if any(are_related(e.cwe, wanted) for wanted in case.cwes)}
        most = next((outcome for outcome in _SAYS_MOST if outcome in own), None)
        if most is not None:
            counts[case.vulnerable][most] += 1
    times = sorted(e.seconds for e in executions)
    return Proofs(counts[True], counts[False], len(times), _quantile(times, 0.5), _quantile(times, 0.95))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Give the least value that ``share`` of the values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def proofs_text(made: Proofs) -> str:
    """Write what executions showed as a table: a row a side."""
    lines = [f"{'cases by execution':<24}" + "".join(f"{outcome:>14}" for outcome in _SAYS_MOST)]
    for name, side in (("vulnerable", made.vulnerable), ("safe", made.safe)):
        lines.append(f"{name:<24}" + "".join(f"{side[outcome]:>14}" for outcome in _SAYS_MOST))
    times = f"median {made.median_s:.2f} s, p95 {made.p95_s:.2f} s a finding"
    return "\n".join([*lines, f"{made.executions} findings attacked: {times}"]) + "\n"


# --- what a model changes --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """The cases whose outcome a second run turned, by id; flagging vulnerable ones is good, safe ones bad."""

    lost_tp: tuple[str, ...]
    removed_fp: tuple[str, ...]
    gained_tp: tuple[str, ...]
    new_fp: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to ask a model over a suite: its score, what it changed, and what it took.

    ``kept`` counts the answers of earlier runs, which cost nothing; a cost of None is unknown.
    """

    score: Score
    change: Change
    calls: int
    kept: int
    tokens: int
    micro_usd: int | None

    @property
    def cases(self) -> int:
        """Give how many cases there were."""
        return len(self.score.outcome_of)


def change_between(before: Score, after: Score) -> Change:
    """Compare two scores of one suite."""

    def turned(old: str, new: str) -> tuple[str, ...]:
        return tuple(i for i, outcome in before.outcome_of.items() if (outcome, after.outcome_of[i]) == (old, new))

    return Change(turned("tp", "fn"), turned("fp", "tn"), turned("fn", "tp"), turned("tn", "fp"))


def grid_text(trials: Sequence[Trial], seen: Collection[int]) -> str:
    """Write what each way to ask changed and cost, and its figures on CWEs that we have knowledge of and on others."""
    heading = f"{'':<24}{'lost TP':>9}{'removed FP':>12}{'gained TP':>11}{'new FP':>8}{'calls':>7}{'kept':>6}"
    lines = [f"{heading}{'tokens/case':>13}{'$/case':>10}"]
    for trial in trials:
        c = trial.change
        counts = f"{len(c.lost_tp):>9}{len(c.removed_fp):>12}{len(c.gained_tp):>11}{len(c.new_fp):>8}"
        costs = _costs(trial)
        price = "unknown" if costs["usd_per_case"] is None else f"{costs['usd_per_case']:.5f}"
        lines.append(
            f"{trial.score.tool:<24}{counts}{trial.calls:>7}{trial.kept:>6}{costs['tokens_per_case']:>13.0f}{price:>10}"
        )
    for title, wanted in (("CWEs with knowledge", True), ("CWEs without", False)):
        rows = [(trial.score.tool, _over(trial.score, [c for c in trial.score.by_cwe if (c in seen) is wanted]))
                for trial in trials]  # fmt: skip
        lines += ["", title, *(_row(tool, tally) for tool, tally in rows)]
    return "\n".join(lines) + "\n"


def _over(made: Score, cwes: Iterable[int]) -> Tally:
    """Sum the outcomes of some CWEs; a case with two of them counts twice."""
    total = Tally()
    for cwe in cwes:
        for name in OUTCOMES:
            setattr(total, name, getattr(total, name) + getattr(made.by_cwe[cwe], name))
    return total


def _costs(trial: Trial) -> dict[str, float | None]:
    usd = None if trial.micro_usd is None else trial.micro_usd / 1_000_000
    return {
        "calls": trial.calls,
        "tokens_per_case": _share(trial.tokens, trial.cases),
        "usd_per_case": None if usd is None else _share(usd, trial.cases),
    }
