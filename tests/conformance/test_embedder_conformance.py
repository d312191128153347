"""What every embedder must do; a new implementation is added to `EMBEDDERS`."""

from __future__ import annotations

import math
from operator import mul

import pytest

from bluecode_lint.core.protocols import Embedder
from bluecode_lint.knowledge.embedder import CodeEmbedder, weights_from
from bluecode_lint.knowledge.features import features_of
from bluecode_lint.sources.syntax import parse_python

TEXTS = (
    "import os\n\ndef run(name):\n    return os.system('ls ' + name)\n",
    "import sqlite3\n\ndef find(c, name):\n    return c.execute('SELECT 1 WHERE n = ?', (name,))\n",
    "class Broken(:\n    def f(self\n",
    "# nothing but a comment\n",
    "größe = 'übermäßig'\n",
    "x = " + "(" * 2000 + "1" + ")" * 2000 + "\n",
    "def f():\n" + "    x = 1\n" * 5000,
    "\x00\ufffd\ud800",
)

EMBEDDERS = {
    "unweighted": lambda: CodeEmbedder(parse_python),
    "weighted": lambda: CodeEmbedder(
        parse_python,
        weights_from({name: [features_of(parse_python(text))] for name, text in zip("ab", TEXTS, strict=False)}),
    ),
}


@pytest.fixture(params=sorted(EMBEDDERS))
def embedder(request):
    return EMBEDDERS[request.param]()


def test_it_is_an_embedder(embedder):
    assert isinstance(embedder, Embedder)


def test_one_vector_a_text_of_the_declared_dimension(embedder):
    vectors = embedder.embed(TEXTS)
    assert [len(vector) for vector in vectors] == [embedder.dimension] * len(TEXTS)
    assert len(embedder.embed([])) == 0


def test_vectors_are_finite_and_of_length_one_or_zero(embedder):
    for vector in embedder.embed(TEXTS):
        assert all(math.isfinite(component) for component in vector)
        length = math.hypot(*vector)
        assert length == pytest.approx(1.0, abs=1e-6) or length == 0.0
    assert not any(embedder.embed(["# nothing but a comment\n"])[0])


def test_equal_texts_get_equal_vectors_whatever_stands_beside_them(embedder):
    alone = embedder.embed([TEXTS[0]])[0]
    beside = embedder.embed([TEXTS[1], TEXTS[0], TEXTS[2]])[1]
    assert list(alone) == list(beside)


def test_two_instances_agree_and_share_an_id(embedder):
    for make in EMBEDDERS.values():
        other = make()
        if other.id == embedder.id:
            assert [list(v) for v in other.embed(TEXTS[:2])] == [list(v) for v in embedder.embed(TEXTS[:2])]
            break
    else:
        pytest.fail("no second instance has this id")


def test_the_id_changes_with_the_vectors(embedder):
    others = [make() for make in EMBEDDERS.values()]
    differing = [other for other in others if list(other.embed(TEXTS[:1])[0]) != list(embedder.embed(TEXTS[:1])[0])]
    assert differing
    assert all(other.id != embedder.id for other in differing)


def test_renaming_moves_a_text_less_than_another_weakness(embedder):
    original, renamed, other = embedder.embed(
        [TEXTS[0], "import os\n\ndef start(title):\n    return os.system('ls ' + title)\n", TEXTS[1]]
    )
    assert sum(map(mul, original, renamed)) > sum(map(mul, original, other)) + 0.2
