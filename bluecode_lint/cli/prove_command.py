"""``bluecode-lint prove``: attack everything that is suspected in one file, and tell each attempt."""

from __future__ import annotations

import difflib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint.cli import wiring
from bluecode_lint.cli.commands import config_start, flags_given
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import collect_inputs
from bluecode_lint.cli.outputs import plan_outputs, write_report
from bluecode_lint.core.errors import ExitCode, SandboxUnavailableError, UsageError
from bluecode_lint.core.model import Level, Outcome
from bluecode_lint.emitters.transcript import transcript_json, transcript_text
from bluecode_lint.pipeline import prove
from bluecode_lint.sources.syntax import definitions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.core.model import Finding

_WRITERS = {"text": transcript_text, "json": transcript_json}
_NO_LIMIT = sys.maxsize


def prove_command(arguments: argparse.Namespace) -> ExitCode:
    """Attack one file or function: 1 if anything is confirmed, 2 if the tools or the sandbox failed."""
    path, function = split_target(arguments.target)
    settings = load_settings(
        flags_given(arguments), config_start([path], Path.cwd()), arguments.config, isolated=arguments.isolated
    )
    destinations = plan_outputs(settings)
    for destination in destinations:
        if destination.format not in _WRITERS:
            message = f"prove writes {' or '.join(_WRITERS)}, not {destination.format}"
            raise UsageError(message)
    rules = wiring.load_catalogue(settings)
    inputs = collect_inputs(settings, [path], Path.cwd())
    policy = replace(wiring.make_policy(settings, rules), in_scope=scope_of(function, inputs), probe_budget=_NO_LIMIT)
    with wiring.open_tools(settings, rules, inputs, journal=True) as (tools, remarks):
        if tools.prober is None:
            message = "no sandbox holds on this machine, and nothing is ever run outside of one"
            raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why.")
        proofs, notifications = prove(inputs.artifacts, tools, policy)
    for destination in destinations:
        write_report(_WRITERS[destination.format](proofs), destination.path)
    trouble = [n for n in (*inputs.notifications, *remarks, *notifications) if n.level.rank >= Level.WARNING.rank]
    for notification in trouble:
        sys.stderr.write(f"{notification.level}: {notification.message} [{notification.id}]\n")
    if any(notification.level is Level.ERROR for notification in trouble):
        return ExitCode.ERROR
    confirmed = any(confirmation.outcome is Outcome.CONFIRMED for _, confirmation in proofs)
    return ExitCode.RESULTS if confirmed else ExitCode.CLEAN


def split_target(target: str) -> tuple[Path, str]:
    """Part ``FILE:FUNCTION``; a file whose name has a colon in it wins.

    Raises:
        UsageError: There is no such file.
    """
    if Path(target).is_file():
        return Path(target), ""
    file, colon, function = target.rpartition(":")
    path = Path(file if colon else target)
    if not path.is_file():
        message = f"{path} is a folder: prove attacks one file" if path.is_dir() else f"no such file: {path}"
        raise UsageError(message, advice="Give FILE or FILE:FUNCTION, a method as FILE:Class.method.")
    return path, function


def scope_of(function: str, inputs: Inputs) -> Callable[[Finding], bool]:
    """Restrict findings to the definitions with a (dotted) name; no name means the whole file.

    Raises:
        UsageError: Nothing in the file has that name.
    """
    if not function:
        return inputs.in_scope
    known = [found for artifact in inputs.artifacts for found in definitions(artifact.syntax)]
    regions = [region for name, region in known if name == function or name.endswith(f".{function}")]
    if not regions:
        near = difflib.get_close_matches(function, [name for name, _ in known], n=3)
        message = f"there is no function or class {function!r} in the file"
        raise UsageError(message, advice=f"Did you mean {', '.join(near)}?" if near else "")
    return lambda finding: any(region.overlaps(finding.location.region) for region in regions)
