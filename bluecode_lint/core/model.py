"""The nouns every room speaks in.

Frozen, slotted and free of I/O; SARIF 2.1.0's word where SARIF has one. Four words for four facts, never interchanged:
a *finding* is an analyzer's suspicion, a *confirmation* is what an execution showed, a *verdict* is what a reasoner
judged, a *result* is what is reported.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bluecode_lint.core.protocols import Parser, Syntax
    from bluecode_lint.core.shard import Shard


# --- where -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A span of text: lines and columns count from 1, the end is exclusive, columns are Unicode code points.

    Tools count differently; each is converted once, in the analyzer that reads it.
    """

    start_line: int
    start_column: int
    end_line: int
    end_column: int

    def overlaps(self, other: Region) -> bool:
        """Tell whether the two spans share at least one character (or are the same empty span)."""
        if self == other:
            return True
        return (self.start_line, self.start_column) < (other.end_line, other.end_column) and (
            other.start_line,
            other.start_column,
        ) < (self.end_line, self.end_column)


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A region of an artifact. ``message`` says what happens there (a step of a flow, a related place)."""

    uri: str
    region: Region
    message: str = ""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to scan, read and decoded once.

    ``uri`` is relative to the scan root with ``/`` separators. ``text`` has been decoded (PEP 263, BOM dropped), its
    line ends kept. ``sha256`` is of the bytes on disk. ``syntax`` parses ``text`` on first use.
    """

    uri: str
    language: str
    text: str
    sha256: str
    syntax: Syntax = field(compare=False, repr=False)

    def rewritten(self, text: str, parse: Parser) -> Artifact:
        """Give the same file with another text, which no disk has: ``sha256`` is of the text as UTF-8."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return replace(self, text=text, sha256=digest, syntax=parse(text))


@dataclass(frozen=True, slots=True)
class Instruction:
    """A text that some model is to obey, found in an artifact.

    ``text`` is what the model will read: string literals decoded, interpolations as written. ``anchors`` are (offset in
    ``text``, offset in the artifact's text) pairs, ascending and starting at 0: between two anchors both advance alike.
    """

    artifact: Artifact
    text: str
    origin: str
    """Where it was found: ``request``, ``file``, ``prompt-string``, ``tool-description`` or ``stub``."""
    anchors: tuple[tuple[int, int], ...] = ((0, 0),)


# --- what is known ---------------------------------------------------------------------------------------------------


class Level(StrEnum):
    """SARIF's severity of a result, in rising order: none, note, warning, error."""

    NONE = "none"
    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Give 0 for none up to 3 for error, for comparisons."""
        return _LEVEL_ORDER.index(self)

    def lowered(self, steps: int = 1) -> Level:
        """Step down, but never below note: only `decide` may hide."""
        if self is Level.NONE:
            return self
        return _LEVEL_ORDER[max(1, self.rank - steps)]


_LEVEL_ORDER = (Level.NONE, Level.NOTE, Level.WARNING, Level.ERROR)


class Confidence(IntEnum):
    """How sure an analyzer is. LOW is a *candidate*: a question for the probes and the reasoner, not yet a claim."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """Give the lower-case name used in every report."""
        return self.name.lower()


class RuleKind(StrEnum):
    """What sort of defect a rule is about; decides who may overrule it."""

    FLOW = "flow"
    """Hostile data reaches a sink: a guess until it is executed."""
    MISUSE = "misuse"
    """An API is used in a way that is wrong where it stands."""
    POLICY = "policy"
    """A protection or requirement is absent (crypto strength, TLS, cookies, secrets): never talked away by a model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of defect (SARIF's reportingDescriptor). One file ``rules/<slug>.yaml``.

    ``id`` names the bad pattern, as ``bluecode/<slug>``. ``level`` is what static analysis alone may report at high
    confidence. ``security_severity`` is CVSS-like, 0.1 to 10.0.
    """

    id: str
    name: str
    cwe: int
    kind: RuleKind
    level: Level
    security_severity: float
    precision: str
    message: str
    help: str
    tags: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    secure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """An analyzer's suspicion.

    ``location`` is tight: the sink's call, not the function around it. ``aliases`` are the names tools gave it, such as
    ``bandit:B602``, sorted. ``code_flow`` runs from source to sink, one message a step; empty if nothing flows.
    ``snippet`` is the text of the location, captured when found.
    """

    rule_id: str
    cwe: int
    location: Location
    message: str
    confidence: Confidence
    aliases: tuple[str, ...] = ()
    code_flow: tuple[Location, ...] = ()
    related: tuple[Location, ...] = ()
    snippet: str = ""

    @property
    def sort_key(self) -> tuple[str, Region, str]:
        """Give the one order findings and results are reported in."""
        return (self.location.uri, self.location.region, self.rule_id)

    @property
    def is_opinion(self) -> bool:
        """Tell whether a model alone suspects it."""
        return bool(self.aliases) and all(alias.startswith("model:") for alias in self.aliases)


@dataclass(frozen=True, slots=True)
class Clearance:
    """An analyzer's word that only values the program chose reach a place: no rule's mere candidate stands there."""

    rule_id: str
    location: Location


# --- knowledge -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a constitution: in words for people and models, and as a checkable predicate where it can be.

    ``predicate`` names a check the offline reasoner knows, with ``arguments``; empty if words are all there is.
    """

    words: str
    predicate: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Constitution:
    """One principle distilled from the knowledge base, with what breaks it and what satisfies it."""

    id: str
    domain: str
    cwe: int
    principle: str
    unsafe_when: tuple[Condition, ...]
    safe_when: tuple[Condition, ...]
    rationale: str = ""
    examples: tuple[str, ...] = ()
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A constitution and how near it is to the case (cosine, -1 to 1; 1 is identical)."""

    constitution: Constitution
    score: float


# --- execution -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """What a job may use; they travel with the work.

    CPU time and ``file_mib`` hold for each process and file, the rest for the job as a whole: memory over all its
    processes, ``processes`` with their threads, ``scratch_*`` over its directory, output over stdout and stderr.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mib: int = 512
    processes: int = 32
    file_mib: int = 16
    scratch_mib: int = 64
    scratch_files: int = 2048
    output_bytes: int = 262_144


@dataclass(frozen=True, slots=True)
class Job:
    """Work for a sandbox.

    ``argv`` runs in a fresh scratch directory in which ``files`` (relative name to content) were written first.
    ``readonly`` are absolute host paths the job may read and execute, beside the interpreter and system libraries.
    ``collect`` names scratch files whose content is wanted back. The environment is ``env`` and nothing else.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)
    readonly: tuple[str, ...] = ()
    collect: tuple[str, ...] = ()
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What became of a job. A crash of the child, a time-out and a flood are data, never an exception.

    ``returncode`` is negative for a signal, as in `subprocess`; None after a time-out.
    """

    returncode: int | None
    stdout: bytes
    stderr: bytes
    wall_s: float
    timed_out: bool = False
    output_truncated: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    exceeded: str = ""
    """The limit that ended it (wall, cpu, memory, disk, files), or nothing."""


class Outcome(StrEnum):
    """What an execution showed. Not a boolean: three of the four prove nothing or only lower."""

    CONFIRMED = "confirmed"
    """The attack's effect was observed, a benign control did not show it, and it replays every time."""
    NEUTRALIZED = "neutralized"
    """The sink was reached with hostile data and every payload family was inert there."""
    INCONCLUSIVE = "inconclusive"
    """Not reached, crashed or timed out: proves nothing, changes nothing."""
    NOT_RUN = "notRun"
    """Not asked for, no probe for this CWE, or no sandbox."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen, in three lines a person can check: how it got in, what was sent, what happened."""

    entry: str
    payload: str
    effect: str
    by_caller: bool = False
    """The input is an argument: who calls the function decides on it, and nothing showed that this is an outsider."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a probe: which way in, what was sent through which input, whether the sink was reached.

    ``payload`` is empty for harmless data; ``ended`` says how the code ended, where it did not simply return.
    """

    entry: str
    input: str = ""
    payload: str = ""
    reached: bool = False
    ended: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The answer of a probe. ``replay`` is a self-contained Python script that runs the attack again (in a sandbox)."""

    outcome: Outcome
    probe: str = ""
    reason: str = ""
    evidence: Evidence | None = None
    replay: str = ""
    sandbox: str = ""
    """Declared level of the sandbox it ran in."""
    runs: int = 0
    """How many executions stand behind it, replays and controls included."""
    journal: tuple[Attempt, ...] = ()
    """Each of them, in order, where it was asked for."""


NOT_RUN = Confirmation(Outcome.NOT_RUN)


# --- judging ---------------------------------------------------------------------------------------------------------


class Judgment(StrEnum):
    """A reasoner's answer. There is no default: what cannot be judged is undecided."""

    UNSAFE = "unsafe"
    SAFE = "safe"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Case:
    """What a reasoner sees: the claim, the code it is about (untrusted text), and the evidence so far."""

    finding: Finding
    rule: Rule
    artifact: Artifact
    confirmation: Confirmation = NOT_RUN


@dataclass(frozen=True, slots=True)
class Verdict:
    """A reasoner's judgment, with the constitutions it cites (ids) and why."""

    judgment: Judgment
    confidence: Confidence
    rationale: str
    cited: tuple[str, ...] = ()
    reasoner: str = ""


UNJUDGED = Verdict(Judgment.UNDECIDED, Confidence.LOW, "")


# --- reporting -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Suppression:
    """An accepted result: by a comment in the source (``inSource``) or a baseline (``external``)."""

    kind: str
    justification: str


class ResultKind(StrEnum):
    """SARIF's kind: a result that is not a failure has level none."""

    FAIL = "fail"
    PASS = "pass"  # noqa: S105  # SARIF's word, not a password


class Applicability(StrEnum):
    """Whether a fix keeps what the program is meant to do, or asks a person first."""

    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """Put ``text`` in the place of a region; an empty region inserts."""

    region: Region
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change of the finding's own file that ends the defect. ``edits`` are in order and do not overlap.

    A fix is a proposal: what it is worth, a new scan and a new attack show (see ``mending``).
    """

    description: str
    applicability: Applicability
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What is reported of one defect, with everything that led to it."""

    finding: Finding
    rule: Rule
    kind: ResultKind
    level: Level
    reason: str
    """The line of the policy table that decided it."""
    confirmation: Confirmation
    verdict: Verdict
    retrieved: tuple[Retrieved, ...] = ()
    fingerprint: str = ""
    suppressions: tuple[Suppression, ...] = ()
    fix: Fix | None = None

    @property
    def counts(self) -> bool:
        """Tell whether it is a live failure: neither passed nor suppressed."""
        return self.kind is ResultKind.FAIL and not self.suppressions


@dataclass(frozen=True, slots=True, order=True)
class Notification:
    """Our own trouble, or something a reader must know about coverage. Never silent; level error spoils the run."""

    level: Level
    id: str
    """Stable kebab-case name of the kind of trouble, such as ``file-not-decoded``."""
    message: str
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One scan: what was looked at, what was found, and what went wrong on the way."""

    artifacts: tuple[Artifact, ...]
    rules: tuple[Rule, ...]
    results: tuple[Result, ...]
    notifications: tuple[Notification, ...]
    tool_version: str
    statistics: Mapping[str, int] = field(default_factory=dict)
    shard: Shard | None = None
    """The share that was looked at, if it was not everything."""

    @property
    def execution_successful(self) -> bool:
        """Tell whether the scan is to be trusted: derived, so that trouble can never be reported as clean."""
        return all(n.level is not Level.ERROR for n in self.notifications)
