"""Fixes are held to their promise: scanned again, attacked again, refused with a reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from bluecode_lint.core.model import (
    UNJUDGED,
    Applicability,
    Artifact,
    Attempt,
    Confidence,
    Confirmation,
    Edit,
    Evidence,
    Finding,
    Fix,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    Rule,
    RuleKind,
)
from bluecode_lint.fixes import RuleFixer
from bluecode_lint.mending import MendOptions, mend
from bluecode_lint.pipeline import Policy, Tools, scan
from bluecode_lint.probes import AttackProber
from bluecode_lint.sandbox import open_sandbox
from bluecode_lint.sources.syntax import parse_python

RULES = {
    rule.id: rule
    for rule in (
        Rule("bluecode/bad", "Bad", 78, RuleKind.MISUSE, Level.WARNING, 9.0, "high", "Bad.", "Help."),
        Rule("bluecode/worse", "Worse", 79, RuleKind.MISUSE, Level.WARNING, 9.0, "high", "Worse.", "Help."),
        Rule("bluecode/unsafe-deserialization", "U", 502, RuleKind.MISUSE, Level.WARNING, 9.0, "high", "U.", "Help."),
    )
}
WORDS = {"bad()": "bluecode/bad", "worse()": "bluecode/worse", "yaml.load(": "bluecode/unsafe-deserialization"}


class WordAnalyzer:
    """Finds words; a text with "crash" in it is trouble."""

    name = "words"

    def analyze(self, artifacts):
        for artifact in artifacts:
            if "crash" in artifact.text:
                yield Notification(Level.ERROR, "analyzer-crashed", "boom", artifact.uri)
            for row, line in enumerate(artifact.text.split("\n"), start=1):
                for word, rule_id in WORDS.items():
                    column = line.find(word) + 1
                    if column:
                        end = line.index(")", column) + 2
                        place = Location(artifact.uri, Region(row, column, row, end))
                        snippet = line[column - 1 : end - 1]
                        yield Finding(rule_id, RULES[rule_id].cwe, place, "m", Confidence.HIGH, snippet=snippet)


@dataclass
class LineFixer:
    """Replaces what was found by a text, as a bad fixer might."""

    text: str
    applicability: Applicability = Applicability.SAFE

    def propose(self, finding, _artifact):
        return Fix("Do better", self.applicability, (Edit(finding.location.region, self.text),))


class ScriptedProber:
    """Confirms what contains "bad()"; of the rest it says what it was told to."""

    probed_cwes = frozenset({78})

    def __init__(self, later):
        self.later, self.asked = later, []

    def confirm(self, finding, artifact):
        self.asked.append((finding.location.region.start_line, finding.snippet))
        if "bad()" in artifact.text.split("\n")[finding.location.region.start_line - 1]:
            return Confirmation(
                Outcome.CONFIRMED, "p", evidence=Evidence("e", "p", "it ran"), journal=(Attempt("e", reached=True),)
            )
        return self.later


INERT = Confirmation(Outcome.NEUTRALIZED, "p", runs=3, journal=(Attempt("e", reached=True),))
NOT_REACHED = Confirmation(Outcome.INCONCLUSIVE, "p", "not reached", journal=(Attempt("e"),))
CRASHING = replace(INERT, journal=(Attempt("e", reached=True, ended="TypeError"),))
STILL = Confirmation(Outcome.CONFIRMED, "p", evidence=Evidence("e", "p", "it still ran"))


class Nothing:
    name = "nothing"

    def retrieve(self, _case, **_options):
        return ()

    def judge(self, _case, _retrieved):
        return UNJUDGED


@pytest.fixture
def tools():
    with ThreadPoolExecutor(2) as executor:
        yield Tools((WordAnalyzer(),), RULES, Nothing(), Nothing(), executor, fixer=LineFixer("good()"))


def artifact_of(text, uri="a.py"):
    return Artifact(uri, "python", text, "0" * 64, parse_python(text))


def mended(text, tools, policy=None, *, with_unsafe=False, accept=lambda run: run):
    artifacts = [artifact_of(text), artifact_of("fine = 1\n", "b.py")]
    policy = policy or Policy()
    run = accept(scan(artifacts, tools, policy))
    return mend(artifacts, run, tools, policy, MendOptions(parse_python, with_unsafe, accept))


def reasons(outcome):
    return [words for _, words in outcome.refused]


def test_fixes_that_hold_are_applied_and_what_remains_is_reported(tools):
    outcome = mended("x = 1\nbad()\nbad()\n", tools)
    assert outcome.artifacts[0].text == "x = 1\ngood()\ngood()\n"
    assert (outcome.run.results, reasons(outcome)) == ((), [])
    assert outcome.run.statistics["fixed"] == len(outcome.fixed) == 2
    assert [n.id for n in outcome.run.notifications] == ["fixed", "fixed"]


def test_unsafe_fixes_wait_for_leave(tools):
    tools = replace(tools, fixer=LineFixer("good()", Applicability.UNSAFE))
    assert mended("bad()\n", tools).artifacts[0].text == "bad()\n"
    assert mended("bad()\n", tools, with_unsafe=True).artifacts[0].text == "good()\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bad()", "still there"),
        ("worse()", "another result: worse"),
        ("good(", "not be Python"),
        ("crash()", "could not be scanned: boom"),
    ],
)
def test_a_sham_fix_is_refused_with_its_reason(text, reason, tools):
    outcome = mended("bad()\n", replace(tools, fixer=LineFixer(text)))
    assert outcome.artifacts[0].text == "bad()\n"
    assert len(outcome.refused) == 1
    assert reason in reasons(outcome)[0]
    assert [r.fix for r in outcome.run.results] == [None]
    assert [n.id for n in outcome.run.notifications] == ["fix-refused"]


def test_one_refused_fix_does_not_lose_the_others(tools):
    class Mixed:
        def propose(self, finding, _artifact):
            text = "worse()" if finding.location.region.start_line == 1 else "good()"
            return Fix("Do better", Applicability.SAFE, (Edit(finding.location.region, text),))

    outcome = mended("bad()\nbad()\n", replace(tools, fixer=Mixed()))
    assert outcome.artifacts[0].text == "bad()\ngood()\n"
    assert (len(outcome.fixed), len(outcome.refused)) == (1, 1)


def test_fixes_in_each_others_way_take_rounds_and_end(tools):
    class Importing:
        def propose(self, finding, artifact):
            top = Region(1, 1, 1, 1)
            name = f"import m{finding.location.region.start_line}_{artifact.text.count('import')}\n"
            return Fix("Do better", Applicability.SAFE, (Edit(top, name), Edit(finding.location.region, "good()")))

    outcome = mended("bad()\nbad()\nbad()\n", replace(tools, fixer=Importing()))
    assert outcome.artifacts[0].text.count("good()") == outcome.artifacts[0].text.count("import") == 3
    endless = mended("bad()\n", replace(tools, fixer=LineFixer("bad();bad()")))
    assert endless.artifacts[0].text == "bad()\n"


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        (STILL, "still works: it still ran"),
        (NOT_REACHED, "harmless data does not come through"),
        (CRASHING, "harmless data does not come through"),
        (Confirmation(Outcome.NOT_RUN, reason="no sandbox"), "could not be attacked again: no sandbox"),
    ],
)
def test_a_proven_defect_must_withstand_the_attack_and_keep_working(later, reason, tools):
    prober = ScriptedProber(later)
    outcome = mended("x = 1\nbad()\n", replace(tools, prober=prober))
    assert outcome.artifacts[0].text == "x = 1\nbad()\n"
    assert reason in reasons(outcome)[0]
    assert (2, "good()") in prober.asked


def test_a_proven_defect_that_withstands_is_fixed(tools):
    outcome = mended("bad()\n", replace(tools, prober=ScriptedProber(INERT)))
    assert outcome.artifacts[0].text == "good()\n"
    assert "attacked again (3 runs)" in outcome.fixed[0][1]


def test_suppressed_and_accepted_results_are_left_alone(tools):
    text = "bad()  # bluecode: ignore[bad] -- for the test\n"
    tools = replace(tools, rules={**RULES})
    assert mended(text, tools).artifacts[0].text == text
    none = mended("bad()\n", tools, accept=lambda run: replace(run, results=()))
    assert none.artifacts[0].text == "bad()\n"


def test_only_what_is_asked_about_is_fixed_even_when_lines_have_moved(tools):
    policy = Policy(in_scope=lambda finding: finding.location.region.start_line == 2)
    tools = replace(tools, fixer=LineFixer("good()\ngood()"))
    outcome = mended("bad()\nbad()\nbad()\n", tools, policy)
    assert outcome.artifacts[0].text == "bad()\ngood()\ngood()\nbad()\n"
    assert outcome.run.results == ()


def test_an_interrupted_trial_changes_nothing(tools):
    outcome = mended("bad()\n", replace(tools, stops=lambda: True))
    assert outcome.artifacts[0].text == "bad()\n"
    assert outcome.fixed == ()


# --- with the real prober --------------------------------------------------------------------------------------------

LOADS = "import yaml\n\n\ndef read(text: str):\n    return yaml.load(text, Loader=yaml.Loader)\n"


@pytest.fixture(scope="module")
def prober():
    sandbox = open_sandbox()
    if sandbox is None:
        pytest.skip("no sandbox holds on this machine")
    from bluecode_lint.probes import ProbeOptions

    yield AttackProber(sandbox, None, parse_python, ProbeOptions(journal=True))
    getattr(sandbox, "close", lambda: None)()


def test_a_real_attack_is_stopped_by_a_real_fix(prober, tools):
    outcome = mended(LOADS, replace(tools, prober=prober, fixer=RuleFixer()))
    assert outcome.artifacts[0].text == LOADS.replace("load(text, Loader=yaml.Loader)", "safe_load(text)")
    assert "attacked again" in outcome.fixed[0][1]


@pytest.mark.parametrize(
    ("sham", "reason"),
    [
        ("getattr(yaml, 'load')(text, yaml.Loader)", "the attack still works"),
        ("yaml.safe_load(3 + text)", "harmless data does not come through"),
    ],
)
def test_a_fix_that_hides_or_breaks_is_found_out_by_the_attack(sham, reason, prober, tools):
    outcome = mended(LOADS, replace(tools, prober=prober, fixer=LineFixer(sham)))
    assert outcome.artifacts[0].text == LOADS
    assert reason in reasons(outcome)[0]
