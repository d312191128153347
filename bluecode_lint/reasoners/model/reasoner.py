"""Judge with a model, under a budget, behind a gate, on the floor of the offline verdict."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, TypeAlias

from bluecode_lint.core.model import Confidence, Judgment, Outcome, RuleKind
from bluecode_lint.reasoners.model.answer import opinions_in
from bluecode_lint.reasoners.model.context import CodeIndex, censor, excerpts_for
from bluecode_lint.reasoners.model.gate import NEVER_ACQUITTED, objections, settle
from bluecode_lint.reasoners.model.prompt import render
from bluecode_lint.reasoners.scene import scene_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bluecode_lint.core.model import Artifact, Case, Notification, Retrieved, Verdict
    from bluecode_lint.core.protocols import Reasoner
    from bluecode_lint.reasoners.model.budget import Budget, Receipt
    from bluecode_lint.reasoners.model.conversation import Call, Conversation, Estimate

    Question: TypeAlias = "tuple[Case, Sequence[Retrieved]]"

_FINDINGS_A_CALL = 6
_NO_WEAKNESS_IN_PARTICULAR = 710
"""The CWE of what another tool reports and no rule of ours describes: a claim nobody could judge."""
OWN_SUSPICION = "model:review"
"""The alias of a finding that a model's review made."""


class ModelReasoner:
    """Judges by a model's opinion where it passes the gate, and as ``floor`` does everywhere else.

    Findings of one function share a call; calls go out in order of severity and doubt while the budget lasts.
    """

    def __init__(self, floor: Reasoner, conversation: Conversation, artifacts: Iterable[Artifact] = ()) -> None:
        """Use ``artifacts``, the scanned files, to show a model callees and callers in other files."""
        self._floor = floor
        self.conversation = conversation
        options = conversation.options
        self._index = CodeIndex(artifacts, neutral_names=options.neutral_names, secrets=conversation.endpoint.secrets)
        self._one_at_a_time = threading.Lock()

    @property
    def name(self) -> str:
        """Give the name a verdict of the model carries."""
        return f"model {self.conversation.endpoint.model}"

    @property
    def budget(self) -> Budget:
        """Give what may still be spent."""
        return self.conversation.budget

    @property
    def receipt(self) -> Receipt:
        """Give what was done and spent so far."""
        return self.conversation.receipt

    @property
    def statistics(self) -> dict[str, int]:
        """Give the numbers of the receipt."""
        return self.conversation.receipt.statistics

    @property
    def estimate(self) -> Estimate:
        """Give what the judging so far was expected to take."""
        return self.conversation.estimate

    def remarks(self) -> list[Notification]:
        """Say what a reader must know of the judging so far."""
        return self.conversation.remarks()

    def judge(self, case: Case, retrieved: Sequence[Retrieved]) -> Verdict:
        """Judge one case; see `judge_all`."""
        return self.judge_all([(case, retrieved)])[0]

    def judge_all(self, questions: Sequence[Question]) -> list[Verdict]:
        """Judge cases together, so that the budget goes to those that need it most. Verdicts are in the same order."""
        floors = [self._floor.judge(case, retrieved) for case, retrieved in questions]
        with self._one_at_a_time:
            plan = self._plan(questions, floors)
            self.conversation.ask([call for call, _ in plan])
            judged = dict(itertools.chain.from_iterable(self._judged(call, order, floors) for call, order in plan))
        return [judged.get(number, floor) for number, floor in enumerate(floors)]

    def _plan(self, questions: Sequence[Question], floors: Sequence[Verdict]) -> list[tuple[Call, tuple[int, ...]]]:
        """Group what is worth asking by function, and put the groups in order of severity and doubt.

        Each call comes with the numbers of its questions.
        """
        groups: dict[tuple[str, int], list[tuple[float, int]]] = {}
        for number, ((case, _), floor) in enumerate(zip(questions, floors, strict=True)):
            weight = weigh(case, floor)
            if weight > 0:
                self._index.add(case.artifact)
                scope = scene_at(case.artifact.syntax, case.finding.location.region).scope
                groups.setdefault((case.artifact.uri, scope.start_byte), []).append((weight, number))
        plan = []
        for group in groups.values():
            for start in range(0, len(group), _FINDINGS_A_CALL):
                members = group[start : start + _FINDINGS_A_CALL]
                order = tuple(number for _, number in members)
                plan.append((self._prepare([questions[number] for number in order], max(members)[0]), order))
        return sorted(plan, key=lambda item: (-item[0].weight, questions[item[1][0]][0].finding.sort_key))

    def _prepare(self, questions: Sequence[Question], weight: float) -> Call:
        options = self.conversation.options
        excerpts = excerpts_for([case for case, _ in questions], self._index, options.context_tokens_max)
        sources = [source for source in (self._index.clean(excerpt.uri) for excerpt in excerpts) if source is not None]
        prompt = render(
            questions,
            excerpts,
            options.prompt,
            originals={neutral: name for source in sources for neutral, name in source.originals.items()},
            censor=lambda text: censor(text, sources),
        )
        return self.conversation.prepare(prompt, weight)

    def _judged(self, call: Call, order: Sequence[int], floors: Sequence[Verdict]) -> Iterator[tuple[int, Verdict]]:
        """Put each opinion of an answer through the gate, and join what passes with the floor."""
        opinions = opinions_in(call.document) if call.document is not None else {}
        aimed_at = self.conversation.options.addresses_reviewer
        for number, (name, case) in zip(order, call.prompt.cases.items(), strict=True):
            opinion = opinions.get(name)
            if opinion is None:
                continue
            manipulated = opinion.judgment is Judgment.SAFE and aimed_at(case.artifact)
            against = objections(opinion, case, call.prompt, floors[number], addresses_reviewer=manipulated)
            self.conversation.receipt.rejected += bool(against)
            yield number, settle(opinion, case, call.prompt, floors[number], against, self.name)


def weigh(case: Case, floor: Verdict) -> float:
    """Say how much a model's opinion is worth asking for: severity times doubt, 0 if it could change nothing.

    What an execution confirmed is settled. A requirement that is certainly broken is never talked away. And nobody is
    asked twice for the same opinion.
    """
    finding, outcome = case.finding, case.confirmation.outcome
    if outcome is Outcome.CONFIRMED or OWN_SUSPICION in finding.aliases:
        return 0.0
    policy = case.rule.kind is RuleKind.POLICY or finding.cwe in NEVER_ACQUITTED
    if policy and finding.confidence is Confidence.HIGH:
        return 0.0
    if finding.cwe == _NO_WEAKNESS_IN_PARTICULAR:
        return 0.0
    doubt = _DOUBT[finding.confidence]
    if floor.judgment is not Judgment.UNDECIDED:
        doubt *= 0.5
    if outcome is Outcome.NEUTRALIZED:
        doubt = max(doubt, 0.8)
    return case.rule.security_severity * doubt


_DOUBT = {Confidence.HIGH: 0.4, Confidence.MEDIUM: 1.0, Confidence.LOW: 0.6}
