"""``--fix``, ``--unsafe-fixes`` and ``--diff``: mend what was found, and write it or show it."""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.cli.inputs import STDIN
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.emitters.visible import visible
from bluecode_lint.mending import MendOptions, mend
from bluecode_lint.sources.syntax import parse_python
from bluecode_lint.sources.writing import encode_as, write_changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.cli.outputs import Destination
    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Artifact, Run
    from bluecode_lint.pipeline import Policy, Tools

_STDERR = Path("/dev/stderr")


def plan_fixing(settings: Settings, paths: Sequence[Path]) -> Fixing:
    """Read what is to become of fixes.

    Raises:
        UsageError: Options that contradict each other.
    """
    writes = settings["fix"] and not settings["diff"]
    if writes and settings["staged"]:
        message = "--fix changes files, and --staged looks at git's index instead of them"
        raise UsageError(message, advice="--staged --diff shows the fixes of what is staged.")
    if (writes or settings["diff"]) and settings["update-baseline"]:
        message = "--update-baseline accepts what there is: it cannot be combined with --fix or --diff"
        raise UsageError(message)
    if (writes or settings["diff"]) and settings["shard"]:
        message = "--shard reports on a share of the files: it cannot be combined with --fix or --diff"
        raise UsageError(message)
    return Fixing(settings, from_stdin=STDIN in paths)


@dataclass(frozen=True, slots=True)
class Fixing:
    """What is to become of fixes: nothing, a diff, or files (of standard input: standard output)."""

    settings: Settings
    from_stdin: bool

    @property
    def shows(self) -> bool:
        """Tell whether a diff is wanted, which then changes nothing."""
        return bool(self.settings["diff"])

    @property
    def is_wanted(self) -> bool:
        """Tell whether anything is to be mended."""
        return self.shows or bool(self.settings["fix"])

    def without_stdout(self, destinations: Sequence[Destination]) -> tuple[Destination, ...]:
        """Keep reports off standard output where a diff or a fixed text is written to it."""
        if self.shows:
            return tuple(d for d in destinations if d.path is not None)
        if self.is_wanted and self.from_stdin:
            return tuple(replace(d, path=d.path or _STDERR) for d in destinations)
        return tuple(destinations)

    def carry_out(self, run: Run, inputs: Inputs, tools: Tools, policy: Policy, accept: Callable[[Run], Run]) -> Run:
        """Mend, then write or show; give the run with what remains."""
        options = MendOptions(parse_python, with_unsafe=self.settings["unsafe-fixes"], accept=accept)
        mended = mend(inputs.artifacts, run, tools, policy, options)
        changed = [
            (before, after.text)
            for before, after in zip(inputs.artifacts, mended.artifacts, strict=True)
            if before.text != after.text
        ]
        if self.shows:
            diff = "".join(line for before, text in changed for line in _diff(before, text))
            sys.stdout.buffer.write(diff.encode("utf-8", "replace"))
            return mended.run
        if self.from_stdin:
            for before, after in zip(inputs.artifacts, mended.artifacts, strict=True):
                encoded = encode_as(before, after.text)
                sys.stdout.buffer.write(after.text.encode("utf-8", "replace") if encoded is None else encoded)
            return mended.run
        limit: int = self.settings["max-file-size"]
        troubles = [write_changed(inputs.root, before, text, limit) for before, text in changed]
        notifications = {*mended.run.notifications, *(trouble for trouble in troubles if trouble is not None)}
        return replace(mended.run, notifications=tuple(sorted(notifications)))

    def exit_code(self, run: Run) -> ExitCode:
        """Say what a diff means for the process: trouble first, then whether there is one."""
        if not run.execution_successful:
            return ExitCode.ERROR
        return ExitCode.RESULTS if run.statistics["fixed"] and not self.settings["exit-zero"] else ExitCode.CLEAN


def _diff(before: Artifact, text: str) -> Iterator[str]:
    """Yield the lines of a unified diff, marked as git does where the last has no end."""
    name = visible(before.uri)
    for line in difflib.unified_diff(_lines(before.text), _lines(text), name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    lines = text.split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *([lines[-1]] if lines[-1] else [])]
