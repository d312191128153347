"""Chooses what may fix a finding, by its rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.fixes import calls, keywords, shell, sql, temporary_files
from bluecode_lint.fixes.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bluecode_lint.core.model import Artifact, Finding, Fix

FAMILIES: Mapping[str, tuple[Callable[[Site], Fix | None], ...]] = {
    "os-command-injection": (shell.without_shell,),
    "shell-wildcard": (shell.without_shell,),
    "sql-injection": (sql.parameterized,),
    "unsafe-deserialization": (calls.safe_yaml, keywords.changed),
    "unsafe-yaml-load": (calls.safe_yaml,),
    "unsafe-model-load": (keywords.changed,),
    "weak-hash": (keywords.marked_harmless, calls.stronger_hash),
    "predictable-token": (calls.secret_source,),
    "entity-expansion": (calls.defused_parser,),
    "external-entities-enabled": (calls.defused_parser, keywords.changed),
    "xml-external-entity": (calls.defused_parser, keywords.changed),
    "insecure-temp-file": (temporary_files.created_at_once,),
    "disabled-certificate-validation": (keywords.changed, calls.verified_context),
    "missing-timeout": (keywords.changed,),
    "template-autoescape-disabled": (keywords.changed,),
    "debug-mode": (keywords.changed,),
    "insecure-cookie": (keywords.changed,),
    "script-readable-cookie": (keywords.changed,),
    "cross-site-cookie": (keywords.changed,),
    "tar-extraction-without-filter": (keywords.changed,),
    "archive-slip": (keywords.changed,),
}
"""For each rule, by its slug, what is tried, in order."""


class RuleFixer:
    """Proposes fixes by the rule of a finding (see `core.protocols.Fixer`)."""

    def propose(self, finding: Finding, artifact: Artifact) -> Fix | None:
        """Give a fix whose edits belong to the finding's file, or None where none is known."""
        families = FAMILIES.get(finding.rule_id.removeprefix("bluecode/"), ())
        if not families or artifact.syntax.root.has_error:
            return None
        site = Site(finding, artifact)
        return next((fix for family in families if (fix := family(site)) is not None), None)
