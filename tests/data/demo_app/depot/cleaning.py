"""Make text from outside fit for use inside."""

import re
import shlex
from pathlib import Path

HOSTNAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")


def tidy_argument(value):
    """Remove separators from a command-line argument."""
    return value.strip().replace(";", "").replace("&&", "")


def shell_word(value):
    """Return the value as exactly one word for a POSIX shell."""
    return shlex.quote(value)


def hostname(value):
    """Return a host name, or raise ValueError."""
    if not HOSTNAME.fullmatch(value):
        raise ValueError("not a host name")
    return value


def strip_parents(name):
    """Remove parent references from a file name."""
    return name.replace("../", "")


def inside(root, name):
    """Return the path of ``name`` below ``root``, or raise ValueError."""
    base = Path(root).resolve()
    candidate = (base / name).resolve()
    if not candidate.is_relative_to(base):
        raise ValueError("outside of the document root")
    return candidate
