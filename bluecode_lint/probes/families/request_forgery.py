"""Server-side request forgery (CWE-918): a hostile value decides which host the server asks."""
# ruff: noqa: ANN401, TID252  # wrapped clients take anything; relative: it is loaded under two names

from __future__ import annotations

import importlib
import re
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..driver.stage import as_text, see
from ..driver.wild import Wild
from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_CALLS = frozenset(
    [
        "get",
        "post",
        "put",
        "patch",
        "delete",
        "head",
        "options",
        "request",
        "send",
        "stream",
        "urlopen",
        "urlretrieve",
        "fetch",
        "ws_connect",
    ]
)
_CLIENTS = re.compile(r"requests|httpx|urllib|aiohttp|session|client|http|pool|pycurl|browser", re.IGNORECASE)


class RequestForgery(Family):
    """No request leaves: the address of each is looked at."""

    name = "server-side request forgery"
    cwes = frozenset({918})
    kinds = frozenset({"request", "call"})
    payloads = (
        Payload("absolute", "http://CANARY.example/"),
        Payload("https", "https://CANARY.example/plain"),
        Payload("host", "CANARY.example"),
        Payload("user", "@CANARY.example/"),
        Payload("suffix", ".CANARY.example/"),
        Payload("file", "file:///SCRATCH/outside-CANARY"),
    )

    def watch(self) -> None:
        """Answer requests of the standard library without sending any."""
        urllib.request.urlopen = urllib.request.urlretrieve = _ask
        client: Any = importlib.import_module("http.client")  # by name: it is disarmed here, not used
        for owner in (client.HTTPConnection, client.HTTPSConnection):
            owner.__init__ = _connect
        client.HTTPConnection.request = lambda *_args, **_options: None
        client.HTTPConnection.getresponse = lambda *_args: Wild("response")

    def is_sink(self, event: Event) -> bool:
        """Take requests of the standard library and of the usual clients."""
        if event.kind == "request":
            return True
        parts = event.what.replace("()", "").split(".")
        return (
            event.kind == "call" and parts[-1] in _CALLS and bool(_CLIENTS.search(event.what)) and bool(_address(event))
        )

    def effect(self, look: Look) -> str:
        """See whether the host asked is the canary's."""
        for event in look.events:
            address = _address(event)
            if host_of(address).endswith(f"{look.observed.canary}.example"):
                return f"the server asked another host: {address.replace(look.observed.canary, 'CANARY')}"
            if event.kind == "request" and address.startswith("file:") and look.observed.canary in address:
                return "the server opened a file: URL of the attacker's choice"
        return ""


def _address(event: Event) -> str:
    for text in (event.text, *event.args):
        bare = text.removeprefix("url=")
        if bare != text or "://" in bare or bare.startswith("//"):
            return bare
    return event.text


def host_of(address: str) -> str:
    """Give the host a client would connect to."""
    try:
        return (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _ask(url: Any, *_args: Any, **_kw: Any) -> Any:
    see("request", "urllib.request", getattr(url, "full_url", url))
    return Wild("response")


def _connect(self: Any, host: Any, *_args: Any, **_kw: Any) -> None:
    see("request", "http.client", f"http://{as_text(host)}/")
    self.host = host


FAMILY = RequestForgery()
