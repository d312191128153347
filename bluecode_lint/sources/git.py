"""What git knows of the scanned tree: its root, which files are not ignored, what changed, what is staged.

Git runs without the repository's hooks, filters, file-system monitor and remotes: a hostile ``.git/config`` starts
nothing.
"""

from __future__ import annotations

import os
import re
import subprocess
from types import MappingProxyType
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_QUIET = (
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.quotePath=false",
    "-c", "diff.external=",
    "-c", "core.pager=cat",
)  # fmt: skip
_TIMEOUT_S = 120
_HUNK = re.compile(rb"^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


def _environment() -> dict[str, str]:
    keep = ("PATH", "HOME", "LANG", "GIT_INDEX_FILE", "GIT_DIR", "GIT_WORK_TREE")
    return {name: os.environ[name] for name in keep if name in os.environ} | {
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        # A partial clone fetches what it misses, by whatever command its configuration names: no protocol is allowed.
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
    }


def _without_filters(root: Path) -> dict[str, str]:
    """Override every clean and smudge filter: comparing with the work tree would run them.

    By environment, since a filter's name may hold any character and ``-c`` splits at the first ``=``.
    """
    named = _git(root, "config", "--null", "--name-only", "--get-regexp", r"^filter\.")
    settings: dict[str, str] = {}
    for raw in filter(None, named.stdout.split(b"\0")):
        key = os.fsdecode(raw)
        settings[key] = "false" if key.endswith(".required") else ""
    overrides = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        overrides |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return overrides


def _git(
    root: Path, *arguments: str, overrides: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[bytes]:
    """Run git in ``root``, with more environment than `_environment` if it is given as ``overrides``.

    Raises:
        SourceError: Git is not installed or does not answer.
    """
    try:
        return subprocess.run(  # noqa: S603  # a fixed program, and every argument is a word of its own
            ["git", *_QUIET, *arguments],  # noqa: S607  # the user's git
            cwd=root,
            env={**_environment(), **overrides},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError as error:
        message = "git is not installed, and this needs it"
        raise SourceError(message, advice="Install git, or scan paths without --diff-base and --staged.") from error
    except subprocess.TimeoutExpired as error:
        message = f"git did not answer within {_TIMEOUT_S} s"
        raise SourceError(message) from error


def find_top_level(directory: Path) -> Path | None:
    """Give the root of the work tree that ``directory`` lies in, or None outside of one. Starts no process."""
    for candidate in (directory, *directory.parents):
        if (candidate / ".git").exists():
            return candidate
    return None


def list_files(directory: Path) -> list[Path] | None:
    """List the files below ``directory`` that git tracks or would not ignore; None if git cannot say."""
    try:
        answer = _git(directory, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", ".")
    except SourceError:
        return None
    if answer.returncode != 0:
        return None
    names = {os.fsdecode(name) for name in answer.stdout.split(b"\0") if name}
    return [directory / name for name in sorted(names)]


def merge_base(root: Path, reference: str) -> str:
    """Give the commit where the work tree's branch left ``reference``.

    Raises:
        SourceError: The reference is unknown here, or the history is too shallow to tell.
    """
    if reference.startswith("-"):
        message = f"not a git reference: {reference!r}"
        raise SourceError(message)
    known = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if known.returncode != 0:
        message = f"git does not know {reference!r} here"
        raise SourceError(message, advice="Fetch it first (in a workflow: actions/checkout with fetch-depth: 0).")
    base = _git(root, "merge-base", known.stdout.decode().strip(), "HEAD")
    if base.returncode != 0:
        message = f"{reference!r} and HEAD have no common commit in this clone"
        raise SourceError(message, advice="The clone is probably shallow: fetch with --unshallow or fetch-depth: 0.")
    return base.stdout.decode().strip()


def changed_lines(root: Path, base: str | None, *, staged: bool) -> dict[str, list[range]]:
    """Map each added or changed file (relative to ``root``) to the ranges of its new lines, deletions left out.

    With ``staged`` the index is compared with ``base`` (HEAD when None), else the work tree is.

    Raises:
        SourceError: Git could not compare.
    """
    arguments = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--relative"]
    arguments += ["--diff-filter=ACMR", "--ignore-submodules=all", *(["--cached"] if staged else [])]
    arguments += [base] if base is not None else []
    answer = _git(root, *arguments, "--patch-with-raw", "-z", "--unified=0", "--", overrides=_without_filters(root))
    if answer.returncode != 0:
        message = "git could not compare: " + answer.stderr.decode(errors="replace").strip()
        raise SourceError(message)
    names, patch = _split_raw(answer.stdout)
    # Every line of a patch's body starts with a sign, so a header cannot be content; both parts have one order.
    sections = re.split(rb"^diff --git ", patch, flags=re.MULTILINE)[1:]
    return {
        name: [range(int(start), int(start) + int(count or b"1")) for start, count in _HUNK.findall(section)]
        for name, section in zip(names, sections, strict=True)
    }


def _split_raw(output: bytes) -> tuple[list[str], bytes]:
    """Split the answer of ``--patch-with-raw -z``: the new names, and the patch behind them."""
    names: list[str] = []
    rest = output
    while rest.startswith(b":"):
        change, name, rest = rest.split(b"\0", 2)
        if change.rpartition(b" ")[2][:1] in b"RC":  # renamed or copied: the old name comes first
            name, rest = rest.split(b"\0", 1)
        names.append(os.fsdecode(name))
    return names, rest.removeprefix(b"\0")


def staged_content(root: Path, name: str) -> bytes | None:
    """Give the bytes of ``name`` (relative to ``root``) as they stand in the index; None if it is not there."""
    answer = _git(root, "cat-file", "blob", f":{name}" if not name.startswith(":") else f":./{name}")
    return answer.stdout if answer.returncode == 0 else None
