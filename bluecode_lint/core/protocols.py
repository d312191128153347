"""The seams: each an agent noun with one verb. Every implementation passes its suite in ``tests/conformance``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bluecode_lint.core.model import (
        Artifact,
        Case,
        Clearance,
        Confirmation,
        ExecResult,
        Finding,
        Fix,
        Job,
        Notification,
        Retrieved,
        Run,
        Verdict,
    )


class Node(Protocol):
    """The part of a tree-sitter node that both supported generations of the binding share.

    Points are (row, column) from 0; columns and byte offsets count UTF-8 bytes.
    """

    @property
    def type(self) -> str: ...
    @property
    def is_named(self) -> bool: ...
    @property
    def is_missing(self) -> bool: ...
    @property
    def has_error(self) -> bool: ...
    @property
    def start_byte(self) -> int: ...
    @property
    def end_byte(self) -> int: ...
    @property
    def start_point(self) -> tuple[int, int]: ...
    @property
    def end_point(self) -> tuple[int, int]: ...
    @property
    def parent(self) -> Node | None: ...
    @property
    def children(self) -> Sequence[Node]: ...
    @property
    def named_children(self) -> Sequence[Node]: ...
    @property
    def text(self) -> bytes | None: ...
    def child_by_field_name(self, name: str, /) -> Node | None: ...


class Syntax(Protocol):
    """A source text and its tree, parsed on first use. Picklable: the tree stays behind and is parsed again."""

    @property
    def root(self) -> Node: ...
    @property
    def source(self) -> bytes:
        """The text as UTF-8, to which byte offsets refer."""
        ...


class Parser(Protocol):
    """Make the `Syntax` of a Python source text. Passed to the rooms that need to parse; implemented in ``sources``."""

    def __call__(self, text: str, /) -> Syntax: ...


@runtime_checkable
class Analyzer(Protocol):
    """Suspects: artifacts to findings. A batch, because external tools start once a run."""

    @property
    def name(self) -> str: ...
    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Finding | Clearance | Notification]:
        """Yield findings, and a notification for each trouble. Order does not matter; it never raises for an input."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into unit vectors. ``id`` changes whenever the vectors would; it is part of an index's key."""

    @property
    def id(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Give one vector of ``dimension`` floats a text, of length 1 (or all zeros for a text without features)."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds the constitutions nearest to a case, best first, ties by id."""

    def retrieve(self, case: Case, *, count: int = 6) -> Sequence[Retrieved]: ...


@runtime_checkable
class Sandbox(Protocol):
    """Runs a job isolated. It knows no CWE."""

    @property
    def level(self) -> str:
        """The declared level of isolation, such as ``landlock``; shown in every confirmation."""
        ...

    def exec(self, job: Job) -> ExecResult:
        """Run to the end or to the limits.

        Raises:
            SandboxUnavailableError: The job could not be started at all.
        """
        ...


@runtime_checkable
class Prober(Protocol):
    """Attacks: a finding and its file to a confirmation. It knows no backend."""

    @property
    def probed_cwes(self) -> frozenset[int]:
        """The weaknesses it can attack; for any other, `confirm` answers notRun at once."""
        ...

    def confirm(self, finding: Finding, artifact: Artifact) -> Confirmation: ...


@runtime_checkable
class Laboratory(Protocol):
    """Carries out a test that somebody wrote for one finding, and alone decides what it showed."""

    def experiment(self, finding: Finding, artifact: Artifact, test: str) -> Confirmation:
        """Run ``test``, untrusted Python text, isolated: the outcome is confirmed or inconclusive, and says why.

        Raises:
            SandboxUnavailableError: The sandbox itself failed.
        """
        ...


@runtime_checkable
class Experimenter(Protocol):
    """Writes tests for findings that no probe settled, and learns from what a laboratory says of them."""

    def settle(self, cases: Sequence[Case], laboratory: Laboratory) -> Mapping[Finding, Confirmation]:
        """Give what experiments confirmed; a finding that none did is left out."""
        ...


@runtime_checkable
class Reasoner(Protocol):
    """Judges a case in the light of constitutions. Trouble of any kind is ``undecided``, never ``safe``."""

    @property
    def name(self) -> str: ...
    def judge(self, case: Case, retrieved: Sequence[Retrieved]) -> Verdict: ...


@runtime_checkable
class BatchReasoner(Reasoner, Protocol):
    """A reasoner that is best given all cases at once, so that one budget goes to those that need it most."""

    def judge_all(self, questions: Sequence[tuple[Case, Sequence[Retrieved]]]) -> Sequence[Verdict]:
        """Give one verdict a case, in order."""
        ...

    def remarks(self) -> Sequence[Notification]:
        """Say what a reader must know of the judging so far: what it cost, what was left out, what failed."""
        ...

    @property
    def statistics(self) -> Mapping[str, int]:
        """Give its numbers for the run's statistics."""
        ...


@runtime_checkable
class Shelf(Protocol):
    """Keeps JSON values from one run to the next. It may forget, and it never raises: only time is saved by it."""

    def get(self, keys: Iterable[str], /) -> Mapping[str, Any]:
        """Give the values there are, by key. They may be of any shape: who asks checks them."""
        ...

    def put(self, values: Mapping[str, Any], /) -> None:
        """Keep values by key."""
        ...


@runtime_checkable
class Fixer(Protocol):
    """Proposes: a finding and its file to a change that would end the defect. It neither writes nor promises."""

    def propose(self, finding: Finding, artifact: Artifact) -> Fix | None:
        """Give a fix, or None where none is known; it never raises for an input."""
        ...


@runtime_checkable
class Emitter(Protocol):
    """Renders a run. A pure function of the run."""

    def emit(self, run: Run) -> str: ...
