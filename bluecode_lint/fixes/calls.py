"""Another function in the place of one: the same call, but safe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bluecode_lint.core.imports import text_of
from bluecode_lint.fixes.site import SAFE, UNSAFE, arguments_of, fix, keyword, positional, unpacks

if TYPE_CHECKING:
    from bluecode_lint.core.model import Edit, Fix
    from bluecode_lint.core.protocols import Node
    from bluecode_lint.fixes.site import Site

_YAML = {
    "yaml.load": "yaml.safe_load",
    "yaml.unsafe_load": "yaml.safe_load",
    "yaml.full_load": "yaml.safe_load",
    "yaml.load_all": "yaml.safe_load_all",
    "yaml.unsafe_load_all": "yaml.safe_load_all",
    "yaml.full_load_all": "yaml.safe_load_all",
}
_LOADERS = frozenset(f"yaml.{c}{name}Loader" for name in ("", "Full", "Unsafe") for c in ("", "C")) | {
    f"yaml.loader.{name}Loader" for name in ("", "Full", "Unsafe")
}
"""Loaders that PyYAML brings along: another one may know tags that the file needs."""

_SECRETS = {
    "random.choice": "secrets.choice",
    "random.getrandbits": "secrets.randbits",
    "random.randbytes": "secrets.token_bytes",
}
_OTHER_RANDOM = frozenset(
    f"random.{name}" for name in ("randint", "randrange", "choices", "sample", "shuffle", "random", "uniform")
)
_ALGORITHM = re.compile(r"md5|sha_?1(?![0-9])", re.IGNORECASE)
_UNVERIFIED = frozenset({"ssl._create_unverified_context", "ssl._create_stdlib_context"})
_PARSERS = {
    f"xml.{module}.{name}": f"defusedxml.{module.rpartition('.')[2]}.{name}"
    for module, names in {
        "etree.ElementTree": ("parse", "fromstring", "XML", "iterparse"),
        "dom.minidom": ("parse", "parseString"),
        "dom.pulldom": ("parse", "parseString"),
        "sax": ("parse", "parseString", "make_parser"),
    }.items()
    for name in names
}


def safe_yaml(site: Site) -> Fix | None:
    """Load YAML without the tags that build objects."""
    for call in site.calls():
        safe = _YAML.get(site.path(call))
        if safe is None or unpacks(call):
            continue
        loaders = [node for node in (*positional(call)[1:2], keyword(call, "Loader")) if node is not None]
        values = [node.child_by_field_name("value") if node.type == "keyword_argument" else node for node in loaders]
        if any(site.imports.path(value) not in _LOADERS for value in values):
            return None
        dropped = [site.without(call, node) for node in loaders]
        return _renamed(site, call, safe, f"Load with `{safe}`, which builds no objects", dropped)
    return None


def secret_source(site: Site) -> Fix | None:
    """Draw from the operating system's generator, whose next value nobody can tell."""
    seeded = any(site.path(node) in {"random.seed", "random.Random"} for node in site.all_calls)
    for call in site.calls():
        path = site.path(call)
        if path in _SECRETS and not unpacks(call) and all(n.type != "keyword_argument" for n in arguments_of(call)):
            fixed = _renamed(site, call, _SECRETS[path], f"Draw with `{_SECRETS[path]}`", [], is_safe=not seeded)
        elif path in _OTHER_RANDOM:
            reached = site.reach("secrets.SystemRandom")
            function = call.child_by_field_name("function")
            if reached is None or function is None:
                return None
            edits = [*reached[1], site.replaced(function, f"{reached[0]}().{path.rpartition('.')[2]}")]
            words = f"Draw with `secrets.SystemRandom().{path.rpartition('.')[2]}`"
            fixed = fix(words, UNSAFE if seeded else SAFE, edits)
        else:
            continue
        return fixed
    return None


def stronger_hash(site: Site) -> Fix | None:
    """Hash with SHA-256: what was stored or sent with the old one does not match any more.

    Not where the function or class around it is named after the algorithm, so that this is what it is for.
    """
    words = "Hash with SHA-256 (digests that were stored before will not match)"
    for call in site.calls():
        path = site.path(call)
        if any(_ALGORITHM.search(name) for name in site.names_around(call)):
            return None
        if path in {"hashlib.md5", "hashlib.sha1"}:
            return _renamed(site, call, "hashlib.sha256", words, [], is_safe=False)
        name = positional(call)[:1]
        if path == "hashlib.new" and name and text_of(name[0]).strip("'\"").lower() in {"md5", "sha1"}:
            return fix(words, UNSAFE, [site.replaced(name[0], '"sha256"')])
    return None


def defused_parser(site: Site) -> Fix | None:
    """Parse XML with defusedxml: a package that the project must then depend on."""
    for call in site.calls():
        safe = _PARSERS.get(site.path(call))
        if safe is not None:
            words = f"Parse with `{safe}` (needs the package defusedxml)"
            return _renamed(site, call, safe, words, [], is_safe=False)
    return None


def verified_context(site: Site) -> Fix | None:
    """Make a TLS context that checks certificates."""
    for call in site.calls():
        if site.path(call) in _UNVERIFIED and not arguments_of(call):
            words = "Check the server's certificate with `ssl.create_default_context`"
            return _renamed(site, call, "ssl.create_default_context", words, [], is_safe=False)
    return None


def _renamed(site: Site, call: Node, path: str, words: str, more: list[Edit], *, is_safe: bool = True) -> Fix | None:
    reached = site.reach(path)
    function = call.child_by_field_name("function")
    if reached is None or function is None:
        return None
    name, imported = reached
    return fix(words, SAFE if is_safe else UNSAFE, [*imported, site.replaced(function, name), *more])
