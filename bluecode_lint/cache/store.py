"""One SQLite file of JSON values: shared by concurrent runs, capped in size, and begun anew when it is damaged."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FILE_NAME = "results.sqlite"
_LAYOUT = 1
"""Changes whenever the table does; a file of another layout is begun anew."""
_BUSY_S = 5.0
_VARIABLES_MAX = 500
"""Keys asked for in one statement."""
_FRESH_S = 6 * 3600
"""A value that was used this recently is not marked as used again: reading then writes nothing."""
_KEEP = 0.8
"""The share of the cap that is left after a clearance."""
DEFAULT_CAP_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What a store holds: values by kind, their bytes altogether, and the size of the file in bytes."""

    values: Mapping[str, int] = field(default_factory=dict)
    value_bytes: int = 0
    file_bytes: int = 0


class CacheStore:
    """Keeps JSON values by kind and key. Nothing about it raises: what is wrong with the file is told by `trouble`.

    Thread-safe, and safe under concurrent runs. A value that was damaged is absent. Values are compressed.
    """

    def __init__(self, directory: Path, *, cap_bytes: int = DEFAULT_CAP_BYTES) -> None:
        """Keep the file in ``directory``, which is made if need be; the least used goes when it outgrows the cap."""
        self._file = directory / FILE_NAME
        self._cap_bytes = cap_bytes
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._wrote = False
        self.trouble = ""
        """Why nothing is kept, if something is wrong with the file."""
        self._open()

    def _open(self) -> None:
        for attempt in (1, 2):
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                connection = sqlite3.connect(self._file, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
                self._connection = connection
                _prepare(connection)
            except (sqlite3.Error, OSError) as error:
                self._disconnect()
                self.trouble = f"{self._file}: {error}"
                damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
                if attempt == 1 and damaged:
                    self._remove()
            else:
                self.trouble = ""
                return

    def get(self, kind: str, keys: Iterable[str]) -> dict[str, Any]:
        """Give the values there are, by key."""
        wanted = {_digest(kind, key): key for key in keys}
        found: dict[str, Any] = {}
        stale: list[bytes] = []
        now = int(time.time())
        for chunk in _chunks(list(wanted)):
            marks = ",".join("?" * len(chunk))
            rows = self._run(f"SELECT key, used, value FROM kept WHERE key IN ({marks})", chunk)  # noqa: S608  # marks only
            for digest, used, value in rows:
                with suppress(ValueError, TypeError, RecursionError, zlib.error):
                    found[wanted[digest]] = json.loads(zlib.decompress(value))
                    if used < now - _FRESH_S:
                        stale.append(digest)
        for chunk in _chunks(stale):
            marks = ",".join("?" * len(chunk))
            self._run(f"UPDATE kept SET used = ? WHERE key IN ({marks})", (now, *chunk))  # noqa: S608  # marks only
        return found

    def put(self, kind: str, values: Mapping[str, Any]) -> None:
        """Keep values by key. One that is no JSON value is left out."""
        now = int(time.time())
        rows = []
        for key, value in values.items():
            with suppress(ValueError, TypeError, RecursionError):
                packed = zlib.compress(json.dumps(value, separators=(",", ":")).encode(), 1)
                rows.append((_digest(kind, key), kind, now, len(packed), packed))
        if rows:
            self._wrote = True
            self._run("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", rows, many=True)

    def shelf(self, kind: str, state: str) -> CacheShelf:
        """Give the part for values of one kind that hold in one state of everything they depend on."""
        return CacheShelf(self, kind, state)

    def use(self) -> CacheUse:
        """Count what there is."""
        rows = self._run("SELECT kind, COUNT(*), SUM(size) FROM kept GROUP BY kind", ())
        counts = {str(kind): int(number) for kind, number, _ in sorted(rows)}
        with suppress(OSError):
            return CacheUse(counts, sum(int(row[2]) for row in rows), self._file.stat().st_size)
        return CacheUse()

    def clear(self) -> None:
        """Forget everything."""
        self._disconnect()
        self._remove()
        self._open()

    def close(self) -> None:
        """Make room if the file has outgrown its cap, and close it."""
        if self._wrote:
            self._make_room()
        self._disconnect()

    def _make_room(self) -> None:
        """Drop what was not used for the longest time, until what is left is well below the cap."""
        rows = self._run("SELECT SUM(size) FROM kept", ())
        total = int(rows[0][0] or 0) if rows else 0
        if total <= self._cap_bytes:
            return
        keep = int(self._cap_bytes * _KEEP)
        self._run(
            "DELETE FROM kept WHERE key IN (SELECT key FROM (SELECT key, SUM(size) OVER (ORDER BY used DESC, key) AS"
            " upto FROM kept) WHERE upto > ?)",
            (keep,),
        )
        self._run("PRAGMA incremental_vacuum", ())

    def _run(self, statement: str, values: Sequence[Any], *, many: bool = False) -> list[Any]:
        """Run one statement as a transaction of its own; after an error the file is not touched again by this run."""
        with self._lock:
            if self._connection is None:
                return []
            try:
                if not many:
                    return self._connection.execute(statement, values).fetchall()
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany(statement, values)
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                self.trouble = f"{self._file}: {error}"
                self._disconnect()
                if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                    self._remove()
            return []

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):  # what could not be written is found out again
                self._connection.close()
            self._connection = None

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            with suppress(OSError):  # what cannot be removed fails again, and then it is said
                self._file.with_name(self._file.name + suffix).unlink()


@dataclass(frozen=True, slots=True)
class CacheShelf:
    """The values of one kind, in one state of everything but their keys that they depend on."""

    store: CacheStore
    kind: str
    state: str

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """Give the values there are, by key."""
        named = {f"{self.state}\0{key}": key for key in keys}
        return {named[name]: value for name, value in self.store.get(self.kind, named).items()}

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep JSON values by key."""
        self.store.put(self.kind, {f"{self.state}\0{key}": value for key, value in values.items()})


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table, in a file that allows one run to read while another writes."""
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout not in (0, _LAYOUT):
        message = f"layout {layout}"
        raise sqlite3.DatabaseError(message)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    if layout == 0:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS kept"
            " (key BLOB PRIMARY KEY, kind TEXT NOT NULL, used INTEGER NOT NULL, size INTEGER NOT NULL, value BLOB)"
        )
        connection.execute(f"PRAGMA user_version = {_LAYOUT}")
    connection.execute("SELECT key, kind, used, size, value FROM kept LIMIT 1").fetchone()


def _chunks(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), _VARIABLES_MAX):
        yield keys[start : start + _VARIABLES_MAX]


def _digest(kind: str, key: str) -> bytes:
    return hashlib.sha256(f"{kind}\0{key}".encode("utf-8", "surrogatepass")).digest()[:16]
