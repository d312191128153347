"""Names of modules that are a slip away from what was meant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_SHORTEST = 5
"""Shorter names have too many honest neighbours."""


def suspicious_import(unit: Unit) -> Iterator[Hit]:
    """Find imports of unknown modules one edit away from a well-known name, or called as only a distribution is."""
    known = unit.project.well_known
    for stmt in unit.module.imports:
        for _, path in stmt.names:
            name = path.partition(".")[0]
            if not name or name.startswith("_") or name in sys.stdlib_module_names or name in unit.project.modules:
                continue
            if name in known.modules:
                continue
            if name in known.distributions:
                yield Hit(
                    stmt, Confidence.MEDIUM, f"The distribution {name} is imported as {known.distributions[name]}."
                )
                continue
            near = _neighbour(name, known.modules | sys.stdlib_module_names) if len(name) >= _SHORTEST else ""
            if near:
                sure = len(name) > _SHORTEST and not near.startswith(name) and not name.startswith(near)
                yield Hit(stmt, Confidence.HIGH if sure else Confidence.MEDIUM, f"Did you mean {near}?")


def _neighbour(name: str, known: frozenset[str]) -> str:
    """Give a known name that one deletion, insertion, exchange or swap of letters away, ``""`` if there is none."""
    lowered = name.lower()
    return next((other for other in sorted(one_edit_away(lowered)) if other in known), "")


def one_edit_away(name: str) -> frozenset[str]:
    """Give every text one edit away: a letter dropped, added or exchanged, or two neighbours swapped."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789_"
    halves = [(name[:i], name[i:]) for i in range(len(name) + 1)]
    dropped = (a + b[1:] for a, b in halves if b)
    swapped = (a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1)
    exchanged = (a + c + b[1:] for a, b in halves if b for c in letters)
    added = (a + c + b for a, b in halves for c in letters)
    return frozenset((*dropped, *swapped, *exchanged, *added)) - {name}
