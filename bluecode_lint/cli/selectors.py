"""Which rules a user means: ids with or without ``bluecode/``, prefixes ending in ``*``, ``CWE-78``, ``ALL``."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from bluecode_lint.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bluecode_lint.cli.settings import Settings
    from bluecode_lint.core.model import Finding, Rule

_CWE = re.compile(r"(?i)cwe-?0*(\d+)")
PREFIX = "bluecode/"


def resolve(selector: str, rules: Mapping[str, Rule]) -> frozenset[str]:
    """Give the ids a selector means.

    Raises:
        UsageError: It matches no rule.
    """
    if selector.upper() == "ALL":
        return frozenset(rules)
    cwe = _CWE.fullmatch(selector)
    if cwe:
        chosen = frozenset(rule.id for rule in rules.values() if rule.cwe == int(cwe[1]))
    else:
        wanted = selector if selector.startswith(PREFIX) else PREFIX + selector
        prefix = wanted[:-1] if wanted.endswith("*") else None
        chosen = frozenset(r for r in rules if r == wanted or (prefix is not None and r.startswith(prefix)))
    if chosen:
        return chosen
    near = difflib.get_close_matches(selector.removeprefix(PREFIX), [r.removeprefix(PREFIX) for r in rules], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    message = f"no rule is called {selector!r}{hint}"
    raise UsageError(message, advice="`bluecode-lint rules` lists them.")


def resolve_all(selectors: Iterable[str], rules: Mapping[str, Rule]) -> frozenset[str]:
    """Give the ids that any of the selectors means."""
    return frozenset[str]().union(*(resolve(selector, rules) for selector in selectors))


class RuleSelection:
    """Tells whether a finding's rule is wanted for the file it is in."""

    def __init__(self, settings: Settings, rules: Mapping[str, Rule]) -> None:
        """Resolve every selector at once, so that a wrong one stops the run before it starts.

        Raises:
            UsageError: A selector matches no rule.
        """
        from pathspec import PathSpec  # noqa: PLC0415  # lazy: start-up time

        selected = resolve_all(settings["select"], rules) or frozenset(rules)
        selected |= resolve_all(settings["extend-select"], rules)
        self._wanted = selected - resolve_all(settings["ignore"], rules)
        self._per_file = [
            (PathSpec.from_lines("gitignore", [pattern]), resolve_all(selectors, rules))
            for pattern, selectors in settings.per_file_ignores.items()
        ]

    def __call__(self, finding: Finding) -> bool:
        """Tell whether to report ``finding``."""
        if finding.rule_id not in self._wanted:
            return False
        uri = finding.location.uri
        return not any(finding.rule_id in ignored and spec.match_file(uri) for spec, ignored in self._per_file)
