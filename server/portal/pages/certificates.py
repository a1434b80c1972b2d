"""A subscriber's certificates: the list of the manual (RULES, S12), and each one as people read it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import BadRequest
from ca_core.policy.status import CertificateStatus
from ca_core.registration.session import Step
from ca_core.revocation.reason import Reason
from ca_core.staff.lines import CertificateLine, Page
from ca_core.store.related import Happening
from protocols.wire import Reply
from server.portal import certificate_files, own_certificates
from server.portal.application_form import common_name, label
from server.portal.own_certificates import ENDED, holding_in, listed, purpose, said_in
from server.portal.route import PortalRoute
from server.portal.visit import KEYS_SCRIPT, Visit
from server.web import certificate_fields
from server.web.actor_words import OFFICE
from server.web.languages import phrase
from server.web.life import Moment, life

_PATH = "/certificates"
_SAID = {
    "revoked": phrase(
        "The certificate is revoked; the revocation list and the status service show it within a minute."
    ),
    "revoked-all": phrase("The certificate is revoked, and every other one with the same key with it."),
    "asked": phrase(
        "Your request is recorded. An officer of the registration authority looks at it; this page shows what becomes"
        " of it."
    ),
}
_BY_PROGRAM = phrase("a program of yours")
_BY: dict[str, str] = {
    "portal:session": phrase("you, at this site"),
    "portal:certificate-key": phrase("you, with the certificate's key"),
    "acme": _BY_PROGRAM,
    "est": _BY_PROGRAM,
    "server": phrase("the server, when its time had come"),
}


class Told(NamedTuple):
    """One thing that happened to a certificate, as its subscriber is told it.

    Attributes:
        by: who did it, in English; empty of what time alone brings about.
        reason: the standard's name of why it was revoked, or is to be; empty where that is not the matter.
        outcome: of a request; empty of what is none.
    """

    moment: Moment
    by: str = ""
    reason: str = ""
    outcome: str = ""


async def show(visit: Visit) -> Reply:
    """All certificates, or those that are looked for."""
    fault, status, found = "", 200, Page[CertificateLine]()
    try:
        wanted = own_certificates.wanted_by(visit)
        after = visit.query.get(own_certificates.AFTER) or None
        found = await visit.portal.holdings.page(visit.registration, wanted, after=after, most=own_certificates.MOST)
    except BadRequest:
        fault, status = phrase("This cannot be looked for. A serial number has the digits 0 to 9 and a to f."), 400
    return visit.render(
        "certificates.html",
        status=status,
        lines=listed(visit, found),
        statuses=[one.value for one in CertificateStatus],
        asked={name: visit.query.get(name) for name in ("status", "name", "serial")},
        is_asked=any(visit.query.get(name) for name in ("status", "name", "serial", own_certificates.AFTER)),
        fault=fault,
        following=own_certificates.following(visit, found),
    )


async def details(visit: Visit) -> Reply:
    """One certificate: what is in it, its chain, and its life."""
    holding = await holding_in(visit)
    certificate = holding.certificate
    chain, called = own_certificates.chain_of(visit, certificate), label(visit, certificate.profile)
    return visit.render(
        "certificate.html",
        scripts=(KEYS_SCRIPT,),
        holding=holding,
        certificate=certificate,
        purpose=purpose(visit, certificate.profile),
        label=called,
        friendly_name=f"{common_name(visit.registration) or visit.registration.account} · {called}",
        reason=None if certificate.reason is None else Reason(certificate.reason),
        fields=certificate_fields.fields(certificate),
        pem=chain[0].public_bytes(Encoding.PEM).decode(),
        forms=certificate_files.FORMS,
        chain_pem="".join(one.public_bytes(Encoding.PEM).decode() for one in chain),
        chain=[_link(one) for one in chain[1:]],
        told=list(_told(life(certificate, holding.happened, window=holding.window, now=visit.now))),
        said=said_in(visit, _SAID),
        may_revoke=holding.status not in ENDED,
        may_renew=holding.window.is_open(visit.now) and not certificate.is_revoked,
        key_file_name=own_certificates.file_name(certificate, ".p12"),
    )


def _link(certificate: x509.Certificate) -> tuple[str, int]:
    """A CA above the certificate: its subject, and when it ends, UTC seconds."""
    return certificate.subject.rfc4514_string(), int(certificate.not_valid_after_utc.timestamp())


def _told(moments: Iterable[Moment]) -> Iterable[Told]:
    for moment in moments:
        yield Told(moment) if moment.row is None else _row(moment, moment.row)


class _Detail(msgspec.Struct, frozen=True):
    """What is shown of an event: officers' notes and names are their own."""

    reason: str = ""
    outcome: str = ""


def _row(moment: Moment, row: Happening) -> Told:
    detail = msgspec.json.decode(row.detail, type=_Detail)
    return Told(moment, _by(row.actor), detail.reason, detail.outcome)


def _by(actor: str) -> str:
    door, _, rest = actor.partition(":")
    proof = rest.partition(":")[0]
    return _BY.get(f"{door}:{proof}") or _BY.get(door) or OFFICE


ROUTES = (
    PortalRoute("GET", _PATH, show, Step.SIGNED_IN),
    PortalRoute("GET", f"{_PATH}/{{serial}}", details, Step.SIGNED_IN),
)
