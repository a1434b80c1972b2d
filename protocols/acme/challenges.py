"""Challenges (RFC 8555, 8): what a client must show."""

from __future__ import annotations

from ca_core.names import Identifier, Kind

HTTP_01 = "http-01"


def key_authorization(token: str, thumbprint: str) -> str:
    """What the client must publish (RFC 8555, 8.1)."""
    return f"{token}.{thumbprint}"


def offered(identifier: Identifier) -> tuple[str, ...]:
    """The challenge types that can prove this identifier here; none for a wildcard (RFC 8555, 8.3)."""
    if identifier.kind in {Kind.DNS, Kind.IP} and not identifier.is_wildcard:
        return (HTTP_01,)
    return ()
