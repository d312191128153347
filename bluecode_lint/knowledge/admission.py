"""Let a pair into a knowledge base: checked, not a near-duplicate, and proven in the sandbox, in that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.knowledge.documents import LINES_FILE_BYTES_MAX, read_capped, refusal, write_atomically
from bluecode_lint.knowledge.pairs import (
    CODE_FOLDER,
    duplicates_of,
    file_name_of,
    line_from_pair,
    load_pairs,
    pair_files,
    parse_pair,
)
from bluecode_lint.knowledge.verification import marked, verify

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bluecode_lint.core.protocols import Parser, Sandbox
    from bluecode_lint.knowledge.pairs import Pair


def admit(line: bytes, known: Sequence[Pair], schemas: Path, *, parse: Parser, sandbox: Sandbox) -> Pair:
    """Check one JSON line against the schema, against what is known, and by execution; give the verified pair.

    Nothing of the line runs outside of ``sandbox``, and nothing runs at all before the cheaper checks have passed.

    Raises:
        RulesError: It is malformed, known already, a near-duplicate, or its two sides could not be told apart.
        SandboxUnavailableError: The sandbox itself could not run.
    """
    pair = parse_pair(line.strip(), schemas, "the entry")
    if any(other.id == pair.id for other in known):
        raise refusal(pair.id, "there is a pair of this id already")
    twins = duplicates_of(pair, known, parse)
    if twins:
        raise refusal(pair.id, f"has the structure of {', '.join(twins)}")
    trial = verify(pair, sandbox)
    if not trial.is_proof:
        raise refusal(pair.id, f"not proven: {trial.reason}")
    return marked(pair, trial)


def store(pair: Pair, folder: Path, schemas: Path) -> Path:
    """Write a pair into its file of a knowledge directory, which stays sorted by id; give the file.

    Raises:
        RulesError: The directory holds something malformed, or the file cannot be written.
    """
    target = folder / CODE_FOLDER / file_name_of(pair.cwe)
    others = [each for each in load_pairs(pair_files(folder), schemas) if each.id != pair.id and each.cwe == pair.cwe]
    lines = [line_from_pair(each) for each in sorted((*others, pair), key=lambda each: each.id)]
    if not write_atomically(target, ("\n".join(lines) + "\n").encode()):
        raise refusal(target, "cannot be written")
    read_capped(target, LINES_FILE_BYTES_MAX)
    return target
