"""One of the shares that a scan is cut into, so that several machines take a share each."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_SPELLED = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """Share ``number`` (from 1) ``of`` so many. ``scan`` names what is scanned and how: all its shards agree on it."""

    number: int
    of: int
    scan: str = ""

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``I/N``.

        Raises:
            ValueError: It is none.
        """
        match = _SPELLED.fullmatch(text)
        shard = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if not 1 <= shard.number <= shard.of:
            message = f"must be I/N with 1 <= I <= N, such as 2/5, not {text!r}"
            raise ValueError(message)
        return shard

    def holds(self, uri: str) -> bool:
        """Tell whether a file is of this share: by its path alone, so that other files change nothing."""
        digest = hashlib.sha256(uri.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1
