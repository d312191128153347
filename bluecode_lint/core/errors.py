"""Exceptions that end a run, and the exit codes of the command line.

Trouble that does *not* end a run is a `Notification` (see `model`).
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says to its caller; the same whatever the output format."""

    CLEAN = 0
    """Nothing at or above ``--fail-on``."""
    RESULTS = 1
    """At least one result at or above ``--fail-on``."""
    ERROR = 2
    """Usage, configuration or internal error, or a scan that is not to be trusted."""
    NOTHING_TO_SCAN = 3
    """No file was scanned, and ``--fail-on-empty`` was given."""
    INTERRUPTED = 130
    TERMINATED = 143


class BluecodeError(Exception):
    """Base of every error that ends a run. ``advice`` says what the user can do about it."""

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


class UsageError(BluecodeError):
    """The command line asks for something that cannot be done."""


class ConfigError(BluecodeError):
    """A configuration file or an environment variable is wrong."""


class RulesError(BluecodeError):
    """A file under ``rules/`` is missing or malformed."""


class SourceError(BluecodeError):
    """A path given by the user cannot be scanned at all."""


class AnalyzerUnavailableError(BluecodeError):
    """A wanted analyzer is not installed or does not start; the run refuses to begin."""


class SandboxUnavailableError(BluecodeError):
    """The sandbox itself could not run a job. Never raised for what the job's own code did."""


class OutputError(BluecodeError):
    """A report could not be written."""
