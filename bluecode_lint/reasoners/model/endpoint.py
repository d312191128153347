"""Which model is asked, and where. Chosen by the operator alone: nothing in a scanned tree can name or change it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from bluecode_lint.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_URL = "https://api.openai.com/v1"
_NO_KEY = "none"  # local servers ask for none, and the client insists on sending something


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server and a model it serves.

    ``base_url`` ends before ``/chat/completions``. ``query`` is sent with every request (Azure's ``api-version``).
    """

    base_url: str
    model: str
    api_key: str = field(default=_NO_KEY, repr=False)
    query: tuple[tuple[str, str], ...] = ()

    @property
    def host(self) -> str:
        """Give the host name, for people: never the key, a path or a query."""
        return urlsplit(self.base_url).hostname or self.base_url

    @property
    def is_local(self) -> bool:
        """Tell whether the server is this machine: then nothing leaves it, and nothing is paid."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secrets(self) -> frozenset[str]:
        """Give what must never stand in a prompt, should the scanned code contain it."""
        return frozenset({self.api_key} - {_NO_KEY})

    @property
    def headers(self) -> dict[str, str]:
        """Give what a server wants beside the bearer token: Azure reads its key from a header of its own."""
        return {"api-key": self.api_key} if self.host.endswith(".azure.com") else {}


def endpoint_from_environment(
    environment: Mapping[str, str], *, base_url: str = "", model: str = ""
) -> Endpoint | None:
    """Read where the model is; ``base_url`` and ``model`` are flags, which come first. None if no model is named.

    ``BLUECODE_LLM_BASE_URL``, ``BLUECODE_LLM_MODEL`` and ``BLUECODE_LLM_API_KEY`` fall back to ``OPENAI_*``. A key
    alone chooses nothing: code leaves the machine only for a model that someone named.

    Raises:
        ConfigError: The address is not an http(s) URL.
    """

    def look_up(name: str) -> str:
        return environment.get(f"BLUECODE_LLM_{name}") or environment.get(f"OPENAI_{name}") or ""

    chosen = model or look_up("MODEL")
    if not chosen:
        return None
    address = urlsplit(base_url or look_up("BASE_URL") or DEFAULT_URL)
    if address.scheme not in {"http", "https"} or not address.hostname:
        message = "BLUECODE_LLM_BASE_URL must be an http(s) URL"
        raise ConfigError(message, advice="For example http://127.0.0.1:8000/v1, or https://api.openai.com/v1.")
    if address.username or address.password:
        message = "BLUECODE_LLM_BASE_URL must not contain a user or password"
        raise ConfigError(message, advice="Put the key into BLUECODE_LLM_API_KEY.")
    return Endpoint(
        base_url=urlunsplit((address.scheme, address.netloc, address.path, "", "")),
        model=chosen,
        api_key=look_up("API_KEY") or _NO_KEY,
        query=tuple(parse_qsl(address.query)),
    )
