"""What every reasoner must do; a new implementation is added to `REASONERS`."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from bluecode_lint.core.model import (
    NOT_RUN,
    Artifact,
    Case,
    Condition,
    Confidence,
    Confirmation,
    Constitution,
    Evidence,
    Finding,
    Judgment,
    Level,
    Location,
    Outcome,
    Region,
    Retrieved,
    Rule,
    RuleKind,
    Verdict,
)
from bluecode_lint.core.protocols import Reasoner
from bluecode_lint.reasoners.model import Conversation, Endpoint, ModelOptions, ModelReasoner
from bluecode_lint.reasoners.model.budget import FREE
from bluecode_lint.reasoners.model.cache import AnswerCache
from bluecode_lint.reasoners.model.chat import Ending, Reply
from bluecode_lint.reasoners.offline import OfflineReasoner
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bluecode_lint.reasoners.model.chat import Chat, ChatRequest


class Mouthpiece:
    """A model that says of every finding what it was told to say, with quotes that can be found."""

    def __init__(self, judgment: str) -> None:
        self.judgment = judgment

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        return [Reply(Ending.ANSWERED, self._answer(request.messages[1][1])) for request in requests]

    def _answer(self, user: str) -> str:
        data = json.loads(user[user.index("{\n") : user.rindex("}\n") + 1])
        shown = [(code["file"], *line.split(": ", 1)) for code in data["code"] for line in code["lines"]]
        quotes = [{"file": uri, "line": int(number), "quote": line.strip()} for uri, number, line in shown]
        entry = {
            "path": [{**quote, "what": "a step"} for quote in quotes],
            "protections": [{**quote, "holds": True, "why": "it does"} for quote in quotes],
            "rationale": f"It is {self.judgment}.",
            "cited": [],
            "judgment": self.judgment,
            "would_change_my_mind": "Nothing.",
        }
        return json.dumps({"verdicts": [{"finding": finding["id"], **entry} for finding in data["findings"]]})


class Broken:
    """A model that answers nothing of use."""

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        return [Reply(Ending.ANSWERED, "safe") for _ in requests]


def with_model(chat: Chat) -> Callable[[], Reasoner]:
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m")
    return lambda: ModelReasoner(
        OfflineReasoner(), Conversation(chat, endpoint, AnswerCache(None), ModelOptions(price=FREE))
    )


REASONERS = {
    "offline": OfflineReasoner,
    "acquitting model": with_model(Mouthpiece("safe")),
    "undecided model": with_model(Mouthpiece("undecided")),
    "broken model": with_model(Broken()),
}

UNSAFE = "import os\n\ndef f(name):\n    os.system('ls ' + name)\n"
SAFE = "import os\n\ndef f(name):\n    os.system('ls')\n"

BUILT = Constitution(
    "no-glued-shell-text",
    "code",
    78,
    "Do not glue values into shell text.",
    unsafe_when=(
        Condition("A shell runs the text", "calls", ("os.system",)),
        Condition("The text is glued together with a value", "argument_is_built", ("0",)),
    ),
    safe_when=(
        Condition("A shell runs the text", "calls", ("os.system",)),
        Condition("The text is constant", "argument_is_constant", ("0",)),
    ),
)


def case_of(text: str, *, cwe: int = 78, confirmation: Confirmation = NOT_RUN, region: Region | None = None) -> Case:
    artifact = Artifact(
        "a.py", "python", text, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(), parse_python(text)
    )
    lines = text.split("\n")
    region = region or Region(4, 5, 4, len(lines[3]) + 1 if len(lines) > 3 else 6)
    rule = Rule(
        "bluecode/os-command-injection", "X", cwe, RuleKind.FLOW, Level.WARNING, 9.0, "high", "A message.", "Some help."
    )
    return Case(Finding(rule.id, cwe, Location("a.py", region), "m", Confidence.HIGH), rule, artifact, confirmation)


@pytest.fixture(params=sorted(REASONERS))
def reasoner(request):
    return REASONERS[request.param]()


def judge(reasoner: Reasoner, case: Case, *constitutions: Constitution) -> Verdict:
    return reasoner.judge(case, [Retrieved(constitution, 0.9) for constitution in constitutions])


def test_it_is_a_reasoner_with_a_name(reasoner):
    assert isinstance(reasoner, Reasoner)
    assert reasoner.name


def test_a_verdict_names_its_reasoner_and_cites_only_what_it_was_given(reasoner):
    for text in (UNSAFE, SAFE):
        verdict = judge(reasoner, case_of(text), BUILT)
        assert verdict.reasoner
        assert set(verdict.cited) <= {BUILT.id}
        assert verdict.rationale


def test_a_confirmation_is_never_talked_away(reasoner):
    shown = Confirmation(Outcome.CONFIRMED, "command", evidence=Evidence("f", "x; touch y", "the canary command ran"))
    for text in (UNSAFE, SAFE):
        verdict = judge(reasoner, case_of(text, confirmation=shown), BUILT)
        assert verdict.judgment is Judgment.UNSAFE


def test_resemblance_alone_is_never_safe(reasoner):
    verdict = reasoner.judge(case_of(UNSAFE), [Retrieved(BUILT, 1.0)])
    assert verdict.judgment is not Judgment.SAFE


def test_nothing_retrieved_is_undecided(reasoner):
    assert judge(reasoner, case_of(UNSAFE)).judgment is Judgment.UNDECIDED
    assert judge(reasoner, case_of(SAFE)).judgment is Judgment.UNDECIDED


def test_a_principle_about_another_weakness_never_decides(reasoner):
    for text in (UNSAFE, SAFE):
        assert judge(reasoner, case_of(text, cwe=89), BUILT).judgment is not Judgment.SAFE


@pytest.mark.parametrize(
    "text",
    ["", "def f(:\n  os.system(\n", "(" * 3000, "\ud800 = 1\n", "a\n\n\n\n\n", "import os\n\n\nos.system(*args)\n"],
)
def test_odd_code_is_never_safe_and_never_an_exception(reasoner, text):
    for region in (Region(1, 1, 1, 2), Region(4, 5, 4, 9), Region(99, 99, 99, 99)):
        assert judge(reasoner, case_of(text, region=region), BUILT).judgment is not Judgment.SAFE


def test_the_same_case_gets_the_same_verdict(reasoner):
    assert judge(reasoner, case_of(UNSAFE), BUILT) == judge(reasoner, case_of(UNSAFE), BUILT)
