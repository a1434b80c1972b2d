"""A registration: what the RA vetted about one subscriber, and what follows from it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

import msgspec

from ca_core import names
from ca_core.errors import (
    BadName,
    NameNotGranted,
    NameNotProved,
    ProfileNotGranted,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
)
from ca_core.names import Identifier, Kind
from ca_core.registration.contact import Contact

Key = TypeVar("Key")
# No colon: the account is the user of EST's Basic credentials (RFC 7617, 2).
_REALM = re.compile(r"[a-z][a-z0-9-]{0,39}")
OFFICERS = "officer."
"""How the accounts of officers begin, so that a subscriber may be called as an officer is."""
MAIN = "main"
"""The realm of a server that has one registration authority only."""
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,63}")


class Status(StrEnum):
    """Where a registration stands. `EXPIRED` is never stored: time alone makes it."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    CLOSED = "closed"


class Grant(msgspec.Struct, frozen=True):
    """One name, or every name below a zone, that a registration may have in certificates.

    A zone covers no wildcards: those are granted by name.

    Attributes:
        zone: whether every DNS name below `identifier` is meant, instead of that one.
        vetted: whether the RA proved it; otherwise its control is proved by challenge at each order.
    """

    identifier: Identifier
    zone: bool = False
    vetted: bool = True

    def __str__(self) -> str:
        """Such as `dns:www.example.com`, `dns:below example.com` or `dns:a.example (challenged)`."""
        name = f"{self.identifier.kind}:below {self.identifier.value}" if self.zone else str(self.identifier)
        return name if self.vetted else f"{name} (challenged)"


class Registration(msgspec.Struct, frozen=True, dict=True):
    """One subscriber as registered.

    Attributes:
        account: the site account on the sheet's cover, unique.
        kind: the name of its kind.
        status: as stored; ask `status_at` for what holds now.
        subject: the distinguished name as an RFC 4514 string, as the officer typed it.
        subject_der: the same as DER, as it goes into certificates.
        profiles: granted ones; the first is the default.
        uses: how often the enrollment code of a sheet works; None is unlimited.
        sheet: the number of the newest sheet.
        created_at, expires_at: UTC seconds.
        eab_uses: how often the EAB key of a sheet works; None is unlimited.
        realm: the registration authority that it belongs to.
        version: grows with every change.
        owner: the registration of the integrator that registered it; None where a person did.
        contact_read: None where it was not read with the rest, as on the doors; ask `contact`.
    """

    id: str
    account: str
    kind: str
    status: Status
    subject: str
    subject_der: bytes
    grants: tuple[Grant, ...]
    profiles: tuple[str, ...]
    language: str
    uses: int | None
    sheet: int
    created_at: int
    expires_at: int
    eab_uses: int | None = None
    realm: str = MAIN
    version: int = 1
    owner: str | None = None
    contact_read: Contact | None = None

    @property
    def contact(self) -> Contact:
        """Whom to reach.

        Raises:
            LookupError: it was not read; `registrations.whole()` reads it.
        """
        if self.contact_read is None:
            raise LookupError("the contact was not read with this registration")
        return self.contact_read

    def status_at(self, now: int) -> Status:
        """The status at a time; the vetting's end turns an active registration into an expired one."""
        if self.status is Status.ACTIVE and now > self.expires_at:
            return Status.EXPIRED
        return self.status

    def require_active(self, now: int) -> None:
        """Let only an active registration pass.

        Raises:
            RegistrationSuspended, RegistrationExpired, RegistrationClosed: it is not.
        """
        match self.status_at(now):
            case Status.SUSPENDED:
                raise RegistrationSuspended
            case Status.EXPIRED:
                raise RegistrationExpired
            case Status.CLOSED:
                raise RegistrationClosed

    def require_profile(self, profile: str) -> None:
        """Let only a granted profile pass.

        Raises:
            ProfileNotGranted: it is not.
        """
        if profile not in self.profiles:
            raise ProfileNotGranted(
                f"this registration does not hold the profile {profile!r}; it holds {', '.join(self.profiles)}"
            )

    def grant_for(self, name: Identifier) -> Grant:
        """The grant that covers a name, a vetted one first.

        Raises:
            NameNotGranted: there is none.
        """
        found = [self._exact.get(name)]
        if name.kind is Kind.DNS and not name.is_wildcard:
            found += [self._zones.get(zone) for zone in names.above(name)]
        covering = [grant for grant in found if grant is not None]
        if not covering:
            raise NameNotGranted(f"{name} is not registered for this account; ask your registration authority")
        return max(covering, key=lambda grant: grant.vetted)

    # Indexes, made once for each registration that is read: a partner may hold thousands of names.

    @cached_property
    def _exact(self) -> dict[Identifier, Grant]:
        return _preferring_vetted((grant.identifier, grant) for grant in self.grants if not grant.zone)

    @cached_property
    def _zones(self) -> dict[str, Grant]:
        return _preferring_vetted((grant.identifier.value, grant) for grant in self.grants if grant.zone)

    def require_name(self, name: Identifier, proved: frozenset[Identifier]) -> None:
        """Let only a name pass that was vetted, or is granted and proved.

        Raises:
            NameNotGranted: no grant covers it.
            NameNotProved: it needs a challenge that was not met.
        """
        if not self.grant_for(name).vetted and name not in proved:
            raise NameNotProved(f"control of {name} must be proved by a challenge; order it through ACME")


def _preferring_vetted(pairs: Iterable[tuple[Key, Grant]]) -> dict[Key, Grant]:
    """An index in which a vetted grant hides one that is not."""
    return dict(sorted(pairs, key=lambda pair: pair[1].vetted))


def checked_account(text: str) -> str:
    """A site account that fits every protocol.

    Raises:
        BadName: other characters than letters, digits, `.`, `_` and `-`, or not 2 to 64 of them.
    """
    if not _ACCOUNT.fullmatch(text):
        raise BadName(
            "an account is 2 to 64 letters, digits, dots, underscores or hyphens, starting with a letter or digit"
        )
    return text


def checked_realm(text: str) -> str:
    """A realm's name.

    Raises:
        BadName: not 1 to 40 lower-case letters, digits and hyphens, a letter first.
    """
    if not _REALM.fullmatch(text):
        raise BadName("a realm's name is 1 to 40 lower-case letters, digits and hyphens, a letter first")
    return text
