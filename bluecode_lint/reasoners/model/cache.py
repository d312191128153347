"""Answers kept from earlier runs, and transcripts: the same question is paid for once and answered the same.

What is kept is what the model wrote, never a verdict: it goes through the gate each time, as if it were new.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.reasoners.model.budget import Usage
from bluecode_lint.reasoners.model.chat import ChatRequest, Ending, Reply, Trouble, failed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bluecode_lint.reasoners.model.chat import Chat

FILE_NAME = "model-answers.sqlite"
_BUSY_S = 5.0
_TABLE = "CREATE TABLE IF NOT EXISTS kept (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))"


class AnswerCache:
    """JSON values by table and key in one SQLite file. A damaged file is started anew; without a file nothing is kept.

    Thread-safe.
    """

    def __init__(self, directory: Path | None) -> None:
        """Keep the file in ``directory``, which is made if need be; None keeps nothing."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.trouble = ""
        """Why nothing is kept, if something is wrong with the file."""
        if directory is not None:
            self._open(directory / FILE_NAME)

    def _open(self, file: Path) -> None:
        for attempt in (1, 2):
            try:
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                connection = sqlite3.connect(file, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
                self._connection = connection
                connection.execute(_TABLE)
                connection.execute("SELECT value FROM kept LIMIT 1").fetchone()
            except (sqlite3.Error, OSError) as error:
                self.close()
                self.trouble = f"{file}: {error}"
                damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
                if attempt == 1 and damaged:
                    with suppress(OSError):  # what cannot be removed fails again, and then it is said
                        file.unlink()
            else:
                self.trouble = ""
                return

    def get(self, kind: str, key: str) -> dict[str, Any] | None:
        """Give a kept value; None if there is none, or it is damaged."""
        row = self._execute("SELECT value FROM kept WHERE kind = ? AND key = ?", kind, key)
        if row is None:
            return None
        try:
            value = json.loads(row[0])
        except (ValueError, TypeError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def put(self, kind: str, key: str, value: dict[str, Any]) -> None:
        """Keep a value."""
        self._execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", kind, key, json.dumps(value))

    def _execute(self, statement: str, *values: str) -> Any:  # noqa: ANN401  # a row
        with self._lock:
            if self._connection is None:
                return None
            try:
                return self._connection.execute(statement, values).fetchone()
            except sqlite3.Error as error:
                self.trouble = str(error)
                return None

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


# --- transcripts -----------------------------------------------------------------------------------------------------


def request_key(request: ChatRequest) -> str:
    """Name a request by its content."""
    text = json.dumps([request.messages, request.schema, request.answer_tokens_max], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RecordingChat:
    """Asks another chat, and writes each answered request with its reply to ``directory``."""

    inner: Chat
    directory: Path

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        """Ask, and keep what was said."""
        replies = self.inner.complete_all(requests)
        self.directory.mkdir(parents=True, exist_ok=True)
        for request, reply in zip(requests, replies, strict=True):
            if reply.ending is not Ending.FAILED:
                file = self.directory / f"{request_key(request)}.json"
                file.write_text(json.dumps(_transcript(request, reply), indent=1) + "\n", encoding="utf-8")
        return replies


@dataclass(frozen=True, slots=True)
class ReplayingChat:
    """Answers from recorded transcripts, and never reaches for the network."""

    directory: Path

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        """Look each request up."""
        return [self._replay(request) for request in requests]

    def _replay(self, request: ChatRequest) -> Reply:
        file = self.directory / f"{request_key(request)}.json"
        try:
            reply = json.loads(file.read_text(encoding="utf-8"))["reply"]
            return Reply(
                Ending(reply["ending"]),
                str(reply["text"]),
                Usage(int(reply["prompt_tokens"]), int(reply["answer_tokens"])),
                detail=str(reply["detail"]),
                attempts=0,
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            return failed(Trouble.NOT_RECORDED, str(error), attempts=0)


def _transcript(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    return {
        "messages": [{"role": role, "content": text} for role, text in request.messages],
        "schema": dict(request.schema),
        "reply": {
            "ending": reply.ending.value,
            "text": reply.text,
            "prompt_tokens": reply.usage.prompt_tokens,
            "answer_tokens": reply.usage.answer_tokens,
            "detail": reply.detail,
        },
    }
