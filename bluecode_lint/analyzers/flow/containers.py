"""Methods of the built-in texts and containers, which keep, cut, join or move the parts of a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.expressions import MAX_ITEMS
from bluecode_lint.analyzers.flow.growth import Growth
from bluecode_lint.analyzers.flow.regexes import allowed_characters, captured_characters
from bluecode_lint.analyzers.flow.values import (
    BUILT,
    GAP,
    HARMLESS,
    MISSING,
    PART,
    SUFFIX,
    UNKNOWN,
    Value,
    all_taints,
    constant,
    is_harmless,
    join,
    union_taints,
)
from bluecode_lint.analyzers.ir import Attribute, Call, Expr, Name, dotted

if TYPE_CHECKING:
    from collections.abc import Callable

_FILLING = frozenset(
    {"append", "add", "appendleft", "put", "put_nowait", "push", "write", "writelines", "extend", "update"}
)
_CONSTANT_METHODS = frozenset(
    {"lower", "upper", "strip", "lstrip", "rstrip", "replace", "title", "capitalize", "startswith", "endswith", "zfill"}
)
_TEXT_METHODS = frozenset(
    {"strip", "lower", "upper", "lstrip", "rstrip", "casefold", "title", "capitalize", "swapcase", "expandtabs"}
)
_MANY_LETTERS = 100
"""Characters of ASCII a group lets through that was not made to hold anything back."""
_ALL_LETTERS = frozenset(map(chr, range(128))) | {"\u2603"}

_PAIR = ("<key>", "<value>")
"""The parts of a mapping's entry."""


class Containers(Growth):
    """The part of the interpreter that knows texts, lists and dictionaries."""

    def builtin_method(self, call: Call, base: Value, values: list[Value], keywords: dict[str, Value]) -> Value | None:
        """Evaluate a method of a built-in type; None if the name is none of theirs."""
        function = call.function
        if not isinstance(function, Attribute):
            return None
        name = function.name
        if isinstance(base.const, str) and name in _CONSTANT_METHODS and all(v.const is not MISSING for v in values):
            folded = _fold_method(base.const, name, [v.const for v in values])
            if folded is not MISSING:
                return constant(folded)
        if name == "format" or (name == "join" and len(values) == 1):
            return (
                self.join_text(call, base, values[0])
                if name == "join"
                else self.format_call(call, base, values, keywords)
            )
        if name in _FILLING:
            self.check_growth(function.value, values, call)
        evaluate = _METHODS.get(name)
        if evaluate is not None:
            found = evaluate(self, function.value, base, values)
            if found is not None:
                return found
        if name in _FILLING and values:
            return self.fill(function.value, base, [*values, *keywords.values()])
        if name in _TEXT_METHODS and base.taints:
            return Value(base.taints, text=base.text)
        return None

    def store(self, target: Expr, value: Value) -> None:
        """Write back a container that a method has changed."""
        if isinstance(target, (Name, Attribute)):
            key = dotted(target)
            if key and "(" not in key and "[" not in key:
                self.set_variable(key, value)

    # --- texts -------------------------------------------------------------------------------------------------------

    def join_text(self, call: Call, separator: Value, parts: Value) -> Value:
        """Evaluate ``separator.join(parts)``."""
        if parts.items is not None and parts.length >= 0:
            pieces: list[tuple[Value, Expr]] = []
            for index in range(parts.length):
                if index and (separator.const or separator.const is MISSING):
                    pieces.append((separator, call))
                pieces.append((parts.items.get(index, UNKNOWN), call.args[0]))
            return self.concatenate(pieces, call, "It is joined to other text")
        taints = union_taints((all_taints(parts), separator.taints))
        if not taints:
            return HARMLESS if is_harmless(parts) and separator.harmless else UNKNOWN
        return Value(tuple(t.but(shape=BUILT) for t in taints), text=GAP)

    def split(self, _target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``text.split(...)``."""
        if isinstance(base.const, str) and all(isinstance(v.const, (str, int)) for v in values):
            try:
                pieces = base.const.split(*(v.const for v in values))
            except (TypeError, ValueError):
                return None
            if len(pieces) <= MAX_ITEMS:
                return Value(items={i: constant(p) for i, p in enumerate(pieces)}, length=len(pieces), harmless=True)
        return self.pieces(_target, base, values)

    def pieces(self, _target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate a method that cuts a text into a list of unknown length."""
        if base.taints:
            shape = SUFFIX if values and values[0].const == "." else 0
            return Value(tuple(t.but(shape=shape) for t in base.taints), kind="pieces", text=base.text)
        return HARMLESS if base.harmless else None

    def replace(self, _target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``text.replace(old, new)``: what was replaced by something else can do no harm any more."""
        if len(values) < 2 or not base.taints:  # noqa: PLR2004  # old and new
            return None
        old, new = values[0].const, values[1].const
        mask = 0
        if (
            isinstance(old, str)
            and isinstance(new, str)
            and old not in new.replace("\\" + old, "").replace(old * 2, "")
        ):
            if old in ("\n", "\r", "\r\n"):
                mask = self.mask(("log-injection", "header-injection", "mail-header-injection"))
            elif old in ("<", ">"):
                mask = self.mask(("cross-site-scripting",))
            elif old == "'":
                mask = self.mask(("sql-injection",))
            elif old in ("/", "\\"):
                mask = self.mask(("path-traversal", "archive-slip"))
        taints = tuple(t.but(cleared=mask) for t in base.taints)
        return Value(union_taints((taints, values[1].taints)))

    def substituted(self, values: list[Value]) -> Value | None:
        """Evaluate ``re.sub(pattern, new, text)``: only the characters the pattern leaves can remain."""
        if len(values) < 3:  # noqa: PLR2004  # pattern, replacement and text
            return None
        pattern, new, subject = values[0].const, values[1].const, values[2]
        if not subject.taints or not isinstance(pattern, str) or not isinstance(new, str):
            return None
        mask = 0
        if re.fullmatch(r"\(?\[(?:[^\]\\]|\\.)+\]\+?\)?|\\W\+?|\\D\+?", pattern):
            removed = allowed_characters(pattern, full=True) or frozenset()
            mask = self.without((_ALL_LETTERS - removed) | set(new), lacks=False)
        return Value(tuple(t.but(cleared=mask) for t in subject.taints))

    def matched(self, pattern: str, subject: Value, name: str) -> Value | None:
        """Evaluate ``re.search(pattern, text)`` and the like: a match has the characters the pattern lets through.

        Where some groups are narrow and the whole match is not, nothing is said: it is not known which is used.
        """
        whole, groups = captured_characters(pattern)
        mask = self.without(frozenset().union(*groups) if name == "findall" else whole, lacks=False)
        if not mask and any(len(group) < _MANY_LETTERS for group in groups):
            return None
        return Value(tuple(t.but(cleared=mask, shape=PART) for t in subject.taints))

    # --- lists -------------------------------------------------------------------------------------------------------

    def fill(self, target: Expr, base: Value, values: list[Value]) -> Value:
        """Evaluate a method that puts something into a container."""
        taints = union_taints((base.taints, *(all_taints(v) for v in values)))
        harmless = base.harmless and all(is_harmless(v) for v in values)
        self.store(target, Value(taints, items=base.items, kind=base.kind, ref=base.ref, harmless=harmless))
        return HARMLESS

    def append(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``list.append(x)``."""
        if len(values) != 1 or base.items is None or base.length < 0 or base.length >= MAX_ITEMS:
            return None
        items = {**base.items, base.length: values[0]}
        harmless = base.harmless and is_harmless(values[0])
        self.store(target, Value(base.taints, items=items, length=base.length + 1, kind=base.kind, harmless=harmless))
        return HARMLESS

    def insert(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``list.insert(i, x)``."""
        if len(values) != 2 or base.items is None or base.length < 0 or not isinstance(values[0].const, int):  # noqa: PLR2004  # position and value
            return None
        parts = [base.items.get(i, UNKNOWN) for i in range(base.length)]
        parts.insert(values[0].const, values[1])
        self.store(target, _listed(base, parts))
        return HARMLESS

    def pop(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``pop``: of a list by position, of a dictionary by key."""
        if base.items is None:
            return None
        key = values[0].const if values else -1
        if base.length >= 0:
            if not isinstance(key, int):
                return None
            parts = [base.items.get(i, UNKNOWN) for i in range(base.length)]
            if not -len(parts) <= key < len(parts):
                return None
            gone = parts.pop(key)
            self.store(target, _listed(base, parts))
            return gone
        if values and key is not MISSING:
            found = self.item(base, key)
            if found is not None:
                items = {k: v for k, v in base.items.items() if k != key}
                self.store(target, Value(base.taints, items=items, kind=base.kind, harmless=base.harmless))
            return found
        return None

    def remove(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``list.remove(constant)``."""
        if base.items is None or base.length < 0 or len(values) != 1 or values[0].const is MISSING:
            return None
        parts = [base.items.get(i, UNKNOWN) for i in range(base.length)]
        for index, part in enumerate(parts):
            if part.const == values[0].const and part.const is not MISSING:
                del parts[index]
                self.store(target, _listed(base, parts))
                return HARMLESS
        return None

    def reverse(self, target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``list.reverse()``."""
        if base.items is None or base.length < 0:
            return None
        self.store(target, _listed(base, [base.items.get(i, UNKNOWN) for i in range(base.length)][::-1]))
        return HARMLESS

    def clear_items(self, target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``clear()``."""
        self.store(target, Value(items={}, length=0 if base.length >= 0 else -1, kind=base.kind, harmless=True))
        return HARMLESS

    def copy_of(self, _target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``copy()``."""
        return base

    # --- dictionaries ------------------------------------------------------------------------------------------------

    def get(self, _target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``get(key, default)`` of a dictionary or of a request's parameters."""
        if not values:
            return None
        key = values[0].const
        if len(values) > 1 and base.items is not None and key is not MISSING:
            both = self.item(base, (key, values[1].const)) if values[1].const is not MISSING else None
            if both is not None:
                return both
        default = values[1] if len(values) > 1 else None
        if base.items is not None and key is not MISSING:
            found = self.item(base, key)
            if found is not None:
                return found
            if not base.taints:
                return default or HARMLESS
        if base.items and key is MISSING:
            parts = list(base.items.values())
            joined = parts[0]
            for other in parts[1:]:
                joined = join(joined, other)
            return joined if default is None else join(joined, default)
        if base.taints:
            label = f"[{key!r}]" if key is not MISSING else ""
            taints = self.part(base.taints, key if key is not MISSING else 0, label)
            return Value(union_taints((taints, default.taints if default is not None else ())))
        found = HARMLESS if base.harmless else UNKNOWN
        return found if default is None else join(found, default)

    def items_of(self, _target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``items()``: keys and values together. What is checked of a key says nothing of its value."""
        if base.items is None:
            if not base.taints:
                return None
            pair = Value(items={n: Value(self.part(base.taints, key, "")) for n, key in enumerate(_PAIR)}, length=2)
            return Value(items={0: pair}, length=1)
        values = list(base.items.values())
        joined = values[0] if values else HARMLESS
        for other in values[1:]:
            joined = join(joined, other)
        keys = Value(base.taints, harmless=not base.taints)
        pair = Value(
            items={
                0: keys,
                1: Value(union_taints((joined.taints, base.taints)), items=joined.items, harmless=joined.harmless),
            },
            length=2,
        )
        return Value(items={0: pair}, length=1, harmless=base.harmless)

    def values_of(self, _target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``values()``."""
        if base.items is None:
            return Value(base.taints) if base.taints else None
        return Value(
            base.taints, items=dict(enumerate(base.items.values())), length=len(base.items), harmless=base.harmless
        )

    def keys_of(self, _target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate ``keys()``."""
        return (
            Value(base.taints, harmless=base.harmless and not base.taints, kind="keys")
            if base.items or base.taints
            else None
        )

    def update(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``dict.update({...})``."""
        if len(values) != 1 or base.items is None or values[0].items is None or base.length >= 0:
            return None
        items = {**base.items, **values[0].items}
        taints = union_taints((base.taints, values[0].taints))
        self.store(
            target, Value(taints, items=items, kind=base.kind, harmless=base.harmless and is_harmless(values[0]))
        )
        return HARMLESS

    def set_(self, target: Expr, base: Value, values: list[Value]) -> Value | None:
        """Evaluate ``parser.set(section, key, value)``, whose `get` reads by the same two constants."""
        if len(values) != 3 or MISSING in (values[0].const, values[1].const):  # noqa: PLR2004  # section, key and value
            return None
        items = {**(base.items or {}), (values[0].const, values[1].const): values[2]}
        self.store(target, Value(base.taints, items=items, kind=base.kind, ref=base.ref))
        return HARMLESS

    def sliced(self, _target: Expr, base: Value, _values: list[Value]) -> Value | None:
        """Evaluate a method that gives only a part of a text."""
        return Value(tuple(t.but(shape=PART) for t in base.taints)) if base.taints else None


def _listed(base: Value, parts: list[Value]) -> Value:
    harmless = not base.taints and all(is_harmless(p) for p in parts)
    return Value(base.taints, items=dict(enumerate(parts)), length=len(parts), kind=base.kind, harmless=harmless)


def _fold_method(text: str, name: str, arguments: list[Any]) -> Any:  # noqa: ANN401  # any constant
    try:
        result = getattr(text, name)(*arguments)
    except (TypeError, ValueError, OverflowError, MemoryError):
        return MISSING
    return result if not isinstance(result, str) or len(result) < 4096 else MISSING  # noqa: PLR2004  # bounds memory


_METHODS: dict[str, Callable[[Containers, Expr, Value, list[Value]], Value | None]] = {
    "split": Containers.split,
    "rsplit": Containers.pieces,
    "splitlines": Containers.pieces,
    "replace": Containers.replace,
    "append": Containers.append,
    "insert": Containers.insert,
    "pop": Containers.pop,
    "remove": Containers.remove,
    "reverse": Containers.reverse,
    "clear": Containers.clear_items,
    "copy": Containers.copy_of,
    "get": Containers.get,
    "items": Containers.items_of,
    "iteritems": Containers.items_of,
    "values": Containers.values_of,
    "itervalues": Containers.values_of,
    "keys": Containers.keys_of,
    "update": Containers.update,
    "set": Containers.set_,
    "partition": Containers.sliced,
    "rpartition": Containers.sliced,
    "group": Containers.sliced,
}
