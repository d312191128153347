"""What makes two pieces of Python alike in the eyes of security: calls, the shapes they are given, checks, names.

A feature is a short string with a kind before the colon. Renaming a local variable changes few of them; calling another
API, or passing a text glued together where a constant stood, changes many.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import Imports, imports_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bluecode_lint.core.protocols import Node, Syntax

NODES_MAX = 20_000
"""Nodes looked at per text; a longer one is described by its beginning."""

_API_FAMILIES = {
    "process": "os.system os.popen os.exec os.spawn subprocess pty commands asyncio.create_subprocess popen2 paramiko",
    "sql": "sqlite3 psycopg2 psycopg pymysql mysql sqlalchemy asyncpg aiosqlite django.db peewee pyodbc cx_Oracle",
    "nosql": "pymongo motor mongoengine redis elasticsearch",
    "web": "flask django fastapi starlette aiohttp.web tornado bottle sanic falcon pyramid werkzeug http.server",
    "client": "requests httpx urllib urllib3 aiohttp http.client ftplib smtplib socket",
    "file": "open os.open os.path pathlib shutil glob tempfile io aiofiles os.remove os.chmod",
    "archive": "zipfile tarfile gzip bz2 lzma zlib shutil.unpack_archive",
    "serial": "pickle cPickle dill marshal shelve yaml jsonpickle joblib cloudpickle torch numpy.load pandas.read_pickle",  # noqa: E501
    "xml": "xml lxml defusedxml xmltodict",
    "crypto": "hashlib hmac cryptography Crypto Cryptodome ssl jwt jose bcrypt argon2 passlib nacl",
    "random": "random secrets uuid os.urandom numpy.random",
    "code": "eval exec compile __import__ importlib ast.literal_eval getattr setattr types.FunctionType code",
    "template": "jinja2 mako string.Template markupsafe html bleach",
    "ldap": "ldap ldap3",
    "log": "logging loguru structlog print",
    "cli": "argparse click typer sys.argv input",
    "cloud": "boto3 botocore google.cloud azure",
    "regex": "re regex re2",
}
_FAMILY_OF_PREFIX = {prefix: family for family, prefixes in _API_FAMILIES.items() for prefix in prefixes.split()}

_CONCEPTS = {
    "credential": "password passwd passphrase pwd secret token credential apikey key pin login auth",
    "chance": "random rand seed nonce salt choice shuffle token uuid",
    "hash": "hash digest md5 sha1 sha256 checksum fingerprint hmac mac sign signature verify",
    "cipher": "encrypt decrypt cipher aes des rsa key iv block",
    "file": "path file folder directory dir name upload download attachment extension suffix",
    "temporary": "tmp temp scratch spool workspace",
    "mode": "chmod mode umask permission mask stat owner chown",
    "archive": "zip tar archive unpack extract member compress decompress gzip inflate",
    "address": "url uri host link redirect location next target address domain origin",
    "page": "html page template render markup escape script tag style",
    "cookie": "cookie session httponly secure samesite",
    "header": "header headers line crlf content",
    "record": "log logger audit event trail message warn info",
    "query": "query sql select where filter search find statement cursor",
    "tree": "xml node element entity parser document dtd xpath schema",
    "person": "user member account admin role owner author customer",
    "permission": "allow permit forbid access grant authorize role admin deny",
    "failure": "error exception fail traceback broken",
    "limit": "limit size max count length quota bound timeout page",
    "command": "command shell exec process program argument hook",
    "object": "pickle load loads dump deserialize unpickle decode",
    "money": "price amount balance total pay charge order cart refund",
    "code": "eval exec expression compile source snippet rule",
    "transport": "tls ssl https certificate cert context verify http",
    "debug": "debug diagnostic trace development testing",
    "settings": "config setting environment option default",
    "moment": "time date now clock stamp expire",
    "concurrent": "thread lock async await race pause",
}

_LITERAL_SHAPES = (
    (
        "sql",
        re.compile(
            r"\b(?:select\b.*\bfrom|insert\s+into|update\b.*\bset|delete\s+from|where)\b", re.IGNORECASE | re.DOTALL
        ),
    ),
    ("url", re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)),
    ("markup", re.compile(r"<\s*[a-z!/][^>]*>", re.IGNORECASE)),
    ("template", re.compile(r"\{\{|\{%")),
    ("traversal", re.compile(r"\.\./")),
    ("abspath", re.compile(r"^/(?:[\w.-]+/?)+$")),
    ("header", re.compile(r"^[A-Z][A-Za-z]+(?:-[A-Z][A-Za-z]*)+$")),
    ("ldap", re.compile(r"\([&|(]*\w+=")),
    ("xpath", re.compile(r"^/{1,2}\w+.*\[|@\w+\s*=")),
    ("placeholder", re.compile(r"%s|\?(?:\s|,|\)|$)|:\w+\b")),
    ("hex", re.compile(r"^[0-9a-fA-F]{16,}$")),
    ("pattern", re.compile(r"\\[dwsb]|\)[*+]|\^.*\$")),
    ("newline", re.compile(r"[\r\n]")),
)
_SHORT_CONSTANTS = re.compile(r"^(?:[A-Za-z][A-Za-z0-9_-]{1,15}|0o?[0-7]{1,4}|[0-9]{1,5}|True|False|None)$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ENDINGS = (
    "ations",
    "ation",
    "ments",
    "ment",
    "ings",
    "ing",
    "ions",
    "ion",
    "ised",
    "ized",
    "ers",
    "er",
    "ies",
    "es",
    "ed",
    "s",
)
_STEM_MIN = 3


def features_of(syntax: Syntax) -> Counter[str]:
    """Count the features of one text."""
    return _Reading(imports_of(syntax.root)).read(syntax.root)


def stems_of(identifier: str) -> Iterator[str]:
    """Split an identifier at case, digits and underscores, and cut the endings off its words."""
    for word in _WORDS.findall(identifier):
        lower = word.lower()
        if len(lower) > 1 and not lower.isdigit():
            yield _stem(lower)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_MIN:
            return word[: -len(ending)]
    return word


@cache
def _concepts_of_stems() -> Mapping[str, tuple[str, ...]]:
    """Invert the table of concepts: which does a stem stand for?"""
    table: dict[str, tuple[str, ...]] = {}
    for concept, words in _CONCEPTS.items():
        for word in words.split():
            stem = _stem(word)
            table[stem] = (*table.get(stem, ()), concept)
    return table


def api_family(path: str) -> str:
    """Name the family of APIs a dotted path belongs to, by its longest known prefix; empty if none."""
    while path:
        family = _FAMILY_OF_PREFIX.get(path)
        if family:
            return family
        path = path.rpartition(".")[0]
    return ""


class _Reading:
    """One walk over one tree."""

    def __init__(self, imports: Imports) -> None:
        self.imports = imports
        self.counts: Counter[str] = Counter()
        self._concepts = _concepts_of_stems()
        self._readers: dict[str, Callable[[Node], None]] = {
            "call": self._call,
            "identifier": self._identifier,
            "string": self._string,
            "integer": self._constant,
            "true": self._constant,
            "false": self._constant,
            "none": self._constant,
            "decorator": self._decorator,
            "comparison_operator": self._comparison,
            "if_statement": self._branch,
            "binary_operator": self._operator,
            "except_clause": self._except,
            "assignment": self._assignment,
            "subscript": self._subscript,
        }

    def read(self, root: Node) -> Counter[str]:
        pending = [root]
        seen = 0
        while pending and seen < NODES_MAX:
            node = pending.pop()
            seen += 1
            kind = node.type
            reader = self._readers.get(kind)
            if reader is not None:
                reader(node)
            elif kind in _CONTROL:
                self.counts[f"flow:{kind}"] += 1
            if kind not in _LEAVES:
                pending.extend(reversed(node.named_children))
        return self.counts

    def _call(self, node: Node) -> None:
        function = node.child_by_field_name("function")
        path = self.imports.path(function)
        method = path.rpartition(".")[2] if path else (function.type if function else "")
        if path:
            self.counts[f"call:{path}"] += 1
            family = api_family(path)
            if family:
                self.counts[f"api:{family}"] += 1
        self.counts[f"method:{method}"] += 1
        arguments = node.child_by_field_name("arguments")
        for position, argument in enumerate(arguments.named_children if arguments is not None else ()):
            if argument.type == "keyword_argument":
                name = text_of(argument.child_by_field_name("name"))
                value = argument.child_by_field_name("value")
                self.counts[f"keyword:{method}:{name}"] += 1
                self.counts[f"keyword:{name}={_shape(value)}"] += 1
            else:
                self.counts[f"argument:{method}:{min(position, 3)}:{_shape(argument)}"] += 1

    def _identifier(self, node: Node) -> None:
        for stem in stems_of(text_of(node)):
            self.counts[f"word:{stem}"] += 1
            for concept in self._concepts.get(stem, ()):
                self.counts[f"concept:{concept}"] += 1

    def _string(self, node: Node) -> None:
        text = text_of(node)
        body = text.lstrip("rRbBuUfF").strip("'\"")
        for shape, pattern in _LITERAL_SHAPES:
            if pattern.search(body):
                self.counts[f"literal:{shape}"] += 1
        if _SHORT_CONSTANTS.match(body):
            self.counts[f"text:{body.lower()}"] += 1
        if "interpolation" in {child.type for child in node.named_children}:
            self.counts["built:fstring"] += 1

    def _constant(self, node: Node) -> None:
        text = text_of(node)
        if _SHORT_CONSTANTS.match(text):
            self.counts[f"constant:{text}"] += 1

    def _decorator(self, node: Node) -> None:
        for child in node.named_children:
            path = self.imports.path(child).removesuffix("()")
            if path:
                self.counts[f"decorator:{path}"] += 1
                self.counts[f"decorator:{path.rpartition('.')[2]}"] += 1

    def _comparison(self, node: Node) -> None:
        for child in node.children:
            if not child.is_named:
                self.counts[f"compare:{child.type}"] += 1

    def _branch(self, node: Node) -> None:
        body = node.child_by_field_name("consequence")
        last = body.named_children[-1].type if body is not None and body.named_children else ""
        self.counts[f"branch:{last if last in _EXITS else 'on'}"] += 1

    def _operator(self, node: Node) -> None:
        operator = node.child_by_field_name("operator")
        left = node.child_by_field_name("left")
        if operator is not None and left is not None and left.type in {"string", "concatenated_string"}:
            self.counts[f"built:{operator.type}"] += 1

    def _except(self, node: Node) -> None:
        caught = [text_of(child) for child in node.named_children if child.type in {"identifier", "attribute"}]
        self.counts[f"except:{caught[0] if caught else 'bare'}"] += 1

    def _assignment(self, node: Node) -> None:
        left = node.child_by_field_name("left")
        right = node.child_by_field_name("right")
        if left is not None and right is not None and left.type in {"identifier", "attribute"}:
            stem = "_".join(stems_of(text_of(left).rpartition(".")[2]))
            self.counts[f"assign:{stem}={_shape(right)}"] += 1

    def _subscript(self, node: Node) -> None:
        path = self.imports.path(node.child_by_field_name("value"))
        if path:
            self.counts[f"index:{path}"] += 1


_LEAVES = frozenset({"comment", "integer", "float", "true", "false", "none", "identifier"})
_EXITS = frozenset({"return_statement", "raise_statement", "continue_statement", "break_statement"})
_CONTROL = frozenset(
    {
        "for_statement",
        "while_statement",
        "try_statement",
        "with_statement",
        "raise_statement",
        "return_statement",
        "yield",
        "await",
        "assert_statement",
        "list_comprehension",
        "generator_expression",
        "dictionary_comprehension",
        "conditional_expression",
        "class_definition",
        "lambda",
        "delete_statement",
        "global_statement",
    }
)


def _shape(node: Node | None) -> str:
    """Describe an argument by what it is made of, not by what it is called."""
    if node is None:
        return "nothing"
    if node.type == "string":
        interpolated = any(child.type == "interpolation" for child in node.named_children)
        return "fstring" if interpolated else "text"
    if node.type in {"true", "false", "none", "integer"}:
        return text_of(node)[:12]
    if node.type == "binary_operator":
        return "built"
    if node.type == "call":
        function = node.child_by_field_name("function")
        attribute = function.child_by_field_name("attribute") if function is not None else None
        return "call" if text_of(attribute) != "format" else "built"
    return node.type
