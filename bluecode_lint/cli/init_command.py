"""``bluecode-lint init``: set a repository up, with what can be seen of it, and overwrite nothing."""

from __future__ import annotations

import difflib
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from bluecode_lint import __version__
from bluecode_lint.core.errors import ExitCode, UsageError
from bluecode_lint.sources import git

if TYPE_CHECKING:
    import argparse

_NAME = "bluecode-lint"
_REPOSITORY = "OWNER/bluecode-lint"
_HOOKS = f"""\
  - repo: https://github.com/{_REPOSITORY}
    rev: v{__version__}
    hooks:
      - id: bluecode-lint
      - id: bluecode-guard
      - id: bluecode-lint-full
"""
_CHECKOUT = "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2"
_WORKFLOW = f"""\
name: bluecode-lint

on:
  push:
    branches: [{{branch}}]
  pull_request:
  merge_group:

permissions: {{{{}}}}

jobs:
  bluecode-lint:
    runs-on: ubuntu-24.04
    permissions:
      contents: read
      security-events: write
      actions: read # private repositories only
    steps:
      - uses: {_CHECKOUT}
        with:
          persist-credentials: false
          fetch-depth: 0
      - uses: {_REPOSITORY}/action@v{__version__}
        with:
          fail-on: error
"""
_CONFIG = 'fail-on = "warning"\n'


@dataclass(frozen=True, slots=True)
class Step:
    """One file: its text before (None: there is none) and after, or why it is left alone."""

    path: Path
    before: str | None
    after: str = ""
    left_alone: str = ""


def init_command(arguments: argparse.Namespace) -> ExitCode:
    """Write (or, with ``--diff``, show) the configuration, the pre-commit entry and the workflow."""
    root = git.find_top_level(Path.cwd())
    if root is None:
        message = "there is no git repository here"
        raise UsageError(message, advice="Run `git init` first.")
    steps = [plan_config(root), plan_hooks(root), plan_workflow(root)]
    for step in steps:
        name = step.path.relative_to(root).as_posix()
        if step.left_alone:
            sys.stdout.write(f"{name}: {step.left_alone}\n")
        elif arguments.diff:
            before = (step.before or "").splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(before, step.after.splitlines(keepends=True), name, name))
        else:
            step.path.parent.mkdir(parents=True, exist_ok=True)
            step.path.write_text(step.after, encoding="utf-8")
            sys.stdout.write(f"{name}: {'written' if step.before is None else 'extended'}\n")
    if not arguments.diff:
        sys.stdout.write("Next: pre-commit install --hook-type pre-commit --hook-type pre-push\n")
    return ExitCode.CLEAN


def plan_config(root: Path) -> Step:
    """Put the settings into ``pyproject.toml`` if there is one, else into a file of our own."""
    project, own = root / "pyproject.toml", root / f"{_NAME}.toml"
    if own.exists():
        return Step(own, _read(own), left_alone="is there already")
    if not project.exists():
        return Step(own, None, after=_CONFIG)
    before = _read(project)
    try:
        table = tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        return Step(project, before, left_alone=f"is left alone, it does not parse ({error})")
    if _NAME in table.get("tool", {}):
        return Step(project, before, left_alone=f"has [tool.{_NAME}] already")
    return Step(project, before, after=f"{before.rstrip()}\n\n[tool.{_NAME}]\n{_CONFIG}")


def plan_hooks(root: Path) -> Step:
    """Add the hooks to the pre-commit configuration, and check that they have become part of it."""
    path = root / ".pre-commit-config.yaml"
    if not path.exists():
        return Step(path, None, after=f"repos:\n{_HOOKS}")
    before = _read(path)
    if _NAME in before:
        return Step(path, before, left_alone="has the hooks already")
    unindented = "\n".join(line.removeprefix("  ") for line in _HOOKS.splitlines()) + "\n"
    for hooks in (_HOOKS, unindented):
        after = f"{before.rstrip()}\n{hooks}"
        if _has_one_more(before, after):
            return Step(path, before, after=after)
    return Step(path, before, left_alone=f"is left alone, its form is not known; add to its repos:\n{_HOOKS.rstrip()}")


def _has_one_more(before: str, after: str) -> bool:
    try:
        old, new = yaml.safe_load(before), yaml.safe_load(after)
        return bool(new["repos"][:-1] == old["repos"] and new["repos"][-1]["hooks"])
    except (yaml.YAMLError, KeyError, TypeError, IndexError):
        return False


def plan_workflow(root: Path) -> Step:
    """Add a workflow of its own, for the branch that is checked out."""
    path = root / ".github" / "workflows" / f"{_NAME}.yml"
    if path.exists():
        return Step(path, _read(path), left_alone="is there already")
    head = (root / ".git" / "HEAD").read_text(encoding="utf-8") if (root / ".git" / "HEAD").is_file() else ""
    branch = head.strip().removeprefix("ref: refs/heads/") if head.startswith("ref: ") else "main"
    return Step(path, None, after=_WORKFLOW.format(branch=yaml.safe_dump(branch, default_style='"').strip()))


def _read(path: Path) -> str:
    """Read a file of the repository.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot read {path}: {error}"
        raise UsageError(message) from error
