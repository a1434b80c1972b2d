"""What the repository serves, as values: CRLs and CA certificates (RFC 5280, 4.2.1.13, 4.2.2.1; RFC 2585)."""

from __future__ import annotations

from email.utils import formatdate

import msgspec

from protocols.encoding import wrapped_base64
from protocols.wire import Reply, digest_etag, is_matched

CERTIFICATE_MAX_AGE_SECONDS = 3600
CRL_MAX_AGE_SECONDS = 30
"""A cache that kept a CRL for longer would hide a revocation beyond the 60 s that are promised (RULES, S11)."""


class Download(msgspec.Struct, frozen=True):
    """One file to be fetched over HTTP.

    Attributes:
        etag: with its quotation marks; another body has another one (RFC 9110, 8.8.3).
        max_age_seconds: how long a cache may keep it without asking.
        last_modified: UTC seconds; None where it is not known.
    """

    media_type: str
    body: bytes
    etag: str
    max_age_seconds: int = CERTIFICATE_MAX_AGE_SECONDS
    last_modified: int | None = None


def crl(der: bytes, *, number: int, this_update: int, next_update: int, now: int) -> Download:
    """A CRL; caches let go of it before the next one is due.

    Args:
        number: the CRL number.
        this_update, next_update, now: UTC seconds.
    """
    return Download(
        "application/pkix-crl",
        der,
        # Not a digest: a CRL may have megabytes. A number may come again after a restore, at another time.
        etag=f'"{number}-{this_update}"',
        max_age_seconds=max(0, min(CRL_MAX_AGE_SECONDS, next_update - now)),
        last_modified=this_update,
    )


def certificate(der: bytes) -> Download:
    """A CA certificate as caIssuers needs it: DER (RFC 5280, 4.2.2.1)."""
    return Download("application/pkix-cert", der, digest_etag(der))


def pem_certificate(der: bytes) -> Download:
    """A CA certificate as people and most programs want it (RFC 7468, 5)."""
    pem = b"-----BEGIN CERTIFICATE-----\n" + wrapped_base64(der) + b"-----END CERTIFICATE-----\n"
    return Download("application/x-pem-file", pem, digest_etag(pem))


def reply(download: Download, *, if_none_match: str) -> Reply:
    """The whole file, or 304 for a client that has it already (RFC 9110, 13.1.2 and 15.4.5).

    Args:
        if_none_match: the request's header; empty if absent.
    """
    headers = [("ETag", download.etag), ("Cache-Control", f"public, max-age={download.max_age_seconds}")]
    if download.last_modified is not None:
        headers.append(("Last-Modified", formatdate(download.last_modified, usegmt=True)))
    if is_matched(download.etag, if_none_match):
        return Reply(304, tuple(headers))
    return Reply(200, (("Content-Type", download.media_type), *headers), download.body)
