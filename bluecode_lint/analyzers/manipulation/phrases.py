"""The phrases that address a reviewer: ``rules/manipulation/phrases.yaml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_PLACEHOLDER = re.compile(r"@([a-z]+)")
_SENTENCE_END = re.compile(r"(?<=[.!?;。！？])\s+|\n\s*\n|\n\s*(?:[-*•+]|\d+[.)])\s+")  # noqa: RUF001
_SENTENCE_MAX = 1500
_STEM = re.compile(
    r"ignor|disregard|forget|overrid|bypass|discard|review|audit|verdict|judg|safe|secur|report|flag|refus|declin"
    r"|vulnerab|exploit|positive|analy|scan|approv|prompt|instruct|<\||\[/?inst|\[/?sys|<<sys|system|assistant"
    r"|pretend|you are|lgtm|trust|pass|benign|clean|mode\b|no (?:issue|finding)|attack|hack|hostile|harmless|skip|model"
    r"|agent|acquit|from now|reward|bonus|finding|suppress|dismiss|sorry|\breply|answer|respond|[^\x00-\x7f]"
)


@dataclass(frozen=True, slots=True)
class Group:
    """Phrases of one intent. Each alternative is a list of expressions that must all be found."""

    id: str
    says: str
    confidence: Confidence
    alternatives: tuple[tuple[re.Pattern[str], ...], ...]
    unless: re.Pattern[str] | None
    only: str
    """``names`` or ``prose``, if it holds for one of them alone."""
    whole_passage: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A phrase that was found."""

    group: Group
    phrase: str


def load_groups(file: Path) -> tuple[Group, ...]:
    """Read the groups, surest first.

    Raises:
        RulesError: The file is malformed.
    """
    try:
        document: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        words = {
            name: "".join(line.strip("\n").lstrip() for line in text.split("\n"))
            for name, text in document["words"].items()
        }
        groups = [_group(item, words) for item in document["groups"]]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, re.error) as error:
        message = f"{file}: not a table of phrases: {error}"
        raise RulesError(message) from error
    return tuple(sorted(groups, key=lambda group: -group.confidence))


def _group(item: Mapping[str, Any], words: Mapping[str, str]) -> Group:
    def compiled(expression: str) -> re.Pattern[str]:
        return re.compile(_PLACEHOLDER.sub(lambda found: f"(?:{words[found.group(1)]})", expression))

    return Group(
        id=item["id"],
        says=item["says"],
        confidence=Confidence[item["confidence"].upper()],
        alternatives=tuple(
            tuple(compiled(part) for part in (entry if isinstance(entry, list) else [entry])) for entry in item["when"]
        ),
        unless=compiled(item["unless"]) if "unless" in item else None,
        only=item.get("only", ""),
        whole_passage=item.get("across") == "passage",
    )


def find_phrase(text: str, groups: tuple[Group, ...], *, is_name: bool = False) -> Hit | None:
    """Find the surest phrase in a text."""
    text = text.lower()  # faster than expressions that disregard case
    if not _STEM.search(text):
        return None
    sentences = [*_sentences(text)]
    for group in groups:
        if group.only == ("prose" if is_name else "names"):
            continue
        for sentence in [text] if group.whole_passage else sentences:
            phrase = _match(group, sentence)
            if phrase:
                return Hit(group, phrase)
    return None


def _match(group: Group, sentence: str) -> str:
    if group.unless is not None and group.unless.search(sentence):
        return ""
    for alternative in group.alternatives:
        found = [pattern.search(sentence) for pattern in alternative]
        if all(match is not None for match in found):
            return " ... ".join(dict.fromkeys(match.group().strip() for match in found if match is not None))
    return ""


def _sentences(text: str) -> Iterator[str]:
    for sentence in _SENTENCE_END.split(text):
        joined = " ".join(sentence.split())
        for start in range(0, len(joined), _SENTENCE_MAX):
            yield joined[max(0, start - 200) : start + _SENTENCE_MAX]
