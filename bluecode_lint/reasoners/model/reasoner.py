"""Judge with a model, under a budget, behind a gate, on the floor of the offline verdict."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from bluecode_lint.core.model import Confidence, Judgment, Level, Notification, Outcome, RuleKind
from bluecode_lint.reasoners.model.answer import AnswerError, opinions_in, read_document
from bluecode_lint.reasoners.model.budget import Budget, Price, Receipt, SpendLimits, Usage, estimate_tokens
from bluecode_lint.reasoners.model.chat import ChatRequest, Ending
from bluecode_lint.reasoners.model.context import CodeIndex, censor, excerpts_for
from bluecode_lint.reasoners.model.gate import NEVER_ACQUITTED, objections, settle
from bluecode_lint.reasoners.model.prompt import PromptOptions, render, repair_words
from bluecode_lint.reasoners.scene import scene_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from bluecode_lint.core.model import Artifact, Case, Retrieved, Verdict
    from bluecode_lint.core.protocols import Reasoner
    from bluecode_lint.reasoners.model.cache import AnswerCache
    from bluecode_lint.reasoners.model.chat import Chat, Reply
    from bluecode_lint.reasoners.model.endpoint import Endpoint
    from bluecode_lint.reasoners.model.prompt import Prompt

    Question: TypeAlias = "tuple[Case, Sequence[Retrieved]]"

_FINDINGS_A_CALL = 6
_ANSWERS = "answer"


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """How a model is used. ``price`` is None where it is unknown: then a limit of money lets nothing pass."""

    prompt: PromptOptions = field(default_factory=PromptOptions)
    limits: SpendLimits = field(default_factory=SpendLimits)
    price: Price | None = None
    context_tokens_max: int = 6000
    answer_tokens_max: int = 2000
    neutral_names: bool = False
    required: bool = False
    """Whether a model that does not answer spoils the run."""
    dry: bool = False
    """Plan and show, but send nothing."""
    show: Callable[[str], None] = lambda _text: None
    """Called with the full text of every prompt before it is sent."""
    addresses_reviewer: Callable[[Artifact], bool] = lambda _artifact: False
    """Tells whether a file holds text aimed at whoever reviews it; such a file is never acquitted by a model."""


DEFAULTS = ModelOptions()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What judging would take, before anything is sent. ``micro_usd`` is the most it can cost; None if unknown."""

    files: int
    findings: int
    calls: int
    cached: int
    prompt_tokens: int
    answer_tokens_max: int
    micro_usd: int | None


@dataclass(slots=True)
class _Call:
    """One prompt on its way: sent at most twice, the second time to repair its answer."""

    numbers: tuple[int, ...]
    """Which of the questions its findings are."""
    prompt: Prompt
    key: str
    request: ChatRequest
    weight: float
    document: dict[str, object] | None = None
    trouble: str = ""
    repairing: bool = False

    @property
    def worst(self) -> Usage:
        """Give the most that the next request can use."""
        words = sum(estimate_tokens(text) for _, text in self.request.messages)
        return Usage(max(words, self.prompt.tokens), self.request.answer_tokens_max)


@dataclass(slots=True)
class _Account:
    """What happened, for the receipt and the notifications. Kept over all calls of `judge_all`."""

    receipt: Receipt
    failures: Counter[str] = field(default_factory=Counter)
    estimate: Estimate | None = None


class ModelReasoner:
    """Judges by a model's opinion where it passes the gate, and as ``floor`` does everywhere else.

    Findings of one function share a call; calls go out in order of severity and doubt while the budget lasts.
    """

    def __init__(
        self,
        floor: Reasoner,
        chat: Chat,
        endpoint: Endpoint,
        cache: AnswerCache,
        options: ModelOptions = DEFAULTS,
        artifacts: Iterable[Artifact] = (),
    ) -> None:
        """Use ``artifacts``, the scanned files, to show a model callees and callers in other files."""
        self._floor = floor
        self._chat = chat
        self._endpoint = endpoint
        self._cache = cache
        self._options = options
        self._one_at_a_time = threading.Lock()
        self._index = CodeIndex(artifacts, neutral_names=options.neutral_names)
        self.budget = Budget(options.limits, options.price)
        self._account = _Account(Receipt(endpoint.model, endpoint.host))
        self._account.receipt.micro_usd = None if options.price is None else 0

    @property
    def name(self) -> str:
        """Give the name a verdict of the model carries."""
        return f"model {self._endpoint.model}"

    @property
    def receipt(self) -> Receipt:
        """Give what was done and spent so far."""
        return self._account.receipt

    @property
    def statistics(self) -> dict[str, int]:
        """Give the numbers of the receipt."""
        return self._account.receipt.statistics

    @property
    def estimate(self) -> Estimate | None:
        """Give what the last `judge_all` was expected to take."""
        return self._account.estimate

    def judge(self, case: Case, retrieved: Sequence[Retrieved]) -> Verdict:
        """Judge one case; see `judge_all`."""
        return self.judge_all([(case, retrieved)])[0]

    def judge_all(self, questions: Sequence[Question]) -> list[Verdict]:
        """Judge cases together, so that the budget goes to those that need it most. Verdicts are in the same order."""
        started = time.monotonic()
        floors = [self._floor.judge(case, retrieved) for case, retrieved in questions]
        with self._one_at_a_time:
            calls = self._plan(questions, floors)
            if not self._options.dry:
                self._ask(calls)
            judged = dict(itertools.chain.from_iterable(self._judged(call, floors) for call in calls))
            self._account.receipt.milliseconds += int(1000 * (time.monotonic() - started))
        return [judged.get(number, floor) for number, floor in enumerate(floors)]

    # --- planning ----------------------------------------------------------------------------------------------------

    def _plan(self, questions: Sequence[Question], floors: Sequence[Verdict]) -> list[_Call]:
        """Group what is worth asking by function, and put the groups in order of severity and doubt."""
        groups: dict[tuple[str, int], list[tuple[float, int, Question]]] = {}
        for number, ((case, retrieved), floor) in enumerate(zip(questions, floors, strict=True)):
            weight = weigh(case, floor)
            if weight > 0:
                self._index.add(case.artifact)
                scope = scene_at(case.artifact.syntax, case.finding.location.region).scope
                groups.setdefault((case.artifact.uri, scope.start_byte), []).append((weight, number, (case, retrieved)))
        calls = [
            self._prepare(group[start : start + _FINDINGS_A_CALL])
            for group in groups.values()
            for start in range(0, len(group), _FINDINGS_A_CALL)
        ]
        calls.sort(key=lambda call: (-call.weight, next(iter(call.prompt.cases.values())).finding.sort_key))
        for call in calls:
            self._options.show(call.prompt.text)
            call.document = self._cache.get(_ANSWERS, call.key)
        self._account.receipt.questions += sum(len(call.prompt.cases) for call in calls)
        self._account.receipt.cached += sum(call.document is not None for call in calls)
        self._account.estimate = self._estimate(calls)
        return calls

    def _prepare(self, group: Sequence[tuple[float, int, Question]]) -> _Call:
        questions = [question for _, _, question in group]
        excerpts = excerpts_for([case for case, _ in questions], self._index, self._options.context_tokens_max)
        sources = [source for source in (self._index.clean(excerpt.uri) for excerpt in excerpts) if source is not None]
        prompt = render(
            questions,
            excerpts,
            self._options.prompt,
            originals={neutral: name for source in sources for neutral, name in source.originals.items()},
            censor=lambda text: censor(text, sources),
        )
        request = ChatRequest(
            (("system", prompt.system), ("user", prompt.user)), prompt.schema, self._options.answer_tokens_max
        )
        key = prompt.key(self._endpoint.base_url, self._endpoint.model, str(self._options.answer_tokens_max))
        numbers = tuple(number for _, number, _ in group)
        return _Call(numbers, prompt, key, request, max(weight for weight, _, _ in group))

    def _estimate(self, calls: Sequence[_Call]) -> Estimate:
        open_calls = [call for call in calls if call.document is None]
        tokens = sum(call.worst.prompt_tokens for call in open_calls)
        answers = sum(call.worst.answer_tokens for call in open_calls)
        price = self._options.price
        return Estimate(
            files=len({excerpt.uri for call in open_calls for excerpt in call.prompt.excerpts}),
            findings=sum(len(call.prompt.cases) for call in open_calls),
            calls=len(open_calls),
            cached=len(calls) - len(open_calls),
            prompt_tokens=tokens,
            answer_tokens_max=answers,
            micro_usd=price.cost(tokens, answers) if price is not None else None,
        )

    # --- asking ------------------------------------------------------------------------------------------------------

    def _ask(self, calls: Sequence[_Call]) -> None:
        """Send what fits into the budget at its worst case; what that leaves over pays for another wave.

        Waves, and not one call after another, make the cut the same in every run, however fast the answers come.
        """
        waiting = [call for call in calls if call.document is None]
        while waiting:
            wave = [call for call in waiting if self.budget.reserve(call.worst)]
            if not wave:
                break
            for call, reply in zip(wave, self._chat.complete_all([call.request for call in wave]), strict=True):
                self._receive(call, reply)
            again = {id(call) for call in wave if call.repairing and not call.trouble and call.document is None}
            sent = {id(call) for call in wave}
            waiting = [call for call in waiting if id(call) in again or id(call) not in sent]
        for call in waiting:
            call.trouble = call.trouble or "the budget ended before it was asked"
            self._account.receipt.unasked += 0 if call.repairing else len(call.prompt.cases)

    def _receive(self, call: _Call, reply: Reply) -> None:
        """Take a reply in: count it, read it, and see whether its answer can be repaired."""
        receipt = self._account.receipt
        receipt.calls += reply.attempts
        receipt.retries += max(0, reply.attempts - 1)
        self.budget.settle(call.worst, reply.usage)
        receipt.add(reply.usage, self.budget.cost(reply.usage) if self._is_priced(reply.usage) else None)
        if reply.ending is Ending.FAILED:
            call.trouble = str(reply.trouble)
            detail = f" ({reply.detail})" if reply.detail else ""
            self._account.failures[f"{reply.trouble}{detail}"] += 1
            receipt.failures += 1
            return
        if reply.ending is Ending.REFUSED:
            call.trouble = "the model refused"
            receipt.refusals += 1
            return
        try:
            call.document = read_document(reply.text, call.prompt.schema)
        except AnswerError as error:
            wrong = "it was cut off, so be brief" if reply.ending is Ending.CUT else str(error)
            self._repair_or_drop(call, reply, wrong)
        else:
            self._cache.put(_ANSWERS, call.key, call.document)

    def _repair_or_drop(self, call: _Call, reply: Reply, wrong: str) -> None:
        if call.repairing:
            call.trouble = f"the answer could not be used: {wrong}"
            self._account.failures["an answer could not be used"] += 1
            self._account.receipt.failures += 1
            return
        call.repairing = True
        self._account.receipt.repaired += 1
        shown = reply.text[: 4 * self._options.answer_tokens_max]
        more = (("assistant", shown), ("user", repair_words(wrong)))
        call.request = ChatRequest((*call.request.messages, *more), call.prompt.schema, call.request.answer_tokens_max)

    def _is_priced(self, usage: Usage) -> bool:
        return self._options.price is not None or usage.micro_usd is not None

    # --- judging -----------------------------------------------------------------------------------------------------

    def _judged(self, call: _Call, floors: Sequence[Verdict]) -> Iterator[tuple[int, Verdict]]:
        """Put each opinion of an answer through the gate, and join what passes with the floor."""
        if call.document is None:
            return
        opinions = opinions_in(call.document)
        for number, (name, case) in zip(call.numbers, call.prompt.cases.items(), strict=True):
            opinion = opinions.get(name)
            if opinion is None:
                continue
            against = objections(
                opinion,
                case,
                call.prompt,
                floors[number],
                addresses_reviewer=opinion.judgment is Judgment.SAFE
                and self._options.addresses_reviewer(case.artifact),
            )
            self._account.receipt.rejected += bool(against)
            yield number, settle(opinion, case, call.prompt, floors[number], against, self.name)

    # --- telling -----------------------------------------------------------------------------------------------------

    def remarks(self) -> list[Notification]:
        """Say what a reader of the report must know: the receipt, what was not asked, and what went wrong."""
        receipt, options = self._account.receipt, self._options
        remarks = [Notification(Level.NOTE, "model-receipt", receipt.sentence)]
        if options.dry:
            remarks.append(Notification(Level.NOTE, "model-not-asked", "nothing was sent to the model, as asked"))
        trouble = Level.ERROR if options.required else Level.WARNING
        remarks += [
            Notification(trouble, "model-failed", f"{number} calls to the model failed: {cause}")
            for cause, number in sorted(self._account.failures.items())
        ]
        if options.limits.micro_usd is not None and options.price is None:
            message = f"the model was not asked: no price is known for {receipt.model}, and the cost was limited"
            remarks.append(Notification(trouble, "model-price-unknown", message))
        elif receipt.unasked:
            message = f"{receipt.unasked} of {receipt.questions} findings were not put to the model: the budget ended"
            remarks.append(Notification(Level.WARNING, "model-budget-exhausted", message))
        if self._cache.trouble:
            message = f"answers of the model are not kept: {self._cache.trouble}"
            remarks.append(Notification(Level.WARNING, "model-cache-unusable", message))
        return remarks


def weigh(case: Case, floor: Verdict) -> float:
    """Say how much a model's opinion is worth asking for: severity times doubt, 0 if it could change nothing.

    What an execution confirmed is settled. A requirement that is certainly broken is never talked away.
    """
    finding, outcome = case.finding, case.confirmation.outcome
    if outcome is Outcome.CONFIRMED:
        return 0.0
    policy = case.rule.kind is RuleKind.POLICY or finding.cwe in NEVER_ACQUITTED
    if policy and finding.confidence is Confidence.HIGH:
        return 0.0
    doubt = _DOUBT[finding.confidence]
    if floor.judgment is not Judgment.UNDECIDED:
        doubt *= 0.5
    if outcome is Outcome.NEUTRALIZED:
        doubt = max(doubt, 0.8)
    return case.rule.security_severity * doubt


_DOUBT = {Confidence.HIGH: 0.4, Confidence.MEDIUM: 1.0, Confidence.LOW: 0.6}
