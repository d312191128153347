"""Find text that speaks to whoever reviews the code instead of describing it."""

from bluecode_lint.analyzers.manipulation.analyzer import ManipulationAnalyzer

__all__ = ["ManipulationAnalyzer"]
