"""What stands before analyzers, probers, retrievers and reasoners: it asks them once, and never answers otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from bluecode_lint.cache import (
    CachedAnalyzer,
    CachedBatchAnalyzer,
    CachedProber,
    CachedReasoner,
    CachedRetriever,
    CacheStore,
    installed_state,
)
from bluecode_lint.core.model import (
    Artifact,
    Attempt,
    Case,
    Clearance,
    Confidence,
    Confirmation,
    Constitution,
    Evidence,
    Finding,
    Judgment,
    Level,
    Location,
    Notification,
    Outcome,
    Region,
    Retrieved,
    Rule,
    RuleKind,
    Verdict,
)
from bluecode_lint.core.protocols import Analyzer, Laboratory, Prober, Reasoner, Retriever
from bluecode_lint.sources.syntax import parse_python

RULE = Rule("bluecode/x", "x", 78, RuleKind.FLOW, Level.ERROR, 9.0, "high", "Bad.", "Help.")


@pytest.fixture
def store(tmp_path):
    opened = CacheStore(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def shelf(store):
    return store.shelf("kind", "state")


def artifact(uri="a.py", text="x = 1\n"):
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def finding(uri="a.py", line=1):
    place = Location(uri, Region(line, 1, line, 5))
    flow = (Location("b.py", Region(2, 1, 2, 3), "comes in"), place)
    return Finding("bluecode/x", 78, place, "m", Confidence.MEDIUM, ("t:1",), flow, (place,), "x = \ud800")


class Eyes:
    """Says the same of every file, and counts what it was asked."""

    name = "eyes"

    def __init__(self, *more):
        self.asked = []
        self.more = more

    def analyze(self, artifacts):
        self.asked.append([each.uri for each in artifacts])
        for each in artifacts:
            yield finding(each.uri)
            yield Clearance("bluecode/x", Location(each.uri, Region(3, 1, 3, 2)))
            yield Notification(Level.NOTE, "seen", "it was seen", each.uri)
        yield from self.more


def test_an_analyzer_is_asked_once_for_each_content(shelf):
    eyes = Eyes()
    first = CachedAnalyzer("eyes", lambda: eyes, shelf)
    assert isinstance(first, Analyzer)
    files = [artifact("a.py"), artifact("b.py")]
    said = list(first.analyze(files))
    assert list(CachedAnalyzer("eyes", lambda: eyes, shelf).analyze(files)) == said == list(Eyes().analyze(files))
    changed = [files[0], artifact("b.py", "x = 2\n")]
    assert sorted(map(repr, first.analyze(changed))) == sorted(map(repr, said))
    assert eyes.asked == [["a.py", "b.py"], ["b.py"]]


def test_an_analyzer_that_need_not_look_is_not_opened(shelf):
    list(CachedAnalyzer("eyes", Eyes, shelf).analyze([artifact()]))
    unopened = CachedAnalyzer("eyes", lambda: pytest.fail("opened"), shelf)
    assert len(list(unopened.analyze([artifact()]))) == 3
    assert list(unopened.analyze([])) == []


@pytest.mark.parametrize(
    ("trouble", "asked_again"),
    [
        (Notification(Level.ERROR, "crashed", "no", "a.py"), ["a.py"]),
        (Notification(Level.WARNING, "late", "no", "a.py"), ["a.py"]),
        (Notification(Level.ERROR, "crashed", "no"), ["a.py", "b.py"]),
        (Notification(Level.NOTE, "skipped", "no"), []),
    ],
)
def test_trouble_is_not_kept(shelf, trouble, asked_again):
    eyes = Eyes(trouble)
    files = [artifact("a.py"), artifact("b.py")]
    for _ in range(2):
        list(CachedAnalyzer("eyes", lambda: eyes, shelf).analyze(files))
    assert eyes.asked[1:] == ([asked_again] if asked_again else [])


def test_damaged_answers_are_found_out_again(store, shelf):
    eyes = Eyes()
    analyzer = CachedAnalyzer("eyes", lambda: eyes, shelf)
    said = list(analyzer.analyze([artifact()]))
    key = f"{artifact().sha256}\0python\0a.py"
    for damage in (
        [["finding", 1]],
        {"a": 1},
        [["nonsense"]],
        [7],
        [["finding", "r", 78, ["a.py"], "", 9, [], [], [], ""]],
    ):
        shelf.put({key: damage})
        assert list(analyzer.analyze([artifact()])) == said
    assert len(eyes.asked) == 6


def test_a_batch_is_kept_as_a_whole(shelf):
    eyes = Eyes()
    files = [artifact("a.py"), artifact("b.py")]
    analyzer = CachedBatchAnalyzer("eyes", lambda: eyes, shelf)
    assert isinstance(analyzer, Analyzer)
    said = list(analyzer.analyze(files))
    assert list(analyzer.analyze(files[::-1])) == said
    list(analyzer.analyze(files[:1]))
    assert eyes.asked == [["a.py", "b.py"], ["a.py"]]
    troubled = Eyes(Notification(Level.ERROR, "crashed", "no"))
    for _ in range(2):
        list(CachedBatchAnalyzer("eyes", lambda: troubled, shelf).analyze([artifact("c.py")]))
    assert len(troubled.asked) == 2


SHOWN = Confirmation(
    Outcome.CONFIRMED, "p", "why", Evidence("in", "payload", "effect", by_caller=True), "script", "landlock", 9,
    (Attempt("in", "x", "payload", reached=True, ended="ok"),),
)  # fmt: skip


class Fists:
    """Shows the same of every finding, and counts."""

    probed_cwes = frozenset({78})

    def __init__(self, shown):
        self.shown = shown
        self.asked = 0

    def confirm(self, _finding, _artifact):
        self.asked += 1
        return self.shown

    def experiment(self, _finding, _artifact, test):
        self.asked += 1
        return replace(self.shown, reason=test)


def prober(fists, shelf, surroundings="s", lasts=True):
    return CachedProber(fists, fists, shelf, surroundings=lambda _a: surroundings, lasts=lambda _c: lasts)


def test_an_attack_is_carried_out_once_in_the_same_surroundings(shelf):
    fists = Fists(SHOWN)
    cached = prober(fists, shelf)
    assert isinstance(cached, Prober)
    assert isinstance(cached, Laboratory)
    assert cached.probed_cwes == {78}
    for _ in range(2):
        assert cached.confirm(finding(), artifact()) == SHOWN
    assert fists.asked == 1
    cached.confirm(finding(line=2), artifact())
    cached.confirm(finding(), artifact(text="x = 2\n"))
    prober(fists, shelf, "changed").confirm(finding(), artifact())
    assert fists.asked == 4
    assert cached.experiment(finding(), artifact(), "t") == cached.experiment(finding(), artifact(), "t")
    assert fists.asked == 6


@pytest.mark.parametrize(
    ("shown", "lasts"), [(SHOWN, False), (Confirmation(Outcome.NOT_RUN, reason="there is no sandbox"), True)]
)
def test_what_may_turn_out_otherwise_is_not_kept(shelf, shown, lasts):
    fists = Fists(shown)
    for _ in range(2):
        assert prober(fists, shelf, lasts=lasts).confirm(finding(), artifact()) == shown
    assert fists.asked == 2


def test_a_damaged_confirmation_is_found_out_again(store):
    class Broken:
        def get(self, keys):
            return {key: {"outcome": "confirmed"} for key in keys}

        def put(self, values):
            pass

    assert prober(Fists(SHOWN), Broken()).confirm(finding(), artifact()) == SHOWN


PRINCIPLES = {name: Constitution(name, "code", 78, "Do not.", (), ()) for name in ("a", "b")}


class Mind:
    """Retrieves and judges the same each time, and counts."""

    name = "mind"

    def __init__(self):
        self.asked = 0

    def retrieve(self, _case, *, count=6):
        self.asked += 1
        return tuple(Retrieved(each, 0.1 + 0.2) for each in PRINCIPLES.values())[:count]

    def judge(self, _case, _retrieved):
        self.asked += 1
        return Verdict(Judgment.SAFE, Confidence.HIGH, "so", ("a",), "mind")


def test_retrieval_and_verdicts_follow_from_the_case(shelf):
    mind = Mind()
    retriever, reasoner = CachedRetriever(mind, PRINCIPLES, shelf), CachedReasoner(mind, shelf)
    assert isinstance(retriever, Retriever)
    assert isinstance(reasoner, Reasoner)
    assert reasoner.name == "mind"
    case = Case(finding(), RULE, artifact())
    for _ in range(2):
        found = retriever.retrieve(case)
        assert found == tuple(Retrieved(each, 0.1 + 0.2) for each in PRINCIPLES.values())
        assert reasoner.judge(case, found) == Verdict(Judgment.SAFE, Confidence.HIGH, "so", ("a",), "mind")
    assert mind.asked == 2
    assert len(retriever.retrieve(case, count=1)) == 1
    reasoner.judge(replace(case, confirmation=SHOWN), found)
    reasoner.judge(case, found[:1])
    reasoner.judge(replace(case, artifact=artifact(text="x = 2\n")), found)
    assert mind.asked == 6


def test_a_principle_that_is_gone_is_not_missed(shelf):
    mind = Mind()
    case = Case(finding(), RULE, artifact())
    CachedRetriever(mind, PRINCIPLES, shelf).retrieve(case)
    CachedRetriever(mind, {}, shelf).retrieve(case)
    assert mind.asked == 2


def test_the_state_changes_with_what_answers_depend_on(tmp_path):
    rules, program = tmp_path / "rules", tmp_path / "venv" / "bin" / "tool"
    (rules / "flow").mkdir(parents=True)
    (rules / "flow" / "a.yaml").write_text("a")
    packages = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    program.parent.mkdir()
    program.write_text("#!")

    def state(*words):
        return installed_state((rules,), (program,), *words)

    seen = [state()]
    assert state() == seen[0]
    seen.append(state("web"))
    (rules / "flow" / "a.yaml").write_text("ab")
    seen.append(state())
    (rules / "b.yaml").write_text("b")
    seen.append(state())
    (packages / "new.dist-info").mkdir()
    seen.append(state())
    program.write_text("#!/other")
    seen.append(state())
    program.unlink()
    seen.append(state())
    assert len(set(seen)) == len(seen)
    (rules / "__pycache__").mkdir()
    (rules / "__pycache__" / "a.pyc").write_text("c")
    assert state() == seen[-1]
