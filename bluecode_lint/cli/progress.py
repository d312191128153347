"""Progress on standard error: a live line on a terminal, and nothing anywhere else."""

from __future__ import annotations

import sys
import threading

_WIDTH = 60


class ProgressLine:
    """One line that is rewritten in place. Safe to call from several threads."""

    def __init__(self, *, quiet: bool) -> None:
        """Stay silent if asked to, or if nobody is looking."""
        self._live = not quiet and sys.stderr.isatty()
        self._lock = threading.Lock()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if self._live:
            with self._lock:
                sys.stderr.write(f"\r{f'bluecode-lint: {stage} {done}/{total}':<{_WIDTH}}")
                sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line before anything else is printed."""
        if self._live:
            sys.stderr.write("\r" + " " * _WIDTH + "\r")
            sys.stderr.flush()
