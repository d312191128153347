"""The page is one file, well formed, and obeys nothing but its own two blocks."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bluecode_lint.core.model import Location, Region
from bluecode_lint.emitters.html import HtmlEmitter

VOID = {"meta", "input", "br", "hr"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text, self.blocks = [], [], [], {}
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in {"script", "style"}:
            kind = self.elements[-1][1].get("type", self.open[-1])
            self.blocks[kind] = self.blocks.get(kind, "") + data
        else:
            self.text.append(data)

    def having(self, tag, **wanted):
        return [a for t, a in self.elements if t == tag and all(a.get(k) == v for k, v in wanted.items())]


def many(run, count):
    return replace(
        run,
        results=tuple(
            replace(run.results[n % len(run.results)], fingerprint=f"{n:032x}", reason=f"reason-{n}")
            for n in range(count)
        ),
    )


@pytest.fixture(scope="module")
def page(run):
    return Page(HtmlEmitter().emit(run))


def test_every_result_has_a_row_with_what_filters_need(page, run):
    rows = page.having("li", **{"class": "result"})
    assert len(rows) == len(run.results)
    assert [row["data-level"] for row in rows] == ["error", "warning", "note", "warning", "none"]
    assert [row["data-state"] for row in rows] == ["live", "live", "live", "suppressed", "passed"]
    assert [row["data-proof"] for row in rows] == ["confirmed", "inconclusive", "notRun", "notRun", "neutralized"]
    assert sorted(row["data-place"] for row in rows) == ["0", "1", "2", "3", "4"]


def test_filters_offer_what_rows_have(page):
    rows = page.having("li", **{"class": "result"})
    offered = {option["value"] for option in page.having("option")}
    for key in ("data-level", "data-proof", "data-state", "data-cwe", "data-file"):
        assert {row[key] for row in rows} - {"none"} <= offered


def test_a_proof_is_told_in_full(page, run):
    text = "".join(page.text)
    assert "GET /ping?host=[payload](1)" in text
    assert "127.0.0.1; touch canary-4f1d\\n\\x1b[31m" in text
    assert "the canary command ran" in text
    assert f"bluecode-lint replay {run.results[0].fingerprint[:12]}" in text
    assert "print('the attack again')" in text
    assert "Text from a request never becomes part of a shell's command line." in text
    assert "a request's value is concatenated into the command" in text
    assert 'subprocess.run(["ping", "-c", "1", host], check=True)' in text


def test_source_is_marked_where_the_defect_is(run):
    report = HtmlEmitter().emit(run)
    hits = re.findall(r'<mark class="(?:\w )?hit">(.*?)</mark>', report)
    assert "".join(hits).startswith("os.system(&quot;ping -c 1 &quot; + host)")


def test_the_policy_names_exactly_the_two_blocks(page):
    (policy,) = (m["content"] for m in page.having("meta", **{"http-equiv": "Content-Security-Policy"}))

    def named(block):
        return base64.b64encode(hashlib.sha256(page.blocks[block].encode()).digest()).decode()

    assert policy.startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{named('script')}';" in policy
    assert f"style-src 'sha256-{named('style')}';" in policy
    assert "unsafe" not in policy


def test_nothing_is_fetched(page):
    assert not [tag for tag, _ in page.elements if tag in {"img", "link", "iframe", "object", "embed", "base", "video"}]
    assert not [attributes for _, attributes in page.elements if "src" in attributes or "style" in attributes]
    assert not re.search(r"url\(|@import", page.blocks["style"])
    links = {a["href"] for a in page.having("a")}
    assert links == {"#results", *(f"https://cwe.mitre.org/data/definitions/{cwe}.html" for cwe in (78, 89, 328, 502))}


def test_few_results_need_no_script_and_many_are_made_when_opened(run):
    few, lots = Page(HtmlEmitter().emit(many(run, 300))), Page(HtmlEmitter().emit(many(run, 301)))
    assert json.loads(few.blocks["application/json"]) == []
    assert len(few.having("figure")) == 300 + 60  # every fifth one flows through two files
    bodies = json.loads(lots.blocks["application/json"])
    assert len(bodies) == 301
    assert lots.having("figure") == []
    rows = lots.having("li", **{"class": "result"})
    assert len([row for row in rows if "hidden" in row]) == 1
    for body in bodies:
        Page(body)
    assert {re.search(r"reason-\d+", body).group() for body in bodies} == {f"reason-{n}" for n in range(301)}


def test_trouble_comes_first(samples):
    page = Page(HtmlEmitter().emit(samples.make_untrusted_run()))
    assert page.having("p", role="alert")
    assert "semgrep crashed: exit code 2." in "".join(page.text)


def test_a_clean_run_says_what_was_looked_at(samples):
    page = Page(HtmlEmitter().emit(samples.make_clean_run()))
    assert not page.having("p", role="alert")
    assert "No results in 12 files (3,456 lines)." in "".join(page.text)


def test_controls_have_names(page):
    for tag in ("input", "select"):
        for attributes in page.having(tag):
            assert attributes.get("aria-label")


HOSTILE = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "<!--",
    "]]>",
    "&lt;b&gt;",
    "' onclick='x",
]


@settings(max_examples=30, deadline=None)
@given(
    st.one_of(st.sampled_from(HOSTILE), st.text(st.sampled_from("<>&\"'`=!-/scriptonx "), max_size=30)), st.booleans()
)
def test_hostile_text_becomes_no_element(samples, poison, lazy):
    run = samples.make_run()
    first = run.results[0]
    finding = replace(
        first.finding,
        message=poison + "x",
        snippet=poison,
        location=Location(f"{poison}.py", Region(1, 1, 1, 2), poison),
        code_flow=(Location(f"{poison}.py", Region(1, 1, 1, 2), poison),),
        aliases=(poison,),
    )
    artifact = samples.make_artifact(f"{poison}.py", poison)
    rule = replace(first.rule, help=f"{poison}\n\n[x](javascript:alert(1))\n\n```\n{poison}\n```")
    results = tuple(replace(first, finding=finding, rule=rule) for _ in range(301 if lazy else 1))
    page = Page(HtmlEmitter().emit(replace(run, artifacts=(artifact,), results=results)))
    pages = [page, *(Page(body) for body in json.loads(page.blocks["application/json"])[:1])]
    scripts = [attributes for one in pages for attributes in one.having("script")]
    assert len(scripts) == 2
    for one in pages:
        assert not [tag for tag, _ in one.elements if tag in {"img", "b"}]
        for tag, attributes in one.elements:
            assert not [name for name in attributes if name.startswith("on")], tag
            assert not attributes.get("href", "").lower().startswith("javascript")


def test_lines_left_out_are_shown_as_a_gap(run):
    first = run.results[0]
    far = Location("shop/app.py", Region(4, 1, 4, 10), "Imported here")
    report = HtmlEmitter().emit(replace(run, results=(replace(first, finding=replace(first.finding, related=(far,))),)))
    assert '<span class="num">⋯</span>' in report
    assert "Imported here" in report


def test_without_the_text_the_snippet_is_shown(run):
    report = HtmlEmitter().emit(replace(run, artifacts=(), results=run.results[:1]))
    text = "".join(Page(report).text)
    assert '16os.system("ping -c 1 " + host)' in text
