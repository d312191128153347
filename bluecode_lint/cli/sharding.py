"""``scan --shard I/N``, and ``bluecode-lint merge``, which makes one report of all shards."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bluecode_lint.cli.outputs import write_report
from bluecode_lint.cli.settings import OPTIONS, Scope
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.core.model import Level
from bluecode_lint.core.shard import Shard

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.cli.settings import Settings

_DECIDING = (
    "diff-base",
    "staged",
    "no-exec",
    "sandbox",
    "probe-budget",
    "no-suppressions",
    "llm-model",
    "reasoner-mode",
)
"""Operator's options that decide what is reported; so do all that a repository may set, but for the first two here."""
_PRIVATE = ("fail-on", "baseline")


def read_shard(settings: Settings) -> Shard | None:
    """Read ``--shard``; None if everything is to be reported on.

    Raises:
        UsageError: It is malformed, or the run is to write the baseline of everything.
    """
    if not settings["shard"]:
        return None
    if settings["update-baseline"]:
        message = "--update-baseline must see every result: it cannot be combined with --shard"
        raise UsageError(message)
    try:
        return Shard.parse(settings["shard"])
    except ValueError as error:
        message = f"--shard {error}"
        raise UsageError(message) from error


def name_scan(shard: Shard, settings: Settings, inputs: Inputs) -> Shard:
    """Say what scan a shard is of: its files, and the settings that decide what is reported of them."""
    names = [o.name for o in OPTIONS if o.scope is Scope.REPO and o.name not in _PRIVATE]
    values = {name: settings[name] for name in (*names, *_DECIDING)}
    files = sorted((artifact.uri, artifact.sha256) for artifact in inputs.artifacts)
    parts = json.dumps([values, settings.per_file_ignores, files], sort_keys=True, default=list)
    return replace(shard, scan=hashlib.sha256(parts.encode()).hexdigest()[:32])


def merge_command(arguments: argparse.Namespace) -> ExitCode:
    """Write the report of the whole scan, and exit as the whole scan would."""
    from bluecode_lint.emitters.shards import merge_shards  # noqa: PLC0415  # lazy: start-up time

    logs = {str(path): _read_log(path) for path in arguments.reports}
    if len(logs) < len(arguments.reports):
        message = "a report is given twice"
        raise UsageError(message)
    try:
        merged = merge_shards(logs, partial=arguments.partial)
    except ValueError as error:
        raise UsageError(str(error), advice="Merge the SARIF of every shard of one scan.") from error
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        message = f"a report is damaged: {error!r}"
        raise UsageError(message) from error
    write_report(merged, arguments.output)
    run = json.loads(merged)["runs"][0]
    levels = [Level(result["level"]) for result in run["results"]]
    if arguments.output:
        sys.stderr.write(
            f"bluecode-lint: {len(logs)} shards, {run['properties']['bluecode/files']} files, {len(levels)} results\n"
        )
    if not run["invocations"][0]["executionSuccessful"]:
        return ExitCode.ERROR
    if arguments.fail_on == "never":
        return ExitCode.CLEAN
    failing = any(level.rank >= Level(arguments.fail_on).rank for level in levels)
    return ExitCode.RESULTS if failing else ExitCode.CLEAN


def _read_log(path: Path) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {getattr(error, 'strerror', None) or error}"
        raise UsageError(message) from error
