"""The structure of a text, without its content: what tells variety from the spinning of a template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluecode_lint.guard.loading import Exemplar

_FUNCTION_WORDS = frozenset(
    [
        "a", "an", "the", "and", "or", "of", "to", "in", "on", "for", "with", "by", "that", "which", "who", "is", "are",
        "be", "it", "its", "they", "their", "them", "we", "our", "i", "my", "me", "you", "your", "if", "when", "as",
        "from", "at", "into", "not", "no", "do", "does", "how", "what", "why", "can", "must", "should", "would", "will",
        "this", "these", "all", "any", "every", "each", "so", "because", "since", "than", "but", "while", "without",
        "def", "class", "return", "self", "pass", "int", "str", "bool", "list",
    ]
)  # fmt: skip


def skeleton_of(exemplar: Exemplar) -> str:
    """Give a text's structure: its form, its function words and punctuation in order, and `_` for what is between."""
    tokens = re.findall(r"[^\W_]+|[^\w\s]", exemplar.text.lower())
    marks = [token if token in _FUNCTION_WORDS or not token.isalnum() else "_" for token in tokens]
    kept = [mark for at, mark in enumerate(marks) if mark != "_" or at == 0 or marks[at - 1] != "_"]
    return f"{exemplar.form} {' '.join(kept)}"


def structure_key(exemplar: Exemplar) -> str:
    """Group texts that begin alike: the form and the first marks of the skeleton."""
    return " ".join(skeleton_of(exemplar).split()[:5])
