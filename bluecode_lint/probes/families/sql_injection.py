"""SQL injection (CWE-89): a hostile value changes the structure of the statement, which a harmless one does not.

A statement is read as tokens; literals count by kind alone. Where the dialect is not known, the structure must change
both with and without backslash escapes.
"""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_VERBS = (
    "select|insert|update|delete|create|drop|alter|replace|with|pragma|merge|truncate|show|grant|revoke|exec|execute|call|"
    r"explain|copy|set|use|attach|vacuum|declare|begin|lock|match|where|order\s+by|and|or|not\s+exists"
)
_STATEMENT = re.compile(rf"^\s*\(?\s*(?:--[^\n]*\n\s*)*(?:{_VERBS})\b", re.IGNORECASE)
_SURELY = re.compile(
    r"\bselect\b.+\bfrom\b|\binsert\s+into\b|\bupdate\b.+\bset\b|\bdelete\s+from\b|\b(?:create|drop|alter|truncate)\s+table\b",
    re.IGNORECASE | re.DOTALL,
)
"""What a text must contain if only it, and not the name of the function it is given to, speaks of SQL."""
_TALKERS = frozenset(
    [
        "print",
        "debug",
        "info",
        "warning",
        "warn",
        "error",
        "exception",
        "log",
        "critical",
        "write",
        "format",
        "render",
        "append",
        "send",
        "notice",
        "trace",
        "fatal",
        "add",
        "echo",
        "render_template",
        "flash",
        "jsonify",
        "puts",
    ]
)
_RUNNERS = frozenset(
    [
        "execute",
        "executemany",
        "executescript",
        "execute_sql",
        "raw",
        "extra",
        "query",
        "read_sql",
        "read_sql_query",
        "read_sql_table",
        "sql",
        "mogrify",
        "fetch",
        "fetchrow",
        "fetchval",
        "fetch_all",
        "fetch_one",
        "scalar",
        "scalars",
        "exec_driver_sql",
        "run",
        "do_query",
        "get_results",
        "runquery",
        "run_query",
    ]
)


def _token(escaped: str, inside: str) -> re.Pattern[str]:
    """Compile a dialect's tokens; ``escaped`` are further characters that end a run, ``inside`` further escapes."""
    parts = {
        "space": r"\s+",
        "comment": r"--[^\n]*|/\*.*?\*/",
        "text": rf"'(?:[^'{escaped}]|''{inside})*'?",
        "name": rf"\"(?:[^\"{escaped}]|\"\"{inside})*\"?|`[^`]*`?|\[[^\]]*\]",
        "number": r"\d+(?:\.\d+)?",
        "word": r"[A-Za-z_$@][\w$]*",
        "mark": r"%\(\w+\)s|%s|:\w+|\?",
        "sign": ".",
    }
    return re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, pattern in parts.items()), re.DOTALL)


_TOKEN = {False: _token("", ""), True: _token(r"\\", r"|\\.")}
"""By whether a backslash escapes inside quotes."""


def structure_of(statement: str, *, backslash: bool) -> tuple[str, ...]:
    """Give the token kinds of a statement; words and signs count by what they are, literals by kind alone."""
    found: list[str] = []
    for match in _TOKEN[backslash].finditer(statement):
        kind = match.lastgroup or "sign"
        if kind == "space":
            continue
        if kind in {"text", "name"} and not _closed(match.group(), backslash=backslash):
            kind = f"open {kind}"
        found.append(match.group().lower() if kind in {"word", "sign"} else kind)
    return tuple(found)


def _closed(token: str, *, backslash: bool) -> bool:
    """Tell whether a quoted token ends with the quote that opened it."""
    closer = {"[": "]"}.get(token[0], token[0])
    if len(token) < 2 or not token.endswith(closer):  # noqa: PLR2004  # an opening and a closing quote
        return False
    inner = token[1:-1]
    if backslash:
        inner = re.sub(r"\\.", "", inner)
    return len(re.findall(re.escape(closer), inner)) % 2 == 0


class SqlInjection(Family):
    """The structure of the statement is compared between a harmless and a hostile value."""

    name = "SQL injection"
    cwes = frozenset({89, 564})
    kinds = frozenset({"sql", "call"})
    payloads = (
        Payload("single-quote", "CANARY' OR 'a'='a"),
        Payload("double-quote", 'CANARY" OR "a"="a'),
        Payload("bare", "CANARY OR 1=1"),
        Payload("parenthesis", "CANARY') OR ('a'='a"),
        Payload("backslash", "CANARY\\' OR 1=1 -- "),
        Payload("backtick", "CANARY` OR 1=1 -- "),
        Payload("second", "CANARY; DELETE FROM users -- "),
    )

    def is_sink(self, event: Event) -> bool:
        """Take statements sent to a driver, and calls of unresolved names whose first text is a statement."""
        if event.kind == "sql":
            return True
        if event.kind != "call":
            return False
        last = re.split(r"[.]", event.what.removesuffix("()"))[-1].removesuffix("()")
        if last.lower() in _TALKERS:
            return False
        if last.lower() in _RUNNERS:
            return bool(_statement_in(event, any_text=True))
        return bool(_SURELY.search(_statement_in(event, any_text=False)))

    def effect(self, look: Look) -> str:
        """See whether a statement that carries the canary has another structure than in the control."""
        if look.payload is None:
            return ""
        known = [(e, _statement_in(e, any_text=True)) for e in look.calm]
        for event in look.events:
            text = _statement_in(event, any_text=True)
            if look.observed.canary not in text:
                continue
            # The harmless statement from the same call and the same lines of the module.
            twin = next(
                (s for e, s in known if look.control.canary in s and (e.what, e.lines) == (event.what, event.lines)),
                None,
            )
            if twin is not None and _differs(twin, text, look.control.canary, look.observed.canary):
                shown = " ".join(text.replace(look.observed.canary, "CANARY").split())
                return f"{_said(event)} got a statement of another structure: {_excerpt(shown)}"
        return ""


def _excerpt(text: str, around: str = "CANARY", width: int = 160) -> str:
    at = max(0, text.find(around) - width // 2)
    return ("…" if at else "") + text[at : at + width] + ("…" if len(text) > at + width else "")


def _said(event: Event) -> str:
    return "sqlite3" if event.kind == "sql" else event.what.removesuffix("()").replace("()", "")


def _differs(twin: str, text: str, harmless: str, hostile: str) -> bool:
    """Compare structures; an identifier's own spelling (the canary) must not count."""
    for backslash in (False, True):
        calm = structure_of(twin.replace(harmless, "canary"), backslash=backslash)
        wild = structure_of(text.replace(hostile, "canary"), backslash=backslash)
        if calm == wild:
            return False
    return True


def _statement_in(event: Event, *, any_text: bool) -> str:
    """Find the statement among the arguments of a call: the first text that reads like one."""
    if event.kind == "sql":
        return event.text
    for text in (event.text, *event.args):
        bare = re.sub(r"^(?:where|tables|select|params|sql|query|statement|operation)=", "", text).strip("[]'\" ")
        if _STATEMENT.match(text) or (any_text and bare != text and len(bare.split()) > 1):
            return text if _STATEMENT.match(text) else bare
    if any_text and len(event.text.split()) > 1:
        return event.text
    return ""


FAMILY = SqlInjection()
