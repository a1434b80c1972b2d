"""Who asks, how it was proved, and through which door."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.names import Identifier
from ca_core.registration import limits as limits_module
from ca_core.registration.account import Registration
from ca_core.registration.limits import Limits


class Door(StrEnum):
    """The way in."""

    ACME = "acme"
    EST = "est"
    CLI = "cli"
    SERVER = "server"
    DESK = "desk"
    API = "api"
    PORTAL = "portal"


class Applicant(msgspec.Struct, frozen=True):
    """One proved applicant of one registration.

    Attributes:
        registration_id: whose registered data the certificate will bear.
        proof: how it was proved, as the journal shows it: `enrollment-code`, `certificate`, `acme-account`, `operator`.
        source: textual IP address, or the operator's name.
        credential_id: the credential to be spent by this issuance; None where none is.
        serial: the certificate that proved the applicant, as 40 hex digits; None where none did.
        shown_profile: that certificate's; None where a door does not renew what was shown.
        shown_der: that certificate in DER; empty where none proved the applicant.
        proved: names whose control was proved by challenge just now or recently.
        registered: the registration as it was when the applicant was proved, for who renders answers; what is decided
            is decided on what it is then. None where no door looks at it.
        origin: the credential that all this goes back to, spent by this issuance or long ago; None where none is known.
        limits: of that one, which never change.
    """

    registration_id: str
    door: Door
    proof: str
    source: str
    credential_id: str | None = None
    serial: str | None = None
    shown_profile: str | None = None
    shown_der: bytes = b""
    proved: frozenset[Identifier] = frozenset()
    registered: Registration | None = None
    origin: str | None = None
    limits: Limits = limits_module.NONE

    @property
    def profiles(self) -> tuple[str, ...]:
        """What the registration held when the applicant was proved, its default first."""
        return self.registered.profiles if self.registered else ()

    @property
    def actor(self) -> str:
        """Who did it, as the journal writes it."""
        return f"{self.door}:{self.proof}:{self.source}"
