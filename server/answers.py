"""What officers and their programs are told for each refusal: one table, for pages and for the API."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ca_core import errors as core
from ca_core.registration import errors as signing_in

_FORBIDDEN = 403
_UNAVAILABLE = 503


class Answer(NamedTuple):
    """A status, and the word by which programs know the refusal."""

    status: int
    word: str


TABLE: Mapping[type[core.Refusal], Answer] = MappingProxyType(
    {
        core.WrongSecret: Answer(401, "wrong-secret"),
        core.CertificateNotAccepted: Answer(_FORBIDDEN, "certificate-not-accepted"),
        # A certificate cannot be had by asking again; a token could: 401 says that there are such.
        core.StaffUnproven: Answer(401, "unproven"),
        signing_in.SessionEnded: Answer(401, "session-ended"),
        signing_in.PasskeyRefused: Answer(_FORBIDDEN, "passkey-refused"),
        signing_in.BadPassword: Answer(422, "bad-password"),
        signing_in.PasswordToBeChanged: Answer(_FORBIDDEN, "password-to-be-changed"),
        signing_in.SecondFactorNeeded: Answer(_FORBIDDEN, "second-factor-needed"),
        signing_in.PageOutdated: Answer(_FORBIDDEN, "page-outdated"),
        signing_in.SignInsCrowded: Answer(_UNAVAILABLE, "sign-ins-crowded"),
        core.BadRequest: Answer(400, "bad-request"),
        core.BadCsr: Answer(400, "bad-csr"),
        core.PossessionNotProved: Answer(400, "possession-not-proved"),
        core.ExtensionNotServed: Answer(400, "extension-not-served"),
        core.BadName: Answer(400, "bad-name"),
        core.BadForm: Answer(422, "bad-form"),
        core.TooLarge: Answer(413, "too-large"),
        core.BadReason: Answer(400, "bad-reason"),
        core.NotFound: Answer(404, "not-found"),
        core.RegistrationSuspended: Answer(_FORBIDDEN, "registration-suspended"),
        core.RegistrationClosed: Answer(_FORBIDDEN, "registration-closed"),
        core.RegistrationExpired: Answer(_FORBIDDEN, "registration-expired"),
        core.CredentialSpent: Answer(_FORBIDDEN, "credential-spent"),
        core.CredentialExpired: Answer(401, "credential-expired"),
        core.CredentialRevoked: Answer(401, "credential-revoked"),
        core.NotActivated: Answer(_FORBIDDEN, "not-activated"),
        core.QuotaReached: Answer(409, "quota-reached"),
        core.NetworkNotAllowed: Answer(_FORBIDDEN, "network-not-allowed"),
        core.ProfileNotGranted: Answer(400, "profile-not-granted"),
        core.ProfileNotOffered: Answer(400, "profile-not-offered"),
        core.NameNotGranted: Answer(400, "name-not-granted"),
        core.NameNotProved: Answer(400, "name-not-proved"),
        core.SubjectMismatch: Answer(400, "subject-mismatch"),
        core.WeakKey: Answer(400, "weak-key"),
        core.KeyCompromised: Answer(400, "key-compromised"),
        core.KeyInUse: Answer(409, "key-in-use"),
        core.KeyNotMade: Answer(400, "key-not-made"),
        core.CaRequested: Answer(400, "ca-requested"),
        core.PeriodNotOffered: Answer(400, "period-not-offered"),
        core.TooEarly: Answer(429, "too-early"),
        core.CertificateExpired: Answer(_FORBIDDEN, "certificate-expired"),
        core.CertificateRevoked: Answer(_FORBIDDEN, "certificate-revoked"),
        core.CertificateOnHold: Answer(_FORBIDDEN, "certificate-on-hold"),
        core.AlreadyRevoked: Answer(409, "already-revoked"),
        core.RequestRejected: Answer(409, "request-rejected"),
        core.NotPrintable: Answer(409, "not-printable"),
        core.AccountTaken: Answer(409, "account-taken"),
        core.ChangedMeanwhile: Answer(412, "changed-meanwhile"),
        core.WrongState: Answer(409, "wrong-state"),
        core.NotPermitted: Answer(_FORBIDDEN, "not-permitted"),
        core.OwnRequest: Answer(_FORBIDDEN, "own-request"),
        core.Throttled: Answer(429, "throttled"),
        core.StoreUnavailable: Answer(_UNAVAILABLE, "store-unavailable"),
        core.KeyUnavailable: Answer(_UNAVAILABLE, "key-unavailable"),
        core.JournalUnavailable: Answer(_UNAVAILABLE, "journal-unavailable"),
        core.RestoreUnacknowledged: Answer(_UNAVAILABLE, "restore-unacknowledged"),
        core.InProgress: Answer(_UNAVAILABLE, "in-progress"),
    }
)


def headers(refusal: core.Refusal) -> tuple[tuple[str, str], ...]:
    """The header fields that belong to a refusal."""
    match refusal:
        case core.Busy() | core.TooEarly():
            return (("Retry-After", str(refusal.retry_after_seconds)),)
        case _:
            return ()
