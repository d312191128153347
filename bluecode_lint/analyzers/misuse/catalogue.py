"""Load ``rules/misuse/*.yaml``: what the engine looks for.

An entry names its ``rule``, its ``confidence``, exactly one matcher, and conditions: all of ``when`` hold and none of
``unless``. In the lists of a matcher ``{a,b}`` stands for either word.

=============  ========================================================================================
``call``       calls of these dotted paths, resolved through imports and aliases
``method``     calls of a method of this name on anything
``keyword``    calls that pass an argument by this keyword
``setting``    values given to these names: a variable, an attribute, a key, ``config.update(NAME=...)``
``decorator``  functions and classes decorated with these dotted paths
``import``     imports of these modules
``check``      a function of `checks`, by name
=============  ========================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint.analyzers.misuse.checks import CHECKS
from bluecode_lint.analyzers.misuse.conditions import compile_condition
from bluecode_lint.analyzers.misuse.unit import WellKnown
from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from bluecode_lint.analyzers.misuse.conditions import Condition, Site
    from bluecode_lint.analyzers.misuse.unit import Unit
    from bluecode_lint.core.model import Rule

MATCHERS = ("call", "method", "keyword", "setting", "decorator", "import", "check")
_KEYS = frozenset({*MATCHERS, "rule", "confidence", "when", "unless", "in_tests"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to look for. In test files it is only a question, unless ``in_tests``."""

    rule_id: str
    confidence: Confidence
    matcher: str
    keys: tuple[str, ...]
    when: tuple[Condition, ...]
    unless: tuple[Condition, ...]
    in_tests: bool

    def holds(self, unit: Unit, site: Site) -> bool:
        """Tell whether the conditions are met."""
        return all(condition(unit, site) for condition in self.when) and not any(
            condition(unit, site) for condition in self.unless
        )


def load_entries(folder: Path, rules: Mapping[str, Rule]) -> tuple[Entry, ...]:
    """Load every entry under ``folder``, in the order of the files' names.

    Raises:
        RulesError: A file is malformed, or an entry names a rule that is not in ``rules``. The message says which.
    """
    entries: list[Entry] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            documents = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506  # a safe loader, in C where it is there
        except (OSError, yaml.YAMLError) as error:
            message = f"{path}: {error}"
            raise RulesError(message) from error
        if not isinstance(documents, list):
            message = f"{path}: a list of entries is wanted"
            raise RulesError(message)
        for number, document in enumerate(documents):
            try:
                entries.append(_entry(document, rules))
            except (ValueError, KeyError, TypeError, AttributeError, re.error) as error:
                message = f"{path}: entry {number + 1}: {error!r}"
                raise RulesError(message) from error
    return tuple(entries)


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _entry(document: Mapping[str, Any], rules: Mapping[str, Rule]) -> Entry:
    unknown = set(document) - _KEYS
    matchers = [key for key in MATCHERS if key in document]
    if unknown or len(matchers) != 1:
        message = f"unknown keys {sorted(unknown)}" if unknown else f"one matcher is wanted, not {matchers}"
        raise ValueError(message)
    rule = rules[document["rule"]]
    keys = document[matchers[0]]
    expanded = tuple(word for key in ([keys] if isinstance(keys, str) else keys) for word in expand(key))
    if matchers[0] == "check" and not CHECKS.keys() >= set(expanded):
        message = f"no such check: {expanded}"
        raise ValueError(message)
    return Entry(
        rule_id=rule.id,
        confidence=Confidence[document["confidence"].upper()],
        matcher=matchers[0],
        keys=expanded,
        when=tuple(compile_condition(spec) for spec in document.get("when", ())),
        unless=tuple(compile_condition(spec) for spec in document.get("unless", ())),
        in_tests=bool(document.get("in_tests", False)),
    )


def load_well_known(path: Path) -> WellKnown:
    """Read ``packages.txt``: a module's name a line, or ``distribution = module`` where the two differ.

    Raises:
        RulesError: It cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {error}"
        raise RulesError(message) from error
    entries = [line.partition("#")[0].partition("=") for line in lines]
    pairs = [(name.strip(), module.strip()) for name, _, module in entries if name.strip()]
    distributions = {name: module for name, module in pairs if module}
    modules = frozenset(module.partition(".")[0] or name for name, module in pairs)
    return WellKnown(modules, distributions)


_BRACES = re.compile(r"\{([^{}]*)\}")


def expand(word: str) -> Iterator[str]:
    """Yield what a word with ``{a,b}`` in it stands for."""
    found = _BRACES.search(word)
    if found is None:
        yield word
        return
    for choice in found[1].split(","):
        yield from expand(word[: found.start()] + choice + word[found.end() :])
