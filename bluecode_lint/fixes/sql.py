"""Values out of the text of a query and into its parameters, where the driver's way to write these is known."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.fixes.site import (
    PLAIN_NAME,
    SAFE,
    arguments_of,
    enclosing,
    fix,
    is_label,
    unpacks,
)
from bluecode_lint.fixes.templates import Hole, Text, read_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluecode_lint.core.model import Edit, Fix
    from bluecode_lint.core.protocols import Node
    from bluecode_lint.fixes.site import Site
    from bluecode_lint.fixes.templates import Template

_MARKS = {
    "sqlite3": "?",
    "aiosqlite": "?",
    "psycopg2": "%s",
    "psycopg": "%s",
    "pymysql": "%s",
    "MySQLdb": "%s",
    "mysql.connector": "%s",
    "aiomysql": "%s",
}
"""How each driver writes a parameter (PEP 249, ``paramstyle``)."""

_BEFORE_VALUE = re.compile(r"(?:[=<>]|\b(?:LIKE|ILIKE|GLOB|LIMIT|OFFSET|THEN|ELSE|BETWEEN))\s*\Z", re.IGNORECASE)
_IN_VALUES = re.compile(r"\bVALUES\s*\((?:[^()]*,)?\s*\Z", re.IGNORECASE)
_AFTER_BETWEEN = re.compile(r"\bBETWEEN\s+[^()'\"]+\s+AND\s*\Z", re.IGNORECASE)
_AFTER_VALUE = re.compile(r"\Z|[\s,;)]")
_STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH|MERGE)\b", re.IGNORECASE)
_HOLE = "\0"
_QUOTED_HOLE = re.compile(r"'[^'\0]*\0[^'\0]*'")


def parameterized(site: Site) -> Fix | None:
    """Replace the values in a query by marks, and hand them over as parameters."""
    mark = _mark_of(site)
    for call in site.calls() if mark else ():
        function = call.child_by_field_name("function")
        arguments = arguments_of(call)
        if not text_of(function).endswith(".execute") or len(arguments) != 1 or unpacks(call):
            continue
        query, assigned = arguments[0], None
        if query.type == "identifier":
            assigned = site.assignment_to(query)
            query = (assigned.child_by_field_name("right") or query) if assigned is not None else query
        template = read_template(query)
        if template is None or not template.holes or (assigned is not None and _changes(template, assigned, call)):
            return None
        edits = _marked(site, template, mark)
        if edits is None:
            return None
        values = [value for _, value in edits]
        parameters = f"({values[0]},)" if len(values) == 1 else f"({', '.join(values)})"
        rest = [site.cut(start, end) for start, end in template.dispensable]
        changed = [*(edit for edit, _ in edits), *rest, site.with_argument(call, parameters)]
        return fix("Hand the values over as parameters of the query", SAFE, changed)
    return None


def _mark_of(site: Site) -> str:
    """Give the mark of a parameter, if the module's imports leave no doubt about the driver."""
    marks = {
        mark
        for path in site.imports.paths.values()
        for driver, mark in _MARKS.items()
        if path == driver or path.startswith(f"{driver}.") or driver.startswith(f"{path}.")
    }
    return marks.pop() if len(marks) == 1 else ""


def _changes(template: Template, assigned: Node, call: Node) -> bool:
    """Tell whether a value may be another one by the time the query is executed."""
    if any(PLAIN_NAME.match(hole.expression) is None for hole in template.holes):
        return True
    names = {hole.expression for hole in template.holes}
    scope = enclosing(call, frozenset({"function_definition", "module"}))
    between = (
        node
        for node in (walk(scope) if scope is not None else ())
        if assigned.end_byte <= node.start_byte < call.start_byte
    )
    return any(
        node.type == "identifier" and text_of(node) in names and not is_label(node) and _is_target(node)
        for node in between
    )


def _is_target(node: Node) -> bool:
    parent = node.parent
    if parent is not None and parent.type in {"assignment", "augmented_assignment", "named_expression"}:
        return parent.start_byte == node.start_byte
    return parent is not None and parent.type.endswith(("pattern", "pattern_list", "for_statement"))


def _marked(site: Site, template: Template, mark: str) -> list[tuple[Edit, str]] | None:
    """Give for each value the edit that puts a mark in its place, and the parameter; None if one is no plain value."""
    parts = template.parts
    if not isinstance(parts[0], Text) or not _STATEMENT.match(parts[0].said):
        return None
    said = _QUOTED_HOLE.sub("", _said_before(parts, len(parts)))
    if (mark == "?" and "?" in said) or ("%" in said and template.doubles_percent is not (mark == "%s")):
        return None
    found: list[tuple[Edit, str]] = []
    for index, part in enumerate(parts):
        if not isinstance(part, Hole):
            continue
        before = _said_before(parts, index)
        after = parts[index + 1] if index + 1 < len(parts) else None
        behind = after if isinstance(after, Text) else None
        if before.count("'") % 2:
            made = _quoted_marked(site, part, (before, behind), mark, decode=template.doubles_percent)
        else:
            made = _bare_marked(site, part, (before, behind), mark, template.quote)
        if made is None or not isinstance(parts[index - 1], Text):
            return None
        found.append(made)
    return found


def _said_before(parts: Sequence[Text | Hole], index: int) -> str:
    return "".join(part.said if isinstance(part, Text) else _HOLE for part in parts[:index])


def _bare_marked(
    site: Site, hole: Hole, around: tuple[str, Text | None], mark: str, quote: str
) -> tuple[Edit, str] | None:
    """Put a mark where a value stood by itself; not where it could be a name or a part of the statement."""
    before, after = around
    if hole.spec not in {"", "d"} or "\n" in hole.expression or before.count('"') % 2:
        return None
    is_value = _BEFORE_VALUE.search(before) or _IN_VALUES.search(before) or _AFTER_BETWEEN.search(before)
    if not is_value or not _AFTER_VALUE.match(after.said if after is not None else ""):
        return None
    close = quote if after is None and _ends_literal(site, hole) else ""
    return site.cut(hole.start, hole.end, mark + close), hole.expression


def _quoted_marked(
    site: Site, hole: Hole, around: tuple[str, Text | None], mark: str, *, decode: bool
) -> tuple[Edit, str] | None:
    """Take a value out of an SQL string, the whole of which becomes the parameter: ``'%{x}%'``."""
    before, after = around
    if after is None or hole.spec or "\n" in hole.expression:
        return None
    lead = before.rpartition("'")[2]
    tail, ends, rest = after.said.partition("'")
    if not ends or rest.startswith("'") or not re.fullmatch(r"[%\w .@:/-]*", lead + tail):
        return None
    start = hole.start - len(lead.encode()) - 1
    end = hole.end + len(tail.encode()) + 1
    if site.source[start : start + 1] != b"'" or site.source[end - 1 : end] != b"'":
        return None
    if decode:
        lead, tail = lead.replace("%%", "%"), tail.replace("%%", "%")
    value = _joined(hole, lead, tail) if lead or tail else hole.expression
    return site.cut(start, end, mark), value


def _joined(hole: Hole, lead: str, tail: str) -> str:
    if not set(hole.expression) & set("\"'{}\\"):
        return f'f"{lead}{{{hole.expression}}}{tail}"'
    inner = hole.expression if hole.is_text else f"str({hole.expression})"
    return " + ".join([*([f'"{lead}"'] if lead else []), inner, *([f'"{tail}"'] if tail else [])])


def _ends_literal(site: Site, hole: Hole) -> bool:
    """Tell whether a value at the end stood outside of the literal, whose quote must then be written again."""
    return site.source[hole.start : hole.start + 1] in {b'"', b"'"}
