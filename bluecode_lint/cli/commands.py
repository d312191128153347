"""What each subcommand does, from parsed arguments to an exit code."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluecode_lint.cli import wiring
from bluecode_lint.cli.baselines import open_baseline, settle_baseline
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.fixing import plan_fixing
from bluecode_lint.cli.inputs import STDIN, collect_inputs, list_inputs
from bluecode_lint.cli.interruption import Interruption
from bluecode_lint.cli.outputs import plan_outputs, wants_color, write_report
from bluecode_lint.cli.replays import find_replay, keep_replays
from bluecode_lint.cli.selectors import resolve
from bluecode_lint.cli.settings import OPTIONS, Settings, Shape, parse_value
from bluecode_lint.cli.sharding import name_scan, read_shard
from bluecode_lint.core.errors import ExitCode
from bluecode_lint.core.model import Level
from bluecode_lint.pipeline import scan

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from bluecode_lint.cli.outputs import Destination
    from bluecode_lint.core.model import Run

_FALLBACK_WIDTH = 100


# --- scan ------------------------------------------------------------------------------------------------------------


def scan_command(arguments: argparse.Namespace) -> ExitCode:
    """Scan, report, and say by the exit code what came of it."""
    cwd = Path.cwd()
    paths: list[Path] = arguments.paths or [Path()]
    settings = load_settings(
        flags_given(arguments), config_start(paths, cwd), arguments.config, isolated=arguments.isolated
    )
    if arguments.show_settings:
        return show_settings(settings)
    shard = read_shard(settings)
    if settings["show-files"]:
        uris = list_inputs(settings, paths, cwd)
        sys.stdout.write("".join(f"{uri}\n" for uri in uris if shard is None or shard.holds(uri)))
        return ExitCode.CLEAN
    fixing = plan_fixing(settings, paths)
    destinations, baseline = fixing.without_stdout(plan_outputs(settings)), open_baseline(settings)
    started = time.monotonic()
    rules = wiring.load_catalogue(settings)
    policy = wiring.make_policy(settings, rules)
    inputs = collect_inputs(settings, paths, cwd)
    policy = replace(policy, shard=name_scan(shard, settings, inputs) if shard else None)
    scanned = {a.uri for a in inputs.artifacts if shard is None or shard.holds(a.uri)}
    accept = partial(settle_baseline, entries=baseline, settings=settings, root=inputs.root, scanned=scanned)
    opened = wiring.open_tools(settings, rules, inputs, journal=fixing.is_wanted, shard=shard)
    with opened as (parts, remarks), Interruption() as interruption:
        tools, narrowed = replace(parts, stops=interruption), wiring.narrow(policy, inputs)
        run = accept(scan(inputs.artifacts, tools, narrowed, (*inputs.notifications, *remarks)))
        if fixing.is_wanted and not interruption.requested:
            run = fixing.carry_out(run, inputs, tools, narrowed, accept)
    problem = keep_replays(run, wiring.cache_directory(settings["cache-dir"]))
    if problem:
        sys.stderr.write(f"bluecode-lint: {problem}\n")
    write_reports(run, destinations, settings)
    if not settings["quiet"]:
        summarize(run, time.monotonic() - started, to_terminal=all(d.path or d.format != "text" for d in destinations))
    if interruption.requested:
        return ExitCode.INTERRUPTED
    return fixing.exit_code(run) if fixing.shows else exit_code_of(run, settings)


def flags_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Take the options given on the command line; a list may be repeated, and split by commas."""
    given: dict[str, Any] = {}
    for option in OPTIONS:
        raw = getattr(arguments, option.key, None)
        if raw is None:
            continue
        if option.shape is Shape.LIST:
            raw = tuple(part for text in raw for part in parse_value(option, text, f"--{option.name}"))
        given[option.name] = raw
    return given


def config_start(paths: Sequence[Path], cwd: Path) -> Path:
    """Choose where the search for a configuration file begins: at the first path to scan."""
    first = paths[0]
    if first == STDIN:
        return cwd
    absolute = (cwd / first).absolute()
    return absolute if absolute.is_dir() else absolute.parent


def show_settings(settings: Settings) -> ExitCode:
    """Print the settings in force."""
    shown = {"config-file": settings.config_file or None, "per-file-ignores": settings.per_file_ignores}
    sys.stdout.write(json.dumps({**shown, **settings.values}, indent=2, default=list) + "\n")
    return ExitCode.CLEAN


def write_reports(run: Run, destinations: Sequence[Destination], settings: Settings) -> None:
    """Render the run into every format that was asked for."""
    if settings["statistics"]:
        counts = Counter(result.finding.rule_id for result in run.results if result.counts)
        lines = (f"{number:6}  {rule_id}\n" for rule_id, number in sorted(counts.items(), key=lambda i: (-i[1], i[0])))
        write_report("".join(lines), None)
        destinations = [destination for destination in destinations if destination.path is not None]
    for destination in destinations:
        emitter = wiring.make_emitter(
            destination.format,
            color=destination.path is None and wants_color(settings["color"]),
            width=shutil.get_terminal_size((_FALLBACK_WIDTH, 24)).columns,
            verbose=settings["verbose"],
        )
        write_report(emitter.emit(run), destination.path)


def summarize(run: Run, seconds: float, *, to_terminal: bool) -> None:
    """Say on standard error how it went; trouble is named unless the text report on standard output does so."""
    if to_terminal:
        for notification in run.notifications:
            if notification.level.rank >= Level.WARNING.rank:
                place = f"{notification.uri}: " if notification.uri else ""
                sys.stderr.write(f"{notification.level}: {place}{notification.message} [{notification.id}]\n")
    numbers = run.statistics
    sys.stderr.write(
        f"bluecode-lint: {numbers['files']} files, {numbers['lines']} lines, {numbers['results']} results, "
        f"{numbers['confirmed']} confirmed, {numbers['suppressed']} suppressed in {seconds:.1f} s\n"
    )
    if not numbers["files"]:
        sys.stderr.write("bluecode-lint: there was nothing to scan\n")


def exit_code_of(run: Run, settings: Settings) -> ExitCode:
    """Say what a run means for the process: trouble first, then the results at or above the threshold."""
    if not run.execution_successful:
        return ExitCode.ERROR
    if not run.statistics["files"]:
        return ExitCode.NOTHING_TO_SCAN if settings["fail-on-empty"] else ExitCode.CLEAN
    threshold: str = settings["fail-on"]
    if threshold == "never" or settings["exit-zero"]:
        return ExitCode.CLEAN
    failing = any(result.counts and result.level.rank >= Level(threshold).rank for result in run.results)
    return ExitCode.RESULTS if failing else ExitCode.CLEAN


# --- the others ------------------------------------------------------------------------------------------------------


def explain_command(arguments: argparse.Namespace) -> ExitCode:
    """Print what the rules meant by a word are about, with an insecure and a secure example each."""
    rules = wiring.load_catalogue(None)
    for rule_id in sorted(resolve(arguments.what, rules)):
        rule = rules[rule_id]
        sys.stdout.write(f"{rule.id}  (CWE-{rule.cwe}, {rule.kind}, security severity {rule.security_severity})\n\n")
        sys.stdout.write(f"{rule.message}\n\n{rule.help.rstrip()}\n\n")
        for title, examples in (("Insecure", rule.insecure), ("Secure", rule.secure)):
            if examples:
                sys.stdout.write(f"{title}:\n\n" + "".join(f"    {line}\n" for line in examples[0].splitlines()) + "\n")
    return ExitCode.CLEAN


def rules_command(arguments: argparse.Namespace) -> ExitCode:
    """List the catalogue."""
    rules = wiring.load_catalogue(None)
    if arguments.format == "json":
        rows = [
            {"id": r.id, "cwe": r.cwe, "kind": r.kind, "level": r.level, "security-severity": r.security_severity,
             "message": r.message}
            for _, r in sorted(rules.items())
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return ExitCode.CLEAN
    width = max(map(len, rules))
    for rule_id, rule in sorted(rules.items()):
        sys.stdout.write(f"{rule_id:<{width}}  CWE-{rule.cwe:<5} {rule.kind:<7} {rule.level:<8} {rule.message}\n")
    return ExitCode.CLEAN


def replay_command(arguments: argparse.Namespace) -> ExitCode:
    """Run a proof again: 0 if the attack still works, 1 if it does not."""
    script = find_replay(arguments.what, wiring.cache_directory(""))
    if arguments.show:
        sys.stdout.write(script)
        return ExitCode.CLEAN
    works, account = wiring.replay(script, arguments.sandbox)
    sys.stdout.write(account.rstrip() + "\n")
    return ExitCode.CLEAN if works else ExitCode.RESULTS


def doctor_command(_arguments: argparse.Namespace) -> ExitCode:
    """Show what is usable here; 2 if a part that every scan needs is missing."""
    checks = wiring.examine()
    for check in checks:
        sys.stdout.write(f"{'ok' if check.usable else '--':<3} {check.part:<14} {check.detail}\n")
        if not check.usable and check.advice:
            sys.stdout.write(f"{'':<18} {check.advice}\n")
    return ExitCode.CLEAN if all(check.usable for check in checks if check.required) else ExitCode.ERROR
