"""Changes of the source that end a defect: one file a family, over the syntax tree, never by searching text."""

from bluecode_lint.fixes.fixer import RuleFixer

__all__ = ["RuleFixer"]
