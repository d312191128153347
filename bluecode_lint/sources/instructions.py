"""Where instructions to models live in a repository: agent files, prompt files, tool descriptions, prompt strings."""

from __future__ import annotations

import hashlib
import os
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.errors import UsageError
from bluecode_lint.core.model import Artifact, Instruction, Level, Notification
from bluecode_lint.sources.discovery import PYTHON_SUFFIXES, Discovered, Excludes, list_candidates
from bluecode_lint.sources.prompt_strings import MENTIONS_MODEL, find_in_python, scalar_values
from bluecode_lint.sources.reading import TooLargeError, read_bytes
from bluecode_lint.sources.syntax import parse_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pathspec import PathSpec

INSTRUCTION_FILES = (
    "AGENTS.md", "AGENT.md", "CLAUDE.md", "CLAUDE.local.md", "GEMINI.md", "SKILL.md", "CONVENTIONS.md", ".cursorrules",
    ".clinerules", ".clinerules/**", ".windsurfrules", ".windsurf/rules/**", ".cursor/rules/**", ".roo/rules*/**",
    ".roorules", ".github/copilot-instructions.md", ".github/instructions/**", ".github/prompts/**",
    ".github/chatmodes/**", ".github/agents/**", ".claude/commands/**", ".claude/agents/**", ".claude/skills/**",
    ".junie/guidelines.md", ".aider*.md", ".continue/rules/**", ".amazonq/rules/**", "llms.txt",
    "*.prompt", "*.prompt.md", "*.prompt.txt", "*.prompty", "*.instructions.md", "*.chatmode.md",
    "prompts/**/*.md", "prompts/**/*.txt", "prompts/**/*.j2", "prompts/**/*.jinja", "prompts/**/*.jinja2",
    "prompts/**/*.yaml", "prompts/**/*.yml", "prompts/**/*.json", "*prompt*.j2", "*prompt*.jinja", "*prompt*.jinja2",
    "*prompt*.yaml", "*prompt*.yml", "mcp.json", ".mcp.json", "*.mcp.json", "mcp_config.json",
)  # fmt: skip
"""In ``.gitignore`` syntax, matched without regard to case."""

_JSON_KEYS = dict.fromkeys(("description", "title"), "tool-description") | dict.fromkeys(
    ("prompt", "system", "system_prompt", "instructions", "instruction", "content", "template", "text"), "prompt-string"
)
_YAML_PROMPT = re.compile(
    r"(?im)^(?P<indent>[ \t]*)(?:-[ \t]+)*[\"']?(?:system|prompt|template|instructions?|content|text|description|user|"
    r"human|developer|[a-z_]{1,30}_(?:prompt|template|message|instructions?))[\"']?[ \t]*:[ \t]*"
)
_PEEK_BYTES = 262_144


@cache
def _matcher() -> PathSpec[Any]:
    from pathspec import PathSpec  # noqa: PLC0415  # lazy: start-up time

    # A pattern with a slash would hold at the root only; tools read these files in every folder.
    return PathSpec.from_lines("gitignore", ["**/" + pattern.lower() for pattern in INSTRUCTION_FILES])


def is_instruction_file(uri: str) -> bool:
    """Tell from its path whether a file is written for a model."""
    return _matcher().match_file(uri.lower())


# --- finding ---------------------------------------------------------------------------------------------------------


def discover_instructions(paths: Sequence[Path], root: Path, cwd: Path, excludes: Excludes) -> Discovered:
    """Find instruction files, and Python that talks to models, under ``paths``; a named file always counts.

    Raises:
        UsageError: A path does not exist.
    """
    found = Discovered(root)
    excluded = excludes.compile()
    files: set[str] = set()
    for path in paths:
        absolute = Path(os.path.abspath(cwd / path))  # noqa: PTH100  # `resolve` would follow the symlink
        if not os.path.lexists(absolute):
            message = f"no such file or directory: {path}"
            raise UsageError(message)
        if absolute.is_dir():
            files.update(_walk(absolute, found, excluded))
            continue
        uri = Path(os.path.relpath(absolute, root)).as_posix()
        if excludes.forced and excluded.match_file(uri):
            found.skipped["excluded"] += 1
        elif absolute.is_file():
            files.add(uri)
        else:
            found.note(Level.WARNING, "not-a-regular-file", "a pipe, socket or device: not checked", uri)
    found.files = sorted(files)
    return found


def _walk(directory: Path, found: Discovered, excluded: PathSpec[Any]) -> Iterator[str]:
    root = found.root.resolve()
    for path in list_candidates(directory, found, excluded):
        uri = Path(os.path.relpath(path, found.root)).as_posix()
        if excluded.match_file(uri):
            found.skipped["excluded"] += 1
        elif not path.is_file():
            continue  # deleted from the work tree, or no file that could hold a text
        elif path.is_symlink() and not path.resolve().is_relative_to(root):
            if is_instruction_file(uri):
                message = "a symbolic link that leaves the checked tree: not followed"
                found.note(Level.WARNING, "symlink-leaves-root", message, uri)
        elif is_instruction_file(uri) or (path.suffix in PYTHON_SUFFIXES and _mentions_model(path, uri, found)):
            yield uri


def _mentions_model(path: Path, uri: str, found: Discovered) -> bool:
    try:
        with path.open("rb") as file:
            return MENTIONS_MODEL.search(file.read(_PEEK_BYTES).decode("utf-8", errors="replace")) is not None
    except OSError as error:
        found.note(Level.WARNING, "file-not-readable", f"cannot look at it: {error.strerror}", uri)
        return False


# --- reading ---------------------------------------------------------------------------------------------------------

_LANGUAGES = {
    ".py": "python", ".pyi": "python", ".pyw": "python", ".json": "json", ".yaml": "yaml", ".yml": "yaml",
    ".md": "markdown", ".mdc": "markdown", ".prompty": "markdown",
}  # fmt: skip
_BINARY_SHARE = 0.02
_BOMS = {b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def make_instruction_artifact(uri: str, content: bytes) -> Iterator[Artifact | Notification]:
    """Decode one file as UTF-8 (or as its BOM says); a binary one is refused, bad bytes are replaced and said."""
    encoding = next((name for mark, name in _BOMS.items() if content.startswith(mark)), "utf-8-sig")
    if encoding == "utf-8-sig" and content[:_PEEK_BYTES].count(0) > _BINARY_SHARE * min(len(content), _PEEK_BYTES):
        yield Notification(Level.WARNING, "file-is-binary", "it is binary, not text: not checked", uri)
        return
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        text = content.decode("utf-8", errors="replace")
        message = f"{error.reason} at byte {error.start}; checked with the bad bytes replaced"
        yield Notification(Level.WARNING, "file-not-decoded", message, uri)
    language = _LANGUAGES.get(PurePosixPath(uri).suffix.lower(), "text")
    yield Artifact(uri, language, text, hashlib.sha256(content).hexdigest(), parse_python(text))


def read_instruction_artifacts(root: Path, uris: Iterable[str], max_bytes: int) -> Iterator[Artifact | Notification]:
    """Read each file once. What is too large, gone or not a file any more becomes a notification instead."""
    for uri in uris:
        try:
            content = read_bytes(root / uri, max_bytes)
        except TooLargeError as error:
            message = f"{error.size:,} bytes, the limit is {max_bytes:,}: not checked"
            yield Notification(Level.WARNING, "file-too-large", message, uri)
        except FileNotFoundError:
            yield Notification(Level.WARNING, "file-vanished", "it disappeared during the check", uri)
        except OSError as error:
            yield Notification(Level.ERROR, "file-not-readable", f"cannot read: {error.strerror}", uri)
        else:
            yield from make_instruction_artifact(uri, content)


def make_request(text: str, uri: str = "request") -> Instruction:
    """Wrap a bare request, as a service receives it, as an instruction."""
    clean = text.encode("utf-8", errors="replace").decode("utf-8")
    digest = hashlib.sha256(clean.encode()).hexdigest()
    return Instruction(Artifact(uri, "text", clean, digest, parse_python(clean)), clean, "request")


# --- extracting ------------------------------------------------------------------------------------------------------


def find_instructions(artifact: Artifact) -> Iterator[Instruction]:
    """Yield the instructions of one file, in the order of their places."""
    if artifact.language == "python":
        yield from find_in_python(artifact)
    elif artifact.language == "json":
        yield from _find_in_json(artifact)
    elif artifact.language == "yaml":
        yield from _find_in_yaml(artifact)
    elif artifact.text.strip():
        yield Instruction(artifact, artifact.text, "file")


def _find_in_json(artifact: Artifact) -> Iterator[Instruction]:
    for origin, literal in scalar_values(artifact.text, _JSON_KEYS):
        if literal.text.strip():
            yield Instruction(artifact, literal.text, origin, literal.anchors)


def _find_in_yaml(artifact: Artifact) -> Iterator[Instruction]:
    """Yield each scalar under a prompt-like key as it is written: its indentation means nothing to the checks."""
    text = artifact.text
    done = 0
    for match in _YAML_PROMPT.finditer(text):
        if match.start() < done:
            continue  # a line of the block scalar that was just taken
        end = _end_of_scalar(text, match.end(), len(match["indent"].expandtabs()))
        value = text[match.end() : end]
        start = match.end() + len(value) - len(value.lstrip("|>+-\"' \t\r\n"))
        if text[start:end].strip():
            yield Instruction(artifact, text[start:end].rstrip(), "prompt-string", ((0, start),))
        done = end


def _end_of_scalar(text: str, start: int, indent: int) -> int:
    """Give where the scalar that begins at ``start`` ends: before the next line that is not indented deeper."""
    end = text.find("\n", start)
    while 0 <= end < len(text) - 1:
        following = text.find("\n", end + 1)
        line = text[end + 1 : following if following >= 0 else len(text)]
        if line.strip() and len(line.expandtabs()) - len(line.expandtabs().lstrip()) <= indent:
            return end
        if following < 0:
            return len(text)
        end = following
    return end if end >= 0 else len(text)
