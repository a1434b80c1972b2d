"""A server's TLS certificate, and those of its clients, from one CA of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LONG = NOW + timedelta(days=3650)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH

_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True)
class Leaf:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key + self.certificate.public_bytes(Encoding.PEM)

    def written(self, path: Path) -> Path:
        path.write_bytes(self.pem)
        return path


class TestCa:
    """A CA that issues anything."""

    __test__ = False

    def __init__(self, name: str = "Test CA", *, parent: TestCa | None = None) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        issuer, signer = (self._name, self._key) if parent is None else (parent._name, parent._key)
        builder = x509.CertificateBuilder(issuer, self._name, self._key.public_key(), 1, NOW, LONG)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_SIGNS, critical=True)
        self.certificate = builder.sign(signer, SHA256())
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()

    @classmethod
    def of(cls, leaf: Leaf) -> TestCa:
        """One that issues with a certificate that is not a CA's."""
        made = cls()
        made._key, made._name, made.certificate = leaf.key, leaf.certificate.subject, leaf.certificate
        return made

    def issue(
        self,
        name: str = "localhost",
        *,
        usage: x509.ObjectIdentifier | None = SERVER,
        end: datetime = LONG,
        ca: bool = False,
        critical: x509.ExtensionType | None = None,
    ) -> Leaf:
        key = ec.generate_private_key(ec.SECP256R1())
        serial = x509.random_serial_number()
        builder = x509.CertificateBuilder(self._name, _name(name), key.public_key(), serial, NOW - timedelta(1), end)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if usage is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if critical is not None:
            builder = builder.add_extension(critical, critical=True)
        return Leaf(builder.sign(self._key, SHA256()), key)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
