"""Decide what to try: reach the sink with harmless data first, then attack each input that matters there.

A confirmation needs the effect, a control without it, and every one of `REPLAYS` replays with fresh canaries.
Everything is bounded by the number of attempts and by time, and ordered, so that two runs do the same.
"""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..families.family import Look
from .attempt import Observation, run_attempt
from .entries import Entry, Subject, plan_entries
from .outline import Constants, constants_of, merged, names_assigned, names_used
from .stage import Event, Point, Stage
from .warm import WarmProcesses, beginning_of

if TYPE_CHECKING:
    from ..families.family import Family, Payload

REPLAYS = 3
MAX_POINTS = 6
MAX_WARM = 24
ATTEMPT_SECONDS = 6.0
"""Limit of an attempt that waits for something; one that works is interrupted earlier (see `Family.alarm`)."""
_OTHERS = "harmless"
"""What the inputs that are not attacked give: a word that is base64, too."""
_USUAL = (
    "CANARY.txt",
    "CANARY.png",
    "/CANARY",
    7,
    b"CANARY",
    "7",
    "2020-01-01",
    "user@example.com",
    "http://example.com/CANARY",
    "127.0.0.1",
)
"""Harmless values in the forms that checks ask for."""
_OURS = frozenset(
    {
        "AttributeError",
        "TypeError",
        "NameError",
        "UnboundLocalError",
        "crashed",
        "timeout",
        "RecursionError",
        "TooSlowError",
    }
)
"""Ends of an attempt that may be the fault of a stand-in rather than a refusal by the code under test."""


@dataclass(frozen=True)
class Setup:
    """How the inputs other than the attacked one are chosen so that the sink is reached."""

    values: tuple[tuple[Point, Any], ...] = ()
    polarity: bool = True
    flips: frozenset[str] = frozenset()
    plain: str = ""
    affixes: tuple[tuple[Point, str, str], ...] = ()

    def with_value(self, point: Point, value: Any) -> Setup:  # noqa: ANN401  # values of inputs have any type
        """Choose the value of one more input."""
        return replace(self, values=tuple({**dict(self.values), point: value}.items()))

    def with_affixes(self, point: Point, before: str, after: str) -> Setup:
        """Require a prefix and a suffix for the values of one input."""
        kept = tuple(a for a in self.affixes if a[0] != point)
        return replace(self.with_value(point, f"{before}CANARY{after}"), affixes=(*kept, (point, before, after)))

    def around(self, point: Point) -> tuple[str, str]:
        """Give the prefix and suffix a value of ``point`` needs to get through."""
        return next(((before, after) for p, before, after in self.affixes if p == point), ("", ""))


@dataclass
class Attack:
    """One way to attack: entry, input, payload and setup; enough to do it again."""

    entry: Entry
    point: Point
    payload: Payload
    setup: Setup


@dataclass
class Answer:
    """What the search came to."""

    outcome: str
    reason: str
    attempts: int = 0
    attack: Attack | None = None
    words: str = ""
    effect: str = ""
    loaded: list[str] = field(default_factory=list)
    journal: list[tuple[str, str, str, bool, str]] = field(default_factory=list)
    """Every attempt: way in, input, payload, whether it reached the sink, how it ended."""


@dataclass(frozen=True)
class Bounds:
    """How much may be tried for one finding: attempts, and seconds of processor time."""

    attempts: int = 80
    seconds: float = 5.0


class Exhausted(Exception):  # noqa: N818  # it ends a search, nothing went wrong
    """The budget is used up."""


class Search:
    """The search for one finding."""

    def __init__(self, subject: Subject, family: Family, span: tuple[int, int], bounds: Bounds, scratch: str) -> None:
        self.subject, self.family, self.bounds, self.scratch = subject, family, bounds, scratch
        self.line = span[0]
        self.first, self.last = subject.outline.statement(*span)
        self.function = subject.outline.enclosing(span[0])
        self.assigned = names_assigned(subject.tree, self.first, self.last)
        self._names: dict[tuple[int, int], set[str]] = {}
        self.attempts = 0
        self.seconds = 0.0
        self.template_roots: tuple[str, ...] = ()
        self.warm = WarmProcesses(beginning_of(subject, span, traced=family.traced)) if family.warm else None
        self.loaded: list[str] = []
        self.journal: list[tuple[str, str, str, bool, str]] = []

    # --- one attempt -------------------------------------------------------------------------------------------------

    def run(
        self,
        entry: Entry,
        setup: Setup,
        point: Point | None = None,
        payload: Payload | None = None,
        like: Payload | None = None,
    ) -> Observation:
        """Make one attempt; without a payload ``point`` gets a harmless value, in the form of ``like`` if given.

        Raises:
            Exhausted: The budget is used up.
        """
        if self.attempts >= self.bounds.attempts or self._used() > self.bounds.seconds:
            raise Exhausted
        self.attempts += 1
        stage = self._stage(setup, fresh_canary())
        if point is not None:
            self._aim(stage, setup, point, payload, like)
        if payload is not None:
            stage.trick = payload.name
        if point is not None or payload is not None:
            self.family.prepare(stage)
        observed = run_attempt(
            self.subject, entry, stage, seconds=ATTEMPT_SECONDS, traced=self.family.traced, warm=self.warm
        )
        self.seconds += observed.seconds
        self.loaded = sorted({*self.loaded, *observed.loaded})
        sent = payload.shown if payload is not None else ""
        ended = "timed out" if observed.timed_out else observed.error
        self.journal.append(
            (observed.words or entry.words, point.words if point else "", sent, bool(self.here(observed)), ended)
        )
        return observed

    def _stage(self, setup: Setup, canary: str) -> Stage:
        stage = Stage(canary=canary, filename=self.subject.filename, scratch=self._fresh_folder())
        stage.values = {p: _filled(v, canary) for p, v in setup.values}
        stage.polarity, stage.flips, stage.plain = setup.polarity, setup.flips, setup.plain
        stage.alarm, stage.template_roots, stage.outline = self.family.alarm, self.template_roots, self.subject.outline
        return stage

    def _fresh_folder(self) -> str:
        """Make the empty folder an attempt works in; it has the same name for all of them, but not the same files."""
        folder = f"{self.scratch}/attempt"
        if os.path.lexists(folder):
            os.rename(folder, f"{folder}-{self.attempts}")  # noqa: PTH104
        os.makedirs(folder)  # noqa: PTH103
        return folder

    def _used(self) -> float:
        return self.seconds + (self.warm.seconds if self.warm is not None else 0.0)

    def end(self) -> None:
        """End the processes that attempts are forked from."""
        if self.warm is not None:
            self.warm.end()

    def _aim(self, stage: Stage, setup: Setup, point: Point, payload: Payload | None, like: Payload | None) -> None:
        """Make one input the hostile (or, in a control, the harmless) one."""
        before, after = setup.around(point)
        value: Any = (
            payload.render(stage.canary, stage.scratch) if payload else self.family.harmless(stage.canary, like)
        )
        wanted = stage.values.pop(point, None)
        stage.values = {p: _filled(v, _OTHERS) for p, v in setup.values if p != point}
        if isinstance(value, str):
            value = before + value + after
            value = value.encode() if isinstance(wanted, bytes) else value
        stage.target, stage.hostile = point, value
        stage.plain = setup.plain or _OTHERS

    def pair(self, attack: Attack) -> tuple[Look, str]:
        """Make the control and the attack, each with a fresh canary; give them and what disturbed the control."""
        point = attack.point if attack.point.door else None
        control = self.run(attack.entry, attack.setup, point, like=attack.payload)
        calm = self.here(control)
        self.family.learn(Look(control, calm, control, calm, None))
        observed = self.run(attack.entry, attack.setup, point, attack.payload)
        disturbed = self.family.effect(Look(control, calm, control, calm, None))
        return Look(control, calm, observed, self.here(observed), attack.payload), disturbed

    def passed(self, observed: Observation) -> bool:
        """Tell whether an attempt went through the finding's statement."""
        return not self.family.traced or any(self.first <= line <= self.last for line in observed.lines)

    def here(self, observed: Observation) -> list[Event]:
        """Select the events of this family's sinks that belong to the finding."""
        found = [e for e in observed.events if self.family.is_sink(e)]
        if self.family.anywhere:
            return found
        exact = [e for e in found if any(self.first <= line <= self.last for line in e.lines)]
        if not self.passed(observed):
            return exact
        if exact:
            return exact + [e for e in found if not e.lines]
        return [e for e in found if not e.lines or self._follows(e)]

    def _follows(self, event: Event) -> bool:
        """Tell whether the event's statement uses what the finding's statement assigned, in the same function."""
        inside = [n for n in event.lines if self.function is None or self.function.covers(n)]
        return bool(self.assigned) and any(self.assigned & self._names_used(line) for line in inside)

    def _names_used(self, line: int) -> set[str]:
        key = (id(self.subject.tree), line)
        if key not in self._names:
            self._names[key] = names_used(self.subject.tree, line)
        return self._names[key]

    # --- the whole search --------------------------------------------------------------------------------------------

    def conclude(self) -> Answer:
        """Try every way in, outermost first, and give the answer."""
        reasons: list[str] = []
        try:
            for group in plan_entries(self.subject, self.line):
                answer = self._try_group(group, reasons)
                if answer is not None:
                    return self._done(answer)
        except Exhausted:
            spent = f"the budget ran out after {self.attempts} attempts"
            if self.attempts < self.bounds.attempts:
                spent = f"the budget of {self.bounds.seconds:g} seconds ran out"
            return self._done(Answer("inconclusive", "; ".join(dict.fromkeys([spent, *reasons[:1]]))))
        return self._done(Answer("inconclusive", "; ".join(dict.fromkeys(reasons)) or "there is no way in"))

    def _try_group(self, group: list[Entry], reasons: list[str]) -> Answer | None:
        """Try entries of one distance; None if none of them reached the sink, so that nearer ones are worth a try."""
        answers: list[Answer] = []
        for entry in group:
            answer = self._try_entry(entry)
            if answer.outcome == "confirmed":
                return answer
            answers.append(answer)
        reasons.extend(a.reason for a in answers)
        decided = [a for a in answers if a.outcome != "unreached"]
        if not decided:
            return None
        doubtful = next((a for a in decided if a.outcome != "neutralized"), None)
        return doubtful or decided[0]

    def _done(self, answer: Answer) -> Answer:
        answer.attempts, answer.loaded, answer.journal = self.attempts, self.loaded, self.journal
        return answer

    def _try_entry(self, entry: Entry) -> Answer:
        setup, control = self._reach(entry)
        if setup is None:
            return Answer("unreached", f"{entry.words} did not reach the sink{_why(control)}")
        words = control.words or entry.words
        if not self.family.needs_input:
            return self.observe(entry, setup, control)
        if not self._hot(control, setup):
            setup, control = self._warm(entry, setup, control)
        hot = self._hot(control, setup)
        points = [*hot, *(p for p in control.reads if p not in hot)][:MAX_POINTS]
        if not points:
            return Answer("inconclusive", f"{words} reaches the sink without reading any input")
        verdicts: list[Answer] = []
        for point in points:
            verdict = self.attack_point(entry, point, setup, shows=point in hot)
            if verdict.outcome == "confirmed":
                return verdict
            verdicts.append(verdict)
        weighty = [v for v in verdicts if v.outcome in {"neutralized", "inconclusive"}]
        if not weighty:
            return Answer("inconclusive", f"no input of {words} reaches the sink")
        doubtful = next((v for v in weighty if v.outcome == "inconclusive"), None)
        return doubtful or weighty[0]

    def _hot(self, control: Observation, setup: Setup) -> list[Point]:
        """List the inputs whose value shows at the sink."""
        lowered = "\0".join(e.text + "\0" + "\0".join(e.args) for e in self.here(control)).lower()
        chosen = {p for p, v in setup.values if isinstance(v, str) and len(v) > 2 and v in lowered}  # noqa: PLR2004
        return [
            p
            for p, mark in control.reads.items()
            if p in chosen or (control.canary in mark and mark.lower() in lowered)
        ]

    # --- reaching the sink -------------------------------------------------------------------------------------------

    def _reach(self, entry: Entry) -> tuple[Setup | None, Observation]:
        """Find a setup with which harmless data reaches the sink; the last observation tells why if none does."""
        plains = ("", "7", *(s for s in self.family.samples if isinstance(s, str)))
        best, best_setup = None, Setup()
        for setup in (Setup(polarity=polarity, plain=plain) for plain in plains for polarity in (True, False)):
            observed = self.run(entry, setup)
            if self.here(observed):
                return setup, observed
            if best is None or len(observed.lines) > len(best.lines):
                best, best_setup = observed, setup
        assert best is not None  # noqa: S101  # the loop runs at least once
        if self.family.traced and not best.error and self.passed(best):
            return None, best  # the place was passed, and nothing of this family happens there
        return self._explore(entry, best_setup, best)

    def _explore(self, entry: Entry, setup: Setup, best: Observation) -> tuple[Setup | None, Observation]:
        """Climb by line coverage: one changed input, affix or decision at a time."""
        improved, tried = True, 0
        limit = max(12, self.bounds.attempts // 2)
        while improved:
            improved = False
            for candidate in self._variations(entry, setup, best):
                if tried >= limit:
                    return None, best
                tried += 1
                observed = self.run(entry, candidate)
                if self.here(observed):
                    return candidate, observed
                if observed.lines - best.lines:
                    setup, best, improved = candidate, observed, True
                    break
        return None, best

    def _warm(self, entry: Entry, setup: Setup, control: Observation) -> tuple[Setup, Observation]:
        """Look for a setup in which some input shows at the sink: a check may have put a default in its place."""
        for candidate in self._variations(entry, setup, control)[:MAX_WARM]:
            observed = self.run(entry, candidate)
            if self.here(observed) and self._hot(observed, candidate):
                return candidate, observed
        return setup, control

    def _variations(self, entry: Entry, setup: Setup, best: Observation) -> list[Setup]:
        """List setups that differ from ``setup`` in one thing seen in the code."""
        constants = self._constants(entry)
        points = list(best.reads)[:MAX_POINTS]
        found: list[Setup] = []
        for point in points:
            found += [setup.with_value(point, value) for value in constants.equal]
        for point in points:
            for before in ("", *map(str, constants.starts)):
                found += [
                    setup.with_affixes(point, before, after)
                    for after in ("", *map(str, constants.ends))
                    if before or after
                ]
        found += [replace(setup, flips=setup.flips ^ {name}) for name in best.decisions]
        for point in points:
            found += [setup.with_value(point, value) for value in (*self.family.samples, *_USUAL)]
        return list(dict.fromkeys(s for s in found if s != setup))

    def _constants(self, entry: Entry) -> Constants:
        """Collect what the functions on the way compare with, and the tables of the module."""
        scopes: list[Any] = [f.node for f in self.subject.outline.functions if f.node.lineno == entry.line]
        if self.function is not None:
            scopes.append(self.function.node)
        scopes += [n for n in self.subject.tree.body if isinstance(n, (ast.Assign, ast.AnnAssign, ast.If))]
        return merged([constants_of(scope) for scope in scopes])

    # --- attacking what needs no input -------------------------------------------------------------------------------

    def observe(self, entry: Entry, setup: Setup, reached: Observation) -> Answer:
        """Play every trick on an entry whose weakness no input controls."""
        words, at_sink = reached.words or entry.words, self.here(reached)
        if self.family.effect(Look(reached, at_sink, reached, at_sink, None)):
            return Answer("inconclusive", f"{words} shows the same effect without the attack")
        for payload in self.family.payloads:
            observed = self.run(entry, setup, None, payload)
            events = self.here(observed)
            effect = self.family.effect(Look(reached, at_sink, observed, events, payload))
            if effect:
                answer = self._replay(Attack(entry, Point("", ""), payload, setup), effect, words)
                if answer is not None:
                    return answer
            elif observed.error in _OURS or observed.timed_out or not events or not self.passed(observed):
                return Answer("inconclusive", f"{words} did not come through the attack{_why(observed)}")
            elif not self.family.withstands(Look(reached, at_sink, observed, events, payload)):
                return Answer("inconclusive", f"{words} reached the sink, but what came of it does not show")
        return Answer("neutralized", f"{words} reached the sink and held")

    # --- attacking one input -----------------------------------------------------------------------------------------

    def attack_point(self, entry: Entry, point: Point, setup: Setup, *, shows: bool) -> Answer:
        """Send every payload through one input and weigh what happened."""
        control = self.run(entry, setup, point)
        calm = self.here(control)
        shows = shows or any(_carries(e, control.canary) for e in calm)
        still = Look(control, calm, control, calm, None)
        if self.family.effect(still):
            return self._attack_whole(entry, point, setup)
        self.family.learn(still)
        tally, first, arrives = Tally(shows=shows), control, bool(calm)
        for payload in self.family.payloads:
            if not self.family.fits(payload, point):
                continue
            if payload.calm is not None and self.family.forms:
                control = self.run(entry, setup, point, like=payload)
                calm = self.here(control)
            observed = self.run(entry, setup, point, payload)
            look = Look(control, calm, observed, self.here(observed), payload)
            effect = self.family.effect(look)
            if not effect:
                tally.count(look)
                continue
            guard = _before_sink(observed.guards, look)
            if guard:
                return Answer("inconclusive", f"whether {guard}() stops the attack cannot be told: it is not resolved")
            answer = self._replay(Attack(entry, point, payload, setup), effect, observed.words)
            if answer is not None:
                return answer
            tally.doubtful += 1
        answer = tally.answer(f"{point.words} of {control.words or entry.words}")
        if answer.outcome == "neutralized" and not (
            tally.arrived or arrives or setup.plain or point in dict(setup.values)
        ):
            # A word like those that reached the sink no longer does: then a refused attack shows nothing either.
            return Answer("inconclusive", f"{point.words}: a harmless value does not reach the sink{_why(first)}")
        return answer

    def _attack_whole(self, entry: Entry, point: Point, setup: Setup) -> Answer:
        """Attack an input of which a bare word has the effect: as all that the sink gets, beside a harmless whole."""
        alike = Answer("inconclusive", f"{point.words}: a harmless value shows the same effect")
        payload = self.family.whole
        if payload is None:
            return alike
        look, disturbed = self.pair(Attack(entry, point, payload, setup))
        effect = self.family.effect(look)
        if disturbed or not effect or not look.calm:
            return alike
        guard = _before_sink(look.observed.guards, look)
        if guard:
            return Answer("inconclusive", f"whether {guard}() stops the attack cannot be told: it is not resolved")
        return self._replay(Attack(entry, point, payload, setup), effect, look.observed.words) or alike

    def _replay(self, attack: Attack, effect: str, words: str) -> Answer | None:
        """Repeat the attack and its control with fresh canaries; None unless every repetition agrees."""
        for _ in range(REPLAYS - 1):
            look, disturbed = self.pair(attack)
            if disturbed or self.family.effect(look) != effect:
                return None
        return Answer("confirmed", "", attack=attack, words=words, effect=effect)


@dataclass
class Tally:
    """What became of the payloads for one input."""

    shows: bool
    """Whether a harmless value of this input shows at the sink."""
    sent: int = 0
    arrived: int = 0
    refused: int = 0
    doubtful: int = 0
    unresolved: str = ""

    def count(self, look: Look) -> None:
        """Count a payload that had no effect."""
        self.sent += 1
        observed = look.observed
        self.unresolved = self.unresolved or _before_sink([*observed.guards, *observed.laundered], look)
        if any(_carries(e, observed.canary) for e in look.events):
            self.arrived += 1
        elif observed.error in _OURS or observed.timed_out:
            self.doubtful += 1
        elif not look.events or self.shows:
            self.refused += 1  # stopped before the sink, or replaced by something harmless

    def answer(self, words: str) -> Answer:
        """Say what it comes to."""
        if not self.shows and not self.refused and not self.arrived:
            return Answer("irrelevant", f"{words} does not show at the sink")
        if self.unresolved:
            return Answer("inconclusive", f"{words} passes through {self.unresolved}, which is not resolved")
        if self.doubtful:
            return Answer("inconclusive", f"{self.doubtful} of {self.sent} payloads for {words} crashed on the way")
        if not self.sent or self.arrived + self.refused < self.sent:
            return Answer("inconclusive", f"{words}: not every payload reached the sink")
        parts = []
        if self.arrived:
            parts.append(f"{self.arrived} hostile value{'s' * (self.arrived > 1)} reached the sink and stayed inert")
        if self.refused:
            were = "were" if self.refused > 1 else "was"
            parts.append(f"{self.refused} {were} refused or replaced before the sink, which a harmless value reaches")
        return Answer("neutralized", f"{words}: {', '.join(parts)}")


def _before_sink(notes: list[tuple[int, str]], look: Look) -> str:
    """Give the first note from before the sink was reached (or of an attempt that never got there)."""
    places = [i for i, e in enumerate(look.observed.events) if e in look.events]
    limit = places[0] if places else len(look.observed.events)
    return next((name for at, name in notes if at <= limit), "")


def _why(observed: Observation) -> str:
    if observed.timed_out:
        return " (timed out)"
    parts = [f"ended by {observed.error}"] if observed.error else []
    parts += [f"without {', '.join(observed.missing[:3])}"] if observed.missing else []
    return f" ({', '.join(parts)})" if parts else ""


def _filled(value: Any, word: str) -> Any:  # noqa: ANN401  # values of inputs have any type
    """Put the word of the attempt into a value that has a place for it."""
    return value.replace("CANARY", word) if isinstance(value, str) else value


def _carries(event: Event, canary: str) -> bool:
    return canary in event.text or any(canary in argument for argument in event.args)


def fresh_canary() -> str:
    """Make a word nobody can guess: lower-case letters only, so that it survives most filters."""
    return "q" + "".join(chr(97 + byte % 26) for byte in os.urandom(9))
