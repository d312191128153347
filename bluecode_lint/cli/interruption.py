"""Ctrl-C in the middle of a scan: the first ends the attacks and reports what is known, the second ends it all."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType
    from typing import Self


class Interruption:
    """Whether the user wants it to end. Called by the pipeline wherever it could stop and still report something.

    Before the first such call there is nothing to report, and Ctrl-C ends the program as ever.
    """

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.requested = False
        self._asked = False
        self._before: object = None

    def __call__(self) -> bool:
        """Tell whether to stop here."""
        self._asked = True
        return self.requested

    def __enter__(self) -> Self:
        """Take SIGINT over; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_error: object) -> None:
        """Give SIGINT back."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what `signal` itself gave

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        if self.requested or not self._asked:
            raise KeyboardInterrupt
        self.requested = True
        sys.stderr.write(
            "\nbluecode-lint: interrupted; what is known will be reported. Ctrl-C again ends it at once.\n"
        )
