"""How the two sides of the wall talk: one JSON header and raw bytes a message, over pipes.

Only data crosses. Nothing is unpickled on either side.
"""

from __future__ import annotations

import json
import os
import struct
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READY = b"ready\n"
"""What a lane says first."""

_SIZES = struct.Struct("=IQ")
_CHUNK = 1 << 20
_NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class HangUpError(Exception):
    """The other side is gone."""


class Caps(NamedTuple):
    """The limits of one job, as they cross the wall (see `core.model.Limits`)."""

    wall_s: float
    cpu_s: int
    memory_mib: int
    processes: int
    file_mib: int
    scratch_mib: int
    scratch_files: int
    output_bytes: int


class Order(NamedTuple):
    """One job to run."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    readonly: tuple[str, ...]
    collect: tuple[str, ...]
    caps: Caps
    is_python: bool = False
    """Whether the program is the lane's own interpreter, whatever it is called on either side."""
    stdin: bytes = b""
    files: Mapping[str, bytes] = _NO_FILES


class Report(NamedTuple):
    """What became of it. ``fault`` is our own trouble: the job did not run, or we cannot tell what it did."""

    returncode: int | None = None
    wall_s: float = 0.0
    exceeded: str = ""
    output_truncated: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    files: Mapping[str, bytes] = _NO_FILES
    fault: str = ""


def pack_order(order: Order) -> bytes:
    """Serialise an order."""
    header = {
        "argv": order.argv,
        "is_python": order.is_python,
        "env": dict(order.env),
        "readonly": order.readonly,
        "collect": order.collect,
        "caps": order.caps._asdict(),
    }
    return _pack(header, order.files, [order.stdin])


def read_order(read: Callable[[int], bytes]) -> Order:
    """Read an order through ``read`` (exactly so many bytes, or raise)."""
    header, files, (stdin,) = _unpack(read)
    return Order(
        argv=tuple(header["argv"]),
        is_python=header["is_python"],
        env=header["env"],
        readonly=tuple(header["readonly"]),
        collect=tuple(header["collect"]),
        caps=Caps(**header["caps"]),
        stdin=stdin,
        files=files,
    )


def pack_report(report: Report) -> bytes:
    """Serialise a report."""
    header = {name: getattr(report, name) for name in ("returncode", "wall_s", "exceeded", "output_truncated", "fault")}
    return _pack(header, report.files, [report.stdout, report.stderr])


def read_report(read: Callable[[int], bytes]) -> Report:
    """Read a report through ``read`` (exactly so many bytes, or raise)."""
    header, files, (stdout, stderr) = _unpack(read)
    names = ("returncode", "wall_s", "exceeded", "output_truncated", "fault")
    return Report(**{name: header[name] for name in names}, stdout=stdout, stderr=stderr, files=files)


def read_exactly(descriptor: int, size: int) -> bytes:
    """Read ``size`` bytes from a blocking descriptor.

    Raises:
        HangUpError: It ended before.
    """
    pieces = []
    while size:
        piece = os.read(descriptor, min(size, _CHUNK))
        if not piece:
            raise HangUpError
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def write_all(descriptor: int, message: bytes) -> None:
    """Write all of it to a blocking descriptor.

    Raises:
        HangUpError: Nobody reads there any more.
    """
    rest = memoryview(message)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest[:_CHUNK]) :]
    except BrokenPipeError:
        raise HangUpError from None


def _pack(header: dict[str, Any], files: Mapping[str, bytes], blobs: list[bytes]) -> bytes:
    header["files"] = list(files)
    blobs = [*blobs, *files.values()]
    header["sizes"] = [len(blob) for blob in blobs]
    # ASCII JSON carries lone surrogates, which is how Python spells undecodable bytes in names and arguments.
    encoded = json.dumps(header).encode("ascii")
    return b"".join([_SIZES.pack(len(encoded), sum(header["sizes"])), encoded, *blobs])


def _unpack(read: Callable[[int], bytes]) -> tuple[dict[str, Any], dict[str, bytes], list[bytes]]:
    header_size, _ = _SIZES.unpack(read(_SIZES.size))
    header: dict[str, Any] = json.loads(read(header_size))
    blobs = [read(size) for size in header["sizes"]]
    names = header["files"]
    leading = len(blobs) - len(names)
    return header, dict(zip(names, blobs[leading:], strict=True)), blobs[:leading]
