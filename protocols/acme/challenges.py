"""Challenges (RFC 8555, 8; RFC 8737; RFC 8738): which are offered, and what a client must show for each."""

from __future__ import annotations

import base64
import hashlib

from ca_core.names import Identifier, Kind
from protocols.encoding import base64url

HTTP_01 = "http-01"
DNS_01 = "dns-01"
TLS_ALPN_01 = "tls-alpn-01"
DNS_ACCOUNT_01 = "dns-account-01"
DNS_PERSIST_01 = "dns-persist-01"

STANDARD = (HTTP_01, DNS_01, TLS_ALPN_01)
"""What is offered where nobody says otherwise: uacme and aioacme break on types that they do not know."""
KNOWN = (*STANDARD, DNS_ACCOUNT_01, DNS_PERSIST_01)

_FOR_ADDRESSES = frozenset({HTTP_01, TLS_ALPN_01})
_FOR_WILDCARDS = frozenset({DNS_01, DNS_ACCOUNT_01, DNS_PERSIST_01})
_LABEL_OCTETS = 10


def offered(identifier: Identifier, types: tuple[str, ...] = STANDARD) -> tuple[str, ...]:
    """Those of the challenge types that can prove this identifier.

    A wildcard is proved in the DNS only (RFC 8555, 8.3; RFC 8737, 3), an address never there (RFC 8738, 7).
    """
    match identifier.kind:
        case Kind.DNS if identifier.is_wildcard:
            return tuple(one for one in types if one in _FOR_WILDCARDS)
        case Kind.DNS:
            return types
        case Kind.IP:
            return tuple(one for one in types if one in _FOR_ADDRESSES)
        case _:
            return ()


def shown(identifier: Identifier) -> str:
    """The type that a vetted authorization shows as met: there are clients that stumble over none."""
    return DNS_01 if identifier.is_wildcard else HTTP_01


def key_authorization(token: str, thumbprint: str) -> str:
    """What the client must publish (RFC 8555, 8.1)."""
    return f"{token}.{thumbprint}"


def txt_value(key_authorization: str) -> str:
    """What the client must publish in the DNS (RFC 8555, 8.4)."""
    return base64url(hashlib.sha256(key_authorization.encode()).digest())


def txt_name(type_: str, identifier: Identifier, account_url: str) -> str:
    """Where it must be published: for dns-01 (RFC 8555, 8.4) the same name for everybody.

    For dns-account-01 below it, one for each account (draft-ietf-acme-dns-account-label-03); for dns-persist-01 at
    a name of its own (draft-ietf-acme-dns-persist-02).
    """
    domain = identifier.value.removeprefix("*.")
    if type_ == DNS_PERSIST_01:
        return f"_validation-persist.{domain}"
    name = f"_acme-challenge.{domain}"
    if type_ == DNS_ACCOUNT_01:
        digest = hashlib.sha256(account_url.encode()).digest()[:_LABEL_OCTETS]
        return f"_{base64.b32encode(digest).decode().lower()}.{name}"
    return name
