# noqa: INP001  # scripts beside action.yml, not a package
"""Write the job's summary: what was found, what was proven and how, and how far the scan can be trusted.

Everything in it that comes from the scanned repository is shown as code or escaped: it can form no link, no mention, no
image and no table of its own. Standard library only; runs with ``python -I``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_MOST_ROWS = 50
_MOST_PROOFS = 10
_LONGEST_CELL = 300
_LEVELS = ("error", "warning", "note")
_MARKS = {"error": "🛑", "warning": "⚠️", "note": "📝"}


def main() -> None:
    """Read the report in the work directory and append to the summary."""
    work, code = Path(sys.argv[1]), sys.argv[2]
    report = work / "report.json"
    lines = ["## bluecode-lint", ""]
    if report.exists():
        lines += _summarize(json.loads(report.read_text(encoding="utf-8")), code)
    else:
        lines += ["The scan did not finish; the log of the step says why."]
    for title, name in (("Instructions to models", "guard.json"), ("The pull request's own words", "guard-said.json")):
        if (work / name).exists():
            lines += _guarded(title, json.loads((work / name).read_text(encoding="utf-8")))
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
        summary.write("\n".join(lines) + "\n")


def _summarize(report: Mapping[str, Any], code: str) -> Iterator[str]:
    live = [r for r in report["results"] if r["kind"] == "fail" and not r["suppressions"]]
    live.sort(key=lambda r: (_LEVELS.index(r["level"]), not _is_proven(r), _place(r)))
    yield _verdict(live, code)
    yield ""
    if live:
        yield from _table(live)
        yield from _proofs([r for r in live if _is_proven(r)])
    yield from _trouble(report["notifications"])
    counted = report["statistics"]
    yield (
        f"<sub>{counted['files']:,} files and {counted['lines']:,} lines scanned; {counted['findings']:,} findings and "
        f"{counted['candidates']:,} candidates; attacks: {counted['confirmed']:,} confirmed, "
        f"{counted['neutralized']:,} inert, {counted['inconclusive']:,} inconclusive, {counted['notRun']:,} not run; "
        f"{counted['suppressed']:,} suppressed. bluecode-lint {code_span(report['tool']['version'])}</sub>"
    )


def _guarded(title: str, report: Mapping[str, Any]) -> Iterator[str]:
    live = [r for r in report["results"] if r["kind"] == "fail" and not r["suppressions"]]
    live.sort(key=lambda r: (_LEVELS.index(r["level"]), _place(r)))
    yield f"### {title}"
    yield ""
    yield f"**{len(live):,} results**." if live else "No results."
    yield ""
    if live:
        yield from _table(live)
    yield from _trouble(report["notifications"])


def _verdict(live: Sequence[Mapping[str, Any]], code: str) -> str:
    if code not in {"0", "1"}:
        return "**The scan cannot be trusted**: something went wrong, see below and in the log."
    proven = sum(map(_is_proven, live))
    if not live:
        return "No results."
    return f"**{len(live):,} results**, {proven:,} of them proven by execution."


def _table(live: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| | Rule | Where | What |"
    yield "|---|---|---|---|"
    for result in live[:_MOST_ROWS]:
        proof = " proven" if _is_proven(result) else ""
        yield (
            f"| {_MARKS[result['level']]} {result['level']}{proof} | {code_span(result['rule_id'])} "
            f"| {code_span(_place(result))} | {plain(result['message'])} |"
        )
    if len(live) > _MOST_ROWS:
        yield ""
        yield f"…and {len(live) - _MOST_ROWS:,} more."
    yield ""


def _proofs(proven: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for result in proven[:_MOST_PROOFS]:
        evidence = result["confirmation"]["evidence"] or {}
        yield "<details>"
        yield f"<summary>Proof: {_escape(result['rule_id'])} at {_escape(_place(result))}</summary>"
        yield ""
        for name in ("entry", "payload", "effect"):
            if evidence.get(name):
                yield f"- {name}: {code_span(evidence[name])}"
        yield f"- run it again: {code_span('bluecode-lint replay ' + result['fingerprint'][:12])}"
        yield ""
        yield "</details>"
    if len(proven) > _MOST_PROOFS:
        yield f"…and {len(proven) - _MOST_PROOFS:,} more proofs in the JSON report."
    yield ""


def _trouble(notifications: Sequence[Mapping[str, str]]) -> Iterator[str]:
    grave = [n for n in notifications if n["level"] in {"error", "warning"}]
    for note in grave[:_MOST_ROWS]:
        place = f" {code_span(note['uri'])}" if note["uri"] else ""
        yield f"- {note['level']}{place}: {plain(note['message'])}"
    if len(grave) > _MOST_ROWS:
        yield f"- …and {len(grave) - _MOST_ROWS:,} more."
    if grave:
        yield ""


def _is_proven(result: Mapping[str, Any]) -> bool:
    return bool(result["confirmation"]["outcome"] == "confirmed")


def _place(result: Mapping[str, Any]) -> str:
    return f"{result['location']['uri']}:{result['location']['start_line']}"


# --- text of strangers -----------------------------------------------------------------------------------------------


def code_span(text: str) -> str:
    """Show a text literally, in a table cell or a list: HTML's code element, because backticks can be closed."""
    return f"<code>{_escape(text)}</code>"


def plain(text: str) -> str:
    """Show a text as prose without any Markdown or HTML of its own; a word joiner keeps names and numbers unlinked."""
    return _escape(text).replace("&#64;", "&#64;&#8288;").replace("&#35;", "&#35;&#8288;")


def _escape(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > _LONGEST_CELL:
        line = line[: _LONGEST_CELL - 1] + "…"
    # Whatever is not a letter, a digit, a space or harmless punctuation becomes a character reference, which Markdown
    # does not take for markup; so does a full stop inside of a word, which makes an address of it.
    return re.sub(r"[^\w ,;'()=+/.-]|_|\.(?=\w)", lambda match: f"&#{ord(match.group())};", line)


if __name__ == "__main__":
    main()
