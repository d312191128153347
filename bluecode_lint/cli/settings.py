"""Every setting, said once: its name makes the flag, the ``BLUECODE_*`` variable and the configuration key.

Two classes, kept apart by the table itself: a *repo-settable* option may stand in a scanned repository's configuration
file; an *operator-only* one is taken from flags and environment alone, because it decides what runs on this machine,
what leaves it, and what may be hidden.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Scope(Enum):
    """Who may set an option."""

    REPO = "repo"
    OPERATOR = "operator"


class Shape(Enum):
    """What an option's value looks like."""

    FLAG = "flag"
    TEXT = "text"
    CHOICE = "choice"
    COUNT = "count"
    LIST = "list"
    FORMATS = "formats"


@dataclass(frozen=True, slots=True)
class Option:
    """One setting. ``name`` is the long flag without its dashes; LIST values are comma-separated and repeatable."""

    name: str
    shape: Shape
    scope: Scope
    default: Any
    help: str
    short: str = ""
    choices: tuple[str, ...] = ()
    metavar: str = ""
    group: str = "output"

    @property
    def key(self) -> str:
        """Give the attribute name under which the parsed value is kept."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Give the environment variable."""
        return "BLUECODE_" + self.key.upper()


LEVELS = ("note", "warning", "error")
FORMATS = ("text", "json", "sarif", "github", "html")


_OFF = False


def _repo(name: str, shape: Shape, default: Any, text: str, **more: Any) -> Option:  # noqa: ANN401  # a value
    return Option(name, shape, Scope.REPO, default, text, **more)


def _operator(name: str, shape: Shape, default: Any, text: str, **more: Any) -> Option:  # noqa: ANN401  # its value
    return Option(name, shape, Scope.OPERATOR, default, text, **more)


OPTIONS: tuple[Option, ...] = (
    _repo("select", Shape.LIST, (), "report these rules only (ids, prefixes ending in *, or CWEs such as CWE-78)",
          metavar="RULES", group="what to report"),
    _repo("extend-select", Shape.LIST, (), "report these rules, too", metavar="RULES", group="what to report"),
    _repo("ignore", Shape.LIST, (), "do not report these rules", metavar="RULES", group="what to report"),
    _repo("min-severity", Shape.CHOICE, "note", "leave out results below this level", choices=LEVELS,
          group="what to report"),
    _repo("min-confidence", Shape.CHOICE, "low", "leave out findings less sure than this",
          choices=("low", "medium", "high"), group="what to report"),
    _repo("fail-on", Shape.CHOICE, "warning", "exit with 1 if a result has at least this level",
          choices=(*LEVELS, "never"), group="exit code"),
    _operator("exit-zero", Shape.FLAG, _OFF, "exit with 0 even if there are results (never hides an error)",
              group="exit code"),
    _operator("fail-on-empty", Shape.FLAG, _OFF, "exit with 3 if there was nothing to scan", group="exit code"),
    _repo("exclude", Shape.LIST, None, "leave these files out (.gitignore syntax), instead of the default list",
          metavar="PATTERNS", group="files"),
    _repo("extend-exclude", Shape.LIST, (), "leave these files out, too", metavar="PATTERNS", group="files"),
    _repo("force-exclude", Shape.FLAG, _OFF, "excludes hold for files named on the command line, too",
          group="files"),
    _repo("max-file-size", Shape.COUNT, 1_048_576, "scan no file larger than this", metavar="BYTES", group="files"),
    _operator("stdin-filename", Shape.TEXT, "stdin.py", "the name that standard input (-) is reported under",
              metavar="NAME", group="files"),
    _operator("diff-base", Shape.TEXT, "", "report only what lies in lines changed since this commit or branch",
              metavar="REF", group="files"),
    _operator("staged", Shape.FLAG, _OFF, "scan what is staged in git's index, not the work tree", group="files"),
    _operator("shard", Shape.TEXT, "", "report on the I-th of N shares of the files; `merge` makes one report of all",
              metavar="I/N", group="files"),
    _operator("show-files", Shape.FLAG, _OFF, "list the files that would be scanned, and stop", group="files"),
    _repo("threat-model", Shape.CHOICE, "auto", "who is hostile: callers of a web app, a library, a command line",
          choices=("auto", "web", "library", "cli"), group="analysis"),
    _operator("no-exec", Shape.FLAG, _OFF, "execute nothing: static analysis and judgment only", group="analysis"),
    _operator("sandbox", Shape.TEXT, "", "require this sandbox (see `doctor`); never a weaker one", metavar="LEVEL",
              group="analysis"),
    _operator("probe-budget", Shape.COUNT, 60, "attack at most this many findings and candidates", metavar="N",
              group="analysis"),
    _operator("python", Shape.TEXT, "", "run attacks with this interpreter (and its packages)", metavar="PATH",
              group="analysis"),
    _repo("baseline", Shape.TEXT, "", "accept the results listed in this file", metavar="FILE", group="what to report"),
    _operator("update-baseline", Shape.FLAG, _OFF, "list every result of this run in the baseline",
              group="what to report"),
    _operator("knowledge", Shape.TEXT, "", "judge by the pairs and constitutions in this directory, too (see `kb add`)",
              metavar="DIR", group="analysis"),
    _operator("no-suppressions", Shape.FLAG, _OFF, "report what comments in the source suppress, too",
              group="analysis"),
    _operator("fix", Shape.FLAG, _OFF, "apply fixes that a new scan and a new attack show to hold", group="fixes"),
    _operator("unsafe-fixes", Shape.FLAG, _OFF, "fix, too, what may change what the program does", group="fixes"),
    _operator("diff", Shape.FLAG, _OFF, "show the fixes as a diff, change nothing, and exit with 1 if there are any",
              group="fixes"),
    _operator("offline", Shape.FLAG, _OFF, "use no network at all (without a model none is used anyway)",
              group="analysis"),
    _operator("jobs", Shape.COUNT, 0, "work with this many workers (0: one a processor)", short="j", metavar="N",
              group="analysis"),
    _operator("cache-dir", Shape.TEXT, "", "keep what was found out here (default: the user's cache directory)",
              metavar="DIR", group="analysis"),
    _operator("no-cache", Shape.FLAG, _OFF, "find everything out anew, and keep nothing of it", group="analysis"),
    _operator("llm-model", Shape.TEXT, "", "let this model judge, too (default: BLUECODE_LLM_MODEL, OPENAI_MODEL)",
              metavar="NAME", group="model"),
    _operator("llm-base-url", Shape.TEXT, "", "the OpenAI-compatible server that has it (default: *_BASE_URL)",
              metavar="URL", group="model"),
    _operator("llm-timeout", Shape.COUNT, 90, "wait at most this long for one answer of the model", metavar="SECONDS",
              group="model"),
    _operator("llm-answer-tokens", Shape.COUNT, 2000, "let one answer have at most this many tokens (models that reason"
              " first need more)", metavar="N", group="model"),
    _operator("llm-prices", Shape.TEXT, "", "a price table to use instead of ours (see rules/models/prices.yaml)",
              metavar="FILE", group="model"),
    _operator("review", Shape.FLAG, _OFF, "let the model look for what is missing in the riskiest (changed) functions",
              group="model"),
    _operator("experiments", Shape.COUNT, 10, "let the model write tests for at most this many findings that no attack"
              " settled (0: none); the sandbox runs them", metavar="N", group="model"),
    _operator("no-llm", Shape.FLAG, _OFF, "ask no model, whatever the environment says", group="model"),
    _operator("require-llm", Shape.FLAG, _OFF, "a model that does not answer makes the run an error", group="model"),
    _operator("max-llm-calls", Shape.COUNT, 200, "ask at most this often", metavar="N", group="model"),
    _operator("max-tokens", Shape.COUNT, 0, "use at most this many tokens (0: no limit)", metavar="N", group="model"),
    _operator("max-cost", Shape.TEXT, "", "spend at most this many US dollars", metavar="USD", group="model"),
    _operator("estimate", Shape.FLAG, _OFF, "say what asking would take, and send nothing", group="model"),
    _operator("show-prompts", Shape.FLAG, _OFF, "print every prompt before it is sent", group="model"),
    _operator("neutral-names", Shape.FLAG, _OFF, "show the model no identifiers of the code", group="model"),
    _operator("record", Shape.TEXT, "", "keep the conversation with the model here", metavar="DIR", group="model"),
    _operator("replay-llm", Shape.TEXT, "", "answer from a recorded conversation", metavar="DIR", group="model"),
    _operator("reasoner-mode", Shape.CHOICE, "full", "how much the model is told",
              choices=("direct", "reminder", "exemplars", "constitutions", "full"), group="model"),
    _operator("format", Shape.FORMATS, (), "text, json, sarif, github, html; repeatable, and FORMAT=FILE writes a file",
              short="f", metavar="FORMAT[=FILE]"),
    _operator("output", Shape.TEXT, "", "write the report to this file instead of standard output", short="o",
              metavar="FILE"),
    _operator("statistics", Shape.FLAG, _OFF, "count the results by rule instead of showing them"),
    _operator("color", Shape.CHOICE, "auto", "colour the text report", choices=("auto", "always", "never")),
    _operator("quiet", Shape.FLAG, _OFF, "no progress and no summary on standard error", short="q"),
    _operator("verbose", Shape.FLAG, _OFF, "show every notification, and where the time went", short="v"),
)  # fmt: skip
OPTION_OF = {option.name: option for option in OPTIONS}


@dataclass(frozen=True, slots=True)
class Settings:
    """The values in force. ``per_file_ignores`` maps ``.gitignore`` patterns to rule selectors."""

    values: Mapping[str, Any]
    per_file_ignores: Mapping[str, tuple[str, ...]]
    config_file: str = ""
    from_file: frozenset[str] = frozenset()
    """The options whose value in force the configuration file has set: it holds for every run."""

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # an option's value has the shape its table row says
        """Give the value of the option called ``name``, as on the command line."""
        return self.values[name]


def parse_value(option: Option, raw: object, origin: str) -> Any:  # noqa: ANN401  # as the option's shape says
    """Check and convert one value from the environment or a file. ``origin`` names its place in messages.

    Raises:
        ConfigError: The value does not fit the option.
    """
    converters: dict[Shape, Callable[[object], Any]] = {
        Shape.FLAG: _as_flag,
        Shape.TEXT: _as_text,
        Shape.CHOICE: _as_text,
        Shape.COUNT: _as_count,
        Shape.LIST: _as_list,
        Shape.FORMATS: _as_list,
    }
    try:
        value = converters[option.shape](raw)
    except ValueError as error:
        message = f"{origin}: {option.name} {error}"
        raise ConfigError(message) from error
    if option.choices and value not in option.choices:
        message = f"{origin}: {option.name} must be one of {', '.join(option.choices)}, not {value!r}"
        raise ConfigError(message)
    return value


def _as_flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw.lower() in {"1", "true", "yes", "on"}:
        return True
    if isinstance(raw, str) and raw.lower() in {"", "0", "false", "no", "off"}:
        return False
    message = "must be true or false"
    raise ValueError(message)


def _as_text(raw: object) -> str:
    if isinstance(raw, str):
        return raw
    message = "must be a string"
    raise ValueError(message)


def _as_count(raw: object) -> int:
    try:
        number = int(raw) if isinstance(raw, (str, int)) and not isinstance(raw, bool) else -1
    except ValueError:
        number = -1
    if number < 0:
        message = "must be a whole number, 0 or more"
        raise ValueError(message)
    return number


def _as_list(raw: object) -> tuple[str, ...]:
    if isinstance(raw, str):
        return tuple(part.strip() for part in raw.split(",") if part.strip())
    if isinstance(raw, (list, tuple)) and all(isinstance(part, str) for part in raw):
        return tuple(raw)
    message = "must be a list of strings"
    raise ValueError(message)


def values_from_environment(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Read every ``BLUECODE_*`` variable that names an option; an empty one counts as not set.

    Raises:
        ConfigError: A value does not fit.
    """
    return {
        option.name: parse_value(option, environment[option.variable], option.variable)
        for option in OPTIONS
        if environment.get(option.variable)
    }
