"""Insecure temporary files (CWE-377, 379): a link planted under the name decides where the data goes."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import builtins
import io
import os
import tempfile
from typing import Any

from ..driver.stage import STAGE, as_text, see
from .family import Family, Look, Payload

_SHARED = ("/tmp/", "/var/tmp/", "/dev/shm/")  # noqa: S108  # these are the names to look for
_real_open = builtins.open


class TemporaryFile(Family):
    """Files in shared folders land in the scratch disk, where a link to a planted file may wait under the same name."""

    name = "insecure temporary file"
    cwes = frozenset({377, 378, 379})
    kinds = frozenset({"temporary"})
    needs_input = False
    payloads = (Payload("link", "a link to the file outside-CANARY waits under the temporary file's name"),)

    def watch(self) -> None:
        """Send writes to shared folders to the scratch disk, and show who asks for a name only."""
        builtins.open = io.open = _redirected(builtins.open)
        tempfile.mktemp = _mktemp
        for name in (
            "mkstemp",
            "mkdtemp",
            "NamedTemporaryFile",
            "TemporaryFile",
            "TemporaryDirectory",
            "SpooledTemporaryFile",
        ):
            setattr(tempfile, name, _shown(getattr(tempfile, name), name))

    def effect(self, look: Look) -> str:
        """See whether the planted link was followed."""
        if look.payload is not None and any(
            e.what == "followed" for e in look.observed.events if e.kind == "temporary" and look.events
        ):
            return "the data went through the planted link into outside-CANARY"
        return ""


def _mktemp(suffix: str = "", prefix: str = "tmp", dir: Any = None) -> str:  # noqa: A002, ARG001  # the real names
    see("temporary", "mktemp", prefix)
    return f"/tmp/{prefix}plain{suffix}"  # noqa: S108  # redirected when it is opened


def _shown(real: Any, name: str) -> Any:
    def call(*args: Any, **options: Any) -> Any:
        see("temporary", name, "")
        options.pop("dir", None)
        return real(*args, dir=STAGE.scratch or None, **options)

    return call


def _redirected(inner: Any) -> Any:
    def opened(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        path = as_text(file) if isinstance(file, (str, os.PathLike)) else ""
        ours = path.startswith(os.path.dirname(STAGE.scratch))  # noqa: PTH120  # the scratch disk may be in /tmp itself
        if ours or not (STAGE.watching and path.startswith(_SHARED) and any(c in mode for c in "wax+")):
            return inner(file, mode, *args, **options)
        place = f"{STAGE.scratch}/shared-{os.path.basename(path)}"  # noqa: PTH119  # text
        see("temporary", "open", path, (mode,))
        if STAGE.trick == "link" and not os.path.lexists(place):
            victim = f"{STAGE.scratch}/outside-{STAGE.canary}"
            _real_open(victim, "w").close()
            os.symlink(victim, place)  # noqa: PTH211
        made = _real_open(place, mode, *args, **options)
        if os.path.islink(place):  # noqa: PTH114
            see("temporary", "followed", path)
        return made

    return opened


FAMILY = TemporaryFile()
