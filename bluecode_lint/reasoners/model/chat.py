"""The seam to a model: requests in, replies out, in batches. A reply is data, whatever went wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from bluecode_lint.reasoners.model.budget import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Ending(StrEnum):
    """How a call ended."""

    ANSWERED = "answered"
    CUT = "cut"
    """The answer ran into the limit of tokens and is incomplete."""
    REFUSED = "refused"
    FAILED = "failed"
    """There is no answer: ``Reply.trouble`` says why."""


class Trouble(StrEnum):
    """Why a call failed. Those in `PERMANENT` will be the same the next time."""

    UNREACHABLE = "the server cannot be reached"
    DISCONNECTED = "the server hung up in the middle of an answer"
    TIMED_OUT = "the server took too long"
    INSECURE = "no trusted secure connection to the server"
    KEY_REJECTED = "the server rejected the key, or its account"
    NOT_FOUND = "the server knows no such address or model"
    RATE_LIMITED = "the server asks to slow down"
    SERVER_ERROR = "the server has an error of its own"
    BAD_REQUEST = "the server rejected the request"
    TOO_LARGE = "the question does not fit into the model's context"
    TOO_LONG = "the answer was far too long"
    NOT_UNDERSTOOD = "the server's answer is not of the OpenAI form"
    EMPTY = "the answer was empty"
    GIVEN_UP = "too many calls in a row had failed"
    OUT_OF_BUDGET = "the budget did not allow another attempt"
    NOT_RECORDED = "no such answer was recorded"
    CLIENT = "the client failed"


PERMANENT = frozenset({Trouble.INSECURE, Trouble.KEY_REJECTED, Trouble.NOT_FOUND})
RETRIED = frozenset(
    {
        Trouble.UNREACHABLE, Trouble.DISCONNECTED, Trouble.TIMED_OUT, Trouble.RATE_LIMITED, Trouble.SERVER_ERROR,
        Trouble.EMPTY,
    }
)  # fmt: skip
"""Worth another attempt."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a model is asked: (role, text) messages, the schema of the answer, and the most tokens it may have."""

    messages: tuple[tuple[str, str], ...]
    schema: Mapping[str, Any] = field(hash=False)
    answer_tokens_max: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``attempts`` counts the requests that were sent for it; ``detail`` is for people."""

    ending: Ending
    text: str = ""
    usage: Usage = field(default_factory=Usage)
    trouble: Trouble | None = None
    detail: str = ""
    attempts: int = 1


def failed(trouble: Trouble, detail: str = "", *, attempts: int = 1) -> Reply:
    """Make the reply of a call that gave no answer."""
    return Reply(Ending.FAILED, trouble=trouble, detail=detail[:300], attempts=attempts)


class Chat(Protocol):
    """Asks a model. Never raises for what a server does."""

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        """Give one reply a request, in order."""
        ...
