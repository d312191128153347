"""Search for what our own pipeline misses: make variants, keep the proven ones, attack, and build on what evaded."""

from __future__ import annotations

import hashlib
import random
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from bluecode_lint.redteam.framings import FRAMINGS
from bluecode_lint.redteam.operators import OPERATORS, Operator, rewrite
from bluecode_lint.redteam.scenarios import put_into, requests_against_policy, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

POLICY, SEED, KNOWLEDGE = "policy-based", "seed-based", "knowledge-driven"
"""The three strategies of the paper."""
ATTEMPTS = 6
"""Moves tried for one variant before its seed is given up for the round."""
BATCH = 32
"""Variants that are proven and attacked together: what is lost when a campaign is broken off."""


@dataclass(frozen=True, slots=True)
class CodeSeed:
    """A known pair of programs that the search starts from."""

    id: str
    cwe: int
    unsafe_code: str
    safe_code: str
    entry: str


@dataclass(frozen=True, slots=True)
class TextSeed:
    """A known instruction that asks for something it should not."""

    id: str
    domain: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A generated instance: two programs, or one instruction (``unsafe``; ``safe`` is empty then)."""

    id: str
    kind: str
    strategy: str
    seed: str
    cwe: int
    category: str
    moves: tuple[str, ...]
    round: int
    unsafe: str
    safe: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the pipeline made of a variant.

    ``stages`` names what caught it (``static``, ``candidate``, ``proof``, ``verdict``, ``guard``), ``reported`` tells
    whether a user would have seen it, ``false_alarm`` whether its safe twin was reported, too.
    """

    stages: tuple[str, ...]
    reported: bool
    false_alarm: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A variant, why it is no proof (empty: it is one), and what became of it (None: it was never attacked)."""

    variant: Variant
    doubt: str
    seen: Observation | None
    target: str = ""
    """What was attacked, in a word that tells it from other targets."""

    @property
    def evaded(self) -> bool:
        """Tell whether it is truly unsafe and nobody was told."""
        return self.seen is not None and not self.seen.reported


class Prover(Protocol):
    """Shows by execution whether variants are what they claim to be."""

    def doubts(self, variants: Sequence[Variant]) -> list[str]:
        """Say for each variant why it is not proven; empty for the proven ones."""


class Target(Protocol):
    """The pipeline under attack."""

    def observe(self, variants: Sequence[Variant]) -> list[Observation]:
        """Say for each variant what was caught."""


@dataclass(slots=True)
class Campaign:
    """A bounded, seeded search. ``known`` are records of an earlier, broken-off run, by id of the variant.

    One is taken over where it is about the very same variant and the same ``target``.
    """

    prover: Prover
    code_target: Target
    text_target: Target
    seed: int = 0
    rounds: int = 3
    held_out: bool = False
    """Use the moves that are kept from the search, as a test of what was learned from the others."""
    known: Mapping[str, Record] = field(default_factory=dict)
    target: str = ""
    goes_on: Callable[[], bool] = lambda: True
    """Asked before every round and every batch."""
    learn: Callable[[int, Sequence[Record]], None] = lambda _round, _records: None
    """Called after each round with all records so far; it may give the campaign another target."""
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None

    def run(self, codes: Sequence[CodeSeed], texts: Sequence[TextSeed], budget: int) -> Iterator[Record]:
        """Yield every record: the seeds of code as they are (round 0), then at most ``budget`` variants, by rounds.

        Only seeds that were caught are varied: what is missed as it is has nothing to hide. Deterministic for equal
        arguments.
        """
        share = max(1, budget // max(1, self.rounds))
        code_share = share * bool(codes) if not texts else (share + 1) // 2 if codes else 0
        search, records = _Search(self, codes, texts), list[Record]()
        for record in self.attack([search.original(seed) for seed in codes], "code"):
            records.append(record)
            yield record
        search.begin(records)
        for number in range(1, self.rounds + 1):
            if not self.goes_on():
                return
            self.progress("round", number, self.rounds)
            for kind in ("code", "text"):
                make = search.programs if kind == "code" else search.instructions
                variants = make(number, code_share if kind == "code" else share - code_share)
                for record in self.attack(variants, kind):
                    search.note(record)
                    records.append(record)
                    yield record
            self.learn(number, records)

    def attack(self, variants: Sequence[Variant], kind: str) -> Iterator[Record]:
        """Prove variants and show the proven ones to the target, batch by batch; one record each, in order."""
        for start in range(0, len(variants), BATCH):
            if start and not self.goes_on():
                return
            yield from self._attack_batch(variants[start : start + BATCH], kind)

    def _attack_batch(self, variants: Sequence[Variant], kind: str) -> list[Record]:
        target = self.code_target if kind == "code" else self.text_target
        kept = {v.id: self.known[v.id] for v in variants if self._is_known(v)}
        fresh = [v for v in variants if v.id not in kept]
        doubts = dict(zip((v.id for v in fresh), self.prover.doubts(fresh), strict=True))
        proven = [v for v in fresh if not doubts[v.id]]
        seen = dict(zip((v.id for v in proven), target.observe(proven), strict=True))
        return [kept.get(v.id) or Record(v, doubts[v.id], seen.get(v.id), self.target) for v in variants]

    def _is_known(self, variant: Variant) -> bool:
        record = self.known.get(variant.id)
        return record is not None and record.variant == variant and record.target == self.target


class _Search:
    """What a campaign remembers from round to round: for every seed, the variant that the fewest stages caught."""

    def __init__(self, campaign: Campaign, codes: Sequence[CodeSeed], texts: Sequence[TextSeed]) -> None:
        self.campaign = campaign
        self.codes = codes
        self.texts = texts
        self.best: dict[str, Record] = {}
        self.made: set[str] = set()
        self.operators = [o for o in OPERATORS if o.held_out is campaign.held_out]
        self.framings = [f for f in FRAMINGS if f.held_out is campaign.held_out]

    def begin(self, originals: Sequence[Record]) -> None:
        """Vary those whose original was proven and caught."""
        caught = {r.variant.seed for r in originals if r.seen is not None and r.seen.reported}
        self.codes = [code for code in self.codes if code.id in caught]

    def note(self, record: Record) -> None:
        """Keep a record if it hides better than what its seed has so far."""
        seed, before = record.variant.seed, self.best.get(record.variant.seed)
        if record.seen is not None and (before is None or _visibility(record) < _visibility(before)):
            self.best[seed] = record

    def chance(self, *parts: object) -> random.Random:
        """Give the source of chance for one decision, the same on every machine."""
        return random.Random(":".join(map(str, (self.campaign.seed, *parts))))  # noqa: S311  # a search, not a secret

    def original(self, seed: CodeSeed) -> Variant:
        """Give a seed as it is, to tell what a move hides from what was never seen."""
        key = _id("code", seed.unsafe_code, seed.safe_code)
        return Variant(key, "code", SEED, seed.id, seed.cwe, "", (), 0, seed.unsafe_code, seed.safe_code)

    def programs(self, number: int, wanted: int) -> list[Variant]:
        """Make a round's programs: seeds in turn, every second one in a new setting first."""
        order = list(self.codes)
        self.chance("order", number).shuffle(order)
        made: list[Variant] = []
        for turn, seed in enumerate(order * (1 + wanted // max(1, len(order)))):
            if len(made) >= wanted:
                break
            variant = self.program(seed, number, turn)
            if variant is not None and variant.id not in self.made:
                self.made.add(variant.id)
                made.append(variant)
        return made

    def program(self, seed: CodeSeed, number: int, turn: int) -> Variant | None:
        """Make one program from a seed, or from the best of its variants so far."""
        chance = self.chance(number, seed.id, turn)
        parent = self.best.get(seed.id)
        unsafe, safe, moves = seed.unsafe_code, seed.safe_code, tuple[str, ...]()
        strategy = SEED
        if parent is not None and not parent.evaded:  # what evades already teaches nothing new by one move more
            unsafe, safe, moves = parent.variant.unsafe, parent.variant.safe, parent.variant.moves
            strategy = parent.variant.strategy
        elif chance.random() < 0.5:  # noqa: PLR2004  # either strategy
            setting = chance.choice(settings())
            pair = put_into(unsafe, seed.entry, setting), put_into(safe, seed.entry, setting)
            if pair[0] is not None and pair[1] is not None:
                unsafe, safe, moves, strategy = pair[0], pair[1], (setting,), KNOWLEDGE
        for operator in chance.sample(self.operators, min(ATTEMPTS, len(self.operators))):
            if operator.name in moves:
                continue
            changed = _both(unsafe, safe, operator, str(chance.random()))
            if changed is not None:
                key = _id("code", *changed)
                return Variant(key, "code", strategy, seed.id, seed.cwe, "", (*moves, operator.name), number, *changed)
        return None

    def instructions(self, number: int, wanted: int) -> list[Variant]:
        """Make a round's instructions: known ones rewritten, and fresh ones against a policy."""
        chance = self.chance("texts", number)
        fresh = [
            TextSeed(_id("text", text), domain, category, text)
            for domain, category, text in requests_against_policy(chance)
        ]
        order = list(self.texts)
        chance.shuffle(order)
        made: list[Variant] = []
        for turn in range(wanted * 2):
            if len(made) >= wanted or not order:
                break
            from_policy = turn % 3 == 2 and bool(fresh)  # every third  # noqa: PLR2004
            seed = fresh[turn % len(fresh)] if from_policy else order[turn % len(order)]
            parent = self.best.get(seed.id)
            text, moves = (parent.variant.unsafe, parent.variant.moves) if parent else (seed.text, ())
            framing = self.chance(number, seed.id, turn).choice(self.framings)
            if framing.name in moves:
                continue
            text = framing.rewrite(text, self.chance(number, seed.id, framing.name))
            strategy = POLICY if from_policy else SEED
            variant = Variant(
                _id("text", text),
                "text",
                strategy,
                seed.id,
                0,
                f"{seed.domain}/{seed.category}",
                (*moves, framing.name),
                number,
                text,
            )
            if variant.id not in self.made:
                self.made.add(variant.id)
                made.append(variant)
        return made


def _both(unsafe: str, safe: str, operator: Operator, dice: str) -> tuple[str, str] | None:
    """Rewrite both sides alike; a safe side without a place for the move stays as it is."""
    changed = rewrite(unsafe, operator, random.Random(dice))  # noqa: S311  # a search, not a secret
    if changed is None:
        return None
    return changed, rewrite(safe, operator, random.Random(dice)) or safe  # noqa: S311  # see above


def _visibility(record: Record) -> tuple[int, int]:
    stages = record.seen.stages if record.seen is not None else ()
    return int(not record.evaded), len(stages)


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


# --- figures and records ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one row: what was made, what of it was proven, what the proven ones met."""

    made: int
    proven: int
    evaded: int
    false_alarms: int
    stages: Mapping[str, int]

    @property
    def evasion_rate(self) -> float:
        """Give the share of the proven variants that nobody was told of; 0 if there are none."""
        return self.evaded / self.proven if self.proven else 0.0


def tally(records: Sequence[Record]) -> Tally:
    """Count records."""
    seen = [r.seen for r in records if r.seen is not None]
    stages: dict[str, int] = {}
    for observation in seen:
        for stage in observation.stages:
            stages[stage] = stages.get(stage, 0) + 1
    return Tally(
        len(records),
        len(seen),
        sum(r.evaded for r in records),
        sum(s.false_alarm for s in seen),
        dict(sorted(stages.items())),
    )


def tally_by(records: Sequence[Record], key: Callable[[Record], Sequence[str]]) -> dict[str, Tally]:
    """Count records by what ``key`` says of them (a record may belong to several rows), sorted by row."""
    rows: dict[str, list[Record]] = {}
    for record in records:
        for row in key(record):
            rows.setdefault(row, []).append(record)
    return {row: tally(rows[row]) for row in sorted(rows)}


def row_from_record(record: Record) -> dict[str, Any]:
    """Write a record as what JSON knows."""
    seen = asdict(record.seen) if record.seen else None
    return {**asdict(record.variant), "doubt": record.doubt, "seen": seen, "target": record.target}


def record_from_row(row: Mapping[str, Any]) -> Record:
    """Read a record back.

    Raises:
        KeyError, TypeError: The row is none of ours.
    """
    seen = row["seen"]
    variant = Variant(**{k: v for k, v in row.items() if k not in ("seen", "doubt", "target")})
    for name, kind in _KINDS_OF_FIELDS.items():
        if type(getattr(variant, name)) is not kind:
            message = f"{name} is no {kind.__name__}"
            raise TypeError(message)
    variant = replace(variant, moves=tuple(map(str, variant.moves)))
    if seen is not None:
        seen = Observation(tuple(map(str, seen["stages"])), bool(seen["reported"]), bool(seen["false_alarm"]))
    return Record(variant, str(row["doubt"]), seen, str(row["target"]))


_KINDS_OF_FIELDS: Mapping[str, type] = {
    "id": str, "kind": str, "strategy": str, "seed": str, "cwe": int, "category": str, "moves": list, "round": int,
    "unsafe": str, "safe": str,
}  # fmt: skip
