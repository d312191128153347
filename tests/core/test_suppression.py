"""Which comments accept what, and what is said about those that do not."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import Artifact, Confidence, Finding, Level, Location, Region
from bluecode_lint.core.suppression import Dialect, apply_suppressions, matches, read_directives
from bluecode_lint.sources.syntax import parse_python

COMMAND = "bluecode/os-command-injection"
CODE = "bluecode/code-injection"
KNOWN = {COMMAND, CODE}


def python(text: str, uri: str = "app.py") -> Artifact:
    return Artifact(
        uri, "python", text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), parse_python(text)
    )


def suspect(line: int = 1, *aliases: str, end_line: int = 0, rule_id: str = COMMAND, uri: str = "app.py") -> Finding:
    region = Region(line, 1, end_line or line, 9)
    return Finding(rule_id, 78, Location(uri, region), "A command is built.", Confidence.HIGH, tuple(sorted(aliases)))


def ids_of(text: str, *findings: Finding) -> tuple[set[Finding], list[str]]:
    accepted, notifications = apply_suppressions(findings, [python(text)], KNOWN)
    return set(accepted), [notification.id for notification in notifications]


# --- ours ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "comment",
    [
        "# bluecode: ignore[os-command-injection] -- the name is a constant",
        "# bluecode: ignore[bluecode/os-command-injection] -- the name is a constant",
        "#bluecode:ignore[ os-command-injection ]--the name is a constant",
        "# BlueCode: Ignore[OS-command-injection] -- the name is a constant",
        "# type: ignore # bluecode: ignore[os-command-injection] -- the name is a constant",
    ],
)
def test_ours_accepts_with_its_reason(comment):
    finding = suspect()
    accepted, notifications = apply_suppressions([finding], [python(f"os.system(name)  {comment}\n")], KNOWN)
    assert accepted[finding].kind == "inSource"
    assert accepted[finding].justification == "the name is a constant"
    assert notifications == ()


@pytest.mark.parametrize(
    ("comment", "notification"),
    [
        ("# bluecode: ignore", "suppression-without-ids"),
        ("# bluecode: ignore[] -- reason", "suppression-without-ids"),
        ("# bluecode: ignore -- reason", "suppression-without-ids"),
        ("# bluecode: ignore[os-command-injection]", "suppression-without-reason"),
        ("# bluecode: ignore[os-command-injection] --   ", "suppression-without-reason"),
        ("# bluecode: ignore[os-command-injection] the name is a constant", "suppression-malformed"),
        ("# bluecode: ignore[os-command-injection -- reason", "suppression-malformed"),
        ("# bluecode: allow[os-command-injection] -- reason", "suppression-malformed"),
        ("# bluecode: ignore[os-comand-injection] -- reason", "suppression-unknown-rule"),
        ("# bluecode: ignore[code-injection] -- reason", "suppression-unused"),
    ],
)
def test_a_faulty_one_accepts_nothing_and_is_reported(comment, notification):
    assert ids_of(f"os.system(name)  {comment}\n", suspect()) == (set(), [notification])


def test_an_unknown_rule_gets_a_suggestion():
    _, (notification,) = apply_suppressions(
        [], [python("x = 1  # bluecode: ignore[os-comand-injection] -- reason")], KNOWN
    )
    assert notification.level is Level.WARNING
    assert notification.uri == "app.py"
    assert notification.message.startswith("Line 1: ")
    assert f"did you mean `{COMMAND}`?" in notification.message


def test_each_id_stands_for_itself():
    text = "f(eval(x))  # bluecode: ignore[os-command-injection, code-injection, no-such] -- reviewed\n"
    both = {suspect(), suspect(rule_id=CODE)}
    assert ids_of(text, *both) == (both, ["suppression-unknown-rule"])
    assert ids_of(text, suspect()) == ({suspect()}, ["suppression-unused", "suppression-unknown-rule"])


def test_a_reason_ends_where_another_tool_is_addressed():
    finding = suspect()
    text = "os.system(n)  # bluecode: ignore[os-command-injection] -- see issue #12  # nosec B605\n"
    (ours, theirs) = read_directives(python(text))
    assert ours.reason == "see issue #12"
    assert theirs.ids == ("bandit:b605",)
    accepted, _ = apply_suppressions([finding], [python(text)], KNOWN)
    assert accepted[finding].justification == "see issue #12"


# --- where -----------------------------------------------------------------------------------------------------------

REASONED = "# bluecode: ignore[os-command-injection] -- reviewed"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (f"{REASONED}\nos.system(n)\n", suspect(2)),
        (f"{REASONED}\n# and another remark\nos.system(n)\n", suspect(3)),
        (f"run(\n    n,  {REASONED}\n)\n", suspect(1, end_line=3)),
        (f"run(\n    n,\n)  {REASONED}\n", suspect(1, end_line=3)),
        (f"run(\n    {REASONED}\n    n,\n)\n", suspect(1, end_line=4)),
        (f"é = '日本'; os.system(n)  {REASONED}\r\n", suspect(1)),
        (f"s = '\ud800'; os.system(n)  {REASONED}\n", suspect(1)),
    ],
)
def test_on_a_line_of_the_finding_or_alone_above_it(text, finding):
    assert ids_of(text, finding) == ({finding}, [])


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (f"x = 1  {REASONED}\nos.system(n)\n", suspect(2)),
        (f"{REASONED}\n\nos.system(n)\n", suspect(3)),
        (f"os.system(n)\n{REASONED}\n", suspect(1)),
        (f"os.system(n)  {REASONED}\n", suspect(1, uri="other.py")),
    ],
)
def test_nowhere_else(text, finding):
    assert ids_of(text, finding) == (set(), ["suppression-unused"])


def test_a_region_that_ends_before_a_line_does_not_touch_it():
    finding = replace(suspect(), location=Location("app.py", Region(1, 1, 2, 1)))
    assert ids_of(f"os.system(n)\nx = 1  {REASONED}\n", finding) == (set(), ["suppression-unused"])


@pytest.mark.parametrize(
    "text",
    [
        "os.system('# nosec')\n",
        'os.system("""\n# nosec\n""")\n',
        "os.system(f'{n} # nosec')\n",
        "os.system(f'{n:# nosec}')\n",
        f"os.system('{REASONED}')\n",
        "def broken(:\n    os.system('# nosec')\n",
    ],
)
def test_a_string_is_no_comment(text):
    finding = suspect(1, end_line=3)
    assert ids_of(text, finding) == (set(), [])


@pytest.mark.parametrize(
    "text",
    [
        "os.system(n  # nosec\n",
        "def broken(:\n    os.system(n)  # nosec\n",
        "`` # nosec",
        "\x00 # nosec",
        "if x:\n\\\n# nosec\n",
        "f'''{n # nosec\n",
    ],
)
def test_comments_are_found_in_files_that_do_not_parse(text):
    finding = suspect(1, end_line=3)
    assert ids_of(text, finding) == ({finding}, [])


@given(st.text(max_size=40), st.text(max_size=20))
def test_any_text_is_read(before, after):
    for directive in read_directives(python(f"{before} # nosec\n{after}")):
        assert directive.line >= 1


def test_ten_thousand_nested_parentheses_are_read():
    assert read_directives(python("(" * 10_000 + "1" + ")" * 10_000 + "  # nosec\n"))[0].line == 1


def test_only_python_is_read():
    assert read_directives(replace(python("# nosec"), language="markdown")) == ()


# --- other tools' ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "aliases", "justification"),
    [
        ("# nosec", (), "# nosec"),
        ("#nosec", (), "#nosec"),
        ("# nosec - fixed list", (), "fixed list"),
        ("# nosec B602", ("bandit:B602",), "# nosec B602"),
        ("# nosec: B602, B605 checked above", ("bandit:B605",), "checked above"),
        ("# noqa: S602", ("bandit:B602",), "# noqa: S602"),
        ("# noqa: E501,S602 -- literal", ("bandit:B602",), "literal"),
        ("# noqa:S602", ("ruff:S602",), "# noqa:S602"),
        ("# nosemgrep", (), "# nosemgrep"),
        ("# nosemgrep: os-command-injection", (), "# nosemgrep: os-command-injection"),
        ("# nosemgrep: python.lang.shell-true", ("semgrep:shell-true",), "# nosemgrep: python.lang.shell-true"),
        ("# nosemgrep: shell-true", ("semgrep:rules.shell-true",), "# nosemgrep: shell-true"),
        ("# nosem: other, shell-true", ("semgrep:shell-true",), "# nosem: other, shell-true"),
    ],
)
def test_other_tools_comments_accept(comment, aliases, justification):
    finding = suspect(1, *aliases)
    accepted, notifications = apply_suppressions([finding], [python(f"os.system(n)  {comment}\n")], KNOWN)
    assert accepted[finding].justification == justification
    assert notifications == ()


@pytest.mark.parametrize(
    ("comment", "aliases"),
    [
        ("# nosec B603", ("bandit:B602",)),
        ("# nosec assert_used", ("bandit:B602",)),
        ("# noqa: S603", ("bandit:B602",)),
        ("# nosemgrep: other", ("semgrep:shell-true",)),
    ],
)
def test_other_tests_of_other_tools_do_not(comment, aliases):
    assert ids_of(f"os.system(n)  {comment}\n", suspect(1, *aliases)) == (set(), ["suppression-unused"])


@pytest.mark.parametrize("comment", ["# noqa", "# noqa: E501", "# noqa: PLS602", "# nosecurity", "# we say nosec here"])
def test_what_is_not_about_security_is_not_ours_to_read(comment):
    assert ids_of(f"os.system(n)  {comment}\n", suspect(1, "bandit:B602")) == (set(), [])


@pytest.mark.parametrize(("comment", "reaches"), [("# nosec", False), ("# noqa: S602", False), ("# nosemgrep", True)])
def test_each_reaches_as_far_as_in_its_own_tool(comment, reaches):
    finding = suspect(2, "bandit:B602")
    accepted, _ = ids_of(f"{comment}\nos.system(n)\n", finding)
    assert (finding in accepted) is reaches


def test_unused_ones_of_other_tools_are_named_once_a_file():
    text = "x = 1  # nosec\n" * 12 + "y = 1  # nosemgrep\n"
    _, notifications = apply_suppressions([], [python(text)], KNOWN)
    assert [(n.level, n.message) for n in notifications] == [
        (
            Level.NOTE,
            "`# nosec` on lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more matched nothing that this scan found.",
        ),
        (Level.NOTE, "`# nosemgrep` on line 13 matched nothing that this scan found."),
    ]


def test_a_directive_can_be_asked_alone():
    (directive,) = read_directives(python("os.system(n)  # nosec B602\n"))
    assert directive.dialect is Dialect.NOSEC
    assert matches(directive, suspect(1, "bandit:B602"))
    assert not matches(directive, suspect(2, "bandit:B602"))
