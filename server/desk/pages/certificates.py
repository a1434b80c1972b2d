"""One certificate: what is in it, its chain, its life so far, and the files it can be had as."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import NotFound
from ca_core.policy.renewal import Window, renewal_window
from ca_core.policy.status import CertificateStatus, certificate_status
from ca_core.revocation.reason import Reason
from ca_core.staff.dossiers import CertificateDossier
from ca_core.staff.role import Action
from ca_core.store.certificates import Certificate
from protocols.cms.signed import certs_only
from protocols.wire import Reply
from server.desk.notes import said_in
from server.desk.route import Route
from server.desk.visit import NavItem, Visit
from server.desk.words import phrase
from server.web import certificate_fields, serials
from server.web.frame import HEADERS
from server.web.life import life

_SAID = {
    "revoked": phrase(
        "The certificate is revoked; the revocation list and the status service show it within a minute."
    ),
    "revoked-all": phrase("The certificate is revoked, and every other one with the same key with it."),
    "held": phrase("The certificate is on hold; the revocation list and the status service show it within a minute."),
    "released": phrase("The certificate is released; it is good again within a minute."),
}
_TYPES = {
    "pem": "application/x-pem-file",
    "der": "application/pkix-cert",
    "p7b": "application/x-pkcs7-certificates",
}
_ENDED = frozenset({CertificateStatus.REVOKED, CertificateStatus.EXPIRED})


async def show(visit: Visit) -> Reply:
    """A certificate with all that is known of it."""
    dossier = await _dossier(visit)
    certificate, profile = dossier.certificate, visit.office.profiles.get(dossier.certificate.profile)
    standing = status_of(visit, certificate)
    is_live, knows_hold = standing not in _ENDED, profile is not None and profile.hold
    return visit.render(
        "certificate.html",
        dossier=dossier,
        certificate=certificate,
        standing=standing,
        reason=None if certificate.reason is None else Reason(certificate.reason),
        fields=certificate_fields.fields(certificate),
        chain=[_link(one) for one in visit.desk.chain(certificate.issuer)],
        life=life(certificate, dossier.happened, window=_window(visit, certificate), now=visit.now),
        said=said_in(visit, _SAID),
        may_revoke=is_live and visit.may(Action.REVOKE),
        may_hold=is_live and not certificate.is_on_hold and knows_hold and visit.may(Action.HOLD),
        may_release=certificate.is_on_hold and visit.may(Action.RELEASE),
    )


async def download(visit: Visit) -> Reply:
    """A certificate as a file: alone in DER, with its chain in PEM and in PKCS #7."""
    form, dossier = visit.path["form"], await _dossier(visit)
    if form not in _TYPES:
        raise NotFound("there is no such certificate")
    certificate = dossier.certificate
    chain = [x509.load_der_x509_certificate(certificate.der), *visit.desk.chain(certificate.issuer)]
    body = {
        "pem": lambda: b"".join(one.public_bytes(Encoding.PEM) for one in chain),
        "der": lambda: certificate.der,
        "p7b": lambda: certs_only(chain),
    }[form]()
    named = f'attachment; filename="{certificate.serial}.{form}"'
    return Reply(200, (("Content-Type", _TYPES[form]), ("Content-Disposition", named), *HEADERS), body)


def serial_in(visit: Visit) -> str:
    """The serial in the path, as it is stored.

    Raises:
        NotFound: it is none; said as of one that nobody has.
    """
    return serials.typed(visit.path["serial"])


def status_of(visit: Visit, certificate: Certificate) -> CertificateStatus:
    """What its status is called at this moment."""
    return certificate_status(
        certificate.not_before,
        certificate.not_after,
        certificate.revoked_at,
        is_on_hold=certificate.is_on_hold,
        window_days=_window_days(visit, certificate),
        now=visit.now,
    )


def _window_days(visit: Visit, certificate: Certificate) -> int:
    profile, days = visit.office.profiles.get(certificate.profile), visit.office.settings.renewal.window_days
    return profile.window_days(days) if profile else days


def _window(visit: Visit, certificate: Certificate) -> Window:
    return renewal_window(
        certificate.not_before,
        certificate.not_after,
        days=_window_days(visit, certificate),
        recalled_at=certificate.recalled_at,
    )


async def _dossier(visit: Visit) -> CertificateDossier:
    return await visit.office.staff.dossiers.certificate(serial_in(visit), actor=visit.actor)


def _link(certificate: x509.Certificate) -> tuple[str, int]:
    """A CA above the certificate: its subject, and when it ends, UTC seconds."""
    return certificate.subject.rfc4514_string(), int(certificate.not_valid_after_utc.timestamp())


NAV: tuple[NavItem, ...] = ()
ROUTES = (
    Route("GET", "/certificates/{serial}", show, Action.READ_CERTIFICATES),
    Route("GET", "/certificates/{serial}/file.{form}", download, Action.READ_CERTIFICATES),
)
