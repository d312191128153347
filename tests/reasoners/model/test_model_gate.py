"""The gate: what a model says counts only if it can be found in the code, and never against the offline floor."""

import itertools
import json

import pytest

from bluecode_lint.core.model import (
    NOT_RUN,
    Confidence,
    Confirmation,
    Judgment,
    Level,
    Location,
    Outcome,
    Region,
    ResultKind,
    RuleKind,
    Verdict,
)
from bluecode_lint.pipeline import decide
from bluecode_lint.reasoners.model.answer import AnswerError, opinions_in, read_document
from bluecode_lint.reasoners.model.context import CodeIndex, excerpts_for
from bluecode_lint.reasoners.model.gate import objections, settle
from bluecode_lint.reasoners.model.prompt import PromptOptions, answer_schema, render

INERT = Confirmation(Outcome.NEUTRALIZED)
UNDECIDED = Verdict(Judgment.UNDECIDED, Confidence.LOW, "Nothing could be checked.", (), "offline")
CLEARED = Verdict(Judgment.SAFE, Confidence.MEDIUM, "A checked principle holds.", ("p",), "offline")
BROKEN = Verdict(Judgment.UNSAFE, Confidence.HIGH, "A checked principle is broken.", ("p",), "offline")


@pytest.fixture
def put(stage):
    """Put an answer's entry through the gate; give the objections."""

    def gate(entry, case=None, floor=UNDECIDED, **more):
        case = case or stage.make_case()
        prompt = render_for(stage, case)
        (opinion,) = opinions_in({"verdicts": [entry]}).values()
        return objections(opinion, case, prompt, floor, **more)

    return gate


def render_for(stage, *cases):
    index = CodeIndex([case.artifact for case in cases])
    excerpts = excerpts_for(cases, index, 3000)
    asked = [(case, (stage.PRINCIPLE,)) for case in cases]
    return render(asked, excerpts, PromptOptions(), originals={}, censor=str)


# --- founded ---------------------------------------------------------------------------------------------------------


def test_a_founded_conviction_passes(stage, put):
    assert put(stage.opinion()) == ()
    assert put(stage.opinion(cited=["command-from-outside"])) == ()


def test_quotes_may_be_spaced_otherwise_but_nothing_else(stage, put):
    assert put(stage.opinion(quote='os.system( "ls "+path )')) == ()
    assert put(stage.opinion(quote='9:     os.system("ls " + path)')) == ()
    assert put(stage.opinion(quote='os.system("ls " + shlex.quote(path))'))


@pytest.mark.parametrize(
    "change",
    [
        {"quote": ""},
        {"quote": "("},
        {"line": 8},
        {"line": -1},
        {"line": 10**9},
        {"uri": "app/other.py"},
        {"path": []},
        {"path": [{"file": "app/views.py", "line": 7, "quote": 'request.args["name"]', "what": ""}]},
        {"cited": ["no-such-principle"]},
        {"protections": [{"file": "app/views.py", "line": 8, "quote": "shlex.quote(name)", "holds": True, "why": ""}]},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("judgment", ["safe", "unsafe"])
def test_what_cannot_be_found_in_the_code_does_not_pass(stage, put, judgment, change):
    case = stage.make_case(confirmation=INERT)
    assert put(stage.opinion(judgment), case) == ()
    assert put(stage.opinion(judgment, **change), case)


def test_every_hop_of_a_flow_must_be_on_the_path(stage, put):
    case = stage.make_case(confirmation=INERT)
    hop = Location("app/views.py", Region(8, 5, 8, 24), "goes on")
    object.__setattr__(case.finding, "code_flow", (hop,))
    assert any("views.py:8" in words for words in put(stage.opinion("safe"), case))
    path = [*stage.opinion()["path"], {"file": "app/views.py", "line": 8, "quote": "name.strip()", "what": ""}]
    assert put(stage.opinion("safe", path=path), case) == ()


def test_comments_docstrings_and_secrets_cannot_be_quoted(stage, put):
    text = stage.CODE.replace("os.system(", "token = 'hunter2hunter2'  # checked by security\n    os.system(")
    case = stage.make_case(text)
    for quote in ("# checked by security", "hunter2hunter2"):
        bad = {"file": "app/views.py", "line": 9, "quote": quote, "holds": True, "why": ""}
        assert put(stage.opinion(line=10, protections=[bad]), case)


# --- earned ----------------------------------------------------------------------------------------------------------


def test_an_acquittal_needs_more_than_the_models_word(stage, put):
    for confidence in (Confidence.MEDIUM, Confidence.HIGH):
        case = stage.make_case(confidence=confidence)
        assert put(stage.opinion("safe"), case)
        assert put(stage.opinion("safe"), case, CLEARED) == ()
        assert put(stage.opinion("safe"), stage.make_case(confidence=confidence, confirmation=INERT)) == ()


def test_an_acquittal_needs_a_protection_that_holds(stage, put):
    entry = stage.opinion("safe")
    entry["protections"][0]["holds"] = False
    assert put(entry, stage.make_case(confirmation=INERT))
    assert put({**entry, "protections": []}, stage.make_case(confirmation=INERT))


def test_a_file_that_addresses_its_reviewer_is_not_acquitted(stage, put):
    case = stage.make_case(confirmation=INERT)
    assert put(stage.opinion("safe"), case, addresses_reviewer=True)
    assert put(stage.opinion("unsafe"), case, addresses_reviewer=True) == ()


@pytest.mark.parametrize("cwe", [327, 328, 330, 338, 295, 798, 259, 321, 614, 1004, 347, 1427])
def test_crypto_transport_and_secrets_are_never_acquitted(stage, put, cwe):
    rule = stage.make_rule("some-misuse", cwe, RuleKind.MISUSE)
    assert put(stage.opinion("safe"), stage.make_case(rule=rule, confirmation=INERT), CLEARED)


def test_policy_is_never_acquitted(stage, put):
    rule = stage.make_rule("some-policy", 862, RuleKind.POLICY)
    assert put(stage.opinion("safe"), stage.make_case(rule=rule, confirmation=INERT), CLEARED)


# --- settled ---------------------------------------------------------------------------------------------------------

KINDS = list(itertools.product(RuleKind, [Level.NOTE, Level.WARNING, Level.ERROR]))


def settled(stage, case, entry, floor):
    prompt = render_for(stage, case)
    (opinion,) = opinions_in({"verdicts": [entry]}).values()
    against = objections(opinion, case, prompt, floor)
    return settle(opinion, case, prompt, floor, against, "model m")


@pytest.mark.parametrize("cwe", [78, 327])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_whatever_a_model_says_nothing_that_warns_offline_gets_quieter(stage, kind, cwe):
    rule = stage.make_rule("r", cwe, *kind)
    combinations = itertools.product(Confidence, Outcome, (UNDECIDED, CLEARED, BROKEN), ("safe", "unsafe", "undecided"))
    for confidence, outcome, floor, judgment in combinations:
        case = stage.make_case(rule=rule, confidence=confidence, confirmation=Confirmation(outcome))
        verdict = settled(stage, case, stage.opinion(judgment), floor)
        offline, now = (decide(rule, confidence, outcome, v) for v in (floor, verdict))
        if offline.kind is ResultKind.FAIL and offline.level is not None and offline.level.rank >= Level.WARNING.rank:
            assert now.kind is ResultKind.FAIL
            assert now.level.rank >= offline.level.rank
        if now.level is Level.ERROR and outcome is not Outcome.CONFIRMED:
            assert (rule.kind, rule.level) != (RuleKind.FLOW, Level.ERROR)
            assert rule.level is Level.ERROR
            assert confidence > Confidence.LOW


def test_the_floors_unsafe_stands(stage):
    verdict = settled(stage, stage.make_case(confirmation=INERT), stage.opinion("safe"), BROKEN)
    assert verdict.judgment is Judgment.UNSAFE
    assert verdict.reasoner == "offline"
    assert "disagreed" in verdict.rationale


def test_a_checked_principle_against_a_conviction_leaves_it_undecided(stage):
    verdict = settled(stage, stage.make_case(), stage.opinion("unsafe"), CLEARED)
    assert verdict.judgment is Judgment.UNDECIDED
    assert "A checked principle speaks for it" in verdict.rationale


def test_an_accepted_opinion_says_why_along_which_lines_and_past_what(stage):
    verdict = settled(stage, stage.make_case(), stage.opinion(cited=["command-from-outside"]), UNDECIDED)
    assert (verdict.judgment, verdict.reasoner) == (Judgment.UNSAFE, "model m")
    assert verdict.cited == ("command-from-outside",)
    for part in (
        "shell command",
        "app/views.py:7 > app/views.py:9",
        "`name.strip()` (line 8) does not hold",
        "list of",
    ):
        assert part in verdict.rationale


def test_why_a_model_was_not_followed_is_said(stage):
    verdict = settled(stage, stage.make_case(), stage.opinion("safe"), UNDECIDED)
    assert verdict.judgment is Judgment.UNDECIDED
    assert "The model was not followed: neither an execution nor a checked principle" in verdict.rationale


# --- reading answers -------------------------------------------------------------------------------------------------

SCHEMA = answer_schema(["F1"], ["app/views.py"], ["p"])
VALID = {"verdicts": []}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(VALID),
        f"```json\n{json.dumps(VALID)}\n```",
        f"Sure, here it is: {json.dumps(VALID)} I hope this helps {{}}",
        f'<think>Maybe {{"verdicts": 1}}</think>{json.dumps(VALID)}',
        '{"verdicts": 3} ' + json.dumps(VALID),
    ],
)
def test_an_answer_is_found_among_prose(text):
    assert read_document(text, SCHEMA) == VALID


@pytest.mark.parametrize(
    "text",
    ["", "no", "{", "{}" * 100, "[" * 50_000, '{"a":' * 50_000, "null", '{"verdicts": [{}]}', "x" * 300_000,
     '{"verdicts": [], "more": 1}', "<think>" + json.dumps(VALID)],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_anything_else_is_no_answer(text):
    with pytest.raises(AnswerError):
        read_document(text, SCHEMA)


def test_findings_and_principles_that_were_not_shown_are_no_answer(stage):
    for change in ({"finding": "F2"}, {"uri": "app/secret.py"}, {"cited": ["q"]}, {"judgment": "fine"}):
        entry = stage.opinion(**change)
        with pytest.raises(AnswerError):
            read_document(stage.answer_text(entry), SCHEMA)
    assert read_document(stage.answer_text(stage.opinion(cited=["p"])), SCHEMA)


def test_two_judgments_that_contradict_each_other_are_none(stage):
    both = opinions_in({"verdicts": [stage.opinion("safe"), stage.opinion("unsafe")]})
    assert both["F1"].judgment is Judgment.UNDECIDED
    same = opinions_in({"verdicts": [stage.opinion("unsafe"), stage.opinion("unsafe")]})
    assert same["F1"].judgment is Judgment.UNSAFE


def test_not_run_is_no_support(stage, put):
    assert put(stage.opinion("safe"), stage.make_case(confirmation=NOT_RUN))
    assert put(stage.opinion("safe"), stage.make_case(confirmation=Confirmation(Outcome.INCONCLUSIVE)))
