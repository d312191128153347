"""Stand-in for aiofiles and anyio: asynchronous files over the ordinary ``open``, which is watched."""
# ruff: noqa: ANN401  # the interfaces of the packages it stands in for

from __future__ import annotations

import builtins
from typing import Any, Self


class _AsyncFile:
    """An open file with asynchronous methods; itself a context manager and an awaitable."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._file = builtins.open(*args, **kwargs)  # noqa: PTH123, SIM115  # looked up late: it is watched

    async def read(self, *args: Any) -> Any:
        return self._file.read(*args)

    async def readlines(self) -> Any:
        return self._file.readlines()

    async def write(self, data: Any) -> Any:
        return self._file.write(data)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._file.close()

    def __await__(self) -> Any:
        yield from ()
        return self


def open(*args: Any, **kwargs: Any) -> _AsyncFile:  # noqa: A001  # its name there
    """Open a file."""
    return _AsyncFile(*args, **kwargs)


open_file = open
