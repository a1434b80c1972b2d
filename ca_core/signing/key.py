"""CA keys by URI: what a key can do, and how it is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from ca_core.errors import Misconfigured
from ca_core.signing.software import PublicKey, SoftwareKey

_PEM = b"-----BEGIN "


class SigningKey(Protocol):
    """A CA key, wherever it is kept."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""

    @property
    def algorithm(self) -> bytes:
        """AlgorithmIdentifier of its signatures, in DER."""

    async def sign(self, tbs: bytes) -> bytes:
        """Return the content of the signature's BIT STRING over the to-be-signed bytes."""


def open_key(uri: str, passphrase: bytes, home: Path) -> SigningKey:
    """Open an encrypted PKCS #8 key, PEM or DER, such as `file:authority/issuing.key` below `home`.

    Raises:
        Misconfigured: another scheme, no such file, a wrong or empty passphrase, a key that is not encrypted,
            or one that is neither RSA nor P-256 nor P-384.
    """
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc or not parts.path:
        raise Misconfigured(f"{uri!r} does not name a key; write file:PATH, relative to the home folder")
    path = home / unquote(parts.path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"the key file {path} cannot be read ({error.strerror}); check it and its owner") from None
    if not passphrase:
        raise Misconfigured(f"the passphrase of the key file {path} is empty; set the one it has")
    load = load_pem_private_key if content.startswith(_PEM) else load_der_private_key
    try:
        private_key = load(content, passphrase)
    except TypeError:
        raise Misconfigured(f"the key file {path} is not encrypted; encrypt it with openssl pkcs8 -topk8") from None
    except (ValueError, UnsupportedAlgorithm):
        raise Misconfigured(f"the key file {path} does not open; check the passphrase, or restore the file") from None
    if not isinstance(private_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Misconfigured(f"the key in {path} must be RSA, EC P-256 or EC P-384")
    return SoftwareKey(private_key)
