"""The stage of the model tests: a scripted server, and cases to ask it about."""

import importlib.util
import sys
from pathlib import Path

import pytest


def _load_stage():
    """Load the module beside this one by path: with importlib mode, test folders are no packages."""
    spec = importlib.util.spec_from_file_location("model_stage", Path(__file__).with_name("model_stage.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def stage():
    return _load_stage()


@pytest.fixture
def server(stage):
    with stage.serving() as script:
        yield script
