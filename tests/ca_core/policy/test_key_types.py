from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, mldsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core.policy.key_types import FAMILIES, key_name
from tests.builders.csr import ec_key, ed25519_key, rsa_key


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (rsa_key().public_key(), "rsa-2048"),
        (rsa_key(2056).public_key(), "rsa-2056"),
        (ec_key().public_key(), "ec-p256"),
        (ec_key("secp384r1").public_key(), "ec-p384"),
        (ec_key("secp521r1").public_key(), "ec-p521"),
        (ec_key("secp256k1").public_key(), "secp256k1"),
        (ed25519_key().public_key(), "ed25519"),
        (mldsa.MLDSA44PrivateKey.generate().public_key(), "ml-dsa-44"),
        (mldsa.MLDSA65PrivateKey.generate().public_key(), "ml-dsa-65"),
        (mldsa.MLDSA87PrivateKey.generate().public_key(), "ml-dsa-87"),
        (ed448.Ed448PrivateKey.generate().public_key(), "a key of a kind that is not certified here"),
    ],
)
def test_every_key_has_a_name_and_those_that_may_be_listed_are_known(key: PublicKeyTypes, name: str) -> None:
    assert key_name(key) == name
    assert (name in FAMILIES) == (name not in {"rsa-2056", "secp256k1", "a key of a kind that is not certified here"})
