"""Run the entries of the catalogue over modules: each call is looked up by its last name, so most cost nothing."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.ir import Call, Class, Dict, Expr, Function, Stmt, Subscript, last_name, string_value
from bluecode_lint.analyzers.lowered import LoweredModules
from bluecode_lint.analyzers.misuse.catalogue import Entry, load_entries, load_well_known
from bluecode_lint.analyzers.misuse.checks import CHECKS
from bluecode_lint.analyzers.misuse.conditions import Site
from bluecode_lint.analyzers.misuse.unit import Project, Unit
from bluecode_lint.core.model import Confidence, Finding, Level, Location, Notification, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bluecode_lint.analyzers.ir import Module, Scope
    from bluecode_lint.core.model import Artifact, Rule

_BY_LAST_NAME = ("call", "decorator")
"""Matchers whose keys are dotted paths: they are looked up by the last name, then compared whole."""
_SETTING_CALLS = frozenset({"update", "from_mapping", "setdefault", "configure", "set_default", "putenv"})
"""Methods by which settings are given as keywords or as a name and a value."""


class MisuseAnalyzer:
    """Finds misused interfaces, weak policies and missing protections, in this process."""

    name = "misuse"

    def __init__(
        self,
        rules_root: Path,
        rules: Mapping[str, Rule],
        *,
        lowered: Callable[[Artifact], Module] | None = None,
        uris: Sequence[str] = (),
    ) -> None:
        """Load the entries.

        ``lowered`` gives an artifact's module where others share it. ``uris`` are the project's files, whichever of
        them are to be looked at.

        Raises:
            RulesError: An entry is malformed.
        """
        self._rules = rules
        self._lowered = lowered or LoweredModules()
        self._uris = uris
        self._well_known = load_well_known(rules_root / "misuse" / "packages.txt")
        self._index: dict[str, dict[str, list[Entry]]] = {}
        for entry in load_entries(rules_root / "misuse", rules):
            table = self._index.setdefault(entry.matcher, defaultdict(list))
            for key in entry.keys:
                table[key.rpartition(".")[2] if entry.matcher in _BY_LAST_NAME else key].append(entry)
        settings = self._index.get("setting", {})
        self._setting_name = re.compile(
            rb"\b(?:" + b"|".join(re.escape(s).encode() for s in settings or ["$^"]) + rb")\b"
        )

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Notification]:
        """Report one finding a rule and place, with the highest confidence any entry gives it."""
        uris = {*self._uris, *(artifact.uri for artifact in artifacts)}
        parts = (part for uri in uris for part in uri.removesuffix(".py").split("/"))
        project = Project(frozenset(parts), self._well_known)
        for artifact in artifacts:
            try:
                yield from self._analyze_one(artifact, project)
            except Exception as error:  # noqa: BLE001  # one file must not lose the others; it is said
                yield Notification(
                    Level.ERROR,
                    "misuse-failed",
                    f"the misuse rules stopped in this file ({type(error).__name__}: {error})",
                    artifact.uri,
                )

    def _analyze_one(self, artifact: Artifact, project: Project) -> Iterator[Finding]:
        unit = Unit(self._lowered(artifact), project)
        best: dict[tuple[str, int, int], tuple[Confidence, str]] = {}
        for entry, node, confidence, detail in self._hits(unit):
            worth = Confidence.LOW if unit.is_test and not entry.in_tests else confidence
            key = (entry.rule_id, node.start, node.end)
            best[key] = max(best.get(key, (worth, detail)), (worth, detail))
        for (rule_id, start, end), (worth, detail) in sorted(best.items()):
            rule = self._rules[rule_id]
            module = unit.module
            yield Finding(
                rule_id=rule_id,
                cwe=rule.cwe,
                location=Location(artifact.uri, Region(*module.position(start), *module.position(end))),
                message=f"{rule.message} {detail}".strip(),
                confidence=worth,
                aliases=(f"misuse:{rule_id.partition('/')[2]}",),
                snippet=module.source[start:end].decode("utf-8", errors="replace"),
            )

    def _hits(self, unit: Unit) -> Iterator[tuple[Entry, Expr | Stmt, Confidence, str]]:
        for entry, site in self._sites(unit):
            if entry.holds(unit, site):
                yield entry, site.node, entry.confidence, ""
        for name, entries in self._index.get("check", {}).items():
            check = CHECKS[name]
            if check.tokens and not any(token in unit.module.source for token in check.tokens):
                continue
            for hit in check.find(unit):
                for entry in entries:
                    yield entry, hit.node, min(hit.confidence, entry.confidence), hit.detail

    def _sites(self, unit: Unit) -> Iterator[tuple[Entry, Site]]:
        yield from self._calls(unit)
        yield from self._decorators(unit)
        yield from self._imports(unit)
        if self._setting_name.search(unit.module.source):
            yield from self._settings(unit)

    def _calls(self, unit: Unit) -> Iterator[tuple[Entry, Site]]:
        paths, methods, keywords = (self._index.get(kind, {}) for kind in ("call", "method", "keyword"))
        for call in unit.module.calls:
            name, *renamed = unit.names_of(call.function)
            by_path = [entry for other in (name, *renamed) for entry in paths.get(other, ())]
            path = unit.path(call.function, call.scope) if by_path else ""
            for entry in by_path:
                if path in entry.keys:
                    yield entry, Site(call, call.scope, call)
            for entry in methods.get(name, ()):
                yield entry, Site(call, call.scope, call)
            for key, value in call.keywords:
                for entry in keywords.get(key, ()) if key else ():
                    yield entry, Site(call, call.scope, call, value)

    def _decorators(self, unit: Unit) -> Iterator[tuple[Entry, Site]]:
        table = self._index.get("decorator", {})
        owners: Sequence[Function | Class] = (*unit.module.functions, *unit.module.classes)
        for owner in owners:
            for decorator in owner.decorators:
                call = decorator if isinstance(decorator, Call) else None
                function = call.function if call else decorator
                outer = owner.scope.parent or unit.module.scope
                for entry in (entry for name in unit.names_of(function) for entry in table.get(name, ())):
                    if unit.path(function, outer) in entry.keys:
                        yield entry, Site(decorator, outer, call)

    def _imports(self, unit: Unit) -> Iterator[tuple[Entry, Site]]:
        table = self._index.get("import", {})
        for stmt in unit.module.imports:
            for _, path in stmt.names:
                for name in (path, path.rpartition(".")[0], path.partition(".")[0]):
                    for entry in table.get(name, ()) if name else ():
                        yield entry, Site(stmt, stmt.scope)

    def _settings(self, unit: Unit) -> Iterator[tuple[Entry, Site]]:
        table = self._index["setting"]
        for name, value, node, scope in _given_values(unit):
            for entry in table.get(name, ()):
                yield entry, Site(node, scope or unit.scope_of(node), value=value)


def _given_values(unit: Unit) -> Iterator[tuple[str, Expr, Expr | Stmt, Scope | None]]:
    """Yield every (name, value, place, scope) that can be a setting; no scope: the place's own."""
    for stmt in unit.module.assignments:
        for target in stmt.targets:
            name = string_value(target.index) if isinstance(target, Subscript) else last_name(target)
            if name and stmt.value is not None:
                yield name, stmt.value, stmt, stmt.scope
    yield from _given_in_calls(unit)
    for display in unit.every(Dict):
        for key_expr, value in display.pairs:
            if name := string_value(key_expr):
                yield name, value, value, None


def _given_in_calls(unit: Unit) -> Iterator[tuple[str, Expr, Expr, Scope]]:
    for call in unit.module.calls:
        if last_name(call.function) in _SETTING_CALLS:
            yield from ((key, value, call, call.scope) for key, value in call.keywords if key)
            if len(call.args) == 2 and (name := string_value(call.args[0])):  # noqa: PLR2004  # a name and its value
                yield name, call.args[1], call, call.scope
