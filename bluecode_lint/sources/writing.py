"""Changed texts back into their files: encoded as before, whole or not at all, and never over another's change."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import stat
import tempfile
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.model import Level, Notification
from bluecode_lint.sources.reading import TooLargeError, read_bytes

if TYPE_CHECKING:
    from bluecode_lint.core.model import Artifact


def write_changed(root: Path, artifact: Artifact, text: str, max_bytes: int) -> Notification | None:
    """Write ``text`` in the place of what ``artifact`` was read from; say why if that must not be."""
    path = root / artifact.uri
    try:
        target = path.resolve(strict=True)
        if not target.is_relative_to(root.resolve()):
            return _left(artifact, "it is a link to a file outside of the scanned tree")
        before = read_bytes(target, max_bytes)
        if hashlib.sha256(before).hexdigest() != artifact.sha256:
            return _left(artifact, "it was changed by somebody else during the scan")
        after = encode_as(artifact, text)
        if after is None:
            return _left(artifact, "its encoding cannot be kept")
        _replace(target, after)
    except TooLargeError:
        return _left(artifact, "it was changed by somebody else during the scan")
    except OSError as error:
        return _left(artifact, f"it cannot be written: {error.strerror}")
    return None


def encode_as(artifact: Artifact, text: str) -> bytes | None:
    """Encode a text as that of an artifact was: PEP 263 and BOM. None if its bytes were not what its text says."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(artifact.text.encode()).readline)
        for mark in (b"", codecs.BOM_UTF8):
            if hashlib.sha256(mark + artifact.text.encode(encoding)).hexdigest() == artifact.sha256:
                return mark + text.encode(encoding)
    except (SyntaxError, LookupError, UnicodeError):
        pass
    return None


def _left(artifact: Artifact, why: str) -> Notification:
    return Notification(Level.ERROR, "file-not-written", f"its fixes were not written: {why}", artifact.uri)


def _replace(path: Path, data: bytes) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not os.access(path, os.W_OK):
        raise PermissionError(0, "the file is read-only")
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
