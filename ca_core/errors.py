"""The one tree of refusals; every protocol maps its leaves once, at its edge.

::

    SoapstoneError
    ├── Misconfigured                 the operator's: ends a command with one sentence
    │   └── Damaged                       what is stored cannot be read
    └── Refusal                       a user's: becomes an ACME problem, an EST answer, a line of the CLI
        ├── Unproven                  who asks is not proved
        │   ├── WrongSecret               unknown, wrong, voided or suspended: answered alike, on purpose
        │   ├── CertificateNotAccepted    a client certificate that is not ours
        │   └── StaffUnproven             neither an officer's certificate nor a token; carries how to get one
        ├── Malformed                 what was sent cannot be read or is not what it claims
        │   ├── BadRequest                the envelope or one of its members
        │   ├── BadCsr                    the certification request
        │   ├── PossessionNotProved       the key in it has not signed it
        │   ├── ExtensionNotServed        an extension in it cannot be what it is meant to be
        │   ├── BadName                   an identifier that is not in its normal form, or of no known kind
        │   ├── BadForm                   a form of the desk; carries every wrong field
        │   ├── TooLarge                  beyond a size limit
        │   └── BadReason                 a revocation reason that nobody may give here
        ├── Missing                   does not exist, or is not yours: told apart for nobody
        │   └── NotFound
        ├── Refused                   understood and proved, and not granted
        │   ├── RegistrationSuspended, RegistrationClosed, RegistrationExpired
        │   ├── CredentialSpent, CredentialExpired, CredentialRevoked, NetworkNotAllowed
        │   ├── NotActivated              the secret of a sheet that waits for its activation
        │   ├── QuotaReached              as many live certificates as the kind allows
        │   ├── ProfileNotGranted, ProfileNotOffered, NameNotGranted, NameNotProved, SubjectMismatch
        │   ├── WeakKey, KeyCompromised, KeyInUse, CaRequested
        │   ├── KeyNotMade                the server makes no key for this (RFC 7030, 4.4)
        │   ├── PeriodNotOffered          dates that a certificate cannot have here
        │   ├── TooEarly                  outside the renewal window; carries the opening date
        │   ├── CertificateExpired, CertificateRevoked, CertificateOnHold, AlreadyRevoked
        │   ├── RequestRejected           an officer has looked at it; carries the officer's words
        │   ├── NotPrintable              a sheet holds a character that no installed font has
        │   ├── AccountTaken, WrongState
        │   ├── NotPermitted              not for this role (ca_core.staff.role)
        │   ├── OwnRequest                nobody decides what they asked for themselves
        └── Busy                      ask again later; carries `retry_after_seconds`
            ├── Throttled
            ├── StoreUnavailable
            ├── KeyUnavailable
            ├── JournalUnavailable        issuance waits: what it does could not be recorded
            ├── RestoreUnacknowledged     issuance waits: an operator must look at a restored backup
            └── InProgress

A leaf's message is one sentence for its user: what is wrong and what to do next. It never holds a secret,
and never says whether an account exists.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class SoapstoneError(Exception):
    """The root; its text is fit to be shown."""


class Misconfigured(SoapstoneError):
    """The operator must change something; the text says what and where."""


class Damaged(Misconfigured):
    """The store holds what cannot be read: it was damaged, or altered by somebody else."""


class Refusal(SoapstoneError):
    """A user asked for something that is not to be had."""


class Unproven(Refusal):
    """Who asks is not proved."""


class WrongSecret(Unproven):
    """A secret that opens nothing. One text for unknown, wrong, voided and suspended (RULES, S5)."""

    def __init__(self) -> None:
        super().__init__("account or secret is not right; check both against the newest password sheet")


class CertificateNotAccepted(Unproven):
    """A client certificate that this authority did not issue, or not for this use."""


class StaffUnproven(Unproven):
    """Someone at the desk or at its API shows neither an officer's certificate nor a token."""

    def __init__(self) -> None:
        super().__init__(
            "the desk and its API are for officers: connect with an officer's certificate, which the operator makes"
            " with `soapstone officer add`; programs may send a bearer token to the API instead, from"
            " `soapstone token add`"
        )


class Malformed(Refusal):
    """What was sent cannot be read."""


class BadRequest(Malformed):
    """The envelope, or a member of it, is not what the standard says."""


class BadCsr(Malformed):
    """The certification request cannot be accepted as it is (RFC 2986)."""


class PossessionNotProved(Malformed):
    """The key in a certification request has not signed the request."""


class ExtensionNotServed(Malformed):
    """A certification request asks for an extension that could only be left out, or turned into something else."""


class BadName(Malformed):
    """An identifier is not in its normal form, or of a kind that is not known here."""


class FieldFault(NamedTuple):
    """One wrong field of a form.

    Args:
        field: such as `subject.C` or `contact.email`.
        why: to be read behind the field's name.
    """

    field: str
    why: str


class BadForm(Malformed):
    """A form with wrong fields, all of which are named.

    Args:
        faults: at least one.
    """

    def __init__(self, faults: Sequence[FieldFault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.why}" for fault in faults))
        self.faults = tuple(faults)


class TooLarge(Malformed):
    """The body is beyond its size limit."""


class BadReason(Malformed):
    """A revocation reason that cannot be given here (RFC 5280, 5.3.1)."""


class Missing(Refusal):
    """It does not exist or is not yours; nobody is told which."""


class NotFound(Missing):
    """The only leaf: what was asked for does not exist or is not the caller's."""


class Refused(Refusal):
    """Understood, proved, and not granted."""


class RegistrationSuspended(Refused):
    """The registration is suspended; only the RA can resume it."""

    def __init__(self) -> None:
        super().__init__("this registration is suspended; ask your registration authority")


class RegistrationClosed(Refused):
    """The registration is closed for good."""

    def __init__(self) -> None:
        super().__init__("this registration is closed; ask your registration authority for a new one")


class RegistrationExpired(Refused):
    """The vetting has run out (RULES, S10)."""

    def __init__(self) -> None:
        super().__init__("this registration has expired; ask your registration authority to renew it")


class CredentialSpent(Refused):
    """The credential was right and has no uses left."""


class CredentialExpired(Refused):
    """The credential was right and is past its date."""


class NotActivated(Refused):
    """The secret was right, and its sheet is not activated yet."""

    def __init__(self) -> None:
        super().__init__(
            "this password sheet is not activated yet; sign in to the portal and change the initial password, or ask"
            " your registration authority to activate it"
        )


class QuotaReached(Refused):
    """The registration has as many live certificates as its kind allows."""


class CredentialRevoked(Refused):
    """The credential was right and an officer has revoked it."""


class NetworkNotAllowed(Refused):
    """The credential was right and may not be used from this address."""


class ProfileNotGranted(Refused):
    """The registration does not hold this profile."""


class ProfileNotOffered(Refused):
    """There is no such profile behind this door."""


class NameNotGranted(Refused):
    """The registration does not hold this name."""


class NameNotProved(Refused):
    """The registration holds the name only once its control is proved by a challenge."""


class SubjectMismatch(Refused):
    """The request's subject or names differ from the certificate that it renews (RFC 7030, 4.2.2)."""


class WeakKey(Refused):
    """The public key is too weak, or of a kind that the profile does not allow."""


class KeyNotMade(Refused):
    """The server was asked to make a key, and makes none for this profile or this request."""


class KeyCompromised(Refused):
    """Somebody else holds the private key, or is said to: it is certified nowhere and never again."""

    def __init__(self) -> None:
        super().__init__("this key is compromised: others have its private half; make a new one")


class KeyInUse(Refused):
    """The key belongs to something that must not share it (DESIGN, invariant 9)."""


class CaRequested(Refused):
    """The request asks for a CA certificate."""


class PeriodNotOffered(Refused):
    """A certificate cannot be valid from then to then: the profile or the CA gives less."""


class TooEarly(Refused):
    """The renewal window is not open yet.

    Args:
        opens_at: when it opens, UTC seconds.
        now: the time of the request, UTC seconds.
    """

    def __init__(self, text: str, *, opens_at: int, now: int) -> None:
        super().__init__(text)
        self.opens_at = opens_at
        self.retry_after_seconds = max(1, opens_at - now)


class CertificateExpired(Refused):
    """An expired certificate renews nothing and proves nobody."""


class CertificateRevoked(Refused):
    """A revoked certificate renews nothing and proves nobody."""


class CertificateOnHold(Refused):
    """A certificate on hold renews nothing and proves nobody, until an officer has released it (RULES, S11)."""


class AlreadyRevoked(Refused):
    """The certificate is revoked already."""


class RequestRejected(Refused):
    """An officer has turned the request down, or approved what could not be issued any more.

    Args:
        number: how the registration authority calls the request.
        why: the officer's words, or the refusal that stood against it; may be empty.
        was_approved: whether this server refused what an officer had approved.
    """

    def __init__(self, number: int, why: str, *, was_approved: bool = False) -> None:
        said = f": {why}" if why else ""
        super().__init__(
            f"request {number} was approved and could not be issued{said}; once that is settled, ask again"
            if was_approved
            else f"the registration authority has rejected request {number}{said};"
            " once that is settled, ask with a new key"
        )


class NotPrintable(Refused):
    """A sheet cannot be printed: no installed font has a character of it; only the RA is told."""


class AccountTaken(Refused):
    """The site account exists already; only the RA is told."""


class ChangedMeanwhile(Refused):
    """What was to be changed is not what the caller saw; it should look again."""


class WrongState(Refused):
    """The thing is not in a state that allows this, such as resuming what is closed."""


class NotPermitted(Refused):
    """The role, or the scope of a token, does not permit the action."""


class OwnRequest(Refused):
    """Nobody decides what they have asked for themselves, or could have asked for by a secret that they have seen.

    Attributes:
        by_secret: whether it is the latter.
    """

    def __init__(self, number: int, *, by_secret: bool = False) -> None:
        why = "was asked for with a secret that you made" if by_secret else "is your own"
        super().__init__(f"request {number} {why}; another officer has to decide it")
        self.by_secret = by_secret


class Busy(Refusal):
    """Nothing is wrong with the request; it should come again.

    Args:
        retry_after_seconds: how long to wait, whole seconds, at least 1.
    """

    def __init__(self, text: str, *, retry_after_seconds: int) -> None:
        super().__init__(text)
        self.retry_after_seconds = max(1, retry_after_seconds)


class Throttled(Busy):
    """This source failed too often of late."""


class StoreUnavailable(Busy):
    """The store did not answer in time or cannot be written."""


class KeyUnavailable(Busy):
    """A CA key cannot be used now: its token is away, slow or overloaded."""


class JournalUnavailable(Busy):
    """The journal cannot be kept, so nothing is issued (DESIGN, invariant 10)."""


class RestoreUnacknowledged(Busy):
    """An older database was restored; nothing is issued until the operator has acknowledged it."""


class InProgress(Busy):
    """The same request is being worked on."""
