"""Path traversal (CWE-22, 23, 36, 59, 73): a hostile name leaves the folder that a harmless one stays in."""
# ruff: noqa: TID252  # relative, because inside the sandbox the package has another name

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from typing import TYPE_CHECKING

from .family import Family, Look, Payload

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..driver.stage import Event, Point, Stage

_UP = "../" * 12


def _tar(name: str) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.size = 5
        archive.addfile(member, io.BytesIO(b"plain"))
    return made.getvalue()


def _zip(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"plain")
    return made.getvalue()


def _archives(name: str, make: Callable[[str], bytes]) -> tuple[Payload, ...]:
    return (
        Payload(
            f"{name}-parents",
            f"a {name} archive with the member {_UP}outside-CANARY",
            lambda c, _s: make(f"{_UP}outside-{c}"),
            lambda c: make(f"{c}.txt"),
        ),
        Payload(
            f"{name}-absolute",
            f"a {name} archive with the member SCRATCH/outside-CANARY",
            lambda c, s: make(f"{s}/outside-{c}"),
            lambda c: make(f"{c}.txt"),
        ),
    )


class PathTraversal(Family):
    """A planted file outside the base folder is what every payload points at."""

    name = "path traversal"
    beside = "plain"
    """Name of the base folder, as a control showed it."""
    forms = True
    cwes = frozenset({22, 23, 36, 59, 73, 98})
    kinds = frozenset({"path"})
    payloads = (
        Payload("parents", f"{_UP}SCRATCH/outside-CANARY", lambda c, s: f"{_UP}{s.lstrip('/')}/outside-{c}"),
        Payload("absolute", "SCRATCH/outside-CANARY"),
        Payload("nested", "....//....//outside-CANARY", lambda c, _s: f"{'....//' * 12}outside-{c}"),
        Payload("after-name", f"plain/{_UP}outside-CANARY", lambda c, _s: f"plain/{_UP}outside-{c}"),
        Payload("sibling", "../BASE-outside-CANARY", lambda c, _s: f"../{PathTraversal.beside}-outside-{c}"),
        Payload("encoded", "%2e%2e/%2e%2e/outside-CANARY", lambda c, _s: f"{'%2e%2e%2f' * 12}outside-{c}"),
        Payload("dot-start", f"./{_UP}outside-CANARY", lambda c, _s: f"./{_UP}outside-{c}"),
        *_archives("tar", _tar),
        *_archives("zip", _zip),
    )
    samples = (_tar("plain.txt"), _zip("plain.txt"))

    def fits(self, payload: Payload, point: Point) -> bool:
        """Send archives as contents and names as names."""
        content = "content" in point.key or "content" in point.door or point.door == "request body"
        return (payload.calm is not None) == content

    def prepare(self, stage: Stage) -> None:
        """Plant the file outside."""
        with open(f"{stage.scratch}/outside-{stage.canary}", "w", encoding="utf-8") as out:  # noqa: PTH123
            out.write(f"content-{stage.canary}")

    def learn(self, look: Look) -> None:
        """Remember what the base folder is called, for the payload that goes to a folder beside it."""
        for event in look.calm:
            base = _base(event.text, look.control.canary)
            if base:
                PathTraversal.beside = os.path.basename(base)  # noqa: PTH119  # text

    def effect(self, look: Look) -> str:
        """See whether a path that carries the canary lies outside the folder the harmless one was used in."""
        if look.payload is None:
            return ""
        bases = {base for e in look.calm if (base := _base(e.text, look.control.canary))}
        for event in look.events:
            if look.observed.canary not in event.text:
                continue
            for base in sorted(bases):
                if _outside(event.text, base):
                    return f"{_verb(event)} left the folder it works in, by a path to {_name(look.payload)}"
        return ""


def _outside(path: str, base: str) -> bool:
    """Tell whether a path, relative to some working folder or absolute, lies outside a folder."""
    place = os.path.normpath(os.path.join("/work/ing/folder", path))  # noqa: PTH118  # text; the folder need not exist
    root = os.path.normpath(os.path.join("/work/ing/folder", base))  # noqa: PTH118
    return place != root and not place.startswith(root.rstrip("/") + "/")


def _base(path: str, canary: str) -> str:
    """Give the folder under which the harmless value was used; empty if the value was the whole path."""
    folder = path.split(canary, 1)[0]
    # Glued to the start of a name, as in "log-" + value, it would need a folder of that name to climb out of.
    if len(folder) < 2 or not folder.endswith("/"):  # noqa: PLR2004  # more than the root
        return ""
    return os.path.normpath(folder)


def _verb(event: Event) -> str:
    writing = event.what == "open" and event.args and any(c in event.args[0] for c in "wax+")
    return "opening a file for writing" if writing else "opening a file" if event.what == "open" else event.what


def _name(payload: Payload) -> str:
    return "the planted file" if payload.name in {"parents", "absolute"} else "outside-CANARY"


FAMILY = PathTraversal()
