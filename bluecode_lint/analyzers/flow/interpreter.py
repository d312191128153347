"""Execute statements: branches fork and join, loops run until little changes, what leaves a function is collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.calls import Calls
from bluecode_lint.analyzers.flow.expressions import MAX_ITEMS
from bluecode_lint.analyzers.flow.sinks import Arguments
from bluecode_lint.analyzers.flow.values import (
    HARMLESS,
    MISSING,
    UNKNOWN,
    WHOLE_ONLY,
    Callee,
    Kind,
    Origin,
    State,
    Taint,
    Value,
    all_taints,
    baked,
    is_harmless,
    join,
    merge_states,
    step,
    union_taints,
)
from bluecode_lint.analyzers.ir import (
    Assert,
    Assign,
    Attribute,
    AugAssign,
    Body,
    Call,
    Class,
    Collection,
    Compare,
    Const,
    Declare,
    Delete,
    Expr,
    ExprStmt,
    For,
    Function,
    If,
    Import,
    Jump,
    Match,
    Name,
    Operation,
    Raise,
    Return,
    Starred,
    Stmt,
    Subscript,
    Suspend,
    Try,
    While,
    With,
    dotted,
    last_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_UNROLLED = 12
"""Constant elements for which a loop's body is run one by one."""
_MAX_LOOP_DEPTH = 2
"""Nested loops whose bodies are run twice; deeper ones once."""
_BROAD_ERRORS = frozenset(
    {
        "Exception",
        "BaseException",
        "Error",
        "DatabaseError",
        "SQLAlchemyError",
        "OperationalError",
        "OSError",
        "IOError",
    }
    | {"EnvironmentError", "CalledProcessError", "StandardError", "IntegrityError", "ProgrammingError"}
)
"""Exceptions whose text tells of the inside of a program."""


class Interpreter(Calls):
    """Runs one function or module body."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # those of Frame
        """Start outside any loop."""
        super().__init__(*args, **kwargs)
        self.loops: list[list[State]] = []
        self.attributes: dict[str, Value] = {}
        self.nested: list[tuple[Function, dict[str, Value]]] = []
        self.classes: dict[int, dict[str, Value]] = {}

    def run(self, body: Body) -> None:
        """Run a body to its end, then what it defined and did not call."""
        self.execute(body)
        if self.state.alive:
            self.exits.append(self.state)
        facts = self.state.facts
        for function, variables in self.nested:
            self.state.facts = dict(facts)  # what one callback checks, another has not
            given = {p.name: self.free_param(function, p.name) for p in function.params}
            self.program.inline(function, self, given, variables)

    def free_param(self, function: Function, name: str) -> Value:
        """Give the value of a parameter of a nested function that something unknown calls."""
        return self.program.entry_value(function, name)

    def execute(self, body: Body) -> None:
        """Run statements until one leaves."""
        for statement in body:
            if not self.state.alive:
                return
            self.program.spend()
            _EXECUTE[type(statement)](self, statement)

    # --- simple statements -------------------------------------------------------------------------------------------

    def expression(self, statement: ExprStmt) -> None:
        """Run an expression for its effect."""
        self.value(statement.value)
        value = statement.value
        if isinstance(value, Suspend) and value.value is not None:
            value = value.value
        if isinstance(value, Call):
            if self.leaves(value):
                self.state.alive = False
            elif value.args and self.matches("guards", last_name(value.function)) and self.callee_of(value) is None:
                checked = self.value(value.args[0])
                self.checked_by_name.update(t.origin for t in all_taints(checked))
                self.clear_value(checked, self.knowledge.everything | WHOLE_ONLY)

    def leaves(self, call: Call) -> bool:
        """Tell whether a call never returns."""
        return dotted(call.function) in (
            "abort",
            "flask.abort",
            "sys.exit",
            "exit",
            "quit",
            "os._exit",
            "os.abort",
            "self.fail",
        )

    def assignment(self, statement: Assign) -> None:
        """Run an assignment."""
        if statement.value is None:
            return
        value = self.value(statement.value)
        for target in statement.targets:
            self.assign(target, value)

    def assign(self, target: Expr, value: Value) -> None:
        """Bind a target."""
        if isinstance(target, Name):
            self.state.variables[target.id] = value
            if target.id in self.owners:
                prefix = target.id + "."
                for key in [k for k in self.state.variables if k.startswith(prefix)]:
                    del self.state.variables[key]
        elif isinstance(target, Attribute):
            self.assign_attribute(target, value)
        elif isinstance(target, Subscript):
            self.assign_item(target, value)
        elif isinstance(target, Collection):
            self.unpack(target, value)
        elif isinstance(target, Starred):
            self.assign(target.value, value)

    def assign_attribute(self, target: Attribute, value: Value) -> None:
        """Bind ``object.name``."""
        key = dotted(target)
        if "(" not in key and "[" not in key:
            self.set_variable(key, value)
        if self.is_own(target.value):
            known = self.attributes.get(target.name)
            self.attributes[target.name] = value if known is None else join(known, value)
        elif isinstance(target.value, Name):
            base = self.state.variables.get(target.value.id)
            if base is not None and base.kind == "instance":
                items = {**(base.items or {}), "." + target.name: value}
                self.state.variables[target.value.id] = Value(base.taints, items=items, kind=base.kind, ref=base.ref)
                self.set_variable(key, value)
        self.check_stored(target, target.name, dotted(target.value), [value])

    def assign_item(self, target: Subscript, value: Value) -> None:
        """Bind ``container[key]``."""
        base, key = self.value(target.value), self.value(target.index)
        self.check_growth(target.value, [key, value], target)
        self.check_stored(target, "<setitem>", dotted(target.value), [key, value])
        if (
            base.items is not None
            and key.const is not MISSING
            and len(base.items) < MAX_ITEMS
            and not isinstance(key.const, complex)
        ):
            items = {**base.items, key.const: value}
            harmless = base.harmless and is_harmless(value)
            self.store(
                target.value,
                Value(base.taints, items=items, length=base.length, kind=base.kind, ref=base.ref, harmless=harmless),
            )
        elif base.items is None and key.const is not MISSING and not base.taints and isinstance(key.const, str):
            self.store(target.value, Value(items={key.const: value}, kind=base.kind, ref=base.ref))
        else:
            taints = union_taints((base.taints, all_taints(value)))
            if taints is not base.taints:
                self.store(target.value, Value(taints, items=base.items, kind=base.kind, ref=base.ref))

    def check_stored(self, target: Expr, name: str, receiver: str, values: list[Value]) -> None:
        """Record hostile data written to a header, a session and the like."""
        known = self.knowledge.calls.get(name)
        if known is not None and known.sinks:
            call = Call(target.start, target.end, target, (), (), self.scope)
            stored = [s for s in known.sinks if name == "<setitem>" or s.check == "stored"]
            place = self.path(target.value) if stored and isinstance(target, Subscript) else ""
            for sink in stored:
                if sink.matcher.matches(name, f"{place}.{name}", receiver):
                    self.check_sink(sink, Arguments(call, None, values, {}), target)

    def unpack(self, target: Collection, value: Value) -> None:
        """Bind several targets to the parts of a value."""
        star = next((i for i, t in enumerate(target.items) if isinstance(t, Starred)), None)
        for index, item in enumerate(target.items):
            if value.items is not None and value.length >= 0 and star is None:
                part = value.items.get(index)
                self.assign(item, part if part is not None else self.element(value))
            elif value.items is not None and value.length >= 0 and star is not None and index < star:
                self.assign(item, value.items.get(index, UNKNOWN))
            elif isinstance(item, Starred):
                self.assign(item.value, Value(all_taints(value), kind="list", harmless=is_harmless(value)))
            elif value.taints and value.items is None:
                self.assign(item, Value(value.taints, kind=value.kind))
            else:
                self.assign(item, self.element(value))

    def augmented(self, statement: AugAssign) -> None:
        """Run ``target op= value``."""
        operation = Operation(statement.start, statement.end, statement.op, (statement.target, statement.value))
        self.assign(statement.target, self.operation(operation))

    def return_(self, statement: Return) -> None:
        """Run ``return``: what is given back, what is proven by it."""
        state = self.state
        if statement.value is not None:
            value = baked(self.value(statement.value), state.facts)
            self.check_return(value, statement.value)
            self.returned = value if self.returned is None else join(self.returned, value)
            self.prove(statement.value, value)
        self.exits.append(state.copy())
        state.alive = False

    def prove(self, expr: Expr, value: Value) -> None:
        """Note what holds when a function answers true here."""
        if value.const is not MISSING:
            if value.const:
                self.proofs.append(dict(self.state.facts))
        elif isinstance(expr, (Compare, Call, Operation, Name)):
            saved = self.state
            self.state = saved.copy()
            self.narrow(expr, truth=True)
            self.proofs.append(self.state.facts)
            self.state = saved
        else:
            self.proofs.append({})

    def raise_(self, statement: Raise) -> None:
        """Run ``raise``."""
        if statement.value is not None:
            self.value(statement.value)
        self.state.alive = False

    def assert_(self, statement: Assert) -> None:
        """Run ``assert``."""
        self.value(statement.test)
        self.narrow(statement.test, truth=True)

    def delete(self, statement: Delete) -> None:
        """Run ``del``."""
        for target in statement.targets:
            if isinstance(target, Subscript):
                base, key = self.value(target.value), self.value(target.index)
                if base.items is not None and base.length < 0 and key.const is not MISSING:
                    items = {k: v for k, v in base.items.items() if k != key.const}
                    self.store(target.value, Value(base.taints, items=items, kind=base.kind, harmless=base.harmless))
                elif base.length >= 0:
                    self.pop(target.value, base, [key])

    def jump(self, statement: Jump) -> None:
        """Run ``break`` and ``continue``: their states meet after the loop."""
        if statement.kind in ("break", "continue"):
            if self.loops:
                self.loops[-1].append(self.state.copy())
            self.state.alive = False

    def nothing(self, statement: Stmt) -> None:
        """Run a statement without effect on values."""

    def define(self, statement: Function) -> None:
        """Run ``def``: a nested function sees the variables of here."""
        variables = self.state.variables
        nested = self.function is not None
        callee = Callee(statement, variables if nested else None)
        if any(last_name(d) == "property" for d in statement.decorators):
            return
        variables[statement.name] = Value(ref=callee, harmless=True)
        if nested and statement.owner is None:
            self.nested.append((statement, variables))

    def define_class(self, statement: Class) -> None:
        """Run a class body in a namespace of its own."""
        saved = self.state
        self.state = saved.copy()
        before = dict(self.state.variables)
        self.execute(tuple(s for s in statement.body if not isinstance(s, Function)))
        own = {k: v for k, v in self.state.variables.items() if before.get(k) is not v}
        self.program.note_class(statement, own)
        self.state = saved
        self.state.variables[statement.name] = Value(ref=statement, harmless=True)

    # --- branches ----------------------------------------------------------------------------------------------------

    def if_(self, statement: If) -> None:
        """Run ``if``: a certain test has one branch, any other both, each under what the test implies."""
        done: list[State] = []
        for test, body in statement.branches:
            value = self.value(test)
            if value.const is not MISSING:
                if value.const:
                    self.execute(body)
                    self.state.become(merge_states([*done, self.state]))
                    return
                continue
            rest = self.state
            self.state = rest.copy()
            self.narrow(test, truth=True)
            self.execute(body)
            done.append(self.state)
            self.state = rest
            self.narrow(test, truth=False)
        self.execute(statement.orelse)
        self.state = merge_states([*done, self.state])

    def match(self, statement: Match) -> None:
        """Run ``match``: a literal case is an equality."""
        subject = self.value(statement.subject)
        done: list[State] = []
        for case in statement.cases:
            constants = [self.value(e).const for e in case.literals] if case.literals is not None else None
            sure = constants is not None and subject.const is not MISSING and MISSING not in constants
            if sure and constants is not None and subject.const not in constants:
                continue
            rest = self.state
            self.state = rest.copy()
            if constants is not None:
                self.clear(statement.subject, self.knowledge.everything)
            for name in case.captures:
                self.state.variables[name] = Value(all_taints(subject), subject.const, harmless=subject.harmless)
            if case.guard is not None:
                self.value(case.guard)
                self.narrow(case.guard, truth=True)
            self.execute(case.body)
            done.append(self.state)
            self.state = rest
            if (sure or _takes_all(case.literals, case.captures)) and case.guard is None:
                self.state.alive = False
                break
        self.state = merge_states([*done, self.state])

    # --- loops -------------------------------------------------------------------------------------------------------

    def while_(self, statement: While) -> None:
        """Run ``while``."""
        test = self.value(statement.test)
        if test.const is not MISSING and not test.const:
            self.execute(statement.orelse)
            return
        endless = test.const is not MISSING

        def once() -> None:
            self.value(statement.test)
            self.narrow(statement.test, truth=True)
            self.execute(statement.body)

        self.loop(once, skippable=not endless)
        if not endless and self.state.alive:
            self.narrow(statement.test, truth=False)
        self.execute(statement.orelse)

    def for_(self, statement: For) -> None:
        """Run ``for``: over few constants one by one, over anything else for an element that stands for all."""
        iterable = self.value(statement.iterable)
        items = iterable.items
        if (
            items
            and 0 < iterable.length <= _MAX_UNROLLED
            and not self.loops
            and all(v.const is not MISSING for v in items.values())
        ):
            self.loops.append([])
            for index in range(iterable.length):
                if not self.state.alive:
                    break
                self.assign(statement.target, items[index])
                self.execute(statement.body)
                jumped = self.loops[-1]
                self.state = merge_states([self.state, *jumped])
                jumped.clear()
            self.loops.pop()
        else:
            element = self.element(iterable)

            def once() -> None:
                self.assign(statement.target, element)
                self.execute(statement.body)

            self.loop(once, skippable=True)
        self.execute(statement.orelse)

    def loop(self, once: Callable[[], None], *, skippable: bool) -> None:
        """Run a loop's body until a second round has seen what the first one left."""
        rounds = 2 if len(self.loops) < _MAX_LOOP_DEPTH else 1
        exits: list[State] = []
        for _ in range(rounds):
            before = self.state
            self.loops.append([])
            self.state = before.copy()
            once()
            self.note_checked_members()
            exits = self.loops.pop()
            after = (
                merge_states([*([before] if skippable else []), self.state, *exits])
                if skippable
                else merge_states([self.state, *exits])
            )
            if not after.alive:
                self.state = after
                return
            changed = any(before.variables.get(k) is not v for k, v in after.variables.items())
            self.state = after
            if not changed:
                return

    def note_checked_members(self) -> None:
        """Note that a round of a loop ends only with a name inside an archive that was checked."""
        if self.state.alive and self.has_checked_member():
            self.checks_members = True

    # --- with and try ------------------------------------------------------------------------------------------------

    def with_(self, statement: With) -> None:
        """Run ``with``."""
        for context, target in statement.items:
            value = self.value(context)
            if target is not None:
                self.assign(target, value)
        self.execute(statement.body)

    def try_(self, statement: Try) -> None:
        """Run ``try``: a handler starts from anywhere in the body."""
        before = self.state.copy()
        self.execute(statement.body)
        after = self.state
        fallen = merge_states([before.copy(), after.copy()]) if after.alive else before.copy()
        if not after.alive:
            fallen.variables = {
                **{k: v for k, v in after.variables.items() if k not in fallen.variables},
                **fallen.variables,
            }
        done: list[State] = []
        for handler in statement.handlers:
            self.state = fallen.copy()
            if handler.name:
                self.state.variables[handler.name] = self.caught(handler)
            self.execute(handler.body)
            done.append(self.state)
        self.state = after
        if self.state.alive:
            self.execute(statement.orelse)
        merged = merge_states([self.state, *done])
        if not merged.alive:
            merged = fallen.copy()
            merged.alive = True
            self.state = merged
            self.execute(statement.final)
            self.state.alive = False
            return
        self.state = merged
        self.execute(statement.final)

    def caught(self, handler: Any) -> Value:  # noqa: ANN401  # ir.Handler
        """Give the value of a caught exception: a broad one tells of the inside of the program."""
        kinds = handler.type.items if isinstance(handler.type, Collection) else (handler.type,)
        if not any(k is None or last_name(k) in _BROAD_ERRORS for k in kinds):
            return UNKNOWN
        node = Name(handler.start, handler.start + 6, handler.name)
        origin = self.origin(("error", handler.start), Kind.ERROR, "the exception", node)
        return Value((Taint(origin, 0, 0, "", step("The exception is caught", node, None)),), kind="exception")


def _takes_all(literals: tuple[Expr, ...] | None, captures: tuple[str, ...]) -> bool:
    return literals is None and not captures


_EXECUTE: dict[type[Stmt], Callable[[Any, Any], None]] = {
    ExprStmt: Interpreter.expression,
    Assign: Interpreter.assignment,
    AugAssign: Interpreter.augmented,
    Return: Interpreter.return_,
    Raise: Interpreter.raise_,
    Delete: Interpreter.delete,
    Assert: Interpreter.assert_,
    Jump: Interpreter.jump,
    Declare: Interpreter.nothing,
    Import: Interpreter.nothing,
    If: Interpreter.if_,
    While: Interpreter.while_,
    For: Interpreter.for_,
    With: Interpreter.with_,
    Try: Interpreter.try_,
    Match: Interpreter.match,
    Function: Interpreter.define,
    Class: Interpreter.define_class,
}

__all__ = ["HARMLESS", "Const", "Interpreter", "Origin"]
