"""GitHub's identity of a line, exactly as its own uploader computes it (it warns about every other value).

A polynomial of multiplier 37 modulo 2^64 over 100 UTF-16 code units from the start of the line onward, across line
ends; blanks and tabs are skipped, every line end counts as a line feed, the end of the file as 65535, then zeros.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bluecode_lint.core.model import Artifact

_WINDOW = 100
_MULTIPLIER = 37
_MASK = 2**64 - 1
_WINDOW_FACTOR = pow(_MULTIPLIER, _WINDOW, 2**64)
_LINE_FEED = 10
_END_OF_FILE = 65535
_BYTE_ORDER_MARK = "\ufeff"


def hash_lines(text: str) -> tuple[str, ...]:
    """Give each line's hash: hexadecimal without leading zeros, ``:``, and how often it was seen so far in the file."""
    folded = text.replace("\r\n", "\n").replace("\r", "\n").replace(" ", "").replace("\t", "")
    units = array("H", folded.encode("utf-16-le", errors="surrogatepass"))
    starts = [0, *(index + 1 for index, unit in enumerate(units) if unit == _LINE_FEED)]
    units.append(_END_OF_FILE)
    units.extend([0] * _WINDOW)
    # prefix[i] is the polynomial of the first i units; that of a window is a difference of two.
    prefix = list(accumulate(units, lambda total, unit: (total * _MULTIPLIER + unit) & _MASK, initial=0))
    seen: Counter[int] = Counter()
    hashes = []
    for start in starts:
        value = (prefix[start + _WINDOW] - prefix[start] * _WINDOW_FACTOR) & _MASK
        seen[value] += 1
        hashes.append(f"{value:x}:{seen[value]}")
    return tuple(hashes)


def hash_artifact_lines(artifact: Artifact) -> tuple[str, ...]:
    """Give the hashes of a file as it is on disk: decoding dropped a byte order mark, which the uploader reads."""
    with_mark = _BYTE_ORDER_MARK + artifact.text
    on_disk = hashlib.sha256(with_mark.encode("utf-8", errors="replace")).hexdigest()
    return hash_lines(with_mark if on_disk == artifact.sha256 else artifact.text)
