"""What an ACME client is told for each refusal: a problem document (RFC 8555, 6.7; RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from ca_core import errors as core
from ca_core.registration import errors as signing_in
from protocols import help_address
from protocols.acme import errors as acme
from protocols.acme.links import Help, Links
from protocols.wire import Reply

MEDIA_TYPE = "application/problem+json"

_URN = "urn:ietf:params:acme:error:"
_SERVER_ERRORS = 500
_NO_WAY_IN = 'ACME realm="an account that is valid"'
"""RFC 9110, 15.5.2 wants one with every 401; no browser asks for a password by a scheme that it does not know."""


class Answer(NamedTuple):
    """A status and an error type without its URN prefix."""

    status: int
    type: str


_MALFORMED = Answer(400, "malformed")
_BAD_CSR = Answer(400, "badCSR")
_UNAUTHORIZED = Answer(403, "unauthorized")
_REJECTED = Answer(403, "rejectedIdentifier")
_RATE_LIMITED = Answer(429, "rateLimited")

TABLE: Mapping[type[core.Refusal], Answer] = MappingProxyType(
    {
        # 403 and not 401: RFC 9110, 15.5.2 ties that to WWW-Authenticate, which ACME does not use.
        core.WrongSecret: _UNAUTHORIZED,
        core.CertificateNotAccepted: _UNAUTHORIZED,
        core.StaffUnproven: _UNAUTHORIZED,
        signing_in.SessionEnded: _UNAUTHORIZED,
        signing_in.PasskeyRefused: _UNAUTHORIZED,
        signing_in.BadPassword: _MALFORMED,
        signing_in.PasswordToBeChanged: _UNAUTHORIZED,
        signing_in.SecondFactorNeeded: _UNAUTHORIZED,
        signing_in.PageOutdated: _UNAUTHORIZED,
        # RFC 8555, 7.3.1: status 400.
        acme.AccountDoesNotExist: Answer(400, "accountDoesNotExist"),
        acme.BadExternalAccountBinding: _UNAUTHORIZED,
        acme.RevocationNotYours: _UNAUTHORIZED,
        # Not 2xx: clients take that for "revoked", and some delete the certificate (docs/decisions/014).
        acme.RevocationUnderReview: _UNAUTHORIZED,
        core.BadRequest: _MALFORMED,
        core.BadCsr: _BAD_CSR,
        core.PossessionNotProved: _BAD_CSR,
        core.ExtensionNotServed: _BAD_CSR,
        core.BadName: _MALFORMED,
        core.BadForm: _MALFORMED,
        core.TooLarge: Answer(413, "malformed"),
        core.BadReason: Answer(400, "badRevocationReason"),
        acme.BadNonce: Answer(400, "badNonce"),
        acme.BadSignature: _MALFORMED,
        acme.BadSignatureAlgorithm: Answer(400, "badSignatureAlgorithm"),
        acme.UnsupportedMediaType: Answer(415, "malformed"),
        acme.MethodNotAllowed: Answer(405, "malformed"),
        acme.UnsupportedIdentifier: Answer(400, "unsupportedIdentifier"),
        acme.InvalidContact: Answer(400, "invalidContact"),
        acme.UnsupportedContact: Answer(400, "unsupportedContact"),
        core.NotFound: Answer(404, "malformed"),
        core.RegistrationSuspended: _UNAUTHORIZED,
        core.RegistrationClosed: _UNAUTHORIZED,
        core.RegistrationExpired: _UNAUTHORIZED,
        core.CredentialSpent: _UNAUTHORIZED,
        core.CredentialExpired: _UNAUTHORIZED,
        core.NotActivated: _UNAUTHORIZED,
        core.QuotaReached: _UNAUTHORIZED,
        core.CredentialRevoked: _UNAUTHORIZED,
        core.NetworkNotAllowed: _UNAUTHORIZED,
        # draft-ietf-acme-profiles, 5.
        core.ProfileNotGranted: Answer(403, "invalidProfile"),
        core.ProfileNotOffered: Answer(400, "invalidProfile"),
        core.NameNotGranted: _REJECTED,
        core.NameNotProved: _UNAUTHORIZED,
        core.SubjectMismatch: _BAD_CSR,
        core.WeakKey: _BAD_CSR,
        core.KeyCompromised: _BAD_CSR,
        core.KeyInUse: _BAD_CSR,
        core.KeyNotMade: _BAD_CSR,
        core.CaRequested: _BAD_CSR,
        core.PeriodNotOffered: _MALFORMED,
        core.TooEarly: _RATE_LIMITED,
        core.CertificateExpired: _UNAUTHORIZED,
        core.CertificateRevoked: _UNAUTHORIZED,
        core.CertificateOnHold: _UNAUTHORIZED,
        core.RequestRejected: _UNAUTHORIZED,
        core.AlreadyRevoked: Answer(400, "alreadyRevoked"),
        core.NotPrintable: Answer(409, "malformed"),
        core.AccountTaken: Answer(409, "malformed"),
        core.WrongState: Answer(409, "malformed"),
        core.ChangedMeanwhile: Answer(409, "malformed"),
        core.NotPermitted: _UNAUTHORIZED,
        core.OwnRequest: _UNAUTHORIZED,
        acme.BadPublicKey: Answer(400, "badPublicKey"),
        # RFC 8555, 7.3.6: status 401, though nothing else here is (docs/decisions/031).
        acme.AccountNotValid: Answer(401, "unauthorized"),
        acme.BindingRevoked: _UNAUTHORIZED,
        acme.AccountKeyInUse: Answer(409, "malformed"),
        acme.AgreementRequired: Answer(403, "userActionRequired"),
        acme.WrongUrl: _UNAUTHORIZED,
        acme.OrderNotReady: Answer(403, "orderNotReady"),
        acme.CaaForbids: Answer(403, "caa"),
        acme.CaaUnknown: Answer(503, "dns"),
        acme.ExternalAccountRequired: Answer(403, "externalAccountRequired"),
        acme.RejectedIdentifiers: _REJECTED,
        acme.MalformedIdentifiers: _MALFORMED,
        # RFC 9773, 5: status 409.
        acme.AlreadyReplaced: Answer(409, "alreadyReplaced"),
        core.Throttled: _RATE_LIMITED,
        acme.NamesPaused: _RATE_LIMITED,
        # No limit of anybody's: the server has no thread for it.
        signing_in.SignInsCrowded: Answer(503, "serverInternal"),
        core.StoreUnavailable: Answer(503, "serverInternal"),
        core.KeyUnavailable: Answer(503, "serverInternal"),
        core.JournalUnavailable: Answer(503, "serverInternal"),
        core.RestoreUnacknowledged: Answer(503, "serverInternal"),
        core.InProgress: Answer(503, "serverInternal"),
    }
)

HELP: Mapping[type[core.Refusal], Help] = MappingProxyType(
    {
        core.TooEarly: Help.RENEWAL,
        core.Throttled: Help.RATE_LIMITS,
        acme.NamesPaused: Help.PAUSED,
        acme.AgreementRequired: Help.TERMS,
    },
)
"""Refusals with a page that says more than their own would; every `rateLimited` has one (RFC 8555, 6.6)."""


class IdentifierJson(msgspec.Struct, frozen=True):
    """An identifier as ACME writes it (RFC 8555, 7.1.3)."""

    type: str
    value: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A problem document.

    Attributes:
        identifier: of a subproblem only (RFC 8555, 6.7.1).
        algorithms: with badSignatureAlgorithm (RFC 8555, 6.2).
        instance: with userActionRequired, a page that says what to do (RFC 8555, 7.3.3).
    """

    type: str
    detail: str
    status: int | None = None
    identifier: IdentifierJson | None = None
    subproblems: tuple[Problem, ...] = ()
    algorithms: tuple[str, ...] = ()
    instance: str | None = None


def problem(refusal: core.Refusal) -> Problem:
    """The document for a refusal."""
    status, kind = TABLE[type(refusal)]
    return Problem(
        type=_URN + kind,
        detail=str(refusal),
        status=status,
        subproblems=_subproblems(refusal),
        algorithms=refusal.algorithms if isinstance(refusal, acme.BadSignatureAlgorithm) else (),
        instance=refusal.help_url if isinstance(refusal, acme.AgreementRequired) else None,
    )


def reply(refusal: core.Refusal, links: Links) -> Reply:
    """The answer for a refusal, with the header fields that belong to it."""
    document = problem(refusal)
    help_ = _help(help_path(type(refusal)), links)
    return _reply(document, TABLE[type(refusal)].status, *_headers(refusal), help_)


def help_path(leaf: type[core.Refusal]) -> str:
    """The page that says what a refusal means and what to do."""
    return HELP.get(leaf) or help_address.path(help_address.word(leaf))


def bug_reply(reference: str, links: Links) -> Reply:
    """The answer for what is no refusal but our fault: the number under which it was logged, and no more."""
    document = Problem(
        type=f"{_URN}serverInternal", detail=f"internal error, reference {reference}", status=_SERVER_ERRORS
    )
    return _reply(document, _SERVER_ERRORS, _help(help_address.path(help_address.INTERNAL_ERROR), links))


def stored(kind: str, detail: str) -> str:
    """A problem inside an object, such as a challenge's `error`, as JSON.

    Args:
        kind: the error type without its URN prefix.
        detail: one sentence.
    """
    return msgspec.json.encode(Problem(type=_URN + kind, detail=detail)).decode()


def _reply(document: Problem, status: int, *headers: tuple[str, str]) -> Reply:
    return Reply(status, (("Content-Type", MEDIA_TYPE), *headers), msgspec.json.encode(document))


def _subproblems(refusal: core.Refusal) -> tuple[Problem, ...]:
    match refusal:
        case acme.RejectedIdentifiers() | acme.MalformedIdentifiers():
            return tuple(_subproblem(*one) for one in refusal.subproblems)
        case acme.NamesPaused():
            alone = ((name, acme.NamesPaused((name,), registered_as=refusal.registered_as)) for name in refusal.names)
            return tuple(_subproblem(name.kind.value, name.value, why) for name, why in alone)
        case _:
            return ()


def _subproblem(kind: str, value: str, why: core.Refusal) -> Problem:
    return Problem(type=_URN + TABLE[type(why)].type, detail=str(why), identifier=IdentifierJson(kind, value))


def _headers(refusal: core.Refusal) -> tuple[tuple[str, str], ...]:
    match refusal:
        case core.Busy() | core.TooEarly():
            # Whole seconds: Caddy 2.6 breaks on a date here.
            return (("Retry-After", str(refusal.retry_after_seconds)),)
        case acme.AccountNotValid():
            return (("WWW-Authenticate", _NO_WAY_IN),)
        case acme.AccountKeyInUse():
            return (("Location", refusal.url),)
        case acme.AgreementRequired():
            return (("Link", f'<{refusal.text_url}>;rel="terms-of-service"'),)
        case acme.MethodNotAllowed():
            return (("Allow", ", ".join(refusal.allow)),)
        case _:
            return ()


def _help(path: str, links: Links) -> tuple[str, str]:
    return "Link", f'<{links.help(path)}>;rel="help"'
