"""Keys in encrypted files (RFC 5958), used in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric import ec, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from ca_core import der
from ca_core.errors import Misconfigured
from ca_core.files import write_new
from ca_core.policy.key_types import key_name
from ca_core.threads import Beside

KeyKind = Literal["ec-p256", "ec-p384", "rsa-2048", "rsa-3072", "rsa-4096", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"]
MlDsaPrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey
MlDsaPublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | MlDsaPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | MlDsaPublicKey
_KINDS: dict[str, KeyKind] = {kind: kind for kind in get_args(KeyKind)}
SHORTEST_PASSPHRASE_OCTETS = 20
# What takes longer to digest than a thread to wake up: the CRLs of many revocations.
_LONG_OCTETS = 1 << 17


class SoftwareKey:
    """A CA key in this process's memory; the private key is held by a closure and has no way out."""

    __slots__ = ("_beside", "_sign", "_waits", "algorithm", "public_key")

    def __init__(self, private_key: PrivateKey) -> None:
        """Take the key.

        Raises:
            Misconfigured: neither RSA nor P-256 nor P-384 nor ML-DSA.
        """
        self.public_key: PublicKey = private_key.public_key()
        self.algorithm: bytes = der.signature_algorithm(self.public_key)
        self._sign = _signer(private_key)
        # RSA and ML-DSA take a millisecond or more and give the interpreter free meanwhile; an EC signature is
        # over before a thread has woken up.
        self._waits = not isinstance(private_key, ec.EllipticCurvePrivateKey)
        self._beside = Beside("software-key")

    def __repr__(self) -> str:
        """Say nothing."""
        return "SoftwareKey(...)"

    def require_ready(self) -> None:
        """It always is."""

    async def sign(self, tbs: bytes) -> bytes:
        """Sign as `algorithm` says."""
        if self._waits or len(tbs) > _LONG_OCTETS:
            return await self._beside.run(partial(self._sign, tbs))
        return self._sign(tbs)

    def sign_at_once(self, tbs: bytes) -> bytes:
        """Sign as `algorithm` says, where there is no event loop to be kept free: in a key ceremony."""
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
        case "ml-dsa-44":
            return mldsa.MLDSA44PrivateKey.generate()
        case "ml-dsa-65":
            return mldsa.MLDSA65PrivateKey.generate()
        case "ml-dsa-87":
            return mldsa.MLDSA87PrivateKey.generate()


def kind_of(public_key: PublicKeyTypes) -> KeyKind:
    """The kind that `generate` makes keys like this one of.

    Raises:
        Misconfigured: none.
    """
    kind = _KINDS.get(key_name(public_key))
    if kind is None:
        raise Misconfigured("keys of this kind are not made here; say which kind the new one shall be")
    return kind


def write_key(path: Path, key: PrivateKey, passphrase: bytes) -> None:
    """Write a key as encrypted PKCS #8; when this returns it survives a power cut.

    Of an ML-DSA key only the seed is written (RFC 9881, 6), of which the rest follows.

    The library derives the encryption key in few rounds, which a long and random passphrase makes up for:
    `init` draws 256 bits, and what is too short to be one is refused.

    Raises:
        Misconfigured: the file exists, cannot be written, or the passphrase is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE_OCTETS:
        raise Misconfigured(f"the passphrase for {path} is shorter than {SHORTEST_PASSPHRASE_OCTETS} octets")
    encryption = BestAvailableEncryption(passphrase)
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), mode=0o600)


def _signer(private_key: PrivateKey) -> Callable[[bytes], bytes]:
    match private_key:
        case rsa.RSAPrivateKey() as rsa_key:
            return lambda tbs: rsa_key.sign(tbs, padding.PKCS1v15(), SHA256())
        case ec.EllipticCurvePrivateKey() as ec_key:
            algorithm = ec.ECDSA(SHA384() if isinstance(ec_key.curve, ec.SECP384R1) else SHA256())
            return lambda tbs: ec_key.sign(tbs, algorithm)
        case ml_dsa_key:
            # RFC 9881, 3: pure ML-DSA, and the context is empty. A bound method would hand its key out.
            return lambda tbs: ml_dsa_key.sign(tbs)  # noqa: PLW0108  # as it says
