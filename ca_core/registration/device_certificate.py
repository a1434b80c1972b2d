"""A manufacturer's certificate (IEEE 802.1AR IDevID; RFC 4108, 5): which device does it name?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.oid import ObjectIdentifier

from ca_core.policy.general_names import PERMANENT_IDENTIFIER, PermanentIdentifier
from ca_core.registration import mark

HARDWARE_MODULE_NAME = ObjectIdentifier("1.3.6.1.5.5.7.8.4")


@asn1.sequence
class _HardwareModuleName:
    hardware_type: ObjectIdentifier
    serial: bytes


def marks_of(certificate: x509.Certificate) -> frozenset[str]:
    """By what its registration may be found: the subject, and every number that its maker gave the device.

    Raises:
        ValueError: it cannot be read.
    """
    return mark.of_shown(certificate.subject.public_bytes(), numbers=_numbers(certificate))


def _numbers(certificate: x509.Certificate) -> Iterator[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return
    for other in extension.value.get_values_for_type(x509.OtherName):
        # What is not understood names nothing; the subject may.
        with suppress(ValueError):
            yield from _number(other)


def _number(other: x509.OtherName) -> Iterator[str]:
    if other.type_id == PERMANENT_IDENTIFIER:
        permanent = asn1.decode_der(PermanentIdentifier, other.value)
        if permanent.value is not None:
            yield permanent.value
    if other.type_id == HARDWARE_MODULE_NAME:
        # Makers write text into the octets, or a number; both spellings may be what is registered.
        serial = asn1.decode_der(_HardwareModuleName, other.value).serial
        yield serial.hex()
        yield serial.decode()
