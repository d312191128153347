"""Ask a shelf for one value: what cannot be read counts as absent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from bluecode_lint.core.protocols import Shelf

T = TypeVar("T")


def key_of(*facts: Any) -> str:  # noqa: ANN401  # JSON values
    """Name what an answer depends on."""
    return json.dumps(facts)


def recall(shelf: Shelf, key: str, read: Callable[[Any], T]) -> T | None:
    """Give what ``read`` makes of the JSON value that is kept under a key; None if there is none, or it is damaged."""
    value = shelf.get([key]).get(key)
    if value is None:
        return None
    try:
        return read(value)
    except (TypeError, ValueError, KeyError):
        return None
