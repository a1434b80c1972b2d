"""What keys are called where profiles list those that they certify."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core.policy.keys import KeyType

FAMILIES: Mapping[str, KeyType] = MappingProxyType(
    {
        "rsa-2048": "rsa",
        "rsa-3072": "rsa",
        "rsa-4096": "rsa",
        "rsa-8192": "rsa",
        "ec-p256": "ec",
        "ec-p384": "ec",
        "ec-p521": "ec",
        "ed25519": "ed25519",
        "ml-dsa-44": "ml-dsa",
        "ml-dsa-65": "ml-dsa",
        "ml-dsa-87": "ml-dsa",
    }
)
"""The keys that a profile may list, each with its kind: what decides which key usages it can have."""

_CURVES = {"secp256r1": "ec-p256", "secp384r1": "ec-p384", "secp521r1": "ec-p521"}


def key_name(public_key: PublicKeyTypes) -> str:
    """The name of a key, such as `ec-p256`; one that no profile can list has one too, such as `rsa-2056`."""
    match public_key:
        case rsa.RSAPublicKey():
            return f"rsa-{public_key.key_size}"
        case ec.EllipticCurvePublicKey():
            return _CURVES.get(public_key.curve.name, public_key.curve.name)
        case ed25519.Ed25519PublicKey():
            return "ed25519"
        case mldsa.MLDSA44PublicKey():
            return "ml-dsa-44"
        case mldsa.MLDSA65PublicKey():
            return "ml-dsa-65"
        case mldsa.MLDSA87PublicKey():
            return "ml-dsa-87"
        case _:
            return "a key of a kind that is not certified here"
