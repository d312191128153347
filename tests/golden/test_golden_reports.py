"""Every report of the sample run, to the byte. BLUECODE_UPDATE_GOLDEN=1 rewrites them, and fails: look at the diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bluecode_lint.emitters.github import GithubEmitter
from bluecode_lint.emitters.html import HtmlEmitter
from bluecode_lint.emitters.json import JsonEmitter
from bluecode_lint.emitters.sarif import SarifEmitter
from bluecode_lint.emitters.text import TextEmitter

REPORTS = {
    "report.sarif": SarifEmitter(),
    "report.json": JsonEmitter(),
    "report.github.txt": GithubEmitter(),
    "report.html": HtmlEmitter(),
    "report.txt": TextEmitter(),
    "report.verbose.txt": TextEmitter(width=72, verbose=True),
    "report.color.txt": TextEmitter(color=True),
}


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("kind", ["run", "untrusted_run"])
def test_report_is_as_expected(name, kind, samples):
    written = REPORTS[name].emit(getattr(samples, f"make_{kind}")())
    expected = Path(__file__).with_name(kind) / name
    if os.environ.get("BLUECODE_UPDATE_GOLDEN"):
        expected.parent.mkdir(exist_ok=True)
        expected.write_bytes(written.encode())
        pytest.fail(f"{expected.name} was rewritten: look at the diff")
    assert written == expected.read_bytes().decode()
