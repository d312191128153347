"""Sockets are blocked for every test but those marked ``online``; no property is held to a time, no result kept."""

import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket, enable_socket

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _no_network(request):
    if request.node.get_closest_marker("online"):
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    """Have every scan find everything out anew: a test may break a part whose answer another test has kept."""
    monkeypatch.setenv("BLUECODE_NO_CACHE", "1")
