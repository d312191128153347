"""What earlier runs found and showed, kept so that what has not changed is not worked out again.

`store` is the file; `analyzer`, `prober` and `judging` put it in front of those that work; `state` names everything
outside a file that an answer depends on. A run gives the same with it and without: it only saves time. Nothing here is
trusted: a value that cannot be read counts as absent, and a file that cannot be read is begun anew.
"""

from bluecode_lint.cache.analyzer import CachedAnalyzer, CachedBatchAnalyzer
from bluecode_lint.cache.judging import CachedReasoner, CachedRetriever
from bluecode_lint.cache.prober import CachedProber
from bluecode_lint.cache.state import installed_state
from bluecode_lint.cache.store import CacheShelf, CacheStore

__all__ = [
    "CacheShelf",
    "CacheStore",
    "CachedAnalyzer",
    "CachedBatchAnalyzer",
    "CachedProber",
    "CachedReasoner",
    "CachedRetriever",
    "installed_state",
]
