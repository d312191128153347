"""Builds the parts of a scan from the settings; the only place that knows every room.

Rooms are imported where they are needed, so that ``--version`` does not pay for a sandbox.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint import __version__
from bluecode_lint.cli.analysis import Analysis, external_programs
from bluecode_lint.cli.models import Ground, open_thinking
from bluecode_lint.cli.progress import ProgressLine
from bluecode_lint.cli.selectors import RuleSelection
from bluecode_lint.cli.shelves import Shelves, open_shelves
from bluecode_lint.core.errors import AnalyzerUnavailableError, SandboxUnavailableError, UsageError
from bluecode_lint.core.model import Confidence, Level, Notification
from bluecode_lint.fixes import RuleFixer
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.pipeline import Policy, Tools
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from bluecode_lint.analyzers.bandit import BanditTest
    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Rule
    from bluecode_lint.core.protocols import Analyzer, Emitter, Prober, Sandbox
    from bluecode_lint.core.shard import Shard


def cache_directory(chosen: str) -> Path:
    """Give the folder of everything that may be rebuilt: ``chosen``, else the user's cache directory."""
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path  # noqa: PLC0415  # lazy: start-up time

    return user_cache_path("bluecode-lint")


def load_catalogue(settings: Settings | None) -> dict[str, Rule]:
    """Load the rules by id.

    Raises:
        RulesError: A rule file is malformed.
    """
    cache = cache_directory(settings["cache-dir"] if settings is not None else "")
    return {rule.id: rule for rule in load_rules(rules_root(), cache=cache)}


def make_policy(settings: Settings, rules: Mapping[str, Rule]) -> Policy:
    """Turn settings into what is reported.

    Raises:
        UsageError: A rule selector means nothing.
    """
    return Policy(
        selects=RuleSelection(settings, rules),
        min_confidence=Confidence[settings["min-confidence"].upper()],
        min_level=Level(settings["min-severity"]),
        honour_suppressions=not settings["no-suppressions"],
        probe_budget=settings["probe-budget"],
    )


def narrow(policy: Policy, inputs: Inputs) -> Policy:
    """Restrict a policy to the part of the tree that is asked about."""
    return replace(policy, in_scope=inputs.in_scope)


@contextmanager
def open_tools(
    settings: Settings,
    rules: Mapping[str, Rule],
    inputs: Inputs,
    *,
    journal: bool = False,
    anew: bool = False,
    shard: Shard | None = None,
) -> Iterator[tuple[Tools, tuple[Notification, ...]]]:
    """Build every part, give it with what a reader must know of it, and take it all down afterwards.

    With a ``journal`` each confirmation tells every attempt; ``anew`` takes nothing from earlier runs; with a ``shard``
    analyzers report on its files only.

    Raises:
        AnalyzerUnavailableError: A wanted analyzer is missing.
        SandboxUnavailableError: The sandbox that was required does not hold here.
        UsageError: The knowledge directory is not there.
        RulesError: The knowledge directory holds a malformed file.
    """
    from bluecode_lint.knowledge.retriever import open_examples, open_retriever  # noqa: PLC0415  # lazy: start-up time

    jobs: int = settings["jobs"] or len(os.sched_getaffinity(0))
    progress = ProgressLine(quiet=settings["quiet"])
    remarks: list[Notification] = []
    root, cache = rules_root(), cache_directory(settings["cache-dir"])
    extra = knowledge_directories(settings["knowledge"])
    uris = [artifact.uri for artifact in inputs.artifacts]
    analysis = Analysis(rules, jobs=jobs, threat_model=settings["threat-model"], knowledge=extra, uris=uris)
    retriever = open_retriever(root, parse_python, cache=cache, extra=extra)
    examples = partial(open_examples, root, retriever, extra)
    with (
        _opened_shelves(settings, extra, remarks, anew=anew) as shelves,
        _open_prober(settings, inputs.root, remarks, shelves, journal=journal) as prober,
        open_thinking(settings, inputs, Ground(rules, root, cache, analysis.addresses_reviewer, examples)) as thinking,
        _opened_executor(jobs) as executor,
    ):
        yield (
            Tools(
                analyzers=_shared_out((*analysis.make_analyzers(shelves), *thinking.reviewers), shard),
                rules=rules,
                retriever=shelves.before_retriever(retriever),
                reasoner=shelves.before_reasoner(thinking.reasoner),
                experimenter=thinking.experimenter,
                executor=executor,
                prober=prober,
                fixer=RuleFixer(),
                tool_version=__version__,
                progress=progress,
            ),
            tuple(remarks),
        )
        progress.clear()


def _shared_out(analyzers: tuple[Analyzer, ...], shard: Shard | None) -> tuple[Analyzer, ...]:
    """Let every analyzer look at a shard alone, but the one that follows data from file to file."""
    if shard is None:
        return analyzers
    from bluecode_lint.analyzers.share import ShareAnalyzer  # noqa: PLC0415  # lazy: start-up time

    return tuple(ShareAnalyzer(a, shard.holds, reads_all=a.name == "flow") for a in analyzers)


def knowledge_directories(name: str) -> tuple[Path, ...]:
    """Give the user's own knowledge directory, if one is named.

    Raises:
        UsageError: It is not there, or holds neither pairs nor constitutions.
    """
    if not name:
        return ()
    folder = Path(name)
    if not folder.is_dir():
        message = f"no such knowledge directory: {name}"
        raise UsageError(message)
    if not any((*folder.glob("knowledge/code/*.jsonl"), *folder.glob("constitutions/*.yaml"))):
        message = f"{name} has neither knowledge/code/*.jsonl nor constitutions/*.yaml"
        raise UsageError(message)
    return (folder,)


@contextmanager
def _opened_executor(jobs: int) -> Iterator[Executor]:
    """Open the workers; when the scan is broken off, what has not begun is dropped."""
    executor = ThreadPoolExecutor(jobs, thread_name_prefix="bluecode")
    try:
        yield executor
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _opened_shelves(
    settings: Settings, extra: Sequence[Path], remarks: list[Notification], *, anew: bool
) -> Iterator[Shelves]:
    """Open what is kept of earlier runs; say so if nothing can be kept."""
    if anew or settings["no-cache"]:
        yield Shelves()
        return
    programs = (Path(settings["python"] or sys.executable), *external_programs())
    with open_shelves(cache_directory(settings["cache-dir"]), (rules_root(), *extra), programs) as shelves:
        if shelves.trouble:
            remarks.append(Notification(Level.NOTE, "cache-unusable", f"results are not kept: {shelves.trouble}"))
        yield shelves


def load_bandit_tests(rules: Mapping[str, Rule]) -> Mapping[str, BanditTest]:
    """Load what each of Bandit's tests means here."""
    from bluecode_lint.analyzers.bandit import load_mapping  # noqa: PLC0415  # lazy: start-up time

    return load_mapping(rules_root() / "mappings" / "bandit.yaml", rules)


@contextmanager
def _open_prober(
    settings: Settings, root: Path, remarks: list[Notification], shelves: Shelves, *, journal: bool
) -> Iterator[Prober | None]:
    """Open a sandbox and the probes that attack in it; say so if there is none, and execute nothing then."""
    if settings["no-exec"]:
        yield None
        return
    with opened_sandbox(settings["sandbox"]) as sandbox:
        if sandbox is None:
            message = "nothing was executed: no sandbox holds on this machine (`bluecode-lint doctor` says why)"
            remarks.append(Notification(Level.WARNING, "no-sandbox", message))
            yield None
            return
        from bluecode_lint.probes import AttackProber, ProbeOptions  # noqa: PLC0415  # lazy: start-up time

        options = ProbeOptions(python=settings["python"] or sys.executable, journal=journal)
        words = (sandbox.level, repr(options))
        yield shelves.before_prober(AttackProber(sandbox, root, parse_python, options), root, *words)


@contextmanager
def opened_sandbox(level: str) -> Iterator[Sandbox | None]:
    """Open the sandbox, and end its helpers afterwards.

    Raises:
        SandboxUnavailableError: ``level`` was required and does not hold here.
    """
    from bluecode_lint.probes import PRELOAD  # noqa: PLC0415  # lazy: start-up time
    from bluecode_lint.sandbox import open_sandbox  # noqa: PLC0415  # lazy: start-up time

    sandbox = open_sandbox(level or None, preload=PRELOAD)
    if sandbox is None and level:
        message = f"no sandbox of level {level!r} or above holds on this machine"
        raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why; --no-exec executes nothing.")
    try:
        yield sandbox
    finally:
        close = getattr(sandbox, "close", None)
        if close is not None:
            close()


def make_emitter(name: str, *, color: bool, width: int, verbose: bool) -> Emitter:
    """Build the emitter called ``name``, one of `settings.FORMATS`."""
    if name == "sarif":
        from bluecode_lint.emitters.sarif import SarifEmitter  # noqa: PLC0415  # lazy: start-up time

        return SarifEmitter()
    if name == "json":
        from bluecode_lint.emitters.json import JsonEmitter  # noqa: PLC0415  # lazy: start-up time

        return JsonEmitter()
    if name == "github":
        from bluecode_lint.emitters.github import GithubEmitter  # noqa: PLC0415  # lazy: start-up time

        return GithubEmitter()
    if name == "html":
        from bluecode_lint.emitters.html import HtmlEmitter  # noqa: PLC0415  # lazy: start-up time

        return HtmlEmitter()
    from bluecode_lint.emitters.text import TextEmitter  # noqa: PLC0415  # lazy: start-up time

    return TextEmitter(color=color, width=width, verbose=verbose)


# --- replay and doctor -----------------------------------------------------------------------------------------------


def replay(script: str, level: str) -> tuple[bool, str]:
    """Run a proof in the sandbox; tell whether the attack still works, and what was seen.

    Raises:
        SandboxUnavailableError: There is no sandbox: a proof is never run outside of one.
    """
    from bluecode_lint.probes import read_replay, replay_job  # noqa: PLC0415  # lazy: start-up time

    with opened_sandbox(level) as sandbox:
        if sandbox is None:
            message = "no sandbox holds on this machine, and a proof is never run outside of one"
            raise SandboxUnavailableError(message, advice="`bluecode-lint doctor` says why.")
        answer = read_replay(sandbox.exec(replay_job(script)))
    return answer.worked, answer.said


@dataclass(frozen=True, slots=True)
class Check:
    """What `doctor` says of one part."""

    part: str
    usable: bool
    detail: str
    advice: str = ""
    required: bool = False


def examine() -> list[Check]:
    """Try every part that a scan may need on this machine."""
    from bluecode_lint.knowledge.index import annoy_is_installed  # noqa: PLC0415  # lazy: start-up time
    from bluecode_lint.sandbox import describe_backends  # noqa: PLC0415  # lazy: start-up time

    rules = load_catalogue(None)
    checks = [
        Check("python", usable=True, detail=f"{sys.version.split()[0]} at {sys.executable}"),
        Check("rules", usable=True, detail=f"{len(rules)} rules in {rules_root()}"),
    ]
    analysis = Analysis(rules)
    for tool in (analysis.open_semgrep(), analysis.open_bandit()):
        try:
            checks.append(Check(tool.name, usable=True, detail=tool.version, required=True))
        except AnalyzerUnavailableError as error:
            checks.append(Check(tool.name, usable=False, detail=str(error), advice=error.advice, required=True))
    checks += [
        Check(
            f"sandbox {status.level}", status.usable,
            f"stops {status.stops}; cannot stop {status.cannot_stop}" if status.usable else status.detail,
            status.advice,
        )
        for status in describe_backends()
    ]  # fmt: skip
    annoy = annoy_is_installed()
    checks.append(
        Check(
            "retrieval", annoy, "annoy" if annoy else "exact search answers instead, more slowly",
            "pip install 'bluecode-lint[annoy]'",
        )
    )  # fmt: skip
    return checks
