"""``bandit -f bluecode``: what Bandit found, attacked and judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from bluecode_lint.analyzers.sarif import claims_of, read_log
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.triage_command import judge_claims
from bluecode_lint.core.errors import BluecodeError
from bluecode_lint.core.model import Level
from bluecode_lint.emitters.triaged import triaged_text

if TYPE_CHECKING:
    from bluecode_lint.core.model import Notification


def report(manager: Any, fileobj: IO[str], sev_level: str, conf_level: str, lines: int = -1) -> None:  # noqa: ANN401  # Bandit's manager has no types
    """Write Bandit's issues with our verdicts, as Bandit's formatter plug-ins do.

    Settings come from the environment (``BLUECODE_…``), never from the scanned repository. If nothing can be judged the
    issues are written as Bandit has them, and why is said on standard error.
    """
    issues = [issue.as_dict(max_lines=lines) for issue in manager.get_issue_list(sev_level, conf_level)]
    document = {"results": issues, "errors": [], "metrics": {}, "generated_at": ""}
    root = Path.cwd()
    try:
        settings = load_settings({}, root, None, isolated=True)
        rows, notes = judge_claims(claims_of([read_log(json.dumps(document), "bandit")], root, {}), root, settings)
        text = triaged_text(rows)
    except (BluecodeError, ValueError) as error:
        sys.stderr.write(f"bluecode-lint: nothing was judged: {error}\n")
        text, notes = "".join(map(_line, issues)), []
    with fileobj:
        fileobj.write(text)
    for note in notes:
        _say(note)


def _line(issue: dict[str, Any]) -> str:
    return f"{issue['filename']}:{issue['line_number']}: {issue['test_id']} {issue['issue_text']}\n"


def _say(note: Notification) -> None:
    if note.level.rank >= Level.WARNING.rank:
        place = f"{note.uri}: " if note.uri else ""
        sys.stderr.write(f"{note.level}: {place}{note.message} [{note.id}]\n")
