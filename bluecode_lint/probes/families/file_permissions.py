"""Loose file permissions (CWE-276, 732): what the code leaves on the disk can be written by everybody."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import os
import pathlib
from typing import Any

from ..driver.stage import as_text, see
from .family import Family, Look, Payload

_OTHERS_WRITE = 0o002
_MASKED = frozenset({"open", "mkdir", "makedirs"})
"""Calls whose mode the umask still narrows."""


class FilePermissions(Family):
    """The mode of every call that sets one is looked at; nothing is changed outside the scratch disk."""

    name = "loose file permissions"
    cwes = frozenset({276, 732})
    kinds = frozenset({"mode"})
    needs_input = False
    payloads = (Payload("look", "nothing is sent: the mode in the call is what counts"),)

    def watch(self) -> None:
        """Show the modes of the calls that set one."""
        real_chmod, real_open, real_mkdir, real_makedirs, real_umask = (
            os.chmod,
            os.open,
            os.mkdir,
            os.makedirs,
            os.umask,
        )

        def chmod(path: Any, mode: int, *args: Any, **options: Any) -> Any:
            see("mode", "chmod", oct(mode), (as_text(path),))
            return real_chmod(path, mode, *args, **options)

        def opened(path: Any, flags: int, mode: int = 0o777, *args: Any, **options: Any) -> Any:
            if flags & os.O_CREAT:
                see("mode", "open", oct(mode), (as_text(path),))
            return real_open(path, flags, mode, *args, **options)

        def made(real: Any, name: str) -> Any:
            def call(path: Any, mode: int = 0o755, *args: Any, **options: Any) -> Any:
                see("mode", name, oct(mode), (as_text(path),))
                return real(path, mode, *args, **options)

            return call

        def umask(mask: int) -> int:
            see("mode", "umask", oct(0o777 & ~mask), ("new files",))
            return real_umask(mask)

        os.chmod, os.open, os.umask = chmod, opened, umask
        os.mkdir, os.makedirs = made(real_mkdir, "mkdir"), made(real_makedirs, "makedirs")
        pathlib.Path.chmod = lambda self, mode, **_kw: chmod(str(self), mode)  # type: ignore[method-assign]

    def effect(self, look: Look) -> str:
        """See whether a mode lets others write."""
        if look.payload is None:
            return ""
        for event in look.events:
            if int(event.text, 8) & _OTHERS_WRITE:
                unless = ", unless the umask forbids it" if event.what in _MASKED else ""
                return f"{event.what} asked for mode {event.text}, which lets every user write{unless}"
        return ""


FAMILY = FilePermissions()
