"""How a browser keeps a subscriber's session."""

from __future__ import annotations

from ca_core.secret import Secret
from protocols.wire import Request
from server.web import languages

COOKIE = "__Host-soapstone"
"""Browsers send a cookie of this prefix to this host only, and over TLS only."""
# Lax: whoever follows a link in a reminder mail is still signed in; no form of another site brings it along.
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def token(request: Request) -> Secret:
    """The session's token; empty where the browser has none."""
    return Secret(languages.cookies(request).get(COOKIE, ""))


def keeping(token: Secret) -> tuple[str, str]:
    """The header field that has a browser keep a session until it is closed."""
    return "Set-Cookie", f"{COOKIE}={token.reveal()}; {_ATTRIBUTES}"


def forgetting() -> tuple[str, str]:
    """The header field that has a browser forget a session."""
    return "Set-Cookie", f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}"
