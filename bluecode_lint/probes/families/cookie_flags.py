"""Cookies without flags (CWE-614, 1004): what the response really sets is read back."""
# relative, because inside the sandbox the package has another name

from __future__ import annotations

import json

from .family import Family, Look, Payload


class CookieFlags(Family):
    """Every cookie that is set is looked at."""

    name = "cookie without flags"
    cwes = frozenset({614, 1004})
    kinds = frozenset({"set_cookie"})
    needs_input = False
    payloads = (Payload("look", "nothing is sent: the cookie in the response is what counts"),)

    def effect(self, look: Look) -> str:
        """See whether a cookie lacks Secure or HttpOnly."""
        if look.payload is None:
            return ""
        for event in look.events:
            cookie = json.JSONDecoder().decode(event.text)
            lacking = [flag for flag, key in (("Secure", "secure"), ("HttpOnly", "httponly")) if not cookie.get(key)]
            if lacking:
                return f"the cookie {event.what} is set without {' and '.join(lacking)}"
        return ""


FAMILY = CookieFlags()
