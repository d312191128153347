"""The configuration file of the scanned repository: untrusted, so it may set what is repo-settable and nothing else."""

from __future__ import annotations

import difflib
import tomllib
from typing import TYPE_CHECKING, Any

from bluecode_lint.cli.settings import OPTION_OF, OPTIONS, Scope, Settings, parse_value, values_from_environment
from bluecode_lint.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TABLE = "bluecode-lint"
FILE_NAME = "bluecode-lint.toml"
_PER_FILE = "per-file-ignores"


def load_settings(flags: Mapping[str, Any], directory: Path, config: Path | None, *, isolated: bool) -> Settings:
    """Combine defaults, the configuration file, the environment and flags, the later ones winning.

    The file is ``config``, or the nearest ``bluecode-lint.toml`` or ``pyproject.toml`` with a ``[tool.bluecode-lint]``
    table at or above ``directory``; with ``isolated`` there is none.

    Raises:
        ConfigError: A file or a value is wrong.
    """
    path = config if config is not None else (None if isolated else find_config(directory))
    table = read_table(path) if path is not None else {}
    per_file = table.pop(_PER_FILE, {})
    values = {option.name: option.default for option in OPTIONS}
    values |= {name: _repo_value(name, raw, str(path)) for name, raw in table.items()}
    chosen = values_from_environment() | {name: value for name, value in flags.items() if value is not None}
    values |= chosen
    origin = str(path) if path is not None else ""
    return Settings(values, _per_file_ignores(per_file, str(path)), origin, frozenset(table) - frozenset(chosen))


def find_config(directory: Path) -> Path | None:
    """Look for the nearest configuration at or above ``directory``."""
    for folder in (directory, *directory.parents):
        own = folder / FILE_NAME
        if own.is_file():
            return own
        project = folder / "pyproject.toml"
        if project.is_file() and TABLE in _parse(project).get("tool", {}):
            return project
    return None


def read_table(path: Path) -> dict[str, Any]:
    """Read our table of a configuration file.

    Raises:
        ConfigError: The file cannot be read or parsed.
    """
    document = _parse(path)
    table = document.get("tool", {}).get(TABLE, {}) if path.name == "pyproject.toml" else document
    if not isinstance(table, dict):
        message = f"{path}: [tool.{TABLE}] must be a table"
        raise ConfigError(message)
    return dict(table)


def _parse(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        message = f"{path} is not valid TOML: {error}"
        raise ConfigError(message) from error
    tool = document.get("tool", {})
    return document if isinstance(tool, dict) else {**document, "tool": {}}


def _repo_value(name: str, raw: object, origin: str) -> Any:  # noqa: ANN401  # as the option's shape says
    option = OPTION_OF.get(name)
    if option is None:
        near = difflib.get_close_matches(name, [o.name for o in OPTIONS if o.scope is Scope.REPO] + [_PER_FILE], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        message = f"{origin}: unknown key {name!r}{hint}"
        raise ConfigError(message)
    if option.scope is Scope.OPERATOR:
        message = f"{origin}: {name!r} cannot be set by the scanned repository"
        advice = f"Give it as --{name} or as {option.variable}."
        raise ConfigError(message, advice=advice)
    return parse_value(option, raw, origin)


def _per_file_ignores(raw: object, origin: str) -> dict[str, tuple[str, ...]]:
    if isinstance(raw, dict) and all(
        isinstance(rules, list) and all(isinstance(rule, str) for rule in rules) for rules in raw.values()
    ):
        return {pattern: tuple(rules) for pattern, rules in raw.items()}
    message = f"{origin}: {_PER_FILE} must map patterns to lists of rules"
    raise ConfigError(message)
