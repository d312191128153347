"""The verb and its stages; `decide` is tested as the table it is."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluecode_lint.core.model import (
    NOT_RUN,
    UNJUDGED,
    Artifact,
    Clearance,
    Confidence,
    Confirmation,
    Finding,
    Judgment,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    ResultKind,
    Rule,
    RuleKind,
    Verdict,
)
from bluecode_lint.pipeline import Policy, Tools, decide, merge, scan
from bluecode_lint.sources.syntax import parse_python


def make_rule(slug="os-command-injection", kind=RuleKind.FLOW, level=Level.WARNING, cwe=78):
    return Rule(f"bluecode/{slug}", slug, cwe, kind, level, 9.8, "high", "Bad.", "Help.")


def make_finding(line=1, rule="bluecode/os-command-injection", confidence=Confidence.HIGH, uri="a.py", **more):
    region = more.pop("region", Region(line, 1, line, 10))
    return Finding(
        rule, 78, Location(uri, region), "m", confidence, snippet=more.pop("snippet", "os.system(x)"), **more
    )


def make_artifact(uri="a.py", text="os.system(x)\n" * 20):
    return Artifact(uri, "python", text, "0" * 64, parse_python(text))


def judged(judgment):
    return Verdict(judgment, Confidence.HIGH, "because")


# --- decide ----------------------------------------------------------------------------------------------------------

EVERY_CASE = list(itertools.product(RuleKind, Level, Confidence, Outcome, Judgment))


@pytest.mark.parametrize("kind", RuleKind)
def test_confirmed_is_an_error_whatever_else_was_said(kind):
    rule = make_rule(kind=kind, level=Level.NOTE)
    for confidence, judgment in itertools.product(Confidence, Judgment):
        decision = decide(rule, confidence, Outcome.CONFIRMED, judged(judgment))
        assert (decision.kind, decision.level) == (ResultKind.FAIL, Level.ERROR)


@pytest.mark.parametrize("level", [Level.NOTE, Level.WARNING, Level.ERROR])
def test_a_candidate_that_only_a_caller_can_use_stays_at_its_rules_level(level):
    rule = make_rule(level=level)
    for judgment in Judgment:
        decision = decide(rule, Confidence.LOW, Outcome.CONFIRMED, judged(judgment), by_caller=True)
        assert decision.level is min(level, Level.WARNING, key=lambda each: each.rank)
        surer = decide(rule, Confidence.MEDIUM, Outcome.CONFIRMED, judged(judgment), by_caller=True)
        assert surer.level is Level.ERROR


def test_only_execution_makes_an_error_of_a_guess():
    for _, level, confidence, outcome, judgment in EVERY_CASE:
        decision = decide(make_rule(level=level), confidence, outcome, judged(judgment))
        assert decision.level is not Level.ERROR or outcome is Outcome.CONFIRMED


def test_a_verdict_raises_nothing_to_error():
    for kind, level, confidence, outcome, judgment in EVERY_CASE:
        rule = make_rule(kind=kind, level=level)
        if decide(rule, confidence, outcome, judged(judgment)).level is Level.ERROR:
            assert decide(rule, confidence, outcome, UNJUDGED).level is Level.ERROR


def test_a_verdict_alone_hides_no_finding_that_was_more_than_a_candidate():
    for kind, level, confidence, outcome, judgment in EVERY_CASE:
        if confidence is Confidence.LOW or level is Level.NONE:
            continue
        decision = decide(make_rule(kind=kind, level=level), confidence, outcome, judged(judgment))
        if outcome is not Outcome.NEUTRALIZED:
            assert decision.kind is ResultKind.FAIL
            assert decision.level is not None
            assert decision.level is not Level.NONE


def test_policy_rules_are_never_talked_away():
    for level, confidence, outcome in itertools.product((Level.NOTE, Level.WARNING, Level.ERROR), Confidence, Outcome):
        rule = make_rule(kind=RuleKind.POLICY, level=level)
        assert decide(rule, confidence, outcome, judged(Judgment.SAFE)) == decide(rule, confidence, outcome, UNJUDGED)


def test_passes_have_level_none_as_sarif_wants():
    for kind, level, confidence, outcome, judgment in EVERY_CASE:
        decision = decide(make_rule(kind=kind, level=level), confidence, outcome, judged(judgment))
        if decision.kind is ResultKind.PASS:
            assert decision.level is Level.NONE


@pytest.mark.parametrize(
    ("confidence", "outcome", "judgment", "expected"),
    [
        (Confidence.HIGH, Outcome.NOT_RUN, Judgment.UNDECIDED, Level.WARNING),
        (Confidence.MEDIUM, Outcome.NOT_RUN, Judgment.UNDECIDED, Level.NOTE),
        (Confidence.MEDIUM, Outcome.INCONCLUSIVE, Judgment.UNSAFE, Level.WARNING),
        (Confidence.LOW, Outcome.NOT_RUN, Judgment.UNDECIDED, None),
        (Confidence.LOW, Outcome.INCONCLUSIVE, Judgment.UNSAFE, Level.NOTE),
        (Confidence.LOW, Outcome.NEUTRALIZED, Judgment.UNSAFE, None),
        (Confidence.HIGH, Outcome.NEUTRALIZED, Judgment.UNDECIDED, Level.NOTE),
        (Confidence.HIGH, Outcome.NOT_RUN, Judgment.SAFE, Level.NOTE),
        (Confidence.HIGH, Outcome.NEUTRALIZED, Judgment.SAFE, Level.NONE),
        (Confidence.HIGH, Outcome.INCONCLUSIVE, Judgment.UNDECIDED, Level.WARNING),
    ],
)
def test_the_table_for_a_flow_rule(confidence, outcome, judgment, expected):
    assert decide(make_rule(), confidence, outcome, judged(judgment)).level == expected


# --- merge -----------------------------------------------------------------------------------------------------------

regions = st.builds(
    lambda line, column, height, width: Region(line, column, line + height, column + width),
    st.integers(1, 6), st.integers(1, 6), st.integers(0, 2), st.integers(0, 6),
)  # fmt: skip
flows = st.sampled_from([(), (Location("a.py", Region(1, 1, 1, 2), "from here"),)])
findings = st.builds(
    lambda region, rule, confidence, alias, flow: make_finding(
        region=region, rule=f"bluecode/{rule}", confidence=confidence, aliases=(alias,), code_flow=flow
    ),
    regions, st.sampled_from("ab"), st.sampled_from(Confidence), st.sampled_from(["bandit:B602", "semgrep:x"]), flows,
)  # fmt: skip


@given(st.lists(findings, max_size=12), st.randoms(use_true_random=False))
def test_merging_does_not_depend_on_the_order(items, random):
    shuffled = items[:]
    random.shuffle(shuffled)
    assert merge(items) == merge(shuffled)


@given(st.lists(findings, max_size=12))
def test_merging_twice_changes_nothing_more(items):
    once = merge(items)
    assert merge(once) == once


@given(st.lists(findings, max_size=12))
def test_merging_loses_no_alias_and_no_confidence(items):
    merged = merge(items)
    for item in items:
        assert any(
            m.cwe == item.cwe and set(item.aliases) <= set(m.aliases) and m.confidence >= item.confidence
            for m in merged
        )


def test_two_tools_on_one_call_are_one_defect_with_both_names():
    seen_by_bandit = make_finding(aliases=("bandit:B602",), confidence=Confidence.LOW)
    seen_by_flow = make_finding(
        region=Region(1, 3, 1, 8), aliases=("flow",), code_flow=(Location("a.py", Region(1, 1, 1, 2), "in"),)
    )
    (one,) = merge([seen_by_bandit, seen_by_flow])
    assert one.aliases == ("bandit:B602", "flow")
    assert one.confidence is Confidence.HIGH
    assert one.location == seen_by_flow.location


def test_one_weakness_at_one_call_is_one_defect_told_by_the_surest():
    vague = make_finding(rule="bluecode/vague", confidence=Confidence.MEDIUM, aliases=("misuse:vague",))
    sure = make_finding(rule="bluecode/sure", confidence=Confidence.HIGH, aliases=("flow:sure",))
    (one,) = merge([vague, sure])
    assert (one.rule_id, one.aliases) == ("bluecode/sure", ("flow:sure", "misuse:vague"))


def test_neighbours_on_one_line_stay_two():
    assert len(merge([make_finding(region=Region(1, 1, 1, 5)), make_finding(region=Region(1, 5, 1, 9))])) == 2


# --- scan ------------------------------------------------------------------------------------------------------------


class FakeAnalyzer:
    name = "fake"

    def __init__(self, *items, crash=False):
        self.items, self.crash = items, crash

    def analyze(self, _artifacts):
        yield from self.items
        if self.crash:
            message = "boom"
            raise RuntimeError(message)


class FakeProber:
    probed_cwes = frozenset({78})

    def __init__(self, outcome=Outcome.CONFIRMED):
        self.outcome, self.asked = outcome, []

    def confirm(self, finding, _artifact):
        self.asked.append(finding)
        return Confirmation(self.outcome, "fake")


class FakeRetriever:
    def retrieve(self, _case, **_options):
        return ()


class FakeReasoner:
    name = "fake"

    def __init__(self, verdict=UNJUDGED):
        self.verdict = verdict

    def judge(self, _case, _retrieved):
        return self.verdict


@pytest.fixture
def tools():
    with ThreadPoolExecutor(2) as executor:
        rule = make_rule()
        yield Tools((), {rule.id: rule}, FakeRetriever(), FakeReasoner(), executor, tool_version="0")


def test_a_scan_without_anything_is_clean_and_trustworthy(tools):
    run = scan([], tools, Policy())
    assert (run.results, run.notifications, run.execution_successful) == ((), (), True)


def test_a_crashing_analyzer_is_named_and_loses_nothing_of_the_others(tools):
    tools = replace(tools, analyzers=(FakeAnalyzer(make_finding(2), crash=True), FakeAnalyzer(make_finding(4))))
    run = scan([make_artifact()], tools, Policy())
    assert [r.finding.location.region.start_line for r in run.results] == [2, 4]
    assert not run.execution_successful
    assert "fake crashed: RuntimeError: boom" in run.notifications[0].message


def test_a_finding_of_an_undescribed_rule_is_our_error(tools):
    tools = replace(tools, analyzers=(FakeAnalyzer(make_finding(rule="bluecode/nobody-knows")),))
    run = scan([make_artifact()], tools, Policy())
    assert run.results == ()
    assert [n.id for n in run.notifications] == ["unknown-rule"]


def test_a_candidate_is_reported_only_when_confirmed(tools):
    tools = replace(tools, analyzers=(FakeAnalyzer(make_finding(confidence=Confidence.LOW)),))
    assert scan([make_artifact()], tools, Policy()).results == ()
    proved = scan([make_artifact()], replace(tools, prober=FakeProber()), Policy())
    assert [r.level for r in proved.results] == [Level.ERROR]


@pytest.mark.parametrize(("confidence", "reported"), [(Confidence.LOW, 0), (Confidence.MEDIUM, 1)])
def test_a_clearance_ends_candidates_and_nothing_surer(confidence, reported, tools):
    finding = make_finding(2, confidence=confidence)
    clearance = Clearance(finding.rule_id, finding.location)
    elsewhere = Clearance(finding.rule_id, make_finding(3).location)
    tools = replace(tools, prober=FakeProber())
    cleared = scan([make_artifact()], replace(tools, analyzers=(FakeAnalyzer(finding, clearance),)), Policy())
    assert len(cleared.results) == reported
    kept = scan([make_artifact()], replace(tools, analyzers=(FakeAnalyzer(finding, elsewhere),)), Policy())
    assert len(kept.results) == 1


def test_the_budget_goes_to_the_surest_and_the_rest_is_said(tools):
    prober = FakeProber()
    weak, sure = make_finding(1, confidence=Confidence.MEDIUM), make_finding(9)
    tools = replace(tools, analyzers=(FakeAnalyzer(weak, sure),), prober=prober)
    run = scan([make_artifact()], tools, Policy(probe_budget=1))
    assert prober.asked == [sure]
    assert [n.id for n in run.notifications] == ["probe-budget-exhausted"]
    assert run.results[0].confirmation == replace(NOT_RUN, reason="beyond the probe budget")


def test_suppressed_findings_are_kept_counted_and_never_executed(tools):
    text = "os.system(x)  # bluecode: ignore[os-command-injection] -- x is a constant of the build\n"
    prober = FakeProber()
    tools = replace(tools, analyzers=(FakeAnalyzer(make_finding()),), prober=prober)
    run = scan([make_artifact(text=text)], tools, Policy())
    assert prober.asked == []
    assert [r.counts for r in run.results] == [False]
    assert run.statistics["suppressed"] == 1
    loud = scan([make_artifact(text=text)], tools, Policy(honour_suppressions=False))
    assert [r.counts for r in loud.results] == [True]


def test_what_went_wrong_before_the_scan_is_part_of_the_run(tools):
    trouble = Notification(Level.ERROR, "file-not-readable", "cannot read", "b.py")
    run = scan([], tools, Policy(), [trouble])
    assert run.notifications == (trouble,)
    assert not run.execution_successful


class FakeBatchReasoner(FakeReasoner):
    @property
    def statistics(self):
        return {"llm_calls": 1}

    def judge_all(self, questions):
        return [judged(Judgment.SAFE) for _ in questions]

    def remarks(self):
        return [Notification(Level.NOTE, "model-receipt", "1 call")]


def test_a_batch_reasoner_is_asked_once_and_its_receipt_is_part_of_the_run(tools):
    tools = replace(tools, analyzers=(FakeAnalyzer(make_finding(2), make_finding(4)),), reasoner=FakeBatchReasoner())
    run = scan([make_artifact()], tools, Policy())
    assert [r.level for r in run.results] == [Level.NOTE, Level.NOTE]
    assert [n.id for n in run.notifications] == ["model-receipt"]
    assert run.statistics["llm_calls"] == 1


def test_fingerprints_do_not_depend_on_what_is_selected(tools):
    twins = (make_finding(2), make_finding(4))
    tools = replace(tools, analyzers=(FakeAnalyzer(*twins),))
    whole = scan([make_artifact()], tools, Policy())
    part = scan([make_artifact()], tools, Policy(in_scope=lambda f: f.location.region.start_line == 4))
    assert part.results[0].fingerprint == whole.results[1].fingerprint
