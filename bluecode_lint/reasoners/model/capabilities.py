"""What a server can do, found out once: servers that call themselves compatible differ in what they accept."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from bluecode_lint.reasoners.model.prompt import bounded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluecode_lint.reasoners.model.chat import ChatRequest

SEED = 20251018
_SYSTEM_ROLE = re.compile(
    r"system.{0,20}(?:role|message|prompt|instruction)|roles must alternate|developer instruction"
)


class AnswerFormat(IntEnum):
    """Ways to ask for JSON, from the strictest down to asking nicely."""

    BOUNDED_SCHEMA = 4
    SCHEMA = 3
    JSON_WITH_SCHEMA = 2
    """A schema beside ``json_object``, as llama.cpp's Python server and some hosts want it."""
    JSON = 1
    TEXT = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Which parameters a server accepts. Starts out hopeful and only ever steps down."""

    answer_format: AnswerFormat = AnswerFormat.BOUNDED_SCHEMA
    temperature: bool = True
    seed: bool = True
    limit_name: str = "max_tokens"
    system_role: bool = True
    """Whether a message of the role ``system`` may come first; otherwise its text opens the user's."""

    def messages(self, request: ChatRequest) -> list[dict[str, str]]:
        """Give the messages of a call."""
        said = list(request.messages)
        if not self.system_role and len(said) > 1 and said[0][0] == "system":
            said[:2] = [(said[1][0], f"{said[0][1]}\n\n{said[1][1]}")]
        return [{"role": role, "content": text} for role, text in said]

    def parameters(self, request: ChatRequest) -> dict[str, Any]:
        """Give the parameters of a call, beside model and messages."""
        parameters: dict[str, Any] = {self.limit_name: request.answer_tokens_max}
        if self.temperature:
            parameters["temperature"] = 0
        if self.seed:
            parameters["seed"] = SEED
        if self.answer_format is not AnswerFormat.TEXT:
            parameters["response_format"] = self._response_format(request.schema)
        return parameters

    def _response_format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if self.answer_format is AnswerFormat.JSON:
            return {"type": "json_object"}
        if self.answer_format is AnswerFormat.JSON_WITH_SCHEMA:
            return {"type": "json_object", "schema": bounded(schema)}
        wanted = bounded(schema) if self.answer_format is AnswerFormat.BOUNDED_SCHEMA else dict(schema)
        return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": wanted}}

    def without(self, complaint: str) -> Capabilities | None:
        """Step down after a request was rejected: by what the server complains of, else by what fails most often.

        None when nothing is left to give up, so that the request itself must be wrong.
        """
        words = complaint.lower()
        if self.system_role and _SYSTEM_ROLE.search(words):
            return replace(self, system_role=False)
        if "max_completion_tokens" in words and self.limit_name == "max_tokens":
            return replace(self, limit_name="max_completion_tokens")
        if "temperature" in words and self.temperature:
            return replace(self, temperature=False)
        if "seed" in words and self.seed:
            return replace(self, seed=False)
        if self.answer_format >= AnswerFormat.SCHEMA and "json_object" in words:
            return replace(self, answer_format=AnswerFormat.JSON_WITH_SCHEMA)
        if self.answer_format > AnswerFormat.TEXT:
            return replace(self, answer_format=AnswerFormat(self.answer_format - 1))
        if self.seed:
            return replace(self, seed=False)
        return replace(self, temperature=False) if self.temperature else None

    def to_document(self) -> dict[str, Any]:
        """Give it as JSON values, for the cache."""
        return {
            "answer_format": int(self.answer_format),
            "temperature": self.temperature,
            "seed": self.seed,
            "limit_name": self.limit_name,
            "system_role": self.system_role,
        }


def capabilities_from_document(document: Mapping[str, Any]) -> Capabilities | None:
    """Read what the cache kept; None if it is damaged, and then it is found out again."""
    try:
        found = Capabilities(
            AnswerFormat(document["answer_format"]),
            bool(document["temperature"]),
            bool(document["seed"]),
            str(document["limit_name"]),
            bool(document["system_role"]),
        )
    except (KeyError, ValueError, TypeError):
        return None
    return found if found.limit_name in {"max_tokens", "max_completion_tokens"} else None
