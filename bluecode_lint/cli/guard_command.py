"""``bluecode-lint guard``: find and check instructions to models; and `check`, the same as a function."""

from __future__ import annotations

import sys
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint import __version__
from bluecode_lint.cli import wiring
from bluecode_lint.cli.baselines import open_baseline, settle_baseline
from bluecode_lint.cli.commands import config_start, exit_code_of, flags_given, show_settings, summarize, write_reports
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import STDIN, ChangeScope, changed_lines, excludes_from, read_staged, read_stdin
from bluecode_lint.cli.outputs import plan_outputs
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import Artifact, Notification
from bluecode_lint.guard.build import build_guard
from bluecode_lint.guard.check import RULE_OF_DOMAIN, GuardPolicy
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.sources.discovery import find_root
from bluecode_lint.sources.instructions import (
    discover_instructions,
    find_instructions,
    make_instruction_artifact,
    make_request,
    read_instruction_artifacts,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Finding, Instruction, Run
    from bluecode_lint.guard.check import Guard

    _Item = Artifact | Notification | Instruction

_SCAN_STDIN_NAME = "stdin.py"


def guard_command(arguments: argparse.Namespace) -> ExitCode:
    """Check instructions, report, and say by the exit code what came of it."""
    cwd = Path.cwd()
    paths: list[Path] = arguments.paths or [Path()]
    if arguments.text is not None and arguments.paths:
        message = "--text cannot be combined with paths"
        raise UsageError(message)
    start = cwd if arguments.text is not None else config_start(paths, cwd)
    settings = load_settings(flags_given(arguments), start, arguments.config, isolated=arguments.isolated)
    if arguments.show_settings:
        return show_settings(settings)
    destinations, baseline = plan_outputs(settings), open_baseline(settings)
    started = time.monotonic()
    gathered = _gather(arguments.text, settings, paths, cwd)
    if settings["show-files"]:
        uris = dict.fromkeys(instruction.artifact.uri for instruction in gathered.instructions)
        sys.stdout.write("".join(f"{uri}\n" for uri in uris))
        return ExitCode.CLEAN
    run = _make_guard(settings, gathered.in_scope).check(gathered.instructions, gathered.notifications)
    scanned = {instruction.artifact.uri for instruction in gathered.instructions}
    run = settle_baseline(run, baseline, settings, find_root(paths, cwd), scanned)
    write_reports(run, destinations, settings)
    if not settings["quiet"]:
        summarize(run, time.monotonic() - started, to_terminal=all(d.path or d.format != "text" for d in destinations))
    return exit_code_of(run, settings)


class _Gathered:
    """The instructions to check, and what went wrong on the way to them."""

    def __init__(self, items: Sequence[_Item], in_scope: Callable[[Finding], bool]) -> None:
        self.notifications = [item for item in items if isinstance(item, Notification)]
        self.instructions: list[Instruction] = []
        for item in items:
            if isinstance(item, Artifact):
                self.instructions.extend(find_instructions(item))
            elif not isinstance(item, Notification):
                self.instructions.append(item)
        self.in_scope = in_scope


def _gather(text: str | None, settings: Settings, paths: Sequence[Path], cwd: Path) -> _Gathered:
    """Read what is to be checked.

    Raises:
        UsageError: A path does not exist, options contradict each other, or standard input is too large.
    """
    if text is not None:
        return _Gathered([make_request(text)], ChangeScope(None))
    if STDIN in paths:
        return _Gathered(list(_from_stdin(settings, paths)), ChangeScope(None))
    root = find_root(paths, cwd)
    found = discover_instructions(paths, root, cwd, excludes_from(settings))
    changed = changed_lines(settings, root)
    uris = [uri for uri in found.files if changed is None or uri in changed]
    limit: int = settings["max-file-size"]
    if settings["staged"]:
        read = read_staged(root, uris, make_instruction_artifact)
    else:
        read = read_instruction_artifacts(root, uris, limit)
    return _Gathered([*found.notifications, *read], ChangeScope(changed))


def _from_stdin(settings: Settings, paths: Sequence[Path]) -> Iterator[_Item]:
    """Read a request, or, if ``--stdin-filename`` says so, a file."""
    content = read_stdin(settings, paths)
    name: str = settings["stdin-filename"]
    for item in make_instruction_artifact("stdin" if name == _SCAN_STDIN_NAME else name, content):
        yield make_request(item.text, item.uri) if name == _SCAN_STDIN_NAME and isinstance(item, Artifact) else item


def _make_guard(settings: Settings, in_scope: Callable[[Finding], bool]) -> Guard:
    rules = wiring.load_catalogue(settings)
    policy = wiring.make_policy(settings, rules)
    return build_guard(
        rules_root(),
        rules,
        policy=GuardPolicy(
            policy.selects, in_scope, policy.min_confidence, policy.min_level, policy.honour_suppressions
        ),
        tool_version=__version__,
    )


@cache
def _shared_guard() -> Guard:
    rules = {rule.id: rule for rule in load_rules(rules_root()) if rule.id in RULE_OF_DOMAIN.values()}
    return build_guard(rules_root(), rules, tool_version=__version__)


def check(text: str) -> Run:
    """Judge a request before a model gets it. Loads the knowledge at the first call; afterwards it takes milliseconds.

    Raises:
        RulesError: The rules that ship with the package are missing or malformed.
    """
    return _shared_guard().check([make_request(text)])
