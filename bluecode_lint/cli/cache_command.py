"""``bluecode-lint cache``: what is kept of earlier runs, and forgetting it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bluecode_lint.cache import CacheStore
from bluecode_lint.cli.wiring import cache_directory
from bluecode_lint.core.errors import ExitCode

if TYPE_CHECKING:
    import argparse

_MIB = 1024 * 1024


def cache_command(arguments: argparse.Namespace) -> ExitCode:
    """Describe what is kept, or forget it; 2 if the file cannot be used."""
    directory = cache_directory(arguments.cache_dir)
    store = CacheStore(directory)
    if arguments.action == "clear":
        store.clear()
    use, trouble = store.use(), store.trouble
    store.close()
    sys.stdout.write(f"{directory}\n")
    for kind, number in use.values.items():
        sys.stdout.write(f"{number:9,}  {kind}\n")
    sys.stdout.write(f"{sum(use.values.values()):9,}  values, {use.file_bytes / _MIB:.1f} MiB on disk\n")
    if trouble:
        sys.stderr.write(f"bluecode-lint: nothing can be kept: {trouble}\n")
    return ExitCode.ERROR if trouble else ExitCode.CLEAN
