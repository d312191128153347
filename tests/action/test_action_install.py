"""The action with its real installation: an environment of its own, filled from the package registry."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.online
def test_it_installs_and_scans(runner, tmp_path):
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "app.py").write_text("import hashlib\n\n\ndef digest(password):\n    return eval(password)\n")
    # A module of the scanned repository must not shadow ours.
    (workspace / "bluecode_lint.py").write_text("raise SystemExit('pwned')\n")
    (workspace / "pip.py").write_text("raise SystemExit('pwned')\n")
    runner.python = Path(sys.executable)
    job = runner.run(workspace, "push", execute="false", fail_on="never", upload="false")
    assert job.conclusion == "success", job.log
    assert job.outputs["exit-code"] == "0"
    assert "pwned" not in job.log.replace("'pwned'", "")
