"""Benchmarks: ``pytest tests/benchmarks/bench_*.py``; compare runs with ``--benchmark-compare``. No time is asserted.

Expected costs: start-up is constant; merging n findings is O(n log n); every analyzer is linear in lines; retrieval is
constant in the number of exemplars as long as Annoy answers.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bluecode_lint import check
from bluecode_lint.core.model import Confidence, Finding, Job, Location, Region
from bluecode_lint.knowledge.catalogue import load_rules, rules_root
from bluecode_lint.pipeline import merge
from bluecode_lint.sandbox import open_sandbox
from bluecode_lint.sources.reading import make_artifact

DEMO = Path(__file__).parent.parent / "data" / "demo_app"


def command(*arguments):
    return [sys.executable, "-m", "bluecode_lint", *arguments]


@pytest.mark.parametrize("arguments", [("--version",), ("scan", "--help")], ids=["version", "help"])
def bench_start_up(benchmark, arguments):
    benchmark(subprocess.run, command(*arguments), check=True, capture_output=True)


@pytest.mark.parametrize("extra", [("--no-exec",), ()], ids=["static", "with-probes"])
def bench_demo_scan(benchmark, tmp_path, extra):
    scan = command("scan", str(DEMO), "--exit-zero", "-q", "--cache-dir", str(tmp_path), *extra)
    benchmark.pedantic(subprocess.run, (scan,), {"check": True, "capture_output": True}, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("number", [1_000, 10_000, 100_000])
def bench_merge(benchmark, number):
    chance = random.Random(7)
    findings = [
        Finding(
            f"bluecode/r{chance.randrange(20)}", 78,
            Location(f"f{chance.randrange(100)}.py", Region(line := chance.randrange(2_000), 1, line, 20)),
            "m", Confidence.HIGH, (f"tool:{chance.randrange(3)}",),
        )
        for _ in range(number)
    ]  # fmt: skip
    benchmark.pedantic(merge, (findings,), rounds=3)


@pytest.mark.parametrize("lines", [1_000, 10_000, 100_000])
@pytest.mark.parametrize("name", ["flow", "misuse"])
def bench_analyzer(benchmark, name, lines):
    """Scan copies of the demo application with other names, in files of a few hundred lines."""
    module = __import__(f"bluecode_lint.analyzers.{name}", fromlist=["*"])
    rules = {rule.id: rule for rule in load_rules(rules_root())}
    analyzer = getattr(module, f"{name.capitalize()}Analyzer")(rules_root(), rules)
    text = "".join(path.read_text() for path in sorted(DEMO.rglob("*.py")))
    copies = max(1, lines // text.count("\n"))
    artifacts = [next(make_artifact(f"copy{n}.py", text.replace("depot", f"depot{n}").encode())) for n in range(copies)]
    benchmark.pedantic(lambda: list(analyzer.analyze(artifacts)), rounds=1)


def bench_trivial_job(benchmark):
    """Run an empty program in the warm sandbox: what an execution costs beside its own work."""
    sandbox = open_sandbox()
    job = Job(argv=(sys.executable, "-I", "-c", "pass"))
    benchmark(sandbox.exec, job)
    sandbox.close()


def bench_guard_check(benchmark):
    check("Load the knowledge.")
    benchmark(check, "Write a function that merges two sorted lists and returns the result without duplicates.")


@pytest.mark.skipif("BENCH_TREE" not in os.environ, reason="set BENCH_TREE to a source tree, such as Django's")
@pytest.mark.parametrize("extra", [("--no-exec",), ()], ids=["static", "with-probes"])
def bench_real_tree(benchmark, tmp_path, extra):
    scan = command("scan", os.environ["BENCH_TREE"], "--exit-zero", "-q", "--cache-dir", str(tmp_path), *extra)
    benchmark.pedantic(subprocess.run, (scan,), {"check": True, "capture_output": True}, rounds=1)
