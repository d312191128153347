"""The page in a real browser: search, filters and keys, with five thousand results. Needs Playwright and Chromium."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from bluecode_lint.emitters.html import HtmlEmitter

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.online,  # the browser is driven over a local socket
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_report(browser, tmp_path):
    """Open a run's report; whatever the page asks the network for, or complains about, fails the test."""
    complaints, requests = [], []

    def open_page(run):
        path = tmp_path / "report.html"
        path.write_text(HtmlEmitter().emit(run), encoding="utf-8")
        page = browser.new_context().new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        return page

    yield open_page
    assert complaints == []
    assert len(requests) == 1


def many(run, count):
    return replace(
        run,
        results=tuple(
            replace(r, fingerprint=f"{n:032x}", finding=replace(r.finding, message=f"{r.finding.message} #{n}."))
            for n in range(count)
            for r in [run.results[n % len(run.results)]]
        ),
    )


def expect_count(page, text):
    playwright.expect(page.locator("#count")).to_have_text(text)


def test_open_results_are_shown_first_and_all_on_request(open_report, run):
    page = open_report(run)
    expect_count(page, "3 of 5 match")
    page.select_option("#f-state", "")
    expect_count(page, "5 of 5 match")
    page.keyboard.press("Escape")
    expect_count(page, "3 of 5 match")


def test_search_and_keys(open_report, run):
    page = open_report(run)
    page.keyboard.press("/")
    page.keyboard.type("sql cwe-89")
    expect_count(page, "1 of 5 match")
    page.keyboard.press("Enter")
    page.keyboard.press("o")
    playwright.expect(page.locator(".result:visible figure").first).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.textContent").startswith("error")


def test_the_overview_filters(open_report, run):
    page = open_report(run)
    page.click("text=Proven by execution >> nth=0")
    expect_count(page, "1 of 5 match")


def test_light_and_dark(open_report, run):
    page = open_report(run)
    before = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.keyboard.press("t")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before


def test_five_thousand_results(open_report, run):
    page = open_report(many(run, 5_000))
    expect_count(page, "3000 of 5000 match")
    assert page.locator(".result:visible").count() == 300
    page.fill("#search", "#4995.")
    expect_count(page, "1 of 5000 match")
    page.click(".result:visible summary")
    playwright.expect(page.locator(".result:visible figure").first).to_be_visible()
    page.keyboard.press("Escape")
    page.click("#more")
    assert page.locator(".result:visible").count() == 600


def test_a_fingerprint_in_the_address_opens_its_result(open_report, run):
    page = open_report(run)
    page.evaluate(f"location.hash = '{run.results[0].fingerprint}'")
    playwright.expect(page.locator(".result figure").first).to_be_visible()
