"""Accepted results, kept in a file beside the code: what was there when a team began, and need not stop it today.

One entry a line, sorted, without line numbers or dates, so that it merges and reads well in a review. An entry says how
many equal defects of a file are accepted: the rule, and a digest of the defective code without its white space. A
reason and an author that people write into it are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bluecode_lint.core.fingerprint import normalize_snippet
from bluecode_lint.core.model import Level, Notification, ResultKind, Suppression

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bluecode_lint.core.model import Finding, Result, Run

STALE = "baseline-stale"
_KIND = "external"
_DIGEST_BYTES = 10
_FIELDS = ("uri", "rule", "code", "count", "reason", "author")


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """``count`` accepted defects of one rule in one file whose code reads the same."""

    uri: str
    rule: str
    code: str
    count: int = 1
    reason: str = ""
    author: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Give what two entries may not share."""
        return (self.uri, self.rule, self.code)


def code_of(finding: Finding) -> str:
    """Digest the defective code of a finding: 20 hex digits that neither indentation nor a line above changes."""
    text = normalize_snippet(finding.snippet).encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST_BYTES).hexdigest()


def read_baseline(text: str) -> tuple[Entry, ...]:
    """Read a baseline.

    Raises:
        ValueError: A line is no entry; the message says which and why.
    """
    entries: dict[tuple[str, str, str], Entry] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = _entry(json.loads(line))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            message = f"line {number} is no entry of a baseline ({type(error).__name__}: {error})"
            raise ValueError(message) from error
        if entry.key in entries:
            message = f"line {number} repeats the entry of {entry.rule} in {entry.uri}"
            raise ValueError(message)
        entries[entry.key] = entry
    return tuple(sorted(entries.values()))


def _entry(data: Mapping[str, object]) -> Entry:
    if not isinstance(data, dict) or set(data) - set(_FIELDS):
        message = f"it must be an object with {', '.join(_FIELDS)}"
        raise TypeError(message)
    texts = {name: data.get(name, "") for name in _FIELDS if name != "count"}
    count = data.get("count", 1)
    if not all(isinstance(text, str) for text in texts.values()) or not all(texts[n] for n in ("uri", "rule", "code")):
        message = "uri, rule and code must be given, as text"
        raise TypeError(message)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        message = "count must be a whole number, 1 or more"
        raise TypeError(message)
    return Entry(count=count, **{name: str(text) for name, text in texts.items()})


def write_baseline(entries: Iterable[Entry]) -> str:
    """Write a baseline: the same entries give the same bytes, whatever their order."""
    rows = ({name: getattr(entry, name) for name in _FIELDS} for entry in sorted(entries))
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def apply_baseline(run: Run, entries: Sequence[Entry], scanned: Collection[str]) -> Run:
    """Accept the results that the baseline lists, as often as it does; say how many entries match nothing.

    An entry of a file that was not ``scanned`` also accepts the same code in another file: it was renamed or moved.
    """
    left = Counter({entry.key: entry.count for entry in entries})
    reasons = {entry.key: entry.reason for entry in entries}
    moved: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for entry in entries:
        if entry.uri not in scanned:
            moved.setdefault((entry.rule, entry.code), []).append(entry.key)
    results = []
    for result in run.results:
        key = _match(result, left, moved) if is_open(result) else None
        if key is not None:
            left[key] -= 1
            accepted = Suppression(_KIND, reasons[key] or "listed in the baseline")
            result = replace(result, suppressions=(*result.suppressions, accepted))  # noqa: PLW2901  # as accepted
        results.append(result)
    stale = sum(left[entry.key] > 0 and entry.uri in scanned for entry in entries)
    notifications = run.notifications
    if stale:
        message = f"{stale} entries of the baseline match less than they accept; --update-baseline drops the rest"
        notifications = tuple(sorted((*notifications, Notification(Level.NOTE, STALE, message))))
    counted = {
        "results": sum(result.counts for result in results),
        "suppressed": sum(bool(result.suppressions) for result in results),
    }
    statistics = {**run.statistics, **counted}
    return replace(run, results=tuple(results), notifications=notifications, statistics=statistics)


def _match(
    result: Result,
    left: Mapping[tuple[str, str, str], int],
    moved: Mapping[tuple[str, str], list[tuple[str, str, str]]],
) -> tuple[str, str, str] | None:
    finding = result.finding
    code = code_of(finding)
    candidates = [(finding.location.uri, finding.rule_id, code), *moved.get((finding.rule_id, code), ())]
    return next((key for key in candidates if left.get(key, 0) > 0), None)


def is_open(result: Result) -> bool:
    """Tell whether a result is a failure that nothing has accepted."""
    return result.kind is ResultKind.FAIL and not result.suppressions


def updated_baseline(run: Run, entries: Sequence[Entry], keep: Collection[str]) -> tuple[Entry, ...]:
    """List what is to be accepted from now on: the open results and those the baseline accepted already.

    Reasons and authors are carried over, for a renamed file too. Entries of files to ``keep`` (they exist, and were not
    looked at this time) stay as they are.
    """
    known = {entry.key: entry for entry in entries}
    by_code = {(entry.rule, entry.code): entry for entry in entries}
    found: Counter[tuple[str, str, str]] = Counter()
    for result in run.results:
        listed = any(s.kind == _KIND for s in result.suppressions)
        if is_open(result) or (listed and len(result.suppressions) == 1):
            found[result.finding.location.uri, result.finding.rule_id, code_of(result.finding)] += 1
    kept = [entry for entry in entries if entry.uri in keep and entry.key not in found]
    for key, count in found.items():
        old = known.get(key) or by_code.get(key[1:]) or Entry(*key)
        kept.append(Entry(*key, count=count, reason=old.reason, author=old.author))
    return tuple(sorted(kept))
