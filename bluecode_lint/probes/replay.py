"""Writes an attack down as one Python file that does it again, and runs such files in a sandbox."""

from __future__ import annotations

import base64
import json
import sys
import textwrap
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bluecode_lint.core.model import Job, Limits

if TYPE_CHECKING:
    from bluecode_lint.core.model import Evidence, ExecResult
    from bluecode_lint.probes.families.family import Family

MARK = "BLUECODE_REPLAY"
"""The variable that tells a replay script it runs in a sandbox; without it the script refuses."""
WORKED = 0
MAX_SIBLINGS = 400_000
_HERE = Path(__file__).resolve().parent

_TEMPLATE = '''#!/usr/bin/env python3
"""{title}

Attacked:  {uri}, line {line}
Way in:    {entry}
Payload:   {payload}
Effect:    {effect}

Run it with `bluecode-lint replay THIS_FILE`: it attacks the code below for real and therefore refuses to start outside
a sandbox. It sends the payload and a harmless control value once each, with a fresh random word for CANARY, and exits 0
if the payload has the effect and the control has not, 1 if not.
"""

import base64, importlib.abc, importlib.util, json, os, pathlib, sys, zlib

# The module that is attacked, as it was scanned.
MODULE = {module}

# Modules of the project that it imported.
SIBLINGS = {siblings}

# The attack: entry, input, payload by name, and how the other inputs were set so that the sink is reached.
PLAN = json.loads({plan})

# The probe driver of bluecode-lint (bluecode_lint/probes/driver and families), packed: it loads the module with
# stand-ins for missing packages, feeds the entry, and watches the sinks. Its sources are in the project.
DRIVER = """
{driver}
"""


class Packed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the driver from DRIVER."""

    sources = json.loads(zlib.decompress(base64.b85decode("".join(DRIVER.split()))))

    def find_spec(self, name, path=None, target=None):
        if name == "bluecode_probes" or name in self.sources or name + ".__init__" in self.sources:
            package = name == "bluecode_probes" or name + ".__init__" in self.sources
            return importlib.util.spec_from_loader(name, self, is_package=package)

    def exec_module(self, module):
        source = self.sources.get(module.__name__) or self.sources.get(module.__name__ + ".__init__", "")
        exec(compile(source, module.__name__, "exec"), module.__dict__)


def main():
    if not os.environ.get("{mark}"):
        sys.exit("This script attacks code for real. Run it in the sandbox: bluecode-lint replay " + sys.argv[0])
    root = pathlib.Path.cwd() / "project"
    for name, text in {{**SIBLINGS, PLAN["uri"]: MODULE}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    sys.meta_path.insert(0, Packed())
    from bluecode_probes.driver.main import carry_out

    report = carry_out({{**PLAN, "text": MODULE, "root": str(root)}})
    worked = report["outcome"] == "confirmed"
    said = "CONFIRMED: " + report["effect"] if worked else "NOT CONFIRMED: " + (report.get("reason") or "no effect")
    print(said, file=sys.__stdout__)
    sys.__stdout__.flush()
    os._exit(0 if worked else 1)


main()
'''


def write_replay(
    plan: dict[str, Any], report: dict[str, Any], evidence: Evidence, family: Family, root: Path | None
) -> str:
    """Write the script that repeats one attack.

    ``plan`` is what the driver was given, ``report`` what it answered. The text is the same in every run.
    """
    kept = {key: plan[key] for key in ("family", "uri", "first", "last", "budget", "seconds", "steps") if key in plan}
    return _TEMPLATE.format(
        title=_plain(f"Replay: {family.name}"),
        uri=_plain(plan["uri"]),
        line=plan["first"],
        entry=_plain(evidence.entry),
        payload=_plain(evidence.payload),
        effect=_plain(evidence.effect),
        module=_literal(plan["text"]),
        siblings=_siblings(report.get("loaded", []), plan["uri"], root),
        plan=_literal(json.dumps({**kept, "attack": report["attack"]}, indent=1, sort_keys=True)),
        driver=_packed_driver(),
        mark=MARK,
    )


def _plain(text: str) -> str:
    """Make a text safe inside a docstring: one line, no quotes that end it, no escapes."""
    return " ".join(repr(text)[1:-1].replace('"', "'").replace("\\'", "'").replace("\\", "\\\\").split())


def _literal(text: str) -> str:
    """Write a text as a readable literal, one source line a line."""
    lines = text.splitlines(keepends=True)
    return "(\n" + "".join(f"    {line!r}\n" for line in lines) + ")" if lines else "''"


def _siblings(loaded: list[str], uri: str, root: Path | None) -> str:
    """Embed the project's modules that were imported, as far as they are inside the project."""
    parts: list[str] = []
    room = MAX_SIBLINGS
    for name in loaded if root is not None else []:
        path = Path(name)
        if root is None or not path.is_relative_to(root) or str(path.relative_to(root)) == uri:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        room -= len(text)
        if room > 0:
            parts.append(
                f"    {path.relative_to(root).as_posix()!r}: {textwrap.indent(_literal(text), '    ').strip()},\n"
            )
    return "{\n" + "".join(parts) + "}" if parts else "{}"


@cache
def _packed_driver() -> str:
    """Pack the sources of driver and families."""
    sources: dict[str, str] = {}
    for folder in ("driver", "families"):
        for path in sorted((_HERE / folder).rglob("*.py")):
            dotted = ".".join(path.relative_to(_HERE).with_suffix("").parts)
            sources[f"bluecode_probes.{dotted}"] = path.read_text(encoding="utf-8")
    packed = base64.b85encode(zlib.compress(json.dumps(sources).encode(), 9)).decode()
    return "\n".join(textwrap.wrap(packed, 118))


def replay_job(script: str, python: str = sys.executable) -> Job:
    """Make the job that runs a replay script."""
    return Job(
        argv=(python, "-I", "replay.py"),
        files={"replay.py": script.encode("utf-8", "surrogatepass")},
        env={MARK: "sandboxed"},
        limits=Limits(wall_s=30.0),
    )


@dataclass(frozen=True, slots=True)
class ReplayAnswer:
    """What a replay showed: whether the attack worked again, and what it printed."""

    worked: bool
    said: str


def read_replay(result: ExecResult) -> ReplayAnswer:
    """Read the result of a replay job."""
    said = result.stdout.decode("utf-8", "replace").strip() or result.stderr.decode("utf-8", "replace").strip()
    if result.timed_out:
        said = "the replay ran out of time"
    return ReplayAnswer(result.returncode == WORKED and not result.timed_out, said)
