"""What other tools say about the action and the workflows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DESCRIPTIONS = [ROOT / "action" / "action.yml", *WORKFLOWS]


def steps_of(document):
    if "runs" in document:
        return document["runs"]["steps"]
    return [step for job in document["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_no_expression_reaches_a_shell_and_every_action_is_pinned(path):
    for step in steps_of(yaml.safe_load(path.read_text())):
        assert "${{" not in step.get("run", ""), step
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}|\$/action", step["uses"]), step
    for line in path.read_text().splitlines():
        if re.match(r"\s+(?:- )?uses: \w", line):
            assert re.search(r" # v\d+\.\d+\.\d+$", line), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_no_permissions_but_those_of_their_jobs(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.skipif(shutil.which("zizmor") is None, reason="zizmor is not installed (pip install zizmor)")
def test_zizmor_reports_nothing():
    done = subprocess.run(
        ["zizmor", "--offline", "--no-progress", "--no-config", "--persona=auditor", *map(str, DESCRIPTIONS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("check-jsonschema") is None, reason="pip install check-jsonschema")
@pytest.mark.parametrize("path", DESCRIPTIONS, ids=lambda path: path.name)
def test_descriptions_follow_githubs_schema(path):
    schema = "vendor.github-actions" if path.name == "action.yml" else "vendor.github-workflows"
    done = subprocess.run(
        ["check-jsonschema", "--builtin-schema", schema, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
