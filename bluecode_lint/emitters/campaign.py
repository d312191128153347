"""The outcome of a red-team campaign as one HTML page that needs no network and no script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { text-align: right; padding: .25rem .6rem; border-bottom: 1px solid #8886; }
th:first-child, td:first-child, td:last-child, th:last-child { text-align: left; }
td:has(.bar), th:has(+ td .bar) { white-space: nowrap; }
.bar { display: inline-block; width: 6rem; height: .7em; margin-right: .5em;
       background: linear-gradient(90deg, #c2410c var(--share), #8884 var(--share)); }
"""


class Counts(Protocol):
    """What the page needs of a row."""

    @property
    def made(self) -> int:
        """Variants that were generated."""

    @property
    def proven(self) -> int:
        """Variants that the sandbox showed to be unsafe."""

    @property
    def evaded(self) -> int:
        """Proven variants that nobody was told of."""

    @property
    def false_alarms(self) -> int:
        """Proven variants whose safe twin was reported."""

    @property
    def stages(self) -> Mapping[str, int]:
        """How many each stage caught."""

    @property
    def evasion_rate(self) -> float:
        """Give the share of the proven variants that nobody was told of."""


def campaign_page(
    tables: Mapping[str, Mapping[str, Counts]], curve: Sequence[tuple[int, Counts, Counts, Counts]]
) -> str:
    """Write the page: a table for each way of counting, and the curve of the loop if there was one."""
    parts = [_table(title, rows) for title, rows in tables.items() if rows]
    if curve:
        rows = "".join(
            f"<tr><th scope=row>{number}</th>{''.join(f'<td>{_rate(each)}</td>' for each in fresh)}</tr>"
            for number, *fresh in curve
        )
        head = "<tr><th>Rounds folded in</th><th>Same moves</th><th>Held-out moves</th><th>Other programs</th></tr>"
        caption = "<caption>Evasion on fresh variants while what evaded becomes knowledge</caption>"
        parts.insert(0, f"<table>{caption}{head}{rows}</table>")
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Red-team campaign</title>"
        "<meta name=viewport content='width=device-width'>"
        "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style><h1>Red-team campaign</h1>"
        "<p>Variants that the sandbox proved to be unsafe, and how many of them the scanner did not report.</p>"
        + "".join(parts)
        + "</html>\n"
    )


def _table(title: str, rows: Mapping[str, Counts]) -> str:
    head = f"<tr><th>{escape(title.capitalize())}</th><th>Made</th><th>Proven</th><th>Evasion</th>"
    head += "<th>False alarms</th><th>Caught by</th></tr>"
    body = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{row.made}</td><td>{row.proven}</td><td>{_rate(row)}</td>"
        f"<td>{row.false_alarms}</td><td>{escape(', '.join(f'{k} {v}' for k, v in row.stages.items()))}</td></tr>"
        for name, row in rows.items()
    )
    return f"<table><caption>By {escape(title)}</caption>{head}{body}</table>"


def _rate(row: Counts) -> str:
    share = f"{row.evasion_rate:.0%}"
    return f"<span class=bar style='--share: {share}'></span>{share} ({row.evaded} of {row.proven})"
