"""Builds the parts of a scan from the settings; the only place that knows every room."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bluecode_lint import __version__
from bluecode_lint.core.model import Confidence, Level, Notification
from bluecode_lint.cli.progress import ProgressLine
from bluecode_lint.cli.selectors import RuleSelection
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.pipeline import Policy, Tools
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bluecode_lint.cli.inputs import Inputs
    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Rule
    from bluecode_lint.core.protocols import Analyzer, Emitter, Prober, Retriever, Sandbox


def cache_directory(chosen: str) -> Path:
    """Give the folder of everything that may be rebuilt: ``chosen``, else the user's cache directory."""
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path  # noqa: PLC0415  # lazy: start-up time

    return user_cache_path("bluecode-lint")
