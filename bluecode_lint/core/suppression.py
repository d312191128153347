"""Comments in the source that accept a finding: ours, and those of the tools that teams come from.

- ``# bluecode: ignore[rule-id, rule-id] -- reason``: ids (with or without ``bluecode/``) and reason are required;
- ``# nosec``, ``# nosec B602``: Bandit's;
- ``# nosemgrep``, ``# nosemgrep: rule-id``: Semgrep's;
- ``# noqa: S602``: Ruff's, with ``S`` codes only, which are Bandit's tests under another letter.

A comment counts for the findings whose lines it stands on; ours and Semgrep's, when alone on a line, also for the code
below. One of ours that is malformed, lacks ids or a reason, or names an unknown rule accepts nothing and is reported.
So is every comment that matched nothing, whichever tool it was written for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Level, Notification, Suppression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Artifact, Finding
    from bluecode_lint.core.protocols import Node

RULE_PREFIX = "bluecode/"

MALFORMED = "suppression-malformed"
WITHOUT_IDS = "suppression-without-ids"
WITHOUT_REASON = "suppression-without-reason"
UNKNOWN_RULE = "suppression-unknown-rule"
UNUSED = "suppression-unused"

_SYNTAX = "`# bluecode: ignore[rule-id] -- reason`"
_PROBLEMS = {
    MALFORMED: f"is not understood and accepts nothing; write {_SYNTAX}",
    WITHOUT_IDS: f"names no rule and accepts nothing; write {_SYNTAX}",
    WITHOUT_REASON: f"gives no reason and accepts nothing; write {_SYNTAX}",
}


class Dialect(StrEnum):
    """Whose comment it is, by the word that introduces it; ours first, for it alone carries a required reason."""

    BLUECODE = "bluecode"
    NOSEC = "nosec"
    NOSEMGREP = "nosemgrep"
    NOQA = "noqa"


@dataclass(frozen=True, slots=True)
class Directive:
    """One suppression comment.

    ``ids`` are as `names_of` spells them: ``bluecode/<slug>``, ``bandit:b602``, ``ruff:s602``, ``semgrep:<slug>``; none
    means any finding. ``lines`` are those of which a finding must touch one: that of the comment itself and, if it
    stands alone, that of the code below. ``text`` is what was written. ``problem`` is the id of the notification that
    says why it accepts nothing, or empty.
    """

    uri: str
    line: int
    dialect: Dialect
    ids: tuple[str, ...]
    reason: str
    text: str
    lines: tuple[int, ...]
    problem: str = ""


# --- reading ---------------------------------------------------------------------------------------------------------

_OPENING = re.compile(
    r"#\s*(?:(?P<bluecode>bluecode\s*:)|(?P<nosemgrep>nosem(?:grep)?\b)|(?P<nosec>nosec\b)|(?P<noqa>noqa\s*:))",
    re.IGNORECASE,
)
_OURS = re.compile(r"\s*ignore\s*(?:\[(?P<ids>[^\]]*)\])?\s*(?:--(?P<reason>.*))?", re.IGNORECASE | re.DOTALL)
_BANDIT_TEST = r"(?:[Bb]\d{3}|[a-z0-9]+(?:_[a-z0-9]+)+)\b"
_RUFF_CODE = r"[A-Za-z]+\d+\b"
_SEMGREP_RULE = r"[\w./-]+"
_FOREIGN = {
    Dialect.NOSEC: re.compile(rf"\s*:?\s*(?P<ids>{_BANDIT_TEST}(?:[\s,]+{_BANDIT_TEST})*)?(?P<reason>.*)", re.DOTALL),
    Dialect.NOQA: re.compile(rf"\s*(?P<ids>{_RUFF_CODE}(?:[\s,]+{_RUFF_CODE})*)?(?P<reason>.*)", re.DOTALL),
    Dialect.NOSEMGREP: re.compile(
        rf"(?:\s*:\s*(?P<ids>{_SEMGREP_RULE}(?:\s*,\s*{_SEMGREP_RULE})*))?(?P<reason>.*)", re.DOTALL
    ),
}
_REASON_PUNCTUATION = " \t\r\n\f-:;,.–—"  # noqa: RUF001  # people do type an en dash before a reason


def read_directives(artifact: Artifact) -> tuple[Directive, ...]:
    """Find the suppression comments of a Python file, in order; a string that looks like one is none."""
    openings = list(_OPENING.finditer(artifact.text))
    if artifact.language != "python" or not openings:
        return ()
    in_comment = _which_are_comments(artifact, [opening.start() for opening in openings])
    rows = artifact.text.split("\n")
    directives = []
    row = scanned = 0
    for index, opening in enumerate(openings):
        row += artifact.text.count("\n", scanned, opening.start())
        scanned = opening.start()
        if not in_comment[index]:
            continue
        ends = [artifact.text.find("\n", opening.end()), *(later.start() for later in openings[index + 1 : index + 2])]
        end = min((end for end in ends if end >= 0), default=len(artifact.text))
        directive = _read_one(artifact.uri, opening, artifact.text[opening.end() : end], _reach(rows, row))
        if directive is not None:
            directives.append(directive)
    return tuple(directives)


def _which_are_comments(artifact: Artifact, positions: Sequence[int]) -> list[bool]:
    """Tell which ``#`` characters (at ascending code points) begin or continue a comment, by the syntax tree."""
    offsets = []
    offset = scanned = 0
    for position in positions:
        # As in `Syntax`: a lone surrogate, which UTF-8 cannot carry, is one byte there.
        offset += len(artifact.text[scanned:position].encode("utf-8", errors="replace"))
        scanned = position
        offsets.append(offset)
    # The grammar recovers comments even where the code around them does not parse.
    return [leaf == "comment" for leaf in _leaf_types(artifact.syntax.root, offsets)]


def _leaf_types(root: Node, offsets: Sequence[int]) -> list[str]:
    """Give the type of the innermost node at each ascending byte offset, in one walk of the branches that hold one."""
    types = [""] * len(offsets)
    branches = [(root, 0, len(offsets))]
    while branches:
        node, low, high = branches.pop()
        types[low:high] = [node.type] * (high - low)
        for child in node.children:
            first = bisect_left(offsets, child.start_byte, low, high)
            last = bisect_left(offsets, child.end_byte, first, high)
            if first < last:
                branches.append((child, first, last))
    return types


def _reach(rows: Sequence[str], row: int) -> tuple[int, ...]:
    """Give the lines (from 1) that a comment in ``rows[row]`` is about: its own, and the code below if it is alone."""
    if not rows[row].lstrip().startswith("#"):
        return (row + 1,)
    below = row + 1
    while below < len(rows) and rows[below].lstrip().startswith("#"):
        below += 1
    return (row + 1, below + 1)


def _read_one(uri: str, opening: re.Match[str], body: str, lines: tuple[int, ...]) -> Directive | None:
    """Read what follows the introducing word; None for a ``noqa`` that is not about security."""
    dialect = Dialect(str(opening.lastgroup))
    written = (opening.group() + body).strip()
    if dialect is Dialect.BLUECODE:
        ids, reason, problem = _read_ours(body.strip())
        return Directive(uri, lines[0], dialect, ids, reason, written, lines, problem)
    match = _FOREIGN[dialect].match(body)
    words = re.split(r"[\s,]+", match["ids"]) if match and match["ids"] else []
    reason = match["reason"].strip(_REASON_PUNCTUATION) if match else ""
    if dialect is Dialect.NOSEC:
        return Directive(
            uri, lines[0], dialect, tuple(f"bandit:{w}".lower() for w in words), reason, written, lines[:1]
        )
    if dialect is Dialect.NOSEMGREP:
        slugs = tuple(f"semgrep:{word.rsplit('.', 1)[-1]}".lower() for word in words)
        return Directive(uri, lines[0], dialect, slugs, reason, written, lines)
    codes = tuple(f"ruff:{word}".lower() for word in words if re.fullmatch(r"[Ss]\d+", word))
    return Directive(uri, lines[0], dialect, codes, reason, written, lines[:1]) if codes else None


def _read_ours(body: str) -> tuple[tuple[str, ...], str, str]:
    """Give ids, reason and problem of what follows ``# bluecode:``."""
    match = _OURS.fullmatch(body)
    if match is None:
        return (), "", MALFORMED
    words = [word.strip().lower() for word in (match["ids"] or "").split(",") if word.strip()]
    ids = tuple(dict.fromkeys(RULE_PREFIX + word.removeprefix(RULE_PREFIX) for word in words))
    reason = (match["reason"] or "").strip()
    if not ids:
        return (), reason, WITHOUT_IDS
    return ids, reason, "" if reason else WITHOUT_REASON


# --- matching --------------------------------------------------------------------------------------------------------


def names_of(finding: Finding) -> frozenset[str]:
    """Give every name, in lower case, by which a comment may call a finding."""
    names = {finding.rule_id.lower(), "semgrep:" + finding.rule_id.lower().removeprefix(RULE_PREFIX)}
    for alias in finding.aliases:
        tool, _, name = alias.lower().partition(":")
        names.add(f"{tool}:{name}")
        if tool == "semgrep":
            names.add(f"semgrep:{name.rsplit('.', 1)[-1]}")
        if tool == "bandit" and re.fullmatch(r"b\d+", name):
            names.add("ruff:s" + name[1:])
    return frozenset(names)


def matches(directive: Directive, finding: Finding) -> bool:
    """Tell whether a comment accepts a finding: in its file, on its lines, by one of its names (or by none at all)."""
    if directive.problem or directive.uri != finding.location.uri:
        return False
    lines = _lines_of(finding)
    if not any(line in lines for line in directive.lines):
        return False
    return not directive.ids or not names_of(finding).isdisjoint(directive.ids)


def _lines_of(finding: Finding) -> range:
    """Give the lines on which a finding has at least one character."""
    region = finding.location.region
    touches_last = region.end_column > 1 or region.end_line == region.start_line
    return range(region.start_line, region.end_line + touches_last)


def apply_suppressions(
    findings: Iterable[Finding], artifacts: Iterable[Artifact], known_rule_ids: Collection[str]
) -> tuple[Mapping[Finding, Suppression], tuple[Notification, ...]]:
    """Say which findings are accepted in the source, and what is wrong with the comments that accept.

    Returns:
        The suppression of each accepted finding, and a sorted notification for each comment (each file and dialect,
        for those of other tools) that is at fault or matched nothing.
    """
    by_line: dict[tuple[str, int], list[Directive]] = defaultdict(list)
    directives = [directive for artifact in artifacts for directive in read_directives(artifact)]
    for directive in directives:
        for line in directive.lines:
            by_line[directive.uri, line].append(directive)
    accepted: dict[Finding, Suppression] = {}
    used: dict[Directive, set[str]] = defaultdict(set)
    for finding in findings:
        near = [d for line in _lines_of(finding) for d in by_line.get((finding.location.uri, line), ())]
        matching = sorted(
            (d for d in near if matches(d, finding)), key=lambda d: (list(Dialect).index(d.dialect), d.line)
        )
        for directive in matching:
            used[directive] |= names_of(finding)
        if matching:
            accepted[finding] = Suppression("inSource", matching[0].reason or matching[0].text)
    notifications = {
        *(note for d in directives if d.dialect is Dialect.BLUECODE for note in _faults(d, used[d], known_rule_ids)),
        *_unused_foreign([d for d in directives if d.dialect is not Dialect.BLUECODE and not used[d]]),
    }
    return accepted, tuple(sorted(notifications))


def _faults(directive: Directive, used: set[str], known_rule_ids: Collection[str]) -> Iterator[Notification]:
    """Say what is wrong with one of our own comments."""
    where = f"Line {directive.line}: `{directive.text}`"
    if directive.problem:
        yield Notification(Level.WARNING, directive.problem, f"{where} {_PROBLEMS[directive.problem]}.", directive.uri)
    for rule_id in directive.ids:
        if rule_id not in known_rule_ids:
            near = get_close_matches(rule_id, known_rule_ids, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else "."
            message = f"{where} names the rule `{rule_id}`, which does not exist{hint}"
            yield Notification(Level.WARNING, UNKNOWN_RULE, message, directive.uri)
        elif not directive.problem and rule_id not in used:
            message = f"{where} accepts `{rule_id}`, of which nothing was found there; remove it."
            yield Notification(Level.NOTE, UNUSED, message, directive.uri)


_MOST_LINES_NAMED = 10


def _unused_foreign(directives: Iterable[Directive]) -> Iterator[Notification]:
    """Say, once a file and dialect, which comments of other tools matched nothing: they may still serve those tools."""
    lines: dict[tuple[str, Dialect], list[int]] = defaultdict(list)
    for directive in directives:
        lines[directive.uri, directive.dialect].append(directive.line)
    for (uri, dialect), numbers in lines.items():
        named = ", ".join(map(str, numbers[:_MOST_LINES_NAMED]))
        more = f" and {len(numbers) - _MOST_LINES_NAMED} more" if len(numbers) > _MOST_LINES_NAMED else ""
        place = "line" if len(numbers) == 1 else "lines"
        message = f"`# {dialect}` on {place} {named}{more} matched nothing that this scan found."
        yield Notification(Level.NOTE, UNUSED, message, uri)
