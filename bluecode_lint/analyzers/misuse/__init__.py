"""Misuse and policy rules: a fast in-process engine over the lowered module.

``rules/misuse/*.yaml`` says what to look for (`catalogue`), in words that `conditions` understands; what data cannot
say is a small function in ``checks``. `unit` answers what both ask about a module, `analyzer` runs them.
"""

from bluecode_lint.analyzers.misuse.analyzer import MisuseAnalyzer

__all__ = ["MisuseAnalyzer"]
