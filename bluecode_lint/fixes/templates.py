"""A text that is put together with values, in any of Python's ways, as one list of texts and holes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.fixes.site import arguments_of, keyword, positional, unpacks, unwrapped, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bluecode_lint.core.protocols import Node


@dataclass(frozen=True, slots=True)
class Text:
    """Literal text: what it says, and where its characters stand (byte offsets). ``quote`` is that of its literal."""

    said: str
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Hole:
    """A value: its expression as written, how it is formatted, and what of the source makes it part of the text.

    ``spec`` is the conversion and format (``!r:>3``, ``d``), empty for the plain value. ``is_text`` says that only a
    text could stand there. ``start`` and ``end`` are byte offsets of all that is not literal text.
    """

    expression: str
    spec: str
    start: int
    end: int
    is_text: bool = False


Part = Text | Hole


@dataclass(frozen=True, slots=True)
class Template:
    """A text with holes.

    ``dispensable`` are the spans that only a template needs: the letter f, ``% values``, ``.format()``. Where
    ``doubles_percent``, two percent signs mean one.
    """

    parts: tuple[Part, ...]
    dispensable: tuple[tuple[int, int], ...]
    quote: str
    doubles_percent: bool = False

    @property
    def holes(self) -> tuple[Hole, ...]:
        """Give the values."""
        return tuple(part for part in self.parts if isinstance(part, Hole))


class _UnreadableError(Exception):
    """The text is put together in a way that is not understood."""


def read_template(node: Node) -> Template | None:
    """Read an expression as a template; None if it is not one, or too odd to change (escapes, mixed quotes)."""
    node = unwrapped(node)
    try:
        if node.type == "binary_operator" and text_of(node.child_by_field_name("operator")) == "%":
            return _from_percent(node)
        if node.type == "binary_operator" and text_of(node.child_by_field_name("operator")) == "+":
            return _from_sum(node)
        if node.type == "call":
            return _from_format(node)
        if node.type in {"string", "concatenated_string"}:
            return _from_literals(node)
    except _UnreadableError:
        return None
    return None


# --- literals --------------------------------------------------------------------------------------------------------


def _literals(node: Node) -> list[Node]:
    return [node] if node.type == "string" else [child for child in node.named_children if child.type == "string"]


def _opening(literal: Node) -> tuple[str, str]:
    """Give a literal's prefix and its quote; odd prefixes and everything with a backslash are not read."""
    start = next((text_of(child) for child in literal.children if child.type == "string_start"), "")
    prefix, quote = start.rstrip("'\""), start.lstrip("bBrRuUfF")
    if prefix.lower() not in {"", "f"} or not quote or b"\\" in (literal.text or b""):
        raise _UnreadableError
    return prefix.lower(), quote


def _inner(literal: Node, quote: str) -> tuple[int, int]:
    start = next(child for child in literal.children if child.type == "string_start")
    return start.end_byte, literal.end_byte - len(quote)


def _plain(node: Node) -> list[Text]:
    """Read literals without interpolations."""
    texts = []
    for literal in _literals(node):
        prefix, quote = _opening(literal)
        if prefix:
            raise _UnreadableError
        start, end = _inner(literal, quote)
        texts.append(Text(text_of(literal)[len(quote) : -len(quote)], start, end, quote))
    if not texts or any(text.quote != texts[0].quote for text in texts):
        raise _UnreadableError
    return texts


def _from_literals(node: Node) -> Template:
    parts: list[Part] = []
    letters: list[tuple[int, int]] = []
    quotes = set()
    for literal in _literals(node):
        prefix, quote = _opening(literal)
        quotes.add(quote)
        start, end = _inner(literal, quote)
        if prefix:
            letters.append((literal.start_byte, literal.start_byte + 1))
            parts.extend(_pieces(literal, quote, start, end))
        else:
            parts.append(Text(text_of(literal)[len(quote) : -len(quote)], start, end, quote))
    if len(quotes) != 1:
        raise _UnreadableError
    return Template(tuple(parts), tuple(letters), quotes.pop())


def _pieces(literal: Node, quote: str, start: int, end: int) -> Iterator[Part]:
    """Split the inside of an f-string."""
    raw = literal.text or b""
    base = literal.start_byte
    position = start
    for child in literal.named_children:
        if child.type != "interpolation":
            continue
        yield Text(_said(raw[position - base : child.start_byte - base]), position, child.start_byte, quote)
        inner = child.named_children
        if not inner or any(n.type == "comment" for n in inner) or "=" in {text_of(n) for n in child.children}:
            raise _UnreadableError
        spec = "".join(text_of(n) for n in inner[1:])
        yield Hole(text_of(inner[0]), spec, child.start_byte, child.end_byte)
        position = child.end_byte
    yield Text(_said(raw[position - base : end - base]), position, end, quote)


def _said(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if "{" in text or "}" in text:  # doubled braces: rare in queries and commands, and not worth an edit of their own
        raise _UnreadableError
    return text


# --- sums ------------------------------------------------------------------------------------------------------------


def _operands(node: Node) -> list[Node]:
    node = unwrapped(node)
    if node.type == "binary_operator" and text_of(node.child_by_field_name("operator")) == "+":
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None:
            return [*_operands(left), unwrapped(right)]
    return [node]


def _from_sum(node: Node) -> Template:
    operands = _operands(node)
    parts: list[Part] = []
    values: list[Node] = []
    quotes = set()
    for operand in operands:
        if operand.type in {"string", "concatenated_string"}:
            texts = _plain(operand)
            quotes.add(texts[0].quote)
            if values:
                parts.append(_hole(values.pop(), parts, texts[0].start))
            parts.extend(texts)
        elif values or not parts:  # two values side by side, or one at the very beginning
            raise _UnreadableError
        else:
            values.append(operand)
    if len(quotes) != 1:
        raise _UnreadableError
    if values:
        parts.append(_hole(values.pop(), parts, node.end_byte))
    return Template(tuple(parts), (), quotes.pop())


def _hole(value: Node, parts: list[Part], end: int) -> Hole:
    """Make the hole of a sum: from the end of the text before to the beginning of the text behind."""
    expression = text_of(value)
    given = arguments_of(value) if text_of(value.child_by_field_name("function")) == "str" else []
    if len(given) == 1:
        return Hole(text_of(given[0]), "", parts[-1].end, end)
    return Hole(expression, "", parts[-1].end, end, is_text=True)


# --- % and format ----------------------------------------------------------------------------------------------------

_PERCENT = re.compile(r"%(?:%|\((\w+)\)([a-z])|([a-z]))|%")
_FIELD = re.compile(r"\{(?:(\w*)((?:![rsa])?(?::[^{}]*)?)\})|[{}]")


def _from_percent(node: Node) -> Template:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None or left.type not in {"string", "concatenated_string"}:
        raise _UnreadableError
    named, values = _percent_values(unwrapped(right))

    def value_at(match: re.Match[str]) -> tuple[str, str] | None:
        if match.group() == "%%":
            return None
        name, of_name, letter = match.groups()
        kind = of_name or letter
        if not kind or (name and name not in named) or (not name and not values):
            raise _UnreadableError
        return (named[name] if name else values.pop(0)), {"s": "", "d": "d", "i": "d"}.get(kind, "?")

    parts = tuple(_filled(_plain(left), _PERCENT, value_at))
    if values:
        raise _UnreadableError
    return Template(parts, ((left.end_byte, node.end_byte),), _plain(left)[0].quote, doubles_percent=True)


def _percent_values(right: Node) -> tuple[dict[str, str], list[str]]:
    """Give the values by name, and those in order, of what stands right of the percent sign."""
    if right.type == "dictionary":
        named: dict[str, str] = {}
        for pair in right.named_children:
            key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
            if pair.type != "pair" or key is None or value is None:
                raise _UnreadableError
            named[text_of(key).strip("'\"")] = text_of(value)
        return named, []
    if right.type == "tuple":
        if any(child.type in {"list_splat", "comment"} for child in right.named_children):
            raise _UnreadableError
        return {}, [text_of(child) for child in right.named_children]
    return {}, [text_of(right)]


def _from_format(call: Node) -> Template:
    function = call.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None else None
    if owner is None or not text_of(function).endswith(".format") or unpacks(call):
        raise _UnreadableError
    if owner.type not in {"string", "concatenated_string"}:
        raise _UnreadableError
    values = [text_of(value) for value in positional(call)]
    numbers = iter(range(len(values)))

    def value_at(match: re.Match[str]) -> tuple[str, str]:
        name, spec = match.group(1), match.group(2)
        if name is None:
            raise _UnreadableError
        if name and not name.isdigit():
            if keyword(call, name) is None:
                raise _UnreadableError
            return value_of(keyword(call, name)), spec
        index = int(name) if name else next(numbers, len(values))
        if index >= len(values):
            raise _UnreadableError
        return values[index], spec

    parts = tuple(_filled(_plain(owner), _FIELD, value_at))
    return Template(parts, ((owner.end_byte, call.end_byte),), _plain(owner)[0].quote)


def _filled(
    texts: list[Text], pattern: re.Pattern[str], value_at: Callable[[re.Match[str]], tuple[str, str] | None]
) -> Iterator[Part]:
    """Split texts at the places that stand for values."""
    for text in texts:
        position = 0
        for match in pattern.finditer(text.said):
            value = value_at(match)
            if value is None:
                continue
            before = text.said[position : match.start()]
            start = text.start + len(text.said[:position].encode())
            end = text.start + len(text.said[: match.start()].encode())
            yield Text(before, start, end, text.quote)
            yield Hole(*value, end, text.start + len(text.said[: match.end()].encode()))
            position = match.end()
        yield Text(text.said[position:], text.start + len(text.said[:position].encode()), text.end, text.quote)
