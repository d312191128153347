"""What one module's analysis gave, as JSON values and back, so that a run need not repeat what another has done.

The values of an analysis share their origins and steps, and who shares what matters: so each is written once, in a
table of its kind, and referred to by its place there.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.frame import Hit, Summary
from bluecode_lint.analyzers.flow.project import ModuleReport
from bluecode_lint.analyzers.flow.values import MISSING, Kind, Origin, Step, Taint, Value
from bluecode_lint.core.documents import answer_to_document, answers_from_documents, region_to_document
from bluecode_lint.core.model import Clearance, Confidence, Finding, Notification, Region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluecode_lint.core.documents import Answer

_NOTHING = -1


def report_to_document(report: ModuleReport) -> dict[str, Any]:
    """Give a report as a JSON object.

    Raises:
        TypeError: It holds a constant that has no JSON form.
    """
    tables = _Writer()
    summaries = [[path, tables.summary(summary)] for path, summary in report.summaries.items()]
    said: tuple[Answer, ...] = (*report.findings, *report.clearances, *report.notifications)
    return {
        "uri": report.uri,
        "answers": [answer_to_document(answer) for answer in said],
        "summaries": summaries,
        "aliases": report.aliases,
        "wanted": sorted(report.wanted),
        **tables.document(),
    }


def report_from_document(document: Any) -> ModuleReport:  # noqa: ANN401  # JSON
    """Read what `report_to_document` wrote.

    Raises:
        ValueError: It wrote something else.
    """
    try:
        tables = _Reader(document)
        report = ModuleReport(document["uri"], aliases=dict(document["aliases"]), wanted=frozenset(document["wanted"]))
        for answer in answers_from_documents(document["answers"]):
            if isinstance(answer, Finding):
                report.findings.append(answer)
            elif isinstance(answer, Clearance):
                report.clearances.append(answer)
            elif isinstance(answer, Notification):
                report.notifications.append(answer)
        report.summaries.update((path, tables.summary(summary)) for path, summary in document["summaries"])
    except (TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        message = "this is not the report of a module"
        raise ValueError(message) from error
    return report


def digest_of(summary: Summary) -> str:
    """Name what a summary says.

    Raises:
        TypeError: It holds a constant that has no JSON form.
    """
    tables = _Writer()
    written = {"summary": tables.summary(summary), **tables.document()}
    return hashlib.sha256(json.dumps(written).encode()).hexdigest()


class _Writer:
    """Writes objects into tables, each once."""

    def __init__(self) -> None:
        self._origins: list[Any] = []
        self._steps: list[Any] = []
        self._taints: list[Any] = []
        self._values: list[Any] = []
        self._places: dict[int, int] = {}

    def document(self) -> dict[str, Any]:
        return {"origins": self._origins, "steps": self._steps, "taints": self._taints, "values": self._values}

    def summary(self, summary: Summary) -> list[Any]:
        return [
            list(summary.params),
            list(summary.kinds),
            self.value(summary.returned),
            [self._hit(hit) for hit in summary.hits],
            [[name, self.value(value)] for name, value in summary.attributes.items()],
            list(summary.requires.items()),
            list(summary.proves.items()),
            summary.is_method,
            summary.is_constructor,
        ]

    def value(self, value: Value) -> int:
        if value.ref is not None:
            message = "a value that refers into its module cannot be kept"
            raise TypeError(message)
        known = self._places.get(id(value))
        if known is None:
            items = None
            if value.items is not None:
                items = [[_constant_to_document(key), self.value(part)] for key, part in value.items.items()]
            self._values.append([
                [self._taint(taint) for taint in value.taints],
                _constant_to_document(value.const),
                items,
                value.length,
                value.kind,
                value.harmless,
                value.text,
            ])  # fmt: skip
            known = self._places[id(value)] = len(self._values) - 1
        return known

    def _taint(self, taint: Taint) -> int:
        known = self._places.get(id(taint))
        if known is None:
            origin, step = self._origin(taint.origin), self._step(taint.steps)
            self._taints.append([origin, taint.cleared, taint.shape, taint.prefix, step])
            known = self._places[id(taint)] = len(self._taints) - 1
        return known

    def _origin(self, origin: Origin | None) -> int:
        """Write an origin after what it is a part of, and its own parts after it."""
        if origin is None:
            return _NOTHING
        known = self._places.get(id(origin))
        if known is None:
            parent = self._origin(origin.parent)
            known = self._places.get(id(origin))  # its parent may have written it among its parts
        if known is None:
            known = self._places[id(origin)] = len(self._origins)
            is_part = origin.parent is not None and origin.parent.parts.get(origin.key) is origin
            self._origins.append([
                int(origin.kind), origin.what, origin.start, origin.end, origin.param,
                _constant_to_document(origin.key), parent, is_part,
            ])  # fmt: skip
            for part in origin.parts.values():
                self._origin(part)
        return known

    def _step(self, step: Step | None) -> int:
        if step is None:
            return _NOTHING
        known = self._places.get(id(step))
        if known is None:
            before = self._step(step.before)
            region = None if step.region is None else region_to_document(step.region)
            self._steps.append([step.message, step.start, step.end, before, step.uri, region, step.length])
            known = self._places[id(step)] = len(self._steps) - 1
        return known

    def _hit(self, hit: Hit) -> list[Any]:
        return [
            hit.rule,
            hit.what,
            self._taint(hit.taint),
            int(hit.most),
            None if hit.param is None else int(hit.param),
            hit.built,
            hit.start,
            hit.end,
            hit.uri,
            None if hit.region is None else region_to_document(hit.region),
            hit.snippet,
        ]


class _Reader:
    """Makes the objects of a document's tables again."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._origins: list[Origin] = []
        for kind, what, start, end, param, key, parent, is_part in document["origins"]:
            whole = None if parent == _NOTHING else self._origins[parent]
            origin = Origin(Kind(kind), what, start, end, param, _constant_from_document(key), whole)
            if is_part and whole is not None:
                whole.parts[origin.key] = origin
            self._origins.append(origin)
        self._steps: list[Step] = []
        for message, start, end, before, uri, region, length in document["steps"]:
            place = None if region is None else Region(*region)
            self._steps.append(Step(message, start, end, self._step(before), uri, place, length))
        self._taints = [
            Taint(self._origins[origin], cleared, shape, prefix, self._step(step))
            for origin, cleared, shape, prefix, step in document["taints"]
        ]
        self._values: list[Value] = []
        for taints, const, items, length, kind, harmless, text in document["values"]:
            parts = None
            if items is not None:
                parts = {_constant_from_document(key): self._values[part] for key, part in items}
            known = tuple(self._taints[taint] for taint in taints)
            value = Value(known, _constant_from_document(const), parts, length, kind, None, harmless, text)
            self._values.append(value)

    def summary(self, document: Any) -> Summary:  # noqa: ANN401  # JSON
        params, kinds, returned, hits, attributes, requires, proves, is_method, is_constructor = document
        return Summary(
            tuple(params),
            tuple(kinds),
            self._values[returned],
            [self._hit(hit) for hit in hits],
            {name: self._values[value] for name, value in attributes},
            dict(requires),
            dict(proves),
            is_method,
            is_constructor,
        )

    def _step(self, place: int) -> Step | None:
        return None if place == _NOTHING else self._steps[place]

    def _hit(self, document: Any) -> Hit:  # noqa: ANN401  # JSON
        rule, what, taint, most, param, built, start, end, uri, region, snippet = document
        return Hit(
            rule,
            what,
            self._taints[taint],
            Confidence(most),
            None if param is None else Confidence(param),
            built,
            start,
            end,
            uri,
            None if region is None else Region(*region),
            snippet,
        )


def _constant_to_document(value: Any) -> Any:  # noqa: ANN401  # any constant of Python
    """Write a constant: what JSON has as it is, anything else as an array that begins with what it is."""
    if value is MISSING:
        return ["missing"]
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is bytes:
        return ["bytes", value.hex()]
    if type(value) is complex:
        return ["complex", value.real, value.imag]
    if value is Ellipsis:
        return ["ellipsis"]
    if type(value) in (tuple, frozenset):
        parts = [_constant_to_document(part) for part in value]
        return [type(value).__name__, *(parts if type(value) is tuple else sorted(parts, key=repr))]
    message = f"a constant of type {type(value).__name__} cannot be kept"
    raise TypeError(message)


def _constant_from_document(document: Any) -> Any:  # noqa: ANN401  # any constant of Python
    if not isinstance(document, list):
        return document
    kind, *parts = document
    made: dict[str, Callable[[], Any]] = {
        "missing": lambda: MISSING,
        "ellipsis": lambda: Ellipsis,
        "bytes": lambda: bytes.fromhex(*parts),
        "complex": lambda: complex(*parts),
        "tuple": lambda: tuple(map(_constant_from_document, parts)),
        "frozenset": lambda: frozenset(map(_constant_from_document, parts)),
    }
    return made[kind]()
