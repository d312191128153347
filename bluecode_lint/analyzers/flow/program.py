"""Analyse one module: its body, its functions by summaries made on demand, its classes' attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.frame import BudgetError, Hit, Summary
from bluecode_lint.analyzers.flow.growth import is_empty_container
from bluecode_lint.analyzers.flow.interpreter import Interpreter
from bluecode_lint.analyzers.flow.values import (
    BUILT,
    GIVEN,
    HARMLESS,
    MISSING,
    UNKNOWN,
    Callee,
    Kind,
    Origin,
    State,
    Taint,
    Value,
    all_taints,
    checked,
    constant,
    is_harmless,
    join,
    step,
)
from bluecode_lint.analyzers.ir import (
    Assign,
    Attribute,
    Call,
    Class,
    Collection,
    Const,
    Expr,
    Function,
    Name,
    Param,
    Subscript,
    last_name,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluecode_lint.analyzers.flow.frame import Frame
    from bluecode_lint.analyzers.flow.knowledge import Knowledge
    from bluecode_lint.analyzers.ir import Module

_MARKUP = re.compile(rb"</|<(?:a|b|br|div|h[1-6]|html|i|img|input|li|option|p|script|span|td|tr|ul)\b", re.IGNORECASE)
_STATEMENT = re.compile(rb"(?i)['\"\s](?:select\s|insert\s+into\s|update\s|delete\s+from\s)")
_STORES = re.compile(rb"(?:headers|session|cookies|msg|message|mail|email|mime|response|resp|res|rv)\[|\.location\s*=")
_TELLING = re.compile(r"(?i)</|<(?:br|p|div|h[1-6]|a|td|li)\b|\b(?:select|insert into|update|delete from)\s")
_WSGI = frozenset({"environ", "env"})
"""What the request is called where a server calls an application as PEP 3333 says, with ``start_response``."""
_MEDIA = frozenset({"response_class", "media_type", "renderer"})
"""Keywords of a route's decorator that choose what kind of text the answer is."""
_ERROR_HANDLERS = frozenset({"errorhandler", "app_errorhandler", "exception_handler", "error_handler", "error"})
_ENUMERATIONS = frozenset({"Enum", "StrEnum", "IntEnum", "TextChoices", "IntegerChoices"})
_NUMBERS = frozenset({"int", "float", "bool", "complex", "UUID", "Decimal", "date", "datetime", "PositiveInt"})
_MAX_ATTRIBUTE_WRITERS = 4
MAX_WORK = 120_000
"""Statements run for one module, repeats included: a few seconds; the 20,000 lines of a generated file need fewer."""
_MAX_CHECKER = 1500
"""Bytes of a function that may be there to check or clean a value for others."""
_MAX_GETTER = 300
"""Bytes of a method that may do so."""
_MAX_CHECKED = 4
"""Parameters of such a function."""


@dataclass(slots=True)
class Found:
    """What the analysis of a module found: hits with the function they are in (None: the module body)."""

    hits: list[tuple[Hit, Function | None]] = field(default_factory=list)
    summaries: dict[str, Summary] = field(default_factory=dict)
    wanted: set[str] = field(default_factory=set)
    unfinished: list[int] = field(default_factory=list)
    sinks: dict[tuple[str, int, int], bool] = field(default_factory=dict)
    """Whether a sink only ever saw what the program chose: by rule, start and end."""


class ModuleAnalysis:
    """The analysis of one module, given what is known of the modules it imports from."""

    def __init__(self, module: Module, knowledge: Knowledge, externals: Mapping[str, Summary]) -> None:
        """Prepare; `run` does the work."""
        self.module = module
        self.knowledge = knowledge
        self.externals = externals
        self.found = Found()
        self.summaries: dict[int, Summary] = {}
        self.active: set[int] = set()
        self.recursive: set[int] = set()
        self.globals: dict[str, Value] = {}
        self.rebound: set[str] = set()
        self.class_values: dict[int, dict[str, Value]] = {}
        self.attribute_values: dict[tuple[int, str], Value | None] = {}
        self.passed: dict[int, list[Mapping[int, Value]]] = {}
        self.spent = 0
        self.bounds: dict[str, bool] = {}
        self.configured: dict[str, bool] = {}
        attributes = "|".join(sorted(knowledge.requests.attributes))
        self.request_text = re.compile(
            rf"(?:request|req)(?:\(\))?\.(?:{attributes})\b|self\.(?:get_|path|rfile)".encode()
        )
        self.any_call = self._any_call_pattern()
        self.bare_names = frozenset(p.rpartition(".")[2] for p in knowledge.handlers.bare)
        self.called_names = frozenset(last_name(c.function) for c in module.calls)
        self.is_script = b"__main__" in module.source or "parse_args" in self.called_names

    def run(self) -> Found:
        """Analyse the module body, then every function that can matter."""
        for function in self.module.functions:
            for name, values in function.scope.bindings.items():
                if None in values and name in self.module.scope.bindings and self._declares(function, name):
                    self.rebound.add(name)
        body = Interpreter(self, None, self.module.scope, 0)
        self._guarded(lambda: body.run(self.module.body), 0)
        self.globals = body.state.variables
        self.found.hits.extend((hit, None) for hit in body.hits.values())
        matter = self._that_matter()
        for function in self.module.functions:
            if id(function) in matter and not self._is_nested(function) and function.name != "<lambda>":
                self._guarded(lambda f=function: self.summary(f, 0), function.start)
        for function in self.module.functions:
            summary = self.summaries.get(id(function))
            if summary is not None and not self._is_nested(function):
                self.found.summaries[function.qualname] = summary
        return self.found

    def _guarded(self, work: object, offset: int) -> None:
        try:
            work()  # type: ignore[operator]
        except (RecursionError, BudgetError):
            self.found.unfinished.append(offset)
            self.active.clear()

    def spend(self) -> None:
        """Count a statement that is run: the budget is work, not time, so that every run ends alike."""
        self.spent += 1
        if self.spent > MAX_WORK:
            raise BudgetError

    def note_sink(self, rule: str, node: Expr, *, harmless: bool) -> None:
        """Remember what a sink saw."""
        key = (rule, node.start, node.end)
        self.found.sinks[key] = harmless and self.found.sinks.get(key, True)

    def _declares(self, function: Function, name: str) -> bool:
        return not any(p.name == name for p in function.params)

    def _is_nested(self, function: Function) -> bool:
        parent = function.scope.parent
        return parent is not None and parent.kind == "function"

    def _any_call_pattern(self) -> re.Pattern[str] | None:
        known = self.knowledge.calls.get("<any>")
        return known.sinks[0].matcher.receivers if known is not None and known.sinks else None

    def _that_matter(self) -> set[int]:
        """Find the functions in which, or in whose callees, anything could be reported."""
        sinks, pattern = self.knowledge.sink_names, self.any_call
        names = {n for n in self.called_names if n in sinks or (pattern is not None and pattern.search(n))}
        names |= {path.rpartition(".")[2] for path in self.externals}
        names |= self._aliases_of(names)
        telling = self._telling_names()
        rest = []
        matter: set[int] = set()
        for function in self.module.functions:
            if self.is_handler(function) or self._has_telling_text(function, telling) or self._may_check(function):
                matter.add(id(function))
                names.add(_called_as(function))
            else:
                rest.append(function)
        changed = True
        while changed:
            calling = [f for f in rest if not names.isdisjoint(f.called)]
            changed = bool(calling)
            matter.update(id(f) for f in calling)
            names.update(_called_as(f) for f in calling)
            rest = [f for f in rest if id(f) not in matter]
        return matter

    def _has_telling_text(self, function: Function, telling: re.Pattern[bytes] | None) -> bool:
        text = self.module.source[function.start : function.end]
        return bool(
            _MARKUP.search(text)
            or _STATEMENT.search(text)
            or _STORES.search(text)
            or self.request_text.search(text)
            or (telling is not None and telling.search(text))
        )

    def _may_check(self, function: Function) -> bool:
        """Tell whether other modules may call a function to get, check or clean a value: it is short."""
        if not 0 < len(function.params) <= _MAX_CHECKED or self._is_nested(function):
            return False
        return function.end - function.start <= (_MAX_CHECKER if function.owner is None else _MAX_GETTER)

    def _aliases_of(self, names: set[str]) -> set[str]:
        """Find what sinks are called in this module: ``from os import system as s``, ``run = os.system``."""
        sinks = self.knowledge.sink_names
        found = {local for i in self.module.imports for local, path in i.names if path.rpartition(".")[2] in sinks}
        for assignment in self.module.assignments:
            if isinstance(assignment.value, (Name, Attribute)) and last_name(assignment.value) in sinks:
                found |= {last_name(t) for t in assignment.targets}
        if "getattr" in self.called_names:
            found.add("")  # what a call of a call's answer is named
        return found - {"*"} | names

    def _telling_names(self) -> re.Pattern[bytes] | None:
        """Make a pattern of the module's constants that hold markup or SQL, and of its containers."""
        names = []
        for name, bound in self.module.scope.bindings.items():
            values = [b for b in bound if b is not None]
            telling = any(
                isinstance(v, Const) and isinstance(v.value, str) and _TELLING.search(v.value) for v in values
            )
            if telling or is_empty_container(self.module, values):
                names.append(re.escape(name.encode()))
        return re.compile(rb"\b(?:" + b"|".join(names) + rb")\b") if names else None

    # --- functions ---------------------------------------------------------------------------------------------------

    def summary(self, function: Function, depth: int) -> Summary:
        """Give the summary of a function, made on first demand; a recursive call sees the first guess."""
        key = id(function)
        known = self.summaries.get(key)
        if known is not None:
            return known
        if key in self.active:
            self.recursive.add(key)
            return _first_guess(function)
        self.active.add(key)
        made = self._summarise(function, depth)
        self.summaries[key] = made
        if key in self.recursive:
            made = self._summarise(function, depth)
            self.summaries[key] = made
        self.active.discard(key)
        return made

    def _summarise(self, function: Function, depth: int) -> Summary:
        frame = Interpreter(self, function, function.scope, depth)
        frame.is_handler = self.is_handler(function)
        frame.answers_json = frame.is_handler and self.answers_json(function)
        origins: dict[int, Origin] = {}
        for index, param in enumerate(function.params):
            value, origin = self._param(function, index, param)
            frame.state.variables[param.name] = value
            if origin is not None:
                origins[index] = origin
        frame.run(function.body)
        own: list[Hit] = []
        for hit in frame.hits.values():
            if hit.taint.origin.param >= 0:
                own.append(hit)
            self.found.hits.append((hit, function))
        summary = Summary(
            tuple(p.name for p in function.params),
            tuple(p.kind for p in function.params),
            frame.returned if frame.returned is not None else HARMLESS,
            own,
            frame.attributes,
            is_method=function.owner is not None
            and not any(last_name(d) == "staticmethod" for d in function.decorators),
        )
        for index, origin in origins.items():
            masks = [checked(origin, s.facts) for s in frame.exits]
            if masks and (mask := _all(masks)):
                summary.requires[index] = mask
            proofs = [checked(origin, facts) for facts in frame.proofs]
            if proofs and (mask := _all(proofs)):
                summary.proves[index] = mask
        return summary

    def _param(self, function: Function, index: int, param: Param) -> tuple[Value, Origin | None]:
        """Give the value a parameter starts with, and its origin."""
        kind, cleared = self._param_kind(function, index, param)
        if kind is None:
            return Value(kind=self.module.path(Name(param.start, param.end, param.name), function.scope)), None
        label = _label(function, param, kind)
        origin = Origin(kind, label, param.start, param.end, index)
        first = step(f"{label[:1].upper()}{label[1:]} comes in", param, None)
        items = self._narrow_fields(param) if kind is Kind.REMOTE else None
        return Value((Taint(origin, cleared, 0, "", first),), items=items), origin

    def _narrow_fields(self, param: Param) -> dict[Any, Value] | None:
        """Give the fields of a parameter's model whose types let through only what the program chose."""
        model = self.module.scope.classes.get(last_name(param.annotation)) if param.annotation is not None else None
        if model is None:
            return None
        fields = {
            f".{target.id}": HARMLESS
            for statement in model.body
            if isinstance(statement, Assign) and self._is_narrow(statement.annotation)
            for target in statement.targets
            if isinstance(target, Name)
        }
        return fields or None

    def entry_value(self, function: Function, name: str) -> Value:
        """Give the value of a nested function's parameter, which no summary will ever replace."""
        for index, param in enumerate(function.params):
            if param.name == name:
                value, origin = self._param(function, index, param)
                if origin is not None:
                    origin.param = -1
                    if origin.kind is Kind.PARAM:
                        return UNKNOWN
                return value
        return UNKNOWN

    def _param_kind(self, function: Function, index: int, param: Param) -> tuple[Kind | None, int]:
        """Judge who decides on a parameter, and what its type already rules out."""
        knowledge = self.knowledge
        if index == 0 and param.name in ("self", "cls"):
            return Kind.UNKNOWN, 0
        if param.name in knowledge.requests.names or self._is_injected(function, param):
            return None, 0
        if index == len(function.params) - 1 and self._handles_errors(function):
            return Kind.ERROR, 0
        if param.name in _WSGI and any(p.name == "start_response" for p in function.params):
            return Kind.REMOTE, 0
        if self.is_handler(function) or (param.name in knowledge.handlers.events and "handler" in function.name):
            # a framework converts what it routes; elsewhere an annotation is a wish
            known = knowledge.calls.get("int") if self._is_narrow(param.annotation) else None
            return Kind.REMOTE, known.sanitizers[0].clears if known and known.sanitizers else 0
        return Kind.PARAM, 0

    def _handles_errors(self, function: Function) -> bool:
        """Tell whether a framework calls a function with whatever went wrong, to make an answer of it."""
        for decorator in function.decorators:
            if isinstance(decorator, Call) and last_name(decorator.function) in _ERROR_HANDLERS and decorator.args:
                wanted = decorator.args[0]
                if last_name(wanted) in ("Exception", "BaseException") or (
                    isinstance(wanted, Const) and wanted.value == 500  # noqa: PLR2004  # internal server error
                ):
                    return True
        return False

    def _is_injected(self, function: Function, param: Param) -> bool:
        handlers = self.knowledge.handlers
        if param.name in handlers.injected and self.is_handler(function):
            return True
        if isinstance(param.default, Call) and last_name(param.default.function) in ("Depends", "Security"):
            return True
        return param.annotation is not None and any(
            last_name(e) in ("Depends", "Security", "Request", "HttpRequest", "WebSocket", "BackgroundTasks")
            for e in walk(param.annotation)
        )

    def _is_narrow(self, annotation: Expr | None) -> bool:
        """Tell whether a type has only numbers and the like, or the members of an enumeration."""
        if isinstance(annotation, Subscript):
            wrapper = last_name(annotation.value)
            if wrapper == "Literal":
                return True
            if wrapper not in ("Optional", "Annotated"):
                return False
            annotation = annotation.index
            if isinstance(annotation, Collection) and annotation.items:
                annotation = annotation.items[0]
        if annotation is None:
            return False
        definition = self.module.scope.classes.get(last_name(annotation))
        if definition is not None:
            return any(last_name(base) in _ENUMERATIONS for base in definition.bases)
        return last_name(annotation) in _NUMBERS

    def is_handler(self, function: Function) -> bool:
        """Tell whether a framework calls a function with request data."""
        handlers = self.knowledge.handlers
        for decorator in function.decorators:
            target = decorator.function if isinstance(decorator, Call) else decorator
            name = last_name(target)
            if name in handlers.decorators and self._is_route(decorator, target, name):
                return True
            if name in self.bare_names and self.module.path(target, function.scope) in handlers.bare:
                return True
        owner = function.owner
        if owner is None or function.name not in handlers.methods:
            return self._handles_errors(function)
        return any(handlers.bases.search(last_name(b)) for b in owner.bases)

    def answers_json(self, function: Function) -> bool:
        """Tell whether a framework sends what a function gives back as JSON, in which markup is only text."""
        for decorator in function.decorators:
            target = decorator.function if isinstance(decorator, Call) else decorator
            path = self.module.path(target, function.scope)
            if path.partition(".")[0] in self.knowledge.handlers.json:
                return not (isinstance(decorator, Call) and any(k in _MEDIA for k, _ in decorator.keywords))
        return False

    def _is_route(self, decorator: Expr, target: Expr, name: str) -> bool:
        if name == "route" or not isinstance(target, Attribute):
            return isinstance(decorator, Call) or name != "route"
        first = decorator.args[0] if isinstance(decorator, Call) and decorator.args else None
        return isinstance(decorator, Call) and (
            not isinstance(first, Const) or (isinstance(first.value, str) and first.value[:1] in ("/", ""))
        )

    def inline(self, function: Function, frame: Frame, given: dict[str, Value], closure: Mapping[str, Value]) -> Value:
        """Run a nested function or lambda with its arguments and the variables around it."""
        key = id(function)
        if key in self.active or frame.depth > 12:  # noqa: PLR2004  # nesting that is followed
            return UNKNOWN
        self.active.add(key)
        inner = Interpreter(self, function, function.scope, frame.depth + 1)
        inner.origins = frame.origins
        inner.owner = frame.owner
        inner.is_handler = self.is_handler(function)
        inner.answers_json = inner.is_handler and self.answers_json(function)
        inner.state = State({**closure, **given}, dict(frame.state.facts))
        inner.run(function.body)
        frame.hits.update({k: v for k, v in inner.hits.items() if k not in frame.hits})
        if inner.exits:
            common = dict(inner.exits[0].facts)
            for state in inner.exits[1:]:
                common = {o: m & state.facts[o] for o, m in common.items() if o in state.facts}
            frame.state.facts.update(common)
        self.active.discard(key)
        return inner.returned if inner.returned is not None else HARMLESS

    def note_call(self, function: Function, arguments: Mapping[int, Value]) -> None:
        """Remember what a call in this module passes to a function."""
        self.passed.setdefault(id(function), []).append(arguments)

    def is_only_passed_harmless(self, function: Function, index: int) -> bool:
        """Tell whether every call of a function in this module passes a value the program chose."""
        calls = self.passed.get(id(function))
        return bool(calls) and all(index not in c or is_harmless(c[index]) for c in calls or ())

    # --- names -------------------------------------------------------------------------------------------------------

    def external(self, path: str) -> Summary | None:
        """Give the summary of a function of another module of the scan."""
        self.found.wanted.add(path)
        return self.externals.get(path)

    def global_value(self, name: str) -> Value | None:
        """Give what the module body left in a variable; what functions rebind is not certain."""
        found = self.globals.get(name)
        if found is None:
            return None
        if name in self.rebound and (found.const is not MISSING or found.items is not None):
            return UNKNOWN
        return found

    def note_class(self, definition: Class, values: dict[str, Value]) -> None:
        """Remember the variables of a class body."""
        self.class_values[id(definition)] = values

    def method(self, owner: Class, name: str) -> Function | None:
        """Find a method in a class or its bases in this module."""
        seen: set[int] = set()
        stack = [owner]
        while stack and len(seen) < 20:  # noqa: PLR2004  # depth of inheritance that is followed
            current = stack.pop(0)
            if id(current) in seen:
                continue
            seen.add(id(current))
            found = current.scope.functions.get(name)
            if found is not None:
                return found
            for base in current.bases:
                definition = self.module.scope.classes.get(last_name(base))
                if definition is not None:
                    stack.append(definition)
        return None

    def attribute_value(self, owner: Class, name: str) -> Value | None:
        """Give what a class body or its methods put into an attribute; None if that is not known."""
        key = (id(owner), name)
        if key in self.attribute_values:
            return self.attribute_values[key]
        self.attribute_values[key] = None  # an attribute defined through itself is not known
        self.attribute_values[key] = found = self._attribute_value(owner, name)
        return found

    def _attribute_value(self, owner: Class, name: str) -> Value | None:
        own = self.class_values.get(id(owner), {}).get(name)
        writers = owner.attributes.get(name, [])
        result = own
        done: set[int] = set()
        for expr, scope in writers[: _MAX_ATTRIBUTE_WRITERS + 1]:
            function = scope.function
            if isinstance(expr, Const):
                value = constant(expr.value)
            elif function is None or id(function) in self.active or len(writers) > _MAX_ATTRIBUTE_WRITERS:
                return None
            elif id(function) in done:
                continue
            else:
                done.add(id(function))
                written = self.summary(function, 6).attributes.get(name)
                if written is None:
                    return None
                value = _of_any_instance(written, name)
            result = value if result is None or result.const is None else join(result, value)
        if result is not None and not result.taints and not result.harmless and result.ref is None and not result.items:
            return None if not result.kind else result
        return result


def _called_as(function: Function) -> str:
    return function.owner.name if function.name == "__init__" and function.owner is not None else function.name


def _of_any_instance(value: Value, name: str) -> Value:
    """Keep of an attribute what does not depend on who made the instance, and that it came whole from whoever did."""
    given = [t for t in value.taints if t.origin.kind is Kind.PARAM and not t.shape & BUILT]
    taints = tuple(t for t in value.taints if t.origin.param < 0 and t.origin.kind is not Kind.UNKNOWN)
    harmless = value.harmless and len(taints) == len(value.taints)
    if given and not taints:
        origin = Origin(Kind.UNKNOWN, f"'self.{name}'", given[0].origin.start, given[0].origin.end)
        taints = tuple(Taint(origin, t.cleared, t.shape | GIVEN, "", t.steps) for t in given)
    items = {k: _of_any_instance(v, name) for k, v in value.items.items()} if value.items else value.items
    return Value(taints, value.const, items, value.length, value.kind, value.ref, harmless, value.text)


def _first_guess(function: Function) -> Summary:
    return Summary(tuple(p.name for p in function.params), tuple(p.kind for p in function.params), UNKNOWN)


def _label(function: Function, param: Param, kind: Kind) -> str:
    if kind is Kind.REMOTE:
        return f"the request parameter '{param.name}'"
    if kind is Kind.UNKNOWN:
        return "self"
    return f"parameter '{param.name}' of {function.name}()"


def _all(masks: list[int]) -> int:
    result = masks[0]
    for mask in masks[1:]:
        result &= mask
    return result


__all__ = ["Callee", "Found", "ModuleAnalysis", "all_taints"]
