"""Sample runs as fixtures."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest


def load_samples():
    """Load the sample runs by path: with importlib mode, test folders are no packages."""
    spec = importlib.util.spec_from_file_location("sample_run", Path(__file__).with_name("sample_run.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def samples():
    return load_samples()


@pytest.fixture(scope="session")
def run(samples):
    return samples.make_run()
