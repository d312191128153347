"""Ten thousand files passed by name, as pre-commit does."""

import json

import pytest

from bluecode_lint.analyzers import bandit, semgrep
from bluecode_lint.cli import app
from bluecode_lint.core.errors import ExitCode

FILES = 10_000


@pytest.mark.slow
def test_no_tool_is_given_the_names(tmp_path, monkeypatch):
    """Each harmless file has the word that makes a Semgrep rule look at it."""
    calls = []
    for tool in (bandit, semgrep):
        start = tool.run_tool
        monkeypatch.setattr(
            tool, "run_tool", lambda argv, *a, _run=start, **o: calls.append(argv) or _run(argv, *a, **o)
        )
    for number in range(FILES):
        defect = "import os, sys\nos.system(sys.argv[1])\n"
        (tmp_path / f"module_{number:05}.py").write_text(f"MAX_IMAGE_PIXELS = {number}\n" if number % 1_000 else defect)
    report, names = tmp_path / "out.json", sorted(map(str, tmp_path.glob("*.py")))
    options = ["--isolated", "-q", "--no-exec", "--jobs", "2", "-f", f"json={report}"]
    assert app.run(["scan", *options, *names]) == ExitCode.RESULTS
    found = json.loads(report.read_text())
    assert found["execution_successful"] is True
    assert found["statistics"]["files"] == FILES
    assert {result["location"]["uri"].removeprefix(f"{tmp_path.name}/") for result in found["results"]} == {
        f"module_{number:05}.py" for number in range(0, FILES, 1_000)
    }
    assert {argv[0].rpartition("/")[2] for argv in calls} == {"bandit", "semgrep"}
    assert len(calls) == 3  # Bandit for each of two workers, Semgrep once
    assert max(len(argv) for argv in calls) < 30
