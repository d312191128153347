"""Whether and how a model judges, reviews and attacks, too: chosen by the operator's flags and environment alone."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Artifact, Case, Rule
    from bluecode_lint.core.protocols import Analyzer, Experimenter, Reasoner
    from bluecode_lint.reasoners.model import Endpoint, Estimate, ModelOptions, SpendLimits

_MODEL_VARIABLES = ("BLUECODE_LLM_MODEL", "OPENAI_MODEL")
_MICRO = 1_000_000
REVIEW = "review"
"""The name of the analyzer whose findings are a model's opinions."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The parts of a scan that may ask a model; they share one budget and one receipt."""

    reasoner: Reasoner
    reviewers: tuple[Analyzer, ...] = ()
    experimenter: Experimenter | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """What thinking builds on: the rules and their folder, the cache, and what other rooms know of a case.

    ``examples`` opens the raw examples nearest to a case; it is called only where a prompt wants them.
    """

    rules: Mapping[str, Rule]
    root: Path
    cache: Path
    addresses_reviewer: Callable[[Artifact], bool]
    examples: Callable[[], Callable[[Case], Sequence[str]]]


@contextmanager
def open_thinking(settings: Settings, inputs: Inputs, ground: Ground) -> Iterator[Thinking]:
    """Open the offline reasoner and, if a model was named, what builds on it.

    Raises:
        ConfigError: The endpoint or a limit is malformed.
        UsageError: A model is required, or asked to review, and none is named.
    """
    from bluecode_lint.reasoners.offline import OfflineReasoner  # noqa: PLC0415  # lazy: start-up time

    endpoint = _choose_endpoint(settings)
    if endpoint is None:
        yield Thinking(OfflineReasoner())
        return
    from bluecode_lint.reasoners.model import (  # noqa: PLC0415  # lazy: start-up time
        ClientOptions,
        ModelExperimenter,
        ModelParts,
        ModelReviewer,
        open_model_reasoner,
    )

    parts = ModelParts(
        endpoint,
        prices=Path(settings["llm-prices"]) if settings["llm-prices"] else ground.root / "models" / "prices.yaml",
        cache=ground.cache,
        record=Path(settings["record"]) if settings["record"] else None,
        replay=Path(settings["replay-llm"]) if settings["replay-llm"] else None,
        client=ClientOptions(timeout_s=_timeout_s(settings)),
    )
    options = _options(settings, ground)
    with open_model_reasoner(OfflineReasoner(), parts, options, inputs.artifacts) as reasoner:
        reviewer = ModelReviewer(reasoner.conversation, ground.rules, is_in_scope=inputs.in_scope.touches)
        tests: int = settings["experiments"]
        experimenter = ModelExperimenter(reasoner.conversation, inputs.artifacts, findings_max=tests) if tests else None
        yield Thinking(reasoner, (reviewer,) if settings["review"] else (), experimenter)
        if settings["estimate"]:
            _show_estimate(reasoner.estimate, endpoint)


def model_named(settings: Settings) -> str:
    """Give the model that may be asked; empty if none is named, or none may be asked."""
    if settings["no-llm"] or settings["offline"]:
        return ""
    return settings["llm-model"] or next(filter(None, map(os.environ.get, _MODEL_VARIABLES)), "")


def _choose_endpoint(settings: Settings) -> Endpoint | None:
    named = model_named(settings)
    if not named:
        if settings["require-llm"] or settings["review"]:
            message = "a model is needed, but none is named, or --no-llm or --offline forbids it"
            raise UsageError(message, advice="Name one with --llm-model or BLUECODE_LLM_MODEL.")
        return None
    from bluecode_lint.reasoners.model import endpoint_from_environment  # noqa: PLC0415  # lazy: start-up time

    return endpoint_from_environment(os.environ, base_url=settings["llm-base-url"], model=named)


def _options(settings: Settings, ground: Ground) -> ModelOptions:
    from bluecode_lint.reasoners.model import Mode, ModelOptions, PromptOptions  # noqa: PLC0415  # lazy: start-up time

    mode = Mode(settings["reasoner-mode"])
    prompt = PromptOptions(mode, examples=ground.examples()) if mode is Mode.EXEMPLARS else PromptOptions(mode)
    options = ModelOptions(
        prompt=prompt,
        limits=_limits(settings),
        answer_tokens_max=max(1, settings["llm-answer-tokens"]),
        neutral_names=settings["neutral-names"],
        required=settings["require-llm"],
        dry=settings["estimate"],
        addresses_reviewer=ground.addresses_reviewer,
    )
    return replace(options, show=_show_prompt) if settings["show-prompts"] else options


def _timeout_s(settings: Settings) -> float:
    seconds: int = settings["llm-timeout"]
    if not seconds:
        message = "--llm-timeout must be at least one second"
        raise ConfigError(message)
    return float(seconds)


def _limits(settings: Settings) -> SpendLimits:
    from bluecode_lint.reasoners.model import SpendLimits  # noqa: PLC0415  # lazy: start-up time

    cost: str = settings["max-cost"]
    try:
        micro_usd = round(float(cost) * _MICRO) if cost else None
    except (ValueError, OverflowError) as error:
        message = f"--max-cost must be an amount in US dollars, not {cost!r}"
        raise ConfigError(message) from error
    if micro_usd is not None and micro_usd < 0:
        message = "--max-cost must not be negative"
        raise ConfigError(message)
    return SpendLimits(calls=settings["max-llm-calls"], tokens=settings["max-tokens"] or None, micro_usd=micro_usd)


def _show_prompt(text: str) -> None:
    sys.stderr.write(text.rstrip() + "\n\n")


def _show_estimate(estimate: Estimate, endpoint: Endpoint) -> None:
    cost = "unknown" if estimate.micro_usd is None else f"at most ${estimate.micro_usd / _MICRO:.4f}"
    sys.stderr.write(
        f"bluecode-lint: asking {endpoint.model} at {endpoint.host} would take {estimate.calls} calls for "
        f"{estimate.questions} questions in {estimate.files} files ({estimate.cached} answers are kept already), "
        f"{estimate.prompt_tokens} tokens and at most {estimate.answer_tokens_max} of answers; cost {cost}. "
        "Nothing was sent.\n"
    )
