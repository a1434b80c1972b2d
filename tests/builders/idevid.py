"""A maker of devices: its CAs, and the certificates that devices are made with (IEEE 802.1AR)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der
from ca_core.policy.general_names import PERMANENT_IDENTIFIER
from ca_core.registration.device_certificate import HARDWARE_MODULE_NAME

START = datetime(2025, 1, 1, tzinfo=UTC)
FOR_EVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class Maker:
    """One CA of a maker."""

    name: str = "Maker CA"
    key: ec.EllipticCurvePrivateKey = field(default_factory=_key)

    @property
    def subject(self) -> x509.Name:
        return x509.Name.from_rfc4514_string(f"CN={self.name},O=Maker")

    @property
    def certificate(self) -> x509.Certificate:
        """The CA's, self-signed."""
        return self.issue(self.subject, self.key, is_ca=True)

    def issue(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey | None = None,
        *alternative: x509.GeneralName,
        is_ca: bool = False,
        says_what_it_is: bool = True,
        end: datetime = FOR_EVER,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder(self.subject, subject, (key or _key()).public_key(), x509.random_serial_number())
            .not_valid_before(START)
            .not_valid_after(end)
        )
        if says_what_it_is:
            builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        if alternative:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
        return builder.sign(self.key, SHA256())

    def device(self, number: str, *alternative: x509.GeneralName, end: datetime = FOR_EVER) -> x509.Certificate:
        """The certificate of a device with this serialNumber."""
        subject = x509.Name.from_rfc4514_string(f"CN=Model 5,2.5.4.5={number},O=Maker")
        return self.issue(subject, None, *alternative, end=end)


def hardware_module_name(serial: bytes) -> x509.OtherName:
    """RFC 4108, 5."""
    kind = bytes.fromhex("06032a0304")
    return x509.OtherName(HARDWARE_MODULE_NAME, der.sequence(kind, der.header(0x04, len(serial)) + serial))


def permanent(content: bytes) -> x509.OtherName:
    """A PermanentIdentifier of this content (RFC 4043, 2)."""
    return x509.OtherName(PERMANENT_IDENTIFIER, der.sequence(content))


def unknown() -> x509.OtherName:
    return x509.OtherName(ObjectIdentifier("1.2.3"), der.EMPTY_SEQUENCE)


def altered(maker: Maker, old: bytes, new: bytes) -> bytes:
    """A certificate in which something is written otherwise than a library would write it, and signed so."""
    tbs = maker.device("SN-1").tbs_certificate_bytes
    assert old in tbs
    tbs = tbs.replace(old, new, 1)
    return der.assemble(tbs, der.ECDSA_SHA256, maker.key.sign(tbs, ec.ECDSA(SHA256())))
