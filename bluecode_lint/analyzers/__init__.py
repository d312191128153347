"""Artifacts to findings: one file a tool, and our own analyses over the syntax tree."""
