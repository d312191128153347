"""A calibrated linear classifier for each domain; its weights are data under ``rules/knowledge/instructions/``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.guard.features import Features

DOMAINS = ("malicious", "biased", "injected")
_LOGIT_MAX = 30.0


@dataclass(frozen=True, slots=True)
class Linear:
    """One domain's weights. The logit of a passage is calibrated as ``slope * sum + intercept`` (Platt 1999)."""

    weights: Mapping[str, float]
    vector: Sequence[float]
    slope: float
    intercept: float

    def logit(self, features: Features) -> float:
        """Give the calibrated log-odds that a passage, sent to be checked, is of this domain."""
        weights = self.weights
        total = math.fsum(value * weights[name] for name, value in features.named.items() if name in weights)
        total += math.fsum(map(mul, self.vector, features.vector))
        logit = self.slope * total + self.intercept
        return max(-_LOGIT_MAX, min(_LOGIT_MAX, logit))

    def reasons(self, features: Features, count: int = 3) -> list[str]:
        """Name the features that spoke most for it."""
        parts = [(value * self.weights.get(name, 0.0), name) for name, value in features.named.items()]
        return [name for strength, name in sorted(parts, reverse=True)[:count] if strength > 0]


class Classifier:
    """The three domains' classifiers."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Read the JSON document written by ``train``."""
        self.domains = {
            domain: Linear(body["weights"], body["vector"], float(body["slope"]), float(body["intercept"]))
            for domain, body in document["domains"].items()
        }
        self.common: Mapping[str, float] = document["common"]


def probability(logit: float) -> float:
    """Turn log-odds into a probability."""
    return 1.0 / (1.0 + math.exp(-logit))
