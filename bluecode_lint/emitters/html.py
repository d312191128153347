"""The report as one HTML file that needs no network, and by its own content policy can use none.

Every text that is not ours is escaped where it enters; and only the two blocks of script and style whose hashes the
policy names are ever obeyed, so that even a text that slipped through could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from functools import cache
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, TypeVar

from markdown_it import MarkdownIt

from bluecode_lint.core.model import Applicability, Judgment, Outcome, ResultKind
from bluecode_lint.emitters.excerpt import split_lines
from bluecode_lint.emitters.html_source import SourceView
from bluecode_lint.emitters.visible import safe_json, visible, visible_lines
from bluecode_lint.emitters.wording import (
    LEVELS_DOWN,
    TOOL_NAME,
    advice_of,
    by_severity,
    coverage,
    cwe_url,
    is_confirmed,
    live_results,
    one_line,
    plural,
    replay_command,
    runs_words,
    sentence,
    slug_of,
    title_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bluecode_lint.core.model import Constitution, Result, Run

_BACKTICKS = re.compile("`([^`]+)`")
_Key = TypeVar("_Key", int, str)

_INLINE_RESULTS = 300
"""Up to so many, details stand in the page itself and need no script; beyond, they are made when first opened, and so
many rows are shown at a time (as in ``report.js``): laying out thousands makes every keystroke wait."""

_MOST_IN_OVERVIEW = 8

_PROOF_WORDS = {
    Outcome.CONFIRMED: "Proven by execution",
    Outcome.NEUTRALIZED: "Every attack was inert",
    Outcome.INCONCLUSIVE: "Attacked, no conclusion",
    Outcome.NOT_RUN: "Not attacked",
}
_STATE_WORDS = {"live": "Open", "suppressed": "Suppressed", "passed": "Passed"}

_KEYS = (
    ("/", "search"),
    ("j", "next result"),
    ("k", "previous result"),
    ("o", "open or close the result"),
    ("t", "light or dark"),
    ("Esc", "clear search and filters"),
    ("?", "this list"),
)


class HtmlEmitter:
    """Writes one self-contained page: overview, searchable results with proofs and advice, remarks on the scan."""

    def emit(self, run: Run) -> str:
        """Render a run, byte for byte the same for the same run."""
        results = _ordered(run)
        view = SourceView({artifact.uri: split_lines(artifact.text) for artifact in run.artifacts})
        bodies = [_body(result, view) for result in results]
        inline = len(results) <= _INLINE_RESULTS
        places = {id(result): place for place, result in enumerate(sorted(results, key=lambda r: r.finding.sort_key))}
        items = [
            _item(result, (index, places[id(result)]), bodies[index] if inline else "")
            for index, result in enumerate(results)
        ]
        main = "".join(
            [
                _status(run),
                _overview(run),
                _tools(results),
                f'<ol class="results" id="results">{"".join(items)}</ol>',
                "" if inline else "<noscript><p>So many results need a script to be shown and searched.</p></noscript>",
                '<p class="more-results"><button class="button" id="more" type="button" hidden>Show more</button></p>',
                '<p id="nothing" class="soft" hidden>Nothing matches. Press <kbd>Esc</kbd> to see everything.</p>',
                _remarks(run),
            ]
        )
        return _page(run, main, [] if inline else bodies)


def _text(text: str) -> str:
    """Make a text harmless and escape it, on one line."""
    return escape(one_line(text))


def _prose(text: str) -> str:
    """Write a sentence of ours or of a tool: escaped, with what stands in backticks as code."""
    return _BACKTICKS.sub(r"<code>\1</code>", escape(sentence(text)))


def _block(text: str) -> str:
    """Make a text harmless and escape it, with its lines; a tab stays one, but no raw one."""
    return escape(visible_lines(text)).replace("\t", "&#9;")


def _element(name: str, content: str, css: str = "") -> str:
    return f'<{name} class="{css}">{content}</{name}>' if css else f"<{name}>{content}</{name}>"


def _ordered(run: Run) -> list[Result]:
    """Order all results: open ones the most severe first, then suppressed ones, then passes."""
    return sorted(by_severity(run.results), key=lambda result: list(_STATE_WORDS).index(_state(result)))


def _state(result: Result) -> str:
    if result.suppressions:
        return "suppressed"
    return "passed" if result.kind is ResultKind.PASS else "live"


# --- the page --------------------------------------------------------------------------------------------------------


@cache
def _asset(name: str) -> str:
    return (resources.files(__package__) / "assets" / name).read_text(encoding="utf-8")


def _source_hash(content: str) -> str:
    """Give the hash by which a content security policy names a block."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _page(run: Run, main: str, bodies: Sequence[str]) -> str:
    style, script = _asset("report.css"), _asset("report.js")
    policy = (
        f"default-src 'none'; script-src {_source_hash(script)}; style-src {_source_hash(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    data = safe_json(json.dumps(bodies, ensure_ascii=False)).replace("<", "\\u003c")
    keys = "".join(f"<dt><kbd>{escape(key)}</kbd></dt><dd>{meaning}</dd>" for key, meaning in _KEYS)
    version = f"{TOOL_NAME} {_text(run.tool_version)}".strip()
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{TOOL_NAME} report</title>
<style>{style}</style>
</head>
<body>
<a class="skip" href="#results">Skip to the results</a>
<header class="wrap top">
<h1>{TOOL_NAME} report</h1><span class="grow soft">{version}</span>
<button class="button" id="keys" type="button">Keys <kbd>?</kbd></button>
<button class="button" id="theme" type="button">Light or dark <kbd>t</kbd></button>
</header>
<main class="wrap">
{main}
</main>
<footer class="wrap">Made by {version}. “Proven”: an attack was run in a sandbox, and its effect was seen.</footer>
<dialog id="help" aria-label="Keys"><h2>Keys</h2><dl>{keys}</dl>
<form method="dialog"><p><button class="button">Close</button></p></form></dialog>
<script type="application/json" id="bodies">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def _status(run: Run) -> str:
    """Say first whether the scan is to be trusted, and what it looked at."""
    live = live_results(run)
    said = f"{plural(len(live), 'result') if live else 'No results'}{escape(visible(coverage(run)))}."
    if not run.execution_successful:
        words = "This scan is not to be trusted: something failed on the way, see the remarks below."
        return f'<p class="banner" role="alert">{words}</p><p>{said}</p>'
    return f'<p class="banner good">{said}</p>' if not live else f"<p>{said}</p>"


def _overview(run: Run) -> str:
    live = live_results(run)
    if not live:
        return ""
    levels = Counter(result.level for result in live)
    proofs = Counter(result.confirmation.outcome for result in live)
    cwes = Counter(result.finding.cwe for result in live)
    titles = {result.finding.cwe: title_of(result.rule) for result in reversed(by_severity(live))}
    files = Counter(result.finding.location.uri for result in live)
    cards = [
        ("By level", [("level", level.value, level.value, levels[level], level.value) for level in LEVELS_DOWN]),
        ("By proof", [("proof", o.value, words, proofs[o], o.value) for o, words in _PROOF_WORDS.items()]),
        ("By weakness", [("cwe", str(cwe), f"CWE-{cwe} {titles[cwe]}", n, "") for cwe, n in _most_common(cwes)]),
        ("By file", [("file", uri, uri, count, "") for uri, count in _most_common(files)]),
    ]
    inner = "".join(_card(title, picks) for title, picks in cards)
    return f'<section class="overview" aria-label="Overview">{inner}</section>'


def _most_common(counts: Counter[_Key]) -> list[tuple[_Key, int]]:
    """Give the largest counts, ties in the order of their keys."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_IN_OVERVIEW]


def _card(title: str, picks: Iterable[tuple[str, str, str, int, str]]) -> str:
    """Make a card of buttons; each sets a filter to what it counts."""
    rows = "".join(
        f'<li><button type="button" class="pick" data-key="{key}" data-value="{_text(value)}">'
        f'<span class="what {css}">{_text(words)}</span><span class="many">{count:,}</span></button></li>'
        for key, value, words, count, css in picks
        if count
    )
    return f'<div class="card"><h2>{title}</h2><ul>{rows}</ul></div>'


def _tools(results: Sequence[Result]) -> str:
    """Make the search box and the filters, which offer what there is."""
    present = {_state(result) for result in results} | {"live"}
    cwes = sorted({result.finding.cwe for result in results})
    files = sorted({result.finding.location.uri for result in results})
    selects = [
        _select("level", "Every level", [(level.value, level.value) for level in LEVELS_DOWN]),
        _select("proof", "Every proof state", [(o.value, words) for o, words in _PROOF_WORDS.items()]),
        _select("state", "Every state", [(s, words) for s, words in _STATE_WORDS.items() if s in present], "live"),
        _select("cwe", "Every weakness", [(str(cwe), f"CWE-{cwe}") for cwe in cwes]),
        _select("file", "Every file", [(uri, uri) for uri in files]),
    ]
    return f"""<h2 id="results-heading">Results</h2>
<div class="tools" id="tools" role="search" aria-label="Results">
<input type="search" id="search" aria-label="Search results" placeholder="Search: message, rule, file, CWE  ( / )">
{"".join(selects)}
<select id="sort" aria-label="Order"><option value="severity">Worst first</option>
<option value="place">As in the source</option></select>
<button class="button" id="clear" type="button">Clear</button>
<output id="count" aria-live="polite">{plural(len(results), "result")}</output>
</div>"""


def _select(key: str, everything: str, options: Iterable[tuple[str, str]], chosen: str = "") -> str:
    inner = "".join(
        f'<option value="{_text(value)}"{" selected" if value == chosen else ""}>{_text(words)}</option>'
        for value, words in options
    )
    label = everything.removeprefix("Every ").capitalize()
    return f'<select id="f-{key}" aria-label="{label}"><option value="">{everything}</option>{inner}</select>'


def _remarks(run: Run) -> str:
    """Show our own trouble, the worst first, and the counts of the scan."""
    notes = sorted(run.notifications, key=lambda n: (-n.level.rank, n.id, n.uri, n.message))
    rows = "".join(
        f'<tr><td class="{n.level.value}">{n.level.value}</td><td class="mono">{_text(n.id)}</td>'
        f'<td class="mono">{_text(n.uri)}</td><td>{_prose(n.message)}</td></tr>'
        for n in notes
    )
    head = "<tr><th scope=col>Level</th><th scope=col>Kind</th><th scope=col>File</th><th scope=col>Message</th></tr>"
    table = (
        f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
        if rows
        else "<p>None.</p>"
    )
    counts = "".join(f"<dt>{_text(key)}</dt><dd>{value:,}</dd>" for key, value in run.statistics.items())
    receipt = f"<h2>Counts</h2><dl>{counts}</dl>" if counts else ""
    return f"<section><h2>Remarks on the scan</h2>{table}{receipt}</section>"


# --- one result ------------------------------------------------------------------------------------------------------


def _item(result: Result, ranks: tuple[int, int], body: str) -> str:
    """Make the row of a result, with its ranks by severity and by place; its details may come when it is opened."""
    finding, level, state = result.finding, result.level.value, _state(result)
    outcome = result.confirmation.outcome
    badges = [
        f'<span class="badge confirmed">{_PROOF_WORDS[outcome]}</span>' if is_confirmed(result) else "",
        f'<span class="badge">{_STATE_WORDS[state]}</span>' if state != "live" else "",
    ]
    place = f"{finding.location.uri}:{finding.location.region.start_line}:{finding.location.region.start_column}"
    facts = [
        *(badge for badge in badges if badge),
        f'<span class="mono">{_text(place)}</span>',
        f"{_text(title_of(result.rule))} (CWE-{finding.cwe})",
    ]
    anchor = f' id="{_text(result.fingerprint)}"' if result.fingerprint else ""
    later = " hidden" if ranks[0] >= _INLINE_RESULTS else ""
    return (
        f'<li class="result"{anchor}{later} data-level="{level}" data-proof="{outcome.value}" data-state="{state}" '
        f'data-cwe="{finding.cwe}" data-file="{_text(finding.location.uri)}" data-severity="{ranks[0]}" '
        f'data-place="{ranks[1]}"><details><summary><span class="level {level}">{level}</span>'
        f'<span class="message">{_prose(finding.message)}</span>'
        f'<span class="facts">{" · ".join(facts)}</span></summary>'
        f'<div class="body" data-index="{ranks[0]}">{body}</div></details></li>'
    )


def _body(result: Result, view: SourceView) -> str:
    """Make the details of a result: source, proof, judgment, advice, identity."""
    parts = [
        _accepted(result),
        "<h3>Source and flow</h3>" + view.render(result),
        _proof(result),
        _judged(result),
        _fix(result, view),
        f'<h3>How to fix it</h3><div class="prose">{_markdown(advice_of(result.rule))}</div>',
        _more("All about this rule", f'<div class="prose">{_markdown(result.rule.help)}</div>'),
        "<h3>Identity</h3>" + _definitions(_identity(result)),
    ]
    return "".join(parts)


def _fix(result: Result, view: SourceView) -> str:
    """Show the change that is proposed, and the flags that try it."""
    fix = result.fix
    if fix is None:
        return ""
    flags = "--fix" if fix.applicability is Applicability.SAFE else "--fix --unsafe-fixes"
    diff = view.diff(result)
    shown = f'<pre tabindex="0"><code>{_block(diff)}</code></pre>' if diff else ""
    return f"<h3>A fix</h3><p>{_text(fix.description)} (<code>{flags}</code>)</p>{shown}"


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    return _element("dl", "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs if value))


def _more(title: str, content: str) -> str:
    return f'<details class="more"><summary>{title}</summary>{content}</details>'


def _accepted(result: Result) -> str:
    said = [(_text(s.kind), _text(s.justification)) for s in result.suppressions]
    return f"<h3>Suppressed</h3>{_definitions(said)}" if said else ""


def _proof(result: Result) -> str:
    """Show what execution showed: three lines a person can check, how to see it again, and the whole script."""
    confirmation, evidence = result.confirmation, result.confirmation.evidence
    if confirmation.outcome is Outcome.NOT_RUN and not confirmation.reason:
        return ""
    command = replay_command(result)
    pairs = [
        ("Outcome", _PROOF_WORDS[confirmation.outcome]),
        ("Why", _prose(confirmation.reason)),
        ("Entry", f"<code>{_text(evidence.entry)}</code>" if evidence else ""),
        ("Payload", f"<code>{escape(visible(evidence.payload))}</code>" if evidence else ""),
        ("Effect", _prose(evidence.effect) if evidence else ""),
        ("Probe", _text(confirmation.probe)),
        ("Sandbox", _text(confirmation.sandbox)),
        ("Executions", runs_words(confirmation.runs) if confirmation.runs else ""),
        ("Run it again", f'<code class="once">{escape(command)}</code>' if command else ""),
    ]
    script = confirmation.replay
    transcript = _more("The script that attacks", f"<pre><code>{_block(script)}</code></pre>") if script else ""
    return f"<h3>Proof</h3>{_definitions(pairs)}{transcript}"


def _judged(result: Result) -> str:
    """Show the verdict and the principles it rests on."""
    verdict = result.verdict
    known = {retrieved.constitution.id: retrieved for retrieved in result.retrieved}
    if verdict.judgment is Judgment.UNDECIDED and not verdict.cited:
        return ""
    pairs = [
        ("Verdict", f"{verdict.judgment.value} ({verdict.confidence.word} confidence)"),
        ("By", _text(verdict.reasoner)),
        ("Because", _prose(verdict.rationale)),
    ]
    cited = "".join(
        _principle(known[name].constitution, known[name].score) if name in known else f"<li>{_text(name)}</li>"
        for name in verdict.cited
    )
    principles = f"<h3>Constitutions it cites</h3><ul>{cited}</ul>" if cited else ""
    return f"<h3>Judgment</h3>{_definitions(pairs)}{principles}"


def _principle(constitution: Constitution, score: float) -> str:
    words = [
        *(("Unsafe when", _text(condition.words)) for condition in constitution.unsafe_when),
        *(("Safe when", _text(condition.words)) for condition in constitution.safe_when),
        ("Why", _text(constitution.rationale)),
        ("From", _text(constitution.provenance)),
    ]
    name = f'<span class="soft mono">{_text(constitution.id)}, nearness {score:.2f}</span>'
    return f"<li>{_prose(constitution.principle)} {name}{_more('Conditions', _definitions(words))}</li>"


def _identity(result: Result) -> Iterator[tuple[str, str]]:
    finding = result.finding
    yield (
        "Rule",
        f"<code>{_text(finding.rule_id)}</code> (<code>{TOOL_NAME} explain {escape(slug_of(finding.rule_id))}</code>)",
    )
    yield "Weakness", f'<a rel="noreferrer" href="{cwe_url(finding.cwe)}">CWE-{finding.cwe}</a>'
    yield "Confidence", finding.confidence.word
    yield "Decided by", _text(result.reason)
    yield "Also known as", _text(", ".join(finding.aliases))
    yield "Fingerprint", f'<code class="once">{_text(result.fingerprint)}</code>' if result.fingerprint else ""


# --- prose -----------------------------------------------------------------------------------------------------------

# HTML in the text is shown, not obeyed; addresses that could run something are refused by the library.
_COMMONMARK = MarkdownIt("commonmark", {"html": False, "xhtmlOut": False}).disable("image")


@cache
def _markdown(text: str) -> str:
    """Render a rule's Markdown."""
    rendered: str = _COMMONMARK.render(visible_lines(text))
    return rendered
