"""What a full PKI response says of each refusal: a CMCFailInfo (RFC 5272, 6.1.4)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from ca_core import errors as core
from protocols.cmc.errors import ClocksDiffer, PossessionNotDelegated, PossessionRefuted, PossessionUnproven
from protocols.cms.errors import NotAuthenticated, NotDecrypted, UnknownAlgorithm, WrongSignature


class FailInfo(IntEnum):
    """Why a body part failed."""

    BAD_ALG = 0
    BAD_MESSAGE_CHECK = 1
    BAD_REQUEST = 2
    BAD_TIME = 3
    BAD_CERT_ID = 4
    UNSUPPORTED_EXT = 5
    MUST_ARCHIVE_KEYS = 6
    BAD_IDENTITY = 7
    POP_REQUIRED = 8
    POP_FAILED = 9
    NO_KEY_REUSE = 10
    INTERNAL_CA_ERROR = 11
    TRY_LATER = 12
    AUTH_DATA_FAIL = 13


TABLE: Mapping[type[core.Refusal], FailInfo] = MappingProxyType(
    {
        UnknownAlgorithm: FailInfo.BAD_ALG,
        core.WeakKey: FailInfo.BAD_ALG,
        WrongSignature: FailInfo.BAD_MESSAGE_CHECK,
        NotDecrypted: FailInfo.BAD_MESSAGE_CHECK,
        NotAuthenticated: FailInfo.AUTH_DATA_FAIL,
        ClocksDiffer: FailInfo.BAD_TIME,
        core.NotFound: FailInfo.BAD_CERT_ID,
        core.AlreadyRevoked: FailInfo.BAD_CERT_ID,
        core.CertificateExpired: FailInfo.BAD_CERT_ID,
        core.CertificateRevoked: FailInfo.BAD_CERT_ID,
        core.CertificateOnHold: FailInfo.BAD_CERT_ID,
        core.WrongSecret: FailInfo.BAD_IDENTITY,
        core.CertificateNotAccepted: FailInfo.BAD_IDENTITY,
        core.RegistrationSuspended: FailInfo.BAD_IDENTITY,
        core.RegistrationClosed: FailInfo.BAD_IDENTITY,
        core.RegistrationExpired: FailInfo.BAD_IDENTITY,
        core.SubjectMismatch: FailInfo.BAD_IDENTITY,
        core.NameNotGranted: FailInfo.BAD_IDENTITY,
        core.CredentialSpent: FailInfo.AUTH_DATA_FAIL,
        core.CredentialExpired: FailInfo.AUTH_DATA_FAIL,
        core.NotActivated: FailInfo.AUTH_DATA_FAIL,
        core.CredentialRevoked: FailInfo.AUTH_DATA_FAIL,
        core.NetworkNotAllowed: FailInfo.AUTH_DATA_FAIL,
        PossessionUnproven: FailInfo.POP_REQUIRED,
        PossessionRefuted: FailInfo.POP_FAILED,
        PossessionNotDelegated: FailInfo.POP_FAILED,
        core.PossessionNotProved: FailInfo.POP_FAILED,
        core.ExtensionNotServed: FailInfo.UNSUPPORTED_EXT,
        core.CaRequested: FailInfo.UNSUPPORTED_EXT,
        core.KeyInUse: FailInfo.NO_KEY_REUSE,
        core.KeyCompromised: FailInfo.NO_KEY_REUSE,
        core.StoreUnavailable: FailInfo.TRY_LATER,
        core.KeyUnavailable: FailInfo.TRY_LATER,
        core.JournalUnavailable: FailInfo.TRY_LATER,
        core.RestoreUnacknowledged: FailInfo.TRY_LATER,
        core.InProgress: FailInfo.TRY_LATER,
        core.Throttled: FailInfo.TRY_LATER,
        core.TooEarly: FailInfo.TRY_LATER,
    }
)
"""Those that have a number of their own. Of all others, what is not proved fails as such, and the rest is bad."""


def fail_info(refusal: core.Refusal) -> FailInfo:
    """The number for a refusal."""
    other = FailInfo.AUTH_DATA_FAIL if isinstance(refusal, core.Unproven) else FailInfo.BAD_REQUEST
    return TABLE.get(type(refusal), other)
