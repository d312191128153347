"""The conditions of ``rules/misuse/*.yaml``, compiled once to functions.

A condition is a mapping. Its subject is chosen by ``arg`` (position) and ``name`` (keyword, or a list of them), by
``value`` (what a setting is given) or by ``receiver`` (what a method is called on), and all its tests hold for that:

=============  ========================================================================================
``absent``     true: the argument is not there, and cannot hide behind ``*args`` or ``**kwargs``
``is``         it folds to one of these constants (of the same type)
``constant``   it folds to a constant that is not None and not empty (true), or does not (false)
``below``      it folds to a number under this; ``above``: over
``shorter``    it folds to a text or bytes with fewer characters
``matches``    it folds to a text in which this regular expression is found
``resolves``   its dotted path matches this regular expression from start to end
``mentions``   this regular expression is found in its source text
=============  ========================================================================================

Without a subject a condition asks about the place: ``used_for`` (`Unit.purpose`), ``argument_mentions`` (the text of
all arguments), ``within`` (the enclosing function's name), ``imports`` (any of these packages), ``file_mentions``,
``statement`` (the value of the call is dropped), ``uri``. ``any`` holds alternatives, ``none`` what must not hold.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.ir import Attribute, Call, Const, Expr, ExprStmt, Scope, Starred, Stmt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluecode_lint.analyzers.misuse.unit import Unit


@dataclass(frozen=True, slots=True)
class Site:
    """A place a matcher stopped at: what would be reported, and the call or the value the conditions are about."""

    node: Expr | Stmt
    scope: Scope
    call: Call | None = None
    value: Expr | None = None


if TYPE_CHECKING:
    Condition = Callable[[Unit, Site], bool]
    Test = Callable[[Unit, Expr, Scope], bool]
    Subject = Callable[[Site], Expr | None]

_SUBJECTS = frozenset({"arg", "name", "value", "receiver"})


def compile_condition(spec: Mapping[str, Any]) -> Condition:
    """Compile one condition.

    Raises:
        ValueError: A key is unknown or a value is malformed.
    """
    rest = {key: value for key, value in spec.items() if key not in _SUBJECTS}
    if len(rest) < len(spec):
        return _about_subject(spec, rest)
    parts = [_PLACES[_known(key, _PLACES)](value) for key, value in rest.items()]
    if not parts:
        message = "an empty condition"
        raise ValueError(message)
    return lambda unit, site: all(part(unit, site) for part in parts)


def _known(key: str, table: Mapping[str, object]) -> str:
    if key not in table:
        message = f"unknown condition {key!r}"
        raise ValueError(message)
    return key


# --- about an argument or a value ------------------------------------------------------------------------------------


def _about_subject(spec: Mapping[str, Any], rest: Mapping[str, Any]) -> Condition:
    subject = _subject(spec)
    if "absent" in rest:
        wanted = bool(rest["absent"])
        return lambda _, site: _is_absent(site, subject) if wanted else subject(site) is not None
    tests = [_TESTS[_known(key, _TESTS)](value) for key, value in rest.items()]
    if not tests:
        message = f"a subject without a test: {dict(spec)}"
        raise ValueError(message)

    def holds(unit: Unit, site: Site) -> bool:
        expr = subject(site)
        return expr is not None and all(test(unit, expr, site.scope) for test in tests)

    return holds


def _subject(spec: Mapping[str, Any]) -> Subject:
    if spec.get("value"):
        return lambda site: site.value
    if spec.get("receiver"):
        return _receiver
    names = spec.get("name", [])
    names = [names] if isinstance(names, str) else names
    position = spec.get("arg", -1)

    def argument(site: Site) -> Expr | None:
        if site.call is None:
            return None
        if position >= 0 and (found := site.call.argument(position)) is not None:
            return found
        return next((found for name in names if (found := site.call.keyword(name)) is not None), None)

    return argument


def _receiver(site: Site) -> Expr | None:
    function = site.call.function if site.call else None
    return function.value if isinstance(function, Attribute) else None


def _is_absent(site: Site, subject: Subject) -> bool:
    call = site.call
    hidden = call is not None and (
        any(name is None for name, _ in call.keywords) or any(isinstance(arg, Starred) for arg in call.args)
    )
    return not hidden and subject(site) is None


def _folded(unit: Unit, expr: Expr, scope: Scope) -> Const | None:
    return unit.constant(expr, scope)


def _test_is(wanted: Any) -> Test:  # noqa: ANN401  # any YAML value
    values = wanted if isinstance(wanted, list) else [wanted]

    def test(unit: Unit, expr: Expr, scope: Scope) -> bool:
        const = _folded(unit, expr, scope)
        return const is not None and any(type(const.value) is type(v) and const.value == v for v in values)

    return test


def _test_constant(wanted: Any) -> Test:  # noqa: ANN401
    def test(unit: Unit, expr: Expr, scope: Scope) -> bool:
        const = _folded(unit, expr, scope)
        return (const is not None and const.value not in (None, "", b"")) is wanted

    return test


def _test_number(holds: Callable[[float], bool]) -> Test:
    def test(unit: Unit, expr: Expr, scope: Scope) -> bool:
        const = _folded(unit, expr, scope)
        value = const.value if const else None
        return isinstance(value, (int, float)) and not isinstance(value, bool) and holds(value)

    return test


def _test_shorter(limit: Any) -> Test:  # noqa: ANN401
    def test(unit: Unit, expr: Expr, scope: Scope) -> bool:
        const = _folded(unit, expr, scope)
        return const is not None and isinstance(const.value, (str, bytes)) and len(const.value) < limit

    return test


def _test_matches(pattern: Any) -> Test:  # noqa: ANN401
    regex = re.compile(pattern)

    def test(unit: Unit, expr: Expr, scope: Scope) -> bool:
        const = _folded(unit, expr, scope)
        return const is not None and isinstance(const.value, str) and bool(regex.search(const.value))

    return test


def _test_resolves(pattern: Any) -> Test:  # noqa: ANN401
    regex = re.compile(pattern)
    return lambda unit, expr, scope: bool(regex.fullmatch(unit.path(expr, scope)))


def _test_mentions(pattern: Any) -> Test:  # noqa: ANN401
    regex = re.compile(pattern)
    return lambda unit, expr, _: bool(regex.search(unit.source(expr)))


_TESTS: dict[str, Callable[[Any], Test]] = {
    "is": _test_is,
    "constant": _test_constant,
    "below": lambda limit: _test_number(lambda value: value < limit),
    "above": lambda limit: _test_number(lambda value: value > limit),
    "shorter": _test_shorter,
    "matches": _test_matches,
    "resolves": _test_resolves,
    "mentions": _test_mentions,
}


# --- about the place -------------------------------------------------------------------------------------------------


def _used_for(pattern: Any) -> Condition:  # noqa: ANN401
    regex = re.compile(pattern)

    def holds(unit: Unit, site: Site) -> bool:
        return isinstance(site.node, Expr) and bool(regex.search(unit.purpose(site.node)))

    return holds


def _argument_mentions(pattern: Any) -> Condition:  # noqa: ANN401
    regex = re.compile(pattern)

    def holds(unit: Unit, site: Site) -> bool:
        call = site.call
        arguments = () if call is None else (*call.args, *(value for _, value in call.keywords))
        return any(regex.search(unit.source(argument)) for argument in arguments)

    return holds


def _within(pattern: Any) -> Condition:  # noqa: ANN401
    regex = re.compile(pattern)

    def holds(unit: Unit, site: Site) -> bool:
        function = unit.function_of(site.scope)
        return function is not None and bool(regex.search(function.qualname))

    return holds


def _imports(packages: Any) -> Condition:  # noqa: ANN401
    wanted = frozenset([packages] if isinstance(packages, str) else packages)
    return lambda unit, _: not wanted.isdisjoint(unit.packages)


def _file_mentions(pattern: Any) -> Condition:  # noqa: ANN401
    regex = re.compile(pattern)
    return lambda unit, _: bool(regex.search(unit.text))


def _statement(wanted: Any) -> Condition:  # noqa: ANN401
    def holds(unit: Unit, site: Site) -> bool:
        return isinstance(site.node, Expr) and isinstance(unit.parent(site.node), ExprStmt) is bool(wanted)

    return holds


def _uri(pattern: Any) -> Condition:  # noqa: ANN401
    regex = re.compile(pattern)
    return lambda unit, _: bool(regex.search(unit.module.uri))


def _any(specs: Any) -> Condition:  # noqa: ANN401
    alternatives = [compile_condition(spec) for spec in specs]
    return lambda unit, site: any(alternative(unit, site) for alternative in alternatives)


def _none(specs: Any) -> Condition:  # noqa: ANN401
    forbidden = [compile_condition(spec) for spec in specs]
    return lambda unit, site: not any(condition(unit, site) for condition in forbidden)


_PLACES: dict[str, Callable[[Any], Condition]] = {
    "used_for": _used_for,
    "argument_mentions": _argument_mentions,
    "within": _within,
    "imports": _imports,
    "file_mentions": _file_mentions,
    "statement": _statement,
    "uri": _uri,
    "any": _any,
    "none": _none,
}
