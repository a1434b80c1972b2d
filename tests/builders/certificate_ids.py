"""Certificates as ARI names them (RFC 9773, 4.1)."""

from __future__ import annotations

import base64

from cryptography import x509


def named(der: bytes) -> str:
    """Key identifier and serial of a certificate, in the way of the RFC."""
    certificate = x509.load_der_x509_certificate(der)
    key = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    number = certificate.serial_number
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (key or b"", octets))
