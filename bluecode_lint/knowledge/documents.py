"""Read the data under ``rules/`` as if a stranger had written it: capped, alias-free, checked against a schema."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import RulesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

YAML_BYTES_MAX = 262_144
"""Largest YAML file read. The longest of ours is a tenth of it."""

LINE_BYTES_MAX = 131_072
"""Longest line of a JSON Lines file: one exemplar."""

LINES_FILE_BYTES_MAX = 16 * 1024 * 1024

_PERHAPS_ALIAS = re.compile(r"(?:^|[\s\[{,:-])[&*][^\s,\]}]", re.MULTILINE)
_NESTED_MAX = 64
_REASON_CHARS = 300


class _NotStrictError(ValueError):
    """Valid for Python's parser, but not JSON as everyone else reads it."""

    def __str__(self) -> str:
        return "a key is repeated" if not self.args else f"{self.args[0]} is not a JSON number"


def refusal(where: Path | str, reason: str) -> RulesError:
    """Say which file is refused, and why."""
    return RulesError(f"{where}: {reason}")


def read_capped(path: Path, limit: int) -> bytes:
    """Read a regular file of at most ``limit`` bytes.

    Raises:
        RulesError: It cannot be read, is no regular file, or is larger.
    """
    try:
        if not path.is_file():
            raise refusal(path, "no such file")
        with path.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise refusal(path, f"larger than {limit} bytes")
    return data


def parse_yaml(data: bytes, where: str) -> Any:  # noqa: ANN401  # untyped until its schema was checked
    """Parse one YAML document without tags, aliases or repeated keys.

    Raises:
        RulesError: It is not YAML, not UTF-8, or uses one of the things above.
    """
    import yaml  # noqa: PLC0415  # lazy: start-up time

    try:
        text = data.decode("utf-8")
        loader = _strict_loader()
        if _PERHAPS_ALIAS.search(text):
            _refuse_aliases(text, where)
        return yaml.load(text, Loader=loader)  # noqa: S506  # a subclass of the safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise refusal(where, f"not valid YAML: {reason}") from error


@cache
def _strict_loader() -> type[Any]:
    """Make the loader: libyaml's where it was built in (ten times as fast), the pure one otherwise."""
    import yaml  # noqa: PLC0415  # lazy: start-up time

    safe: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class StrictLoader(safe):  # type: ignore[misc]
        """Safe, and a repeated key is an error instead of the last one winning."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: ANN401, FBT001, FBT002  # parent
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            repeated = {str(key) for key in keys if keys.count(key) > 1}
            if repeated:
                raise yaml.constructor.ConstructorError(
                    None, None, f"repeated key {', '.join(sorted(repeated))}", node.start_mark
                )
            mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            return mapping

    return StrictLoader


def _refuse_aliases(text: str, where: str) -> None:
    """Look at the event stream, which expands nothing, for the anchors and aliases that bombs are made of."""
    import yaml  # noqa: PLC0415  # lazy: start-up time

    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.events.AliasEvent) or getattr(event, "anchor", None):
            line = event.start_mark.line + 1 if event.start_mark else 0
            raise refusal(where, f"line {line}: anchors and aliases are not allowed")


def parse_json(line: bytes, where: str) -> Any:  # noqa: ANN401  # untyped until its schema was checked
    """Parse one JSON text without repeated keys, NaN or absurd nesting.

    Raises:
        RulesError: It is none of that.
    """
    if line.count(b"[") + line.count(b"{") > _NESTED_MAX and _nesting(line) > _NESTED_MAX:
        raise refusal(where, f"nested deeper than {_NESTED_MAX}")
    try:
        return json.loads(line, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise refusal(where, f"not valid JSON: {error}") from error


def _nesting(line: bytes) -> int:
    """Give the depth of brackets outside strings."""
    depth = deepest = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', line):
        if token[0] in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in b"]}":
            depth -= 1
    return deepest


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise _NotStrictError
    return mapping


def _refuse_constant(name: str) -> float:
    raise _NotStrictError(name)


def check_schema(document: Any, schema_name: str, schemas: Path, where: str) -> Mapping[str, Any]:  # noqa: ANN401  # untyped until its schema was checked
    """Check a document against ``schemas/<schema_name>.schema.json`` and give it back.

    Raises:
        RulesError: It does not match; the message names the file and the key.
    """
    errors = sorted(_validator(schemas / f"{schema_name}.schema.json").iter_errors(document), key=_by_path)
    if errors:
        first = errors[0]
        key = ".".join(str(part) for part in first.absolute_path) or "(top)"
        reason = first.message if len(first.message) <= _REASON_CHARS else first.message[:_REASON_CHARS] + "..."
        raise refusal(where, f"{key}: {reason}")
    checked: Mapping[str, Any] = document
    return checked


def _by_path(error: Any) -> tuple[list[str], str]:  # noqa: ANN401  # untyped until its schema was checked
    return ([str(part) for part in error.absolute_path], error.message)


@cache
def _validator(schema_file: Path) -> Any:  # noqa: ANN401  # untyped until its schema was checked
    import jsonschema  # noqa: PLC0415  # lazy: start-up time

    return jsonschema.Draft202012Validator(json.loads(read_capped(schema_file, YAML_BYTES_MAX)))


def load_documents(
    files: Sequence[Path], schema_name: str, schemas: Path, *, cache: Path | None = None
) -> list[Mapping[str, Any]]:
    """Load and check YAML documents, one a file, in the order of ``files``.

    ``cache`` is a directory of the user's own. What was validated once is kept there, keyed by the content of the files
    and of the schema, so that a warm start neither parses YAML nor imports a validator.

    Raises:
        RulesError: A file cannot be read, is not strict YAML, or does not match the schema.
    """
    contents = [read_capped(file, YAML_BYTES_MAX) for file in files]
    digest = hashlib.sha256(read_capped(schemas / f"{schema_name}.schema.json", YAML_BYTES_MAX))
    for file, content in zip(files, contents, strict=True):
        digest.update(f"\0{file.name}\0{len(content)}\0".encode())
        digest.update(content)
    key = digest.hexdigest()
    entry = cache / f"{schema_name}-{key[:32]}.json" if cache is not None else None
    documents = _read_entry(entry, key)
    if documents is None:
        documents = [
            check_schema(parse_yaml(content, str(file)), schema_name, schemas, str(file))
            for file, content in zip(files, contents, strict=True)
        ]
        _write_entry(entry, key, documents)
    return documents


def _read_entry(entry: Path | None, key: str) -> list[Mapping[str, Any]] | None:
    """Give the documents stored under ``key``; a missing or damaged entry is a miss."""
    if entry is None:
        return None
    try:
        stored = json.loads(entry.read_bytes())
    except (OSError, ValueError):
        return None
    return stored["documents"] if isinstance(stored, dict) and stored.get("key") == key else None


def _write_entry(entry: Path | None, key: str, documents: Sequence[Mapping[str, Any]]) -> None:
    """Store the documents; a cache that cannot be written costs time, nothing else."""
    if entry is not None:
        write_atomically(entry, json.dumps({"key": key, "documents": documents}, separators=(",", ":")).encode())


def write_atomically(target: Path, data: bytes) -> bool:
    """Write a cache file so that no reader ever sees half of it. Tell whether it could be written."""
    scratch = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(data)
        scratch.replace(target)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
        return False
    return True
