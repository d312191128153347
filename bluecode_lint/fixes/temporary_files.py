"""A temporary file that is created at once, in the place of a name that anybody may take first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.fixes.site import UNSAFE, fix, unpacks

if TYPE_CHECKING:
    from bluecode_lint.core.model import Fix
    from bluecode_lint.fixes.site import Site


def created_at_once(site: Site) -> Fix | None:
    """Replace ``name = mktemp(…)`` by ``mkstemp(…)``, which takes the same arguments, and close what it opened."""
    for call in site.calls():
        function = call.child_by_field_name("function")
        if site.path(call) != "tempfile.mktemp" or unpacks(call) or function is None:
            continue
        assigned = call.parent
        statement = assigned.parent if assigned is not None else None
        if assigned is None or statement is None or assigned.type != "assignment":
            return None
        target = assigned.child_by_field_name("left")
        is_typed = assigned.child_by_field_name("type") is not None
        if target is None or target.type != "identifier" or is_typed or not site.stands_alone(statement):
            return None
        maker, closer = site.reach("tempfile.mkstemp"), site.reach("os.close")
        descriptor = f"{text_of(target)}_descriptor"
        if maker is None or closer is None or descriptor in site.bound:
            return None
        close = f"{site.newline}{site.indent_of(statement)}{closer[0]}({descriptor})"
        edits = [
            *maker[1],
            *closer[1],
            site.replaced(target, f"{descriptor}, {text_of(target)}"),
            site.replaced(function, maker[0]),
            site.cut(statement.end_byte, statement.end_byte, close),
        ]
        return fix("Create the file at once with `tempfile.mkstemp`", UNSAFE, edits)
    return None
