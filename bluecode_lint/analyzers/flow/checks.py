"""What a test says of the values it tests: membership, patterns, prefixes, types, and functions that check."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import TYPE_CHECKING

from bluecode_lint.analyzers.flow.expressions import Expressions
from bluecode_lint.analyzers.flow.frame import QUOTES
from bluecode_lint.analyzers.flow.regexes import allowed_characters, is_anchored
from bluecode_lint.analyzers.flow.values import (
    HARMLESS,
    HOST,
    MISSING,
    NORMALIZED,
    PART,
    SUFFIX,
    Callee,
    Kind,
    Origin,
    Value,
    all_taints,
    is_harmless,
)
from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Collection,
    Compare,
    Comprehension,
    Const,
    Expr,
    Name,
    Operation,
    Subscript,
    Suspend,
    Walrus,
    dotted,
    last_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_TEXT_CHECKS = frozenset({"isalnum", "isdigit", "isidentifier", "isnumeric", "isalpha", "isdecimal"})
_MATCHERS = frozenset({"match", "fullmatch", "search"})
_UNSAFE_SETS = {"..": ("path-traversal", "archive-slip"), "/": ("path-traversal", "archive-slip"), "\n": (), "\r": ()}
_PATH_RULES = ("path-traversal", "archive-slip")
_URL_RULES = ("open-redirect", "server-side-request-forgery")
_WHOLE_METHODS = frozenset(
    {"strip", "lower", "upper", "lstrip", "rstrip", "casefold", "title", "decode", "encode", "get"}
)


class Checks(Expressions):
    """The part of the interpreter that learns from tests."""

    @abstractmethod
    def callee_of(self, call: Call) -> Callee | None:
        """Find the local function a call means."""

    @abstractmethod
    def proofs_of(self, call: Call) -> list[tuple[Expr, int]]:
        """Give what a call of a known function proves of its arguments when its answer is true."""

    # --- facts -------------------------------------------------------------------------------------------------------

    def learn(self, taints: Iterable[tuple[Origin, int]]) -> None:
        """Add facts about origins."""
        facts = self.state.facts
        for origin, mask in taints:
            if mask:
                facts[origin] = facts.get(origin, 0) | mask

    def clear(self, subject: Expr, mask: int) -> None:
        """Learn that the value of an expression was checked for contexts."""
        value = self.value(subject)
        self.clear_value(value, mask)
        if not isinstance(subject, (Name, Attribute)):
            return
        key = dotted(subject)
        if any(t.shape & (PART | SUFFIX) for t in value.taints):  # the part itself was checked, if not the whole
            if key and "(" not in key and not value.items:
                self.set_variable(key, value.with_taints(tuple(t.but(cleared=mask) for t in value.taints)))
        elif not value.taints and key and "(" not in key and not is_harmless(value):
            known = self.state.variables.get(key)
            if known is None or not known.items:
                self.set_variable(key, Value(harmless=True, kind=value.kind))

    def clear_value(self, value: Value, mask: int) -> None:
        """Learn that where a value comes from was checked; a check of a part checks only what the part decides."""
        found = []
        for taint in all_taints(value):
            if taint.shape & HOST:
                found.append((taint.origin, self.mask(_URL_RULES) & mask))
            elif taint.shape & SUFFIX:
                found.append((taint.origin, self.mask(("unrestricted-upload",)) & mask))
            elif not taint.shape & PART:
                found.append((taint.origin, mask))
        self.learn(found)

    def mask(self, slugs: Iterable[str]) -> int:
        """Unite the bits of contexts that are known."""
        mask = 0
        for slug in slugs:
            mask |= self.knowledge.bits.get(slug, 0)
        return mask

    def without(self, characters: frozenset[str] | set[str], *, lacks: bool) -> int:
        """Give the contexts in which a text is harmless that has only (``lacks``: has none of) these characters."""
        mask = 0
        for context in self.knowledge.contexts.values():
            if context.dangerous is None:
                continue
            if (context.dangerous <= characters) if lacks else not (context.dangerous & characters):
                mask |= context.bit
        return mask

    # --- tests -------------------------------------------------------------------------------------------------------

    def narrow(self, test: Expr, truth: bool) -> None:  # noqa: FBT001  # the truth is the point
        """Assume that a test came out as told."""
        if isinstance(test, Operation):
            self.narrow_operation(test, truth)
        elif isinstance(test, Compare):
            self.narrow_compare(test, truth)
        elif isinstance(test, (Walrus, Suspend)) and test.value is not None:
            self.narrow(test.value, truth)
        elif isinstance(test, Call):
            self.narrow_call(test, truth)
        elif isinstance(test, Name):
            self.narrow_stored(test.id, truth)
            if not truth:
                self.clear_value(self.value(test), self.knowledge.everything)
        elif isinstance(test, (Attribute, Subscript)) and not truth:
            self.clear_value(self.value(test), self.knowledge.everything)

    def narrow_operation(self, test: Operation, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume ``not``, ``and`` and ``or``."""
        if test.op == "not":
            self.narrow(test.operands[0], not truth)
        elif test.op == ("and" if truth else "or"):
            for operand in test.operands:
                self.narrow(operand, truth)
        elif test.op in ("and", "or"):
            self.narrow_any(test, truth)

    def narrow_any(self, test: Operation, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume one of several tests: only what all of them imply holds."""
        before = dict(self.state.facts)
        outcomes = []
        for operand in test.operands:
            self.state.facts = dict(before)
            self.narrow(operand, truth)
            outcomes.append(self.state.facts)
        common = dict(outcomes[0])
        for other in outcomes[1:]:
            common = {o: m & other[o] for o, m in common.items() if o in other}
        self.state.facts = common

    def narrow_stored(self, name: str, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume the outcome of a test whose answer a variable holds (``ok = x in ALLOWED``, ``m = re.match(...)``)."""
        bound = self.scope.bindings.get(name)
        if bound and len(bound) == 1 and isinstance(bound[0], (Call, Compare, Operation)):
            self.narrow(bound[0], truth)

    def narrow_compare(self, test: Compare, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume a comparison."""
        if len(test.ops) != 1:
            return
        op, (left, right) = test.ops[0], test.operands
        if op in ("not in", "!=", "is not", "<>"):
            op, truth = {"not in": "in", "!=": "==", "is not": "is", "<>": "=="}[op], not truth
        if op in ("is", "==") and isinstance(right, Const) and right.value is None:
            self.narrow(left, not truth)
        elif op == "in":
            self.narrow_membership(left, right, truth)
        elif op in ("==", "is"):
            self.narrow_equality(left, right, truth)
        elif op in ("<", "<=", ">", ">="):
            self.narrow_order(op, left, right, truth)

    def narrow_membership(self, left: Expr, right: Expr, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume ``left in right``: an allow-list clears, and so does a forbidden text that is absent."""
        if isinstance(right, Attribute) and right.name == "parents":
            paths = self.value(right.value) if truth else HARMLESS
            self.learn((t.origin, self.mask(_PATH_RULES)) for t in paths.taints if t.shape & NORMALIZED)
            return
        needle, stack = self.value(left), self.value(right)
        if (
            isinstance(needle.const, str)
            and needle.const
            and (stack.taints or not is_harmless(stack))
            and stack.length < 0
        ):
            if not truth:
                self.clear_value(stack, self.absent(needle.const))
            return
        if truth and not isinstance(stack.const, (str, bytes)) and not is_foreign(stack):
            self.clear(left, self.knowledge.everything)

    def absent(self, text: str) -> int:
        """Give the contexts that the absence of a substring makes harmless."""
        if text in ("..", "../", "/.."):
            return self.mask(_PATH_RULES) | self.knowledge.bits["no-dots"]
        if text in ("/", "\\", "://"):
            return self.mask(_PATH_RULES if text != "://" else ()) | self.knowledge.bits["no-dots"]
        if text in ("\n", "\r"):
            return self.mask(("header-injection", "log-injection", "mail-header-injection"))
        if text in QUOTES:
            return self.without(set(text), lacks=True) | self.knowledge.bits[QUOTES[text]]
        return self.without(set(text), lacks=True) if len(text) == 1 else 0

    def narrow_equality(self, left: Expr, right: Expr, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume ``left == right``: a hostile value that equals one the program chose is that one."""
        if not truth:
            return
        for subject, other in ((left, right), (right, left)):
            if isinstance(subject, Const):
                continue
            value = self.value(other)
            if (isinstance(subject, Call) and self.narrow_derived(subject)) or not self.decides(value, subject):
                continue
            if not (isinstance(other, Const) and other.value in (None, "", True, False)):
                self.clear(subject, self.knowledge.everything)

    def decides(self, value: Value, subject: Expr) -> bool:
        """Tell whether equality makes a subject harmless: with what the program chose, or of a host it knows."""
        if is_harmless(value):
            return True
        return not is_foreign(value) and any(t.shape & HOST for t in self.value(subject).taints)

    def narrow_derived(self, call: Call) -> bool:
        """Learn from ``os.path.commonpath([base, path]) == base`` and the like; tell whether that is what it was."""
        name = last_name(call.function)
        if name in ("commonpath", "commonprefix"):
            for argument in call.args:
                for taint in all_taints(self.value(argument)):
                    if taint.shape & NORMALIZED or name == "commonpath":
                        self.learn([(taint.origin, self.mask(_PATH_RULES))])
            return True
        if name in ("len", "type", "count", "index", "find"):
            return True
        if name in ("basename", "normpath", "secure_filename", "realpath", "abspath") and call.args:
            self.clear_value(self.value(call.args[0]), self.mask(_PATH_RULES))
            return True
        return False

    def narrow_order(self, op: str, left: Expr, right: Expr, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume ``len(x) <= limit`` or ``n <= limit``: what is bounded exhausts nothing."""
        if not truth:
            op = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}[op]
        small = left if op in ("<", "<=") else right
        mask = self.mask(("uncontrolled-resource-consumption", "regex-denial-of-service", "decompression-bomb"))
        if isinstance(small, Call) and last_name(small.function) == "len" and small.args:
            self.clear_value(self.value(small.args[0]), mask)
        elif not isinstance(small, Const):
            self.clear_value(self.value(small), mask)

    # --- calls as tests ----------------------------------------------------------------------------------------------

    def narrow_call(self, call: Call, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume the answer of a call."""
        name = last_name(call.function)
        receiver = call.function.value if isinstance(call.function, Attribute) else None
        if name == "bool" and call.args:
            self.narrow(call.args[0], truth)
            return
        if truth and receiver is not None and name in _TEXT_CHECKS:
            self.clear(receiver, self.knowledge.everything)
            return
        if name == "isinstance" and truth:
            self.narrow_type(call)
            return
        if name in _MATCHERS and self.narrow_match(call, name, truth):
            return
        if name in ("startswith", "endswith") and receiver is not None and call.args:
            self.narrow_prefix(receiver, call.args[0], name, truth)
            return
        if name in ("all", "any") and call.args and isinstance(call.args[0], Comprehension):
            self.narrow_quantified(call.args[0], name, truth)
            return
        if name == "issubset" and truth and receiver is not None:
            self.clear(receiver, self.knowledge.everything)
            return
        self.narrow_known(call, name, receiver, truth)

    def narrow_type(self, call: Call) -> None:
        """Assume ``isinstance(x, T)`` of types that carry no text."""
        if len(call.args) != 2:  # noqa: PLR2004  # object and type
            return
        types = call.args[1].items if isinstance(call.args[1], Collection) else (call.args[1],)
        if all(
            last_name(t) in ("int", "float", "bool", "complex", "UUID", "Decimal", "date", "datetime", "Enum")
            for t in types
        ):
            self.clear(call.args[0], self.numeric)

    @property
    def numeric(self) -> int:
        """Give the contexts in which a number is harmless."""
        known = self.knowledge.calls.get("int")
        return known.sanitizers[0].clears if known and known.sanitizers else self.knowledge.everything

    def narrow_match(self, call: Call, name: str, truth: bool) -> bool:  # noqa: FBT001  # see narrow
        """Assume that a pattern matched (or, for a pattern of forbidden characters, that it did not)."""
        found = self.pattern_of(call)
        if found is None:
            return False
        pattern, subject = found
        if truth:
            if name == "search" and not is_anchored(pattern):
                return True
            letters = allowed_characters(pattern, full=name == "fullmatch")
            if letters is not None:
                self.clear(subject, self.without(letters, lacks=False))
                self.clear_hosts(pattern, subject)
        elif name == "search":
            letters = allowed_characters(pattern, full=True)
            if letters is not None and re.fullmatch(r"\[.*\]\+?|\(?\.\.\)?", pattern):
                self.clear(subject, self.without(letters, lacks=True))
        return True

    def clear_hosts(self, pattern: str, subject: Expr) -> None:
        """Learn that a pattern fixes the host of a URL: a literal host closed by a slash before anything is free."""
        if re.match(r"\^?https?\??:\\?/\\?/(?:\(\?:)?[\w\\.|-]+\)?(?:\(/|/|\\/|\$)", pattern):
            self.clear(subject, self.mask(_URL_RULES))

    def pattern_of(self, call: Call) -> tuple[str, Expr] | None:
        """Find the constant pattern and the subject of ``re.match(p, x)`` or ``compiled.match(x)``."""
        path = self.path(call.function)
        if path in ("re.match", "re.fullmatch", "re.search", "regex.match", "regex.fullmatch", "regex.search"):
            if len(call.args) < 2:  # noqa: PLR2004  # pattern and subject
                return None
            pattern = self.value(call.args[0]).const
            return (pattern, call.args[1]) if isinstance(pattern, str) else None
        if isinstance(call.function, Attribute) and call.args:
            compiled = self.value(call.function.value)
            if compiled.kind == "pattern" and isinstance(compiled.text, str) and compiled.text:
                return compiled.text, call.args[0]
        return None

    def narrow_prefix(self, receiver: Expr, argument: Expr, name: str, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume a prefix (or suffix): a directory of a normalised path, a complete host of a URL."""
        subject, prefix = self.value(receiver), self.value(argument)
        prefixes = [v.const for v in prefix.items.values()] if prefix.items else [prefix.const]
        texts = [p for p in prefixes if isinstance(p, str)]
        if name == "endswith":
            if truth and not prefix.taints:
                self.clear_value(subject, self.mask(("unrestricted-upload",)))
            return
        if not truth:
            self.lacks_prefix(subject, texts)
            return
        if texts and len(texts) == len(prefixes) and all(re.match(r"(https?:)?//[^/]+/", t) for t in texts):
            self.clear_value(subject, self.mask(_URL_RULES))
        if texts == ["/"]:
            self.learn((t.origin, self.knowledge.bits["rooted-url"]) for t in subject.taints)
        if not is_foreign(prefix) and not any(t in ("/", "http://", "https://", "http", "-", ".") for t in texts):
            for taint in subject.taints:
                if taint.shape & NORMALIZED or taint.cleared & self.knowledge.bits["no-dots"]:
                    self.learn([(taint.origin, self.mask(_PATH_RULES))])
        self.join_halves(subject)

    def lacks_prefix(self, subject: Value, texts: list[str]) -> None:
        """Assume that a text does not start so."""
        bits = self.knowledge.bits
        for taint in subject.taints:
            if "//" in texts:
                self.learn([(taint.origin, bits["single-slash"])])
            if any(t in ("/", "\\") for t in texts):
                self.learn([(taint.origin, bits["no-leading-slash"])])
            if "-" in texts:
                self.learn([(taint.origin, self.mask(("argument-injection",)))])
        self.join_halves(subject)

    def join_halves(self, subject: Value) -> None:
        """Clear what two half checks clear together: a URL that starts with one slash and not with two."""
        bits = self.knowledge.bits
        both = bits["rooted-url"] | bits["single-slash"]
        for taint in subject.taints:
            if self.state.facts.get(taint.origin, 0) & both == both:
                self.learn([(taint.origin, self.mask(_URL_RULES))])

    def narrow_quantified(self, generator: Comprehension, name: str, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume ``all(c in SAFE for c in x)`` or ``not any(c in BAD for c in x)`` (either way round)."""
        if len(generator.clauses) != 1 or len(generator.elements) != 1 or (name == "all") != truth:
            return
        clause, element = generator.clauses[0], generator.elements[0]
        subject = clause.iterable
        if isinstance(element, Compare) and len(element.ops) == 1:
            op, container = element.ops[0], self.value(element.operands[1])
            letters = self.letters_of(container)
            if name == "all" and op == "in":
                mask = self.knowledge.everything if letters is None else self.without(letters, lacks=False)
                self.clear(subject, mask if not container.taints else 0)
            elif name == "any" and op == "in" and letters is not None:
                self.clear(subject, self.without(letters, lacks=True))
            elif op in ("in", "not in") and container.taints:
                forbidden = self.letters_of(self.value(subject))
                words = self.words_of(self.value(subject))
                if (name == "any") == (op == "in"):
                    mask = self.without(forbidden, lacks=True) if forbidden is not None else 0
                    for word in words:
                        mask |= self.absent(word)
                    self.clear_value(container, mask)
        elif name == "all" and any(
            isinstance(e, Call) and last_name(e.function) in _TEXT_CHECKS for e in _parts(element)
        ):
            also = [p.operands[1] for p in _parts(element) if isinstance(p, Compare) and p.ops == ("in",)]
            letters = frozenset().union(*(self.letters_of(self.value(e)) or frozenset() for e in also))
            self.clear(subject, self.without(letters, lacks=False) if letters else self.knowledge.everything)

    def letters_of(self, value: Value) -> frozenset[str] | None:
        """Give the characters of a constant text or of a list of single ones; None if it is neither."""
        if isinstance(value.const, str):
            return frozenset(value.const)
        if value.items and all(isinstance(v.const, str) and len(v.const) == 1 for v in value.items.values()):
            return frozenset(str(v.const) for v in value.items.values())
        return None

    def words_of(self, value: Value) -> list[str]:
        """Give the constant texts of a list."""
        return [v.const for v in (value.items or {}).values() if isinstance(v.const, str)]

    def narrow_known(self, call: Call, name: str, receiver: Expr | None, truth: bool) -> None:  # noqa: FBT001  # see narrow
        """Assume the answer of a function that is known, analysed, or named like a check."""
        known = self.knowledge.calls.get(name)
        path = self.path(call.function)
        text = (dotted(receiver) or "?") if receiver is not None else ""
        for guard in known.guards if known else ():
            if guard.matcher.matches(name, path, text) and guard.holds is truth:
                self.apply_guard(call, receiver, guard.subject, guard.clears, normalized=guard.normalized)
                return
        proofs = self.proofs_of(call)
        if self.callee_of(call) is not None or proofs:
            if truth:
                for argument, mask in proofs:
                    self.clear(argument, mask)
            return
        asks_membership = receiver is not None and name in ("has_key", "__contains__")
        if truth and call.args and (asks_membership or self.matches("guards", name)):
            if not asks_membership:
                self.checked_by_name.update(t.origin for t in all_taints(self.value(call.args[0])))
            self.clear(call.args[0], self.knowledge.everything)

    def apply_guard(self, call: Call, receiver: Expr | None, subject: str, mask: int, *, normalized: bool) -> None:
        """Clear the subject of a guard call."""
        given = [*call.args, *(v for _, v in call.keywords)]
        chosen = given if subject == "all" else given[:1]
        if subject == "receiver":
            chosen = [] if receiver is None else [receiver]
        for expr in chosen:
            value = self.value(expr)
            if normalized:
                for taint in all_taints(value):
                    if taint.shape & NORMALIZED:
                        self.learn([(taint.origin, mask)])
            else:
                self.clear_value(value, mask)


def is_foreign(value: Value) -> bool:
    """Tell whether somebody hostile may decide on a value, so that a comparison with it proves nothing."""
    return any(t.origin.kind <= Kind.MODEL for t in value.taints)


def _parts(expr: Expr) -> list[Expr]:
    if isinstance(expr, Operation):
        return [p for o in expr.operands for p in _parts(o)]
    return [expr]


__all__ = ["MISSING", "Checks"]
