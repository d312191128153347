"""An analyzer that looks again at the plain text tells of the original's places, and of each defect once."""

from __future__ import annotations

from bluecode_lint.analyzers.plain import PlainTextAnalyzer
from bluecode_lint.core.model import Artifact, Clearance, Confidence, Finding, Level, Location, Notification, Region
from bluecode_lint.sources.plain import plain_artifact
from bluecode_lint.sources.syntax import parse_python

TEXT = "import os\nos.system(a)\nif True:\n    getattr(os, 'system')([None, b][1])\n"


def artifact(text=TEXT, uri="a.py", language="python"):
    return Artifact(uri, language, text, "0", parse_python(text))


class Word:
    """Finds one word, clears every place of another, and complains once a file."""

    name = "word"

    def __init__(self):
        self.looked_at = []

    def analyze(self, artifacts):
        for each in artifacts:
            self.looked_at.append(each.text)
            yield Notification(Level.NOTE, "seen", "seen", each.uri)
            for number, line in enumerate(each.text.split("\n"), start=1):
                column = line.find("os.system(") + 1
                place = Location(each.uri, Region(number, column, number, column + 9))
                if column:
                    yield Finding("bluecode/x", 78, place, "m", Confidence.LOW, code_flow=(place,), snippet="os.system")
                    yield Clearance("bluecode/x", place)


def test_what_only_the_plain_text_shows_is_told_at_the_original_line():
    items = list(PlainTextAnalyzer(Word(), plain_artifact).analyze([artifact()]))
    first, second = [item for item in items if isinstance(item, Finding)]
    assert (first.location.region, first.snippet) == (Region(2, 1, 2, 10), "os.system")
    line = "    getattr(os, 'system')([None, b][1])"
    assert second.location.region == Region(4, 5, 4, len(line) + 1)
    assert second.code_flow == (second.location,)
    assert second.snippet == line.strip()
    assert [item.location.region.start_line for item in items if isinstance(item, Clearance)] == [2, 2, 4]
    assert sum(isinstance(item, Notification) for item in items) == 1


def test_what_is_written_plainly_is_looked_at_once():
    word = Word()
    others = [artifact("os.system(a)\n"), artifact(TEXT, "notes.txt", "text")]
    assert len([i for i in PlainTextAnalyzer(word, plain_artifact).analyze(others) if isinstance(i, Finding)]) == 2
    assert word.looked_at == ["os.system(a)\n", TEXT]
    assert PlainTextAnalyzer(word, plain_artifact).name == "word"


def test_instead_of_the_original_the_plain_text_alone_is_looked_at():
    word = Word()
    items = list(PlainTextAnalyzer(word, plain_artifact, instead=True).analyze([artifact()]))
    assert len(word.looked_at) == 1
    assert "getattr" not in word.looked_at[0]
    assert [i.location.region.start_line for i in items if isinstance(i, Finding)] == [2, 4]
    assert any(isinstance(i, Notification) for i in items)
