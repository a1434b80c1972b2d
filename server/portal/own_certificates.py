"""What the pages about a subscriber's own certificates have in common: which one is meant, and what a list shows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from ca_core.errors import BadRequest
from ca_core.policy.status import CertificateStatus
from ca_core.staff.lines import CertificateFilter, CertificateLine, Page
from ca_core.store.certificates import Certificate
from ca_core.subscriber.holdings import Held
from server.portal.visit import Visit
from server.web import languages, serials
from server.web.languages import phrase

AFTER, FROM = "after", "n"
"""Fields of a list's query: where the page begins, and the number of its first line."""
MOST = 20
_MOST_NUMBER_DIGITS = 6
_UNSAFE = re.compile(r"[^A-Za-z0-9-]+")

PURPOSES: Mapping[str, str] = {
    "profile.signing": phrase("Signing"),
    "profile.encryption": phrase("Encryption"),
    "profile.tls-server": phrase("Web site or other server"),
    "profile.device": phrase("Device"),
}
"""What the built-in profiles are for; others are called by their names."""
ENDED = frozenset({CertificateStatus.REVOKED, CertificateStatus.EXPIRED})
"""There is nothing left to revoke."""


class Listed(msgspec.Struct, frozen=True):
    """One line of a list, with what is not in the store.

    Attributes:
        number: 1 and up, in the order of the list.
        name: by which the subscriber is known: the common name, or else the account.
        issuer: the CA's distinguished name.
        purpose: in the reader's language.
    """

    number: int
    name: str
    line: CertificateLine
    issuer: str
    purpose: str


def serial_in(visit: Visit) -> str:
    """The serial in the path, as it is stored.

    Raises:
        NotFound: it is none; said as of one that nobody has.
    """
    return serials.typed(visit.path["serial"])


async def holding_in(visit: Visit) -> Held:
    """The certificate that the path names.

    Raises:
        NotFound: there is none, or it is another's.
    """
    return await visit.portal.holdings.one(visit.registration, serial_in(visit))


def wanted_by(visit: Visit) -> CertificateFilter:
    """What a list's form asks for.

    Raises:
        BadRequest: there is no such status.
    """
    status = visit.query.get("status")
    try:
        wanted = CertificateStatus(status) if status else None
    except ValueError:
        raise BadRequest("there is no such status") from None
    return CertificateFilter(
        serial=visit.query.get("serial") or None, name=visit.query.get("name") or None, status=wanted
    )


def listed(visit: Visit, lines: Iterable[CertificateLine]) -> list[Listed]:
    """The lines of a page, numbered on from the page before."""
    first, issuers = _first(visit), dict[str, str]()
    found = []
    for number, line in enumerate(lines, first):
        if line.issuer not in issuers:
            chain = visit.portal.chain(line.issuer)
            issuers[line.issuer] = chain[0].subject.rfc4514_string() if chain else line.issuer
        found.append(Listed(number, _called(line), line, issuers[line.issuer], purpose(visit, line.profile)))
    return found


def _called(line: CertificateLine) -> str:
    try:
        found = x509.Name.from_rfc4514_string(line.subject).get_attributes_for_oid(NameOID.COMMON_NAME)
    except ValueError:
        # Written with attributes that have no short name.
        return line.account
    return str(found[0].value) if found else line.account


def following(visit: Visit, page: Page[CertificateLine]) -> str:
    """The address of the next page; empty where there is none."""
    if page.more is None:
        return ""
    kept = [(name, value) for name, value in visit.query.items() if value and name not in {AFTER, FROM}]
    return f"{visit.request.path}?{urlencode([*kept, (AFTER, page.more), (FROM, str(_first(visit) + len(page)))])}"


def purpose(visit: Visit, profile: str) -> str:
    """What a profile is for, in the reader's language."""
    text = PURPOSES.get(f"profile.{profile}")
    return profile if text is None else languages.texts(visit.language).gettext(text)


def chain_of(visit: Visit, certificate: Certificate) -> list[x509.Certificate]:
    """The certificate, what issued it, and so on up to the root, which nobody is sent unasked."""
    chain = [x509.load_der_x509_certificate(certificate.der), *visit.portal.chain(certificate.issuer)]
    root = next((root for root in visit.portal.roots() if _has_issued(root, chain[-1])), None)
    return chain if root is None or root in chain else [*chain, root]


def _has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, InvalidSignature):
        return False
    return True


def file_name(certificate: Certificate, ending: str) -> str:
    """What a file of a certificate is called wherever it is kept: letters, digits, hyphens and dots."""
    return f"{_UNSAFE.sub('-', certificate.profile)}-{certificate.serial}{ending}"


def said_in(visit: Visit, known: Mapping[str, str]) -> str:
    """What a page says first, in English: one of our own sentences, by its name in the query; empty for none."""
    return known.get(visit.query.get("said"), "")


def _first(visit: Visit) -> int:
    text = visit.query.get(FROM)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_NUMBER_DIGITS else 1
