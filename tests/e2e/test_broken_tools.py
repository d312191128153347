"""Semgrep or Bandit missing, crashing or talking nonsense: named, and never taken for a clean result."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

CRASH = "#!/bin/sh\necho 'Fatal: out of cheese' >&2\nexit 70\n"
NONSENSE = "#!/bin/sh\necho 'this is not JSON'\nexit 0\n"
KILLED = "#!/bin/sh\nkill -9 $$\n"


@pytest.fixture
def other_environment(tmp_path, command_line):
    """An environment that is the running one, except that its ``bin`` holds the tools a test puts there."""
    real = Path(sys.prefix)
    root = tmp_path / "environment"
    (root / "bin").mkdir(parents=True)
    shutil.copy(real / "pyvenv.cfg", root)
    (root / "lib").symlink_to(real / "lib")
    (root / "bin" / "python").symlink_to(Path(sys.executable).resolve())

    def make(**tools):
        for name, script in tools.items():
            tool = root / "bin" / name
            if script is None:
                tool.symlink_to(Path(sys.executable).parent / name)
            else:
                tool.write_text(script)
                tool.chmod(0o755)
        return type(command_line)(tmp_path / "home", [str(root / "bin" / "python"), "-I", "-m", "bluecode_lint"])

    return make


@pytest.mark.parametrize(("present", "missing"), [("bandit", "semgrep"), ("semgrep", "bandit")])
def test_a_missing_tool_refuses_to_start(other_environment, repository, defect, present, missing):
    command_line = other_environment(**{present: None})
    done = command_line.run("scan", "--no-exec", ".", cwd=repository({"app.py": defect}))
    assert done.code == 2
    assert f"{missing} is not installed" in done.stderr
    assert "pip install" in done.stderr
    assert done.stdout == ""
    doctor = command_line.run("doctor", cwd=Path("/"))
    assert doctor.code == 2
    assert any(line.startswith("--") and missing in line for line in doctor.stdout.splitlines())


@pytest.mark.parametrize("script", [CRASH, NONSENSE, KILLED], ids=["crash", "nonsense", "killed"])
@pytest.mark.parametrize(("well", "ill"), [("bandit", "semgrep"), ("semgrep", "bandit")])
def test_a_failing_tool_spoils_the_scan_but_not_the_findings_of_others(
    other_environment, repository, defect, well, ill, script
):
    command_line = other_environment(**{well: None, ill: script})
    # Semgrep is not even started for a file that none of its rules can match; it has one for this.
    root = repository({"app.py": defect + "\n\nimport pdb; pdb.set_trace()\n"})
    done = command_line.scan("--no-exec", "--exit-zero", ".", cwd=root)
    assert done.code == 2, "--exit-zero never hides trouble"
    assert (f"{ill}-failed", "error", "") in done.notifications
    assert 78 in {result.cwe for result in done.results}
