"""Decide whether a call is a sink for the values that reach it, by what each kind of sink is about."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bluecode_lint.analyzers.flow.containers import Containers
from bluecode_lint.analyzers.flow.regexes import ambiguity
from bluecode_lint.analyzers.flow.values import (
    BUILT,
    DOUBT,
    FIRST,
    GAP,
    HTML,
    JOINED,
    MISSING,
    NAMED,
    NORMALIZED,
    SQL,
    WEAK,
    Kind,
    Taint,
    Value,
    all_taints,
    checked,
    is_doubtful,
    is_harmless,
    step,
)
from bluecode_lint.analyzers.ir import (
    Attribute,
    Call,
    Compare,
    Expr,
    Name,
    Starred,
    Subscript,
    children,
    last_name,
    string_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bluecode_lint.analyzers.flow.knowledge import CallKnowledge, Sink
    from bluecode_lint.analyzers.flow.values import Origin

_SHELLS = frozenset(
    {"sh", "bash", "/bin/sh", "/bin/bash", "cmd", "cmd.exe", "zsh", "ksh", "dash", "powershell", "/usr/bin/env"}
)
_HOST_PREFIX = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?(?:/{0,2}|//[^/?#\0]*)", re.DOTALL)
"""A prefix of a URL after which the host can still be chosen."""
_PRINTED = re.compile(r"\{\{-?\s*(?P<name>\w+)(?P<filters>[^}]*)\}\}")
_AS_IS = re.compile(r"\|\s*safe\b")
_ESCAPING_OFF = re.compile(r"\{%-?\s*autoescape\s+(?:false|off)\b", re.IGNORECASE)
_UNQUOTED = re.compile(r"<\w[^<>]*\s[\w:-]+\s*=\s*$")
_DIRECTORY_FILTER = re.compile(
    r"^\s*\((?:[&|!]\(.*\()?(?:uid|cn|sn|mail|ou|dc|member\w*|sAMAccountName|userPrincipalName|givenName|displayName|"
    r"objectClass|objectCategory|o|employee\w+|serialNumber)[~<>]?=[^()]*$",
    re.IGNORECASE | re.DOTALL,
)
"""What stands before a value in a filter of RFC 4515."""
_TAKES_VALUE = re.compile(r"-[efoCmbctiupkd]|--[a-z][a-z-]*")
"""Options that most programs follow with a value, which they take whatever it looks like."""
_FIELD = re.compile(r"%[-+ #0]*\d*(?:\.\d+)?([a-zA-Z])")
_HEADER_LINE = re.compile(r"\r\n[A-Za-z][A-Za-z-]*: ?[^\r\n]*$|^HTTP/1\.[01] [^\r\n]*$")
"""What stands before a value in the head of an HTTP message that is written by hand."""
_MARKUP_TYPES = ("html", "xml", "svg")


class Arguments:
    """A call's evaluated arguments."""

    __slots__ = ("base", "call", "keywords", "values")

    def __init__(self, call: Call, base: Value | None, values: list[Value], keywords: dict[str, Value]) -> None:
        """Keep them by position and by keyword."""
        self.call = call
        self.base = base
        self.values = values
        self.keywords = keywords

    def get(self, position: int, *names: str) -> Value | None:
        """Give an argument by position or by one of its keywords."""
        if position < len(self.values) and not any(isinstance(a, Starred) for a in self.call.args[: position + 1]):
            return self.values[position]
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return None

    def keyword_const(self, name: str) -> Any:  # noqa: ANN401  # any constant
        """Give the constant of a keyword argument; `MISSING` if it has none."""
        value = self.keywords.get(name)
        return MISSING if value is None else value.const


class Sinks(Containers):
    """The part of the interpreter that recognises sinks."""

    def check_sinks(self, known: CallKnowledge, name: str, path: str, receiver: str, arguments: Arguments) -> None:
        """Record every taint that reaches a sink of this call."""
        done: set[str] = set()
        for sink in known.sinks:
            if sink.rule in done or not sink.matcher.matches(name, path, receiver):
                continue
            if not self.applies(sink, arguments):
                continue
            done.add(sink.rule)
            harmless = all(is_harmless(v) or self.is_cleared(v, sink.bit) for v in self.chosen(sink, arguments))
            self.program.note_sink(sink.rule, arguments.call, harmless=harmless)
            self.check_sink(sink, arguments, arguments.call)

    def is_cleared(self, value: Value, bit: int) -> bool:
        """Tell whether all that is hostile in a value was cleaned or checked, by more than a telling name."""
        taints = all_taints(value)
        return bool(taints) and all(
            (t.cleared | checked(t.origin, self.state.facts)) & bit
            and not t.shape & (NAMED | WEAK)
            and t.origin not in self.checked_by_name
            for t in taints
        )

    def check_sink(self, sink: Sink, arguments: Arguments, node: Any) -> None:  # noqa: ANN401  # any node of the IR
        """Record every taint that a sink's kind finds worth recording."""
        check = _CHECKS.get(sink.check)
        for taint in check(self, sink, arguments) if check is not None else self.chosen_taints(sink, arguments):
            self.hit(sink, taint, node)

    def check_any_call(self, name: str, arguments: Arguments) -> None:
        """Record what is plainly a sink by its arguments: a statement of SQL run by something that sounds like it."""
        for value in (*arguments.values, *arguments.keywords.values()):
            for taint in value.taints:
                if taint.shape & BUILT and not taint.shape & WEAK:
                    self.check_telling_text(name, taint, arguments.call)

    def check_telling_text(self, name: str, taint: Taint, node: Expr) -> None:
        """Record a text that is plainly SQL or markup and is handed to a function nothing else is known of."""
        known = self.knowledge.calls.get("<any>")
        for sink in known.sinks if known is not None and not self.matches("talkers", name) else ():
            pattern = sink.matcher.receivers
            fits = pattern is not None and pattern.search(name) is not None
            if sink.check == "statement" and taint.shape & SQL and not _is_weak_name(taint):
                if fits or _VALUE_PLACE.search(taint.prefix):
                    self.hit(sink, taint, node)
            elif sink.check == "filter" and taint.shape & BUILT and not taint.shape & WEAK:
                if _DIRECTORY_FILTER.search(taint.prefix):
                    self.hit(sink, taint, node)
            elif sink.check == "page" and taint.shape & HTML and taint.origin.kind is Kind.REMOTE:
                self.hit(sink, taint, node)

    def check_fields(self, name: str, arguments: Arguments) -> None:
        """Record a record made of whatever fields a client sent."""
        known = self.knowledge.calls.get("<model>")
        if known is None or not (name[:1].isupper() or name in _MAKERS):
            return
        for taint in arguments.keywords["**"].taints:
            if taint.origin.kind is Kind.REMOTE:
                self.hit(known.sinks[0], taint, arguments.call)

    def check_return(self, value: Value, node: Expr) -> None:
        """Record markup or error details that a handler, or a function that makes markup, gives back."""
        made_elsewhere = isinstance(node, Call) and self.callee_of(node) is not None
        known = self.knowledge.calls.get("<return>")
        for sink in known.sinks if known else ():
            for taint in all_taints(value):
                if made_elsewhere and taint.origin.kind >= Kind.PARAM:
                    continue
                if self.is_returned_sink(sink.check, taint, value):
                    self.hit(sink, taint, node)

    def is_returned_sink(self, check: str, taint: Taint, value: Value) -> bool:
        """Tell whether giving a value back is a sink of a kind."""
        kind = taint.origin.kind
        if check == "details":
            return kind is Kind.ERROR and (self.is_handler or self.takes_request())
        if check == "head":
            return taint.shape & BUILT != 0 and _HEADER_LINE.search(taint.prefix) is not None
        if check == "path":
            return taint.origin in self.looked_up and kind is Kind.PARAM and self.is_name_in_directory(taint)
        if self.answers_json:
            return False
        if taint.shape & HTML:
            return kind is not Kind.ERROR and not self.is_representation()
        return self.is_handler and kind <= Kind.STORED and value.items is None and not taint.shape & WEAK

    def takes_request(self) -> bool:
        """Tell whether the function is given a request, as a view is."""
        names = self.knowledge.requests.names
        return self.function is not None and any(p.name in names for p in self.function.params[:2])

    def is_representation(self) -> bool:
        """Tell whether the function makes a text for developers."""
        return self.function is not None and self.function.name in ("__repr__", "__str__", "__unicode__", "__format__")

    def applies(self, sink: Sink, arguments: Arguments) -> bool:
        """Tell whether the constants a sink asks for (or must not have) are as it says."""
        for name, wanted in sink.when.items():
            if not self.is_constant(arguments, name, wanted):
                return False
        return not any(self.is_constant(arguments, name, wanted) for name, wanted in sink.unless.items())

    def is_constant(self, arguments: Arguments, name: str, wanted: Any) -> bool:  # noqa: ANN401  # any constant
        """Tell whether a keyword is a wanted constant, or a name that ends as wanted; ``#n`` counts arguments."""
        if name.startswith("#"):
            return (len(arguments.values) + len(arguments.keywords) > int(name[1:])) is wanted
        node = arguments.call.keyword(name) if not name.isdigit() else arguments.call.argument(int(name))
        if node is None:
            return wanted is None
        if wanted == "*":
            return True
        value = self.value(node)
        options = wanted if isinstance(wanted, list) else [wanted]
        if value.const is not MISSING:
            return value.const in options
        return last_name(node) in options or (isinstance(node, Call) and last_name(node.function) in options)

    def chosen(self, sink: Sink, arguments: Arguments) -> list[Value]:
        """Give the arguments a sink is about."""
        if sink.receiver:
            return [] if arguments.base is None else [arguments.base]
        if not sink.positions and not sink.keywords:
            return [*arguments.values, *arguments.keywords.values()]
        found = [arguments.values[p] for p in sink.positions if p < len(arguments.values)]
        return found + [v for k, v in arguments.keywords.items() if k in sink.keywords]

    def chosen_taints(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Give the taints of the arguments a sink is about."""
        for value in self.chosen(sink, arguments):
            yield from all_taints(value)

    # --- kinds of sinks ----------------------------------------------------------------------------------------------

    def shell(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a command: a text for a shell, or a list whose first word is hostile or is a shell."""
        command = arguments.get(0, *sink.keywords)
        if command is None:
            return
        shell = arguments.keyword_const("shell")
        if "shell" in arguments.keywords and (shell is MISSING or bool(shell)):
            yield from all_taints(command)
            return
        if command.items and command.length > 0:
            first = command.items.get(0)
            if first is not None:
                yield from (t.but(shape=DOUBT) for t in first.taints if not t.prefix)
                if (first.const in _SHELLS or first.const is MISSING) and any(
                    command.items[i].const in ("-c", "/c", "-Command")
                    for i in range(1, command.length)
                    if i in command.items
                ):
                    yield from all_taints(command)
        else:
            split = command.kind == "pieces"
            for taint in command.taints:
                if not taint.prefix and not taint.shape & BUILT and taint.origin.kind is not Kind.LOCAL:
                    yield taint if split else taint.but(shape=DOUBT | FIRST)

    def option(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the words of an argument list that a program could take for options."""
        command = arguments.get(0, "args")
        if command is None or not command.items or command.length < 2:  # noqa: PLR2004  # a program and a word
            return
        program = command.items.get(0)
        if (
            program is None
            or not isinstance(program.const, str)
            or not self.matches("option_programs", program.const.rpartition("/")[2])
        ):
            return
        for index in range(1, command.length):
            word = command.items.get(index)
            if word is None:
                continue
            if word.const == "--":
                return
            before = command.items.get(index - 1)
            if before is None or not isinstance(before.const, str) or not _TAKES_VALUE.fullmatch(before.const):
                yield from (t for t in word.taints if not t.prefix)

    def statement(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a statement; what stands where only a name can stand counts less than a value."""
        for taint in self.chosen_taints(sink, arguments):
            if taint.origin.kind in (Kind.STORED, Kind.UNKNOWN) and not taint.shape & BUILT:
                continue
            if taint.origin.kind is Kind.UNKNOWN and not taint.shape & SQL:
                continue
            yield taint

    def url(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a URL: only who chooses the host can send the request elsewhere."""
        for taint in self.chosen_taints(sink, arguments):
            if _HOST_PREFIX.fullmatch(taint.prefix):
                yield taint

    def target(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the target of a redirect: one that starts with a single slash stays on the site."""
        for taint in self.chosen_taints(sink, arguments):
            if _HOST_PREFIX.fullmatch(taint.prefix) and taint.prefix != "/":
                yield taint

    def file(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a path: a parameter counts where it is joined to a directory."""
        for taint in self.chosen_taints(sink, arguments):
            if is_doubtful(taint.origin.kind) and not self.is_name_in_directory(taint):
                yield taint.but(shape=DOUBT)
            else:
                yield taint

    def is_name_in_directory(self, taint: Taint) -> bool:
        """Tell whether a parameter is a plain name that is joined to a directory, as when files are served."""
        if not taint.shape & (JOINED | BUILT) or not _has_directory(taint):
            return False
        return taint.origin.parent is None and not taint.shape & WEAK

    def markup(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a response body, unless its type is no markup."""
        for name in ("content_type", "mimetype", "media_type"):
            kind = arguments.keyword_const(name)
            if isinstance(kind, str) and not any(m in kind for m in _MARKUP_TYPES):
                return
        for taint in self.chosen_taints(sink, arguments):
            yield taint if taint.shape & HTML else taint.but(shape=DOUBT)

    def look_up(self, value: Value) -> None:
        """Note that a path was looked for on the disk."""
        self.looked_up.update(t.origin for t in all_taints(value) if t.shape & (JOINED | BUILT))

    def template(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at what a constant template prints where escaping of markup does not help.

        That is ``{{ x|safe }}``, a block without escaping, and an attribute without quotes, where a space is enough.
        """
        text = arguments.get(0, "source", "template_string")
        if text is None or not isinstance(text.const, str):
            return
        escaping_off = _ESCAPING_OFF.search(text.const) is not None
        for found in _PRINTED.finditer(text.const):
            as_it_is = escaping_off or _AS_IS.search(found["filters"]) or _unquoted(text.const, found.start())
            if as_it_is and found["name"] in arguments.keywords:
                yield from (t.but(shape=HTML | BUILT) for t in all_taints(arguments.keywords[found["name"]]))

    def loader(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at ``yaml.load``: a safe loader makes any document harmless."""
        node = arguments.call.argument(1, "Loader")
        if node is not None and "Safe" in last_name(node) + self.path(node):
            return
        if node is not None and last_name(node) == "BaseLoader":
            return
        yield from self.chosen_taints(sink, arguments)

    def parser(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at an XML parse: lxml's ``resolve_entities=False`` makes any document harmless."""
        node = arguments.call.argument(1, "parser")
        if node is not None and self.value(node).kind == "safe-parser":
            return
        yield from self.chosen_taints(sink, arguments)

    def ambiguous(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a constant pattern that can take exponential time, matched against hostile text."""
        pattern: object = MISSING
        subjects: list[Value] = []
        if arguments.base is not None and arguments.base.kind == "pattern":
            pattern = arguments.base.text
            subjects = (
                arguments.values[:1]
                if last_name(arguments.call.function) not in ("sub", "subn")
                else arguments.values[1:2]
            )
        elif arguments.values:
            pattern = arguments.values[0].const
            subjects = (
                arguments.values[2:3]
                if last_name(arguments.call.function) in ("sub", "subn")
                else arguments.values[1:2]
            )
        full = last_name(arguments.call.function) == "fullmatch"
        found = ambiguity(pattern, full=full) if isinstance(pattern, str) and pattern else ""
        if found:
            weakness = 0 if "exponential" in found else WEAK
            for subject in subjects:
                yield from (t.but(shape=weakness) for t in all_taints(subject))

    def upload(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the name an uploaded file is saved under."""
        for taint in self.chosen_taints(sink, arguments):
            if "filename" in taint.origin.what or _mentions(taint, "filename"):
                yield taint

    def sql_text(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at an argument that is a statement of SQL only if it looks like one."""
        for taint in self.statement(sink, arguments):
            if taint.shape & SQL:
                yield taint

    def built_only(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a text that hostile data became a part of."""
        for taint in self.chosen_taints(sink, arguments):
            if taint.shape & BUILT:
                yield taint

    def file_object(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a path object whose method is called."""
        for taint in all_taints(arguments.base) if arguments.base is not None else ():
            if is_doubtful(taint.origin.kind) and not self.is_name_in_directory(taint):
                yield taint.but(shape=DOUBT)
            elif taint.shape & JOINED or (taint.origin.kind <= Kind.LOCAL and taint.shape & NORMALIZED):
                yield taint

    def whole(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a name that hostile data decides from its start."""
        for taint in self.chosen_taints(sink, arguments):
            if not taint.prefix and taint.origin.kind <= Kind.STORED:
                yield taint

    def tar(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at an archive that is unpacked whole; `zipfile` makes names harmless itself."""
        path = self.path(arguments.call.function)
        kept = arguments.call.keyword("filter")
        if kept is not None and string_value(kept) != "fully_trusted":
            return
        if "zip" in path.lower() or arguments.base is None or self.checks_members:
            return
        found = all_taints(arguments.base)
        if not self.has_checked_member(frozenset(t.origin for t in found)):
            yield from found

    def has_checked_member(self, archives: frozenset[Origin] = frozenset()) -> bool:
        """Tell whether a name inside an archive (from one of ``archives``, if not from a file) was checked before."""
        slip = self.knowledge.bits.get("archive-slip", 0)
        return any(
            m & slip and ("archive" in o.what or any(o.is_from(a) for a in archives))
            for o, m in self.state.facts.items()
        )

    def member(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a path made of a name inside an archive."""
        for taint in self.chosen_taints(sink, arguments):
            if "archive" in taint.origin.what:
                yield taint

    def xpath(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a query that looks like XPath."""
        for taint in self.chosen_taints(sink, arguments):
            if taint.shape & BUILT and ("/" in taint.prefix or "[" in taint.prefix):
                yield taint

    def header(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the value of a header: a parameter counts where it is only a part of it."""
        for taint in self.chosen_taints(sink, arguments):
            if taint.origin.kind <= Kind.STORED or (taint.origin.kind is Kind.PARAM and taint.shape & BUILT):
                yield taint

    def line(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a line of a log: a parameter counts where it was put into the text, not handed over beside it.

        What a constant template formats with ``%r`` or as a number brings no line end.
        """
        template = arguments.values[0].const if arguments.values else MISSING
        fields = _FIELD.findall(template.replace("%%", "")) if isinstance(template, str) else []
        harmless = [v for field, v in zip(fields, arguments.values[1:], strict=False) if field != "s"]
        for taint in self.chosen_taints(sink, arguments):
            if any(taint in all_taints(value) for value in harmless):
                continue
            if taint.origin.kind is not Kind.PARAM or (taint.shape & BUILT and taint.origin.parent is None):
                yield taint

    def location(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the value of a ``Location`` header."""
        key = arguments.values[0].const if arguments.values else MISSING
        if isinstance(key, str) and key.lower() == "location":
            for taint in all_taints(arguments.values[1]):
                if _HOST_PREFIX.fullmatch(taint.prefix):
                    yield taint

    def document(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a query document: whole, or with a value that can itself be a document of operators."""
        for value in self.chosen(sink, arguments):
            yield from (t for t in value.taints if t.origin.kind <= Kind.STORED)
            for key, part in (value.items or {}).items():
                yield from (
                    t for t in part.taints
                    if _is_structured(t) or _is_part_of_param(t) or (key == "$where" and t.shape & BUILT)
                )  # fmt: skip

    def script(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at the JavaScript in a query document."""
        for value in self.chosen(sink, arguments):
            part = (value.items or {}).get("$where")
            yield from (t for t in part.taints if t.shape & BUILT) if part is not None else ()

    def entities(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at what a parser of the standard library reads: it follows entities only where it was told to."""
        told = [arguments.base, *arguments.values, *arguments.keywords.values()]
        if any(v is not None and v.kind == "open-parser" for v in told):
            yield from self.chosen_taints(sink, arguments)

    def sized(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at a size."""
        yield from (t for t in self.chosen_taints(sink, arguments) if t.origin.kind <= Kind.LOCAL)

    def page(self, sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at what a CGI script prints."""
        for taint in self.chosen_taints(sink, arguments):
            if taint.shape & HTML and taint.origin.kind <= Kind.STORED:
                yield taint

    def prompt(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look at instructions: the system message, or a text that mixes instructions and data."""
        for value in (*arguments.values, *arguments.keywords.values()):
            for message in _messages(value):
                role = message.items.get("role") if message.items else None
                content = message.items.get("content") if message.items else None
                if role is not None and content is not None:
                    taints = all_taints(content)
                    yield from (
                        t
                        for t in taints
                        if role.const in ("system", "developer") or (t.shape & BUILT and len(t.prefix) > _PROMPT)
                    )
            yield from (t for t in value.taints if t.shape & BUILT and len(t.prefix) > _PROMPT)

    def secret(self, _sink: Sink, arguments: Arguments) -> Iterable[Taint]:
        """Look for names of secrets among the arguments, but not where they are only measured or hidden."""
        call = arguments.call
        for argument in (*call.args, *(v for _, v in call.keywords)):
            stack = [argument]
            while stack:
                expr = stack.pop()
                name = _secret_name(expr)
                if name and self.matches("secrets", name) and not self.matches("innocent", name):
                    key = ("secret", name)
                    origin = self.origin(key, Kind.SECRET, f"'{name}'", expr)
                    yield Taint(origin, 0, 0, "", step(f"'{name}' is sensitive", expr, None))
                elif isinstance(expr, (Compare, Call)) and not (
                    isinstance(expr, Call) and last_name(expr.function) in _TRANSPARENT
                ):
                    continue
                else:
                    stack.extend(children(expr))


_PROMPT = 20
"""Characters of instructions before a hostile part that make a text a prompt."""
_MAKERS = frozenset(
    {"create", "update", "get_or_create", "update_or_create", "bulk_create", "insert", "replace", "values"}
)
_TRANSPARENT = frozenset({"format", "str", "repr", "dict", "join", "get", "dumps", "upper", "lower", "strip", "decode"})


def _secret_name(expr: Expr) -> str:
    if isinstance(expr, (Name, Attribute)):
        return last_name(expr)
    if isinstance(expr, Subscript):
        return string_value(expr.index) or ""
    if isinstance(expr, Call) and last_name(expr.function) == "get" and expr.args:
        return string_value(expr.args[0]) or ""
    return ""


def _messages(value: Value) -> list[Value]:
    if value.items and value.length >= 0:
        return [v for v in value.items.values() if v.items]
    return []


def _is_part_of_param(taint: Taint) -> bool:
    """Tell whether a value was taken as it is out of a parameter, which may hold any structure."""
    return taint.origin.kind is Kind.PARAM and taint.origin.parent is not None and not taint.shape & (BUILT | WEAK)


def _is_structured(taint: Taint) -> bool:
    """Tell whether hostile data can be more than a text: it was parsed from JSON."""
    return taint.origin.kind is Kind.REMOTE and (
        "json" in taint.origin.what or "body" in taint.origin.what or "data" in taint.origin.what
    )


def _is_weak_name(taint: Taint) -> bool:
    return is_doubtful(taint.origin.kind) and is_identifier_place(taint.prefix)


def is_identifier_place(prefix: str) -> bool:
    """Tell whether what follows a piece of a statement is the name of a table or column."""
    if prefix.endswith(("'", "%")):
        return False
    before = prefix.rstrip(' `"[\n\t\r')
    if before.endswith(GAP + "."):
        return True
    if before.endswith((",", "(")):
        return _VALUE_LIST.search(before) is None
    return _IDENTIFIER.search(before.rstrip(GAP).rstrip()) is not None


_IDENTIFIER = re.compile(
    r"(?i)\b(?:from|into|update|table|join|database|schema|index|view|by|exists|select|distinct|column|describe|pragma"
    r"|truncate|only|on|set|use|add|rename|to|sequence|trigger|procedure|call|collate|asc|desc|where|and|or|as)$",
)
"""Words after which a statement has a name rather than a value."""
_VALUE_PLACE = re.compile(r"(?i)\b(?:where|values|having)\b|\bset\b.*=", re.DOTALL)
"""What in a statement tells that a value, and not a name, comes next."""
_VALUE_LIST = re.compile(r"(?is)\bvalues\b|\bin\s*\([^)]*$|\bwhere\b.*=")
"""What before an open bracket or a comma tells that values follow."""


def _has_directory(taint: Taint) -> bool:
    """Tell whether a directory stands before the hostile part."""
    return "/" in taint.prefix or bool(taint.shape & JOINED) or "\\" in taint.prefix


def _mentions(taint: Taint, word: str) -> bool:
    origin = taint.origin
    while origin is not None:
        if isinstance(origin.key, str) and word in origin.key.lower():
            return True
        if origin.parent is None:
            return False
        origin = origin.parent
    return False


def _unquoted(template: str, position: int) -> bool:
    """Tell whether a place in a template is the start of an attribute's value without quotes."""
    return _UNQUOTED.search(template, 0, position) is not None


_CHECKS: dict[str, Callable[[Any, Sink, Arguments], Iterable[Taint]]] = {
    "shell": Sinks.shell,
    "option": Sinks.option,
    "statement": Sinks.statement,
    "url": Sinks.url,
    "target": Sinks.target,
    "file": Sinks.file,
    "markup": Sinks.markup,
    "template": Sinks.template,
    "loader": Sinks.loader,
    "parser": Sinks.parser,
    "ambiguous": Sinks.ambiguous,
    "upload": Sinks.upload,
    "sql-text": Sinks.sql_text,
    "built-only": Sinks.built_only,
    "file-object": Sinks.file_object,
    "whole": Sinks.whole,
    "tar": Sinks.tar,
    "member": Sinks.member,
    "xpath": Sinks.xpath,
    "header": Sinks.header,
    "line": Sinks.line,
    "location": Sinks.location,
    "document": Sinks.document,
    "entities": Sinks.entities,
    "script": Sinks.script,
    "sized": Sinks.sized,
    "page": Sinks.page,
    "prompt": Sinks.prompt,
    "secret": Sinks.secret,
}

CHECKS = frozenset({*_CHECKS, "", "markup", "details", "path", "fields", "stored", "filter", "head"})
"""The kinds of sinks the knowledge may name."""
