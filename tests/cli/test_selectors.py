import pytest

from bluecode_lint.cli.selectors import RuleSelection, resolve, resolve_all
from bluecode_lint.cli.settings import OPTIONS, Settings
from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Confidence, Finding, Level, Location, Region, Rule, RuleKind

RULES = {
    f"bluecode/{slug}": Rule(f"bluecode/{slug}", slug, cwe, RuleKind.FLOW, Level.WARNING, 5.0, "high", "m", "h")
    for slug, cwe in {"sql-injection": 89, "weak-hash": 328, "weak-cipher": 327}.items()
}


def finding(slug, uri="src/a.py"):
    return Finding(f"bluecode/{slug}", 1, Location(uri, Region(1, 1, 1, 2)), "m", Confidence.HIGH)


def selection(per_file=None, **values):
    defaults = {option.name: option.default for option in OPTIONS}
    return RuleSelection(
        Settings(defaults | {k.replace("_", "-"): v for k, v in values.items()}, per_file or {}), RULES
    )


@pytest.mark.parametrize(
    ("selector", "slugs"),
    [
        ("sql-injection", {"sql-injection"}),
        ("bluecode/sql-injection", {"sql-injection"}),
        ("weak-*", {"weak-hash", "weak-cipher"}),
        ("CWE-89", {"sql-injection"}),
        ("cwe-089", {"sql-injection"}),
        ("ALL", {"sql-injection", "weak-hash", "weak-cipher"}),
    ],
)
def test_what_a_selector_means(selector, slugs):
    assert resolve(selector, RULES) == {f"bluecode/{slug}" for slug in slugs}


@pytest.mark.parametrize("selector", ["sql-injectoin", "CWE-1", "nothing-*"])
def test_a_selector_that_means_nothing_is_an_error(selector):
    with pytest.raises(UsageError, match="no rule is called"):
        resolve(selector, RULES)


def test_a_typo_gets_a_suggestion():
    with pytest.raises(UsageError, match="did you mean 'sql-injection'"):
        resolve_all(["sql-injectoin"], RULES)


def test_everything_is_wanted_by_default():
    assert selection()(finding("weak-hash"))


def test_select_extend_select_and_ignore():
    chosen = selection(select=("sql-injection",), extend_select=("weak-*",), ignore=("weak-hash",))
    assert [chosen(finding(slug)) for slug in ("sql-injection", "weak-cipher", "weak-hash")] == [True, True, False]


def test_per_file_ignores_use_gitignore_patterns():
    chosen = selection({"tests/**": ("weak-*",)})
    assert not chosen(finding("weak-hash", "tests/deep/a.py"))
    assert chosen(finding("sql-injection", "tests/deep/a.py"))
    assert chosen(finding("weak-hash", "src/a.py"))
