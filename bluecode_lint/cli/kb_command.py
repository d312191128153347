"""``bluecode-lint kb`` and ``bluecode-lint constitution``: look at, extend and prove what the judgments rest on."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import yaml

from bluecode_lint.cli import wiring
from bluecode_lint.core.errors import ExitCode, RulesError, SandboxUnavailableError, UsageError
from bluecode_lint.knowledge.admission import admit, store
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.constitutions import check_references, load_constitutions
from bluecode_lint.knowledge.distillation import distill
from bluecode_lint.knowledge.documents import LINES_FILE_BYTES_MAX, read_capped
from bluecode_lint.knowledge.exemplars import index_state, open_exemplars
from bluecode_lint.knowledge.pairs import line_from_pair, load_pairs, measure, pair_files
from bluecode_lint.knowledge.quality import leave_one_out
from bluecode_lint.knowledge.shapes import write_shapes
from bluecode_lint.knowledge.verification import verify_all
from bluecode_lint.sources.plain import parse_plainly
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bluecode_lint.core.model import Condition, Constitution
    from bluecode_lint.knowledge.pairs import Pair


def kb_command(arguments: argparse.Namespace) -> ExitCode:
    """Carry out one of the actions on the knowledge base."""
    actions: dict[str, Callable[[argparse.Namespace], ExitCode]] = {
        "list": _list,
        "show": _show,
        "stats": _stats,
        "verify": _verify,
        "add": _add,
        "index": _index,
        "export": _export,
    }
    return actions[arguments.action](arguments)


def _files(arguments: argparse.Namespace) -> tuple[Path, ...]:
    own = pair_files(rules_root())
    extra = arguments.knowledge
    if extra is None:
        return own
    if not extra.is_dir():
        message = f"no such knowledge directory: {extra}"
        raise UsageError(message)
    return (*own, *pair_files(extra))


def _pairs(arguments: argparse.Namespace) -> tuple[Pair, ...]:
    pairs = load_pairs(_files(arguments), rules_root() / "schema")
    wanted = getattr(arguments, "cwe", None)
    return tuple(pair for pair in pairs if wanted is None or pair.cwe == wanted)


def _list(arguments: argparse.Namespace) -> ExitCode:
    for pair in _pairs(arguments):
        state = "verified" if pair.is_verified else pair.outcome
        sys.stdout.write(f"{pair.id:<44} CWE-{pair.cwe:<5} {pair.framework:<14} {state:<11} {pair.title}\n")
    return ExitCode.CLEAN


def _show(arguments: argparse.Namespace) -> ExitCode:
    pair = next((pair for pair in _pairs(arguments) if pair.id == arguments.id), None)
    if pair is None:
        message = f"the knowledge base has no pair {arguments.id!r}"
        raise UsageError(message, advice="`bluecode-lint kb list` names them.")
    sys.stdout.write(
        f"{pair.id}  (CWE-{pair.cwe}, {pair.framework}, {pair.license})\n\n{pair.title}\n{pair.scenario}\n"
        f"Policy: {pair.policy}\nMade by: {json.dumps(dict(pair.generator), ensure_ascii=False)}\n"
        f"Verification: {pair.outcome}: {pair.ran}\n"
    )
    parts = {"Unsafe": pair.unsafe_code, "Safe": pair.safe_code, "Capability": pair.capability, "Safety": pair.safety}
    for title, code in parts.items():
        sys.stdout.write(f"\n{title}:\n\n" + "".join(f"    {line}\n" for line in code.splitlines()))
    return ExitCode.CLEAN


def _stats(arguments: argparse.Namespace) -> ExitCode:
    pairs = _pairs(arguments)
    counted = measure(pairs, parse_python)
    sys.stdout.write(f"{'':<10}{'pairs':>7}{'verified':>10}{'structures':>12}\n")
    for cwe, number in counted.pairs.items():
        verified, structures = counted.verified.get(cwe, 0), counted.structures[cwe]
        sys.stdout.write(f"CWE-{cwe:<6}{number:>7}{verified:>10}{structures:>12}\n")
    sys.stdout.write(
        f"{len(counted.pairs)} CWEs, {counted.total} pairs, {sum(counted.verified.values())} verified, "
        f"{sum(counted.structures.values())} structures, {len(counted.frameworks)} frameworks\n"
    )
    if arguments.retrieval:
        quality = leave_one_out(pairs, parse_python)
        sys.stdout.write(
            f"retrieval, each structure left out: hit@1 {quality.hit_1:.3f}, hit@3 {quality.hit_3:.3f}, "
            f"family@3 {quality.family_3:.3f}, MRR {quality.mean_reciprocal_rank:.3f}\n"
        )
        for cwe, share in quality.hit_3_by_cwe.items():
            sys.stdout.write(f"CWE-{cwe:<6} hit@3 {share:.2f}\n")
    return ExitCode.CLEAN


def _verify(arguments: argparse.Namespace) -> ExitCode:
    """Prove pairs again: 1 if one that is called verified is not proven."""
    pairs = _pairs(arguments)
    if arguments.sample:
        pairs = pairs[:: max(1, len(pairs) // arguments.sample)][: arguments.sample]
    started, failed = time.monotonic(), 0
    by_id = {pair.id: pair for pair in pairs}
    with wiring.opened_sandbox(arguments.sandbox) as sandbox:
        if sandbox is None:
            message = "no sandbox holds on this machine, and a pair is never run outside of one"
            raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why.")
        for trial in verify_all(pairs, sandbox, jobs=arguments.jobs or len(os.sched_getaffinity(0))):
            if not trial.is_proof and by_id[trial.pair_id].is_verified:
                failed += 1
                sys.stdout.write(f"{trial.pair_id}: {trial.reason}\n")
            elif not trial.is_proof:
                sys.stdout.write(f"{trial.pair_id}: not verifiable ({by_id[trial.pair_id].ran})\n")
    seconds = time.monotonic() - started
    sys.stdout.write(f"{len(pairs) - failed} of {len(pairs)} pairs hold, in {seconds:.1f} s\n")
    return ExitCode.RESULTS if failed else ExitCode.CLEAN


def _add(arguments: argparse.Namespace) -> ExitCode:
    """Admit pairs from a file of JSON lines into a knowledge directory: 1 if any was refused."""
    schemas, refused = rules_root() / "schema", 0
    known = [*_pairs(arguments), *(load_pairs(pair_files(arguments.to), schemas) if arguments.to.is_dir() else ())]
    lines = [line for line in read_capped(arguments.file, LINES_FILE_BYTES_MAX).splitlines() if line.strip()]
    with wiring.opened_sandbox(arguments.sandbox) as sandbox:
        if sandbox is None:
            message = "no sandbox holds on this machine, and a pair is admitted only when it is proven"
            raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why.")
        for line in lines:
            try:
                pair = admit(line, known, schemas, parse=parse_python, sandbox=sandbox)
                target = store(pair, arguments.to, schemas)
            except RulesError as error:
                refused += 1
                sys.stdout.write(f"refused: {error}\n")
                continue
            known.append(pair)
            sys.stdout.write(f"{pair.id}: proven, added to {target}\n")
    return ExitCode.RESULTS if refused else ExitCode.CLEAN


def _index(arguments: argparse.Namespace) -> ExitCode:
    """Build the retrieval index where it is missing or stale, and describe it."""
    files, cache = _files(arguments), wiring.cache_directory("")
    open_exemplars(files, rules_root() / "schema", parse_python, cache)
    sys.stdout.write(json.dumps(index_state(files, cache), indent=2) + "\n")
    if arguments.shapes:
        sys.stdout.write(f"{write_shapes(rules_root(), parse_plainly)}\n")
    return ExitCode.CLEAN


def _export(arguments: argparse.Namespace) -> ExitCode:
    sys.stdout.write("".join(line_from_pair(pair) + "\n" for pair in _pairs(arguments)))
    return ExitCode.CLEAN


# --- constitutions ---------------------------------------------------------------------------------------------------


def constitution_command(arguments: argparse.Namespace) -> ExitCode:
    """Distil principles from pairs, or check the ones there are against their examples."""
    return _distill(arguments) if arguments.action == "distill" else _check(arguments)


def _distill(arguments: argparse.Namespace) -> ExitCode:
    proposals = distill(_pairs_of_all(), arguments.cwe, parse=parse_python, holds=holds_in)
    if not proposals:
        sys.stderr.write(f"bluecode-lint: no contrast in the pairs of CWE-{arguments.cwe} supports a principle\n")
    rows = [
        {
            **dataclasses.asdict(proposal.constitution),
            "measured": {
                "told_apart": list(proposal.told_apart),
                "missed": list(proposal.missed),
                "wrongly_flagged": list(proposal.wrongly_flagged),
            },
        }
        for proposal in proposals
    ]
    sys.stdout.write(yaml.safe_dump(json.loads(json.dumps(rows)), sort_keys=False, allow_unicode=True, width=110))
    return ExitCode.CLEAN


def _check(_arguments: argparse.Namespace) -> ExitCode:
    """Hold every principle against its examples: 1 if one does not tell their sides apart."""
    from bluecode_lint.reasoners.predicates import PREDICATES  # noqa: PLC0415  # lazy: start-up time

    root = rules_root()
    pairs = {pair.id: pair for pair in _pairs_of_all()}
    constitutions = load_constitutions(root, root / "schema")
    coded = [c for c in constitutions if c.domain == "code"]
    check_references(coded, pairs, PREDICATES)
    wrong = checked = 0
    for constitution in coded:
        for problem in problems_of(constitution, pairs):
            wrong += 1
            sys.stdout.write(f"{constitution.id}: {problem}\n")
        checked += bool(constitution.examples) and _is_checkable(constitution.unsafe_when)
    weaknesses = len({c.cwe for c in coded})
    sys.stdout.write(
        f"{len(constitutions)} principles, {len(coded)} about code over {weaknesses} CWEs; "
        f"{checked} checked against their examples, {wrong} problems\n"
    )
    return ExitCode.RESULTS if wrong else ExitCode.CLEAN


def problems_of(constitution: Constitution, pairs: dict[str, Pair]) -> list[str]:
    """Say where a principle does not flag an example's unsafe side, or flags its safe one."""
    if not _is_checkable(constitution.unsafe_when):
        return []
    found = []
    for example in constitution.examples:
        pair = pairs[example]
        if not holds_in(constitution.unsafe_when, pair.unsafe_code):
            found.append(f"does not flag the unsafe side of {example}")
        if holds_in(constitution.unsafe_when, pair.safe_code):
            found.append(f"flags the safe side of {example}")
    return found


def _is_checkable(conditions: Sequence[Condition]) -> bool:
    return bool(conditions) and all(condition.predicate for condition in conditions)


def _pairs_of_all() -> tuple[Pair, ...]:
    return load_pairs(pair_files(rules_root()), rules_root() / "schema")


def holds_in(conditions: Sequence[Condition], code: str) -> bool:
    """Tell whether all conditions hold together at some place of a program."""
    from bluecode_lint.reasoners.predicates import PREDICATES  # noqa: PLC0415  # lazy: start-up time

    return any(
        all(PREDICATES[each.predicate](scene, *each.arguments) for each in conditions) for scene in _scenes_of(code)
    )


@functools.lru_cache(maxsize=2048)
def _scenes_of(code: str) -> tuple[object, ...]:
    from bluecode_lint.reasoners.scene import scenes_in  # noqa: PLC0415  # lazy: start-up time

    return tuple(scenes_in(parse_python(code)))
