"""Refusals of signing in to the portal and to the desk, and of what is chosen there.

::

    SoapstoneError
    └── Refusal
        ├── Unproven
        │   ├── SessionEnded              no such session, or it is over
        │   └── PasskeyRefused            a passkey's answer that proves nothing
        ├── Malformed
        │   └── BadPassword               a chosen password that the policy does not allow; carries the fault
        ├── Refused
        │   ├── PasswordToBeChanged       an initial password opens this one step
        │   ├── SecondFactorNeeded        the session waits for a passkey
        │   └── PageOutdated              a form that was not made for this session
        └── Busy
            └── SignInsCrowded            more passwords are looked at than there is time for
"""

from __future__ import annotations

from enum import StrEnum

from ca_core.errors import Busy, Malformed, Refused, Unproven


class PasswordFault(StrEnum):
    """What is wrong with a password that was chosen."""

    TOO_SHORT = "too-short"
    TOO_LONG = "too-long"
    CONTROL = "control-character"
    BLOCKED = "blocked"
    GUESSABLE = "guessable"
    SAME = "same"
    DIFFERENT = "different"


class SessionEnded(Unproven):
    """There is no such session, or no longer: nobody is told which."""

    def __init__(self) -> None:
        super().__init__("you are not signed in, or not any more; sign in again")


class PasskeyRefused(Unproven):
    """What a passkey answered proves nothing; the text says why."""


class BadPassword(Malformed):
    """A password that nobody may choose.

    Args:
        fault: for pages, which say it in their own language.
    """

    def __init__(self, fault: PasswordFault, text: str) -> None:
        super().__init__(text)
        self.fault = fault


class PasswordToBeChanged(Refused):
    """Who has signed in with an initial password changes it first (RULES, S3)."""

    def __init__(self) -> None:
        super().__init__("choose a password of your own first: an initial password opens nothing else")


class SecondFactorNeeded(Refused):
    """The session is half way in: a passkey is to be shown."""

    def __init__(self) -> None:
        super().__init__("show your passkey first")


class PageOutdated(Refused):
    """A form came without the token of this session, as one does that another site has made."""

    def __init__(self) -> None:
        super().__init__("this page is of another session; load it again and repeat what you did")


class SignInsCrowded(Busy):
    """More people sign in at once than passwords can be looked at."""
