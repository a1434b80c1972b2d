"""Certificates: found by any field, read, downloaded, revoked, put on hold and released."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Meta

from ca_core.errors import AlreadyRevoked, BadReason, CertificateExpired, WrongState
from ca_core.policy.status import CertificateStatus, certificate_status
from ca_core.registration.account import Registration
from ca_core.revocation import reason as reason_module
from ca_core.revocation.reason import Reason
from ca_core.staff.lines import CertificateFilter, CertificateLine
from ca_core.staff.request import Pending, Revoking
from ca_core.staff.role import Action
from ca_core.store.certificates import Certificate
from server.api.finding import certificate_of
from server.api.handing_over import waits
from server.api.operation import Answer, Call, Operation, any_of
from server.api.paging import USUAL_LINES, After, Limit, next_link
from server.api.shapes import Moment, Note, Text, Waits, moment, moment_or_none

LIST = "/certificates"
_ONE = "/certificates/{serial}"
PEM = "application/x-pem-file"
DER = "application/pkix-cert"
CHAIN = "application/pem-certificate-chain"


class RevocationReason(StrEnum):
    """Why a certificate is revoked for good (RFC 5280, 5.3.1); the reasons that a registration authority may give."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "keyCompromise"
    AFFILIATION_CHANGED = "affiliationChanged"
    SUPERSEDED = "superseded"
    CESSATION_OF_OPERATION = "cessationOfOperation"
    PRIVILEGE_WITHDRAWN = "privilegeWithdrawn"


class CertificateQuery(msgspec.Struct, frozen=True):
    """Which certificates are listed."""

    serial: Annotated[Text, Meta(description="Its first hex digits, or all.")] | None = None
    account: Text | None = None
    text: Annotated[Text, Meta(description="Words of its registration.")] | None = None
    name: Annotated[Text, Meta(description="How one of its names begins.")] | None = None
    profile: Text | None = None
    issuer: Text | None = None
    status: CertificateStatus | None = None
    expires_from: Moment | None = None
    expires_until: Moment | None = None
    key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="SHA-256 of its public key.")] | None = None
    after: After | None = None
    limit: Limit = USUAL_LINES


class CertificateItem(msgspec.Struct, frozen=True):
    """One certificate of a list.

    Attributes:
        names: such as `dns:www.example.com`.
        issuer: the CA's name in this server.
        reason: as the standard spells it; null where it is neither revoked nor on hold.
        replaces: the serial of the one that it renews.
        key: SHA-256 of its SubjectPublicKeyInfo, in hex.
    """

    serial: str
    account: str
    realm: str
    status: CertificateStatus
    profile: str
    subject: str
    names: tuple[str, ...]
    issuer: str
    not_before: Moment
    not_after: Moment
    issued_at: Moment
    revoked_at: Moment | None
    reason: str | None
    replaces: str | None
    recalled_at: Moment | None
    key: str


class CertificateList(msgspec.Struct, frozen=True):
    """A page of certificates.

    Attributes:
        next: where the next page is; null behind the last one.
    """

    items: tuple[CertificateItem, ...]
    next: str | None


class Revocation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why a certificate is revoked.

    Attributes:
        invalid_since: since when nobody should have trusted it; left out, or null, where nobody knows.
        note: for the journal, and for the officers who must agree, where any must.
    """

    reason: RevocationReason
    invalid_since: Moment | None = None
    note: Text = ""


class RevokedSerials(msgspec.Struct, frozen=True):
    """What is revoked: the certificate, and every other one of a key that was compromised with it."""

    serials: tuple[str, ...]


def item(line: CertificateLine) -> CertificateItem:
    """A line of a list, as the API shows it."""
    return CertificateItem(
        serial=line.serial,
        account=line.account,
        realm=line.realm,
        status=line.status,
        profile=line.profile,
        subject=line.subject,
        names=line.names,
        issuer=line.issuer,
        not_before=moment(line.not_before),
        not_after=moment(line.not_after),
        issued_at=moment(line.issued_at),
        revoked_at=moment_or_none(line.revoked_at),
        reason=reason_text(line.reason),
        replaces=line.replaces,
        recalled_at=moment_or_none(line.recalled_at),
        key=line.key,
    )


def reason_text(number: int | None) -> str | None:
    """A reason as the standard spells it."""
    return None if number is None else Reason(number).text


async def _listed(call: Call) -> Answer:
    asked = call.asked(CertificateQuery)
    wanted = CertificateFilter(
        serial=asked.serial,
        account=asked.account,
        text=asked.text,
        name=asked.name,
        profile=asked.profile,
        issuer=asked.issuer,
        status=asked.status,
        expires_from=_seconds(asked.expires_from),
        expires_until=_seconds(asked.expires_until),
        key=asked.key,
    )
    found = await call.office.staff.looking.certificates(call.actor, wanted, after=asked.after, most=asked.limit)
    return Answer(CertificateList(tuple(map(item, found)), next_link(LIST, asked, found.more)))


async def _read(call: Call) -> Answer:
    return Answer(_shape(call, *await certificate_of(call)))


async def _pem(call: Call) -> Answer:
    certificate, _ = await certificate_of(call)
    return Answer(_in_pem(certificate))


async def _der(call: Call) -> Answer:
    certificate, _ = await certificate_of(call)
    return Answer(certificate.der)


async def _chain(call: Call) -> Answer:
    certificate, _ = await certificate_of(call)
    return Answer(_in_pem(certificate) + call.services.chain(certificate.issuer))


async def _revoke(call: Call) -> Answer:
    (certificate, _), sent = await certificate_of(call), call.sent(Revocation)
    revoking = Revoking(certificate.serial, reason_module.parse(sent.reason), _seconds(sent.invalid_since))
    done = await call.office.staff.approvals.revoke(revoking, actor=call.actor, note=sent.note)
    return waits(done) if isinstance(done, Pending) else Answer(RevokedSerials(done.serials))


async def _hold(call: Call) -> Answer:
    certificate, _ = await certificate_of(call)
    note = call.sent(Note).note
    await call.office.staff.holding.hold(certificate.serial, actor=call.actor, note=note)
    return await _read(call)


async def _release(call: Call) -> Answer:
    certificate, _ = await certificate_of(call)
    note = call.sent(Note).note
    await call.office.staff.holding.release(certificate.serial, actor=call.actor, note=note)
    return await _read(call)


def _shape(call: Call, certificate: Certificate, registration: Registration) -> CertificateItem:
    office = call.office
    profile, days = office.profiles.get(certificate.profile), office.settings.renewal.window_days
    status = certificate_status(
        certificate.not_before,
        certificate.not_after,
        certificate.revoked_at,
        is_on_hold=certificate.is_on_hold,
        window_days=profile.window_days(days) if profile else days,
        now=office.clock.now(),
    )
    return CertificateItem(
        serial=certificate.serial,
        account=registration.account,
        realm=registration.realm,
        status=status,
        profile=certificate.profile,
        subject=x509.load_der_x509_certificate(certificate.der).subject.rfc4514_string(),
        names=tuple(certificate.names.splitlines()),
        issuer=certificate.issuer,
        not_before=moment(certificate.not_before),
        not_after=moment(certificate.not_after),
        issued_at=moment(certificate.issued_at),
        revoked_at=moment_or_none(certificate.revoked_at),
        reason=reason_text(certificate.reason),
        replaces=certificate.replaces,
        recalled_at=moment_or_none(certificate.recalled_at),
        key=certificate.spki_sha256.hex(),
    )


def _in_pem(certificate: Certificate) -> bytes:
    return x509.load_der_x509_certificate(certificate.der).public_bytes(Encoding.PEM)


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else max(0, int(at.timestamp()))


OPERATIONS = (
    Operation(
        name="listCertificates",
        method="GET",
        path=LIST,
        about="List certificates, or search them by any field.",
        more="All that is asked must hold. Go on with `next`.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_listed,
        query=CertificateQuery,
        answers={200: CertificateList},
    ),
    Operation(
        name="readCertificate",
        method="GET",
        path=_ONE,
        about="Read what is known of a certificate.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_read,
        answers={200: CertificateItem},
    ),
    Operation(
        name="downloadPem",
        method="GET",
        path=f"{_ONE}/pem",
        about="Download a certificate in PEM.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_pem,
        answers={200: None},
        media=(PEM,),
    ),
    Operation(
        name="downloadDer",
        method="GET",
        path=f"{_ONE}/der",
        about="Download a certificate in DER.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_der,
        answers={200: None},
        media=(DER,),
    ),
    Operation(
        name="downloadChain",
        method="GET",
        path=f"{_ONE}/chain",
        about="Download a certificate and those of the CAs above it, in PEM.",
        permitted=any_of(Action.READ_CERTIFICATES),
        handler=_chain,
        answers={200: None},
        media=(CHAIN,),
    ),
    Operation(
        name="revokeCertificate",
        method="POST",
        path=f"{_ONE}/revoke",
        about="Revoke a certificate for good.",
        more="CRL and OCSP say it within a minute. Where the kind wants other officers to agree, 202 names the request;"
        " whoever cannot wait puts the certificate on hold meanwhile.",
        permitted=any_of(Action.REVOKE),
        handler=_revoke,
        body=Revocation,
        answers={200: RevokedSerials, 202: Waits},
        refusals=frozenset({BadReason, AlreadyRevoked, CertificateExpired}),
    ),
    Operation(
        name="holdCertificate",
        method="POST",
        path=f"{_ONE}/hold",
        about="Put a certificate on hold, where its profile allows it.",
        more="Nobody relies on it until it is released.",
        permitted=any_of(Action.HOLD),
        handler=_hold,
        body=Note,
        answers={200: CertificateItem},
        refusals=frozenset({BadReason, AlreadyRevoked, CertificateExpired, WrongState}),
    ),
    Operation(
        name="releaseCertificate",
        method="POST",
        path=f"{_ONE}/release",
        about="Let a certificate come back from hold.",
        permitted=any_of(Action.RELEASE),
        handler=_release,
        body=Note,
        answers={200: CertificateItem},
        refusals=frozenset({WrongState}),
    ),
)
