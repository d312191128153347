"""Ctrl-C in the middle of a real scan: what is known is reported as incomplete, and nothing stays behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

DEFECTS = "import subprocess\n\n\n" + "\n\n".join(
    f"def show{n}(name):\n    return subprocess.run('ls ' + name, shell=True)" for n in range(60)
)


@pytest.fixture
def scan(tmp_path):
    (tmp_path / "many.py").write_text(DEFECTS + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "bluecode_lint", "scan", "many.py", "--isolated", "--jobs", "1"]
    command += ["--probe-budget", "1000", "-f", "sarif=out.sarif", "-f", "text", "--cache-dir", "cache"]
    environment = {"PATH": "/usr/bin:/bin", "CI": "true", "HOME": str(tmp_path)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.wait()


def wait_for_attacks(process) -> None:
    """Wait until the analyzers have come and gone, and then until the sandbox runs something again."""
    deadline, seen = time.monotonic() + 90, False
    while time.monotonic() < deadline and process.poll() is None:
        rows = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
        parents = {int(r.split()[0]): (int(r.split()[1]), r) for r in rows.splitlines() if len(r.split()) > 2}
        children = [pid for pid, (parent, _) in parents.items() if parent == process.pid]
        running = any("bandit" in parents[pid][1] or "semgrep" in parents[pid][1] for pid in children)
        if seen and not running and any(parent in children for parent, _ in parents.values()):
            return
        seen = seen or running
        time.sleep(0.05)
    pytest.fail("no attack was seen")


@pytest.mark.slow  # it has to see an attack begin in the list of processes, for which it needs a quiet machine
def test_the_first_interrupt_reports_what_is_known(scan, tmp_path):
    wait_for_attacks(scan)
    time.sleep(0.3)
    scan.send_signal(signal.SIGINT)
    stdout, stderr = scan.communicate(timeout=90)
    if "interrupted" not in stderr:
        pytest.skip("the scan was over before the signal came")
    assert scan.returncode == 130, stderr
    run = json.loads((tmp_path / "out.sarif").read_text(encoding="utf-8"))["runs"][0]
    assert run["invocations"][0]["executionSuccessful"] is False
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert any("interrupted" in note["message"]["text"] for note in notes)
    assert len(run["results"]) == 60, "what was not attacked is reported as suspected"
    assert "Traceback" not in stderr
    assert "many.py" in stdout


def test_an_interrupt_before_anything_is_known_ends_it_at_once(tmp_path, scan):
    scan.send_signal(signal.SIGINT)
    _, stderr = scan.communicate(timeout=60)
    assert scan.returncode in (130, -signal.SIGINT), stderr
    assert not (tmp_path / "out.sarif").exists()
