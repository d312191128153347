"""Put the parts of a model reasoner together, and take them down afterwards."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bluecode_lint.reasoners.model.budget import FREE, load_prices, price_of
from bluecode_lint.reasoners.model.cache import AnswerCache, RecordingChat, ReplayingChat
from bluecode_lint.reasoners.model.capabilities import capabilities_from_document
from bluecode_lint.reasoners.model.client import DEFAULT_PATIENCE, ClientOptions, OpenAiChat
from bluecode_lint.reasoners.model.conversation import DEFAULTS, Conversation, ModelOptions
from bluecode_lint.reasoners.model.reasoner import ModelReasoner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Reasoner
    from bluecode_lint.reasoners.model.chat import Chat
    from bluecode_lint.reasoners.model.endpoint import Endpoint

_CAPABILITIES = "capabilities"


@dataclass(frozen=True, slots=True)
class ModelParts:
    """Where things are. ``cache`` None keeps no answers; ``record`` and ``replay`` are folders of transcripts."""

    endpoint: Endpoint
    prices: Path
    cache: Path | None = None
    record: Path | None = None
    replay: Path | None = None
    client: ClientOptions = DEFAULT_PATIENCE


@contextmanager
def open_model_reasoner(
    floor: Reasoner, parts: ModelParts, options: ModelOptions = DEFAULTS, artifacts: Iterable[Artifact] = ()
) -> Iterator[ModelReasoner]:
    """Build a reasoner on the floor of another one.

    A price that ``options`` do not give is looked up; a server on this machine costs nothing.

    Raises:
        RulesError: The price table is malformed.
    """
    endpoint = parts.endpoint
    if options.price is None:
        known = price_of(endpoint.model, load_prices(parts.prices))
        options = replace(options, price=FREE if endpoint.is_local or parts.replay else known)
    # A recording or a replay is of the conversation itself, so that kept answers must not stand in for it.
    cache = AnswerCache(None if parts.record or parts.replay else parts.cache)
    key = f"{endpoint.base_url} {endpoint.model}"
    kept = cache.get(_CAPABILITIES, key)
    client = OpenAiChat(
        endpoint,
        parts.client,
        capabilities=capabilities_from_document(kept) if kept is not None else None,
        may_try_again=lambda lost: conversation.budget.reserve(lost),  # noqa: PLW0108  # bound below
    )
    chat: Chat = client
    if parts.replay is not None:
        chat = ReplayingChat(parts.replay)
    elif parts.record is not None:
        chat = RecordingChat(client, parts.record)
    conversation = Conversation(chat, endpoint, cache, options)
    try:
        yield ModelReasoner(floor, conversation, artifacts)
    finally:
        if client.capabilities is not None:
            cache.put(_CAPABILITIES, key, client.capabilities.to_document())
        cache.close()
