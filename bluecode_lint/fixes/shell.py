"""Programs started from a list of words instead of by a shell."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from bluecode_lint.fixes.site import SAFE, UNSAFE, arguments_of, fix, keyword, positional, unpacks, value_of
from bluecode_lint.fixes.templates import Hole, read_template

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bluecode_lint.core.model import Edit, Fix
    from bluecode_lint.core.protocols import Node
    from bluecode_lint.fixes.site import Site
    from bluecode_lint.fixes.templates import Template

_RUNNERS = frozenset(f"subprocess.{name}" for name in ("run", "call", "check_call", "check_output", "Popen"))
_SHELL_SIGNS = frozenset("|&;<>()$`\\*?[]{}#~!\n\r")
"""What a shell would read as more than a letter of a word."""
_MARK = "\ue000"
"""Stands for a value among the words; a private character that no command contains."""


def without_shell(site: Site) -> Fix | None:
    """Split a command into words, each value being one word or a part of one, and start it without a shell."""
    for call in site.calls():
        path = site.path(call)
        if unpacks(call) or not positional(call):
            continue
        if path in _RUNNERS and value_of(keyword(call, "shell")) == "True":
            return _listed(site, call)
        if path == "os.system" and len(arguments_of(call)) == 1:
            return _started(site, call)
    return None


def _listed(site: Site, call: Node) -> Fix | None:
    words = _words(site, positional(call)[0])
    shell = keyword(call, "shell")
    if words is None or shell is None or keyword(call, "executable") is not None:
        return None
    edits, has_values = words
    return fix(
        "Start the program from a list of words, without a shell",
        UNSAFE if has_values else SAFE,
        [*edits, site.without(call, shell)],
    )


def _started(site: Site, call: Node) -> Fix | None:
    """Replace ``os.system`` where nobody looks at what it returns: its number is not that of `subprocess`."""
    function = call.child_by_field_name("function")
    words = _words(site, positional(call)[0])
    reached = site.reach("subprocess.run")
    if words is None or reached is None or function is None:
        return None
    if call.parent is None or call.parent.type != "expression_statement":
        return None
    name, imported = reached
    edits = [*words[0], *imported, site.replaced(function, name), site.with_argument(call, "check=False")]
    return fix("Start the program from a list of words, without a shell", UNSAFE, edits)


def _words(site: Site, command: Node) -> tuple[list[Edit], bool] | None:
    """Give the edits that make a list of a command, and whether there are values in it."""
    if command.type == "identifier":
        assigned = site.assignment_to(command)
        value = assigned.child_by_field_name("right") if assigned is not None else None
        if value is None:
            return None
        command = value
    template = read_template(command)
    words = _split(template) if template is not None else None
    if template is None or words is None:
        return None
    return [site.replaced(command, f"[{', '.join(words)}]")], bool(template.holes)


def _split(template: Template) -> list[str] | None:
    """Give the words as Python expressions; None where a shell would do more than split them."""
    line = ""
    holes: list[Hole] = []
    for part in template.parts:
        if isinstance(part, Hole):
            line += _MARK
            holes.append(part)
        elif set(part.said) & _SHELL_SIGNS or (template.doubles_percent and "%" in part.said):
            return None
        else:
            line += part.said
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    if not words or _MARK in words[0] or "=" in words[0]:  # an equals sign would set a variable
        return None
    queue = iter(holes)
    spelled = [_spelled(word, [next(queue) for _ in range(word.count(_MARK))]) for word in words]
    return None if None in spelled else [word for word in spelled if word is not None]


def _spelled(word: str, holes: Sequence[Hole]) -> str | None:
    """Spell one word: a literal, a value that is a text anyway, or an f-string."""
    if not holes:
        return '"' + word.replace('"', '\\"') + '"'
    values = [(_unquoted(hole.expression), hole.spec) for hole in holes]
    if any(spec == "?" for _, spec in values):
        return None
    if word == _MARK and holes[0].is_text:
        return values[0][0]
    if word == _MARK and not values[0][1]:
        return f"str({values[0][0]})"
    if any(set(value) & set("\"'{}\\\n") for value, _ in values) or '"' in word or "\n" in word:
        return None
    pieces = word.split(_MARK)
    filled = "".join(
        f"{{{value}{spec if spec[:1] in {'', '!', ':'} else ':' + spec}}}{piece}"
        for (value, spec), piece in zip(values, pieces[1:], strict=True)
    )
    return f'f"{pieces[0]}{filled}"'


def _unquoted(expression: str) -> str:
    """Take a shell's quoting off a value that no shell will see."""
    for prefix in ("shlex.quote(", "pipes.quote("):
        if expression.startswith(prefix) and expression.endswith(")") and expression.count("(") == 1:
            return expression[len(prefix) : -1]
    return expression
