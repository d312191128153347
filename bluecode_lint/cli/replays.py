"""Proofs kept for later: the replay script of each confirmed result, in the user's cache, by fingerprint."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Outcome

if TYPE_CHECKING:
    from bluecode_lint.core.model import Run

_FOLDER = "replays"
_FINGERPRINT = re.compile(r"[0-9a-f]{6,64}")


def keep_replays(run: Run, cache: Path) -> str:
    """Store the scripts of this run, and give what went wrong, or nothing. The JSON report has them in any case."""
    scripts = {r.fingerprint: r.confirmation.replay for r in run.results if r.confirmation.outcome is Outcome.CONFIRMED}
    if not scripts:
        return ""
    folder = cache / _FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for fingerprint, script in scripts.items():
            (folder / f"{fingerprint}.py").write_text(script, encoding="utf-8")
    except OSError as error:
        return f"the proofs were not kept for `replay`: cannot write {folder}: {error.strerror}"
    return ""


def find_replay(what: str, cache: Path) -> str:
    """Give the script that ``what`` means: a file's name, or a fingerprint of an earlier scan or its first digits.

    Raises:
        UsageError: There is none, or several.
    """
    if _FINGERPRINT.fullmatch(what):
        matches = sorted((cache / _FOLDER).glob(f"{what}*.py"))
        if len(matches) == 1:
            return matches[0].read_text(encoding="utf-8")
        if matches:
            message = f"{len(matches)} proofs begin with {what!r}: give more of the fingerprint"
            raise UsageError(message)
    path = Path(what)
    if not path.is_file():
        message = f"no proof and no script is called {what!r}"
        raise UsageError(message, advice="Scan again, or take the script out of the JSON report.")
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {what}: {error}"
        raise UsageError(message) from error
