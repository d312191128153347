"""Analyse many modules: each alone, then again those that call into others, until nothing new crosses over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.flow.frame import Hit, Summary
from bluecode_lint.analyzers.flow.program import ModuleAnalysis
from bluecode_lint.analyzers.flow.report import MAX_SNIPPET, clearances, draft_findings
from bluecode_lint.analyzers.flow.values import Kind, Origin, Step, Taint, Value
from bluecode_lint.core.model import Level, Notification, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bluecode_lint.analyzers.flow.knowledge import Knowledge
    from bluecode_lint.analyzers.ir import Module
    from bluecode_lint.core.model import Artifact, Clearance, Finding, Rule

_MAX_ALIASES = 5
"""Re-exports followed from a name to its definition."""
_MAX_STRIPPED = 3
"""Leading folders a module's name may lack in an import."""


@dataclass(slots=True)
class ModuleReport:
    """What one module's analysis gives the project: findings, and what others may call."""

    uri: str
    findings: list[Finding] = field(default_factory=list)
    clearances: list[Clearance] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    summaries: dict[str, Summary] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset()


class Analyst:
    """Analyses one file after another; ``lowered`` gives the module of each."""

    def __init__(
        self, knowledge: Knowledge, rules: Mapping[str, Rule], threat_model: str, lowered: Callable[[Artifact], Module]
    ) -> None:
        """Keep what every file is analysed with."""
        self._knowledge = knowledge
        self._rules = rules
        self._threat_model = threat_model
        self._lowered = lowered

    def analyse(self, artifact: Artifact, externals: Mapping[str, Summary]) -> ModuleReport:
        """Analyse a file, given the summaries of the functions of others it calls. Never raises for its content."""
        try:
            return self._analyse(artifact, externals)
        except Exception as error:  # noqa: BLE001  # a defect of ours must cost one file, loudly, and not the run
            text = f"The flow analysis failed on this file: {type(error).__name__}: {error}"
            note = Notification(Level.ERROR, "flow-analysis-failed", text, artifact.uri)
            return ModuleReport(artifact.uri, notifications=[note])

    def _analyse(self, artifact: Artifact, externals: Mapping[str, Summary]) -> ModuleReport:
        module = self._lowered(artifact)
        analysis = ModuleAnalysis(module, self._knowledge, externals)
        found = analysis.run()
        report = ModuleReport(artifact.uri, draft_findings(analysis, self._rules, self._threat_model))
        report.clearances = clearances(analysis)
        report.notifications = _notifications(module, found.unfinished)
        carrier = _Carrier(module)
        for qualname, summary in found.summaries.items():
            carrier.export(qualname, summary, report.summaries)
        for definition in module.classes:
            init = found.summaries.get(f"{definition.qualname}.__init__")
            carrier.export_class(definition.qualname, init, report.summaries)
        prefix = f"{module.name}." if module.name else ""
        imports = module.scope.imports
        report.aliases = {f"{prefix}{local}": path for local, path in imports.items() if f"{prefix}{local}" != path}
        report.wanted = frozenset(found.wanted)
        return report


def _notifications(module: Module, unfinished: list[int]) -> list[Notification]:
    notes = []
    if module.cut:
        line = module.position(module.cut[0])[0]
        text = f"Line {line}: nested too deeply; {len(module.cut)} expression(s) were not analysed inside."
        notes.append(Notification(Level.WARNING, "nesting-not-analysed", text, module.uri))
    if unfinished:
        line = module.position(unfinished[0])[0]
        text = f"Line {line}: {len(unfinished)} function(s) took too much work or depth to be analysed for flows."
        notes.append(Notification(Level.WARNING, "function-not-analysed", text, module.uri))
    return notes


class _Carrier:
    """Makes summaries independent of their module, so that other modules and processes can use them."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.steps: dict[int, Step] = {}

    def export(self, qualname: str, summary: Summary, into: dict[str, Summary]) -> None:
        """Add the summary of a function or method under the paths it can be called by."""
        carried = Summary(
            summary.params,
            summary.kinds,
            self.value(summary.returned),
            [self.hit(h) for h in summary.hits],
            {k: self.value(v) for k, v in summary.attributes.items()},
            summary.requires,
            summary.proves,
            summary.is_method,
        )
        owner, _, name = qualname.rpartition(".")
        prefix = f"{self.module.name}." if self.module.name else ""
        if summary.is_method:
            into[f"{prefix}{owner}().{name}"] = carried
        else:
            into[f"{prefix}{qualname}"] = carried

    def export_class(self, qualname: str, init: Summary | None, into: dict[str, Summary]) -> None:
        """Add the making of an instance."""
        prefix = f"{self.module.name}." if self.module.name else ""
        path = f"{prefix}{qualname}"
        if init is None:
            return
        items = {"." + k: self.value(v) for k, v in init.attributes.items()}
        made = Value(items=items, kind=path + "()")
        into[path] = Summary(
            init.params, init.kinds, made, [self.hit(h) for h in init.hits], requires=init.requires, is_constructor=True
        )

    def value(self, value: Value, depth: int = 0) -> Value:
        """Copy a value without references into the module."""
        items = None
        if value.items is not None and depth < 3:  # noqa: PLR2004  # nesting that is followed
            items = {k: self.value(v, depth + 1) for k, v in value.items.items()}
        taints = tuple(self.taint(t) for t in value.taints)
        kind = "" if value.kind == "instance" else value.kind
        return Value(taints, value.const, items, value.length, kind, None, value.harmless, value.text)

    def taint(self, taint: Taint) -> Taint:
        """Copy a taint, its steps placed."""
        return Taint(taint.origin, taint.cleared, taint.shape, taint.prefix, self.step(taint.steps))

    def hit(self, hit: Hit) -> Hit:
        """Copy a hit, placed."""
        uri, region, snippet = hit.uri, hit.region, hit.snippet
        if region is None:
            uri = self.module.uri
            region = self.region(hit.start, hit.end)
            snippet = self.module.source[hit.start : hit.end].decode("utf-8", errors="replace")[:MAX_SNIPPET]
        return Hit(
            hit.rule,
            hit.what,
            self.taint(hit.taint),
            hit.most,
            hit.param,
            hit.built,
            hit.start,
            hit.end,
            uri,
            region,
            snippet,
        )

    def region(self, start: int, end: int) -> Region:
        return Region(*self.module.position(start), *self.module.position(end))

    def step(self, step: Step | None) -> Step | None:
        """Copy a chain of steps, placed; chains share their beginnings."""
        if step is None or step.region is not None:
            return step
        known = self.steps.get(id(step))
        if known is None:
            region = self.region(step.start, step.end)
            before = self.step(step.before)
            known = Step(step.message, step.start, step.end, before, self.module.uri, region, step.length)
            self.steps[id(step)] = known
        return known


class Crossings:
    """Which summaries each module needs of the others."""

    def __init__(self, reports: Iterable[ModuleReport]) -> None:
        """Index all reports; names that two modules claim are nobody's."""
        self.summaries: dict[str, Summary] = {}
        self.aliases: dict[str, str] = {}
        short: dict[str, Summary | None] = {}
        for report in sorted(reports, key=lambda r: r.uri):
            self.aliases.update(report.aliases)
            for path, summary in report.summaries.items():
                self.summaries[path] = summary
                parts = path.split(".")
                for cut in range(1, min(_MAX_STRIPPED, len(parts) - 2) + 1):
                    name = ".".join(parts[cut:])
                    short[name] = None if name in short else summary
        for name, found in short.items():
            if found is not None:
                self.summaries.setdefault(name, found)

    def needed(self, report: ModuleReport) -> dict[str, Summary]:
        """Give the summaries a module's calls mean."""
        found = {}
        for path in report.wanted:
            summary = self.find(path)
            if summary is not None:
                found[path] = summary
        return found

    def find(self, path: str) -> Summary | None:
        """Find a summary by path, through re-exports."""
        for _ in range(_MAX_ALIASES):
            known = self.summaries.get(path)
            if known is not None:
                return known
            parts = path.split(".")
            for length in range(len(parts), 0, -1):
                head = ".".join(parts[:length]).removesuffix("()")
                target = self.aliases.get(head)
                if target is not None and target != head:
                    call = "()" if parts[length - 1].endswith("()") else ""
                    path = ".".join([target + call, *parts[length:]])
                    break
            else:
                return None
        return None


def is_strong(summary: Summary) -> bool:
    """Tell whether a summary can add findings where it is called."""
    return bool(summary.hits) or _brings_sources(summary.returned)


def _brings_sources(value: Value) -> bool:
    if any(t.origin.param < 0 and t.origin.kind is not Kind.UNKNOWN for t in value.taints):
        return True
    return any(_brings_sources(v) for v in (value.items or {}).values())


def signature(summaries: Mapping[str, Summary]) -> dict[str, tuple[int, bool, int]]:
    """Give what of each summary a change would be noticed by."""
    return {
        path: (len(s.hits), _brings_sources(s.returned), sum(s.requires.values()) ^ sum(s.proves.values()))
        for path, s in summaries.items()
    }


__all__ = ["Analyst", "Crossings", "ModuleReport", "Origin", "is_strong", "signature"]
