"""Experiments of a model: what is asked, how a failure is told, and that only the laboratory convicts."""

import json

import pytest

from bluecode_lint.core.errors import SandboxUnavailableError
from bluecode_lint.core.model import Confidence, Confirmation, Evidence, Outcome
from bluecode_lint.core.protocols import Experimenter
from bluecode_lint.reasoners.model import Conversation, Endpoint, ModelExperimenter, ModelOptions, SpendLimits
from bluecode_lint.reasoners.model.budget import FREE, Usage
from bluecode_lint.reasoners.model.cache import AnswerCache
from bluecode_lint.reasoners.model.chat import Ending, Reply
from bluecode_lint.reasoners.model.experiments import ROUNDS

PROVEN = Confirmation(Outcome.CONFIRMED, "x", "", Evidence("steps", "x", "the shell ran CANARY"))
OPEN = Confirmation(Outcome.INCONCLUSIVE, "command injection", "listing() did not reach the sink")


class Writing:
    """Writes the same test to every question, each with its number."""

    def __init__(self, test="def attack(lab): ..."):
        self.test, self.requests = test, []

    def complete_all(self, requests):
        self.requests += requests
        test = self.test and f"{self.test}  # {len(self.requests)}"
        return [
            Reply(Ending.ANSWERED, json.dumps({"way": "exploited", "test": test}), Usage(100, 20)) for _ in requests
        ]


class Bench:
    """Answers in turn, and the last for ever."""

    def __init__(self, *answers):
        self.answers, self.tests = answers, []

    def experiment(self, _finding, _artifact, test):
        self.tests.append(test)
        answer = self.answers[min(len(self.tests), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def failing(reason):
    return Confirmation(Outcome.INCONCLUSIVE, "command injection", reason)


@pytest.fixture
def settle(stage):
    def run(bench, chat=None, cases=None, cache=None, **options):
        chat = chat or Writing()
        options = ModelOptions(price=FREE, **options)
        said = Conversation(chat, Endpoint("http://localhost/v1", "m"), AnswerCache(cache), options)
        cases = cases or [stage.make_case(confirmation=OPEN)]
        found = ModelExperimenter(said, [case.artifact for case in cases]).settle(cases, bench)
        return found, chat.requests, said

    return run


def test_what_the_laboratory_confirms_is_proof(settle, stage):
    found, requests, said = settle(Bench(PROVEN))
    assert list(found.values()) == [PROVEN]
    assert len(requests) == 1
    assert (said.receipt.experiments, said.receipt.proofs) == (1, 1)
    assert "1 experiments with 1 proofs" in said.receipt.sentence
    user = requests[0].messages[1][1]
    assert "listing() did not reach the sink" in user  # what the probe said is told
    assert "path = name.strip()" in user
    assert "Doc." not in user


def test_a_model_that_only_says_so_convicts_nobody(settle):
    found, requests, said = settle(Bench(failing("the steps did not run line 9")))
    assert found == {}
    assert len(requests) == ROUNDS == 3
    assert (said.receipt.experiments, said.receipt.proofs) == (3, 0)


def test_each_round_is_told_what_became_of_the_one_before(settle):
    bench = Bench(failing("line 1 of the test: NameError"), failing("the steps did not run line 9"), PROVEN)
    found, requests, _ = settle(bench)
    assert list(found.values()) == [PROVEN]
    assert [test.rpartition(" ")[2] for test in bench.tests] == ["1", "2", "3"]
    roles = [role for role, _ in requests[2].messages]
    assert roles == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "NameError" in requests[2].messages[3][1]
    assert "did not run line 9" in requests[2].messages[5][1]


def test_an_empty_test_ends_it(settle):
    bench = Bench(PROVEN)
    assert settle(bench, Writing(""))[0] == {}
    assert bench.tests == []


@pytest.mark.parametrize("outcome", [Outcome.CONFIRMED, Outcome.NOT_RUN])
def test_what_is_settled_or_cannot_be_run_is_not_asked_about(settle, stage, outcome):
    assert settle(Bench(PROVEN), cases=[stage.make_case(confirmation=Confirmation(outcome))])[1] == []


def test_the_gravest_go_first_and_only_so_many(stage):
    cases = [
        stage.make_case(uri=f"app/{number}.py", confirmation=OPEN, confidence=sure)
        for number, sure in enumerate([Confidence.LOW, Confidence.HIGH, Confidence.MEDIUM])
    ]
    chat = Writing("")
    said = Conversation(chat, Endpoint("http://localhost/v1", "m"), AnswerCache(None), ModelOptions(price=FREE))
    ModelExperimenter(said, [c.artifact for c in cases], findings_max=2).settle(cases, Bench(PROVEN))
    assert ["app/1.py" in chat.requests[0].messages[1][1], "app/2.py" in chat.requests[1].messages[1][1]] == [True] * 2
    assert len(chat.requests) == 2


def test_the_budget_holds(settle):
    found, requests, said = settle(Bench(PROVEN), limits=SpendLimits(calls=0))
    assert (found, requests) == ({}, [])
    assert said.receipt.unasked == 1


def test_a_sandbox_that_fails_is_said_and_convicts_nobody(settle):
    found, _, said = settle(Bench(SandboxUnavailableError("gone")))
    assert found == {}
    assert any("could not be run: gone" in remark.message for remark in said.remarks())


def test_secrets_that_errors_quote_are_not_sent(settle, stage):
    text = stage.CODE.replace('"""Doc."""', 'password = "hunter2-hunter2"')
    cases = [stage.make_case(text, confirmation=OPEN)]
    _, requests, _ = settle(Bench(failing("ended with ValueError: hunter2-hunter2 is wrong")), cases=cases)
    assert not any("hunter2" in text for request in requests for _, text in request.messages)


def test_a_second_run_asks_nothing_and_finds_the_same(settle, tmp_path):
    first = settle(Bench(failing("no"), PROVEN), cache=tmp_path)
    second = settle(Bench(failing("no"), PROVEN), cache=tmp_path)
    assert second[0] == first[0]
    assert second[1] == []
    assert second[2].receipt.cached == 2


def test_it_speaks_the_protocol():
    said = Conversation(Writing(), Endpoint("http://localhost/v1", "m"), AnswerCache(None))
    assert isinstance(ModelExperimenter(said), Experimenter)
