"""The one place that parses argv and turns errors into text and exit codes."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bluecode_lint import __version__
from bluecode_lint.cli.settings import OPTION_OF, Option, Shape
from bluecode_lint.core.errors import BluecodeError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

DESCRIPTION = "A security linter for Python that proves what it reports."
EPILOG = """\
examples:
  bluecode-lint scan .                                  scan the project, attack what is suspected, show the proofs
  bluecode-lint scan --diff-base origin/main .          only what this branch changed
  bluecode-lint scan --no-exec -f sarif=out.sarif .     static analysis only, SARIF to a file
  bluecode-lint guard .                                 check prompt files, agent files and prompt strings
  bluecode-lint explain sql-injection                   what a rule means, and how to fix it
  bluecode-lint triage semgrep.sarif -f sarif=out.sarif  judge what another tool has found
  bluecode-lint prove app/views.py:export               attack one function, and tell each attempt
  bluecode-lint replay 3f9c2ab1                         run a proof again, in the sandbox

exit codes: 0 clean or below --fail-on, 1 results, 2 an error or a scan not to be trusted, 3 nothing to scan
            (with --fail-on-empty), 130 and 143 stopped by a signal
Every option can be set as a BLUECODE_* environment variable: --fail-on is BLUECODE_FAIL_ON."""

PROVE_OPTIONS = frozenset(
    {
        "select",
        "ignore",
        "threat-model",
        "sandbox",
        "python",
        "jobs",
        "cache-dir",
        "no-cache",
        "format",
        "output",
        "quiet",
    }
)
"""What `prove` takes of the options of `scan`."""
TRIAGE_OPTIONS = frozenset(
    {option.name for option in OPTION_OF.values() if option.group in {"model", "exit code"}} - {"fail-on-empty"}
    | {"no-exec", "sandbox", "probe-budget", "python", "offline", "jobs", "cache-dir", "no-cache", "max-file-size"}
    | {"format", "output", "quiet", "verbose"}
)
"""What `triage` takes of them."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting: only `run` ends the process."""
        advice = f"See `{self.prog} --help`."
        raise UsageError(message, advice=advice)


def run(argv: Sequence[str]) -> int:
    """Run one command and give its exit code. Every error ends here, as one line and what to do about it."""
    try:
        signal.signal(signal.SIGTERM, _terminate)
        arguments = make_parser().parse_args(argv)
        code = int(_command(arguments.command)(arguments))
        sys.stdout.flush()
    except BluecodeError as error:
        _complain(str(error), error.advice)
        return ExitCode.ERROR
    except KeyboardInterrupt:
        _complain("interrupted", "")
        return ExitCode.INTERRUPTED
    except _TerminatedError:
        _complain("terminated", "")
        return ExitCode.TERMINATED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is left to say, and the flush at exit must not say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    except Exception as error:  # noqa: BLE001  # the outermost border: a bug of ours must not look like "results found"
        _complain(
            f"internal error: {type(error).__name__}: {error}", "This is a bug; -v shows where. Please report it."
        )
        if {"-v", "--verbose"} & set(argv):
            traceback.print_exc()
        return ExitCode.ERROR
    return code


class _TerminatedError(BaseException):
    """SIGTERM, as an exception, so that every `finally` gets its turn."""


def _terminate(_signal: int, _frame: object) -> NoReturn:
    raise _TerminatedError


def _complain(message: str, advice: str) -> None:
    sys.stderr.write(f"bluecode-lint: {message}\n")
    if advice:
        sys.stderr.write(f"  {advice}\n")


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """Import a command's module only when it is the one to run."""
    if name == "guard":
        from bluecode_lint.cli.guard_command import guard_command  # noqa: PLC0415  # lazy: start-up time

        return guard_command
    if name == "init":
        from bluecode_lint.cli.init_command import init_command  # noqa: PLC0415  # lazy: start-up time

        return init_command
    if name == "serve":
        from bluecode_lint.cli.service import serve_command  # noqa: PLC0415  # lazy: start-up time

        return serve_command
    if name in {"kb", "constitution"}:
        from bluecode_lint.cli import kb_command  # noqa: PLC0415  # lazy: start-up time

        return kb_command.kb_command if name == "kb" else kb_command.constitution_command
    if name == "redteam":
        from bluecode_lint.cli.redteam_command import redteam_command  # noqa: PLC0415  # lazy: start-up time

        return redteam_command
    if name == "evals":
        from bluecode_lint.cli.evals_command import evals_command  # noqa: PLC0415  # lazy: start-up time

        return evals_command
    if name == "triage":
        from bluecode_lint.cli.triage_command import triage_command  # noqa: PLC0415  # lazy: start-up time

        return triage_command
    if name == "cache":
        from bluecode_lint.cli.cache_command import cache_command  # noqa: PLC0415  # lazy: start-up time

        return cache_command
    if name == "prove":
        from bluecode_lint.cli.prove_command import prove_command  # noqa: PLC0415  # lazy: start-up time

        return prove_command
    from bluecode_lint.cli import commands, sharding  # noqa: PLC0415  # lazy: start-up time

    return {
        "scan": commands.scan_command,
        "merge": sharding.merge_command,
        "explain": commands.explain_command,
        "rules": commands.rules_command,
        "replay": commands.replay_command,
        "doctor": commands.doctor_command,
    }[name]


def make_parser() -> argparse.ArgumentParser:
    """Build the whole command line from the table of options."""
    parser = _Parser("bluecode-lint", description=DESCRIPTION, epilog=EPILOG, formatter_class=_Formatter)
    parser.add_argument("--version", action="version", version=f"bluecode-lint {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    scan = commands.add_parser(
        "scan", help="scan files and folders", description="Scan Python files and folders; - reads standard input.",
        formatter_class=_Formatter,
    )  # fmt: skip
    scan.add_argument("paths", nargs="*", type=Path, default=None, metavar="PATH", help="what to scan (default: .)")
    _add_options(scan)
    guard = commands.add_parser(
        "guard", help="check instructions to models: prompt files, agent files, prompt strings",
        description="Find the texts that models are to obey (agent files, prompt files, tool descriptions, prompt "
        "strings in Python) and check each for malicious, biased, injected and hidden instructions. A file that is "
        "named is checked whatever it is called; - reads a request from standard input.",
        formatter_class=_Formatter,
    )  # fmt: skip
    guard.add_argument("paths", nargs="*", type=Path, default=None, metavar="PATH", help="what to check (default: .)")
    guard.add_argument("--text", default=None, metavar="TEXT", help="check this request instead of files")
    _add_options(guard)
    prove = commands.add_parser(
        "prove", help="attack everything suspected in one file, and tell each attempt",
        description="Attack every finding and every candidate of a file, or of one function in it, and show entry by "
        "entry what was tried and what happened. Exits with 1 if anything is confirmed.", formatter_class=_Formatter,
    )  # fmt: skip
    prove.add_argument("target", metavar="FILE[:FUNCTION]", help="what to attack; a method is FILE:Class.method")
    _add_options(prove, PROVE_OPTIONS)
    triage = commands.add_parser(
        "triage", help="attack and judge what other tools have found: SARIF, or the JSON of Bandit or Semgrep",
        description="Read the reports of other tools, attack and judge each result, and write the reports again with "
        "the verdicts added. No result is lost or merged.", formatter_class=_Formatter,
    )  # fmt: skip
    triage.add_argument("reports", nargs="+", type=Path, metavar="REPORT", help="SARIF, or JSON of Bandit or Semgrep")
    triage.add_argument(
        "--root", type=Path, default=Path(), metavar="DIR", help="where the scanned tree is (default: .)"
    )
    triage.add_argument("--mapping", type=Path, metavar="FILE", help="YAML with lines like `their-rule-id: CWE-78`")
    triage.add_argument("--merge", action="store_true", help="write one run with the results of all")
    _add_options(triage, TRIAGE_OPTIONS)
    _add_merge(commands)
    init = commands.add_parser("init", help="set a repository up: configuration, pre-commit hooks, GitHub workflow")
    init.add_argument("--diff", action="store_true", help="show what would be written, and write nothing")
    serve = commands.add_parser("serve", help="check instructions and scan code over HTTP (extra `serve`)")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    serve.add_argument("--port", type=_whole_number, default=8765, help="the port (default: 8765)")
    serve.add_argument("--execute", action="store_true", help="attack what is sent to /scan, in the sandbox")
    _add_options(serve, {"max-file-size", "sandbox", "python", "probe-budget", "jobs", "cache-dir", "threat-model"})
    _add_evals(commands)
    _add_knowledge(commands)
    _add_redteam(commands)
    explain = commands.add_parser("explain", help="what a rule means, why it matters, how to fix it")
    explain.add_argument("what", metavar="RULE|CWE", help="a rule's id, or a CWE such as CWE-89")
    rules = commands.add_parser("rules", help="list every rule")
    rules.add_argument("--format", choices=("text", "json"), default="text", help="how to list them")
    replay = commands.add_parser("replay", help="run the proof of a confirmed result again, in the sandbox")
    replay.add_argument("what", metavar="FINGERPRINT|SCRIPT", help="a result's fingerprint (or its start), or a script")
    replay.add_argument("--show", action="store_true", help="print the script instead of running it")
    replay.add_argument("--sandbox", default="", metavar="LEVEL", help="require this sandbox")
    cache = commands.add_parser("cache", help="what is kept of earlier runs, and forgetting it")
    cache.add_argument("action", choices=("info", "clear"), help="count the kept values, or forget them all")
    cache.add_argument("--cache-dir", default=os.environ.get("BLUECODE_CACHE_DIR", ""), metavar="DIR",
                       help="where they are (default: the user's cache directory)")  # fmt: skip
    commands.add_parser("doctor", help="which analyzers, sandboxes and models are usable here, and how to get the rest")
    return parser


def _add_merge(commands: argparse._SubParsersAction[_Parser]) -> None:
    part = commands.add_parser(
        "merge", help="make one SARIF report of those that `scan --shard` wrote",
        description="Make one report of those of all shards: byte for byte what the scan without --shard writes.",
        formatter_class=_Formatter,
    )  # fmt: skip
    part.add_argument("reports", nargs="+", type=Path, metavar="REPORT", help="the SARIF of every shard")
    part.add_argument("--partial", action="store_true", help="merge what there is, and say which shards are missing")
    part.add_argument("--output", "-o", type=Path, metavar="FILE", help="write to this file")
    part.add_argument("--fail-on", choices=("note", "warning", "error", "never"), default="warning",
                      help="exit with 1 if a result has at least this level (default: warning)")  # fmt: skip


def _add_knowledge(commands: argparse._SubParsersAction[_Parser]) -> None:
    base = commands.add_parser("kb", help="look at, extend and prove the knowledge base of insecure and secure code")
    actions = base.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    said = {
        "list": "one line a pair",
        "show": "a pair with both sides and its tests",
        "stats": "pairs, verified pairs and distinct structures per CWE",
        "verify": "run the tests of the pairs again, in the sandbox",
        "add": "admit new pairs: checked, no near-duplicate, proven in the sandbox",
        "index": "build the retrieval index and describe it",
        "export": "all pairs as JSON lines",
    }
    parts = {name: actions.add_parser(name, help=text) for name, text in said.items()}
    for name, part in parts.items():
        part.add_argument("--knowledge", type=Path, metavar="DIR", help="with the pairs of this directory, too")
        if name in {"list", "stats", "verify", "export"}:
            part.add_argument("--cwe", type=_weakness, metavar="CWE", help="those of this weakness only")
        if name in {"verify", "add"}:
            part.add_argument("--sandbox", default="", metavar="LEVEL", help="require this sandbox")
    parts["show"].add_argument("id", metavar="ID")
    parts["index"].add_argument("--shapes", action="store_true", help="write rules/knowledge/shapes.json anew, too")
    parts["stats"].add_argument("--retrieval", action="store_true", help="measure retrieval, too (takes a while)")
    parts["verify"].add_argument(
        "--sample", type=_whole_number, default=0, metavar="N", help="N of them, evenly spread"
    )
    parts["verify"].add_argument("--jobs", "-j", type=_whole_number, default=0, metavar="N", help="run N at a time")
    parts["add"].add_argument("file", type=Path, metavar="FILE", help="JSON lines, one pair each")
    parts["add"].add_argument(
        "--to", type=Path, required=True, metavar="DIR", help="the knowledge directory to write to"
    )
    constitution = commands.add_parser("constitution", help="distil principles from pairs, or check the ones there are")
    ways = constitution.add_subparsers(dest="action", required=True, metavar="ACTION", parser_class=_Parser)
    distill = ways.add_parser("distill", help="propose principles from what the two sides of the pairs differ in")
    distill.add_argument("--cwe", type=_weakness, required=True, metavar="CWE", help="of this weakness")
    ways.add_parser("check", help="hold every principle against its examples")


def _add_redteam(commands: argparse._SubParsersAction[_Parser]) -> None:
    part = commands.add_parser(
        "redteam", help="attack this scanner with variants of what it knows, and propose what evades as knowledge",
        description="Rewrite known defects and instructions, prove in the sandbox that they are still unsafe, and "
        "count what is caught. Nothing is written into rules/.", formatter_class=_Formatter,
    )  # fmt: skip
    part.add_argument("what", choices=("code", "text", "all"), nargs="?", default="all", help="what to rewrite")
    part.add_argument("--cwe", type=_weakness, action="append", default=[], metavar="CWE", help="these weaknesses only")
    part.add_argument("--budget", type=_whole_number, default=120, metavar="N", help="make at most N variants")
    part.add_argument("--seconds", type=_whole_number, default=0, metavar="S", help="begin no round after S seconds")
    part.add_argument("--rounds", type=_whole_number, default=3, metavar="N", help="rounds of the search")
    part.add_argument(
        "--seed", type=_whole_number, default=0, metavar="N", help="for another, equally repeatable search"
    )
    part.add_argument("--static", action="store_true", help="attack the static stage alone: the scanner proves nothing")
    part.add_argument("--loop", action="store_true",
                      help="after each round learn what evaded, and measure on fresh variants")  # fmt: skip
    part.add_argument("--knowledge", default="", metavar="DIR", help="with this directory's pairs and principles, too")
    part.add_argument("--propose", type=Path, metavar="FILE", help="write proven evasions for `kb add`")
    part.add_argument("--output", "-o", type=Path, metavar="FILE", help="write every record as a JSON line")
    part.add_argument("--resume", type=Path, metavar="FILE", help="take over the records of an earlier --output")
    part.add_argument("--html", type=Path, metavar="FILE", help="write a summary as one HTML file")
    part.add_argument("--sandbox", default="", metavar="LEVEL", help="require this sandbox")
    part.add_argument("--quiet", "-q", action="store_true", help="no progress")


def _weakness(text: str) -> int:
    number = text.upper().removeprefix("CWE-")
    return _whole_number(number)


def _add_evals(commands: argparse._SubParsersAction[_Parser]) -> None:
    evals = commands.add_parser("evals", help="how good it is: on a labelled suite, and the guard on its knowledge")
    parts = evals.add_subparsers(dest="what", required=True, metavar="WHAT", parser_class=_Parser)
    code = parts.add_parser(
        "code", help="score the scanner, and other tools' reports, on a labelled suite",
        description="Scan the programs of a suite (a folder with manifest.jsonl: id, path, vulnerable, cwe, pair) and "
        "score what is reported, by CWE family.", formatter_class=_Formatter,
    )  # fmt: skip
    code.add_argument("suite", type=Path, metavar="SUITE", help="the folder")
    code.add_argument("--against", action="append", default=[], type=Path, metavar="REPORT",
                      help="score this report of another tool, too (SARIF, or JSON of Bandit or Semgrep)")  # fmt: skip
    code.add_argument("--grid", action="store_true",
                      help="ask the model in every --reasoner-mode, and say what each changes and costs")  # fmt: skip
    code.add_argument("--by-cwe", action="store_true", help="a row for each CWE, too")
    code.add_argument("--list", choices=("tp", "fp", "fn", "tn"), default="", help="name the cases of this outcome")
    _add_options(
        code, (TRIAGE_OPTIONS | {"threat-model", "select", "ignore", "min-severity"}) - {"fail-on", "exit-zero"}
    )
    guard = parts.add_parser("guard", help="cross-validate the guard on its labelled instructions (extra `train`)")
    guard.add_argument("split", nargs="?", choices=("category", "structure", "obfuscation"), default="category",
                       help="hold out whole categories (default), whole structures, or disguise the texts")  # fmt: skip


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=min(100, int(os.environ.get("COLUMNS", "100"))))


def _add_options(parser: argparse.ArgumentParser, names: Collection[str] = OPTION_OF) -> None:
    parser.add_argument("--config", "-c", type=Path, help="use this configuration file")
    parser.add_argument("--isolated", action="store_true", help="use no configuration file at all")
    parser.add_argument("--show-settings", action="store_true", help="print the settings in force, and stop")
    groups: dict[str, argparse._ArgumentGroup] = {}
    for option in (OPTION_OF[name] for name in OPTION_OF if name in names):
        group = groups.setdefault(option.group, parser.add_argument_group(option.group))
        _add_option(group, option)


def _add_option(group: argparse._ArgumentGroup, option: Option) -> None:
    names = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
    shown = f" (default: {option.default})" if option.shape in {Shape.CHOICE, Shape.COUNT} and option.default else ""
    more: dict[str, Any] = {"dest": option.key, "default": None, "help": (option.help + shown).replace("%", "%%")}
    if option.shape is Shape.FLAG:
        group.add_argument(*names, action="store_true", **more)
        return
    if option.shape in {Shape.LIST, Shape.FORMATS}:
        more |= {"action": "append"}
    elif option.shape is Shape.CHOICE:
        more |= {"choices": option.choices}
    elif option.shape is Shape.COUNT:
        more |= {"type": _whole_number}
    if option.metavar:
        more |= {"metavar": option.metavar}
    group.add_argument(*names, **more)


def _whole_number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        message = f"must be a whole number, 0 or more: {text!r}"
        raise argparse.ArgumentTypeError(message)
    return int(text)
