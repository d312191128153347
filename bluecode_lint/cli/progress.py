"""Progress on standard error: a live line on a terminal, a line now and then in CI, and nothing anywhere else."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WIDTH = 72
_EVERY_S = 10.0
"""Seconds between two lines in a log."""
_WORTH_S = 3.0
"""Seconds a stage must have taken before the time that is left is guessed from it."""


class ProgressLine:
    """How far the run is: rewritten in place on a terminal, a line every ten seconds in CI. Safe in several threads."""

    def __init__(self, *, quiet: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """Stay silent if asked to, or if nobody is looking."""
        self._live = not quiet and sys.stderr.isatty()
        self._logged = not quiet and not self._live and os.environ.get("CI", "").lower() in ("true", "1")
        self._clock = clock
        self._lock = threading.Lock()
        self._started = self._said = clock()
        self._stages: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if not (self._live or self._logged):
            return
        with self._lock:
            now = self._clock()
            text = f"bluecode-lint: {stage} {done}/{total}, {now - self._started:.0f} s"
            taken = now - self._stages.setdefault(stage, now)
            if taken > _WORTH_S and 1 < done < total:
                text += f", about {taken / (done - 1) * (total - done):.0f} s left"  # the clock started with the first
            if self._live:
                sys.stderr.write(f"\r{text:<{_WIDTH}}")
                sys.stderr.flush()
            elif now - self._said >= _EVERY_S:
                self._said = now
                sys.stderr.write(text + "\n")
                sys.stderr.flush()

    def clear(self) -> None:
        """Remove the line before anything else is printed."""
        if self._live:
            sys.stderr.write("\r" + " " * _WIDTH + "\r")
            sys.stderr.flush()
