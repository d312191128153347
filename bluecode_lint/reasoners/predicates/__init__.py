"""The conditions of constitutions that can be checked on a syntax tree.

Each predicate answers about one `Scene` and is as strict as its words: where the tree does not tell, the answer is no.
Arguments are texts, as they stand in ``rules/constitutions``. A *spec* names an argument of the call, by position or
keyword, with alternatives: ``0|args``. A *path* is a dotted name resolved through imports, in which ``*`` stands for
anything: ``*.execute``.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from bluecode_lint.reasoners.predicates.calls import CALL_PREDICATES
from bluecode_lint.reasoners.predicates.surroundings import SURROUNDING_PREDICATES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREDICATES: Mapping[str, Callable[..., bool]] = MappingProxyType({**CALL_PREDICATES, **SURROUNDING_PREDICATES})
"""The vocabulary of conditions: name to check."""
