"""Unsafe deserialisation (CWE-502): a document that names a function gets it called while it is read."""
# ruff: noqa: ANN401, TID252  # the wrapped readers take what the real ones take; relative: it is loaded under two names

from __future__ import annotations

import base64
import io
import json
import marshal
import pickle
import shelve
import sys
from typing import Any, Self

from ..driver.stage import as_text, see
from ..driver.values import read_bytes
from .family import Family, Look, Payload


def pickled(canary: str, scratch: str) -> bytes:
    """Give a pickle, protocol 0, that calls ``os.mkdir``."""
    return f"cos\nmkdir\n(V{scratch}/made-{canary}\ntR.".encode()


def harmless_pickle(canary: str) -> bytes:
    """Give a pickle of a text."""
    return f"V{canary}\n.".encode()


def marshalled(canary: str, scratch: str) -> bytes:
    """Give marshalled code that makes a folder when it is run."""
    return marshal.dumps(compile(f"__import__('os').mkdir('{scratch}/made-{canary}')", "<value>", "exec"))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


class Deserialization(Family):
    """Each payload is a document in one format that asks for a folder to be made."""

    name = "unsafe deserialisation"
    cwes = frozenset({502})
    kinds = frozenset({"load", "unpickle", "marshal"})
    samples = (_base64(harmless_pickle("plain")), harmless_pickle("plain").hex(), '{"plain": "plain"}')
    payloads = (
        Payload("pickle", "a pickle that calls os.mkdir('made-CANARY')", pickled, harmless_pickle),
        Payload(
            "pickle-base64",
            "a pickle that calls os.mkdir('made-CANARY'), in base64",
            lambda c, s: _base64(pickled(c, s)),
            lambda c: _base64(harmless_pickle(c)),
        ),
        Payload(
            "pickle-hex",
            "a pickle that calls os.mkdir('made-CANARY'), in hexadecimal",
            lambda c, s: pickled(c, s).hex(),
            lambda c: harmless_pickle(c).hex(),
        ),
        Payload("yaml", '!!python/object/apply:os.mkdir ["SCRATCH/made-CANARY"]'),
        Payload(
            "yaml-key", 'name: !!python/object/apply:os.mkdir ["SCRATCH/made-CANARY"]\n', None, lambda c: f"name: {c}\n"
        ),
        Payload(
            "jsonpickle",
            '{"py/reduce": [{"py/function": "os.mkdir"}, {"py/tuple": ["SCRATCH/made-CANARY"]}]}',
            None,
            lambda c: f'{{"name": "{c}"}}',
        ),
        Payload("marshal", "marshalled code that calls os.mkdir('made-CANARY')", marshalled, marshal.dumps),
        Payload(
            "marshal-base64",
            "marshalled code that calls os.mkdir('made-CANARY'), in base64",
            lambda c, s: _base64(marshalled(c, s)),
            lambda c: _base64(marshal.dumps(c)),
        ),
    )

    def watch(self) -> None:
        """Let every reader of documents say what it reads."""
        _watch_pickle()
        _watch_yaml()
        _watch_others()

    def effect(self, look: Look) -> str:
        """See whether the folder was made."""
        if "made" in look.observed.marks and look.events:
            return "reading the document called os.mkdir, which made the folder made-CANARY"
        return ""


def _watched(real: Any, name: str) -> Any:
    """Wrap a reader so that it shows its document first; a file is read to see it."""

    def read(document: Any, *args: Any, **options: Any) -> Any:
        if hasattr(document, "read") and not isinstance(document, (str, bytes)):
            content = document.read()
            see("load", name, content)
            document = io.StringIO(content) if isinstance(content, str) else io.BytesIO(content)
        else:
            see("load", name, document)
        return real(document, *args, **options)

    return read


def _watch_pickle() -> None:
    real = pickle.Unpickler

    class Unpickler(real):  # type: ignore[valid-type, misc]
        """The real one, which shows its document."""

        def __init__(self, file: Any, *args: Any, **options: Any) -> None:
            content = file.read()
            see("load", "pickle", content)
            super().__init__(
                io.BytesIO(content if isinstance(content, bytes) else as_text(content).encode("latin-1")),
                *args,
                **options,
            )

    pickle.Unpickler = pickle._Unpickler = Unpickler  # type: ignore[misc]  # noqa: SLF001
    pickle.loads, pickle.load = _watched(pickle.loads, "pickle"), _watched(pickle.load, "pickle")
    sys.modules.setdefault("cPickle", pickle)
    marshal.loads, marshal.load = _watched(marshal.loads, "marshal"), _watched(marshal.load, "marshal")


def _watch_yaml() -> None:
    for package in ("yaml", "ruamel.yaml"):
        module = sys.modules.get(package)
        for name in (
            "load",
            "load_all",
            "full_load",
            "full_load_all",
            "unsafe_load",
            "unsafe_load_all",
            "safe_load",
            "safe_load_all",
        ):
            if module is not None and hasattr(module, name):
                setattr(module, name, _watched(getattr(module, name), f"yaml.{name}"))


class _DoorShelf(dict[str, Any]):
    """A shelf whose file came from the attacker: whatever is taken from it is unpickled."""

    def _load(self) -> Any:
        return pickle.loads(read_bytes("content of the file it opens", ""))  # noqa: S301  # this is the sandbox

    def __getitem__(self, key: str) -> Any:
        return self._load()

    def get(self, _key: str, _default: Any = None) -> Any:
        return self._load()

    def __contains__(self, key: object) -> bool:
        return True

    def items(self) -> Any:
        return [("plain", self._load())]

    def values(self) -> Any:
        return [self._load()]

    def keys(self) -> Any:
        return ["plain"]

    def __iter__(self) -> Any:
        return iter(["plain"])

    def close(self) -> None:
        """Close nothing."""

    sync = close

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        return None


def _open_shelf(filename: Any, *_args: Any, **_options: Any) -> _DoorShelf:
    see("load", "shelve", filename)
    return _DoorShelf()


def _watch_others() -> None:
    shelve.open = _open_shelf  # type: ignore[assignment]
    json.loads = _watched(json.loads, "json")
    json.load = _watched(json.load, "json")


FAMILY = Deserialization()
