"""One lowered form of each module for all analyzers of a run that work on it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir_lowering import lower

if TYPE_CHECKING:
    from bluecode_lint.analyzers.ir import Module
    from bluecode_lint.core.model import Artifact

_MAX_KEPT_BYTES = 8_000_000
"""Source whose lowered form is kept (about 40 bytes of memory for each); beyond it a module is lowered anew."""


class LoweredModules:
    """Lowers a module when it is first asked for, and keeps it while there is room. Safe to share between threads."""

    def __init__(self) -> None:
        """Start with nothing lowered."""
        self._modules: dict[tuple[str, str], Module] = {}
        self._kept_bytes = 0
        self._lock = Lock()

    def __call__(self, artifact: Artifact) -> Module:
        """Give the lowered module of an artifact."""
        with self._lock:
            key = (artifact.uri, artifact.sha256)
            module = self._modules.get(key)
            if module is None:
                module = lower(artifact.uri, artifact.syntax)
                if self._kept_bytes < _MAX_KEPT_BYTES:
                    self._modules[key] = module
                    self._kept_bytes += len(module.source)
            return module
