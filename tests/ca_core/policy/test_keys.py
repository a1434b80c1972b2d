from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from ca_core.errors import KeyCompromised, WeakKey
from ca_core.policy import keys
from ca_core.policy.blocklist import Blocklist
from tests.builders import weak_keys
from tests.builders.csr import Key, ec_key, ed25519_key, ml_dsa_key, rsa_key, spki


@pytest.mark.parametrize("curve", ["secp256r1", "secp384r1", "secp521r1"])
def test_the_listed_curves_are_taken(curve: str) -> None:
    keys.check_key(ec_key(curve).public_key())


@pytest.mark.parametrize("key", [rsa_key(), ed25519_key(), ml_dsa_key(44), ml_dsa_key(65), ml_dsa_key(87)])
def test_rsa_ed25519_and_ml_dsa_are_taken(key: Key) -> None:
    keys.check_key(key.public_key())


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


@pytest.mark.parametrize(
    ("made", "finding"),
    [
        (partial(weak_keys.small_factor, 3), "small factor"),
        (partial(weak_keys.small_factor, 743), "small factor"),
        (weak_keys.small_factor, "small factor"),
        (weak_keys.roca, "ROCA"),
        (weak_keys.zero_runs, "runs of zeros"),
        (weak_keys.biased, "not random"),
        (weak_keys.repeating, "repeats itself"),
        (weak_keys.backdoor_order, "CVE-2024-3094"),
        (partial(weak_keys.close_primes, 0), "too close"),
        (partial(weak_keys.close_primes, 1 << 512), "too close"),
        (weak_keys.close_primes, "too close"),
    ],
)
def test_a_known_weakness_is_found_and_named(made: Callable[[], weak_keys.WeakRsa], finding: str) -> None:
    key = made()

    with pytest.raises(WeakKey, match=finding):
        keys.check_key(key.public_key)


def test_an_even_modulus_has_a_small_factor() -> None:
    n = rsa_key().public_key().public_numbers().n

    with pytest.raises(WeakKey, match="small factor"):
        keys.check_key(rsa.RSAPublicNumbers(65537, n * 2).public_key())


def test_a_square_is_found() -> None:
    p = weak_keys.close_primes().p

    with pytest.raises(WeakKey, match="too close"):
        keys.check_key(rsa.RSAPublicNumbers(65537, p * p).public_key())


def test_our_110_rounds_find_what_100_rounds_do_not() -> None:
    key = weak_keys.close_primes()

    assert keys.load_checks()(key.n, key.e, ("fermat",)) == {}


def test_primes_beyond_110_rounds_pass() -> None:
    keys.check_key(weak_keys.close_primes(27 << 512).public_key)


@pytest.mark.parametrize("bits", [2048, 3072, 4096, 8192])
def test_a_check_takes_5_ms_at_most(bits: int) -> None:
    # Any odd number without small factors takes as long as a product of two primes, and is sooner found.
    n = next(n for n in count(weak_keys.chance("time", bits, high=3 << bits - 2) | 1, 2) if _is_accepted(n))
    key = rsa.RSAPublicNumbers(65537, n).public_key()

    def seconds() -> float:
        started = time.process_time()
        keys.check_key(key)
        return time.process_time() - started

    assert statistics.median(seconds() for _ in range(21)) < 0.005


def _is_accepted(n: int) -> bool:
    try:
        keys.check_key(rsa.RSAPublicNumbers(65537, n).public_key())
    except WeakKey:
        return False
    return True


@pytest.mark.parametrize("key", [ec_key(), rsa_key(), ed25519_key(), ml_dsa_key()])
def test_a_blocked_key_is_compromised_whatever_its_kind(key: Key) -> None:
    blocked = Blocklist(hashlib.sha256(spki(key)).digest())

    keys.check_key(key.public_key(), Blocklist(bytes(32)))
    with pytest.raises(KeyCompromised, match="make a new one"):
        keys.check_key(key.public_key(), blocked)


def test_one_key_has_one_digest() -> None:
    key = ec_key()

    digest = keys.spki_sha256(keys.spki_der(key.public_key()))

    assert keys.spki_der(key.public_key()) == spki(key)
    assert len(digest) == 32


def test_kinds_have_names() -> None:
    kinds = [keys.key_type(key.public_key()) for key in (rsa_key(), ec_key(), ed25519_key(), ml_dsa_key())]

    assert kinds == ["rsa", "ec", "ed25519", "ml-dsa"]
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
