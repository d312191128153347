"""From paths, standard input or git's index to the artifacts of a scan."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Artifact, Level, Notification
from bluecode_lint.sources import git
from bluecode_lint.sources.discovery import DEFAULT_EXCLUDES, Discovered, Excludes, choose_staged, discover, find_root
from bluecode_lint.sources.reading import make_artifact, read_artifacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Finding

STDIN = Path("-")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What to scan: the artifacts, what went wrong on the way, and which part of them is asked about."""

    root: Path
    artifacts: tuple[Artifact, ...]
    notifications: tuple[Notification, ...]
    in_scope: ChangeScope


def collect_inputs(settings: Settings, paths: Sequence[Path], cwd: Path) -> Inputs:
    """Read everything there is to scan.

    Raises:
        UsageError: A path does not exist, or options contradict each other.
        SourceError: Git is needed and cannot answer.
    """
    if STDIN in paths:
        return _collect_stdin(settings, paths, cwd)
    root = find_root(paths, cwd)
    changed = changed_lines(settings, root)
    if settings["staged"]:
        found = choose_staged(changed or (), paths, root, cwd, excludes_from(settings))
    else:
        found = discover(paths, root, cwd, excludes_from(settings))
    uris = [uri for uri in found.files if changed is None or uri in changed]
    items = list(
        read_staged(root, uris, make_artifact)
        if settings["staged"]
        else read_artifacts(root, uris, settings["max-file-size"])
    )
    notifications = (*found.notifications, *_skipped(found), *(i for i in items if isinstance(i, Notification)))
    artifacts = tuple(item for item in items if isinstance(item, Artifact))
    return Inputs(root, artifacts, notifications, ChangeScope(changed))


def list_inputs(settings: Settings, paths: Sequence[Path], cwd: Path) -> list[str]:
    """List what would be scanned, one uri each.

    Raises:
        UsageError: A path does not exist.
    """
    if STDIN in paths:
        return [settings["stdin-filename"]]
    return discover(paths, find_root(paths, cwd), cwd, excludes_from(settings)).files


def excludes_from(settings: Settings) -> Excludes:
    """Combine the patterns of what to leave out."""
    chosen = DEFAULT_EXCLUDES if settings["exclude"] is None else settings["exclude"]
    return Excludes((*chosen, *settings["extend-exclude"]), forced=settings["force-exclude"])


def read_stdin(settings: Settings, paths: Sequence[Path]) -> bytes:
    """Read standard input up to the size limit.

    Raises:
        UsageError: It is larger, or other paths were given beside it.
    """
    if len(paths) > 1:
        message = "standard input (-) cannot be combined with other paths"
        raise UsageError(message)
    limit: int = settings["max-file-size"]
    content = sys.stdin.buffer.read(limit + 1)
    if len(content) > limit:
        message = f"standard input is larger than {limit:,} bytes"
        raise UsageError(message, advice="Raise --max-file-size if it is meant to be.")
    return content


def _collect_stdin(settings: Settings, paths: Sequence[Path], cwd: Path) -> Inputs:
    content = read_stdin(settings, paths)
    name = PurePosixPath(settings["stdin-filename"])
    root = find_root([Path(name)], cwd)
    absolute = cwd / name
    uri = absolute.relative_to(root).as_posix() if absolute.is_relative_to(root) else name.name
    items = list(make_artifact(uri, content))
    return Inputs(
        root,
        tuple(item for item in items if isinstance(item, Artifact)),
        tuple(item for item in items if isinstance(item, Notification)),
        ChangeScope(None),
    )


def changed_lines(settings: Settings, root: Path) -> Mapping[str, list[range]] | None:
    """Give the changed lines by file, or None if the whole tree is asked about."""
    reference: str = settings["diff-base"]
    if not reference and not settings["staged"]:
        return None
    if git.find_top_level(root) is None:
        message = "--diff-base and --staged need a git repository"
        raise UsageError(message)
    base = git.merge_base(root, reference) if reference else None
    return git.changed_lines(root, base, staged=settings["staged"])


def read_staged(
    root: Path, uris: Sequence[str], make: Callable[[str, bytes], Iterable[Artifact | Notification]]
) -> Iterator[Artifact | Notification]:
    """Read files as they stand in git's index; ``make`` decodes one."""
    for uri in uris:
        content = git.staged_content(root, uri)
        if content is not None:
            yield from make(uri, content)


def _skipped(found: Discovered) -> Iterator[Notification]:
    for reason, number in sorted(found.skipped.items()):
        if reason != "excluded":
            yield Notification(Level.NOTE, "files-skipped", f"{number} skipped: {reason}")


class ChangeScope:
    """Tells whether a finding, or a step of its flow, touches a changed line; without changes everything does."""

    def __init__(self, changed: Mapping[str, list[range]] | None) -> None:
        self._changed = changed

    def __call__(self, finding: Finding) -> bool:
        """Tell whether to report ``finding``."""
        if self._changed is None:
            return True
        places = (finding.location, *finding.code_flow)
        return any(self.touches(p.uri, range(p.region.start_line, p.region.end_line + 1)) for p in places)

    def touches(self, uri: str, lines: range) -> bool:
        """Tell whether some of these lines of a file are asked about."""
        if self._changed is None:
            return True
        return any(lines.start < part.stop and part.start < lines.stop for part in self._changed.get(uri, ()))
