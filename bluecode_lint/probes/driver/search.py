"""Decide what to try: reach the sink with harmless data first, then attack each input that matters there.

A confirmation needs the effect, a control without it, and every one of `REPLAYS` replays with fresh canaries. Everything
is bounded by the number of attempts and by time, and ordered, so that two runs do the same.
"""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..families.family import Look
from .attempt import Observation, run_attempt
from .entries import Entry, Subject, plan_entries
from .outline import constants_of, names_assigned, names_used
from .stage import Event, Point, Stage

if TYPE_CHECKING:
    from ..families.family import Family, Payload

REPLAYS = 3
MAX_POINTS = 6
ATTEMPT_SECONDS = 2.0
_OURS = frozenset(
    {"AttributeError", "TypeError", "NameError", "UnboundLocalError", "crashed", "timeout", "RecursionError"}
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


@dataclass(frozen=True)
class Bounds:
    """How much may be tried for one finding."""

    attempts: int = 120
    seconds: float = 8.0


class Exhausted(Exception):  # noqa: N818  # it ends a search, nothing went wrong
    """The budget of attempts or seconds is used up."""


class Search:
    """The search for one finding."""

    def __init__(self, subject: Subject, family: Family, span: tuple[int, int], bounds: Bounds, scratch: str) -> None:
        self.subject, self.family, self.bounds, self.scratch = subject, family, bounds, scratch
        self.line = span[0]
        self.first, self.last = subject.outline.statement(*span)
        self.function = subject.outline.enclosing(span[0])
        self.assigned = names_assigned(subject.tree, self.first, self.last)
        self.attempts = 0
        self.started = time.monotonic()
        self.template_roots: tuple[str, ...] = ()
        self.loaded: list[str] = []

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
        if self.attempts >= self.bounds.attempts or time.monotonic() - self.started > self.bounds.seconds:
            raise Exhausted
        self.attempts += 1
        canary = fresh_canary()
        stage = Stage(canary=canary, filename=self.subject.filename, scratch=f"{self.scratch}/a{self.attempts}")
        stage.values, stage.polarity, stage.flips = dict(setup.values), setup.polarity, setup.flips
        stage.alarm = self.family.alarm
        stage.plain, stage.template_roots, stage.outline = setup.plain, self.template_roots, self.subject.outline
        if point is not None:
            before, after = setup.around(point)
            Path(stage.scratch).mkdir(parents=True, exist_ok=True)
            calm = self.family.harmless(canary, like)
            hostile = payload.render(canary, stage.scratch) if payload else calm
            stage.target = point
            stage.hostile = before + hostile + after if isinstance(hostile, str) else hostile
            stage.values.pop(point, None)
            stage.plain = setup.plain or "plain"
        if point is not None or payload is not None:
            stage.trick = payload.name if payload else ""
            Path(stage.scratch).mkdir(parents=True, exist_ok=True)
            self.family.prepare(stage)
        observed = run_attempt(
            self.subject, entry, stage, seconds=self.family.seconds or ATTEMPT_SECONDS, traced=self.family.traced
        )
        self.loaded = sorted({*self.loaded, *observed.loaded})
        return observed

    def pair(self, attack: Attack) -> tuple[Observation, Observation]:
        """Make the control and the attack, each with a fresh canary."""
        point = attack.point if attack.point.door else None
        control = self.run(attack.entry, attack.setup, point, like=attack.payload)
        return control, self.run(attack.entry, attack.setup, point, attack.payload)

    def here(self, observed: Observation) -> list[Event]:
        """Select the events of this family's sinks that belong to the finding."""
        found = [e for e in observed.events if self.family.is_sink(e)]
        exact = [e for e in found if any(self.first <= line <= self.last for line in e.lines)]
        if exact:
            return exact
        passed = not self.family.traced or any(self.first <= line <= self.last for line in observed.lines)
        if not passed:
            return []
        return [e for e in found if not e.lines or self._follows(e)]

    def _follows(self, event: Event) -> bool:
        """Tell whether the event's statement uses what the finding's statement assigned, in the same function."""
        for line in event.lines:
            if self.function is not None and not self.function.covers(line):
                continue
            if self.assigned & names_used(self.subject.tree, line):
                return True
        return False

    # --- the whole search --------------------------------------------------------------------------------------------

    def conclude(self) -> Answer:
        """Try every way in, outermost first, and give the answer."""
        reasons: list[str] = []
        try:
            for group in plan_entries(self.subject, self.line):
                answers = []
                for entry in group:
                    answer = self._try_entry(entry)
                    if answer.outcome == "confirmed":
                        return self._done(answer)
                    answers.append(answer)
                decided = [a for a in answers if a.outcome != "unreached"]
                reasons.extend(a.reason for a in answers)
                if decided and all(a.outcome == "neutralized" for a in decided):
                    return self._done(decided[0])
                if decided:
                    return self._done(replace(decided[0], outcome="inconclusive"))
        except Exhausted:
            spent = f"the budget ran out after {self.attempts} attempts"
            return self._done(Answer("inconclusive", "; ".join(dict.fromkeys([spent, *reasons[:1]]))))
        return self._done(Answer("inconclusive", "; ".join(dict.fromkeys(reasons)) or "there is no way in"))

    def _done(self, answer: Answer) -> Answer:
        answer.attempts, answer.loaded = self.attempts, self.loaded
        return answer

    def _try_entry(self, entry: Entry) -> Answer:
        setup, control = self._reach(entry)
        if setup is None or control is None:
            return Answer("unreached", f"{entry.words} did not reach the sink{self._why(control)}")
        if not self.family.needs_input:
            return self._observe(entry, setup, control)
        points = self._points(control)
        if not points:
            return Answer("inconclusive", f"{control.words or entry.words} reaches the sink without reading any input")
        verdicts: list[Answer] = []
        for point in points:
            verdict = self._attack_point(entry, point, setup, control)
            if verdict.outcome == "confirmed":
                return verdict
            verdicts.append(verdict)
        weighty = [v for v in verdicts if v.outcome in {"neutralized", "inconclusive"}]
        if not weighty:
            return Answer("inconclusive", f"no input of {control.words or entry.words} reaches the sink")
        doubtful = next((v for v in weighty if v.outcome == "inconclusive"), None)
        return doubtful or weighty[0]

    def _why(self, control: Observation | None) -> str:
        if control is None:
            return ""
        if control.timed_out:
            return " (timed out)"
        lost = f", without {', '.join(control.missing[:3])}" if control.missing else ""
        return f" (ended by {control.error}{lost})" if control.error else lost and f" ({lost[2:]})"

    def _points(self, control: Observation) -> list[Point]:
        """Order the inputs: those whose mark shows at the sink first."""
        texts = [e.text + "\0".join(e.args) for e in self.here(control)]
        lowered = "\0".join(texts).lower()
        hot = [p for p, mark in control.reads.items() if control.canary in mark and mark.lower() in lowered]
        rest = [p for p in control.reads if p not in hot]
        return (hot + rest)[:MAX_POINTS]

    # --- reaching the sink -------------------------------------------------------------------------------------------

    def _reach(self, entry: Entry) -> tuple[Setup | None, Observation | None]:
        """Find a setup with which harmless data reaches the sink; the last observation tells why if none does."""
        best, best_setup = None, Setup()
        plains = ("", "7", *(s for s in self.family.samples if isinstance(s, str)))
        for setup in (Setup(polarity=polarity, plain=plain) for plain in plains for polarity in (True, False)):
            observed = self.run(entry, setup)
            if self.here(observed):
                return self._plain_first(setup, observed)
            if best is None or len(observed.lines) > len(best.lines):
                best, best_setup = observed, setup
        assert best is not None  # noqa: S101  # the tuple above is not empty
        if self.family.traced and not best.error and any(self.first <= line <= self.last for line in best.lines):
            return None, best  # the place was passed, and nothing of this family happens there
        return self._explore(entry, best_setup, best)

    def _plain_first(self, setup: Setup, observed: Observation) -> tuple[Setup, Observation]:
        return setup, observed

    def _explore(self, entry: Entry, setup: Setup, best: Observation) -> tuple[Setup | None, Observation]:
        """Climb by line coverage: one changed input, affix or decision at a time."""
        improved, tried = True, 0
        limit = max(12, self.bounds.attempts // 2)
        while improved and tried < limit:
            improved = False
            for candidate in self._variations(entry, setup, best):
                if tried >= limit:
                    break
                tried += 1
                observed = self.run(entry, candidate)
                if self.here(observed):
                    return candidate, observed
                if len(observed.lines) > len(best.lines) and self._nearer(observed, best):
                    setup, best, improved = candidate, observed, True
                    break
        return None, best

    def _nearer(self, observed: Observation, best: Observation) -> bool:
        """Tell whether an attempt went where the best one did not, inside the function of the finding or its entry."""
        fresh = observed.lines - best.lines
        return bool(fresh)

    def _variations(self, entry: Entry, setup: Setup, best: Observation) -> list[Setup]:
        """List setups that differ from ``setup`` in one thing seen in the code."""
        scopes = [f.node for f in self.subject.outline.functions if f.node.lineno == entry.line]
        if self.function is not None:
            scopes.append(self.function.node)
        found: list[Setup] = []
        seen = [constants_of(scope) for scope in scopes] or [constants_of(self.subject.tree)]
        if all(not (c.equal or c.starts or c.ends) for c in seen):
            seen = [constants_of(self.subject.tree)]
        values = dict(setup.values)
        points = [p for p in best.reads][:MAX_POINTS]
        for constants in seen:
            for point in points:
                for value in constants.equal:
                    found.append(replace(setup, values=tuple({**values, point: value}.items())))
                for before in (*constants.starts, ""):
                    for after in (*constants.ends, ""):
                        if before or after:
                            marked = f"{before}plain{after}"
                            kept = tuple(a for a in setup.affixes if a[0] != point)
                            found.append(
                                replace(
                                    setup,
                                    values=tuple({**values, point: marked}.items()),
                                    affixes=(*kept, (point, before, after)),
                                )
                            )
        for name in best.decisions:
            found.append(replace(setup, flips=setup.flips ^ {name}))
        for point in points:
            for value in (
                *self.family.samples,
                "7",
                "plain.txt",
                "2020-01-01",
                "user@example.com",
                "http://example.com/plain",
                "127.0.0.1",
            ):
                found.append(replace(setup, values=tuple({**values, point: value}.items())))
        return list(dict.fromkeys(s for s in found if s != setup))

    # --- attacking what needs no input -------------------------------------------------------------------------------

    def _observe(self, entry: Entry, setup: Setup, reached: Observation) -> Answer:
        """Play every trick on an entry whose weakness no input controls."""
        nowhere, words = Point("", ""), reached.words or entry.words
        at_sink = self.here(reached)
        if self.family.effect(Look(reached, at_sink, reached, at_sink, None)):
            return Answer("inconclusive", f"{words} shows the same effect without the attack")
        for payload in self.family.payloads:
            observed = self.run(entry, setup, None, payload)
            effect = self.family.effect(Look(reached, at_sink, observed, self.here(observed), payload))
            if effect:
                answer = self._replay(Attack(entry, nowhere, payload, setup), effect, words)
                if answer is not None:
                    return answer
            elif observed.error in _OURS or observed.timed_out or not self.here(observed):
                return Answer("inconclusive", f"{words} ended by {observed.error or 'something else'} under the attack")
        return Answer("neutralized", f"{words} reached the sink and held")

    # --- attacking one input -----------------------------------------------------------------------------------------

    def _attack_point(self, entry: Entry, point: Point, setup: Setup, reached: Observation) -> Answer:
        """Send every payload through one input and weigh what happened."""
        control = self.run(entry, setup, point)
        at_sink = self.here(control)
        control_hot = any(_carries(e, control.canary) for e in at_sink)
        if self.family.effect(Look(control, at_sink, control, at_sink, None)):
            return Answer("inconclusive", f"{point.words}: a harmless value shows the same effect")
        arrived = refused = doubtful = 0
        launderers: list[str] = []
        payloads = [p for p in self.family.payloads if self.family.fits(p, point)]
        for payload in payloads:
            observed = self.run(entry, setup, point, payload)
            events = self.here(observed)
            effect = self.family.effect(Look(control, at_sink, observed, events, payload))
            if effect:
                if observed.guards:
                    return Answer(
                        "inconclusive",
                        f"whether {observed.guards[0]}() stops the attack cannot be told: it is not resolved",
                    )
                if payload.calm is not None:
                    own = self.run(entry, setup, point, like=payload)
                    if self.family.effect(Look(own, self.here(own), own, self.here(own), None)):
                        return Answer("inconclusive", f"{point.words}: a harmless value shows the same effect")
                answer = self._replay(Attack(entry, point, payload, setup), effect, observed.words)
                if answer is not None:
                    return answer
                doubtful += 1
            elif any(_carries(e, observed.canary) for e in events):
                arrived += 1
            elif observed.error in _OURS or observed.timed_out:
                doubtful += 1
            elif not events:
                refused += 1
            launderers += [*observed.guards, *observed.laundered]
        words = reached.words or entry.words
        if not control_hot and not refused and not arrived:
            return Answer("irrelevant", f"{point.words} of {words} does not show at the sink")
        if launderers:
            return Answer(
                "inconclusive", f"{point.words} of {words} passes through {launderers[0]}, which is not resolved"
            )
        if doubtful:
            return Answer(
                "inconclusive",
                f"{doubtful} of {len(payloads)} payloads for {point.words} of {words} crashed on the way",
            )
        if arrived + refused == len(payloads) and (arrived or control_hot or refused):
            return Answer("neutralized", self._inert_words(point, words, arrived, refused))
        return Answer("inconclusive", f"{point.words} of {words}: not every payload reached the sink")

    def _inert_words(self, point: Point, words: str, arrived: int, refused: int) -> str:
        parts = []
        if arrived:
            parts.append(f"{arrived} hostile value{'s' * (arrived > 1)} reached the sink and stayed inert")
        if refused:
            parts.append(
                f"{refused} {'were' if refused > 1 else 'was'} refused before the sink, which a harmless value reaches"
            )
        return f"{point.words} of {words}: {', '.join(parts)}"

    def _replay(self, attack: Attack, effect: str, words: str) -> Answer | None:
        """Repeat the attack and its control with fresh canaries; None unless every repetition agrees."""
        for _ in range(REPLAYS - 1):
            control, observed = self.pair(attack)
            calm, events = self.here(control), self.here(observed)
            if self.family.effect(Look(control, calm, control, calm, None)):
                return None
            if self.family.effect(Look(control, calm, observed, events, attack.payload)) != effect:
                return None
        return Answer("confirmed", "", attack=attack, words=words, effect=effect)


def _carries(event: Event, canary: str) -> bool:
    return canary in event.text or any(canary in argument for argument in event.args)


def fresh_canary() -> str:
    """Make a word nobody can guess: lower-case letters only, so that it survives most filters."""
    return "q" + "".join(chr(97 + byte % 26) for byte in os.urandom(9))
