"""What a check is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluecode_lint.analyzers.ir import Expr, Stmt
    from bluecode_lint.analyzers.misuse.unit import Unit


@dataclass(frozen=True, slots=True)
class Hit:
    """A place that fails a check. ``confidence`` caps what the entry says; ``detail`` ends the rule's message."""

    node: Expr | Stmt
    confidence: Confidence = Confidence.HIGH
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question to a module. It is asked only if one of ``tokens`` is in the source (or there are none)."""

    find: Callable[[Unit], Iterator[Hit]]
    tokens: tuple[bytes, ...] = ()
