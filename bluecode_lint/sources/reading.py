"""Bytes to `Artifact`s: size cap, decoding as Python itself does it (PEP 263, BOM), nothing lost in silence."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tokenize
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Artifact, Level, Notification
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEFAULT_MAX_BYTES = 1_048_576


def read_artifacts(
    root: Path, uris: Iterable[str], max_bytes: int = DEFAULT_MAX_BYTES
) -> Iterator[Artifact | Notification]:
    """Read each file once. What is too large, gone or not a file any more becomes a notification instead."""
    for uri in uris:
        try:
            content = read_bytes(root / uri, max_bytes)
        except TooLargeError as error:
            yield Notification(
                Level.WARNING, "file-too-large", f"{error.size:,} bytes, the limit is {max_bytes:,}: not scanned", uri
            )
        except FileNotFoundError:
            yield Notification(Level.WARNING, "file-vanished", "it disappeared during the scan", uri)
        except OSError as error:
            yield Notification(Level.ERROR, "file-not-readable", f"cannot read: {error.strerror}", uri)
        else:
            yield from make_artifact(uri, content)


def make_artifact(uri: str, content: bytes) -> Iterator[Artifact | Notification]:
    """Decode one file. If it cannot be decoded as it says, it is scanned with U+FFFD in place of the bad bytes."""
    text, trouble = _decode(content)
    if trouble:
        yield Notification(Level.WARNING, "file-not-decoded", f"{trouble}; scanned with the bad bytes replaced", uri)
    syntax = parse_python(text)
    yield Artifact(uri, "python", text, hashlib.sha256(content).hexdigest(), syntax)


class TooLargeError(Exception):
    """A file is larger than the limit; ``size`` is in bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a regular file. Opens without blocking, so that a pipe put in its place cannot hang the scan."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file")
        if status.st_size > max_bytes:
            raise TooLargeError(status.st_size)
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise TooLargeError(len(content))
    return content


def _decode(content: bytes) -> tuple[str, str]:
    """Give the text and what was wrong with it (empty if nothing)."""
    trouble = ""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    except SyntaxError as error:
        encoding, trouble = "utf-8", str(error)
    try:
        text = content.decode(encoding)
    except (UnicodeDecodeError, LookupError) as error:
        text = content.decode("utf-8", errors="replace")
        trouble = trouble or str(error)
    if "\0" in text:
        text, trouble = text.replace("\0", "\ufffd"), trouble or "it contains null bytes"
    # An exotic codec may yield lone surrogates, which no report could be written with.
    return text.removeprefix("\ufeff").encode("utf-8", errors="replace").decode("utf-8"), trouble
