"""Proof that somebody has a certificate's private key: a challenge, and what was signed with the key (pure).

The text says what it is for, so that a signature made for anything else proves nothing here, and one made here proves
nothing elsewhere.
"""

from __future__ import annotations

import base64

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ca_core.clock import rfc3339
from ca_core.errors import PossessionNotProved

_HASHES = (hashes.SHA256(), hashes.SHA384(), hashes.SHA512())
_BITS_PER_OCTET = 8


class RevocationChallenge(msgspec.Struct, frozen=True):
    """What is to be signed before a certificate is revoked as compromised.

    Attributes:
        serial: of the certificate, 40 hex digits.
        nonce: nobody else's, and never used again.
        ends_at: UTC seconds.
    """

    serial: str
    nonce: bytes
    ends_at: int

    @property
    def text(self) -> str:
        """One line of ASCII without a quotation mark or a dollar sign: it can be pasted into a shell."""
        nonce = base64.urlsafe_b64encode(self.nonce).rstrip(b"=").decode()
        return f"soapstone: revoke certificate {self.serial}, its key is compromised; {rfc3339(self.ends_at)} {nonce}"

    def require_signed(self, certificate: bytes, signature: bytes) -> None:
        """Let only pass what the certificate's key has signed.

        Args:
            certificate: in DER.
            signature: over the text: RSA with either padding, ECDSA in DER or as r and s side by side (as
                WebCrypto makes it), each with SHA-256, SHA-384 or SHA-512; or Ed25519, or ML-DSA.

        Raises:
            PossessionNotProved: another key has, or nobody.
        """
        key = x509.load_der_x509_certificate(certificate).public_key()
        if not _is_signed(key, self.text.encode(), signature):
            raise PossessionNotProved(
                "this is no signature of the text with the certificate's private key; sign exactly the text that is"
                " shown, without an end of line"
            )


def _is_signed(key: PublicKeyTypes, text: bytes, signature: bytes) -> bool:
    match key:
        case rsa.RSAPublicKey():
            return any(_is_by_rsa(key, text, signature, digest) for digest in _HASHES)
        case ec.EllipticCurvePublicKey():
            return any(_is_by_ec(key, text, form, digest) for form in _in_der(key, signature) for digest in _HASHES)
        case (
            ed25519.Ed25519PublicKey() | mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey()
        ):
            return _is_by_message(key, text, signature)
        case _:
            return False


def _in_der(key: ec.EllipticCurvePublicKey, signature: bytes) -> list[bytes]:
    """The ways to read a signature: as DER and, where its length is that of two numbers, as those."""
    octets = (key.curve.key_size + _BITS_PER_OCTET - 1) // _BITS_PER_OCTET
    if len(signature) != 2 * octets:
        return [signature]
    r, s = (int.from_bytes(half) for half in (signature[:octets], signature[octets:]))
    return [encode_dss_signature(r, s), signature]


def _is_by_rsa(key: rsa.RSAPublicKey, text: bytes, signature: bytes, digest: hashes.HashAlgorithm) -> bool:
    paddings = (padding.PKCS1v15(), padding.PSS(padding.MGF1(digest), padding.PSS.AUTO))
    for one in paddings:
        try:
            key.verify(signature, text, one, digest)
        except InvalidSignature:
            continue
        return True
    return False


def _is_by_ec(key: ec.EllipticCurvePublicKey, text: bytes, signature: bytes, digest: hashes.HashAlgorithm) -> bool:
    try:
        key.verify(signature, text, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


def _is_by_message(
    key: ed25519.Ed25519PublicKey | mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey,
    text: bytes,
    signature: bytes,
) -> bool:
    try:
        key.verify(signature, text)
    except InvalidSignature:
        return False
    return True
