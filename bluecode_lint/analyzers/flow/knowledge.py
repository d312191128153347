"""Load what the flow analysis knows of libraries and frameworks: ``rules/flow/*.yaml``, one file an area.

Every rule is a *context* with one bit: a sanitizer or a check clears bits, a sink asks for its own.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from bluecode_lint.analyzers.flow.values import HOST, JOINED, NORMALIZED, PART, SUFFIX, WHOLE_ONLY, Kind
from bluecode_lint.core.errors import RulesError
from bluecode_lint.core.model import Confidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from bluecode_lint.core.model import Rule

_CONFIDENCES = {"low": Confidence.LOW, "medium": Confidence.MEDIUM, "high": Confidence.HIGH}
_KINDS = {kind.name.lower(): kind for kind in Kind}
_SHAPES = {"normalized": NORMALIZED, "host": HOST, "suffix": SUFFIX, "part": PART, "joined": JOINED}
PSEUDO = ("whole-only", "rooted-url", "single-slash", "no-dots", "no-leading-slash", "no-quote", "no-double-quote")
"""Half checks that clear a context only together; they have bits but no rule. The first is `WHOLE_ONLY`."""


@dataclass(slots=True)
class Matcher:
    """Which calls an entry is about.

    ``calls`` are resolved paths (``*.name`` matches any path that ends so); ``methods`` are last names whose receiver
    matches ``receivers``, by its text or by how it was made (``httpx.AsyncClient()``); what ``unless_made_by`` made is
    not meant.
    """

    calls: frozenset[str]
    suffixes: tuple[str, ...]
    methods: frozenset[str]
    receivers: re.Pattern[str] | None
    unless_made_by: frozenset[str] = frozenset()

    def matches(self, name: str, path: str, receiver: str) -> bool:
        """Tell whether a call with this last name, resolved path and receiver text is meant."""
        if path and (path in self.calls or (self.suffixes and ("." + path).endswith(self.suffixes))):
            return True
        if name in self.methods and receiver:
            maker = path.rpartition(".")[0]
            if maker in self.unless_made_by:
                return False
            if self.receivers is None or self.receivers.search(receiver):
                return True
            return maker.endswith("()") and self.receivers.search(maker) is not None
        return False

    @property
    def names(self) -> set[str]:
        """Give the last names that can match, for the index."""
        return {c.rpartition(".")[2] for c in (*self.calls, *self.suffixes)} | set(self.methods)


@dataclass(slots=True)
class Source:
    """Where hostile data comes in."""

    matcher: Matcher
    kind: Kind
    what: str


@dataclass(slots=True)
class Sink:
    """Where hostile data does harm. ``args`` are positions and keywords; empty means every argument."""

    matcher: Matcher
    rule: str
    bit: int
    what: str
    positions: tuple[int, ...]
    keywords: frozenset[str]
    receiver: bool
    check: str
    built: bool | None
    most: Confidence
    param: Confidence | None
    unless: Mapping[str, Any]
    when: Mapping[str, Any]


@dataclass(slots=True)
class Sanitizer:
    """A call whose answer is its argument made harmless in some contexts, or of another shape."""

    matcher: Matcher
    clears: int
    shape: int
    decodes: bool
    """It may bring back what an encoding had made harmless."""


@dataclass(slots=True)
class Guard:
    """A call that tells whether its subject is harmless: when it ``holds``, or when it does not raise."""

    matcher: Matcher
    clears: int
    subject: str
    holds: bool | str
    normalized: bool


@dataclass(slots=True)
class Context:
    """How a rule judges what reaches its sinks. ``dangerous`` are the characters that can do harm there."""

    slug: str
    bit: int
    confidences: dict[Kind, Confidence | None]
    built: bool
    dangerous: frozenset[str] | None
    effect: str
    quotable: bool
    """Between quotes only the closing quote can do harm."""
    given: Confidence | None = None
    """What an argument of a constructor counts for that a method uses whole."""


@dataclass(slots=True)
class CallKnowledge:
    """Everything known of one last name of a call."""

    sources: list[Source] = field(default_factory=list)
    sinks: list[Sink] = field(default_factory=list)
    sanitizers: list[Sanitizer] = field(default_factory=list)
    guards: list[Guard] = field(default_factory=list)
    neutral: list[Matcher] = field(default_factory=list)


@dataclass(slots=True)
class Requests:
    """How a web request is recognised and which of its parts a client writes."""

    objects: frozenset[str]
    names: frozenset[str]
    attributes: frozenset[str]
    methods: frozenset[str]
    trusted: frozenset[str]
    own: frozenset[str]
    """Attributes that say where the request itself went."""


@dataclass(slots=True)
class Handlers:
    """How a request handler is recognised. ``bare`` and ``json`` are paths of decorators, the rest are last names.

    What a ``json`` decorator's function gives back is sent as JSON unless the decorator says otherwise.
    """

    decorators: frozenset[str]
    bare: frozenset[str]
    json: frozenset[str]
    bases: re.Pattern[str]
    methods: frozenset[str]
    events: frozenset[str]
    injected: frozenset[str]


@dataclass(slots=True)
class Knowledge:
    """All areas together, indexed for the analysis."""

    bits: dict[str, int]
    contexts: dict[str, Context]
    calls: dict[str, CallKnowledge]
    paths: dict[str, Source]
    path_names: frozenset[str]
    attribute_sources: dict[str, Source]
    requests: Requests
    handlers: Handlers
    patterns: dict[str, re.Pattern[str]]
    sink_names: frozenset[str]
    """The last names of all calls that can be sinks."""

    @property
    def everything(self) -> int:
        """Give the mask of all contexts."""
        return ((1 << len(self.bits)) - 1) & ~WHOLE_ONLY


def load_knowledge(rules_root: Path, rules: Mapping[str, Rule], checks: frozenset[str]) -> Knowledge:
    """Load and check every file of ``rules/flow``. ``checks`` are the kinds of sinks the analysis knows.

    Raises:
        RulesError: A file is missing or malformed, or names a rule that is not in the catalogue.
    """
    folder = rules_root / "flow"
    files = sorted(folder.glob("*.yaml"))
    if not files:
        message = f"no flow knowledge in {folder}"
        raise RulesError(message, advice="Reinstall bluecode-lint.")
    validate = _validator(folder / "flow.schema.json")
    areas = [_read(path, validate) for path in files]
    return _Builder(rules, checks).build(areas)


def _validator(path: Path) -> Any:  # noqa: ANN401  # jsonschema's classes are made at run time
    from jsonschema import Draft202012Validator  # noqa: PLC0415  # lazy: only a run that analyses flows pays for it

    try:
        return Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {error}"
        raise RulesError(message) from error


def _read(path: Path, validate: Any) -> dict[str, Any]:  # noqa: ANN401  # see _validator
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)  # noqa: S506  # a safe loader, the fast one
    except (OSError, yaml.YAMLError) as error:
        message = f"cannot read {path}: {error}"
        raise RulesError(message) from error
    problem = next(iter(sorted(validate.iter_errors(content), key=lambda e: list(map(str, e.absolute_path)))), None)
    if problem is not None:
        place = "/".join(str(p) for p in problem.absolute_path) or "the top level"
        message = f"{path}: at {place}: {problem.message}"
        raise RulesError(message)
    found: dict[str, Any] = content
    return found


class _Builder:
    """Unites the areas into one `Knowledge`."""

    def __init__(self, rules: Mapping[str, Rule], checks: frozenset[str]) -> None:
        """Give every rule of the catalogue that an area judges a bit."""
        self.checks = checks
        self.slugs = {rule_id.removeprefix("bluecode/") for rule_id in rules}
        self.bits: dict[str, int] = {}
        self.calls: dict[str, CallKnowledge] = {}

    def build(self, areas: list[dict[str, Any]]) -> Knowledge:
        for name in PSEUDO:
            self.bits[name] = 1 << len(self.bits)
        contexts = {}
        for area in areas:
            for slug, entry in area.get("contexts", {}).items():
                if slug not in self.slugs:
                    message = f"rules/flow: {area['area']} judges the unknown rule {slug!r}"
                    raise RulesError(message)
                self.bits[slug] = 1 << len(self.bits)
                contexts[slug] = _context(slug, self.bits[slug], entry)
        paths: dict[str, Source] = {}
        attributes: dict[str, Source] = {}
        for area in areas:
            self.add_calls(area, contexts, paths, attributes)
        requests, handlers = _united(areas, "requests"), _united(areas, "handlers")
        patterns = {name: re.compile(text) for area in areas for name, text in area.get("names", {}).items()}
        never = re.compile(r"(?!)")
        return Knowledge(
            self.bits,
            contexts,
            self.calls,
            paths,
            frozenset(p.rpartition(".")[2] for p in paths),
            attributes,
            Requests(
                *(
                    frozenset(requests.get(k, ()))
                    for k in ("objects", "names", "attributes", "methods", "trusted", "own")
                )
            ),
            Handlers(
                frozenset(handlers.get("decorators", ())),
                frozenset(handlers.get("bare", ())),
                frozenset(handlers.get("json", ())),
                re.compile("|".join(handlers.get("bases", ()))) if handlers.get("bases") else never,
                frozenset(handlers.get("methods", ())),
                frozenset(handlers.get("events", ())),
                frozenset(handlers.get("injected", ())),
            ),
            {k: patterns.get(k, never) for k in _PATTERNS},
            frozenset(name for name, known in self.calls.items() if known.sinks),
        )

    def add_calls(
        self,
        area: dict[str, Any],
        contexts: dict[str, Context],
        paths: dict[str, Source],
        attributes: dict[str, Source],
    ) -> None:
        for entry in area.get("sources", []):
            source = Source(_matcher(entry), _KINDS[entry["kind"]], entry["what"])
            for path in entry.get("paths", ()):
                paths[path] = source
            for name in entry.get("attributes", ()):
                attributes[name] = source
            self.index(source.matcher, "sources", source)
        for entry in area.get("sinks", []):
            if entry["rule"] not in contexts:
                message = f"rules/flow: a sink of {area['area']} names {entry['rule']!r}, which no area judges"
                raise RulesError(message)
            if entry.get("check", "") not in self.checks:
                message = f"rules/flow: a sink of {area['area']} asks for the unknown check {entry['check']!r}"
                raise RulesError(message)
            sink = self.sink(entry)
            self.index(sink.matcher, "sinks", sink)
        for entry in area.get("sanitizers", []):
            shape = _SHAPES[entry["shape"]] if "shape" in entry else 0
            sanitizer = Sanitizer(_matcher(entry), self.mask(entry["clears"]), shape, entry.get("decodes", False))
            self.index(sanitizer.matcher, "sanitizers", sanitizer)
        for entry in area.get("guards", []):
            guard = Guard(
                _matcher(entry),
                self.mask(entry["clears"]),
                entry.get("subject", "first"),
                entry.get("holds", True),
                entry.get("normalized", False),
            )
            self.index(guard.matcher, "guards", guard)
        for entry in area.get("neutral", []):
            matcher = _matcher(entry)
            self.index(matcher, "neutral", matcher)

    def sink(self, entry: dict[str, Any]) -> Sink:
        args = entry.get("args", ())
        return Sink(
            _matcher(entry),
            entry["rule"],
            self.bits[entry["rule"]],
            entry["what"],
            tuple(a for a in args if isinstance(a, int)),
            frozenset(a for a in args if isinstance(a, str)),
            entry.get("receiver", False),
            entry.get("check", ""),
            entry.get("built"),
            _CONFIDENCES[entry.get("most", "high")],
            _CONFIDENCES.get(entry["param"]) if "param" in entry else None,
            entry.get("unless", {}),
            entry.get("when", {}),
        )

    def index(self, matcher: Matcher, place: str, item: object) -> None:
        for name in sorted(matcher.names):
            getattr(self.calls.setdefault(name, CallKnowledge()), place).append(item)

    def mask(self, names: Iterable[str]) -> int:
        """Unite contexts by name; ``everything`` and ``-name`` (all but) are understood."""
        mask = 0
        for name in names:
            if name == "everything":
                mask |= ((1 << len(self.bits)) - 1) & ~WHOLE_ONLY
            elif name.removeprefix("-") not in self.bits:
                message = f"rules/flow: unknown context {name!r}"
                raise RulesError(message)
            elif name.startswith("-"):
                mask &= ~self.bits[name[1:]]
            else:
                mask |= self.bits[name]
        return mask


_PATTERNS = (
    "talkers", "configuration", "sanitizers", "guards", "secrets", "innocent", "statements", "option_programs",
)  # fmt: skip


def _context(slug: str, bit: int, entry: dict[str, Any]) -> Context:
    return Context(
        slug,
        bit,
        {kind: _CONFIDENCES.get(entry.get(name, "none")) for name, kind in _KINDS.items()},
        entry.get("built", False),
        frozenset(entry["dangerous"]) if "dangerous" in entry else None,
        entry.get("effect", ""),
        entry.get("quotable", False),
        _CONFIDENCES.get(entry.get("given", "none")),
    )


def _matcher(entry: dict[str, Any]) -> Matcher:
    calls = entry.get("calls", ())
    try:
        receivers = re.compile(entry["receivers"]) if "receivers" in entry else None
    except re.error as error:
        message = f"rules/flow: receivers {entry['receivers']!r} is no regular expression: {error}"
        raise RulesError(message) from error
    return Matcher(
        frozenset(c for c in calls if not c.startswith("*.")),
        tuple(c[1:] for c in calls if c.startswith("*.")),
        frozenset(entry.get("methods", ())),
        receivers,
        frozenset(entry.get("unless_made_by", ())),
    )


def _united(areas: list[dict[str, Any]], section: str) -> dict[str, list[str]]:
    united: dict[str, list[str]] = {}
    for area in areas:
        for key, value in area.get(section, {}).items():
            united.setdefault(key, []).extend([value] if isinstance(value, str) else value)
    return united
