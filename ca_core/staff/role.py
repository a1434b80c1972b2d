"""Roles: who may do what at the desk, through its API and on the command line.

`MAY` is the whole answer; a test asks every role for every action, in its own realm and in another.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import msgspec

from ca_core.errors import NotFound, NotPermitted

EVERY_REALM = "*"
"""What an actor has in the place of a realm who sees all of them; no realm is called so."""


class Role(StrEnum):
    """What somebody was taken on for."""

    OFFICER = "officer"
    """Vets, registers, hands sheets over, decides requests."""
    SUPERVISOR = "supervisor"
    """An officer who also closes, revokes by the hundred and takes officers on."""
    AUDITOR = "auditor"
    """Reads all, changes nothing."""
    OPERATOR = "operator"
    """Runs the server; vets nobody."""
    INTEGRATOR = "integrator"
    """A partner's program: the API, and what it registered itself."""


class Action(StrEnum):
    """Everything that can be done; the words are the scopes of tokens too."""

    READ_REGISTRATIONS = "registrations:read"
    REGISTER = "registrations:register"
    CHANGE_REGISTRATION = "registrations:change"
    SUSPEND = "registrations:suspend"
    RESUME = "registrations:resume"
    CLOSE = "registrations:close"
    RENEW_REGISTRATION = "registrations:renew"
    IMPORT = "registrations:import"
    PRINT_SHEET = "sheets:print"
    READ_CREDENTIALS = "credentials:read"
    ADD_CREDENTIAL = "credentials:add"
    REVOKE_CREDENTIAL = "credentials:revoke"
    READ_CERTIFICATES = "certificates:read"
    REVOKE = "certificates:revoke"
    HOLD = "certificates:hold"
    RELEASE = "certificates:release"
    REVOKE_MANY = "certificates:revoke-many"
    RECALL = "certificates:recall"
    READ_REQUESTS = "requests:read"
    APPROVE = "requests:approve"
    REJECT = "requests:reject"
    READ_JOURNAL = "journal:read"
    VERIFY_JOURNAL = "journal:verify"
    EXPLAIN_ORDER = "orders:explain"
    UNPAUSE = "orders:unpause"
    READ_NOTICES = "notices:read"
    READ_OFFICERS = "officers:read"
    MANAGE_OFFICERS = "officers:manage"
    READ_TOKENS = "tokens:read"
    MANAGE_TOKENS = "tokens:manage"
    READ_SERVER = "server:read"
    PUBLISH_CRL = "server:publish-crl"
    MANAGE_AUTHORITIES = "server:authorities"
    BACK_UP = "server:backup"


class Via(StrEnum):
    """Where somebody acts."""

    DESK = "desk"
    API = "api"
    CLI = "cli"


_READING = frozenset(
    {
        Action.READ_REGISTRATIONS,
        Action.READ_CREDENTIALS,
        Action.READ_CERTIFICATES,
        Action.READ_REQUESTS,
        Action.READ_JOURNAL,
        Action.VERIFY_JOURNAL,
        Action.EXPLAIN_ORDER,
        Action.READ_NOTICES,
        Action.READ_OFFICERS,
        Action.READ_TOKENS,
        Action.READ_SERVER,
    }
)
_VETTING = frozenset(
    {
        Action.REGISTER,
        Action.CHANGE_REGISTRATION,
        Action.SUSPEND,
        Action.RESUME,
        Action.RENEW_REGISTRATION,
        Action.IMPORT,
        Action.PRINT_SHEET,
        Action.ADD_CREDENTIAL,
        Action.REVOKE_CREDENTIAL,
        Action.REVOKE,
        Action.HOLD,
        Action.RELEASE,
        Action.APPROVE,
        Action.REJECT,
        Action.UNPAUSE,
    }
)
_OFFICER = (_READING - {Action.READ_TOKENS, Action.READ_SERVER}) | _VETTING

MAY: Mapping[Role, frozenset[Action]] = MappingProxyType(
    {
        Role.OFFICER: _OFFICER,
        Role.SUPERVISOR: _OFFICER
        | {
            Action.CLOSE,
            Action.REVOKE_MANY,
            Action.RECALL,
            Action.MANAGE_OFFICERS,
            Action.READ_TOKENS,
            Action.MANAGE_TOKENS,
        },
        Role.AUDITOR: _READING,
        Role.OPERATOR: _READING
        | {
            Action.MANAGE_OFFICERS,
            Action.MANAGE_TOKENS,
            Action.PUBLISH_CRL,
            Action.MANAGE_AUTHORITIES,
            Action.BACK_UP,
        },
        Role.INTEGRATOR: frozenset(
            {
                Action.READ_REGISTRATIONS,
                Action.REGISTER,
                Action.CHANGE_REGISTRATION,
                Action.SUSPEND,
                Action.RESUME,
                Action.CLOSE,
                Action.RENEW_REGISTRATION,
                Action.IMPORT,
                Action.PRINT_SHEET,
                Action.READ_CREDENTIALS,
                Action.ADD_CREDENTIAL,
                Action.REVOKE_CREDENTIAL,
                Action.READ_CERTIFICATES,
                Action.REVOKE,
                Action.READ_REQUESTS,
            }
        ),
    }
)


class Placed(Protocol):
    """A registration, as far as it says whose it is."""

    @property
    def realm(self) -> str:
        """The registration authority that vetted it."""

    @property
    def owner(self) -> str | None:
        """The registration of the integrator that registered it; None where a person did."""


class Actor(msgspec.Struct, frozen=True):
    """Somebody who was proved, and what for.

    Attributes:
        name: an officer's, or the operating system's of who types a command.
        realm: the registrations that exist for this actor; `EVERY_REALM` for all.
        registration_id: the actor's own registration; None on the command line.
        scope: what a token was given out for; None where the role alone counts.
    """

    name: str
    role: Role
    realm: str
    registration_id: str | None
    via: Via
    scope: frozenset[Action] | None = None

    @property
    def journal_name(self) -> str:
        """Such as `desk:officer:alice`."""
        return f"{self.via}:{self.role}:{self.name}"

    @property
    def permitted(self) -> frozenset[Action]:
        """All that this actor may do, in the realm that it sees."""
        if self.via is Via.CLI:
            # Who can type commands has the home itself: its keys and its database.
            return frozenset(Action)
        may = MAY[self.role]
        return may if self.scope is None else may & self.scope

    @property
    def owner(self) -> str | None:
        """Whose registrations alone this actor sees; None where it sees anybody's."""
        return self.registration_id if self.role is Role.INTEGRATOR else None

    def require(self, action: Action) -> None:
        """Let only pass who may do this.

        Raises:
            NotPermitted: names the action and the role.
        """
        if action not in self.permitted:
            lacking = "this token's scope" if action in MAY[self.role] else f"the role {self.role}"
            raise NotPermitted(f"{lacking} does not permit {action}; ask a supervisor")

    def sees(self, registration: Placed) -> bool:
        """Whether a registration exists for this actor."""
        in_realm = self.realm in {EVERY_REALM, registration.realm}
        return in_realm and (self.owner is None or registration.owner == self.owner)

    def require_sight(self, registration: Placed) -> None:
        """Let only pass who sees a registration.

        Raises:
            NotFound: as for one that there is not; nobody is told which.
        """
        if not self.sees(registration):
            raise NotFound("there is no such registration")


def console(name: str) -> Actor:
    """Who types commands, by the operating system's name; an officer of that name where votes are counted."""
    return Actor(name, Role.OPERATOR, EVERY_REALM, None, Via.CLI)


def name_in(journal_name: str) -> str:
    """Who somebody is, of `journal_name`, wherever they act: names hold no colon."""
    return journal_name.rpartition(":")[2]
