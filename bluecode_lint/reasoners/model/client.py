"""Ask a model behind any OpenAI-compatible endpoint, and come back in bounded time with a reply for every request.

Retries, waiting and giving up are done here and not by the ``openai`` client, because each attempt must be allowed by
the budget, bounded as a whole (a server that drips one byte a second keeps every per-read time-out happy) and counted.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import re
import ssl
import time
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from bluecode_lint.reasoners.model.budget import MICRO, Usage, estimate_tokens
from bluecode_lint.reasoners.model.capabilities import AnswerFormat, Capabilities
from bluecode_lint.reasoners.model.chat import (
    PERMANENT,
    RETRIED,
    ChatRequest,
    Ending,
    Reply,
    Trouble,
    failed,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import openai

    from bluecode_lint.reasoners.model.endpoint import Endpoint

_BODY_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How patient the client is, in seconds: ``attempts`` times ``timeout_s``, and the waits, at most a request."""

    timeout_s: float = 90.0
    attempts: int = 3
    wait_s: float = 1.0
    """First wait before another attempt; doubled each time, with jitter."""
    wait_max_s: float = 20.0
    """A server that asks to wait longer than this is not waited for."""
    concurrency: int = 4
    give_up_after: int = 5
    """Failed attempts in a row after which a run stops calling: the circuit breaker."""


DEFAULT_PATIENCE = ClientOptions()


@dataclass(slots=True)
class _Breaker:
    """Stops calling a server that does not answer; a scan does not wait for one to come back."""

    give_up_after: int
    in_a_row: int = 0
    cause: Trouble | None = None

    def note(self, trouble: Trouble | None) -> None:
        if trouble is None:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        if trouble in PERMANENT or self.in_a_row >= self.give_up_after:
            self.cause = trouble


@dataclass(slots=True)
class _Attempt:
    """What one request gave, and what the server said of trying again, or of the request's form."""

    reply: Reply
    retry_after_s: float | None = None
    complaint: str = ""


class OpenAiChat:
    """A model behind an endpoint.

    ``capabilities`` are what is known of the server. If they are None, the first request goes alone and finds out, at
    no extra call: what the server rejects is left away until it accepts.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        options: ClientOptions = DEFAULT_PATIENCE,
        *,
        capabilities: Capabilities | None = None,
        may_try_again: Callable[[Usage], bool] = lambda _lost: True,
    ) -> None:
        """Ask ``may_try_again`` before each request beyond the first of a call, with what the one before may cost."""
        self._endpoint = endpoint
        self._options = options
        self._may_try_again = may_try_again
        self._breaker = _Breaker(options.give_up_after)
        self._random = random.Random(0)  # noqa: S311  # spreads waits; guards nothing
        self.capabilities = capabilities

    def complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        """Ask at most ``concurrency`` at a time; the replies are in the order of the requests."""
        return asyncio.run(self._complete_all(requests)) if requests else ()

    async def _complete_all(self, requests: Sequence[ChatRequest]) -> Sequence[Reply]:
        import openai  # noqa: PLC0415  # lazy: takes a second to import, and most runs ask no model

        client = openai.AsyncOpenAI(
            api_key=self._endpoint.api_key,
            base_url=self._endpoint.base_url,
            default_query=dict(self._endpoint.query),
            default_headers=self._endpoint.headers,
            max_retries=0,
            timeout=self._options.timeout_s,
            # A redirect would carry the code to a place that nobody chose.
            http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
        )
        async with client:
            gate = asyncio.Semaphore(self._options.concurrency)
            alone = 1 if self.capabilities is None else 0
            first = [await self._complete(client, request, gate) for request in requests[:alone]]
            rest = await asyncio.gather(*(self._complete(client, request, gate) for request in requests[alone:]))
            return [*first, *rest]

    async def _complete(self, client: openai.AsyncOpenAI, request: ChatRequest, gate: asyncio.Semaphore) -> Reply:
        """Ask until there is an answer, the trouble is lasting, or patience or budget ends."""
        sent = 0
        lost = Usage()
        wait_s = self._options.wait_s
        async with gate:
            while True:
                if self._breaker.cause is not None:
                    return failed(Trouble.GIVEN_UP, str(self._breaker.cause), attempts=sent)
                if sent and not self._may_try_again(lost):
                    return failed(Trouble.OUT_OF_BUDGET, attempts=sent)
                attempt = await self._adapted(client, request)
                sent += attempt.reply.attempts
                trouble = attempt.reply.trouble
                self._breaker.note(trouble if trouble in _COUNTED else None)
                pause_s = wait_s if attempt.retry_after_s is None else attempt.retry_after_s
                if trouble not in RETRIED or sent >= self._options.attempts or pause_s > self._options.wait_max_s:
                    return replace(attempt.reply, attempts=sent)
                lost = _worst(request) if trouble in _PERHAPS_BILLED else Usage()
                await asyncio.sleep(pause_s * (1 + 0.25 * self._random.random()))
                wait_s = min(2 * wait_s, self._options.wait_max_s)

    async def _adapted(self, client: openai.AsyncOpenAI, request: ChatRequest) -> _Attempt:
        """Send a request, and again with fewer wishes while the server rejects its form."""
        known = self.capabilities or Capabilities()
        for sent in itertools.count(1):
            attempt = await self._send(client, request, known)
            attempt.reply = replace(attempt.reply, attempts=sent)
            if not attempt.complaint:
                break
            fewer = known.without(attempt.complaint)
            if fewer is None or not self._may_try_again(Usage()):
                return attempt
            known = fewer
        if attempt.reply.ending is Ending.ANSWERED:
            ignored = known.answer_format > AnswerFormat.JSON and "{" not in attempt.reply.text
            self.capabilities = replace(known, answer_format=AnswerFormat.JSON) if ignored else known
        return attempt

    async def _send(self, client: openai.AsyncOpenAI, request: ChatRequest, known: Capabilities) -> _Attempt:
        """Send one request; it ends within the time-out, however the bytes arrive."""
        import openai  # noqa: PLC0415  # lazy: start-up time

        body: dict[str, Any] = {
            "model": self._endpoint.model,
            "messages": known.messages(request),
            **known.parameters(request),
        }
        try:
            async with asyncio.timeout(self._options.timeout_s):
                async with client.chat.completions.with_streaming_response.create(**body) as response:
                    received = bytearray()
                    async for chunk in response.iter_bytes():
                        received += chunk
                        if len(received) > _BODY_MAX:
                            return _Attempt(failed(Trouble.TOO_LONG))
            return _Attempt(reply_from_body(bytes(received)))
        except (TimeoutError, openai.APITimeoutError):
            return _Attempt(failed(Trouble.TIMED_OUT, f"{self._options.timeout_s:g} s"))
        except openai.APIStatusError as error:
            return _attempt_from_status(error)
        except openai.APIConnectionError as error:
            return _Attempt(failed(_connection_trouble(error), _root_cause(error)))
        except openai.OpenAIError as error:
            return _Attempt(failed(Trouble.CLIENT, str(error)))
        except Exception as error:  # a broken stream raises what the transport below likes
            if not _is_transport_error(error):
                raise
            return _Attempt(failed(_connection_trouble(error), _root_cause(error)))


_COUNTED = RETRIED | PERMANENT | {Trouble.BAD_REQUEST}
_PERHAPS_BILLED = frozenset({Trouble.TIMED_OUT, Trouble.DISCONNECTED, Trouble.EMPTY})


def _worst(request: ChatRequest) -> Usage:
    """Give the most that a request can cost."""
    return Usage(sum(estimate_tokens(text) for _, text in request.messages), request.answer_tokens_max)


# --- reading what came back ------------------------------------------------------------------------------------------


def reply_from_body(body: bytes) -> Reply:
    """Read the body of a successful response: untrusted, and often not quite of the agreed form."""
    try:
        document = json.loads(body)
        if isinstance(document, dict) and isinstance(document.get("error"), dict) and not document.get("choices"):
            return _reply_from_error(document["error"])
        choice = document["choices"][0]
        message = choice["message"]
        content = message.get("content")
        refusal = message.get("refusal")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return failed(Trouble.NOT_UNDERSTOOD, body[:120].decode("utf-8", errors="replace"))
    if isinstance(content, list):  # parts, as some gateways write it
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    usage = _usage(document.get("usage"))
    ending = choice.get("finish_reason")
    if refusal or ending == "content_filter":
        return Reply(Ending.REFUSED, usage=usage, detail=str(refusal or "filtered")[:300])
    if not isinstance(content, str) or not content.strip():
        if ending == "length":
            return Reply(Ending.CUT, usage=usage)
        return Reply(Ending.FAILED, usage=usage, trouble=Trouble.EMPTY)
    return Reply(Ending.CUT if ending == "length" else Ending.ANSWERED, content, usage)


def _reply_from_error(error: Mapping[str, Any]) -> Reply:
    """Read an error that came with a status of success, as gateways send it when the server behind them fails."""
    code, said = error.get("code"), str(error.get("message", ""))[:300]
    trouble = _trouble_of(code) if isinstance(code, int) else Trouble.SERVER_ERROR
    return Reply(Ending.REFUSED, detail=said) if _FILTERED.search(said) else failed(trouble, said)


def _usage(document: object) -> Usage:
    if not isinstance(document, dict):
        return Usage()

    def count(name: str) -> int:
        value = document.get(name)
        return value if isinstance(value, int) and value >= 0 else 0

    cost = document.get("cost")  # OpenRouter and LiteLLM say what they charged, in dollars
    charged = round(cost * MICRO) if isinstance(cost, (int, float)) and cost >= 0 else None
    return Usage(count("prompt_tokens"), count("completion_tokens"), charged)


_TROUBLES = {
    401: Trouble.KEY_REJECTED,
    402: Trouble.KEY_REJECTED,
    403: Trouble.KEY_REJECTED,
    404: Trouble.NOT_FOUND,
    408: Trouble.TIMED_OUT,
    409: Trouble.SERVER_ERROR,
    429: Trouble.RATE_LIMITED,
}
_REDIRECTIONS, _SERVER_ERRORS = range(300, 400), range(500, 600)
_ABOUT_ITS_FORM = frozenset({400, 422})
_ABOUT_CONTENT = frozenset({400, 403, 413, 422})
_PARAMETER = re.compile(r"response_format|json_schema|temperature|\bseed\b|max_(?:completion_)?tokens|[Ss]ystem role")
"""Some servers have an error of their own when they do not know a parameter, and name it."""


_FILTERED = re.compile(r"content[_ ](?:management|filter|policy)|flagged|moderation", re.IGNORECASE)
"""A refusal by whoever stands before the model (Azure answers it with 400, OpenRouter with 403)."""
_NO_ROOM = re.compile(
    r"context.{0,3}(?:length|window|size)|maximum.{0,10}(?:context|tokens)|too many tokens|prompt is too long|"
    r"request.{0,9}too large|input.{0,9}too long",
    re.IGNORECASE,
)
_NO_SUCH_MODEL = re.compile(
    r"\bmodel\b[^.]{0,60}(?:does not exist|not (?:a )?(?:valid|found|supported|available)|unknown)|invalid model"
    r"|not a valid model",
    re.IGNORECASE,
)


def _trouble_of(status: int) -> Trouble:
    if status in _REDIRECTIONS:
        return Trouble.NOT_FOUND
    return Trouble.SERVER_ERROR if status in _SERVER_ERRORS else _TROUBLES.get(status, Trouble.BAD_REQUEST)


def _attempt_from_status(error: openai.APIStatusError) -> _Attempt:
    status = error.status_code
    trouble = _trouble_of(status)
    said = f"HTTP {status}: {error.message}"
    headers = error.response.headers
    retry_after_s = read_retry_after(headers.get("retry-after", ""), headers.get("retry-after-ms", ""))
    if status in _ABOUT_CONTENT and _FILTERED.search(error.message):
        return _Attempt(Reply(Ending.REFUSED, detail=said[:300]))
    if status in _ABOUT_CONTENT and _NO_ROOM.search(error.message) and "max_completion_tokens" not in error.message:
        return _Attempt(failed(Trouble.TOO_LARGE, said))
    if status in _ABOUT_ITS_FORM and _NO_SUCH_MODEL.search(error.message):
        return _Attempt(failed(Trouble.NOT_FOUND, said))
    about_form = status in _ABOUT_ITS_FORM or (trouble is Trouble.SERVER_ERROR and _PARAMETER.search(error.message))
    complaint = error.message if about_form else ""
    return _Attempt(failed(trouble, said), retry_after_s, complaint)


def read_retry_after(value: str, milliseconds: str = "") -> float | None:
    """Read a ``Retry-After`` header: seconds, or a date. None if there is none, or nothing to be made of it.

    ``milliseconds`` is the finer header that OpenAI and Azure send beside it.
    """
    try:
        if milliseconds:
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _root_cause(error: BaseException) -> str:
    root = _causes(error)[-1]
    return f"{type(root).__name__}: {root}"


def _is_transport_error(error: BaseException) -> bool:
    return any(type(cause).__module__.partition(".")[0] in {"httpx2", "httpx", "httpcore2", "httpcore", "anyio", "ssl"}
               or isinstance(cause, OSError) for cause in _causes(error))  # fmt: skip


def _connection_trouble(error: BaseException) -> Trouble:
    causes = _causes(error)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Trouble.INSECURE
    names = " ".join(type(cause).__name__ for cause in causes)
    if "Timeout" in names:
        return Trouble.TIMED_OUT
    if any(name in names for name in ("Protocol", "ReadError", "Reset", "EndOfStream", "DecodingError")):
        return Trouble.DISCONNECTED
    return Trouble.UNREACHABLE
