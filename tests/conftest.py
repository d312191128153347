"""Sockets are blocked for every test but those marked ``online``."""

import pytest
from pytest_socket import disable_socket, enable_socket


@pytest.fixture(autouse=True)
def _no_network(request):
    if request.node.get_closest_marker("online"):
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()
