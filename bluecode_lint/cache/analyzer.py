"""Analyzers that look only at what they have not seen before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bluecode_lint.cache.recall import recall
from bluecode_lint.core.documents import answer_to_document, answers_from_documents
from bluecode_lint.core.model import Level, Notification

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from bluecode_lint.core.documents import Answer
    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Analyzer, Shelf


class CachedAnalyzer:
    """Asks an analyzer that judges each file by itself, about the files for which no answer is kept.

    An answer is kept unless the analyzer had trouble with the file that another run may not have: a notification above
    a note.
    """

    def __init__(self, name: str, open_inner: Callable[[], Analyzer], shelf: Shelf) -> None:
        """Put ``shelf`` in front of the analyzer called ``name``, which is opened if it has to look."""
        self.name = name
        self._open_inner = open_inner
        self._shelf = shelf

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Answer]:
        """Give what is kept, and what the analyzer says of the rest."""
        keys = {artifact.uri: _named(artifact) for artifact in artifacts}
        kept = self._shelf.get(keys.values())
        unseen = []
        for artifact in artifacts:
            answers = _read(kept.get(keys[artifact.uri]))
            if answers is None:
                unseen.append(artifact)
            else:
                yield from answers
        if unseen:
            yield from self._look(unseen, keys)

    def _look(self, artifacts: Sequence[Artifact], keys: Mapping[str, str]) -> Iterator[Answer]:
        of_file: dict[str, list[Answer]] = {artifact.uri: [] for artifact in artifacts}
        spoiled: set[str] = set()
        for answer in self._open_inner().analyze(artifacts):
            uri = answer.uri if isinstance(answer, Notification) else answer.location.uri
            if uri in of_file:
                of_file[uri].append(answer)
            if _is_trouble(answer):
                spoiled.update([uri] if uri in of_file else of_file)
            yield answer
        self._shelf.put({keys[uri]: _written(said) for uri, said in of_file.items() if uri not in spoiled})


class CachedBatchAnalyzer:
    """Asks an analyzer that takes all files together, unless the very same files were asked about before."""

    def __init__(self, name: str, open_inner: Callable[[], Analyzer], shelf: Shelf) -> None:
        """Put ``shelf`` in front of the analyzer called ``name``, which is opened if it has to look."""
        self.name = name
        self._open_inner = open_inner
        self._shelf = shelf

    def analyze(self, artifacts: Sequence[Artifact]) -> Iterable[Answer]:
        """Give what is kept of all, or what the analyzer says."""
        key = "\n".join(sorted(map(_named, artifacts)))
        kept = recall(self._shelf, key, answers_from_documents)
        if kept is not None:
            yield from kept
            return
        answers = []
        for answer in self._open_inner().analyze(artifacts):
            answers.append(answer)
            yield answer
        if not any(map(_is_trouble, answers)):
            self._shelf.put({key: _written(answers)})


def _named(artifact: Artifact) -> str:
    """Name a file's content, and the place that the answers speak of."""
    return f"{artifact.sha256}\0{artifact.language}\0{artifact.uri}"


def _is_trouble(answer: Answer) -> bool:
    return isinstance(answer, Notification) and answer.level.rank > Level.NOTE.rank


def _written(answers: Iterable[Answer]) -> list[Any]:
    return [answer_to_document(answer) for answer in answers]


def _read(value: Any) -> list[Answer] | None:  # noqa: ANN401  # JSON
    """Read kept answers; None if there are none, or they are damaged."""
    try:
        return answers_from_documents(value)
    except ValueError:
        return None
