"""OCSP over HTTP: requests to questions, answers to replies (RFC 6960, 4.1 and appendix A; RFC 5019; RFC 9654)."""

from __future__ import annotations

import base64
import binascii
import re
from email.utils import formatdate
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote

from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier, OCSPExtensionOID

from ca_core import der
from ca_core.errors import BadRequest, TooLarge
from ca_core.revocation.ocsp import MOST_CERTIFICATES, Answer, CertId, Failure, Question
from protocols.wire import Reply, digest_etag

REQUEST_TYPE = "application/ocsp-request"
RESPONSE_TYPE = "application/ocsp-response"
MOST_OCTETS = 4096
"""Sixteen certificates named by SHA-512 fit, and so does a signature."""
LONGEST_NONCE = 128
MAX_AGE_SECONDS = 30
"""RFC 5019, 6 would let caches keep an answer until nextUpdate, which would hide a revocation for a day; for
longer than this, and it would be hidden beyond the 60 s that are promised (RULES, S11)."""

_NO_STORE = ("Cache-Control", "no-store")
_ACCEPTABLE_RESPONSES = ObjectIdentifier("1.3.6.1.5.5.7.48.1.4")
_UNDERSTOOD = frozenset({OCSPExtensionOID.NONCE, _ACCEPTABLE_RESPONSES})
_BASE64 = re.compile(r"[A-Za-z0-9+/]+")
_LINE_BREAKS = re.compile(r"[\r\n]+")
# What becomes of base64 on its way: a form's decoder makes blanks of `+`, some clients take the URL's alphabet.
_REPAIRS = str.maketrans(" -_", "++/")
_VERSION_1 = 0
_LASTING = 3
"""How many headers of a cacheable reply stay as they are while its answer does."""


@asn1.sequence
class _AlgorithmIdentifier:
    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class _CertId:
    hash_algorithm: _AlgorithmIdentifier
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial_number: int


@asn1.sequence
class _Request:
    req_cert: asn1.TLV
    single_request_extensions: Annotated[list[der.Extension] | None, asn1.Explicit(0)]


@asn1.sequence
class _Anything:
    """One element in a tag: what nobody here looks into."""

    element: asn1.TLV


@asn1.sequence
class _TbsRequest:
    version: Annotated[int | None, asn1.Explicit(0)]
    requestor_name: Annotated[_Anything | None, asn1.Implicit(1)]
    request_list: list[_Request]
    request_extensions: Annotated[list[der.Extension] | None, asn1.Explicit(2)]


@asn1.sequence
class _OcspRequest:
    """The signature is not looked into: RFC 6960, 4.1.2 lets a responder answer everybody."""

    tbs_request: _TbsRequest
    optional_signature: Annotated[_Anything | None, asn1.Implicit(0)]


def from_path(text: str) -> bytes:
    """The request in the path of a GET: what follows `/ocsp/` (RFC 6960, A.1).

    Clients and what stands between leave `/`, `+` and `=` as they are or escape them once or twice, put slashes
    in front or behind, drop the padding and break lines; what is meant is clear all the same.

    Args:
        text: percent-decoded once.

    Raises:
        TooLarge: beyond `MOST_OCTETS`.
        BadRequest: no base64.
    """
    if "%" in text:
        text = unquote(text)
    # No request begins with a slash: the first octet of a SEQUENCE makes an `M`.
    text = _LINE_BREAKS.sub("", text).translate(_REPAIRS).lstrip("/").rstrip("=")
    if len(text) % 4 == 1:
        text = text.removesuffix("/")
    if len(text) > MOST_OCTETS * 4 // 3:
        raise TooLarge(f"an OCSP request has at most {MOST_OCTETS} octets")
    if not _BASE64.fullmatch(text):
        raise BadRequest("the path holds no base64 of an OCSP request (RFC 6960, A.1)")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise BadRequest("the path holds no base64 of an OCSP request (RFC 6960, A.1)") from None


def read(body: bytes) -> Question:
    """Read an OCSPRequest in DER.

    Raises:
        TooLarge: beyond `MOST_OCTETS`, or about more than `MOST_CERTIFICATES`.
        BadRequest: anything else that is no request, or has a critical extension that is not understood.
    """
    if len(body) > MOST_OCTETS:
        raise TooLarge(f"an OCSP request has at most {MOST_OCTETS} octets")
    try:
        tbs = asn1.decode_der(_OcspRequest, body).tbs_request
        asked = [(request, _cert_id(asn1.encode_der(request.req_cert))) for request in tbs.request_list]
    except ValueError:
        raise BadRequest("no OCSPRequest in DER (RFC 6960, 4.1.1)") from None
    if tbs.version not in {None, _VERSION_1}:
        raise BadRequest("not version 1 of an OCSPRequest")
    if not asked:
        raise BadRequest("the request asks about no certificate")
    if len(asked) > MOST_CERTIFICATES:
        raise TooLarge(f"a request may ask about {MOST_CERTIFICATES} certificates at most")
    for request, _ in asked:
        _require_understood(request.single_request_extensions or [])
    extensions = tbs.request_extensions or []
    _require_understood(extensions)
    return Question(tuple(certificate for _, certificate in asked), _nonce(extensions))


def reply(answer: Answer) -> Reply:
    """A signed answer that nobody may keep: it repeats a nonce, or was asked for by POST (RFC 5019, 6)."""
    return Reply(200, (("Content-Type", RESPONSE_TYPE), _NO_STORE), answer.der)


def cacheable_reply(answer: Answer, *, now: int) -> Reply:
    """A signed answer to a GET, with all that caches ask for (RFC 5019, 6.2).

    Args:
        now: UTC seconds.
    """
    lasting = (
        ("Content-Type", RESPONSE_TYPE),
        ("ETag", digest_etag(answer.der)),
        ("Last-Modified", formatdate(answer.this_update, usegmt=True)),
    )
    return Reply(200, (*lasting, *_freshness(answer, now)), answer.der)


def prolonged(reply: Reply, answer: Answer, *, now: int) -> Reply:
    """A cacheable reply as it is a second later, without hashing and spelling all of it anew.

    Args:
        now: UTC seconds.
    """
    return Reply(200, (*reply.headers[:_LASTING], *_freshness(answer, now)), answer.der)


def not_modified(whole: Reply) -> Reply:
    """What a client gets that has this very answer already (RFC 9110, 15.4.5)."""
    return Reply(304, tuple(header for header in whole.headers if header[0] != "Content-Type"))


def failure_reply(failure: Failure) -> Reply:
    """An answer that nobody signs: with HTTP it went well, and clients look no further otherwise (RFC 6960, A.2)."""
    return Reply(200, (("Content-Type", RESPONSE_TYPE), _NO_STORE), failure.der)


def _freshness(answer: Answer, now: int) -> tuple[tuple[str, str], ...]:
    return _fresh_for(max(0, min(MAX_AGE_SECONDS, answer.next_update - now)), now)


@lru_cache(maxsize=64)
def _fresh_for(seconds: int, now: int) -> tuple[tuple[str, str], ...]:
    """Alike for nearly all answers of a second."""
    return (
        ("Cache-Control", f"max-age={seconds}, public, no-transform, must-revalidate"),
        ("Expires", formatdate(now + seconds, usegmt=True)),
    )


def _cert_id(encoded: bytes) -> CertId:
    """Read a CertID.

    Raises:
        ValueError: it is none.
    """
    read_ = asn1.decode_der(_CertId, encoded)
    issuer = (read_.hash_algorithm.algorithm, read_.issuer_name_hash, read_.issuer_key_hash)
    return CertId(encoded, issuer, read_.serial_number)


def _require_understood(extensions: list[der.Extension]) -> None:
    """RFC 6960, 4.1.2: what is not understood is passed over, unless it is critical."""
    if any(extension.critical and extension.extn_id not in _UNDERSTOOD for extension in extensions):
        raise BadRequest("a critical extension of the request is not understood here")


def _nonce(extensions: list[der.Extension]) -> bytes | None:
    """The value of the nonce extension, if it is one (RFC 9654, 2.1).

    Raises:
        BadRequest: two of them, or no OCTET STRING of 1 to 128 octets.
    """
    values = [extension.extn_value for extension in extensions if extension.extn_id == OCSPExtensionOID.NONCE]
    if not values:
        return None
    if len(values) > 1:
        raise BadRequest("two nonces")
    try:
        octets = len(asn1.decode_der(bytes, values[0]))
    except ValueError:
        raise BadRequest("the nonce is no OCTET STRING (RFC 9654, 2.1)") from None
    if not 1 <= octets <= LONGEST_NONCE:
        raise BadRequest(f"a nonce has 1 to {LONGEST_NONCE} octets (RFC 9654, 2.1)")
    return values[0]
