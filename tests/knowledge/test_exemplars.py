from __future__ import annotations

import math
import random
import shutil
import time

import pytest

from bluecode_lint.knowledge import exemplars as exemplars_module
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.knowledge.embedder import DIMENSION
from bluecode_lint.knowledge.exemplars import SIDES, index_state, open_exemplars
from bluecode_lint.knowledge.index import AnnoyIndex, ExactIndex, annoy_is_installed, build_annoy, load_annoy
from bluecode_lint.knowledge.pairs import load_pairs, pair_files
from bluecode_lint.sources.syntax import parse_python

ROOT = rules_root()
FILES = pair_files(ROOT)
needs_annoy = pytest.mark.skipif(not annoy_is_installed(), reason="the extra annoy is not installed")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    open_exemplars(FILES, ROOT / "schema", parse_python, folder)
    return folder


def open_at(folder, *, exact=False):
    return open_exemplars(FILES, ROOT / "schema", parse_python, folder, exact=exact)


def recall(found, expected) -> float:
    """Count what is as near as the farthest of the expected: equally near vectors are equally good answers."""
    least = expected[-1][1] - 1e-5
    return sum(similarity >= least for _, similarity in found) / len(expected)


@needs_annoy
def test_annoy_finds_what_exact_search_finds_on_the_knowledge_base(cache):
    fast, exact = open_at(cache), open_at(cache, exact=True)
    assert isinstance(fast.indexes["unsafe"], AnnoyIndex)
    assert isinstance(exact.indexes["unsafe"], ExactIndex)
    pairs = load_pairs(FILES, ROOT / "schema")
    scores = []
    for vector in fast.embedder.embed([pair.unsafe_code for pair in pairs[::9]]):
        scores += [recall(fast.indexes[s].nearest(vector, 6), exact.indexes[s].nearest(vector, 6)) for s in SIDES]
    assert sum(scores) / len(scores) >= 0.99


def synthetic_vectors(opened, count: int, seed: int) -> list[list[float]]:
    """Variants as red teaming makes them: the code of one exemplar with some of another's, in every proportion."""
    generator = random.Random(seed)
    embedder = opened.embedder
    pairs = load_pairs(FILES, ROOT / "schema")
    known = embedder.embed([pair.unsafe_code for pair in pairs])
    vectors = []
    for _ in range(count):
        share = generator.uniform(0.0, 0.6)
        mixed = [a + share * b for a, b in zip(generator.choice(known), generator.choice(known), strict=True)]
        length = math.hypot(*mixed)
        vectors.append([value / length for value in mixed])
    return vectors


@needs_annoy
def test_annoy_finds_what_exact_search_finds_among_ten_thousand(cache, tmp_path):
    opened = open_at(cache)
    vectors = synthetic_vectors(opened, 10_000, seed=4)
    exact = ExactIndex(vectors)
    forest = load_annoy(tmp_path / "f.ann", DIMENSION, build_annoy(vectors, DIMENSION, tmp_path / "f.ann"))
    scores, spent = [], 0.0
    for query in synthetic_vectors(opened, 10, seed=5):
        started = time.thread_time()
        found = forest.nearest(query, 6)
        spent += time.thread_time() - started
        scores.append(recall(found, exact.nearest(query, 6)))
    assert sum(scores) / len(scores) >= 0.99
    assert spent / len(scores) < 0.005  # processor time, and ten times what it takes on an idle machine


@needs_annoy
def test_two_builds_give_the_same_file(tmp_path):
    generator = random.Random(1)
    vectors = [[generator.gauss(0, 1) for _ in range(32)] for _ in range(500)]
    assert build_annoy(vectors, 32, tmp_path / "a") == build_annoy(vectors, 32, tmp_path / "b")


def test_a_warm_start_reads_what_a_cold_one_wrote(cache, monkeypatch):
    monkeypatch.setattr(exemplars_module, "load_pairs", lambda *_: pytest.fail("the pairs were read again"))
    warm = open_at(cache)
    assert warm.items
    state = index_state(FILES, cache)
    assert state["current"]


@needs_annoy
@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_a_damaged_forest_is_rebuilt(cache, tmp_path, damage):
    folder = tmp_path / "copy"
    shutil.copytree(cache, folder)
    (target,) = folder.glob("*/unsafe.ann")
    whole = target.read_bytes()
    target.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    opened = open_at(folder)
    assert isinstance(opened.indexes["unsafe"], AnnoyIndex)
    assert target.read_bytes() == whole
    assert opened.nearest(opened.embedder.embed(["import os\nos.system(x)\n"])[0], "unsafe", 3)


@pytest.mark.parametrize("name", ["vectors.bin", "meta.json"])
def test_damaged_vectors_are_computed_again(cache, tmp_path, name):
    folder = tmp_path / "copy"
    shutil.copytree(cache, folder)
    (target,) = folder.glob(f"*/{name}")
    target.write_bytes(target.read_bytes()[:100])
    assert open_at(folder).items == open_at(cache).items
    assert len(target.read_bytes()) > 100


def test_a_cache_that_cannot_be_written_changes_nothing(cache, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert list(open_at(blocked).items) == list(open_at(cache).items)


def test_without_annoy_search_is_exact(cache, monkeypatch):
    monkeypatch.setattr(exemplars_module, "annoy_is_installed", lambda: False)
    assert isinstance(open_at(cache).indexes["safe"], ExactIndex)


def test_an_empty_knowledge_base_has_no_neighbours(tmp_path):
    opened = open_exemplars([], ROOT / "schema", parse_python, tmp_path)
    assert opened.nearest(opened.embedder.embed(["x = 1\n"])[0], "unsafe", 3) == []
