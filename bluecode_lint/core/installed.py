"""Which versions of libraries are installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def named_versions(*packages: str) -> list[str]:
    """Give each package with its version, in this order; the name alone stands for one that is not installed."""
    return [f"{package} {_version(package)}".rstrip() for package in packages]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
