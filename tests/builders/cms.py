"""Signers and recipients of messages, with openssl beside them."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.builders.csr import MlDsaKey

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | MlDsaKey


def certificate_of(key: Key, *, with_key_id: bool = True, serial: int = 4711) -> x509.Certificate:
    """A self-signed certificate."""
    name = x509.Name.from_rfc4514_string("CN=somebody")
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 1, 1, tzinfo=UTC))
    )
    if with_key_id:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    hashing = None if isinstance(key, ed25519.Ed25519PrivateKey | MlDsaKey) else SHA256()
    return builder.sign(key, hashing)


def written(folder: Path, key: Key, certificate: x509.Certificate) -> tuple[Path, Path]:
    """Both as files in PEM, for openssl."""
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    return key_file, certificate_file


def cms(*arguments: str | Path, message: bytes) -> bytes:
    """What `openssl cms` makes of a message."""
    done = subprocess.run(["openssl", "cms", *arguments], input=message, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
