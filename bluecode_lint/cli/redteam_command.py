"""``bluecode-lint redteam``: let the red side attack this scanner, and show what it learned by it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluecode_lint import __version__
from bluecode_lint.cli import wiring
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.guard_command import check
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.cli.progress import ProgressLine
from bluecode_lint.core.errors import ExitCode, RulesError, SandboxUnavailableError, UsageError
from bluecode_lint.core.model import NOT_RUN, Artifact, Confidence, Finding, Judgment, Outcome
from bluecode_lint.core.weaknesses import are_related
from bluecode_lint.emitters.campaign import campaign_page
from bluecode_lint.guard.loading import load_exemplars
from bluecode_lint.knowledge.admission import store
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.documents import LINES_FILE_BYTES_MAX, read_capped
from bluecode_lint.knowledge.pairs import line_from_pair, load_pairs, pair_files, structure_of
from bluecode_lint.knowledge.verification import verify_all
from bluecode_lint.pipeline import find, merge, scan, standing
from bluecode_lint.redteam.campaign import (
    Campaign,
    CodeSeed,
    Observation,
    Record,
    TextSeed,
    record_from_row,
    row_from_record,
    tally,
    tally_by,
)
from bluecode_lint.sources.reading import read_artifacts
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Confirmation, Notification
    from bluecode_lint.core.protocols import Prober, Sandbox
    from bluecode_lint.knowledge.pairs import Pair
    from bluecode_lint.redteam.campaign import Tally, Variant

    Point = tuple[int, Tally, Tally, Tally]

KINDS_OF_FRESH = ("same moves", "held-out moves", "other programs")
"""The fresh variants that a loop is measured on; the figures are evaded of proven."""
TEST_SEED = 1_000_003
"""Added to the seed for the fresh variants that a loop is measured on."""


def redteam_command(arguments: argparse.Namespace) -> ExitCode:
    """Run a campaign and tell what came of it; what evades is a figure, not an error, so the exit code is 0."""
    pairs = _chosen_pairs(arguments)
    texts = _text_seeds() if arguments.what != "code" else []
    codes = [CodeSeed(p.id, p.cwe, p.unsafe_code, p.safe_code, p.entry) for p in pairs]
    known = _resumed(arguments.resume)
    with _opened_prover(arguments, pairs) as prover, tempfile.TemporaryDirectory(prefix="bluecode-red-") as folder:
        laboratory = _Laboratory(arguments, prover, Path(folder))
        campaign = laboratory.campaign(arguments.seed, arguments.rounds, known=known)
        curve = _Curve(laboratory, codes, campaign) if arguments.loop else None
        records = []
        with _opened_output(arguments) as keep:
            for record in campaign.run(_spread(codes, arguments), texts, arguments.budget):
                records.append(record)
                keep(record)
        points = tuple(curve.points) if curve is not None else ()
    laboratory.progress.clear()
    if arguments.propose is not None:
        _write(arguments.propose, "".join(line_from_pair(p) + "\n" for p in proposals(records, pairs)))
    tables = _tables(records)
    if arguments.html is not None:
        _write(arguments.html, campaign_page(tables, points))
    sys.stdout.write(_text_of(tables, points))
    return ExitCode.CLEAN


# --- what the search starts from -------------------------------------------------------------------------------------


def _chosen_pairs(arguments: argparse.Namespace) -> tuple[Pair, ...]:
    if arguments.what == "text":
        return ()
    files = list(pair_files(rules_root()))
    for folder in wiring.knowledge_directories(arguments.knowledge):
        files.extend(pair_files(folder))
    pairs = load_pairs(files, rules_root() / "schema")
    wanted = frozenset(arguments.cwe)
    chosen = tuple(p for p in pairs if p.is_verified and (not wanted or p.cwe in wanted))
    if not chosen:
        message = f"the knowledge base has no proven pair of CWE {', '.join(map(str, sorted(wanted)))}"
        raise UsageError(message, advice="`bluecode-lint kb stats` lists the weaknesses it knows.")
    return chosen


def _spread(codes: Sequence[CodeSeed], arguments: argparse.Namespace) -> list[CodeSeed]:
    """Take as many seeds as a round can use, in turn from every weakness."""
    wanted = max(1, arguments.budget // max(1, arguments.rounds))
    rows: dict[int, list[CodeSeed]] = {}
    for code in codes:
        rows.setdefault(code.cwe, []).append(code)
    turns = (
        row[turn] for turn in range(max(map(len, rows.values()), default=0)) for row in rows.values() if turn < len(row)
    )
    return [code for code, _ in zip(turns, range(wanted), strict=False)]


def _text_seeds() -> list[TextSeed]:
    found = load_exemplars(rules_root())
    return [TextSeed(e.id, e.domain, e.category, e.text) for e in found if e.label == "unsafe"]


def _resumed(file: Path | None) -> dict[str, Record]:
    """Read the records of an earlier run.

    Raises:
        UsageError: The file cannot be read or holds something else.
    """
    if file is None:
        return {}
    try:
        text = read_capped(file, LINES_FILE_BYTES_MAX)
        lines = text[: text.rfind(b"\n") + 1].splitlines()  # what was being written when it was broken off is lost
        records = [record_from_row(json.loads(line)) for line in lines if line.strip()]
    except (RulesError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{file} holds no records of a campaign: {error}"
        raise UsageError(message) from error
    return {record.variant.id: record for record in records}


@contextmanager
def _opened_output(arguments: argparse.Namespace) -> Iterator[Callable[[Record], None]]:
    """Open the file of records, which get there as they are made. One that is also resumed from is gone on with.

    Raises:
        UsageError: It cannot be written.
    """
    file: Path | None = arguments.output
    if file is None:
        yield lambda _record: None
        return
    again = arguments.resume is not None and file.resolve() == arguments.resume.resolve()
    try:
        kept = file.read_bytes() if again else b""
        with file.open("wb") as out:
            out.write(kept[: kept.rfind(b"\n") + 1])
            written = set(kept.splitlines(keepends=True))

            def keep(record: Record) -> None:
                line = _json_line(row_from_record(record)).encode()
                if line not in written:
                    out.write(line)
                    out.flush()

            yield keep
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise UsageError(message) from error


# --- what proves, and what is attacked -------------------------------------------------------------------------------


@contextmanager
def _opened_prover(arguments: argparse.Namespace, pairs: Sequence[Pair]) -> Iterator[_PairProver]:
    if not pairs:
        yield _PairProver({}, None)
        return
    with wiring.opened_sandbox(arguments.sandbox) as sandbox:
        if sandbox is None:
            message = "no sandbox holds on this machine, and a variant is never run outside of one"
            raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why.")
        yield _PairProver({p.id: p for p in pairs}, sandbox)


class _PairProver:
    """Runs the tests of the pair that a variant descends from against the variant."""

    def __init__(self, pairs: Mapping[str, Pair], sandbox: Sandbox | None) -> None:
        self._pairs = pairs
        self._sandbox = sandbox

    @property
    def pairs(self) -> tuple[Pair, ...]:
        return tuple(self._pairs.values())

    def doubts(self, variants: Sequence[Variant]) -> list[str]:
        programs = [v for v in variants if v.kind == "code"]
        if self._sandbox is None or not programs:
            return ["" for _ in variants]
        made = [replace(self._pairs[v.seed], id=v.id, unsafe_code=v.unsafe, safe_code=v.safe) for v in programs]
        reasons = {trial.pair_id: trial.reason for trial in verify_all(made, self._sandbox)}
        return [reasons.get(v.id, "") for v in variants]


class _CodeTarget:
    """The scanner itself, as ``scan`` runs it, over both sides of every variant."""

    def __init__(self, arguments: argparse.Namespace, knowledge: str) -> None:
        flags = {"no-llm": True, "quiet": True, "probe-budget": 1_000_000, "sandbox": arguments.sandbox}
        flags |= {"no-exec": arguments.static, "knowledge": knowledge}
        self._settings = load_settings(flags, Path.cwd(), None, isolated=True)
        self._rules = wiring.load_catalogue(self._settings)

    def observe(self, variants: Sequence[Variant]) -> list[Observation]:
        if not variants:
            return []
        with tempfile.TemporaryDirectory(prefix="bluecode-redteam-") as folder:
            root = Path(folder)
            sides = {side: [_uri(v, side) for v in variants] for side in ("unsafe", "safe")}
            for variant in variants:
                for side, text in (("unsafe", variant.unsafe), ("safe", variant.safe)):
                    (root / _uri(variant, side)).parent.mkdir(parents=True)
                    (root / _uri(variant, side)).write_text(text, encoding="utf-8")
            items = list(read_artifacts(root, sorted(sides["unsafe"] + sides["safe"])))
            artifacts = tuple(item for item in items if isinstance(item, Artifact))
            return self._scanned(variants, Inputs(root, artifacts, (), ChangeScope(None)))

    def _scanned(self, variants: Sequence[Variant], inputs: Inputs) -> list[Observation]:
        witness = _Witness()
        with wiring.open_tools(self._settings, self._rules, inputs, anew=True) as (tools, _remarks):
            answers = find(inputs.artifacts, tools)
            witness.found = merge(standing(answers[0], answers[1]))
            witness.prober = tools.prober
            kept = replace(
                tools, analyzers=(_Kept(tuple(a for part in answers for a in part)),),
                prober=witness if tools.prober is not None else None,
            )  # fmt: skip
            run = scan(inputs.artifacts, kept, wiring.make_policy(self._settings, self._rules))
        reported: dict[str, set[int]] = {}
        for result in run.results:
            if result.counts:
                reported.setdefault(result.finding.location.uri, set()).add(result.finding.cwe)
                if result.verdict.judgment is Judgment.UNSAFE:
                    witness.note("verdict", result.finding)
        return [
            Observation(
                witness.stages(variant),
                any(are_related(cwe, variant.cwe) for cwe in reported.get(_uri(variant, "unsafe"), ())),
                any(are_related(cwe, variant.cwe) for cwe in reported.get(_uri(variant, "safe"), ())),
            )
            for variant in variants
        ]


class _Kept:
    """An analyzer that says again what others have said."""

    name = "kept"

    def __init__(self, items: tuple[Any, ...]) -> None:
        self._items = items

    def analyze(self, _artifacts: Sequence[Artifact]) -> tuple[Finding | Notification, ...]:
        return self._items


class _Witness:
    """A prober that remembers, and with it which stage caught what."""

    def __init__(self) -> None:
        self.prober: Prober | None = None
        self.found: list[Finding] = []
        self._noted: dict[tuple[str, str], set[int]] = {}

    @property
    def probed_cwes(self) -> frozenset[int]:
        return self.prober.probed_cwes if self.prober is not None else frozenset()

    def confirm(self, finding: Finding, artifact: Artifact) -> Confirmation:
        if self.prober is None:
            return NOT_RUN
        confirmation = self.prober.confirm(finding, artifact)
        if confirmation.outcome is Outcome.CONFIRMED:
            self.note("proof", finding)
        return confirmation

    def note(self, stage: str, finding: Finding) -> None:
        self._noted.setdefault((stage, finding.location.uri), set()).add(finding.cwe)

    def stages(self, variant: Variant) -> tuple[str, ...]:
        uri = _uri(variant, "unsafe")
        own = [f for f in self.found if f.location.uri == uri and are_related(f.cwe, variant.cwe)]
        named = {"static" if f.confidence > Confidence.LOW else "candidate" for f in own}
        for stage in ("proof", "verdict"):
            if any(are_related(cwe, variant.cwe) for cwe in self._noted.get((stage, uri), ())):
                named.add(stage)
        return tuple(sorted(named))


class _TextTarget:
    """The guard, offline."""

    def observe(self, variants: Sequence[Variant]) -> list[Observation]:
        runs = [check(variant.unsafe) for variant in variants]
        caught = [sorted({r.finding.rule_id.rpartition("/")[2] for r in run.results if r.counts}) for run in runs]
        return [Observation(tuple(names), bool(names)) for names in caught]


def _uri(variant: Variant, side: str) -> str:
    return f"{side}/{variant.id}/program.py"


# --- campaigns -------------------------------------------------------------------------------------------------------


class _Laboratory:
    """What the campaigns of one command share. ``folder`` is where they may leave what they learned."""

    def __init__(self, arguments: argparse.Namespace, prover: _PairProver, folder: Path) -> None:
        self.arguments = arguments
        self.prover = prover
        self.folder = folder
        self._deadline = time.monotonic() + arguments.seconds if arguments.seconds else None
        self.progress = ProgressLine(quiet=arguments.quiet)

    def campaign(self, seed: int, rounds: int, known: Mapping[str, Record] | None = None, **more: Any) -> Campaign:  # noqa: ANN401  # a campaign's own fields
        return Campaign(
            self.prover,
            _CodeTarget(self.arguments, self.arguments.knowledge),
            _TextTarget(),
            seed,
            rounds,
            known=known or {},
            target=_target_in_words(self.arguments),
            goes_on=lambda: self._deadline is None or time.monotonic() < self._deadline,
            progress=self.progress,
            **more,
        )


def _target_in_words(arguments: argparse.Namespace) -> str:
    """Tell a target from others, so that no record of another one is taken over."""
    files = [file for root in (rules_root(), Path(arguments.knowledge or ".")) for file in pair_files(root)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    words = [__version__, digest, "static" if arguments.static else "whole"]
    if arguments.loop:  # what is known at a round depends on all that went before
        words += ["loop", *map(str, (arguments.seed, arguments.rounds, arguments.budget, *sorted(arguments.cwe)))]
    return " ".join(words)


class _Curve:
    """Folds what evades into the knowledge after each round, and attacks with the same fresh variants each time.

    The campaign goes on against what was learned. ``points`` are (rounds folded in, a tally for each kind of fresh
    variants): the same programs by the same moves in another order, by moves that the campaign never makes, and other
    programs by the same moves.
    """

    def __init__(self, laboratory: _Laboratory, codes: Sequence[CodeSeed], campaign: Campaign) -> None:
        self._laboratory = laboratory
        self._campaign = campaign
        arguments = laboratory.arguments
        seen = _spread(codes, arguments)
        others = _spread([code for code in codes if code not in seen], arguments)
        share = max(1, arguments.budget // max(1, arguments.rounds))
        self._fresh: list[list[Variant]] = []
        for seeds, held_out in ((seen, False), (seen, True), (others, False)):
            test = laboratory.campaign(arguments.seed + TEST_SEED, 1, held_out=held_out)
            made = test.run(seeds, (), share)
            self._fresh.append([r.variant for r in made if r.seen is not None and r.variant.round])
        self.points = [(0, *self._attack())]
        campaign.learn = self._fold

    def _fold(self, number: int, records: Sequence[Record]) -> None:
        arguments, folder = self._laboratory.arguments, self._laboratory.folder / f"round-{number}"
        learned = proposals(records, self._laboratory.prover.pairs)
        if arguments.knowledge:
            shutil.copytree(arguments.knowledge, folder)
        for pair in learned:
            store(pair, folder, rules_root() / "schema")
        if learned:
            self._campaign.code_target = _CodeTarget(arguments, str(folder))
        self.points.append((number, *self._attack()))

    def _attack(self) -> tuple[Tally, Tally, Tally]:
        target = self._campaign.code_target
        first, second, third = (
            tally([Record(v, "", o) for v, o in zip(vs, target.observe(vs), strict=True)]) for vs in self._fresh
        )
        return first, second, third


def proposals(records: Sequence[Record], pairs: Sequence[Pair]) -> list[Pair]:
    """Give the proven code that evaded as pairs for the knowledge base, one of each structure, in order of id."""
    known = {pair.id: pair for pair in pairs}
    structures: set[str] = set()
    made = {}
    for record in records:
        variant = record.variant
        if not record.evaded or variant.kind != "code" or not variant.moves:
            continue
        structure = structure_of(variant.unsafe, parse_python)
        if structure in structures:
            continue
        structures.add(structure)
        parent = known[variant.seed]
        pair = replace(
            parent,
            id=f"{parent.id[:60]}-{variant.id[:8]}",
            unsafe_code=variant.unsafe,
            safe_code=variant.safe,
            generator={"strategy": variant.strategy, "parent": parent.id},
        )
        made[pair.id] = pair
    return [made[key] for key in sorted(made)]


# --- the answer ------------------------------------------------------------------------------------------------------


def _tables(records: Sequence[Record]) -> dict[str, dict[str, Tally]]:
    return {
        "round": tally_by(records, lambda r: [f"{r.variant.kind} {r.variant.round}"]),
        "strategy": tally_by(records, lambda r: [r.variant.strategy] if r.variant.moves else ["as it was"]),
        "move": tally_by(records, lambda r: r.variant.moves),
        "weakness": tally_by(
            records, lambda r: [f"CWE-{r.variant.cwe}" if r.variant.cwe else r.variant.category.partition("/")[0]]
        ),
    }


def _text_of(tables: Mapping[str, Mapping[str, Tally]], curve: Sequence[Point]) -> str:
    lines = []
    for title, rows in tables.items():
        lines.append(f"{title:<24}{'made':>7}{'proven':>8}{'evaded':>8}{'rate':>7}{'alarms':>8}  caught by")
        for name, row in rows.items():
            stages = ", ".join(f"{stage} {count}" for stage, count in row.stages.items())
            lines.append(
                f"{name:<24}{row.made:>7}{row.proven:>8}{row.evaded:>8}{row.evasion_rate:>7.2f}"
                f"{row.false_alarms:>8}  {stages}"
            )
        lines.append("")
    if curve:
        table: list[tuple[str, ...]] = [("rounds folded in", *KINDS_OF_FRESH)]
        table += [
            (str(number), *(f"{t.evaded}/{t.proven} {t.evasion_rate:.2f}" for t in tallies))
            for number, *tallies in curve
        ]
        lines += ["".join(f"{cell:<20}" for cell in row).rstrip() for row in table]
    return "\n".join(lines).rstrip() + "\n"


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n"


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise UsageError(message) from error
