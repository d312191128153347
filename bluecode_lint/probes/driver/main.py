"""The driver's entry point: read the plan, prepare once, search (or replay), write the report."""

from __future__ import annotations

import importlib
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from . import experiment, loader, sinks
from .entries import Entry, Subject
from .outline import outline_of
from .search import Answer, Attack, Bounds, Search, Setup
from .stage import Point

PLAN, REPORT = "plan.json", "report.json"


def main() -> None:
    """Carry out ``plan.json`` in the current folder and leave ``report.json``."""
    plan: dict[str, Any] = json.loads(Path(PLAN).read_text(encoding="utf-8"))
    Path(REPORT).write_text(json.dumps(carry_out(plan)), encoding="utf-8")


def carry_out(plan: dict[str, Any]) -> dict[str, Any]:
    """Search for a confirmation, or replay one attack if the plan names it."""
    search = prepare(plan)
    if isinstance(search, str):
        return {"outcome": "inconclusive", "reason": search, "attempts": 0}
    try:
        return _answer(search, plan)
    finally:
        search.end()


def _answer(search: Search, plan: dict[str, Any]) -> dict[str, Any]:
    steps = plan.get("steps")
    if "attack" in plan:
        if steps:
            experiment.aim(search, steps)
        return replay(search, plan["attack"])
    report = report_of(answer := experiment.conclude(search, steps) if steps else search.conclude())
    return {**report, "journal": answer.journal} if plan.get("journal") else report


def prepare(plan: dict[str, Any]) -> Search | str:
    """Parse the module, import what it needs from installed packages, install all watchers; or say why not."""
    scratch = str(Path.cwd())
    root, uri, text = plan.get("root", ""), plan["uri"], plan["text"]
    filename = os.path.join(root, uri) if root else os.path.join(scratch, "module", uri)  # noqa: PTH118  # plain text
    try:
        tree = loader.parse_module(text, filename)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the module does not parse: {type(error).__name__}"
    family = importlib.import_module(f"{_families_package()}.{plan['family']}").FAMILY
    folders = [os.path.dirname(filename), root] if root else []  # noqa: PTH120
    folders += [os.path.join(scratch, "siblings")] if plan.get("siblings") else []  # noqa: PTH118
    sys.dont_write_bytecode = True
    loader.install_finders([f for f in folders if f])
    for name in loader.imported_roots(tree):
        _import_installed(name)
    name, package = _module_name(uri, root)
    subject = Subject(tree, outline_of(tree), filename, name, package)
    sinks.watch_everything()
    family.watch()
    bounds = Bounds(plan.get("budget", Bounds.attempts), plan.get("seconds", Bounds.seconds))
    search = Search(subject, family, (plan["first"], plan["last"]), bounds, scratch)
    search.template_roots = tuple(f for f in folders if f)
    return search


def _families_package() -> str:
    return f"{__package__.rsplit('.', 1)[0]}.families"


def _import_installed(name: str) -> None:
    """Import a standard or installed package before the forks, so that every attempt has it for nothing."""
    if name in sys.stdlib_module_names:
        wanted = name not in {"antigravity", "this", "idlelib", "turtle", "tkinter", "__main__", "test"}
    else:
        folders = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        wanted = any((Path(f) / name).is_dir() or (Path(f) / f"{name}.py").is_file() for f in folders)
    if wanted:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  # a broken installation is not the finding's fault
            sys.modules.pop(name, None)
            print(f"{name}: {type(error).__name__}", file=sys.stderr)  # noqa: T201  # the job's log


def _module_name(uri: str, root: str) -> tuple[str, str]:
    """Give the module's dotted name and package, as far up as there are ``__init__.py`` files."""
    parts = list(Path(uri).with_suffix("").parts)
    start = len(parts) - 1
    while root and start > 0 and (Path(root, *parts[:start]) / "__init__.py").is_file():
        start -= 1
    dotted = parts[start:]
    if dotted[-1] == "__init__" and len(dotted) > 1:
        return ".".join(dotted[:-1]), ".".join(dotted[:-1])
    name = ".".join(dotted)
    if name in sys.modules or name in sys.stdlib_module_names or not name.replace(".", "_").isidentifier():
        name = f"module_under_test_{''.join(c if c.isalnum() else '_' for c in name)}"
    return name, ".".join(dotted[:-1])


def report_of(answer: Answer) -> dict[str, Any]:
    """Write an answer as JSON data."""
    report: dict[str, Any] = {
        "outcome": answer.outcome,
        "reason": answer.reason,
        "attempts": answer.attempts,
        "loaded": answer.loaded,
    }
    if answer.attack is not None:
        attack = answer.attack
        report |= {
            "words": answer.words,
            "effect": answer.effect,
            "shown": attack.payload.shown,
            "point": attack.point.words,
            "attack": attack_data(attack),
        }
    return report


def attack_data(attack: Attack) -> dict[str, Any]:
    """Write an attack as JSON data."""
    entry, setup = attack.entry, attack.setup
    return {
        "entry": [entry.kind, entry.name, entry.owner, entry.line],
        "point": list(attack.point),
        "payload": attack.payload.name,
        "values": [[list(p), _packed(v)] for p, v in setup.values if p != attack.point],
        "polarity": setup.polarity,
        "flips": sorted(setup.flips),
        "plain": setup.plain,
        "affixes": [[list(p), before, after] for p, before, after in setup.affixes],
    }


def _packed(value: Any) -> Any:  # noqa: ANN401  # values of inputs have any type
    return {"bytes": value.decode("latin-1")} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Any:  # noqa: ANN401
    return value["bytes"].encode("latin-1") if isinstance(value, dict) else value


def attack_from(data: dict[str, Any], search: Search) -> Attack:
    """Read an attack from JSON data."""
    kind, name, owner, line = data["entry"]
    setup = Setup(
        tuple((Point(*p), _unpacked(v)) for p, v in data["values"]),
        data["polarity"],
        frozenset(data["flips"]),
        data["plain"],
        tuple((Point(*p), before, after) for p, before, after in data["affixes"]),
    )
    known = (*search.family.payloads, *([search.family.whole] if search.family.whole else []))
    payload = next(p for p in known if p.name == data["payload"])
    return Attack(Entry(kind, name, owner, int(line)), Point(*data["point"]), payload, setup)


def replay(search: Search, data: dict[str, Any]) -> dict[str, Any]:
    """Do one attack and its control once more and say what happened."""
    attack = attack_from(data, search)
    look, disturbed = search.pair(attack)
    effect = search.family.effect(look)
    worked = bool(effect) and not disturbed
    return {"outcome": "confirmed" if worked else "inconclusive", "effect": effect, "reason": disturbed, "attempts": 2}
