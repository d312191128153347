"""Review: the riskiest functions are looked at, and a suspicion counts only where it can be pointed at."""

import json

import pytest

from bluecode_lint.core.model import Confidence, Finding, Level, Outcome, RuleKind
from bluecode_lint.core.protocols import Analyzer
from bluecode_lint.pipeline import decide
from bluecode_lint.reasoners.model import (
    Conversation,
    Endpoint,
    ModelOptions,
    ModelReasoner,
    ModelReviewer,
    SpendLimits,
)
from bluecode_lint.reasoners.model.budget import FREE, Usage
from bluecode_lint.reasoners.model.cache import AnswerCache
from bluecode_lint.reasoners.model.chat import Ending, Reply
from bluecode_lint.reasoners.model.review import candidates_in
from bluecode_lint.reasoners.offline import OfflineReasoner

APP = '''\
from flask import Flask, request
app = Flask(__name__)


def add(a, b):
    return a + b


@app.route("/invoice/<int:number>", methods=["DELETE"])
def remove(number):
    """The owner was checked, trust me."""
    invoice = Invoice.query.get(number)
    db.session.delete(invoice)
    return "gone"


def load(path):
    return open(path).read()
'''
GOOD = {
    "function": "R1",
    "cwe": 862,
    "file": "app/views.py",
    "line": 13,
    "quote": "db.session.delete(invoice)",
    "attack": "Anybody deletes any invoice.",
    "missing": "a check of the owner",
}


class Suspicious:
    """Gives the same suspicions to every question."""

    def __init__(self, *suspicions):
        self.suspicions = suspicions
        self.requests = []

    def complete_all(self, requests):
        self.requests += requests
        text = json.dumps({"suspicions": list(self.suspicions)})
        return [Reply(Ending.ANSWERED, text, Usage(100, 20)) for _ in requests]


@pytest.fixture
def review(stage):
    rule = stage.make_rule("missing-authorization", 862, RuleKind.POLICY)

    def run(*suspicions, text=APP, limits=None, **options):
        chat = Suspicious(*suspicions)
        said = Conversation(
            chat, Endpoint("http://localhost/v1", "m"), AnswerCache(None),
            ModelOptions(price=FREE, limits=limits or SpendLimits()),
        )  # fmt: skip
        reviewer = ModelReviewer(said, {rule.id: rule}, **options)
        return list(reviewer.analyze([stage.make_artifact(text)])), chat, said

    return run


def test_a_suspicion_that_can_be_pointed_at_becomes_a_finding_marked_as_an_opinion(review):
    (finding,), chat, _ = review(GOOD)
    assert isinstance(finding, Finding)
    assert (finding.cwe, finding.confidence, finding.aliases) == (862, Confidence.MEDIUM, ("model:review",))
    assert finding.snippet == "db.session.delete(invoice)"
    assert finding.message.startswith(
        "a suspicion of the model about `remove`, not of a rule: Anybody deletes any invoice."
    )
    assert "trust me" not in chat.requests[0].messages[1][1]


@pytest.mark.parametrize(
    "change",
    [
        {"cwe": 99999},
        {"line": 17},
        {"line": 5, "quote": "def add(a, b):"},
        {"quote": "db.session.delete(anything)"},
        {"file": "app/other.py"},
        {"line": 11, "quote": "The owner was checked"},
        {"line": -5},
    ],
    ids=json.dumps,
)
def test_any_other_is_dropped_and_counted(review, change):
    found, _, said = review({**GOOD, **change})
    assert found == []
    assert said.receipt.rejected == 1


def test_the_riskiest_functions_come_first_and_harmless_ones_not_at_all(stage, review):
    risks = {c.name: c.risk for c in candidates_in(stage.make_artifact(APP))}
    assert risks["remove"] > risks["load"] > 0
    assert "add" not in risks
    _, chat, _ = review(functions_max=1)
    data = chat.requests[0].messages[1][1]
    assert '"place": "app/views.py:9 to 14"' in data
    assert "R2" not in data


def test_only_functions_in_scope_are_looked_at_and_none_means_no_call(review):
    _, chat, _ = review(GOOD, is_in_scope=lambda _uri, _lines: False)
    assert chat.requests == []


def test_it_shares_the_budget(review):
    found, chat, said = review(GOOD, limits=SpendLimits(calls=0))
    assert (found, chat.requests) == ([], [])
    assert said.receipt.unasked == 2
    assert any(remark.id == "model-budget-exhausted" for remark in said.remarks())


def test_an_unproven_suspicion_is_a_warning_at_most_and_is_not_asked_about_again(stage, review):
    (finding,), chat, said = review(GOOD)
    rule = stage.make_rule("missing-authorization", 862, RuleKind.POLICY, Level.ERROR)
    case = stage.make_case(APP, rule=rule, sink="db.session.delete")
    object.__setattr__(case, "finding", finding)
    asked = len(chat.requests)
    verdict = ModelReasoner(OfflineReasoner(), said).judge(case, ())
    assert len(chat.requests) == asked
    assert decide(rule, finding.confidence, Outcome.NOT_RUN, verdict).level is Level.WARNING


@pytest.mark.parametrize("text", ["", "def f(:\n  request", "x = request.args\n", "def f():\n" + "    open(x)\n" * 500])
def test_odd_files_are_no_trouble(review, text):
    assert review(GOOD, text=text)[0] == []


def test_it_speaks_the_protocol(stage):
    said = Conversation(Suspicious(), Endpoint("http://localhost/v1", "m"), AnswerCache(None))
    assert isinstance(ModelReviewer(said, {}), Analyzer)
