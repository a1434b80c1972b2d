"""A session: who is signed in, as a subscriber at the portal or as an officer at the desk, and how far."""

from __future__ import annotations

import hmac
from enum import StrEnum

import msgspec

from ca_core.applicant import Door
from ca_core.registration.account import Registration
from ca_core.registration.errors import PageOutdated, PasswordToBeChanged, SecondFactorNeeded


class Step(StrEnum):
    """How far somebody is in."""

    CHANGE_PASSWORD = "change-password"  # a step's name, no secret
    SECOND_FACTOR = "second-factor"
    SIGNED_IN = "signed-in"


class Bounds(msgspec.Struct, frozen=True):
    """How long a session may last.

    Attributes:
        idle_seconds: without being used.
        longest_seconds: in all.
    """

    idle_seconds: int = 15 * 60
    longest_seconds: int = 8 * 3600


class Challenge(msgspec.Struct, frozen=True):
    """What a passkey is to sign, once.

    Attributes:
        ceremony: what for.
        ends_at: UTC seconds.
    """

    ceremony: str
    value: bytes
    ends_at: int


class Session(msgspec.Struct, frozen=True):
    """One session, as it is at this look.

    Attributes:
        key: the keyed hash of its token, by which it is stored.
        csrf: what every form of it carries and no other site knows.
        credential_id: the password that it was begun with; None where none was.
        begun_at, seen_at, ends_at: UTC seconds.
        challenge: of the passkey ceremony that was begun last.
        binding: what its token is worth nothing without, such as the certificate that was shown.
    """

    key: bytes
    csrf: str
    registration: Registration
    door: Door
    step: Step
    credential_id: str | None
    begun_at: int
    seen_at: int
    ends_at: int
    challenge: Challenge | None = None
    binding: bytes = b""

    def is_over(self, bounds: Bounds, now: int) -> bool:
        """Whether its time is over, or it was not used for too long."""
        return now > self.ends_at or now - self.seen_at > bounds.idle_seconds

    def require_own_password(self) -> None:
        """Let nobody pass whose password is still the sheet's: it opens the step that changes it, and nothing else.

        Raises:
            PasswordToBeChanged: it is.
        """
        if self.step is Step.CHANGE_PASSWORD:
            raise PasswordToBeChanged

    def require_signed_in(self) -> None:
        """Let only pass who is all the way in.

        Raises:
            PasswordToBeChanged, SecondFactorNeeded: a step is missing.
        """
        self.require_own_password()
        if self.step is Step.SECOND_FACTOR:
            raise SecondFactorNeeded

    def require_form(self, csrf: str) -> None:
        """Let only a form pass that was made for this session.

        Raises:
            PageOutdated: it was not.
        """
        if not hmac.compare_digest(self.csrf.encode(), csrf.encode("utf-8", "replace")):
            raise PageOutdated
