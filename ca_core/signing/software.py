"""Keys in encrypted files (RFC 5958), used in memory."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ObjectIdentifier

from ca_core import der
from ca_core.errors import Misconfigured

KeyKind = Literal["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

_PBES2 = ObjectIdentifier("1.2.840.113549.1.5.13")
_SCRYPT = ObjectIdentifier("1.3.6.1.4.1.11591.4.11")
_AES_256_CBC = ObjectIdentifier("2.16.840.1.101.3.4.1.42")
# 16 MiB and about 40 ms for each guess, the cost that `openssl pkcs8 -scrypt` takes; cryptography's own
# writer stops at 2,048 rounds of PBKDF2, below a millisecond.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**14, 8, 1
_KEY_OCTETS = 32
_BLOCK_OCTETS = 16


class SoftwareKey:
    """A CA key in this process's memory; the private key is held by a closure and has no way out."""

    __slots__ = ("_sign", "_waits", "algorithm", "public_key")

    def __init__(self, private_key: PrivateKey) -> None:
        """Take the key.

        Raises:
            Misconfigured: neither RSA nor P-256 nor P-384.
        """
        self.public_key: PublicKey = private_key.public_key()
        self.algorithm: bytes = der.signature_algorithm(self.public_key)
        self._sign = _signer(private_key)
        # RSA takes milliseconds and gives the interpreter free meanwhile; an EC signature is over before a
        # thread has woken up.
        self._waits = isinstance(private_key, rsa.RSAPrivateKey)

    def __repr__(self) -> str:
        """Say nothing."""
        return "SoftwareKey(...)"

    async def sign(self, tbs: bytes) -> bytes:
        """Sign as `algorithm` says."""
        if self._waits:
            return await asyncio.to_thread(self._sign, tbs)
        return self._sign(tbs)


def generate(kind: KeyKind) -> PrivateKey:
    """Make a new private key."""
    match kind:
        case "ec-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ec-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "rsa-2048" | "rsa-3072" | "rsa-4096":
            return rsa.generate_private_key(public_exponent=65537, key_size=int(kind.removeprefix("rsa-")))


def write_key(path: Path, key: PrivateKey, passphrase: bytes) -> None:
    """Write a key as encrypted PKCS #8 in DER; when this returns it survives a power cut.

    Raises:
        Misconfigured: the file exists, cannot be written, or the passphrase is empty.
    """
    if not passphrase:
        raise Misconfigured(f"{path} must not be written without a passphrase")
    pkcs8 = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    write_new(path, _encrypted(pkcs8, passphrase), mode=0o600)


def write_new(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that must not exist yet, and have it and its directory entry on the disk.

    Raises:
        Misconfigured: the file exists or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise Misconfigured(f"{path} exists already and is not overwritten; choose another home") from None
    except OSError as error:
        raise Misconfigured(f"{path} cannot be written: {error.strerror}") from None


def _signer(private_key: PrivateKey) -> Callable[[bytes], bytes]:
    if isinstance(private_key, rsa.RSAPrivateKey):
        rsa_key = private_key
        return lambda tbs: rsa_key.sign(tbs, padding.PKCS1v15(), SHA256())
    ec_key = private_key
    algorithm = ec.ECDSA(SHA384() if isinstance(ec_key.curve, ec.SECP384R1) else SHA256())
    return lambda tbs: ec_key.sign(tbs, algorithm)


@asn1.sequence
class _ScryptParameters:
    """RFC 7914, 7.1."""

    salt: bytes
    cost: int
    block_size: int
    parallelization: int


@asn1.sequence
class _Scrypt:
    algorithm: ObjectIdentifier
    parameters: _ScryptParameters


@asn1.sequence
class _Aes:
    algorithm: ObjectIdentifier
    iv: bytes


@asn1.sequence
class _Pbes2Parameters:
    """RFC 8018, A.4."""

    key_derivation: _Scrypt
    encryption: _Aes


@asn1.sequence
class _Pbes2:
    algorithm: ObjectIdentifier
    parameters: _Pbes2Parameters


@asn1.sequence
class _EncryptedPrivateKeyInfo:
    """RFC 5958, 3."""

    algorithm: _Pbes2
    encrypted_data: bytes


def _encrypted(pkcs8: bytes, passphrase: bytes) -> bytes:
    salt, iv = secrets.token_bytes(_BLOCK_OCTETS), secrets.token_bytes(_BLOCK_OCTETS)
    key = Scrypt(salt, _KEY_OCTETS, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P).derive(passphrase)
    pad, encryptor = PKCS7(_BLOCK_OCTETS * 8).padder(), Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    cost = _ScryptParameters(salt=salt, cost=_SCRYPT_N, block_size=_SCRYPT_R, parallelization=_SCRYPT_P)
    parameters = _Pbes2Parameters(
        key_derivation=_Scrypt(algorithm=_SCRYPT, parameters=cost),
        encryption=_Aes(algorithm=_AES_256_CBC, iv=iv),
    )
    return asn1.encode_der(
        _EncryptedPrivateKeyInfo(
            algorithm=_Pbes2(algorithm=_PBES2, parameters=parameters),
            encrypted_data=encryptor.update(pad.update(pkcs8) + pad.finalize()) + encryptor.finalize(),
        )
    )
