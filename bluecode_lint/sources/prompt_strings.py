"""Find, in Python, the texts that a model is to obey: prompt strings, tool descriptions, and stubs to be completed."""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, imports_of, text_of
from bluecode_lint.core.model import Instruction
from bluecode_lint.core.tree import walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bluecode_lint.core.model import Artifact
    from bluecode_lint.core.protocols import Node

MENTIONS_MODEL = re.compile(
    r"openai|anthropic|litellm|langchain|genai|generativeai|ollama|transformers|mistralai|cohere|groq|llama_index|"
    r"pydantic_ai|crewai|autogen|smolagents|mcp|dspy|guidance|prompt|[\"']role[\"']",
    re.IGNORECASE,
)
"""A Python file without any of these words holds no prompt string."""

_CLIENT_CALLS = re.compile(
    r"""(?:^|\.)(?:
        chat\.completions\.(?:create|parse|stream) | completions\.create | responses\.(?:create|parse|stream)
      | messages\.(?:create|stream) | chat\.complete | beta\.threads\.messages\.create | assistants\.create
      | ChatCompletion\.a?create | generate_content(?:_async|_stream)? | start_chat | send_message
      | litellm\.a?(?:text_)?completion | ollama\.(?:chat|generate) | GenerativeModel
      | from_messages | from_template | (?:Chat|System|Human|AI|FewShot)?(?:Message)?PromptTemplate
      | (?:System|Human|AI|User)Message | ChatMessage | MessageParam
      | Agent | Assistant | create_react_agent | create_agent | initialize_agent | CodeAgent | ToolCallingAgent
      | ainvoke | apredict | predict_messages
    )$""",
    re.VERBOSE,
)
_LOOSE_CALLS = re.compile(r"\.(?:invoke|stream|batch|predict|generate|chat|complete|completion|create|run)$")
_LLM_PATH = re.compile(
    r"(?:^|[._])(?:openai|anthropic|litellm|langchain\w*|genai|ollama|llm|chat_?model|chain|model|pipeline|agent)"
    r"(?:[._(]|$)",
    re.IGNORECASE,
)
_TEXT_KEYWORDS = frozenset({
    "prompt", "prompts", "messages", "message", "input", "inputs", "instructions", "instruction", "system",
    "system_prompt", "system_message", "system_instruction", "content", "contents", "template", "user_prompt",
    "query", "text", "parts", "goal", "backstory", "role", "description", "suffix", "prefix", "human", "developer",
    "task",
})  # fmt: skip
_PROMPT_NAME = re.compile(r"(?i)(?:^|_)(?:prompt|prompts|instructions?|system_message|sys_msg|jailbreak)(?:_|$|\d)")
_TOOL_DECORATOR = re.compile(r"(?i)(?:^|[._])(?:tool|function_tool|resource|prompt|ai_tool|kernel_function)(?:\(|$)")
_STRING_HEAD = re.compile(r"""([A-Za-z]*)(\"\"\"|'''|"|')""")
_ESCAPE = re.compile(r"\\(?:\r\n|N\{[^}]*\}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|.)", re.DOTALL)
_MIN_CHARS = 8
_HOPS = 6
_NODES_MAX = 400_000


@dataclass(frozen=True, slots=True)
class Literal:
    """A string's value, with anchors to the file's text (see `Instruction`)."""

    text: str
    anchors: tuple[tuple[int, int], ...]


def find_in_python(artifact: Artifact) -> Iterator[Instruction]:
    """Yield every instruction in a Python file, in the order of their places; each literal once."""
    root = artifact.syntax.root
    if _only_describes(root):
        if artifact.text.strip():
            yield Instruction(artifact, artifact.text, "request")
        return
    module = _Module(artifact, root)
    found: dict[int, Instruction] = {}
    for origin, node in module.places():
        for literal in module.literals(node):
            if len(literal.text.strip()) >= _MIN_CHARS and literal.anchors[0][1] not in found:
                found[literal.anchors[0][1]] = Instruction(artifact, literal.text, origin, literal.anchors)
    for stub in module.stubs():
        found.setdefault(stub.anchors[0][1], stub)
    for start in sorted(found):
        yield found[start]


def _only_describes(root: Node) -> bool:
    """Tell whether a module has no behaviour of its own, only comments, imports, stubs and fields to fill in."""
    pending = list(root.named_children)
    while pending:
        node = pending.pop()
        if node.type in {"decorated_definition", "class_definition", "block"}:
            pending.extend(child for child in node.named_children if child.type not in _HEADS)
        elif node.type == "function_definition":
            if not _is_stub(node) and not _only_stores(node):
                return False
        elif node.type not in _INERT and not _is_inert_expression(node):
            return False
    return True


_HEADS = frozenset({"identifier", "decorator", "argument_list", "type_parameter"})
_INERT = frozenset(
    {"comment", "import_statement", "import_from_statement", "future_import_statement", "pass_statement", "ERROR"}
)


def _is_inert_expression(node: Node) -> bool:
    if node.type != "expression_statement" or not node.named_children:
        return False
    inner = node.named_children[0]
    return inner.type in {"string", "concatenated_string", "ellipsis", "comment"} or (
        inner.type == "assignment" and inner.child_by_field_name("right") is None
    )


def _body_of(function: Node) -> Sequence[Node]:
    body = function.child_by_field_name("body")
    return body.named_children if body is not None else ()


def _is_stub(function: Node) -> bool:
    """Tell whether nothing is implemented: only a docstring, comments, ``pass``, ``...``, or NotImplementedError."""
    for node in _body_of(function):
        if node.type in {"comment", "pass_statement", "ERROR"} or _is_inert_expression(node):
            continue
        if node.type == "raise_statement" and "NotImplemented" in text_of(node):
            continue
        if node.type == "return_statement" and (not node.named_children or text_of(node) == "return None"):
            continue
        return False
    return True


def _only_stores(function: Node) -> bool:
    """Tell whether a function, such as a plain ``__init__``, only keeps its arguments as attributes."""
    for node in _body_of(function):
        if node.type == "comment" or _is_inert_expression(node) or node.type == "pass_statement":
            continue
        inner = node.named_children[0] if node.type == "expression_statement" and node.named_children else None
        right = inner.child_by_field_name("right") if inner is not None and inner.type == "assignment" else None
        if right is None or right.type != "identifier":
            return False
    return True


class _Module:
    """One module: where its instructions stand, and what its string expressions say."""

    def __init__(self, artifact: Artifact, root: Node) -> None:
        self._artifact = artifact
        self._offsets = _CodePoints(artifact.syntax.source)
        self._imports: Imports = imports_of(root)
        self._nodes = list(islice(walk(root), _NODES_MAX))
        self._assigned: dict[str, list[Node]] = {}
        for node in self._nodes:
            right = node.child_by_field_name("right") if node.type in {"assignment", "augmented_assignment"} else None
            left = node.child_by_field_name("left") if right is not None else None
            if right is not None and left is not None:
                self._assigned.setdefault(text_of(left).removeprefix("self."), []).append(right)

    def places(self) -> Iterator[tuple[str, Node]]:
        """Yield the expressions whose strings reach a model, with their origin."""
        for node in self._nodes:
            if node.type == "call":
                yield from (("prompt-string", argument) for argument in self._prompt_arguments(node))
            elif node.type == "dictionary":
                yield from (("prompt-string", value) for value in _message_contents(node))
            elif node.type == "assignment":
                left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
                if right is not None and _PROMPT_NAME.search(text_of(left)):
                    yield "prompt-string", right
            elif node.type == "decorated_definition":
                yield from (("tool-description", text) for text in self._tool_docstrings(node))

    def _prompt_arguments(self, call: Node) -> Iterator[Node]:
        path = self._imports.path(call.child_by_field_name("function"))
        sure = _CLIENT_CALLS.search(path.replace("()", ""))
        if not sure and not (_LOOSE_CALLS.search(path) and _LLM_PATH.search(path)) and not path.endswith("pipeline()"):
            return
        arguments = call.child_by_field_name("arguments")
        for argument in arguments.named_children if arguments is not None else ():
            if argument.type != "keyword_argument":
                yield argument
            elif text_of(argument.child_by_field_name("name")) in _TEXT_KEYWORDS:
                value = argument.child_by_field_name("value")
                if value is not None:
                    yield value

    def _tool_docstrings(self, decorated: Node) -> Iterator[Node]:
        function = decorated.child_by_field_name("definition")
        names = (text_of(child).lstrip("@") for child in decorated.named_children if child.type == "decorator")
        if function is None or not any(_TOOL_DECORATOR.search(name) for name in names):
            return
        first = next(iter(_body_of(function)), None)
        if first is not None and first.type == "expression_statement" and first.named_children[0].type == "string":
            yield first.named_children[0]

    def stubs(self) -> Iterator[Instruction]:
        """Yield the functions that only describe what they are to do; a protocol's or overload's are too short."""
        for node in self._nodes:
            body = _body_of(node) if node.type == "function_definition" else ()
            described = any(child.type == "comment" or "string" in _kinds(child) for child in body)
            if described and _is_stub(node):
                start, end = self._offsets.at(node.start_byte), self._offsets.at(node.end_byte)
                yield Instruction(self._artifact, self._artifact.text[start:end], "stub", ((0, start),))

    def literals(self, node: Node) -> Iterator[Literal]:
        """Yield what the string literals inside an expression say; names are followed to their assignments."""
        seen: set[int] = set()
        pending = [(node, 0)]
        while pending:
            current, hops = pending.pop()
            if (current.start_byte << 8) + hops in seen or hops > _HOPS:
                continue
            seen.add((current.start_byte << 8) + hops)
            if current.type == "string":
                yield self._read(current)
            elif current.type == "concatenated_string":
                yield _join([self._read(part) for part in current.named_children if part.type == "string"])
            elif current.type == "keyword_argument":
                value = current.child_by_field_name("value")
                pending += [(value, hops)] if value is not None else []
            elif current.type in {"identifier", "attribute"}:
                name = text_of(current).removeprefix("self.")
                pending.extend((value, hops + 1) for value in self._assigned.get(name, ()))
                if current.type == "attribute":
                    pending.extend((child, hops) for child in current.named_children[:1] if child.type != "identifier")
            elif current.type == "call":
                pending.extend(self._inside_call(current, hops))
            elif current.type not in {"lambda", "comparison_operator", "subscript"}:
                pending.extend((child, hops) for child in reversed(current.named_children))

    def _inside_call(self, call: Node, hops: int) -> Iterator[tuple[Node, int]]:
        """Go into what shapes a text (``"…".format()``, ``dedent("…")``, ``"".join([…])``), not into other calls."""
        function = call.child_by_field_name("function")
        arguments = call.child_by_field_name("arguments")
        name = self._imports.path(function).rpartition(".")[2]
        if function is not None and function.type == "attribute":
            target = function.child_by_field_name("object")
            if target is not None and name in {"format", "strip", "join", "replace", "lstrip", "rstrip", "format_map"}:
                yield target, hops
        shapers = {
            "dict",
            "dedent",
            "cleandoc",
            "join",
            "str",
            "Template",
            "Part",
            "TextPart",
            "from_text",
            "append",
            "extend",
        }
        if arguments is not None and name in shapers | {"SystemMessage", "HumanMessage", "AIMessage"}:
            yield from ((child, hops) for child in reversed(arguments.named_children))

    def _read(self, node: Node) -> Literal:
        start, end = self._offsets.at(node.start_byte), self._offsets.at(node.end_byte)
        return _decode(self._artifact.text[start:end], start)


def _kinds(node: Node) -> set[str]:
    return {node.type, *(child.type for child in node.named_children)}


def _message_contents(dictionary: Node) -> Iterator[Node]:
    """Yield the content of a ``{"role": …, "content": …}`` literal."""
    values: dict[str, Node] = {}
    for pair in dictionary.named_children:
        key = pair.child_by_field_name("key") if pair.type == "pair" else None
        value = pair.child_by_field_name("value") if key is not None else None
        if value is not None:
            values[text_of(key).strip("\"'")] = value
    if "role" in values:
        yield from (values[name] for name in ("content", "parts", "text") if name in values)


def _join(parts: Sequence[Literal]) -> Literal:
    text, anchors = "", []
    for part in parts:
        anchors += [(offset + len(text), place) for offset, place in part.anchors]
        text += part.text
    return Literal(text, tuple(anchors) or ((0, 0),))


def _decode(source: str, start: int) -> Literal:
    """Decode one literal of ``source``, which begins at ``start`` of the file, keeping where each part stood."""
    head = _STRING_HEAD.match(source)
    if head is None:
        return Literal(source, ((0, start),))
    body_end = len(source) - len(head[2]) if source.endswith(head[2]) and len(source) > head.end() else len(source)
    body = source[head.end() : body_end]
    if "r" in head[1].lower():
        return Literal(body, ((0, start + head.end()),))
    text: list[str] = []
    anchors = [(0, start + head.end())]
    done = length = 0
    for escape in _ESCAPE.finditer(body):
        plain = body[done : escape.start()]
        value = _unescape(escape.group())
        length += len(plain) + len(value)
        done = escape.end()
        text += [plain, value]
        anchors.append((length, start + head.end() + done))
    return Literal("".join(text) + body[done:], tuple(anchors))


_SIMPLE = {"\\\n": "", "\\\r\n": "", "\\n": "\n", "\\t": "\t", "\\r": "\r", "\\\\": "\\", "\\'": "'", '\\"': '"'}


def _unescape(escape: str) -> str:
    """Give the value of one escape sequence; an invalid one stands for itself, as in Python."""
    if escape in _SIMPLE:
        return _SIMPLE[escape]
    try:
        value = ast.literal_eval(f'"{escape}"')
    except (SyntaxError, ValueError):
        return escape
    return value.encode("utf-8", errors="replace").decode() if isinstance(value, str) else escape


class _CodePoints:
    """Converts byte offsets of a UTF-8 text to code points."""

    def __init__(self, source: bytes) -> None:
        self._is_ascii = source.isascii()
        self._source = source
        self._marks: list[int] = [0]
        self._counts: list[int] = [0]

    def at(self, offset: int) -> int:
        """Give the number of code points before byte ``offset``."""
        if self._is_ascii:
            return offset
        known = bisect_right(self._marks, offset) - 1
        count = self._counts[known] + len(self._source[self._marks[known] : offset].decode("utf-8", errors="ignore"))
        if known == len(self._marks) - 1:
            self._marks.append(offset)
            self._counts.append(count)
        return count


def scalar_values(text: str, keys: Mapping[str, str]) -> Iterator[tuple[str, Literal]]:
    """Yield (origin, value) of the JSON strings under ``keys`` (key to origin), however deep, without parsing."""
    for match in _JSON_MEMBER.finditer(text):
        origin = keys.get(match["key"].lower())
        if origin is not None:
            yield origin, _decode(text[match.start("value") : match.end("value")], match.start("value"))


_JSON_MEMBER = re.compile(r'"(?P<key>[A-Za-z_]{1,40})"\s{0,9}:\s{0,99}(?P<value>"(?:[^"\\]|\\.)*")', re.DOTALL)
