"""What a model run may cost, checked before each call, and the receipt of what it did cost.

Money is counted in millionths of a US dollar: a price of 2.50 $ a million tokens is 2.5 of them a token.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint.core.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MICRO = 1_000_000

# English and code run at 3 to 4 characters a token for the usual tokenizers; 3 errs on the costly side.
_CHARACTERS_A_TOKEN = 3


def estimate_tokens(text: str) -> int:
    """Estimate how many tokens a text is: a third of its UTF-8 bytes, rounded up; rarely too few."""
    return math.ceil(len(text.encode("utf-8", errors="replace")) / _CHARACTERS_A_TOKEN)


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens."""

    prompt: float
    answer: float

    def cost(self, prompt_tokens: int, answer_tokens: int) -> int:
        """Give what tokens cost, in millionths of a dollar, rounded up."""
        return math.ceil(prompt_tokens * self.prompt + answer_tokens * self.answer)


FREE = Price(0.0, 0.0)


def load_prices(file: Path) -> dict[str, Price]:
    """Read a price table: ``models`` maps a model's name (``*`` matches anything) to ``[prompt, answer]``.

    Raises:
        RulesError: The file cannot be read, or does not look like this.
    """
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        table = document["models"]
        prices = {str(name): Price(float(pair[0]), float(pair[1])) for name, pair in table.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        message = f"{file}: not a price table: {error}"
        raise RulesError(message, advice="Write `models:` and a line `name: [2.50, 10.00]` a model.") from error
    if any(price.prompt < 0 or price.answer < 0 for price in prices.values()):
        message = f"{file}: a price is negative"
        raise RulesError(message)
    return prices


def price_of(model: str, prices: Mapping[str, Price]) -> Price | None:
    """Look a model up: by its name, then by the longest pattern that matches it, with or without a vendor in front."""
    for name in (model, model.rpartition("/")[2]):
        if name in prices:
            return prices[name]
        patterns = [pattern for pattern in prices if fnmatchcase(name, pattern)]
        if patterns:
            return prices[max(patterns, key=lambda pattern: (len(pattern), pattern))]
    return None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, or of many. ``micro_usd`` is what the server itself said it charged, where it did."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    micro_usd: int | None = None


@dataclass(frozen=True, slots=True)
class SpendLimits:
    """The most a run may use; None is no limit. A call is one request that reached for the network."""

    calls: int | None = 200
    tokens: int | None = None
    micro_usd: int | None = None


class Budget:
    """Counts what is spent and promised. Thread-safe.

    A call is *reserved* at its worst case before it is sent, and *settled* at what it really used.
    """

    def __init__(self, limits: SpendLimits, price: Price | None) -> None:
        """Start at nothing. Without a ``price``, nothing may be spent under a limit of money."""
        self._limits = limits
        self._price = price
        self._lock = threading.Lock()
        self._calls = 0
        self._tokens = 0
        self._micro_usd = 0

    def reserve(self, worst: Usage, *, calls: int = 1) -> bool:
        """Promise a call's worst case, if it still fits; nothing changes if it does not."""
        with self._lock:
            tokens = self._tokens + worst.prompt_tokens + worst.answer_tokens
            cost = self._micro_usd + self._cost(worst)
            limits = self._limits
            fits = (
                (limits.calls is None or self._calls + calls <= limits.calls)
                and (limits.tokens is None or tokens <= limits.tokens)
                and (limits.micro_usd is None or (self._price is not None and cost <= limits.micro_usd))
            )
            if fits:
                self._calls += calls
                self._tokens = tokens
                self._micro_usd = cost
            return fits

    def settle(self, reserved: Usage, used: Usage) -> None:
        """Replace a promise by what the call used."""
        with self._lock:
            self._tokens += used.prompt_tokens + used.answer_tokens - reserved.prompt_tokens - reserved.answer_tokens
            self._micro_usd += self.cost(used) - self._cost(reserved)

    def cost(self, used: Usage) -> int:
        """Give what a call cost: as the server said, or else by the price table."""
        return used.micro_usd if used.micro_usd is not None else self._cost(used)

    def _cost(self, usage: Usage) -> int:
        return self._price.cost(usage.prompt_tokens, usage.answer_tokens) if self._price is not None else 0


@dataclass(slots=True)
class Receipt:
    """What a model run did and cost. ``micro_usd`` is None where neither server nor table knew a price."""

    model: str
    host: str
    questions: int = 0
    """Findings and candidates that were worth a question."""
    calls: int = 0
    retries: int = 0
    cached: int = 0
    """Calls saved by an answer that was kept."""
    repaired: int = 0
    refusals: int = 0
    failures: int = 0
    rejected: int = 0
    """Opinions that the gate did not accept."""
    experiments: int = 0
    """Tests that a model wrote and the sandbox ran."""
    proofs: int = 0
    """Findings that one of them confirmed."""
    unasked: int = 0
    """Findings that the budget left without a question."""
    prompt_tokens: int = 0
    answer_tokens: int = 0
    micro_usd: int | None = 0
    milliseconds: int = 0

    def add(self, used: Usage, micro_usd: int | None) -> None:
        """Count one answered call."""
        self.prompt_tokens += used.prompt_tokens
        self.answer_tokens += used.answer_tokens
        if micro_usd is None or self.micro_usd is None:
            self.micro_usd = None
        else:
            self.micro_usd += micro_usd

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        cost = "cost unknown" if self.micro_usd is None else f"${self.micro_usd / MICRO:.4f}"
        tried = f"{self.experiments} experiments with {self.proofs} proofs, " if self.experiments else ""
        return (
            f"{self.model} at {self.host} was asked {self.questions - self.unasked} of {self.questions} questions "
            f"in {self.calls} calls ({self.retries} repeated, {self.repaired} repaired), {self.cached} answers kept "
            f"from before, {self.refusals} refusals, {self.failures} failures, {self.rejected} opinions not accepted, "
            f"{tried}{self.prompt_tokens:,} + {self.answer_tokens:,} tokens, {cost}, {self.milliseconds / 1000:.1f} s"
        )

    @property
    def statistics(self) -> dict[str, int]:
        """Give the numbers for machines; without the cost where it is unknown."""
        numbers = {
            "modelQuestions": self.questions,
            "modelCalls": self.calls,
            "modelRetries": self.retries,
            "modelCached": self.cached,
            "modelRefusals": self.refusals,
            "modelFailures": self.failures,
            "modelRejected": self.rejected,
            "modelUnasked": self.unasked,
            "modelExperiments": self.experiments,
            "modelProofs": self.proofs,
            "modelPromptTokens": self.prompt_tokens,
            "modelAnswerTokens": self.answer_tokens,
            "modelMilliseconds": self.milliseconds,
        }
        return numbers if self.micro_usd is None else {**numbers, "modelMicroUsd": self.micro_usd}
