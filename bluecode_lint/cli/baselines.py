"""``--baseline`` and ``--update-baseline``: read it, apply it to a run, write it anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.cli.outputs import write_report
from bluecode_lint.core.baseline import apply_baseline, read_baseline, updated_baseline, write_baseline
from bluecode_lint.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.baseline import Entry
    from bluecode_lint.core.model import Run

_NARROWING = ("diff-base", "staged", "select", "ignore", "min-severity", "min-confidence")
"""Options under which a run does not see everything, so that it must not say what the whole baseline is.

What the configuration file says of them holds for every run, and so for the baseline, too.
"""


def open_baseline(settings: Settings) -> tuple[Entry, ...]:
    """Read the baseline before the work starts; a new one may be missing.

    Raises:
        UsageError: It is missing or malformed, or it is to be updated by a run that sees only a part.
    """
    path, updating = settings["baseline"], settings["update-baseline"]
    if updating and not path:
        message = "--update-baseline needs --baseline FILE"
        raise UsageError(message)
    wide = ("", False, (), "note", "low")
    narrowing = [name for name in _NARROWING if name not in settings.from_file and settings[name] not in wide]
    if updating and narrowing:
        message = f"--update-baseline must see every result: it cannot be combined with --{narrowing[0]}"
        raise UsageError(message)
    if not path or settings["no-suppressions"] or (updating and not Path(path).exists()):
        return ()
    try:
        return read_baseline(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"cannot use the baseline {path}: {getattr(error, 'strerror', None) or error}"
        raise UsageError(message, advice="Make one with --baseline FILE --update-baseline.") from error


def settle_baseline(
    run: Run, entries: tuple[Entry, ...], settings: Settings, root: Path, scanned: Collection[str]
) -> Run:
    """Apply the baseline to a run, first bringing it up to date if that is wanted.

    Raises:
        OutputError: It cannot be written.
    """
    if settings["update-baseline"]:
        elsewhere = {entry.uri for entry in entries} - set(scanned)
        keep = {uri for uri in elsewhere if (root / uri).is_file()}
        updated = updated_baseline(apply_baseline(run, entries, scanned), entries, keep)
        write_report(write_baseline(updated), Path(settings["baseline"]))
        if not settings["quiet"]:
            sys.stderr.write(f"bluecode-lint: the baseline has {len(updated)} entries, it had {len(entries)}\n")
        entries = updated
    return apply_baseline(run, entries, scanned) if entries else run
