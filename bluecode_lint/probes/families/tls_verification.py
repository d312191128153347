"""Missing TLS verification (CWE-295): the call itself says that any certificate will do."""
# ruff: noqa: ANN401, TID252  # wrapped functions take anything; relative: it is loaded under two names

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

from ..driver.stage import see
from .family import Family, Look, Payload

if TYPE_CHECKING:
    from ..driver.stage import Event

_VERIFYING = ("verify=", "ssl=", "verify_ssl=", "validate_certs=", "check_hostname=", "cert_reqs=", "ssl_verify=")
_OFF = frozenset({"False", "0", "CERT_NONE", "VerifyMode.CERT_NONE"})
_CLIENTS = (
    "requests",
    "httpx",
    "aiohttp",
    "urllib3",
    "session",
    "client",
    "ldap3",
    "paramiko",
    "http",
    "pymongo",
    "redis",
)


class TlsVerification(Family):
    """Calls of network clients and the contexts of `ssl` are looked at; no connection is made."""

    name = "missing TLS verification"
    cwes = frozenset({295, 297})
    kinds = frozenset({"call", "tls"})
    needs_input = False
    payloads = (Payload("look", "nothing is sent: the call's arguments are what counts"),)

    def watch(self) -> None:
        """Show contexts that verify nothing, at the moment they are made or loosened."""
        owner: Any = ssl.SSLContext
        for name in ("verify_mode", "check_hostname"):
            setattr(owner, name, _shown_property(getattr(owner, name), name))
        strict, loose = ssl.create_default_context, ssl._create_unverified_context  # noqa: SLF001

        def verified(*args: Any, **options: Any) -> Any:
            see("tls", "create_default_context", "True")
            return strict(*args, **options)

        def unverified(*args: Any, **options: Any) -> Any:
            see("tls", "_create_unverified_context", "False")
            return loose(*args, **options)

        ssl.create_default_context, ssl._create_unverified_context = verified, unverified  # noqa: SLF001

    def is_sink(self, event: Event) -> bool:
        """Take network clients' calls and changes of contexts."""
        return event.kind == "tls" or any(event.what.lower().startswith(c) for c in _CLIENTS)

    def effect(self, look: Look) -> str:
        """See whether verification was turned off."""
        if look.payload is None:
            return ""
        for event in look.events:
            if event.kind == "tls" and event.text in _OFF:
                return f"the TLS context was made to accept any certificate ({event.what})"
            for argument in event.args:
                name, _, value = argument.partition("=")
                if f"{name}=" in _VERIFYING and value in _OFF:
                    return f"{event.what.replace('()', '')} was called with {name}={value}"
            if event.what.endswith("set_missing_host_key_policy") and "AutoAdd" in event.text:
                return "unknown host keys are accepted"
        return ""


def _shown_property(real: Any, name: str) -> property:
    """Wrap an attribute so that setting it shows."""

    def put(self: Any, value: Any) -> None:
        see("tls", name, value)
        real.__set__(self, value)

    return property(real.__get__, put)


FAMILY = TlsVerification()
