"""Read a model's answer: untrusted text, in which one JSON object of the agreed form may stand."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from bluecode_lint.core.model import Judgment

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWER_MAX = 200_000
_ATTEMPTS_MAX = 20
_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)


class AnswerError(ValueError):
    """An answer cannot be used; the message says why, in words a model can act on."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A step of a path, or a protection: what a model says stands at a line. ``holds`` is of protections only."""

    uri: str
    line: int
    text: str
    remark: str
    holds: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says of one finding, before anybody checked it."""

    judgment: Judgment
    path: tuple[Quote, ...]
    protections: tuple[Quote, ...]
    cited: tuple[str, ...]
    rationale: str
    would_change: str


def read_document(text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Find the first JSON object in an answer that has the agreed form; prose, fences and thinking are passed over.

    Raises:
        AnswerError: There is none.
    """
    if len(text) > ANSWER_MAX:
        message = "it is far too long"
        raise AnswerError(message)
    trouble = "there is no JSON object in it"
    validator = Draft202012Validator(dict(schema))
    visible = _THINKING.sub("", text)
    position = visible.find("{")
    for _ in range(_ATTEMPTS_MAX):
        if position < 0:
            break
        try:
            document, end = json.JSONDecoder().raw_decode(visible, position)
        except (ValueError, RecursionError):
            position = visible.find("{", position + 1)
            continue
        wrong = best_match(validator.iter_errors(document))
        if wrong is None:
            return dict(document)
        trouble = f"at {wrong.json_path}, {wrong.message[:200]}"
        position = visible.find("{", end)
    raise AnswerError(trouble)


def opinions_in(document: Mapping[str, Any]) -> dict[str, Opinion]:
    """Turn a valid document into opinions by finding; two that contradict each other make it undecided."""
    opinions: dict[str, Opinion] = {}
    for entry in document["verdicts"]:
        opinion = Opinion(
            judgment=Judgment(entry["judgment"]),
            path=tuple(_quote(step, step["what"]) for step in entry["path"]),
            protections=tuple(_quote(item, item["why"], holds=item["holds"]) for item in entry["protections"]),
            cited=tuple(dict.fromkeys(entry["cited"])),
            rationale=entry["rationale"],
            would_change=entry["would_change_my_mind"],
        )
        earlier = opinions.get(entry["finding"])
        if earlier is not None and earlier.judgment is not opinion.judgment:
            opinion = Opinion(Judgment.UNDECIDED, (), (), (), "It gave two judgments that contradict each other.", "")
        opinions[entry["finding"]] = opinion
    return opinions


def _quote(item: Mapping[str, Any], remark: str, *, holds: bool = False) -> Quote:
    return Quote(item["file"], item["line"], item["quote"], remark, holds)
