"""The ``BCL`` codes of flake8: our static stage, one file at a time. Nothing is executed, no other tool is started."""

from __future__ import annotations

import atexit
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint import __version__
from bluecode_lint.cli import wiring
from bluecode_lint.cli.config import load_settings
from bluecode_lint.cli.inputs import ChangeScope, Inputs
from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Artifact, Level
from bluecode_lint.knowledge.catalogue import rules_root
from bluecode_lint.pipeline import scan
from bluecode_lint.sources.reading import make_artifact

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Rule
    from bluecode_lint.pipeline import Policy, Tools

TROUBLE = "BCL000"
"""A file that could not be looked at, or not wholly."""
_EXTERNAL = frozenset({"bandit", "semgrep"})


class Flake8Plugin:
    """What flake8 makes for each file and runs once."""

    name = "bluecode-lint"
    version = __version__

    def __init__(self, tree: ast.AST, filename: str, lines: Sequence[str]) -> None:
        """Take what flake8 read; it decodes and parses itself, and the tree it gives is not needed."""
        del tree
        self._filename = filename
        self._lines = lines

    def run(self) -> Iterator[tuple[int, int, str, type[Any]]]:
        """Yield (line from 1, column from 0, "BCLnnn message", this class) for each result."""
        tools, policy = _static_stage()
        codes = load_codes(rules_root() / "mappings" / "flake8.yaml", tools.rules)
        items = list(make_artifact(self._filename, "".join(self._lines).encode()))
        run = scan([item for item in items if isinstance(item, Artifact)], tools, policy)
        for result in run.results:
            region = result.finding.location.region
            if result.counts:
                message = f"{codes[result.rule.id]} {' '.join(result.finding.message.split())}"
                yield region.start_line, region.start_column - 1, message, type(self)
        for note in run.notifications:
            if note.level.rank >= Level.WARNING.rank:
                yield 1, 0, f"{TROUBLE} {note.message}", type(self)


@cache
def _static_stage() -> tuple[Tools, Policy]:
    """Open what one process needs, once; flake8 has no hook for the end, so it is closed when Python ends."""
    settings = load_settings({"no-exec": True, "no-llm": True, "quiet": True}, Path.cwd(), None, isolated=True)
    rules = wiring.load_catalogue(settings)
    stack = ExitStack()
    atexit.register(stack.close)
    tools, _ = stack.enter_context(wiring.open_tools(settings, rules, Inputs(Path.cwd(), (), (), ChangeScope(None))))
    own = tuple(analyzer for analyzer in tools.analyzers if analyzer.name not in _EXTERNAL)
    return replace(tools, analyzers=own), wiring.make_policy(settings, rules)


@cache
def _read_codes(path: Path) -> Mapping[str, str]:
    try:
        table = yaml.safe_load(path.read_bytes())
        return {f"bluecode/{slug}": str(code) for slug, code in table.items()}
    except (OSError, yaml.YAMLError, AttributeError) as error:
        message = f"{path}: {error}"
        raise RulesError(message) from error


def load_codes(path: Path, rules: Mapping[str, Rule]) -> Mapping[str, str]:
    """Read the code of every rule.

    Raises:
        RulesError: The table is malformed, or a rule has no code.
    """
    codes = _read_codes(path)
    missing = sorted(rules.keys() - codes.keys())
    if missing:
        message = f"{path}: no code for {', '.join(missing)}"
        raise RulesError(message)
    return codes
