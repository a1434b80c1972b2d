"""Payloads of newOrder and newAuthz (RFC 8555, 7.4 and 7.4.1; RFC 9444; RFC 9773, 5)."""

from __future__ import annotations

from datetime import datetime

import msgspec

from ca_core import names
from ca_core.errors import BadName, BadRequest, Malformed
from ca_core.names import Identifier, Kind
from ca_core.policy.period import WishedPeriod
from protocols.acme.errors import Rejected, UnsupportedIdentifier
from protocols.acme.jws import members

MAX_IDENTIFIERS = 100

_TYPES = frozenset({Kind.DNS.value, Kind.IP.value, Kind.PERMANENT.value})


class OrderedIdentifier(msgspec.Struct, frozen=True, rename="camel"):
    """An identifier as it was sent, in any form.

    Attributes:
        ancestor_domain: whose authorization is to do for it (RFC 9444, 4.3).
        subdomain_auth_allowed: as in `NewAuthorization`; acme4j sends it here.
    """

    type: str
    value: str
    ancestor_domain: str | None = None
    subdomain_auth_allowed: bool | None = None


class NewOrder(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8555, 7.4, `profile` of draft-ietf-acme-profiles, and `replaces` of RFC 9773."""

    identifiers: tuple[OrderedIdentifier, ...]
    not_before: datetime | None = None
    not_after: datetime | None = None
    profile: str | None = None
    replaces: str | None = None

    @property
    def period(self) -> WishedPeriod:
        """The dates that the certificate should have.

        Raises:
            BadRequest: one without its offset to UTC, or with a fraction of a second, which no certificate has.
        """
        return WishedPeriod(_seconds(self.not_before), _seconds(self.not_after))


class NewAuthorization(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8555, 7.4.1, and RFC 9444, 4.2: whether it should do for the names below, too."""

    identifier: OrderedIdentifier
    subdomain_auth_allowed: bool | None = None

    @property
    def spans(self) -> bool:
        """Whether the names below are meant too."""
        return bool(self.subdomain_auth_allowed or self.identifier.subdomain_auth_allowed)


class Named(msgspec.Struct, frozen=True):
    """An identifier in normal form.

    Attributes:
        ancestor: the DNS name above it whose authorization is to do; None means its own.
    """

    identifier: Identifier
    ancestor: Identifier | None = None


def new_order(payload: bytes) -> NewOrder:
    """Read newOrder's payload; its identifiers are in any form yet.

    Raises:
        BadRequest: not such an object, or no identifier, or more than 100.
    """
    message = members(payload, NewOrder)
    if not 1 <= len(message.identifiers) <= MAX_IDENTIFIERS:
        raise BadRequest(f"an order has 1 to {MAX_IDENTIFIERS} identifiers, and not {len(message.identifiers)}")
    return message


def named(message: NewOrder) -> tuple[tuple[Named, ...], tuple[Rejected, ...]]:
    """What an order names, in normal form and without duplicates (RFC 8555, 7.1.3; RFC 8738, 3), and what cannot be.

    Raises:
        UnsupportedIdentifier, BadName: the only identifier that there is cannot be.
    """
    found: dict[Identifier, Named] = {}
    rejected = []
    for ordered in message.identifiers:
        try:
            one = _named(ordered)
        except Malformed as refusal:
            if len(message.identifiers) == 1:
                raise
            rejected.append(Rejected(ordered.type, ordered.value, refusal))
        else:
            found.setdefault(one.identifier, one)
    return tuple(found.values()), tuple(rejected)


def to_authorize(message: NewAuthorization) -> Identifier:
    """What is to be authorized ahead.

    Raises:
        UnsupportedIdentifier: a type that is not issued.
        BadName: no normal form, or a wildcard.
    """
    identifier = _named(message.identifier).identifier
    if identifier.is_wildcard:
        raise BadName("a wildcard cannot be authorized ahead of its order (RFC 8555, 7.4.1); place the order")
    if message.spans and identifier.kind is not Kind.DNS:
        raise BadName("only DNS names have names below them; leave subdomainAuthAllowed out")
    return identifier


def _named(ordered: OrderedIdentifier) -> Named:
    if ordered.type not in _TYPES:
        raise UnsupportedIdentifier(
            f"identifiers of type {ordered.type[:40]!r} are not issued; use dns, ip or permanent-identifier"
        )
    identifier = names.parse(ordered.type, ordered.value)
    if ordered.ancestor_domain is None:
        return Named(identifier)
    ancestor = names.dns(ordered.ancestor_domain)
    if ancestor.is_wildcard or not names.is_below(identifier, ancestor):
        raise BadName(f"{ordered.ancestor_domain[:80]!r} is not a domain above {ordered.value[:80]!r}")
    return Named(identifier, ancestor)


def _seconds(date: datetime | None) -> int | None:
    if date is None:
        return None
    if date.tzinfo is None or date.microsecond:
        raise BadRequest("notBefore and notAfter are dates as 2027-01-24T00:00:00Z (RFC 3339), in whole seconds")
    # Not by way of UTC: at either end of the calendar an offset leads to a year that there is not.
    return int(date.timestamp())
