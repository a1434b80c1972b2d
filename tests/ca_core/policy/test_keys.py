from __future__ import annotations

import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core.errors import WeakKey
from ca_core.policy import keys
from tests.builders.csr import close_primes_key, ec_key, ed25519_key, roca_key, rsa_key, spki


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1"])
def test_the_listed_curves_are_taken(curve: str) -> None:
    keys.check_key(ec_key(curve).public_key())


def test_rsa_and_ed25519_are_taken() -> None:
    keys.check_key(rsa_key().public_key())
    keys.check_key(ed25519_key().public_key())


@pytest.mark.parametrize(
    "key",
    [
        ec_key("secp256k1").public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
    ],
    ids=["secp256k1", "ed448", "x25519"],
)
def test_other_kinds_and_curves_are_refused(key: PublicKeyTypes) -> None:
    with pytest.raises(WeakKey, match="not certified here"):
        keys.check_key(key)


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(WeakKey, match="2048 to 8192 bits"):
        keys.check_key(rsa_key(1024).public_key())


def test_a_long_rsa_key_is_refused() -> None:
    with pytest.raises(WeakKey, match="this one has 8193"):
        keys.check_key(rsa.RSAPublicNumbers(65537, (1 << 8192) + 1).public_key())


def test_exponent_3_is_refused() -> None:
    with pytest.raises(WeakKey, match="exponent"):
        keys.check_key(rsa_key(exponent=3).public_key())


def test_an_exponent_beyond_256_bits_is_refused() -> None:
    n = rsa_key().public_key().public_numbers().n

    with pytest.raises(WeakKey, match="exponent"):
        keys.check_key(rsa.RSAPublicNumbers((1 << 256) + 1, n).public_key())


@pytest.mark.parametrize("factor", [2, 3, 743, 751])
def test_a_small_factor_is_found(factor: int) -> None:
    n = rsa_key().public_key().public_numbers().n * factor

    with pytest.raises(WeakKey, match="small factor"):
        keys.check_key(rsa.RSAPublicNumbers(65537, n).public_key())


def test_a_roca_key_is_refused() -> None:
    with pytest.raises(WeakKey, match="ROCA"):
        keys.check_key(roca_key())


@pytest.mark.parametrize("distance", [0, 1 << 512, 25 << 512])
def test_close_primes_are_found(distance: int) -> None:
    with pytest.raises(WeakKey, match="too close"):
        keys.check_key(close_primes_key(distance))


def test_a_square_is_found() -> None:
    p = 2**1024 - 105

    with pytest.raises(WeakKey, match="too close"):
        keys.check_key(rsa.RSAPublicNumbers(65537, p * p).public_key())


def test_primes_beyond_110_rounds_pass() -> None:
    keys.check_key(close_primes_key(27 << 512))


def test_a_check_takes_milliseconds_at_most() -> None:
    key = rsa_key(4096).public_key()
    started = time.process_time()

    for _ in range(20):
        keys.check_key(key)

    assert (time.process_time() - started) / 20 < 0.005


def test_one_key_has_one_digest() -> None:
    key = ec_key()

    digest = keys.spki_sha256(keys.spki_der(key.public_key()))

    assert keys.spki_der(key.public_key()) == spki(key)
    assert len(digest) == 32


def test_kinds_have_names() -> None:
    kinds = [keys.key_type(key.public_key()) for key in (rsa_key(), ec_key(), ed25519_key())]

    assert kinds == ["rsa", "ec", "ed25519"]
    with pytest.raises(WeakKey):
        keys.key_type(ec.generate_private_key(ec.SECP256R1()))  # type: ignore[arg-type]  # a private key, on purpose


def test_a_giant_key_is_not_worth_verifying_a_signature_with() -> None:
    giant = rsa.RSAPublicNumbers(65537, (1 << 8193) + 1).public_key()
    giant_exponent = rsa.RSAPublicNumbers((1 << 64) + 13, rsa_key().public_key().public_numbers().n).public_key()

    keys.require_affordable(rsa_key().public_key())
    keys.require_affordable(ec_key().public_key())
    for key in (giant, giant_exponent):
        with pytest.raises(WeakKey, match="at most 8192 bits"):
            keys.require_affordable(key)
