"""The oracles' pure parts: how statements, filters, addresses and pages are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.probes.families import cross_site_scripting, directory_injection, xpath_injection
from bluecode_lint.probes.families.family import Payload
from bluecode_lint.probes.families.open_redirect import browser_host
from bluecode_lint.probes.families.path_traversal import _base, _outside
from bluecode_lint.probes.families.request_forgery import host_of
from bluecode_lint.probes.families.sql_injection import structure_of
from bluecode_lint.probes.prober import known_families, probed_cwes


@given(st.text(alphabet=st.characters(blacklist_characters="'\\\x00"), min_size=1, max_size=30))
def test_a_quoted_value_never_changes_the_structure(value):
    for backslash in (False, True):
        calm = structure_of("SELECT * FROM t WHERE a = 'x' AND b = 1", backslash=backslash)
        assert structure_of(f"SELECT * FROM t WHERE a = '{value}' AND b = 1", backslash=backslash) == calm


@given(st.text(max_size=30))
def test_doubled_quotes_hold_in_standard_sql(value):
    escaped = value.replace("'", "''")
    assert structure_of(f"SELECT '{escaped}'", backslash=False) == structure_of("SELECT 'x'", backslash=False)


@pytest.mark.parametrize("value", ["x' OR 'a'='a", "x'", "x'; DROP TABLE t --", "' UNION SELECT 1 --"])
def test_a_quote_that_ends_the_text_changes_it(value):
    calm = structure_of("SELECT * FROM t WHERE a = 'x'", backslash=False)
    assert structure_of(f"SELECT * FROM t WHERE a = '{value}'", backslash=False) != calm


def test_a_backslash_escapes_in_one_dialect_only():
    text = "SELECT 'x\\' OR 1=1 -- '"
    assert structure_of(text, backslash=True) == structure_of("SELECT 'x'", backslash=True)
    assert structure_of(text, backslash=False) != structure_of("SELECT 'x'", backslash=False)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://evil.example/", "evil.example"),
        ("//evil.example/", "evil.example"),
        ("/\\evil.example/", "evil.example"),
        ("\\\\evil.example", "evil.example"),
        ("https:evil.example", "evil.example"),
        ("https:///evil.example/", "evil.example"),
        ("https://shop.example@evil.example/", "evil.example"),
        ("/\t/evil.example", "evil.example"),
        ("/home", ""),
        ("home?to=//evil.example", ""),
        ("mailto:a@evil.example", ""),
        ("https://[broken", ""),
    ],
)
def test_addresses_are_read_as_a_browser_reads_them(address, host):
    assert browser_host(address) == host


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://a.example/x", "a.example"),
        ("http://a.example@b.example/", "b.example"),
        ("a.example/health", "a.example"),
        ("https://api.example/b.example", "api.example"),
        ("http://[broken", ""),
    ],
)
def test_the_host_a_client_would_ask(address, host):
    assert host_of(address) == host


def test_filters_are_compared_by_their_skeleton():
    calm = directory_injection.structure_of("(uid=x)")
    assert directory_injection.structure_of("(uid=x\\2a y)") == calm
    assert directory_injection.structure_of("(uid=x*)") != calm
    assert directory_injection.structure_of("(uid=x)(cn=*)") != calm


def test_queries_are_compared_by_their_tokens():
    calm = xpath_injection.structure_of("//a[@n='x']")
    assert xpath_injection.structure_of("//a[@n='longer value']") == calm
    assert xpath_injection.structure_of("//a[@n='x' or 'a'='a']") != calm


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        ("<p><script>q()</script></p>", True),
        ("<p>&lt;script&gt;q()&lt;/script&gt;</p>", False),
        ("<p>q()</p>", False),
    ],
)
def test_a_script_is_alive_only_as_a_tag(text, alive):
    assert cross_site_scripting._alive(text, "q", Payload("script", "")) is alive


def test_an_attribute_is_alive_only_inside_a_tag():
    quote = Payload("double-quote", "")
    assert cross_site_scripting._alive('<input value="" onmouseover="q()" x="">', "q", quote)
    assert not cross_site_scripting._alive('<p>" onmouseover="q()" x="</p>', "q", quote)
    assert not cross_site_scripting._alive('<input value="&quot; onmouseover=&quot;q()&quot;">', "q", quote)


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("/srv/files/canary", "/srv/files"),
        ("uploads/canary.txt", "uploads"),
        ("canary", ""),
        ("/canary", ""),
        ("/srv/files/log-canary", ""),
    ],
)
def test_the_base_is_the_folder_before_the_value(path, base):
    assert _base(path, "canary") == base


@pytest.mark.parametrize(
    ("path", "base", "outside"),
    [
        ("/srv/files/../../etc/passwd", "/srv/files", True),
        ("/srv/files-old/x", "/srv/files", True),
        ("/srv/files/a/../b", "/srv/files", False),
        ("....//x", ".", False),
        ("../x", ".", True),
        ("/etc/passwd", "uploads", True),
    ],
)
def test_a_path_outside_the_base_is_told_from_one_inside(path, base, outside):
    assert _outside(path, base) is outside


def test_every_family_says_what_it_needs():
    for module, family in known_families().items():
        assert family.name, module
        assert family.cwes, module
        assert family.payloads, module
        names = [payload.name for payload in family.payloads]
        assert len(names) == len(set(names)), module


def test_no_weakness_has_two_families():
    claimed = [cwe for family in known_families().values() for cwe in family.cwes]
    assert len(claimed) == len(set(claimed))
    assert set(claimed) == probed_cwes()


def test_payloads_carry_the_canary_and_nothing_of_the_machine():
    for family in known_families().values():
        for payload in family.payloads:
            assert "/tmp" not in payload.shown
            assert "/root" not in payload.shown
