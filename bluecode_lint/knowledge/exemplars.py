"""The knowledge base as vectors: every side of every pair embedded once, kept in the user's cache, searched by side."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.weaknesses import family_of
from bluecode_lint.knowledge.documents import LINES_FILE_BYTES_MAX, read_capped, write_atomically
from bluecode_lint.knowledge.embedder import DIMENSION, EMBEDDER_VERSION, CodeEmbedder, FeatureWeights, weights_from
from bluecode_lint.knowledge.features import features_of
from bluecode_lint.knowledge.index import (
    TREES,
    ExactIndex,
    VectorIndex,
    annoy_is_installed,
    build_annoy,
    file_digest,
    load_annoy,
)
from bluecode_lint.knowledge.pairs import load_pairs

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.core.protocols import Parser

SIDES = ("unsafe", "safe")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A side of a pair near to a text, with the cosine between the two."""

    pair_id: str
    cwe: int
    side: str
    similarity: float


@dataclass(frozen=True, slots=True)
class Exemplars:
    """An embedder weighted by the knowledge base, and an index for each side of it. ``items`` are (pair id, cwe)."""

    embedder: CodeEmbedder
    items: Sequence[tuple[str, int]]
    indexes: Mapping[str, VectorIndex]

    def nearest(self, vector: Sequence[float], side: str, count: int) -> list[Neighbour]:
        """Give the ``count`` nearest exemplars of one side, nearest first."""
        return [
            Neighbour(*self.items[position], side, similarity)
            for position, similarity in self.indexes[side].nearest(vector, count)
        ]

    def similarities(self, vector: Sequence[float], count: int) -> dict[str, float]:
        """Give the cosine of the nearer side of each pair among the ``count`` nearest exemplars of each side."""
        best: dict[str, float] = {}
        for side in SIDES:
            for position, similarity in self.indexes[side].scores(vector, count):
                pair_id = self.items[position][0]
                if similarity > best.get(pair_id, 0.0):
                    best[pair_id] = similarity
        return best


def open_exemplars(
    files: Sequence[Path], schemas: Path, parse: Parser, cache: Path | None, *, exact: bool = False
) -> Exemplars:
    """Open the index of the knowledge base in ``files``, building it where it is missing, stale or damaged.

    Without ``cache``, without the extra ``annoy`` or with ``exact``, search is exact and nothing is mapped into memory.

    Raises:
        RulesError: A pair is malformed.
    """
    key = _content_key(files)
    folder = cache / f"exemplars-{key[:32]}" if cache is not None else None
    stored = _read_stored(folder, key)
    if stored is None:
        stored = _embed_pairs(files, schemas, parse, key)
        _write_stored(folder, stored)
    embedder = CodeEmbedder(parse, stored.weights)
    indexes: dict[str, VectorIndex] = {}
    for side in SIDES:
        forest = None if exact or folder is None else _open_forest(folder, stored, side)
        indexes[side] = forest or ExactIndex(stored.vectors[side])
    return Exemplars(embedder, stored.items, indexes)


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the cache holds: the vectors of each side as 32-bit floats, in the order of ``items``."""

    key: str
    weights: FeatureWeights
    items: Sequence[tuple[str, int]]
    vectors: Mapping[str, Sequence[array[float]]]


def _content_key(files: Sequence[Path]) -> str:
    digest = hashlib.sha256(f"{EMBEDDER_VERSION}/{DIMENSION}/{TREES}".encode())
    for file in files:
        content = read_capped(file, LINES_FILE_BYTES_MAX)
        digest.update(f"\0{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _embed_pairs(files: Sequence[Path], schemas: Path, parse: Parser, key: str) -> _Stored:
    pairs = load_pairs(files, schemas)
    features = {
        "unsafe": [features_of(parse(pair.unsafe_code)) for pair in pairs],
        "safe": [features_of(parse(pair.safe_code)) for pair in pairs],
    }
    groups: dict[str, list[Counter[str]]] = {}
    for at, pair in enumerate(pairs):
        groups.setdefault(family_of(pair.cwe), []).extend(features[side][at] for side in SIDES)
    weights = weights_from(groups)
    embedder = CodeEmbedder(parse, weights)
    vectors = {side: [array("f", embedder.embed_features(counts)) for counts in features[side]] for side in SIDES}
    return _Stored(key, weights, [(pair.id, pair.cwe) for pair in pairs], vectors)


def _write_stored(folder: Path | None, stored: _Stored) -> None:
    """Keep what was computed; a cache that cannot be written costs time, nothing else."""
    if folder is None:
        return
    data = b"".join(vector.tobytes() for side in SIDES for vector in stored.vectors[side])
    meta = {
        "key": stored.key,
        "families": stored.weights.families,
        "frequencies": dict(stored.weights.frequencies),
        "items": stored.items,
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    if write_atomically(folder / "vectors.bin", data):
        write_atomically(folder / "meta.json", json.dumps(meta, separators=(",", ":")).encode())


def _read_stored(folder: Path | None, key: str) -> _Stored | None:
    """Read what was kept under ``key``; missing, stale or damaged is None."""
    if folder is None:
        return None
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        data = (folder / "vectors.bin").read_bytes()
        if meta["key"] != key or hashlib.sha256(data).hexdigest() != meta["sha256"]:
            return None
        items = [(str(pair_id), int(cwe)) for pair_id, cwe in meta["items"]]
        weights = FeatureWeights(meta["frequencies"], meta["families"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    vectors = _split(data, len(items))
    return _Stored(key, weights, items, vectors) if vectors is not None else None


def _split(data: bytes, count: int) -> dict[str, list[array[float]]] | None:
    """Cut the stored bytes into one array a vector; None if there are not two for each item."""
    width = array("f").itemsize * DIMENSION
    if len(data) != 2 * count * width:
        return None
    vectors = [array("f", data[start : start + width]) for start in range(0, len(data), width)]
    return {"unsafe": vectors[:count], "safe": vectors[count:]}


def _open_forest(folder: Path, stored: _Stored, side: str) -> VectorIndex | None:
    """Load one side's Annoy file, rebuilding it unless its checksum matches; None where that is impossible."""
    if not annoy_is_installed() or not stored.items:
        return None
    target, checksum = folder / f"{side}.ann", folder / f"{side}.sha256"
    with contextlib.suppress(OSError):
        forest = load_annoy(target, DIMENSION, checksum.read_text(encoding="ascii", errors="replace"))
        if forest is not None:
            return forest
    scratch = folder / f"{side}.{os.getpid()}.tmp"
    try:
        digest = build_annoy(stored.vectors[side], DIMENSION, scratch)
        scratch.replace(target)
    except OSError:
        return None
    write_atomically(checksum, digest.encode())
    return load_annoy(target, DIMENSION, digest)


def index_state(files: Sequence[Path], cache: Path) -> Mapping[str, Any]:
    """Describe the kept index for people: where it is, whether it is current, and each file's checksum."""
    key = _content_key(files)
    folder = cache / f"exemplars-{key[:32]}"
    return {
        "folder": str(folder),
        "current": _read_stored(folder, key) is not None,
        "annoy": annoy_is_installed(),
        "files": {path.name: file_digest(path) for path in sorted(folder.glob("*.ann"))},
    }
