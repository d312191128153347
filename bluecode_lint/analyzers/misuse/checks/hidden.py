"""Text that is not meant for the reader: invisible characters, and words aimed at those who review."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import Const, ExprStmt, Stmt, string_value
from bluecode_lint.analyzers.misuse.checks.seam import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_HIDDEN = re.compile(
    "[\\u202a-\\u202e\\u2066-\\u2069]"  # embeddings, overrides and isolates change the order that is shown
    "|(?<=[A-Za-z0-9_])[\\u200b-\\u200d\\u2060\\ufeff]+(?=[A-Za-z0-9_])"  # between emoji joiners are honest
    "|[\\U000e0001-\\U000e007f]+"  # tags spell out ASCII that nobody sees
)


def hidden_characters(unit: Unit) -> Iterator[Hit]:
    """Find characters that change what a reader sees: the first of each line."""
    last_line = 0
    for found in _HIDDEN.finditer(unit.text):
        start = len(unit.text[: found.start()].encode())
        line = unit.module.position(start)[0]
        if line != last_line:
            last_line = line
            names = ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(found[0]))
            yield Hit(Stmt(start, start + len(found[0].encode())), detail=f"Found: {names}.")


_AIMED = re.compile(
    r"""(?isx)
    \b (?:ignore|disregard|forget) \s+ (?:all\s+|any\s+|your\s+|the\s+){0,2} (?:previous|prior|above|earlier|preceding)
        \s+ (?:instruction|rule|prompt|direction|message)s?
    | \b (?:ai|llm|automated|security|code|static) [\s-]* (?:code\s+)?
        (?:review|scann|audit|analy[sz]|assist|model|agent|tool|lint)\w* \b [^.]{0,100} \b
        (?:ignore|skip|approve|do\s+not\s+(?:report|flag|mention)|don't\s+(?:report|flag|mention)
        |(?:report|mark|treat|consider)\s+(?:\w+\s+){0,4}(?:as\s+)?(?:safe|secure|clean|benign))
    | \b you\s+are\s+(?:now\s+)?an?\s [^.\n]{0,40} (?:reviewer|assistant|scanner|auditor|model) \b [^\n]{0,120}
        \b (?:approve|respond\s+only|always\s+(?:answer|say|return)|reply\s+only)
    | \b (?:do\s+not|don't|never) \s+ (?:report|flag) \s+ (?:\w+\s+){0,2} (?:vulnerabilit|issue|finding|problem)
    """
)
_DOCSTRING_READ = 20_000
"""Characters of a docstring that are read; more is data."""
_ABOUT_IT = re.compile(r"(?i)detect|reject|block(?:s|ed)?\b|refuse|prompt.injection|attack|example|test that|e\.g\.")


def text_aimed_at_reviewers(unit: Unit) -> Iterator[Hit]:
    """Find comments and docstrings that tell a reviewer what to conclude; those *about* such texts are left alone."""
    for start, text in unit.comments:
        yield from _aimed(start, text)
    for expr in unit.every(Const):
        text = (string_value(expr) or "")[:_DOCSTRING_READ]
        if _AIMED.search(text) and isinstance(unit.parent(expr), ExprStmt):
            yield from _aimed(expr.start, unit.source(expr))


def _aimed(start: int, text: str) -> Iterator[Hit]:
    found = _AIMED.search(text)
    if found is not None and not _ABOUT_IT.search(text):
        begin = start + len(text[: found.start()].encode())
        yield Hit(Stmt(begin, begin + len(found[0].encode())))
