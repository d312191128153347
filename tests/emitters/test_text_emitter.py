"""The report for people: what stands where, and that nothing runs over the edge."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from bluecode_lint.core.model import (
    Confidence,
    Confirmation,
    Judgment,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    Verdict,
)
from bluecode_lint.emitters.text import TextEmitter


def render(run, **options):
    return TextEmitter(**options).emit(run)


def test_the_defect_is_underlined_where_it_is(run):
    lines = render(run).split("\n")
    code = next(number for number, line in enumerate(lines) if "os.system" in line)
    carets = lines[code + 1]
    start = cell_len(lines[code][: lines[code].index("os.system")])
    assert carets.index("^") == start
    assert carets.count("^") == len('os.system("ping -c 1 " + host)')
    assert carets.endswith("3 It reaches the shell")


def test_steps_in_other_files_have_their_own_excerpt(run):
    report = render(run)
    assert "--> shop/store.py:6:12  CWE-89" in report
    assert "::: shop/app.py:22:17" in report


def test_the_proof_is_three_lines_and_a_command(run):
    proof = re.search(r"= proof .*?(?=\n  = )", render(run), re.DOTALL).group()
    assert [line.split()[0] for line in proof.strip().split("\n")[1:]] == ["entry", "payload", "effect", "again"]
    assert "\\x1b[31m" in proof


def test_cited_constitutions_are_quoted(run):
    assert "cwe-78-01 (0.83): Text from a request never becomes part of a shell's command line." in render(run)


def test_advice_is_given_once_a_rule(run):
    twice = replace(run, results=(run.results[0], run.results[0]))
    report = render(twice)
    assert report.count("Pass a list, so that no shell is involved:") == 1
    assert "as above, or: bluecode-lint explain os-command-injection" in report


def test_long_advice_is_cut_and_says_where_the_rest_is(run):
    rule = replace(run.results[0].rule, help="\n\n".join(f"Step {n}." for n in range(40)))
    report = render(replace(run, results=(replace(run.results[0], rule=rule),)))
    assert "Step 15." in report
    assert "Step 16." not in report
    assert "… the rest: bluecode-lint explain os-command-injection" in report


def test_passed_and_suppressed_results_are_counted_and_shown_on_request(run):
    assert "only called with constants" not in render(run)
    assert "suppressed (inSource: only called with constants)" in render(run, verbose=True)
    assert "passed (judged safe, and every attack was inert)" in render(run, verbose=True)


def test_the_summary_counts(run):
    *_, header, error, warning, note, blank, total, fixable, end = render(run).split("\n")
    assert header.split() == ["results", "proven", "suppressed"]
    assert error.split() == ["error", "1", "1", "0"]
    assert warning.split() == ["warning", "1", "0", "1"]
    assert note.split() == ["note", "1", "0", "0"]
    assert (blank, end) == ("", "")
    assert total == "3 results in 12 files (3,456 lines); 7 candidates, 1 passed."
    assert fixable == "[*] 1 fixable with --fix, 1 more with --unsafe-fixes"


def test_a_clean_run_says_what_was_looked_at(samples):
    assert render(samples.make_clean_run()) == "No results in 12 files (3,456 lines).\n"


def test_a_run_with_trouble_does_not_look_clean(samples):
    report = render(samples.make_untrusted_run())
    assert report.startswith("error(analyzer-crashed): semgrep crashed: exit code 2.\n")
    assert "not to be trusted" in report


def test_many_remarks_of_a_kind_are_counted(run):
    remarks = tuple(Notification(Level.NOTE, "file-skipped", "It was skipped", f"{n}.py") for n in range(9))
    report = render(replace(run, notifications=remarks))
    assert report.count("It was skipped") == 5
    assert "and 4 more of file-skipped; -v shows them" in report
    assert render(replace(run, notifications=remarks), verbose=True).count("It was skipped") == 9


def test_errors_are_never_counted_away(run):
    trouble = tuple(Notification(Level.ERROR, "crashed", "It crashed", f"{n}.py") for n in range(9))
    assert render(replace(run, notifications=trouble)).count("It crashed") == 9


def test_a_long_flow_keeps_both_ends(run):
    result = run.results[0]
    steps = tuple(Location("shop/app.py", Region(n, 1, n, 2), "step") for n in range(1, 20))
    report = render(replace(run, results=(replace(result, finding=replace(result.finding, code_flow=steps)),)))
    numbers = re.findall(r"(\d+) step", report)
    assert sorted(numbers, key=int) == ["1", "2", "3", "4", "16", "17", "18", "19"]


@pytest.mark.parametrize("width", [40, 60, 100, 160])
def test_source_and_prose_keep_the_width(run, width):
    for line in render(run, width=width).split("\n"):
        if not re.match(r"\s+(-->|:::)|\s+= fix|\s{13}", line):
            assert cell_len(line) <= width, line


def test_color_changes_nothing_but_color(run):
    plain = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", render(run, color=True)).split("\n"))
    assert plain == render(run)
    assert "\x1b" not in render(run)


def test_markup_in_scanned_text_is_text(run):
    finding = replace(run.results[0].finding, message="[bold]loud[/bold] :bomb:")
    assert "[bold]loud[/bold] :bomb:" in render(replace(run, results=(replace(run.results[0], finding=finding),)))


def rerender(run, **changes):
    return render(replace(run, results=(replace(run.results[0], **changes),)))


def test_attacks_that_failed_are_told(run):
    inert = Confirmation(Outcome.NEUTRALIZED, sandbox="landlock", runs=1)
    assert "= attacked every attack was inert (1 run)" in rerender(run, confirmation=inert)
    assert "= attacked without a conclusion\n" in rerender(run, confirmation=Confirmation(Outcome.INCONCLUSIVE))


def test_a_proof_without_a_transcript_is_still_a_proof(run):
    report = rerender(run, confirmation=Confirmation(Outcome.CONFIRMED, runs=3))
    assert "= proof    by execution, 3 runs\n" in report
    assert "replay" not in report


def test_a_cited_constitution_that_was_not_retrieved_is_named(run):
    verdict = Verdict(Judgment.SAFE, Confidence.LOW, "", cited=("cwe-78-99",))
    report = rerender(run, verdict=verdict)
    assert "= judged   safe\n" in report
    assert "= by       cwe-78-99\n" in report


def test_lines_left_out_are_shown_as_a_gap(run):
    far = Location("shop/app.py", Region(4, 1, 4, 10), "Imported here")
    report = rerender(run, finding=replace(run.results[0].finding, related=(far,)))
    assert re.search(r"^..$", report, re.MULTILINE)
    assert "--------- Imported here" in report
