"""Measure the offline guard on its own knowledge, held out by category or by structure. A development tool.

::

    python -m bluecode_lint.guard.evaluate [category|structure|obfuscation] [FOLDER_OF_RULES]

Each fold is judged by the whole pipeline with a classifier that saw none of its categories (or structures). Concepts,
patterns and constitutions are written by hand and are the same in every fold; that is disclosed, not held out.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.guard.build import build_judge
from bluecode_lint.guard.classifier import DOMAINS, Classifier
from bluecode_lint.guard.disguises import DISGUISES
from bluecode_lint.guard.judge import PLAUSIBLE
from bluecode_lint.guard.loading import load_data, load_exemplars
from bluecode_lint.guard.structure import skeleton_of, structure_key
from bluecode_lint.guard.train import FOLDS, common_weights, is_positive, is_usable, make_examples, train_on

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bluecode_lint.guard.judge import InstructionJudge
    from bluecode_lint.guard.loading import Exemplar, GuardData

_SEED = 20_251_018


@dataclass(frozen=True, slots=True)
class Scored:
    """An exemplar with the probability the guard gave it for each domain."""

    exemplar: Exemplar
    chances: Mapping[str, float]


def score(judge: InstructionJudge, texts: Sequence[tuple[Exemplar, str]]) -> list[Scored]:
    """Judge each text as a request; hidden text counts as injected, which it is unless somebody only tests it."""
    scored = []
    for exemplar, text in texts:
        chances = dict.fromkeys(DOMAINS, 0.0)
        for item in judge.judge(text, bare=True).items:
            domain = item.domain
            if domain in chances:
                chances[domain] = max(chances[domain], item.probability)
        scored.append(Scored(exemplar, chances))
    return scored


def cross_validate(data: GuardData, exemplars: Sequence[Exemplar], key: Callable[[Exemplar], str]) -> list[Scored]:
    """Score every exemplar by a guard that saw none of its key."""
    keys = sorted({key(exemplar) for exemplar in exemplars})
    random.Random(_SEED).shuffle(keys)  # noqa: S311  # a split, not a secret
    fold_of = {name: at % FOLDS for at, name in enumerate(keys)}
    common = common_weights(exemplars)
    examples = make_examples(data, exemplars, common)
    scored = []
    for fold in range(FOLDS):
        seen = [example for example in examples if fold_of[key(example.exemplar)] != fold]
        classifier = Classifier({"domains": train_on(seen), "common": common})
        held_out = [(e, e.text) for e in exemplars if fold_of[key(e)] == fold]
        scored += score(build_judge(data, classifier), held_out)
    return scored


def report(scored: Sequence[Scored]) -> str:
    """Lay out precision, recall, F1, false alarms and calibration for each domain."""
    lines = [f"{'domain':<10} {'P':>6} {'R':>6} {'F1':>6} {'hard':>6} {'plain':>6}   calibration (said: true)"]
    for domain in DOMAINS:
        own = [item for item in scored if item.exemplar.domain == domain]
        flagged = [item for item in own if item.chances[domain] >= PLAUSIBLE]
        right = sum(is_positive(item.exemplar, domain) for item in flagged)
        wanted = sum(is_positive(item.exemplar, domain) for item in own)
        precision, recall = right / max(1, len(flagged)), right / max(1, wanted)
        hard = [item.chances[domain] >= PLAUSIBLE for item in own if item.exemplar.label == "safe"]
        plain = [max(item.chances.values()) >= PLAUSIBLE for item in scored if item.exemplar.domain == "ordinary"]
        f1 = 2 * precision * recall / max(1e-9, precision + recall)
        lines.append(
            f"{domain:<10} {precision:6.3f} {recall:6.3f} {f1:6.3f} {sum(hard) / len(hard):6.3f} "
            f"{sum(plain) / len(plain):6.3f}   {_reliability(scored, domain)}"
        )
    return "\n".join(lines)


def _reliability(scored: Sequence[Scored], domain: str) -> str:
    bins: dict[int, list[bool]] = {}
    for item in scored:
        if is_usable(item.exemplar, domain):
            bins.setdefault(min(9, int(item.chances[domain] * 10)), []).append(is_positive(item.exemplar, domain))
    return " ".join(f"{at / 10 + 0.05:.2f}:{sum(truth) / len(truth):.2f}" for at, truth in sorted(bins.items()) if at)


# --- obfuscation -----------------------------------------------------------------------------------------------------


def obfuscation_report(judge: InstructionJudge, exemplars: Sequence[Exemplar]) -> str:
    """Lay out the recall on English unsafe texts under each obfuscation."""
    chosen = [e for e in exemplars if e.label == "unsafe" and e.language == "en" and e.category != "hidden-text"]
    lines = [f"{'':<18}" + "".join(f"{domain:>11}" for domain in DOMAINS)]
    for name, disguise in DISGUISES.items():
        scored = score(judge, [(exemplar, disguise(exemplar.text)) for exemplar in chosen])
        hits = Counter(s.exemplar.domain for s in scored if s.chances[s.exemplar.domain] >= PLAUSIBLE)
        of = Counter(s.exemplar.domain for s in scored)
        lines.append(f"{name:<18}" + "".join(f"{hits[domain] / of[domain]:11.3f}" for domain in DOMAINS))
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> str:
    """Evaluate, and give the report."""
    root = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).resolve().parents[2] / "rules"
    how = arguments[0] if arguments else "category"
    data, exemplars = load_data(root), load_exemplars(root)
    if how == "obfuscation":
        common = common_weights(exemplars)
        examples = make_examples(data, exemplars[::2], common)
        judge = build_judge(data, Classifier({"domains": train_on(examples), "common": common}))
        return obfuscation_report(judge, exemplars[1::2])
    keys: dict[str, Callable[[Exemplar], str]] = {
        "category": lambda e: e.id if e.domain == "ordinary" else f"{e.domain} {e.category}",
        "structure": structure_key,
    }
    structures = len({skeleton_of(exemplar) for exemplar in exemplars})
    scored = cross_validate(data, exemplars, keys[how])
    return f"{len(exemplars)} instructions, {structures} structures\n{report(scored)}"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]) + "\n")
