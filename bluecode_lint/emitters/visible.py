"""Make text from scanned code harmless to show: nothing in it may steer a terminal or reorder what is read."""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), line and paragraph separators, lone surrogates, and what is invisible or turns the
# direction of reading: zero-width and bidirectional marks, variation selectors of the supplement, Unicode tags.
_TREACHEROUS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_RAW_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029]")


def visible(text: str) -> str:
    r"""Show every treacherous character as its escape, such as ``\x1b`` or ``\u202e``; line ends and tabs too."""
    return _TREACHEROUS.sub(_escape, text)


def escape_controls(text: str) -> str:
    """Show control characters alone as escapes: for names that must still be matched where they are harmless."""
    return _CONTROL.sub(_escape, text)


def visible_lines(text: str) -> str:
    """Do the same, but keep line feeds and tabs."""
    return re.sub(r"[^\n\t]+", lambda match: visible(match.group()), text.replace("\r\n", "\n"))


def _escape(match: re.Match[str]) -> str:
    return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}.get(match.group(), "") or _numeric_escape(ord(match.group()))


def _numeric_escape(code_point: int) -> str:
    if code_point <= 0xFF:  # noqa: PLR2004  # the widths of Python's three escapes
        return f"\\x{code_point:02x}"
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"  # noqa: PLR2004  # as above


def safe_json(document: str) -> str:
    """Escape what JSON allows raw but a terminal or a script obeys; a lone surrogate, no character, becomes U+FFFD."""
    document = _LONE_SURROGATE.sub("\ufffd", document)
    return _RAW_IN_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", document)
