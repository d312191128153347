"""Our own identity of a finding (``bluecode/v1``): what stays the same while the file around it changes.

It is made of the rule, the path, the defective code without its white space, and its index among twins. No line number
(a line inserted above changes nothing), no message and nothing a model wrote (wording changes nothing).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluecode_lint.core.model import Finding

FINGERPRINT_NAME = "bluecode/v1"
"""The key under ``partialFingerprints``; a change of the recipe is a new name."""

_DIGEST_BYTES = 16


def fingerprints(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Give each finding its fingerprint: 32 hex digits, in the order of ``findings``.

    Two identical defects in one file are twins: they are counted from the top of the file, so that they stay two. The
    answer for a finding does not depend on the order of ``findings``.
    """
    digests = [""] * len(findings)
    seen: dict[tuple[str, str, str], int] = {}
    for index in sorted(range(len(findings)), key=lambda i: findings[i].sort_key):
        finding = findings[index]
        twin_key = (finding.rule_id, finding.location.uri, normalize_snippet(finding.snippet))
        ordinal = seen.get(twin_key, 0)
        seen[twin_key] = ordinal + 1
        digests[index] = _digest(*twin_key, str(ordinal))
    return tuple(digests)


def normalize_snippet(snippet: str) -> str:
    """Drop all white space, so that neither indentation nor a formatter's line breaks make a new defect."""
    return "".join(snippet.split())


def _digest(*parts: str) -> str:
    """Hash parts so that no two different lists of parts read the same; lone surrogates are kept apart too."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in parts:
        encoded = part.encode("utf-8", errors="surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()
