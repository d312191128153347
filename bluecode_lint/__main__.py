"""``python -m bluecode_lint``."""

import os
import sys


def main() -> None:
    """Run the command line and exit with its code."""
    open_standard_streams()
    from bluecode_lint.cli.app import run  # noqa: PLC0415  # lazy: start-up time

    sys.exit(run(sys.argv[1:]))


def open_standard_streams() -> None:
    """Put the null device where a caller closed one of the first three descriptors.

    A library that gets descriptor 0 for a file of its own takes it for "none" (annoy does, and crashes).
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


if __name__ == "__main__":
    main()
