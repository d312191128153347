"""Put questions to a model within a budget: kept answers first, then waves of calls, each repaired at most once."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.model import Level, Notification
from bluecode_lint.reasoners.model.answer import AnswerError, read_document
from bluecode_lint.reasoners.model.budget import Budget, Price, Receipt, SpendLimits, Usage, estimate_tokens
from bluecode_lint.reasoners.model.chat import ChatRequest, Ending
from bluecode_lint.reasoners.model.prompt import PromptOptions, repair_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.reasoners.model.cache import AnswerCache
    from bluecode_lint.reasoners.model.chat import Chat, Reply
    from bluecode_lint.reasoners.model.endpoint import Endpoint
    from bluecode_lint.reasoners.model.prompt import Prompt

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
    """What asking would take, before anything is sent. ``micro_usd`` is the most it can cost; None if unknown."""

    files: int = 0
    questions: int = 0
    calls: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    answer_tokens_max: int = 0
    micro_usd: int | None = 0


@dataclass(slots=True)
class Call:
    """One prompt on its way: sent at most twice, the second time to repair its answer."""

    prompt: Prompt
    key: str
    request: ChatRequest
    weight: float
    document: dict[str, Any] | None = None
    trouble: str = ""
    repairing: bool = False

    @property
    def is_open(self) -> bool:
        """Tell whether it has neither an answer nor trouble yet."""
        return self.document is None and not self.trouble

    @property
    def worst(self) -> Usage:
        """Give the most that the next request can use."""
        words = sum(estimate_tokens(text) for _, text in self.request.messages)
        return Usage(max(words, self.prompt.tokens), self.request.answer_tokens_max)


class Conversation:
    """All that is said to one model in one run, and what it cost."""

    def __init__(self, chat: Chat, endpoint: Endpoint, cache: AnswerCache, options: ModelOptions = DEFAULTS) -> None:
        """Keep answers in ``cache``, and to the limits of ``options``."""
        self._chat = chat
        self._cache = cache
        self.endpoint = endpoint
        self.options = options
        self.budget = Budget(options.limits, options.price)
        self.receipt = Receipt(endpoint.model, endpoint.host, micro_usd=None if options.price is None else 0)
        self.failures: Counter[str] = Counter()
        self.estimate = Estimate(micro_usd=None if options.price is None else 0)
        self._shown: set[str] = set()

    def prepare(self, prompt: Prompt, weight: float, said: Sequence[tuple[str, str]] = ()) -> Call:
        """Make a call of a prompt; ``weight`` says how much its answer matters, ``said`` is what followed so far.

        ``said`` are (role, text) messages, the first of them the model's answer to the prompt.
        """
        most = self.options.answer_tokens_max
        request = ChatRequest((("system", prompt.system), ("user", prompt.user), *said), prompt.schema, most)
        talk = json.dumps(said) if said else ""
        key = prompt.key(self.endpoint.base_url, self.endpoint.model, str(most), *filter(None, [talk]))
        return Call(prompt, key, request, weight)

    def ask(self, calls: Sequence[Call]) -> None:
        """Answer calls, most important first, from the cache or by the model; what got no answer has ``trouble``."""
        for call in calls:
            self.options.show(call.prompt.text)
            call.document = self._cache.get(_ANSWERS, call.key)
        self.receipt.questions += sum(call.prompt.questions for call in calls)
        self.receipt.cached += sum(call.document is not None for call in calls)
        self.estimate = self._estimate([call for call in calls if call.document is None], len(calls))
        if not self.options.dry:
            started = time.monotonic()
            self._send_in_waves([call for call in calls if call.document is None])
            self.receipt.milliseconds += int(1000 * (time.monotonic() - started))

    def _estimate(self, unanswered: Sequence[Call], planned: int) -> Estimate:
        """Add what is about to be asked to what was expected so far."""
        before, price = self.estimate, self.options.price
        self._shown |= {excerpt.uri for call in unanswered for excerpt in call.prompt.excerpts}
        tokens = before.prompt_tokens + sum(call.worst.prompt_tokens for call in unanswered)
        answers = before.answer_tokens_max + sum(call.worst.answer_tokens for call in unanswered)
        return Estimate(
            files=len(self._shown),
            questions=before.questions + sum(call.prompt.questions for call in unanswered),
            calls=before.calls + len(unanswered),
            cached=before.cached + planned - len(unanswered),
            prompt_tokens=tokens,
            answer_tokens_max=answers,
            micro_usd=price.cost(tokens, answers) if price is not None else None,
        )

    def _send_in_waves(self, waiting: list[Call]) -> None:
        """Send what fits into the budget at its worst case; what that leaves over pays for another wave.

        Waves, and not one call after another, make the cut the same in every run, however fast the answers come.
        """
        while waiting:
            wave = [call for call in waiting if self.budget.reserve(call.worst)]
            if not wave:
                break
            for call, reply in zip(wave, self._chat.complete_all([call.request for call in wave]), strict=True):
                self._receive(call, reply)
            sent = {id(call) for call in wave}
            waiting = [call for call in waiting if id(call) not in sent or call.is_open]
        for call in waiting:
            call.trouble = "the budget ended before it was asked"
            self.receipt.unasked += 0 if call.repairing else call.prompt.questions

    def _receive(self, call: Call, reply: Reply) -> None:
        """Take a reply in: count it, read it, and see whether its answer can be repaired."""
        receipt = self.receipt
        receipt.calls += reply.attempts
        receipt.retries += max(0, reply.attempts - 1)
        self.budget.settle(call.worst, reply.usage)
        priced = self.options.price is not None or reply.usage.micro_usd is not None
        receipt.add(reply.usage, self.budget.cost(reply.usage) if priced else None)
        if reply.ending is Ending.FAILED:
            call.trouble = f"{reply.trouble} ({reply.detail})" if reply.detail else str(reply.trouble)
            self._count_failure(call.trouble)
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

    def _repair_or_drop(self, call: Call, reply: Reply, wrong: str) -> None:
        if call.repairing:
            call.trouble = "an answer could not be used"
            self._count_failure(call.trouble)
            return
        call.repairing = True
        self.receipt.repaired += 1
        most = call.request.answer_tokens_max
        if reply.ending is Ending.CUT:  # a model that reasons first may have spent all of it on that
            most *= 2
        shown = reply.text[: 4 * self.options.answer_tokens_max]
        more = (("assistant", shown), ("user", repair_words(wrong))) if shown.strip() else ()
        call.request = ChatRequest((*call.request.messages, *more), call.prompt.schema, most)

    def _count_failure(self, cause: str) -> None:
        self.failures[cause] += 1
        self.receipt.failures += 1

    def remarks(self) -> list[Notification]:
        """Say what a reader of the report must know: the receipt, what was not asked, and what went wrong."""
        receipt, options = self.receipt, self.options
        remarks = [Notification(Level.NOTE, "model-receipt", receipt.sentence)]
        if options.dry:
            remarks.append(Notification(Level.NOTE, "model-not-asked", "nothing was sent to the model, as asked"))
        trouble = Level.ERROR if options.required else Level.WARNING
        remarks += [
            Notification(trouble, "model-failed", f"{number} calls to the model failed: {cause}")
            for cause, number in sorted(self.failures.items())
        ]
        if receipt.refusals:
            message = f"the model refused {receipt.refusals} calls; what they asked keeps its offline verdict"
            remarks.append(Notification(trouble, "model-refused", message))
        if options.limits.micro_usd is not None and options.price is None:
            message = f"the model was not asked: no price is known for {receipt.model}, and the cost was limited"
            remarks.append(Notification(trouble, "model-price-unknown", message))
        elif receipt.unasked:
            message = f"{receipt.unasked} of {receipt.questions} questions were not put to the model: the budget ended"
            remarks.append(Notification(Level.WARNING, "model-budget-exhausted", message))
        if self._cache.trouble:
            message = f"answers of the model are not kept: {self._cache.trouble}"
            remarks.append(Notification(Level.WARNING, "model-cache-unusable", message))
        return remarks
