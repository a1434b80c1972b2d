"""Journal events that exist only because of ACME."""

from __future__ import annotations

from ca_core.audit.event import Event


class ContactsChanged(Event, frozen=True, tag="acme-contacts-changed"):
    """An account has other contacts now. They are not named here: the journal forgets nothing."""

    account: str


class AgreementAccepted(Event, frozen=True, tag="acme-agreement-accepted"):
    """An account accepted the subscriber agreement: this version, whose text has this SHA-256 in hex."""

    account: str
    version: str
    sha256: str


class AccountKeyChanged(Event, frozen=True, tag="acme-key-changed"):
    """An account has another key now; the thumbprints are those of RFC 7638."""

    account: str
    old_thumbprint: str
    new_thumbprint: str


class OrderPlaced(Event, frozen=True, tag="acme-order-placed"):
    """An account ordered a certificate; the names that the RA vouches for are in `policy-grant`."""

    order: str
    names: tuple[str, ...]


class NameAsked(Event, frozen=True, tag="acme-name-asked"):
    """An account wants to prove a name ahead of its order; with `spans` for the names below it, too."""

    authorization: str
    name: str
    spans: bool


class AuthorizationDeactivated(Event, frozen=True, tag="acme-authorization-deactivated"):
    """The holder of an account gave an authorization up."""

    authorization: str
    name: str


class NamePaused(Event, frozen=True, tag="name-paused"):
    """Its challenges failed so often in a row that an account may not order it until somebody has looked at it."""

    account: str
    name: str
    failures: int


class NameUnpaused(Event, frozen=True, tag="name-unpaused"):
    """An account may order a paused name again."""

    account: str
    name: str


class ChallengeFailed(Event, frozen=True, tag="challenge-failed"):
    """A challenge was not met. The problem is an ACME error type without its URN prefix."""

    name: str
    challenge: str
    problem: str
