"""What an EST client is told for each refusal: a status and one short sentence (RFC 7030, 4.2.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ca_core import errors as core
from ca_core.referral.request import Referred
from ca_core.registration import errors as signing_in
from protocols import help_address
from protocols.cmc import errors as cmc
from protocols.cms import errors as cms
from protocols.est import errors as est
from protocols.wire import Reply, plain_text

CHALLENGE = ("WWW-Authenticate", 'Basic realm="soapstone EST", charset="UTF-8"')

TABLE: Mapping[type[core.Refusal], int] = MappingProxyType(
    {
        # 401 makes clients ask for another password and try again, so it stands only where one could help.
        core.WrongSecret: 401,
        est.AuthenticationRequired: 401,
        core.CertificateNotAccepted: 403,
        core.StaffUnproven: 403,
        signing_in.SessionEnded: 403,
        signing_in.PasskeyRefused: 403,
        signing_in.BadPassword: 400,
        signing_in.PasswordToBeChanged: 403,
        signing_in.SecondFactorNeeded: 403,
        signing_in.PageOutdated: 403,
        signing_in.SignInsCrowded: 503,
        est.CertificateRequired: 403,
        est.BindingMismatch: 403,
        est.BindingRequired: 403,
        core.BadRequest: 400,
        core.BadCsr: 400,
        core.PossessionNotProved: 400,
        core.ExtensionNotServed: 400,
        core.BadName: 400,
        core.BadForm: 400,
        core.BadReason: 400,
        core.TooLarge: 413,
        est.BindingUnavailable: 400,
        est.EncryptionRequired: 400,
        est.SuiteTooWeak: 400,
        est.DecryptionKeyUnknown: 400,
        cms.UnreadableMessage: 400,
        cms.UnknownAlgorithm: 400,
        cms.WrongSignature: 400,
        cms.NotDecrypted: 400,
        cms.NotAuthenticated: 400,
        cmc.UnreadableRequest: 400,
        cmc.UnknownControls: 400,
        cmc.RequestsNotServed: 400,
        cmc.NotProcessed: 400,
        cmc.PossessionNotDelegated: 403,
        cmc.ClocksDiffer: 400,
        cmc.IdentityUnproven: 403,
        cmc.PossessionUnproven: 403,
        cmc.PossessionRefuted: 403,
        cmc.Replayed: 403,
        est.ChallengeNotOffered: 400,
        est.MethodNotAllowed: 405,
        est.UnsupportedMediaType: 415,
        est.AttributesMissing: 400,
        core.NotFound: 404,
        est.UnknownLabel: 404,
        est.UnknownOperation: 404,
        core.RegistrationSuspended: 403,
        core.RegistrationClosed: 403,
        core.RegistrationExpired: 403,
        core.CredentialSpent: 403,
        core.CredentialExpired: 403,
        core.NotActivated: 403,
        core.QuotaReached: 403,
        core.CredentialRevoked: 403,
        core.NetworkNotAllowed: 403,
        core.ProfileNotGranted: 403,
        core.ProfileNotOffered: 404,
        core.NameNotGranted: 403,
        core.NameNotProved: 403,
        core.SubjectMismatch: 400,
        core.WeakKey: 400,
        core.KeyCompromised: 400,
        core.KeyInUse: 400,
        core.KeyNotMade: 403,
        core.CaRequested: 400,
        core.PeriodNotOffered: 400,
        core.TooEarly: 429,
        core.CertificateExpired: 403,
        core.CertificateRevoked: 403,
        core.CertificateOnHold: 403,
        core.RequestRejected: 403,
        core.AlreadyRevoked: 409,
        core.NotPrintable: 409,
        core.AccountTaken: 409,
        core.WrongState: 409,
        core.ChangedMeanwhile: 409,
        core.NotPermitted: 403,
        core.OwnRequest: 403,
        core.Throttled: 429,
        core.StoreUnavailable: 503,
        core.KeyUnavailable: 503,
        core.JournalUnavailable: 503,
        core.RestoreUnacknowledged: 503,
        # "The same request comes again" is what 202 means in EST (RFC 7030, 4.2.3).
        core.InProgress: 202,
    }
)


def reply(refusal: core.Refusal, base: str) -> Reply:
    """The answer for a refusal, with what its status demands in the header.

    Args:
        base: of the pages that help, such as `https://ca.example:8443`: the public listener's.
    """
    return _told(TABLE[type(refusal)], str(refusal), help_address.word(type(refusal)), base, *headers(refusal))


def headers(refusal: core.Refusal) -> tuple[tuple[str, str], ...]:
    """What the status of a refusal demands in the header."""
    return _headers(refusal, TABLE[type(refusal)])


def waiting(referred: Referred, base: str) -> Reply:
    """An officer must look: the same request gets the certificate later (RFC 7030, 4.2.3)."""
    retry_after = ("Retry-After", str(referred.retry_after_seconds))
    return _told(202, str(referred), help_address.WAITING, base, retry_after)


def bug_reply(reference: str, base: str) -> Reply:
    """The answer for what is no refusal but our fault: the number under which it was logged, and no more."""
    return _told(500, f"internal error, reference {reference}", help_address.INTERNAL_ERROR, base)


def _told(status: int, said: str, word: str, base: str, *more: tuple[str, str]) -> Reply:
    # In one line: devices log the first one, and some no more than its beginning.
    return plain_text(status, f"{said}; see {base}{help_address.path(word)}", *more)


def _headers(refusal: core.Refusal, status: int) -> tuple[tuple[str, str], ...]:
    match refusal:
        case core.Busy() | core.TooEarly():
            # Whole seconds: there are clients that cannot read a date here.
            return (("Retry-After", str(refusal.retry_after_seconds)),)
        case est.MethodNotAllowed():
            return (("Allow", ", ".join(refusal.allow)),)
        case _:
            return (CHALLENGE,) if status == 401 else ()  # noqa: PLR2004  # as in the table above
