"""Take secrets out of everything a model is shown.

Three ways to recognise one: its own shape (a vendor's prefix, a private key, a URL with a password), the name it is
given to (``password = ...``, ``token=...``, ``{"api_key": ...}``), and its randomness. In doubt a literal goes: a model
judges code well without knowing a constant, and what has been sent cannot be taken back.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.core.tree import walk
from bluecode_lint.reasoners.tree import ancestors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bluecode_lint.core.protocols import Node

PLACEHOLDER = "<redacted-secret>"

_SHAPES = re.compile(
    r"""
      -----BEGIN\ [A-Z ]*PRIVATE\ KEY(?:\ BLOCK)?-----[\s\S]*?(?:-----END\ [A-Z ]*-----|\Z)
    | \b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}                            # AWS
    | \b(?:gh[opsur]_|github_pat_|glpat-|xox[abeoprs]-|xapp-)[\w-]{10,} # GitHub, GitLab, Slack
    | \b(?:sk|rk|pk)[-_](?:live|test|proj|ant|or)?[-_]?[\w-]{16,}       # Stripe, OpenAI and their likes
    | \bAIza[\w-]{30,} | \bya29\.[\w.-]{20,}                            # Google
    | \b(?:npm|hf|dop_v1|shpat|shpss|pypi|sq0\w{3}|lin_api|ntn|tskey)[_-][\w-]{16,}
    | \bSG\.[\w-]{16,}\.[\w-]{16,}                                      # SendGrid
    | \beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?                            # JWT
    | \b\d{8,10}:[\w-]{30,}                                             # Telegram
    | (?<=://)[^\s/@:'"]{0,200}:[^\s/@'"]{1,200}(?=@)                   # user:password@host
    | (?<=hooks\.slack\.com/services/)[\w/]+
    | (?i:(?<=bearer\ )|(?<=basic\ ))[\w.~+/=-]{8,}
    """,
    re.VERBOSE,
)
_SETTINGS = re.compile(
    r"(?i:\b(?:pass(?:word|wd|phrase)?|pwd|secret|token|(?:api|access|account)[_-]?key|client[_-]?secret|sig)\s*=\s*)"
    r"[^\s;&,'\"{}%<]{3,}"
)
"""``password=...`` inside a text: a connection string, a query, a log line. In code it is an assignment."""

_SECRET_NAME = re.compile(
    r"(?<![a-z])pass(?![a-z])|pass(?:word|wd|phrase|code)|pwd|secret|token|credential|"
    r"(?:api|access|private|secret|signing|encryption|crypt|session|master|shared|auth|account|storage|hmac|aes|jwt|fernet|des)"
    r"_?-?keys?(?![a-z])|(?:^|_)(?:key|pin|salt|otp|seed|dsn|iv|pepper)(?:_|$)|bearer|authorization|webhook_?url|conn(?:ection)?_?str",
    re.IGNORECASE,
)

_RANDOM = re.compile(r"[A-Za-z0-9+/=_-]{16,}")
_HEXADECIMAL = re.compile(r"[0-9a-fA-F-]+")
_ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2}){6,}")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

# Shannon entropy in bits a character. Random base64 of 20 characters has about 4, words joined by _ or - about 3.3.
_ENTROPY_MIN = 3.4
_ENTROPY_HEXADECIMAL_MIN = 2.6
_LITERAL_MIN = 4
_NUMBER_DIGITS_MIN = 5
_FIELD_NAME_MAX = 24

# Arguments under a secret's name that are no secrets: encodings and names of algorithms.
_PLAIN_WORDS = frozenset(
    {"utf-8", "utf8", "ascii", "latin-1", "latin1", "base64", "hex", "md5", "sha1", "sha224", "sha256", "sha384",
     "sha512", "sha-256", "hs256", "hs384", "hs512", "rs256", "es256", "none", "strict", "ignore", "replace", "big",
     "little"}
)  # fmt: skip

_EXPRESSION_ENDS = frozenset({"expression_statement", "block", "module", "lambda", "function_definition"})


def scrub(text: str, known: Iterable[str] = ()) -> str:
    """Replace what looks like a secret in any text, and every value in ``known`` (secrets met elsewhere)."""
    return _SETTINGS.sub(PLACEHOLDER, scrub_code(text, known))


def scrub_code(text: str, known: Iterable[str] = ()) -> str:
    """Replace what looks like a secret in source text, where ``password = value`` names a variable."""
    for value in sorted({value for value in known if len(value) >= _LITERAL_MIN}, key=len, reverse=True):
        text = text.replace(value, PLACEHOLDER)
    text = _SHAPES.sub(PLACEHOLDER, text)
    text = _ESCAPES.sub(PLACEHOLDER, text)
    return _RANDOM.sub(lambda found: PLACEHOLDER if _is_random(found.group()) else found.group(), text)


def settings_in(literal: Node) -> Iterator[tuple[int, int]]:
    """Yield the spans of a string, in bytes, in which a setting is given a secret."""
    if literal.type == "string" and literal.text is not None:
        for found in _SETTINGS.finditer(literal.text.decode("latin-1")):  # one character a byte
            yield literal.start_byte + found.start(), literal.start_byte + found.end()


def secret_literals(root: Node) -> Iterator[tuple[Node, str]]:
    """Yield the literals of a tree that are secrets by the name they go under, with the value inside."""
    for node in walk(root):
        if node.type in {"string", "integer", "float"} and _is_named_secret(node):
            value = _content(node)
            if len(value) >= (_LITERAL_MIN if node.type == "string" else _NUMBER_DIGITS_MIN):
                yield node, value


def looks_secret(name: str) -> bool:
    """Tell whether a name is one that secrets are given."""
    return _SECRET_NAME.search(_CAMEL.sub("_", name)) is not None


def _is_random(token: str) -> bool:
    if _HEXADECIMAL.fullmatch(token):
        return any(c.isdigit() for c in token) and _entropy(token) >= _ENTROPY_HEXADECIMAL_MIN
    mixed = any(c.isdigit() for c in token) and any(c.isalpha() for c in token)
    cases = any(c.islower() for c in token) and any(c.isupper() for c in token)
    return (mixed or (cases and "_" not in token and not _reads_as_words(token))) and _entropy(token) >= _ENTROPY_MIN


def _reads_as_words(token: str) -> bool:
    """Tell whether a token without digits is camel-case words, such as ``AuthenticationMiddleware``, or a path."""
    words = [word for part in re.split(r"[-/+=]", token) for word in _CAMEL.split(part) if word]
    return sum(map(len, words)) >= 4 * len(words)  # random letters change case every second or third character


def _entropy(token: str) -> float:
    counts = Counter(token)
    return -sum(n / len(token) * math.log2(n / len(token)) for n in counts.values())


def _content(node: Node) -> str:
    text = text_of(node)
    if node.type != "string":
        return text
    opening = next((child for child in node.children if child.type == "string_start"), None)
    closing = next((child for child in node.children if child.type == "string_end"), None)
    start = len(text_of(opening))
    return text[start : len(text) - len(text_of(closing))] if closing is not None else text[start:]


def _is_named_secret(literal: Node) -> bool:
    """Tell whether a literal is what a secret's name stands for: assigned, passed, keyed, compared or a default."""
    inner = literal
    inside_call = False
    for node in ancestors(literal):
        if node.type in _EXPRESSION_ENDS:
            return False
        names = _names_given(node, inner)
        if any(map(looks_secret, names)):
            return not (inside_call and _is_field_name(literal)) and not _is_index(literal)
        inside_call = inside_call or node.type in {"argument_list", "subscript"}
        inner = node
    return False


def _names_given(node: Node, inner: Node) -> list[str]:
    """Give the names under which ``inner``, a part of ``node``, is known there."""
    if node.type in {"assignment", "augmented_assignment", "named_expression", "keyword_argument", "default_parameter",
                     "typed_default_parameter"}:  # fmt: skip
        name = node.child_by_field_name("left") or node.child_by_field_name("name")
        return [] if name is None or name.start_byte >= inner.start_byte else [text_of(name)]
    if node.type == "pair":
        key = node.child_by_field_name("key")
        return [] if key is None or key.start_byte >= inner.start_byte else [text_of(key)]
    if node.type == "comparison_operator":
        return [text_of(child) for child in node.named_children if child.start_byte != inner.start_byte]
    if node.type == "argument_list":  # os.environ.get("TOKEN", "..."), config.setdefault("password", "...")
        called = text_of(node.parent.child_by_field_name("function")) if node.parent is not None else ""
        before = [text_of(child) for child in node.named_children if child.end_byte <= inner.start_byte]
        return [called.rpartition(".")[2], *before[-1:]]
    return []


def _is_field_name(literal: Node) -> bool:
    """Tell whether a string is the name of a field or an algorithm, as in ``request.form["password"]``."""
    value = _content(literal)
    if value.lower() in _PLAIN_WORDS:
        return True
    return value.replace("_", "").replace("-", "").isalpha() and len(value) <= _FIELD_NAME_MAX and looks_secret(value)


def _is_index(literal: Node) -> bool:
    parent = literal.parent
    return parent is not None and parent.type == "subscript" and _is_field_name(literal)
