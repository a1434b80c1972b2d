"""How ARI names a certificate (RFC 9773, 4.1).

In base64url: its authorityKeyIdentifier, a dot, and its serial.
"""

from __future__ import annotations

import msgspec
from cryptography import x509

from ca_core.errors import BadRequest, NotFound
from ca_core.identity import SERIAL_OCTETS
from protocols.encoding import from_base64url

_SIGN_BIT = 0x80


class CertificateId(msgspec.Struct, frozen=True):
    """A name that could be one of ours.

    Attributes:
        key_identifier: of the issuer's key.
        serial: 40 hex digits.
    """

    key_identifier: bytes
    serial: str

    def names(self, der: bytes) -> bool:
        """Whether it is the name of this certificate, which has its serial."""
        extensions = x509.load_der_x509_certificate(der).extensions
        value = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        return value.key_identifier == self.key_identifier


def parse(text: str) -> CertificateId:
    """Read the one spelling of a name.

    Raises:
        NotFound: another spelling, or none; our serials have 20 octets and are positive.
    """
    key_identifier, _, serial = text.partition(".")
    try:
        found = CertificateId(from_base64url(key_identifier), from_base64url(serial).hex())
    except BadRequest:
        raise unknown() from None
    octets = bytes.fromhex(found.serial)
    if len(octets) != SERIAL_OCTETS or octets[0] & _SIGN_BIT or not found.key_identifier:
        raise unknown()
    return found


def unknown() -> NotFound:
    """What is said of each name that is not the name of a certificate of ours."""
    return NotFound("no certificate of this CA is named so (RFC 9773, 4.1)")
