"""Where reports go: which format to which place, written whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.cli.settings import FORMATS
from bluecode_lint.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluecode_lint.cli.settings import Settings


@dataclass(frozen=True, slots=True)
class Destination:
    """One report: its format, and its file (None for standard output)."""

    format: str
    path: Path | None


def plan_outputs(settings: Settings) -> tuple[Destination, ...]:
    """Read ``--format`` and ``--output``, and look whether their folders exist before the work starts.

    Raises:
        UsageError: An unknown format, or two reports for one place.
        OutputError: A file's folder does not exist.
    """
    output = Path(settings["output"]) if settings["output"] else None
    planned = tuple(_destination(spec, output) for spec in settings["format"] or ("text",))
    places = [destination.path for destination in planned]
    if len(set(places)) < len(places):
        message = "two reports would go to the same place"
        raise UsageError(message, advice="Give each its own file: --format sarif=out.sarif --format text")
    for path in places:
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            message = f"cannot write {path}: " + ("it is a directory" if path.is_dir() else "its directory is missing")
            raise OutputError(message)
    return planned


def _destination(spec: str, output: Path | None) -> Destination:
    name, separator, file = spec.partition("=")
    if name not in FORMATS:
        message = f"unknown format {name!r}: choose from {', '.join(FORMATS)}"
        raise UsageError(message)
    if separator and not file:
        message = f"--format {spec}: the file name is missing"
        raise UsageError(message)
    return Destination(name, Path(file) if separator else output)


def write_report(report: str, path: Path | None) -> None:
    """Write to standard output, or to a file by way of a temporary one beside it, so that no half report is left.

    Raises:
        OutputError: It cannot be written.
    """
    data = report.encode("utf-8", errors="replace")
    if path is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):  # /dev/stdout, a named pipe
            path.write_bytes(data)
            return
        _replace_file(path, data)
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise OutputError(message) from error


def _replace_file(path: Path, data: bytes) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path.resolve())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def wants_color(choice: str, environment: Sequence[str] | None = None) -> bool:
    """Decide on colour for standard output: the flag, then ``NO_COLOR`` and ``FORCE_COLOR``, then the terminal."""
    names = os.environ if environment is None else environment
    if choice != "auto":
        return choice == "always"
    if "NO_COLOR" in names:
        return False
    return "FORCE_COLOR" in names or sys.stdout.isatty()
