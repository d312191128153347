from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from bluecode_lint.analyzers.ir_lowering import lower
from bluecode_lint.analyzers.misuse import MisuseAnalyzer
from bluecode_lint.analyzers.misuse.catalogue import expand, load_entries, load_well_known
from bluecode_lint.analyzers.misuse.unit import Unit
from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Artifact, Confidence, Finding, Level, Notification, Region
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from pathlib import Path

ROOT = rules_root()
RULES = {rule.id: rule for rule in load_rules(ROOT)}
SHIPPED = MisuseAnalyzer(ROOT, RULES)
RULE = "bluecode/weak-hash"


def artifact(text: str, uri: str = "app.py") -> Artifact:
    return Artifact(uri, "python", text, hashlib.sha256(text.encode()).hexdigest(), parse_python(text))


def findings(analyzer: MisuseAnalyzer, *artifacts: Artifact) -> list[Finding]:
    reports = list(analyzer.analyze(artifacts))
    assert not [r for r in reports if isinstance(r, Notification)]
    return [r for r in reports if isinstance(r, Finding)]


def analyzer_for(folder: Path, entries: str) -> MisuseAnalyzer:
    (folder / "misuse").mkdir(exist_ok=True)
    (folder / "misuse" / "one.yaml").write_text(entries)
    shutil.copy(ROOT / "misuse" / "packages.txt", folder / "misuse")
    return MisuseAnalyzer(folder, RULES)


def lines(analyzer: MisuseAnalyzer, text: str, uri: str = "app.py") -> list[int]:
    return [f.location.region.start_line for f in findings(analyzer, artifact(text, uri))]


@pytest.mark.parametrize(
    ("entry", "text", "expected"),
    [
        ("call: a.b", "from a import b as c\nc()\nb()\nimport a\na.b()\nd = a.b\nd()\n", [2, 5, 7]),
        ("call: 'a.{b,c}'", "import a\na.b()\na.c()\na.d()\n", [2, 3]),
        ("method: go", "x.go()\ny().z.go()\ngo()\nx.stay()\n", [1, 2, 3]),
        ("keyword: k\n  when: [{value: true, is: 1}]", "f(k=1)\nf(k=2)\nf(k=True)\nf(1)\n", [1]),
        ("setting: S\n  when: [{value: true, is: x}]", "S = 'x'\nc['S'] = 'x'\nS = 1\n", [1, 2]),
        ("setting: S\n  when: [{value: true, is: x}]", "c.update(S='x')\nd = {'S': 'x'}\nf(S='x')\n", [1, 2]),
        ("decorator: d.e", "import d\n@d.e\ndef f(): pass\n@d.e(1)\nclass C: pass\n@e\ndef g(): pass\n", [2, 4]),
        ("import: m.n", "import m\nfrom m import n\nfrom m.n import o\nimport m.n\n", [2, 3, 4]),
        ("method: m\n  when: [{arg: 1, name: p, absent: true}]", "m(1)\nm(1, 2)\nm(1, p=2)\nm(*a)\nm(1, **k)\n", [1]),
        ("method: m\n  when: [{arg: 0, is: [1, null]}]", "m(1)\nm(True)\nm(1.0)\nm(None)\nm()\n", [1, 4]),
        ("method: m\n  when: [{arg: 0, below: 3}]", "A = 1 + 1\nm(A)\nm(3)\nm('1')\nm(True)\n", [2]),
        ("method: m\n  when: [{arg: 0, above: 3}]", "m(4)\nm(3)\n", [1]),
        ("method: m\n  when: [{arg: 0, shorter: 3}]", "m('ab')\nm(b'abc')\nm(n)\n", [1]),
        ("method: m\n  when: [{arg: 0, constant: true}]", "K = b'x'\nm(K)\nm('')\nm(None)\nm(f())\n", [2]),
        ("method: m\n  when: [{arg: 0, constant: false}]", "m('x')\nm(f())\n", [2]),
        ("method: m\n  when: [{arg: 0, matches: '^a'}]", "m('ab')\nm('ba')\nm(a)\n", [1]),
        ("method: m\n  when: [{arg: 0, resolves: 'a\\.B'}]", "from a import B\nm(B)\nm(C)\n", [2]),
        ("method: m\n  when: [{receiver: true, mentions: jwt}]", "jwt.m()\nx.m()\nm()\n", [1]),
        ("method: m\n  when: [{argument_mentions: secret}]", "m(my_secret)\nm(k=secret)\nm(x)\n", [1, 2]),
        ("method: m\n  when: [{within: '^f$'}]", "def f():\n    m()\ndef g():\n    m()\nm()\n", [2]),
        ("method: m\n  when: [{imports: [flask]}]", "import flask\nm()\n", [2]),
        ("method: m\n  when: [{imports: flask}]", "import django\nm()\n", []),
        ("method: m\n  when: [{file_mentions: yes}]".replace("yes", "'yes'"), "m()  # yes\n", [1]),
        ("method: m\n  when: [{statement: true}]", "m()\nx = m()\n", [1]),
        ("method: m\n  when: [{uri: '^app'}]", "m()\n", [1]),
        ("method: m\n  when: [{any: [{arg: 0, is: 1}, {arg: 0, is: 2}]}]", "m(1)\nm(2)\nm(3)\n", [1, 2]),
        ("method: m\n  when: [{none: [{statement: false}]}]", "m(1)\nx = m(2)\n", [1]),
        ("method: m\n  unless: [{arg: 0, is: 1}]", "m(1)\nm(2)\n", [2]),
    ],
)  # fmt: skip
def test_what_an_entry_can_say(tmp_path: Path, entry: str, text: str, expected: list[int]) -> None:
    analyzer = analyzer_for(tmp_path, f"- rule: {RULE}\n  confidence: high\n  {entry}\n")
    assert lines(analyzer, text) == expected


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("token = m()\n", True),
        ("self.token = str(m())\n", True),
        ("session['token'] = m()\n", True),
        ("f(token=m())\n", True),
        ("x = {'token': m()}\n", True),
        ("set_token(m())\n", True),
        ("def make_token():\n    return m()\n", True),
        ("def f(u):\n    t = m()\n    u.token = t\n", True),
        ("def f(u):\n    t = m()\n    u.name = t\n", False),
        ("name = m()\n", False),
    ],
)
def test_purpose_is_read_from_where_a_value_goes(tmp_path: Path, text: str, used: bool) -> None:
    entry = f"- rule: {RULE}\n  confidence: high\n  method: m\n  when: [{{used_for: token}}]\n"
    assert bool(lines(analyzer_for(tmp_path, entry), text)) is used


@pytest.mark.parametrize(
    "entries",
    [
        "- rule: bluecode/no-such\n  confidence: high\n  call: a\n",
        f"- rule: {RULE}\n  confidence: high\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  method: b\n",
        f"- rule: {RULE}\n  confidence: sure\n  call: a\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  wen: []\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  when: [{{arg: 0}}]\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  when: [{{arg: 0, isnt: 1}}]\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  when: [{{}}]\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  when: [{{elsewhere: 1}}]\n",
        f"- rule: {RULE}\n  confidence: high\n  call: a\n  when: [{{used_for: '('}}]\n",
        f"- rule: {RULE}\n  confidence: high\n  check: no_such_check\n",
        "- [\n",
        "",
        "rule: x\n",
        "- 1\n",
    ],
)
def test_a_malformed_entry_is_refused(tmp_path: Path, entries: str) -> None:
    with pytest.raises(RulesError, match=r"one\.yaml"):
        analyzer_for(tmp_path, entries)


def test_missing_packages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError):
        load_well_known(tmp_path / "packages.txt")


def test_every_shipped_rule_with_a_misuse_detector_has_an_entry() -> None:
    found = {entry.rule_id for entry in load_entries(ROOT / "misuse", RULES)}
    wanted = {
        f"bluecode/{path.stem}"
        for path in ROOT.glob("*.yaml")
        if "detectors: [misuse" in path.read_text(encoding="utf-8")
    }
    assert wanted <= found


def test_braces_stand_for_each_word() -> None:
    assert list(expand("a.{b,c}.{d,e}")) == ["a.b.d", "a.b.e", "a.c.d", "a.c.e"]


def test_a_finding_is_tight_and_counts_code_points() -> None:
    text = 'import hashlib\nx = "é😀"; token = hashlib.md5(\n    "日本")\n'
    (finding,) = findings(SHIPPED, artifact(text))
    assert finding.location.region == Region(2, 19, 3, 10)
    assert finding.snippet == 'hashlib.md5(\n    "日本")'
    assert finding.aliases == ("misuse:weak-hash",)
    assert (finding.rule_id, finding.cwe, finding.confidence) == (RULE, 328, Confidence.HIGH)


def test_one_place_is_reported_once_with_the_best_confidence(tmp_path: Path) -> None:
    entries = "".join(f"- rule: {RULE}\n  confidence: {c}\n  method: m\n" for c in ("low", "high", "medium"))
    (finding,) = findings(analyzer_for(tmp_path, entries), artifact("m()\n"))
    assert finding.confidence is Confidence.HIGH


def test_in_tests_it_is_only_a_question() -> None:
    text = "import pytest\n\ndef test_login():\n    password = 'Tr0ub4dor&3'\n"
    assert {f.confidence for f in findings(SHIPPED, artifact(text, "tests/test_login.py"))} == {Confidence.LOW}
    assert {f.confidence for f in findings(SHIPPED, artifact(text, "login.py"))} == {Confidence.HIGH}
    plain = "password = 'Tr0ub4dor&3'\n"
    assert {f.confidence for f in findings(SHIPPED, artifact(plain, "tests/test_case_7.py"))} == {Confidence.HIGH}


def test_a_syntax_error_loses_only_its_place() -> None:
    text = "import hashlib\ndef broken(:\n    pass\n\ntoken = hashlib.md5(seed)\n"
    assert RULE in {f.rule_id for f in findings(SHIPPED, artifact(text))}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff",
        "(" * 3000,
        "x = " + "(" * 500 + ")" * 500,
        "x=" + "+".join(["a"] * 5000),
        "\0",
        "print 'x'\n",
        "'''",
        "é = 1",
    ],
)
def test_odd_texts_do_no_harm(text: str) -> None:
    findings(SHIPPED, artifact(text))


def test_a_crash_is_named_and_the_others_are_kept() -> None:
    def lowered(given: Artifact) -> object:
        if given.uri == "bad.py":
            raise ZeroDivisionError
        return lower(given.uri, given.syntax)

    analyzer = MisuseAnalyzer(ROOT, RULES, lowered=lowered)
    text = "import hashlib\ntoken = hashlib.md5(seed)\n"
    reports = list(analyzer.analyze([artifact(text, "bad.py"), artifact(text, "good.py")]))
    (trouble,) = [r for r in reports if isinstance(r, Notification)]
    assert (trouble.level, trouble.id, trouble.uri) == (Level.ERROR, "misuse-failed", "bad.py")
    assert {r.location.uri for r in reports if isinstance(r, Finding)} == {"good.py"}


def test_comments_are_found_outside_strings_only() -> None:
    text = "a = '# no'  # yes 'one'\nb = '''\n# no\n'''  # two\n# three\nc = f'#{x}'  #four"
    unit = Unit(lower("a.py", parse_python(text)))
    assert [comment for _, comment in unit.comments] == ["# yes 'one'", "# two", "# three", "#four"]


def test_the_projects_own_modules_are_no_slips() -> None:
    text = "import reqeusts\n"
    rule = "bluecode/suspicious-import"
    assert rule in {f.rule_id for f in findings(SHIPPED, artifact(text))}
    own = artifact("x = 1\n", "src/reqeusts/__init__.py")
    assert rule not in {f.rule_id for f in findings(SHIPPED, artifact(text), own)}
    legacy = artifact("import urllib2, httplib\nfrom compression import zstd\nimport some_unheard_of_thing\n")
    assert rule not in {f.rule_id for f in findings(SHIPPED, legacy)}


def test_hidden_characters_are_named() -> None:
    (finding,) = findings(SHIPPED, artifact("x = 1  # a\u202eb\n"))
    assert finding.message.endswith("Found: U+202E.")
    assert finding.location.region == Region(1, 11, 1, 12)
