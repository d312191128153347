"""Train the classifier on the knowledge base. A development tool: it needs scikit-learn.

::

    python -m bluecode_lint.guard.train [FOLDER]       # default: rules/knowledge/instructions, beside the package

Logistic regression with an L2 penalty; calibrated on held-out folds after Platt (1999), "Probabilistic outputs for
support vector machines". At run time only the weights are needed, as data.
"""

from __future__ import annotations

import base64
import itertools
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from bluecode_lint.guard.classifier import DOMAINS
from bluecode_lint.guard.features import VECTOR_SCALE, FeatureReader, stem
from bluecode_lint.guard.lexicon import words_of
from bluecode_lint.guard.loading import GuardData, load_data, load_exemplars
from bluecode_lint.guard.predicates import PassageReader
from bluecode_lint.guard.segments import cut
from bluecode_lint.guard.views import read_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bluecode_lint.guard.features import Features
    from bluecode_lint.guard.loading import Exemplar

Matrix = np.ndarray[Any, np.dtype[np.float64]]

PENALTY = 1.0
POSITIVE_WEIGHT = 1.5
"""A missed unsafe text costs this much more than a false alarm, of which there are more chances."""
SEEN_MIN = 2
"""A feature seen in fewer texts is left out."""
TELLING_WORDS = 12
"""How many of an exemplar's rarest words are kept to recognise its category by."""
FOLDS = 6
NEGLIGIBLE = 0.005
"""Weights nearer to zero are not kept."""
_COMMON_FROM = 0.0005
_COMMON_DAMPING = 300.0


@dataclass(frozen=True, slots=True)
class Example:
    """A text as the classifier sees it."""

    exemplar: Exemplar
    features: Features


def common_weights(exemplars: Sequence[Exemplar]) -> dict[str, float]:
    """Weigh frequent words down (smooth inverse frequency, after Arora et al. 2017)."""
    counts = Counter(word.text for exemplar in exemplars for word in words_of(exemplar.text))
    total = sum(counts.values())
    return {
        word: round(1.0 / (1.0 + _COMMON_DAMPING * count / total), 4)
        for word, count in sorted(counts.items())
        if count / total > _COMMON_FROM
    }


def make_examples(data: GuardData, exemplars: Sequence[Exemplar], common: Mapping[str, float]) -> list[Example]:
    """Read every exemplar; each sentence of a safe one is safe, too, and so becomes an example of its own."""
    passages = PassageReader(data.concepts, data.patterns)
    reader = FeatureReader(data.vectors, common, data.constitutions)
    examples = []
    for exemplar in exemplars:
        views = read_all(exemplar.text, data.vectors.knows).views
        plain = views[0].text
        texts = [(view.text, view.unseen) for view in views]
        parts = cut(plain)
        if exemplar.label == "safe" and len(parts) > 1:
            texts += [(plain[start:end], False) for start, end in parts]
        examples += [Example(exemplar, reader.read(passages.read(text, unseen=unseen))) for text, unseen in texts]
    return examples


def is_positive(exemplar: Exemplar, domain: str) -> bool:
    """Tell whether an exemplar is an unsafe one of a domain."""
    return exemplar.domain == domain and exemplar.label == "unsafe"


def is_usable(exemplar: Exemplar, domain: str) -> bool:
    """Tell whether an exemplar teaches a domain: injected texts may ask for malicious acts, and the other way round."""
    return (
        exemplar.label == "safe" or exemplar.domain == domain or {exemplar.domain, domain} != {"malicious", "injected"}
    )


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights before calibration."""

    vocabulary: Mapping[str, int]
    weights: Matrix
    bias: float

    def scores(self, examples: Sequence[Example]) -> Matrix:
        """Give the raw log-odds of each example."""
        return np.asarray(_matrix(examples, self.vocabulary) @ self.weights + self.bias)


def fit(examples: Sequence[Example], domain: str) -> Fitted:
    """Fit one domain."""
    seen = Counter(name for example in examples for name in example.features.named)
    names = sorted(name for name, count in seen.items() if count >= SEEN_MIN)
    vocabulary = {name: index for index, name in enumerate(names)}
    labels = [is_positive(example.exemplar, domain) for example in examples]
    model = LogisticRegression(
        C=1 / PENALTY, class_weight={True: POSITIVE_WEIGHT, False: 1.0}, solver="liblinear", random_state=0
    )
    model.fit(_matrix(examples, vocabulary), labels)
    return Fitted(vocabulary, model.coef_[0], float(model.intercept_[0]))


def _matrix(examples: Sequence[Example], vocabulary: Mapping[str, int]) -> Any:  # noqa: ANN401  # scipy ships no types
    entries = [
        (row, vocabulary[name], value)
        for row, example in enumerate(examples)
        for name, value in example.features.named.items()
        if name in vocabulary
    ]
    rows, columns, values = zip(*entries, strict=True)
    named = sparse.csr_matrix((values, (rows, columns)), shape=(len(examples), len(vocabulary)))
    return sparse.hstack([named, sparse.csr_matrix([list(example.features.vector) for example in examples])]).tocsr()


def calibrate(scores: Matrix, labels: Matrix) -> tuple[float, float]:
    """Give slope and intercept that turn scores into log-odds (Platt), by Newton's method."""
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    target = np.where(labels > 0, (labels.sum() + 1) / (labels.sum() + 2), 1 / (len(labels) - labels.sum() + 2))
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        chances = 1.0 / (1.0 + np.exp(-(design @ solution)))
        gradient = design.T @ (chances - target)
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design + 1e-6 * np.eye(2)
        solution = solution - np.linalg.solve(curvature, gradient)
    return float(solution[0]), float(solution[1])


def train(data: GuardData, exemplars: Sequence[Exemplar]) -> dict[str, Any]:
    """Give the classifier as a JSON document."""
    common = common_weights(exemplars)
    return {
        "made_by": "bluecode_lint.guard.train",
        "common": common,
        "domains": train_on(make_examples(data, exemplars, common)),
        "exemplars": _embedded(data, exemplars, common),
    }


def train_on(examples: Sequence[Example]) -> dict[str, Any]:
    """Fit and calibrate every domain on these examples."""
    ids = list(dict.fromkeys(example.exemplar.id for example in examples))
    folds = [frozenset(ids[start::FOLDS]) for start in range(FOLDS)]
    domains = {}
    for domain in DOMAINS:
        usable = [example for example in examples if is_usable(example.exemplar, domain)]
        fitted = fit(usable, domain)
        slope, intercept = _calibrate_on_folds(usable, domain, folds)
        kept = {name: round(float(fitted.weights[at]), 4) for name, at in fitted.vocabulary.items()}
        domains[domain] = {
            "weights": {name: weight for name, weight in kept.items() if abs(weight) >= NEGLIGIBLE},
            "vector": [round(float(weight), 4) for weight in fitted.weights[len(fitted.vocabulary) :]],
            "slope": round(slope, 4),
            "intercept": round(slope * fitted.bias + intercept, 4),
        }
    return domains


def _calibrate_on_folds(usable: Sequence[Example], domain: str, folds: Sequence[frozenset[str]]) -> tuple[float, float]:
    scores: list[Matrix] = []
    labels: list[bool] = []
    for fold in folds:
        fitted = fit([example for example in usable if example.exemplar.id not in fold], domain)
        held_out = [example for example in usable if example.exemplar.id in fold]
        scores.append(fitted.scores(held_out))
        labels += [is_positive(example.exemplar, domain) for example in held_out]
    return calibrate(np.concatenate(scores), np.array(labels, dtype=float))


def _embedded(data: GuardData, exemplars: Sequence[Exemplar], common: Mapping[str, float]) -> dict[str, Any]:
    """Give the vectors and the rarest words of the unsafe exemplars and their hard negatives, as 8-bit integers."""
    passages = PassageReader(data.concepts, data.patterns)
    reader = FeatureReader(data.vectors, common, ())
    kept = [exemplar for exemplar in exemplars if exemplar.domain in DOMAINS]
    rows = [reader.read(passages.read(read_all(e.text, data.vectors.knows).views[-1].text)).vector for e in kept]
    table = np.round(np.array(rows) / VECTOR_SCALE * 127).astype(np.int8)
    stems = [{stem(word.text) for word in words_of(exemplar.text)} for exemplar in exemplars]
    seen = Counter(itertools.chain.from_iterable(stems))
    telling = [
        " ".join(sorted(found, key=lambda word: (seen[word], word))[:TELLING_WORDS])
        for found, exemplar in zip(stems, exemplars, strict=True)
        if exemplar.domain in DOMAINS
    ]
    return {
        "ids": " ".join(exemplar.id for exemplar in kept),
        "vectors": base64.b64encode(table.tobytes()).decode(),
        "telling": telling,
    }


def main(arguments: Sequence[str]) -> None:
    """Train on the knowledge base and write ``classifier.json`` into it."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2] / "rules"
    data = load_data(root)
    exemplars = load_exemplars(root)
    target = root / "knowledge" / "instructions" / "classifier.json"
    target.write_text(json.dumps(train(data, exemplars), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
