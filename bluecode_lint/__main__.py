"""``python -m bluecode_lint``."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from bluecode_lint.cli.app import run  # noqa: PLC0415  # lazy: start-up time

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
