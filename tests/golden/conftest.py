"""Sample runs as fixtures, shared with the tests of the emitters."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples():
    path = Path(__file__).parents[1] / "emitters" / "sample_run.py"
    spec = importlib.util.spec_from_file_location("sample_run", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
