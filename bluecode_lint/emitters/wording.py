"""What every report says in the same words: titles, sentences, proofs, advice and counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Applicability, Level, Outcome, ResultKind
from bluecode_lint.emitters.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bluecode_lint.core.model import Result, Rule, Run

TOOL_NAME = "bluecode-lint"
RULE_PREFIX = "bluecode/"
LEVELS_DOWN = (Level.ERROR, Level.WARNING, Level.NOTE)

_ACRONYMS = re.compile(
    "api|cors|cpu|csrf|css|csv|dns|dtd|ecb|gcm|hmac|html|https?|id|io|ip|iv|jwt|ldap|llm|md5|mfa|os|pdf|pii|rsa|sha1|"
    "smtp|sql|ssh|ssl|ssrf|ssti|tls|uri|url|xml|xpath|xslt|xss|xxe|yaml"
)
_FIX_HEADING = re.compile(r"^\s*(?:#+\s*|\*\*)?(?:how to |the )?(?:fix|remedy|instead)\b", re.IGNORECASE)
_HEADING = re.compile(r"^\s*(?:#+\s|\*\*[^*]+\*\*:?\s*$)")
_FENCE = re.compile(r"^\s*(?:```|~~~)")
_SHORT_FINGERPRINT = 12


# --- rules -----------------------------------------------------------------------------------------------------------


def slug_of(rule_id: str) -> str:
    """Give a rule's id without our prefix, as people type it, made harmless to show."""
    return visible(rule_id.removeprefix(RULE_PREFIX))


def title_of(rule: Rule) -> str:
    """Give a rule's name in words: ``bluecode/os-command-injection`` is "OS command injection"."""
    words = [word.upper() if _ACRONYMS.fullmatch(word) else word for word in slug_of(rule.id).split("-")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])


def explain_command(rule: Rule) -> str:
    """Give the command that shows all that is known of a rule."""
    return f"{TOOL_NAME} explain {slug_of(rule.id)}"


def cwe_url(cwe: int) -> str:
    """Give the address of a weakness's page at MITRE."""
    return f"https://cwe.mitre.org/data/definitions/{cwe}.html"


def advice_of(rule: Rule) -> str:
    """Give the part of a rule's help that says how to fix it; all of it if no part says so."""
    lines = rule.help.strip().split("\n")
    start = next((number for number, line in enumerate(lines) if _FIX_HEADING.match(line)), None)
    if start is None:
        return "\n".join(lines)
    end = len(lines)
    in_code = False
    for number in range(start + 1, len(lines)):
        in_code ^= bool(_FENCE.match(lines[number]))
        if not in_code and _HEADING.match(lines[number]):
            end = number
            break
    section = lines[start:end]
    if _HEADING.match(section[0]):
        section = section[1:]
    return "\n".join(section).strip()


# --- results ---------------------------------------------------------------------------------------------------------


def sentence(text: str) -> str:
    """Put a text, made harmless to show, on one line and end it with a full stop, if nothing ends it yet."""
    line = one_line(text)
    return line if not line or line[-1] in ".!?…" else line + "."


def one_line(text: str) -> str:
    """Put a text, made harmless to show, on one line."""
    return visible(" ".join(text.split()))


def shorten(text: str, limit: int) -> str:
    """Cut a text to a number of code points, the last an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def is_confirmed(result: Result) -> bool:
    """Tell whether an execution showed the defect: only then it may be called a vulnerability."""
    return result.confirmation.outcome is Outcome.CONFIRMED


def short_fingerprint(result: Result) -> str:
    """Give as much of the fingerprint as a person is asked to type."""
    return result.fingerprint[:_SHORT_FINGERPRINT]


def replay_command(result: Result) -> str:
    """Give the command that runs the proof again, or nothing if there is no proof to run."""
    if not (is_confirmed(result) and result.confirmation.replay and result.fingerprint):
        return ""
    return f"{TOOL_NAME} replay {visible(short_fingerprint(result))}"


def runs_words(runs: int) -> str:
    """Say how many executions stand behind a proof."""
    return "1 run" if runs == 1 else f"{runs} runs"


def live_results(run: Run) -> tuple[Result, ...]:
    """Give the results that count: neither passed nor suppressed nor of level none, in the one order results have."""
    live = (result for result in run.results if result.counts and result.level is not Level.NONE)
    return tuple(sorted(live, key=lambda r: r.finding.sort_key))


def by_severity(results: Iterable[Result]) -> list[Result]:
    """Order results the most severe first: level, then proof, then the rule's severity; then as in the source."""
    return sorted(
        results,
        key=lambda r: (-r.level.rank, not is_confirmed(r), -r.rule.security_severity, r.finding.sort_key),
    )


# --- counts ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """How many results there are of a level (counted ones, proven ones among them), and how many are suppressed."""

    level: Level
    results: int
    confirmed: int
    suppressed: int


def tally(run: Run) -> tuple[Tally, ...]:
    """Count the failures of a run, a row a level, the most severe first."""
    failures = [result for result in run.results if result.kind is ResultKind.FAIL]
    return tuple(
        Tally(
            level,
            sum(r.level is level and r.counts for r in failures),
            sum(r.level is level and r.counts and is_confirmed(r) for r in failures),
            sum(r.level is level and bool(r.suppressions) for r in failures),
        )
        for level in LEVELS_DOWN
    )


def fixable(run: Run) -> str:
    """Say how many results have a fix, and which flags try it; empty if none has."""
    kinds = [result.fix.applicability for result in live_results(run) if result.fix is not None]
    safe = sum(kind is Applicability.SAFE for kind in kinds)
    more = len(kinds) - safe
    if not kinds:
        return ""
    if not safe:
        return f"[*] {more:,} fixable with --fix --unsafe-fixes"
    return f"[*] {safe:,} fixable with --fix" + (f", {more:,} more with --unsafe-fixes" if more else "")


def plural(count: int, noun: str) -> str:
    """Give a number with its noun: ``1 file``, ``1,024 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def coverage(run: Run) -> str:
    """Say what was looked at and what was set aside, as far as it was counted: " in 12 files (3,456 lines)"."""
    counts = run.statistics
    files = f" in {plural(counts['files'], 'file')}" if "files" in counts else ""
    lines = f" ({plural(counts['lines'], 'line')})" if "lines" in counts else ""
    candidates = plural(counts["candidates"], "candidate") if counts.get("candidates") else ""
    passed = f"{counts['passed']:,} passed" if counts.get("passed") else ""
    aside = ", ".join(text for text in (candidates, passed) if text)
    return files + lines + (f"; {aside}" if aside else "")
