"""Decompression bombs (CWE-400, 409, 770): a small upload becomes a big one without anybody counting."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from typing import Any

from ..driver.stage import see
from .family import Family, Look, Payload

_FULL = 8_000_000
_SMALL = 1_000


def _zip(size: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plain.txt", b"a" * size)
    return made.getvalue()


def _forms(name: str, make: Any) -> tuple[Payload, ...]:
    return (
        Payload(
            name, f"{_FULL:,} bytes of the same letter, {name}", lambda _c, _s: make(_FULL), lambda _c: make(_SMALL)
        ),
        Payload(
            f"{name} base64",
            f"{_FULL:,} bytes of the same letter, {name}, in base64",
            lambda _c, _s: base64.b64encode(make(_FULL)).decode(),
            lambda _c: base64.b64encode(make(_SMALL)).decode(),
        ),
    )


class DecompressionBomb(Family):
    """What comes out of each decompression is counted."""

    name = "decompression bomb"
    cwes = frozenset({409})
    kinds = frozenset({"inflate"})
    payloads = (
        *_forms("zlib", lambda n: zlib.compress(b"a" * n)),
        *_forms("gzip", lambda n: gzip.compress(b"a" * n, mtime=0)),
        *_forms("zip", _zip),
        *_forms("bz2", lambda n: bz2.compress(b"a" * n)),
        *_forms("lzma", lambda n: lzma.compress(b"a" * n)),
    )

    samples = (_zip(_SMALL), zlib.compress(b"a" * _SMALL), gzip.compress(b"a" * _SMALL, mtime=0))

    def harmless(self, canary: str, like: Payload | None = None) -> str | bytes:
        """Give a small archive that tells nothing, or one in a payload's form."""
        return super().harmless(canary, like or self.payloads[0])

    def watch(self) -> None:
        """Count what the standard library's decompressors give."""
        modules: tuple[Any, ...] = (zlib, gzip, bz2, lzma)
        for module in modules:
            module.decompress = _counted(module.decompress, module.__name__)
        for owner, method in ((gzip.GzipFile, "read"), (zipfile.ZipFile, "read"), (zipfile.ZipExtFile, "read")):
            setattr(owner, method, _counted(getattr(owner, method), owner.__name__))

        real_extract = zipfile.ZipFile.extractall

        def extractall(self: Any, *args: Any, **options: Any) -> Any:
            see("inflate", "zipfile.extractall", str(sum(i.file_size for i in self.infolist())))
            return real_extract(self, *args, **options)

        zipfile.ZipFile.extractall = extractall  # type: ignore[method-assign]

    def effect(self, look: Look) -> str:
        """See whether all of it came out."""
        if look.payload is not None and any(e.text.isdigit() and int(e.text) >= _FULL for e in look.events):
            return f"{_FULL:,} bytes came out of {look.payload.name.split()[0]} data a thousandth of that size"
        return ""


def _counted(real: Any, name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        see("inflate", name, "0")
        result = real(*args, **options)
        see("inflate", name, str(len(result)))
        return result

    return call


FAMILY = DecompressionBomb()
