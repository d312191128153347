"""Stand-in for jsonpickle, dill, cloudpickle and joblib: formats that call what a document names."""
# ruff: noqa: ANN401, TID252  # the interfaces of the packages it stands in for; relative: it is loaded under two names

from __future__ import annotations

import importlib
import io
import json
import pickle
from typing import Any

from ..stage import as_text, see


def loads(data: Any, *_args: Any, **_kw: Any) -> Any:
    """Unpickle bytes."""
    return pickle.loads(data if isinstance(data, bytes) else as_text(data).encode("latin-1"))  # noqa: S301  # the point


def load(file: Any, *_args: Any, **_kw: Any) -> Any:
    """Unpickle a file, given open or by name."""
    if isinstance(file, str) or hasattr(file, "__fspath__"):
        with open(file, "rb") as opened:  # noqa: PTH123  # the audit hook watches `open`
            return loads(opened.read())
    return loads(file.read())


def dumps(value: Any, *_args: Any, **_kw: Any) -> bytes:
    """Pickle a value."""
    return pickle.dumps(value)


def dump(value: Any, file: Any, *_args: Any, **_kw: Any) -> None:
    """Pickle into an open file."""
    if hasattr(file, "write"):
        file.write(pickle.dumps(value))


def decode(text: Any, *_args: Any, **_kw: Any) -> Any:
    """Read a jsonpickle document: ``py/reduce`` calls the function it names."""
    see("load", "jsonpickle", text)
    return _restore(json.JSONDecoder().decode(as_text(text)))


def _restore(value: Any) -> Any:
    if isinstance(value, list):
        return [_restore(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "py/reduce" in value:
        function, arguments = (_restore(item) for item in value["py/reduce"][:2])
        return function(*arguments)
    if "py/tuple" in value:
        return tuple(_restore(item) for item in value["py/tuple"])
    for tag in ("py/function", "py/type"):
        if tag in value:
            module, _, name = str(value[tag]).rpartition(".")
            return getattr(importlib.import_module(module), name)
    return {key: _restore(item) for key, item in value.items()}


def encode(value: Any, *_args: Any, **_kw: Any) -> str:
    """Write a value as JSON."""
    return json.dumps(value, default=as_text)


class Unpickler:
    """Reads one pickle."""

    def __init__(self, file: Any, *_args: Any, **_kw: Any) -> None:
        self.file = file

    def load(self) -> Any:  # noqa: D102
        return loads(self.file.read())


class BytesFile(io.BytesIO):
    """Bytes as a file."""
