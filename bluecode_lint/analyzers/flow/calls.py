"""Evaluate calls: local functions by their summaries, known ones by what is known, unknown ones with care."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.frame import MAX_CALL_DEPTH, Hit, Summary, shorten
from bluecode_lint.analyzers.flow.sinks import Arguments, Sinks
from bluecode_lint.analyzers.flow.values import (
    FIRST,
    HARMLESS,
    MAX_STEPS,
    MISSING,
    NAMED,
    NORMALIZED,
    UNKNOWN,
    WEAK,
    Callee,
    Kind,
    Origin,
    Step,
    Taint,
    Value,
    all_taints,
    checked,
    constant,
    is_harmless,
    join,
    step,
    union_taints,
)
from bluecode_lint.analyzers.ir import (
    Assign,
    Attribute,
    Call,
    Class,
    Expr,
    Function,
    Name,
    Starred,
    dotted,
    last_name,
    string_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluecode_lint.analyzers.flow.knowledge import CallKnowledge

_PLAIN = frozenset(
    {"str", "unicode", "repr", "list", "tuple", "set", "dict", "sorted", "reversed", "iter", "next", "bytes", "min"}
    | {"max", "sum", "abs", "enumerate", "zip", "format", "frozenset", "bytearray", "print", "text_type", "cast"}
)
"""Built-ins whose answer is made of their arguments and of nothing else."""


_MATCHES = ("search", "match", "fullmatch", "findall", "finditer")
_LOOKUPS = frozenset({"exists", "is_file", "isfile", "is_dir", "isdir"})
"""Functions that look for a path on the disk."""


class Calls(Sinks):
    """The part of the interpreter that evaluates calls."""

    def call(self, call: Call) -> Value:
        """Evaluate a call."""
        function = self.plain_function(call.function)
        name = last_name(function)
        base: Value | None = None
        if isinstance(function, Attribute):
            base = self.value(function.value)
        values = [self.value(a) for a in call.args]
        keywords = {k or "**": self.value(v) for k, v in call.keywords}
        arguments = Arguments(call, base, values, keywords)
        callee = self.callee(function, base)
        if callee is not None:
            return self.call_local(callee, arguments)
        path = self.path(function)
        if path:
            name = path.rpartition(".")[2]  # `from os import system as s`: what it is, not what it is called here
        elif base is not None and base.kind:
            path = f"{base.kind}.{name}"
        known = self.knowledge.calls.get(name)
        result: Value | None = None
        if known is not None:
            receiver = (dotted(function.value) or "?") if isinstance(function, Attribute) else ""
            self.check_sinks(known, name, path, receiver, arguments)
            result = self.known_call(known, name, path, receiver, arguments)
        if "**" in keywords:
            self.check_fields(name, arguments)
        if result is None:
            self.check_any_call(name, arguments)
            result = self.special(name, path, arguments)
        if result is None and base is not None:
            result = self.builtin_method(call, base, values, keywords)
        return result if result is not None else self.foreign(name, path, arguments)

    def plain_function(self, function: Expr) -> Expr:
        """Read ``getattr(x, "name")`` as ``x.name``."""
        if isinstance(function, Call) and last_name(function.function) == "getattr" and len(function.args) > 1:
            name = string_value(function.args[1])
            if name:
                return Attribute(function.start, function.end, function.args[0], name)
        return function

    # --- which function ----------------------------------------------------------------------------------------------

    def callee(self, function: Expr, base: Value | None) -> Callee | Class | None:
        """Find the local function or class a call means."""
        if isinstance(function, Attribute):
            if base is not None and base.kind == "instance" and isinstance(base.ref, Class):
                method = self.program.method(base.ref, function.name)
                return Callee(method, bound=(base,)) if method is not None else None
            if base is not None and isinstance(base.ref, Class):
                method = self.program.method(base.ref, function.name)
                is_bound = method is not None and bool(method.decorators)
                return (
                    Callee(method, bound=(UNKNOWN,) if is_bound and _first(method) == "cls" else ()) if method else None
                )
            if self.is_own(function.value) and self.owner is not None:
                found = self.state.variables.get(dotted(function))
                if found is not None and isinstance(found.ref, (Callee, Class)):
                    return found.ref
                method = self.program.method(self.owner, function.name)
                if method is not None:
                    is_static = any(last_name(d) == "staticmethod" for d in method.decorators)
                    me = base if base is not None else UNKNOWN
                    return Callee(method, bound=() if is_static else (me,))
                return None
            if base is not None and base.items is not None and ("." + function.name) in base.items:
                ref = base.items["." + function.name].ref
                return ref if isinstance(ref, (Callee, Class)) else None
            return None
        ref = self.value(function).ref
        return ref if isinstance(ref, (Callee, Class)) else None

    def callee_of(self, call: Call) -> Callee | None:
        """Find the local function a call means."""
        base = self.value(call.function.value) if isinstance(call.function, Attribute) else None
        found = self.callee(call.function, base)
        return found if isinstance(found, Callee) else None

    def proofs_of(self, call: Call) -> list[tuple[Expr, int]]:
        """Give what a call of an analysed function proves of its arguments when its answer is true."""
        callee = self.callee_of(call)
        summary: Summary | None
        if callee is not None:
            summary = self.program.summary(callee.function, self.depth + 1) if self.depth < MAX_CALL_DEPTH else None
            offset = len(callee.bound)
        else:
            summary, offset = self.program.external(self.path(call.function)), 0
        if summary is None:
            return []
        found = []
        for index, mask in summary.proves.items():
            position = index - offset
            node = call.argument(position, summary.params[index]) if position >= 0 else None
            if node is not None:
                found.append((node, mask))
        return found

    # --- local functions ---------------------------------------------------------------------------------------------

    def call_local(self, callee: Callee | Class, arguments: Arguments) -> Value:
        """Evaluate a call of a function or class of this file."""
        if isinstance(callee, Class):
            return self.instantiate(callee, arguments)
        function = callee.function
        if self.depth >= MAX_CALL_DEPTH:
            return self.weak(arguments)
        values = [*callee.bound, *arguments.values]
        keywords = {**callee.keywords, **arguments.keywords}
        if callee.closure is not None or function.name == "<lambda>":
            given = self.bind(
                tuple(p.name for p in function.params),
                tuple(p.kind for p in function.params),
                values,
                keywords,
                arguments,
            )
            named = {p.name: given.get(i, HARMLESS) for i, p in enumerate(function.params)}
            return self.program.inline(function, self, named, callee.closure or {})
        summary = self.program.summary(function, self.depth + 1)
        given = self.bind(summary.params, summary.kinds, values, keywords, arguments)
        self.program.note_call(function, given)
        return self.apply(summary, given, arguments.call, function.name)

    def bind(
        self,
        names: tuple[str, ...],
        kinds: tuple[str, ...],
        values: list[Value],
        keywords: Mapping[str, Value],
        arguments: Arguments,
    ) -> dict[int, Value]:
        """Give each parameter its argument."""
        given, spread = self.bind_positions(kinds, values, arguments)
        index_of = {name: i for i, name in enumerate(names)}
        rest = next((i for i, k in enumerate(kinds) if k == "**"), None)
        for name, value in keywords.items():
            if name == "**":
                known = {k: v for k, v in (value.items or {}).items() if k in index_of}
                given.update({index_of[k]: v for k, v in known.items()})
                spread = value if value.taints else spread
            elif name in index_of:
                given[index_of[name]] = value
            elif rest is not None:
                items = {**(given[rest].items or {}), name: value} if rest in given else {name: value}
                given[rest] = Value(items=items, kind="dict")
        if spread is not None and (spread.taints or spread.length < 0):
            for index in range(len(names)):
                given.setdefault(index, Value(all_taints(spread), harmless=is_harmless(spread)))
        return given

    def bind_positions(
        self, kinds: tuple[str, ...], values: list[Value], arguments: Arguments
    ) -> tuple[dict[int, Value], Value | None]:
        """Give the positional parameters their arguments; what ``*x`` spreads in unknown number is given back."""
        given: dict[int, Value] = {}
        plain = [i for i, k in enumerate(kinds) if k == ""]
        star = kinds.index("*") if "*" in kinds else None
        offset = len(values) - len(arguments.call.args)
        for position, value in enumerate(values):
            if position >= offset and isinstance(arguments.call.args[position - offset], Starred):
                if value.items is not None and value.length >= 0:
                    places = plain[position : position + value.length]
                    given.update({p: value.items.get(i, UNKNOWN) for i, p in enumerate(places)})
                return given, value
            if position < len(plain):
                given[plain[position]] = value
            elif star is not None:
                lump = Value(all_taints(value), harmless=is_harmless(value))
                given[star] = join(given[star], lump) if star in given else lump
        return given, None

    def apply(self, summary: Summary, given: Mapping[int, Value], call: Call, name: str) -> Value:
        """Apply a summary to arguments: what reaches its sinks, what it checks, what it gives back."""
        for hit in summary.hits:
            self.pass_hit(hit, given, call, name)
        for index, mask in summary.requires.items():
            if index in given:
                self.clear_value(given[index], mask)
        me = given.get(0)
        if summary.attributes and summary.is_method and me is not None and isinstance(call.function, Attribute):
            items = dict(me.items or {})
            for key, value in summary.attributes.items():
                items["." + key] = self.translate(value, given, call, name)
            changed = Value(me.taints, items=items, kind=me.kind, ref=me.ref)
            self.store(call.function.value, changed)
            given = {**given, 0: changed}  # a method that gives back `self` gives it back as it left it
        return self.translate(summary.returned, given, call, name)

    def pass_hit(self, hit: Hit, given: Mapping[int, Value], call: Call, name: str) -> None:
        """Record that an argument reaches a sink inside a function."""
        bit = self.knowledge.bits[hit.rule]
        for taint in self.resolve(hit.taint.origin, given, first_only=bool(hit.taint.shape & FIRST)):
            if (taint.cleared | checked(taint.origin, self.state.facts)) & bit:
                continue
            key = (hit.rule, hit.uri, hit.start, hit.end, id(taint.origin))
            if key in self.hits:
                continue
            prefix = hit.taint.prefix + taint.prefix if hit.taint.shape & ~WEAK else taint.prefix
            steps = _chain(step(f"It is passed to {name}()", call, taint.steps), hit.taint.steps)
            passed = Taint(
                taint.origin, taint.cleared | hit.taint.cleared, taint.shape | hit.taint.shape, prefix, steps
            )
            self.hits[key] = Hit(
                hit.rule,
                hit.what,
                passed,
                hit.most,
                hit.param,
                hit.built,
                hit.start,
                hit.end,
                hit.uri,
                hit.region,
                hit.snippet,
            )

    def resolve(self, origin: Origin, given: Mapping[int, Value], *, first_only: bool = False) -> tuple[Taint, ...]:
        """Find the taints of the argument (or of the part of it) that a callee's parameter origin stands for.

        ``first_only``: of a list whose parts are known, only the first part's.
        """
        if origin.param < 0:
            return ()
        value = given.get(origin.param)
        if value is None:
            return ()
        keys = []
        current: Origin | None = origin
        while current is not None and current.parent is not None:
            keys.append(current.key)
            current = current.parent
        for key in reversed(keys):
            if value.items is not None:
                found = self.item(value, key)
                if found is not None:
                    value = found
                    continue
                if not value.taints:
                    return ()
            value = Value(self.part(value.taints, key, ""))
        if first_only and value.items is not None and value.length > 0:
            value = value.items.get(0, UNKNOWN)
        return all_taints(value)

    def translate(self, value: Value, given: Mapping[int, Value], call: Call, name: str, depth: int = 0) -> Value:
        """Put a callee's value in terms of the caller."""
        if not value.taints and not value.items:
            return value
        groups: list[tuple[Taint, ...]] = []
        exact: Value | None = None
        for taint in value.taints:
            if taint.origin.param < 0:
                if taint.origin.kind is not Kind.UNKNOWN:
                    groups.append((taint,))
                continue
            if taint.origin.parent is None and not taint.shape and not taint.cleared and len(value.taints) == 1:
                exact = given.get(taint.origin.param)
            groups.append(
                tuple(
                    Taint(
                        t.origin,
                        t.cleared | taint.cleared,
                        t.shape | taint.shape,
                        taint.prefix + t.prefix,
                        step(f"It passes through {name}()", call, t.steps),
                    )
                    for t in self.resolve(taint.origin, given)
                ),
            )
        if exact is not None and not value.items:
            return exact
        items = None
        if value.items is not None and depth < 3:  # noqa: PLR2004  # nesting that is followed
            items = {k: self.translate(v, given, call, name, depth + 1) for k, v in value.items.items()}
        taints = union_taints(groups)
        harmless = value.harmless or (
            not taints and bool(value.taints) and all(t.origin.param >= 0 for t in value.taints)
        )
        return Value(
            taints, value.const, items, value.length, value.kind, value.ref, harmless and not taints, value.text
        )

    def instantiate(self, definition: Class, arguments: Arguments) -> Value:
        """Evaluate the making of an instance: its attributes come from ``__init__`` or from its fields."""
        init = self.program.method(definition, "__init__")
        items: dict[Any, Value] = {}
        if init is not None and self.depth < MAX_CALL_DEPTH:
            summary = self.program.summary(init, self.depth + 1)
            me = Value(kind="instance", ref=definition)
            given = self.bind(summary.params, summary.kinds, [me, *arguments.values], arguments.keywords, arguments)
            self.program.note_call(init, given)
            for hit in summary.hits:
                self.pass_hit(hit, given, arguments.call, definition.name)
            for key, value in summary.attributes.items():
                items["." + key] = self.translate(value, given, arguments.call, definition.name)
            return Value(items=items, kind="instance", ref=definition)
        fields = [
            t.id for s in definition.body if isinstance(s, Assign) and s.annotation is not None
            for t in s.targets if isinstance(t, Name)
        ]  # fmt: skip
        for field, value in zip(fields, arguments.values, strict=False):
            items["." + field] = value
        for key, value in arguments.keywords.items():
            items["." + key] = value
        loose = () if items else union_taints(all_taints(v) for v in arguments.values)
        return Value(loose, items=items, kind="instance", ref=definition)

    # --- known functions ---------------------------------------------------------------------------------------------

    def known_call(
        self, known: CallKnowledge, name: str, path: str, receiver: str, arguments: Arguments
    ) -> Value | None:
        """Evaluate a call of which the knowledge says something."""
        call = arguments.call
        for source in known.sources:
            if source.matcher.matches(name, path, receiver) and not (
                source.kind is Kind.STORED
                and source.matcher.receivers is None
                and arguments.base
                and all_taints(arguments.base)
            ):
                return self.source(call, source.kind, source.what)
        for guard in known.guards:
            if guard.holds == "raises" and guard.matcher.matches(name, path, receiver):
                base = call.function.value if isinstance(call.function, Attribute) else None
                self.apply_guard(call, base, guard.subject, guard.clears, normalized=guard.normalized)
        matching = [s for s in known.sanitizers if s.matcher.matches(name, path, receiver)]
        if matching:
            clears = shape = 0
            for sanitizer in matching:
                clears |= sanitizer.clears
                shape |= sanitizer.shape
            made = self.sanitized(clears, shape, name, arguments)
            return decoded(made) if any(s.decodes for s in matching) else made
        for neutral in known.neutral:
            if neutral.matches(name, path, receiver):
                subject = arguments.values[0] if arguments.values else arguments.base
                if name in _LOOKUPS and subject is not None:
                    self.look_up(subject)
                return HARMLESS
        return None

    def sanitized(self, clears: int, shape: int, name: str, arguments: Arguments) -> Value:
        """Give the arguments as a sanitizer leaves them; a conversion that can fail also checks what went in."""
        inputs = [*arguments.values, *arguments.keywords.values()]
        if arguments.base is not None and arguments.base.taints:
            inputs.append(arguments.base)
        if name == "int" and len(inputs) == 1 and clears:
            self.clear_value(inputs[0], clears)
        taints = union_taints(all_taints(v) for v in inputs)
        if not taints:
            return HARMLESS if clears or all(is_harmless(v) for v in inputs) else UNKNOWN
        steps = tuple(
            t.but(cleared=clears, shape=shape, steps=step(f"It goes through {name}()", arguments.call, t.steps))
            for t in taints
        )
        return Value(steps, harmless=False)

    # --- special functions -------------------------------------------------------------------------------------------

    def special(self, name: str, path: str, arguments: Arguments) -> Value | None:
        """Evaluate functions whose answer depends on their arguments in a way of their own."""
        evaluate = _SPECIAL.get(path) or (_SPECIAL_NAMES.get(name) if path in ("", name) or "." in path else None)
        return evaluate(self, arguments) if evaluate is not None else None

    def join_path(self, arguments: Arguments) -> Value | None:
        """Evaluate ``os.path.join``."""
        pieces: list[tuple[Value, Expr]] = []
        for index, value in enumerate(arguments.values):
            node = arguments.call.args[index]
            if index:
                pieces.append((constant("/"), node))
            if (value.items and value.length < 0) or isinstance(node, Starred):
                value = Value(all_taints(value), harmless=is_harmless(value))  # noqa: PLW2901  # the spread as one piece
            pieces.append((value, node))
        made = self.concatenate(pieces, arguments.call, "It is joined to a directory")
        return Value(
            tuple(t for t in made.taints if t.origin.kind is not Kind.UNKNOWN),
            made.const,
            harmless=made.harmless,
            text=made.text,
        )

    def compiled(self, arguments: Arguments) -> Value | None:
        """Evaluate ``re.compile``."""
        pattern = arguments.get(0, "pattern")
        if pattern is None:
            return None
        text = pattern.const if isinstance(pattern.const, str) else ""
        return Value(pattern.taints, kind="pattern", text=text, harmless=pattern.harmless)

    def regex_sub(self, arguments: Arguments) -> Value | None:
        """Evaluate ``re.sub`` and ``pattern.sub``."""
        base = arguments.base
        if base is not None and base.kind == "pattern":
            return self.substituted([constant(base.text), *arguments.values])
        return self.substituted(arguments.values)

    def regex_match(self, arguments: Arguments) -> Value | None:
        """Evaluate ``re.search`` and its relatives, as functions and as methods of a pattern."""
        base, values = arguments.base, arguments.values
        if base is not None and base.kind == "pattern":
            values = [constant(base.text), *values]
        if len(values) < 2 or not isinstance(values[0].const, str) or not values[0].const or not values[1].taints:  # noqa: PLR2004  # pattern and text
            return None
        return self.matched(values[0].const, values[1], last_name(arguments.call.function))

    def partial(self, arguments: Arguments) -> Value | None:
        """Evaluate ``functools.partial``."""
        if not arguments.values or not isinstance(arguments.values[0].ref, Callee):
            return None
        callee = arguments.values[0].ref
        bound = (*callee.bound, *arguments.values[1:])
        return Value(
            ref=Callee(callee.function, callee.closure, bound, {**callee.keywords, **arguments.keywords}), harmless=True
        )

    def getattr_(self, arguments: Arguments) -> Value | None:
        """Evaluate ``getattr(x, "constant")``."""
        if len(arguments.values) < 2 or not isinstance(arguments.values[1].const, str):  # noqa: PLR2004  # object and name
            return None
        call, name = arguments.call, arguments.values[1].const
        return self.value(Attribute(call.start, call.end, call.args[0], name))

    def safe_parser(self, arguments: Arguments) -> Value | None:
        """Evaluate the making of an XML parser: safe if it resolves no entities."""
        if arguments.keyword_const("resolve_entities") is False:
            return Value(kind="safe-parser", harmless=True)
        return HARMLESS

    def opened_parser(self, arguments: Arguments) -> Value | None:
        """Evaluate ``parser.setFeature(feature_external_ges, True)``."""
        call = arguments.call
        if len(call.args) > 1 and last_name(call.args[0]) in ("feature_external_ges", "feature_external_pes"):
            kind = "open-parser" if arguments.values[1].const else ""
            if isinstance(call.function, Attribute):
                self.store(call.function.value, Value(kind=kind, harmless=True))
        return HARMLESS

    def mapped(self, arguments: Arguments) -> Value | None:
        """Evaluate ``map(f, xs)`` and ``filter(f, xs)``."""
        if len(arguments.values) < 2:  # noqa: PLR2004  # function and elements
            return None
        function, elements = arguments.values[0], [self.element(v) for v in arguments.values[1:]]
        name = last_name(arguments.call.args[0])
        known = self.knowledge.calls.get(name)
        if isinstance(function.ref, Callee):
            inner = Arguments(
                Call(arguments.call.start, arguments.call.end, arguments.call.args[0], (), (), self.scope),
                None,
                elements,
                {},
            )
            made = self.call_local(function.ref, inner)
        elif known is not None and last_name(arguments.call.function) == "map":
            inner = Arguments(arguments.call, None, elements, {})
            path = self.path(arguments.call.args[0])
            found = self.known_call(known, name, path, "", inner)
            made = found if found is not None else elements[0]
        else:
            made = elements[0]
        if last_name(arguments.call.function) == "filter":
            made = elements[0]
        return Value(all_taints(made), kind="list", harmless=is_harmless(made))

    def splatted(self, arguments: Arguments) -> Value | None:
        """Evaluate ``dict(...)``."""
        if arguments.values or not arguments.keywords:
            return arguments.values[0] if len(arguments.values) == 1 else None
        items = {k: v for k, v in arguments.keywords.items() if k != "**"}
        loose = arguments.keywords["**"].taints if "**" in arguments.keywords else ()
        return Value(
            loose, items=items, kind="dict", harmless=not loose and all(is_harmless(v) for v in items.values())
        )

    def local_variables(self, _arguments: Arguments) -> Value | None:
        """Evaluate ``locals()`` and ``vars()``."""
        return Value(items={k: v for k, v in self.state.variables.items() if "." not in k}, kind="dict")

    def opened(self, _arguments: Arguments) -> Value | None:
        """Evaluate ``open``: what is in a file is not decided by who names it."""
        return Value(kind="file")

    def as_given(self, arguments: Arguments) -> Value | None:
        """Evaluate a function that gives back what it was given: ``list(x)``, a translation."""
        return arguments.values[0] if len(arguments.values) == 1 else None

    # --- unknown functions -------------------------------------------------------------------------------------------

    def foreign(self, name: str, path: str, arguments: Arguments) -> Value:
        """Evaluate a call of a function that is not in this file."""
        summary = self.program.external(path) if path else None
        if summary is not None:
            base = [arguments.base] if summary.is_method and arguments.base is not None else []
            base = [UNKNOWN] if summary.is_constructor else base
            given = self.bind(summary.params, summary.kinds, [*base, *arguments.values], arguments.keywords, arguments)
            return self.apply(summary, given, arguments.call, name)
        self.call_back(arguments)
        inputs = (*arguments.values, *arguments.keywords.values())
        if name in _PLAIN and arguments.base is None:
            taints = union_taints(all_taints(v) for v in inputs)
            if taints:
                only = inputs[0] if len(inputs) == 1 else UNKNOWN
                return Value(taints, text=only.text, kind="")
            return HARMLESS if all(is_harmless(v) for v in inputs) else UNKNOWN
        if self.matches("sanitizers", name):
            return self.sanitized(self.name_mask(name), NAMED, name, arguments)
        if self.is_configuration(arguments.call.function):
            return HARMLESS
        return self.weak(arguments)

    def name_mask(self, name: str) -> int:
        """Give the contexts that a function clears which is only known by a name such as ``escape_html``."""
        lowered = name.lower()
        everything = self.knowledge.everything
        if "html" in lowered or "xml" in lowered or lowered in ("escape", "e", "h", "esc"):
            return self.mask(("cross-site-scripting",)) | (self.mask(("xpath-injection",)) if "xml" in lowered else 0)
        if "shell" in lowered or "quote" in lowered:
            return (
                self.mask(("os-command-injection", "sql-injection"))
                if "quote" in lowered
                else self.mask(("os-command-injection",))
            )
        if "sql" in lowered:
            return self.mask(("sql-injection",))
        if "path" in lowered or "filename" in lowered:
            return self.mask(("path-traversal", "archive-slip", "unrestricted-upload"))
        if "url" in lowered or "redirect" in lowered:
            return self.mask(("open-redirect", "server-side-request-forgery", "cross-site-scripting"))
        if "ldap" in lowered or "filter_chars" in lowered:
            return self.mask(("ldap-injection",))
        return everything

    def call_back(self, arguments: Arguments) -> None:
        """Call the local functions that are handed to an unknown one with the arguments that come after them."""
        for index, value in enumerate(arguments.values):
            if isinstance(value.ref, Callee) and value.kind != "instance":
                following = arguments.values[index + 1 :]
                self.call_with(value.ref, following, arguments)
        target = arguments.keywords.get("target")
        if target is not None and isinstance(target.ref, Callee):
            given = arguments.keywords.get("args")
            values = (
                [given.items[i] for i in range(given.length)]
                if given is not None and given.items and given.length > 0
                else []
            )
            self.call_with(target.ref, values, arguments)

    def call_with(self, callee: Callee, values: list[Value], arguments: Arguments) -> None:
        """Call a local function that something else will call."""
        if any(all_taints(v) for v in values):
            bare = Call(arguments.call.start, arguments.call.end, arguments.call.function, (), (), self.scope)
            self.call_local(callee, Arguments(bare, None, values, {}))

    def weak(self, arguments: Arguments) -> Value:
        """Give what a call of an unknown function may give back: something made of its arguments, or of anything."""
        inputs = [*arguments.values, *arguments.keywords.values()]
        groups = [tuple(t for t in all_taints(v) if t.origin.kind is not Kind.UNKNOWN) for v in inputs]
        name = shorten(dotted(arguments.call.function) or "a call", 40)
        through = union_taints(groups)
        found = tuple(
            t.but(shape=WEAK, steps=step(f"It goes through {name}()", arguments.call, t.steps)) for t in through
        )
        base = arguments.base
        if base is not None and base.taints and base.kind != "instance":
            kept = tuple(t for t in base.taints if t.origin.kind is not Kind.UNKNOWN)
            found = union_taints((found, kept))
        return Value(found)


def decoded(value: Value) -> Value:
    """Forget that a value was cleaned before it was decoded: what the encoding hid is back."""
    return value.with_taints(tuple(Taint(t.origin, 0, t.shape, t.prefix, t.steps) for t in value.taints))


def _first(function: Function | None) -> str:
    return function.params[0].name if function is not None and function.params else ""


def _chain(before: Step, after: Step | None) -> Step:
    """Append a callee's steps (all but its first, which is the parameter itself) to a caller's."""
    newer: list[Step] = []
    while after is not None:
        newer.append(after)
        after = after.before
    newer.reverse()
    current = before
    for item in newer[1:] if len(newer) > 1 else newer:
        if current.length >= MAX_STEPS:
            break
        current = Step(item.message, item.start, item.end, current, item.uri, item.region, current.length + 1)
    return current


_SPECIAL: dict[str, Callable[[Calls, Arguments], Value | None]] = {
    "os.path.join": Calls.join_path,
    "posixpath.join": Calls.join_path,
    "path.join": Calls.join_path,
    "re.compile": Calls.compiled,
    "re.sub": Calls.regex_sub,
    **{f"re.{name}": Calls.regex_match for name in _MATCHES},
    "functools.partial": Calls.partial,
    "partial": Calls.partial,
    "getattr": Calls.getattr_,
    "lxml.etree.XMLParser": Calls.safe_parser,
    "etree.XMLParser": Calls.safe_parser,
    "map": Calls.mapped,
    "filter": Calls.mapped,
    "dict": Calls.splatted,
    "_": Calls.as_given,
    "gettext.gettext": Calls.as_given,
    "gettext": Calls.as_given,
    "django.utils.translation.gettext": Calls.as_given,
    "django.utils.translation.gettext_lazy": Calls.as_given,
    "django.utils.translation.ugettext": Calls.as_given,
    "flask_babel.gettext": Calls.as_given,
    "locals": Calls.local_variables,
    "open": Calls.opened,
    "io.open": Calls.opened,
    "codecs.open": Calls.opened,
    "list": Calls.as_given,
    "tuple": Calls.as_given,
}
_SPECIAL_NAMES: dict[str, Callable[[Calls, Arguments], Value | None]] = {
    "sub": Calls.regex_sub,
    **dict.fromkeys(_MATCHES, Calls.regex_match),
    "setFeature": Calls.opened_parser,
}

__all__ = ["MISSING", "NORMALIZED", "Calls"]
