"""Distil constitutions from pairs without a model: contrast the two sides, and measure on all other pairs.

What a safe side calls that its unsafe side does not, what it no longer calls, and which keywords of the same call
changed are candidates. A candidate is proposed only with its effect: how many pairs of other structures it tells apart,
and how many safe sides it would wrongly flag. Proposals are for review; nothing here writes into ``rules/``.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bluecode_lint.core.imports import imports_of, text_of
from bluecode_lint.core.model import Condition, Constitution
from bluecode_lint.core.tree import walk
from bluecode_lint.knowledge.pairs import structure_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bluecode_lint.core.protocols import Node, Parser
    from bluecode_lint.knowledge.pairs import Pair

    _Conditions = tuple[Condition, ...]
    _Uses = list[tuple[str, frozenset[tuple[str, str]]]]

SUPPORT_MIN = 2
"""Pairs of different structure a proposal must tell apart."""

_EVERYWHERE = frozenset(
    {"len", "str", "print", "range", "isinstance", "open", "int", "bool", "list", "dict", "any", "all"}
)


class Holds(Protocol):
    """Tells whether all conditions hold together somewhere in a program (a reasoner knows how)."""

    def __call__(self, conditions: Sequence[Condition], code: str, /) -> bool:
        """Answer for one program."""
        ...


@dataclass(frozen=True, slots=True)
class Proposal:
    """A constitution to review, with its measured effect.

    ``told_apart`` are the pairs it flags on the unsafe side only, ``missed`` the pairs of its weakness it does not
    flag, ``wrongly_flagged`` the pairs, of any weakness, whose safe side it flags.
    """

    constitution: Constitution
    told_apart: tuple[str, ...]
    missed: tuple[str, ...]
    wrongly_flagged: tuple[str, ...]


def distill(pairs: Sequence[Pair], cwe: int, *, parse: Parser, holds: Holds) -> list[Proposal]:
    """Propose constitutions for one weakness, best first: more told apart, fewer wrongly flagged, then by id."""
    own = [pair for pair in pairs if pair.cwe == cwe]
    proposals = []
    for unsafe, safe in _candidates(own, parse):
        flagged = {pair.id for pair in own if holds(unsafe, pair.unsafe_code)}
        wrong = tuple(pair.id for pair in pairs if holds(unsafe, pair.safe_code))
        told = [pair for pair in own if pair.id in flagged and pair.id not in wrong]
        if len({structure_of(pair.unsafe_code, parse) for pair in told}) >= SUPPORT_MIN:
            told_ids = tuple(pair.id for pair in told)
            missed = tuple(pair.id for pair in own if pair.id not in flagged)
            proposals.append(Proposal(_constitution(cwe, unsafe, safe, told_ids), told_ids, missed, wrong))
    proposals.sort(key=lambda each: (-len(each.told_apart), len(each.wrongly_flagged), each.constitution.id))
    return proposals


def _candidates(pairs: Sequence[Pair], parse: Parser) -> Iterator[tuple[_Conditions, _Conditions]]:
    """Contrast each pair: for each call that disappears and each keyword that changes, what most often replaces it."""
    replacements: dict[_Conditions, Counter[_Conditions]] = {}
    for pair in pairs:
        before, after = _uses(pair.unsafe_code, parse), _uses(pair.safe_code, parse)
        for unsafe, safe in (*_replaced_calls(before, after), *_changed_keywords(before, after)):
            replacements.setdefault(unsafe, Counter())[safe] += 1
    for unsafe in sorted(replacements, key=_key):
        counted = replacements[unsafe]
        yield unsafe, min(counted, key=lambda safe: (-counted[safe], _key(safe)))


def _replaced_calls(before: _Uses, after: _Uses) -> Iterator[tuple[_Conditions, _Conditions]]:
    kept = {path for path, _ in before} & {path for path, _ in after}
    come = sorted({path for path, _ in after} - kept - _EVERYWHERE)
    replacement = (_calls(come[0]),) if come else (Condition("what was wrong is no longer there"),)
    for path in {path for path, _ in before} - kept - _EVERYWHERE:
        yield (_calls(path),), replacement


def _changed_keywords(before: _Uses, after: _Uses) -> Iterator[tuple[_Conditions, _Conditions]]:
    for path, keywords in before:
        for name, value in keywords:
            if any(other == path and (name, value) not in rest for other, rest in after):
                yield (
                    (_calls(path), Condition(f"{name} is {value}", "argument_is", (name, value))),
                    (_calls(path), Condition(f"{name} is not {value}", "argument_is_not", (name, value))),
                )


def _uses(code: str, parse: Parser) -> _Uses:
    """List the calls of a program: resolved path, and keyword arguments that are written out."""
    root = parse(code).root
    imports = imports_of(root)
    uses = []
    for call in _calls_in(root):
        path = imports.path(call.child_by_field_name("function"))
        arguments = call.child_by_field_name("arguments")
        keywords = frozenset(
            (text_of(node.child_by_field_name("name")), text_of(node.child_by_field_name("value")))
            for node in (arguments.named_children if arguments is not None else ())
            if node.type == "keyword_argument"
            and (value := node.child_by_field_name("value")) is not None
            and value.type in {"true", "false", "none", "integer"}
        )
        if path:
            uses.append((path, keywords))
    return uses


def _calls_in(root: Node) -> Iterator[Node]:
    return (node for node in walk(root) if node.type == "call")


def _calls(path: str) -> Condition:
    return Condition(f"{path} is called", "calls", (path,))


def _key(conditions: Sequence[Condition]) -> tuple[tuple[str, ...], ...]:
    return tuple((condition.predicate, *condition.arguments) for condition in conditions)


def _constitution(
    cwe: int, unsafe: tuple[Condition, ...], safe: tuple[Condition, ...], examples: tuple[str, ...]
) -> Constitution:
    words = "; ".join(condition.words for condition in unsafe)
    instead = "; ".join(condition.words for condition in safe)
    stem = "-".join(
        "".join(character if character.isalnum() else "-" for character in argument.lower()).strip("-")
        for condition in unsafe
        for argument in condition.arguments
    )
    return Constitution(
        id=f"cwe-{cwe:03d}-{'-'.join(part for part in stem.split('-') if part)}"[:80].rstrip("-"),
        domain="code",
        cwe=cwe,
        principle=f"Avoid that {words}. Better: {instead}.",
        unsafe_when=unsafe,
        safe_when=safe,
        rationale=f"In {len(examples)} reviewed pairs this told the unsafe side from the safe one.",
        examples=examples,
        provenance="distilled by contrast, not yet reviewed",
    )
