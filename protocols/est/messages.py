"""EST's bodies: a certification request comes in, certificates go out (RFC 7030, 4.1.3, 4.2; RFC 8951, 3)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography import x509

from ca_core.errors import Misconfigured, TooLarge
from protocols.cms.signed import certs_only
from protocols.encoding import lenient_base64, single_line_base64, wrapped_base64
from protocols.est.errors import UnsupportedMediaType
from protocols.est.labels import Wire
from protocols.wire import Reply, Request, digest_etag, is_matched

MAX_BODY_OCTETS = 64 * 1024
CACERTS_MAX_AGE_SECONDS = 3600
"""How long a cache may keep the CA certificates: a rollover is announced for days."""
CERTIFICATION_REQUEST = "application/pkcs10"
CRLS_MAX_AGE_SECONDS = 30
"""As short as where relying parties fetch them: a revocation is seen within a minute (RULES, S11)."""

# To the letter: libest compares bytes, and older BouncyCastle decodes only what says that it is base64.
CERTS_ONLY_HEADERS = (
    ("Content-Type", "application/pkcs7-mime; smime-type=certs-only"),
    ("Content-Transfer-Encoding", "base64"),
)

CSRATTRS_HEADERS = (
    ("Content-Type", "application/csrattrs"),
    ("Content-Transfer-Encoding", "base64"),
)


def require_certification_request(request: Request) -> None:
    """Look at the outside of a body before anybody is asked who they are.

    Raises:
        UnsupportedMediaType: it says that it is something else.
        TooLarge: more than 64 KiB.
    """
    # RFC 9110, 8.4: a coding that is not accepted is answered like a type that is not.
    if request.media_type != CERTIFICATION_REQUEST or "content-encoding" in request.headers:
        raise UnsupportedMediaType
    if len(request.body) > MAX_BODY_OCTETS:
        raise TooLarge(f"a certification request has at most {MAX_BODY_OCTETS} octets")


def certification_request(body: bytes) -> bytes:
    """The DER in a body, whatever its Content-Transfer-Encoding says (RFC 8951, 3.1).

    Raises:
        BadRequest: not base64.
    """
    return lenient_base64(body)


def issued(certificate_der: bytes) -> bytes:
    """Exactly one certificate as certs-only CMS (RFC 7030, 4.2.3)."""
    return certs_only([x509.load_der_x509_certificate(certificate_der)])


def held(certificates: Iterable[bytes]) -> bytes:
    """A holder's certificates, each in DER, as certs-only CMS (RFC 8295, 3.2)."""
    return certs_only([x509.load_der_x509_certificate(der) for der in certificates])


def ca_certificates(certificates: Sequence[x509.Certificate]) -> bytes:
    """The CA's certificates as certs-only CMS (RFC 7030, 4.1.3).

    Raises:
        Misconfigured: no root among them; clients would have no anchor to trust.
    """
    if not any(certificate.issuer == certificate.subject for certificate in certificates):
        raise Misconfigured("EST's CA certificates must hold the self-signed root (RFC 7030, 4.1.3)")
    return certs_only(certificates)


def certs_only_reply(cms: bytes, *, single_line: bool) -> Reply:
    """The only success that enrollment knows: strongSwan and libest take no other status than 200."""
    return Reply(200, CERTS_ONLY_HEADERS, _base64(cms, single_line=single_line))


def csrattrs_reply(csr_attributes: bytes, *, single_line: bool) -> Reply:
    """What a client should ask for (RFC 7030, 4.5.2; RFC 8951, 3.5)."""
    return Reply(200, CSRATTRS_HEADERS, _base64(csr_attributes, single_line=single_line))


def _base64(der: bytes, *, single_line: bool) -> bytes:
    return single_line_base64(der) if single_line else wrapped_base64(der)


class Cacheable:
    """A certs-only message that everybody may ask for, in both layouts.

    Each is made when it is first asked for, and all share it: a CRL of megabytes, encoded for each who asks, would hold
    up the others, and kept for each who takes it slowly, fill the memory.
    """

    def __init__(self, cms: bytes, *, max_age_seconds: int) -> None:
        self._cms = cms
        self._cache_control = f"public, max-age={max_age_seconds}"
        self._laid_out: dict[bool, tuple[Reply, str]] = {}

    def reply(self, request: Request, wire: Wire) -> Reply:
        """An answer that may be kept; 304 for who has it already (RFC 9110, 13.1.2 and 15.4.5)."""
        reply, etag = self._as(is_single_line=wire.is_single_line_for(request.headers))
        kept = [("ETag", etag), ("Cache-Control", self._cache_control)]
        if wire is Wire.AUTO:
            # Where the client decides about the layout, caches have to know by what.
            kept.append(("Vary", "Accept, User-Agent"))
        if is_matched(etag, request.headers.get("if-none-match", "")):
            return Reply(304, tuple(kept))
        return Reply(reply.status, (*reply.headers, *kept), reply.body)

    def _as(self, *, is_single_line: bool) -> tuple[Reply, str]:
        if is_single_line not in self._laid_out:
            reply = certs_only_reply(self._cms, single_line=is_single_line)
            self._laid_out[is_single_line] = reply, digest_etag(reply.body)
        return self._laid_out[is_single_line]
