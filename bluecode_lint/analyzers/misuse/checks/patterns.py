"""Regular expressions that take too long or look at too little."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import (
    Assert,
    Attribute,
    Call,
    Collection,
    Compare,
    Const,
    Dict,
    If,
    Operation,
    Return,
    While,
    last_name,
)
from bluecode_lint.analyzers.misuse.ambiguity import Growth, growth
from bluecode_lint.analyzers.misuse.checks.seam import Hit
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bluecode_lint.analyzers.misuse.unit import Unit

_FUNCTIONS = frozenset({"compile", "match", "search", "fullmatch", "findall", "finditer", "split", "sub", "subn"})

_COMPILER = re.compile(r"(?i)regex|pattern|compile|^re_|^url$")
_RAW = re.compile(r"(?i)[bu]?rb?['\"]")
_REPEAT = re.compile(r"[)\]}\w.][*+]|\{\d*,\d*\}")


def _patterns(unit: Unit) -> Iterator[tuple[Call, str]]:
    """Yield the calls into ``re`` that are given a constant pattern, with it."""
    for call in unit.module.calls:
        if last_name(call.function) not in _FUNCTIONS or not call.args:
            continue
        if not re.fullmatch(r"(?:re|regex)\.\w+", unit.path(call.function, call.scope)):
            continue
        const = unit.constant(call.args[0], call.scope)
        if const is not None and isinstance(const.value, str):
            yield call, const.value


def _tabled_patterns(unit: Unit) -> Iterator[tuple[Const, str]]:
    """Yield raw strings with a repeat that stand in a table, as lexers and routers keep theirs, or go to a compiler."""
    if b"*" not in unit.module.source and b"+" not in unit.module.source:
        return
    direct = {id(call.args[0]) for call, _ in _patterns(unit)}
    for const in unit.every(Const):
        if isinstance(const.value, str) and _REPEAT.search(const.value) and id(const) not in direct:
            around = unit.parent(const)
            tabled = isinstance(around, (Collection, Dict)) or (
                isinstance(around, Call) and _COMPILER.search(last_name(around.function))
            )
            if tabled and _RAW.match(unit.source(const)):
                yield const, const.value


def ambiguous_regex(unit: Unit) -> Iterator[Hit]:
    """Find constant patterns that can backtrack without end. Polynomial ones need a very long text: less sure.

    Of those in tables it is not known how they are used, so they have to be exponential.
    """
    for const, pattern in _tabled_patterns(unit):
        if growth(pattern) is Growth.EXPONENTIAL:
            yield Hit(const, Confidence.HIGH, f"Its time is {Growth.EXPONENTIAL} in the length of the text.")
    for call, pattern in _patterns(unit):
        found = growth(pattern, whole=last_name(call.function) == "fullmatch")
        if found is not Growth.LINEAR and not _length_is_checked(unit, call):
            confidence = Confidence.HIGH if found is Growth.EXPONENTIAL else Confidence.MEDIUM
            yield Hit(call.args[0], confidence, f"Its time is {found} in the length of the text.")


def _length_is_checked(unit: Unit, call: Call) -> bool:
    """Tell whether the function measures the text before it matches it."""
    name = last_name(call.function)
    text = call.argument(2 if name in ("sub", "subn") else 1, "string") if name != "compile" else None
    owner = unit.function_of(call.scope)
    return text is not None and owner is not None and f"len({unit.source(text)})" in unit.source(owner)


_UNESCAPED_HOST = re.compile(
    r"(?<![\\\w.\])}*+?])(?:\^|//|\(|\|)*(?:\([\w|?:]+\)|[a-z0-9-]+)\.(?:[a-z0-9-]+\\?\.)*"
    r"(?:com|org|net|io|gov|edu|dev|app|co|info)(?![\w.])"
)
_WIDE_RANGE = re.compile(r"\[[^\]]*(?:A-z|a-Z)[^\]]*\]")


def permissive_regex(unit: Unit) -> Iterator[Hit]:
    """Find patterns with a host name whose first dot is not escaped, and ranges that run across the alphabets."""
    for call, pattern in _patterns(unit):
        if _WIDE_RANGE.search(pattern):
            yield Hit(call.args[0], detail="The range A-z holds punctuation too.")
        elif _UNESCAPED_HOST.search(pattern) and "\n" not in pattern:
            yield Hit(call.args[0], detail="A dot matches any character.")


_VALIDATES = re.compile(r"(?i)^_?(?:is_?)?(?:valid|check|allow|saniti[sz]e|verify|accept|permit)|^_?is_(?:safe|ok)")
_OPEN_END = re.compile(r"(?:[+*?]|\{\d*,\d*\})\)*\Z")


def unanchored_validation(unit: Unit) -> Iterator[Hit]:
    """Find ``re.match`` that decides in a validating function, with a pattern that ends in a repeat and no anchor."""
    for call in unit.module.calls:
        if last_name(call.function) != "match" or not isinstance(call.function, Attribute) or not call.args:
            continue
        owner = unit.function_of(call.scope)
        if owner is None or not _VALIDATES.search(owner.name) or not _decides(unit, call):
            continue
        path = unit.path(call.function, call.scope)
        pattern = None
        if path == "re.match":
            pattern = unit.constant(call.args[0], call.scope)
        elif path == "re.compile().match":
            compiled = _compiled(call)
            pattern = unit.constant(compiled.args[0]) if compiled is not None and compiled.args else None
        text = pattern.value if pattern is not None else None
        if isinstance(text, str) and _OPEN_END.search(text) and not text.endswith((".*", ".*)")):
            yield Hit(call)


def _compiled(call: Call) -> Call | None:
    """Give the ``re.compile(...)`` a method is called on, through a name that is bound once."""
    on = call.function.value if isinstance(call.function, Attribute) else None
    if isinstance(on, Call):
        return on
    home = call.scope.lookup(last_name(on)) if on is not None else None
    bound = (home.bindings.get(last_name(on)) if home is not None and on is not None else None) or []
    return bound[0] if len(bound) == 1 and isinstance(bound[0], Call) else None


def _decides(unit: Unit, call: Call) -> bool:
    above = unit.parent(call)
    while isinstance(above, Operation) and above.op in ("and", "or", "not"):
        above = unit.parent(above)
    if isinstance(above, Call):
        return last_name(above.function) == "bool"
    return isinstance(above, (If, While, Assert, Return)) or (
        isinstance(above, Compare) and above.ops[0] in ("is", "is not", "==", "!=")
    )
