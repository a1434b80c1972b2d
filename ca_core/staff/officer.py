"""An officer: whoever works at the registration authority, by a certificate or a token."""

from __future__ import annotations

import re

import msgspec

from ca_core.errors import BadName, RegistrationClosed
from ca_core.registration.account import OFFICERS, checked_realm
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via

# No colon: it ends the name in the journal. In lower case: nobody is two people by spelling.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,47}")
_OF_EVERY_REALM = frozenset({Role.AUDITOR, Role.OPERATOR})


class Officer(msgspec.Struct, frozen=True):
    """One officer, of whichever role.

    Attributes:
        name: unique for ever: votes are counted by it.
        realm: the registrations that exist for them; `*` for all.
        created_at, ended_at: UTC seconds; None while they work here.
    """

    registration_id: str
    name: str
    role: Role
    realm: str
    created_at: int
    ended_at: int | None = None

    @property
    def account(self) -> str:
        """The site account of their registration."""
        return account_of(self.name)

    def acting(self, via: Via) -> Actor:
        """Who they are to whatever they do.

        Raises:
            RegistrationClosed: they have left.
        """
        if self.ended_at is not None:
            raise RegistrationClosed
        return Actor(self.name, self.role, self.realm, self.registration_id, via)


def account_of(name: str) -> str:
    """The site account of the registration of an officer."""
    return f"{OFFICERS}{name}"


def checked_name(text: str) -> str:
    """An officer's name.

    Raises:
        BadName: other characters than lower-case letters, digits, `.`, `_` and `-`, or not 2 to 48 of them.
    """
    if not _NAME.fullmatch(text):
        raise BadName(
            "an officer's name is 2 to 48 lower-case letters, digits, dots, underscores or hyphens, starting with a"
            " letter or digit"
        )
    return text


def checked_place(role: Role, realm: str) -> str:
    """The realm of an officer.

    Raises:
        BadName: no realm's name, or all realms for a role that works in one.
    """
    if realm == EVERY_REALM and role not in _OF_EVERY_REALM:
        raise BadName(f"the role {role} works in one realm; only an auditor and an operator may have all of them (*)")
    return realm if realm == EVERY_REALM else checked_realm(realm)
