"""bluecode-lint: a security linter that proves what it reports.

`check` judges an instruction before a code-generating model gets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bluecode_lint.cli.guard_command import check

__all__ = ["__version__", "check"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401  # a module's attributes are anything
    """Import `check` when it is first asked for: the command line must not pay for it."""
    if name == "check":
        from bluecode_lint.cli.guard_command import check  # noqa: PLC0415  # lazy: start-up time

        return check
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
