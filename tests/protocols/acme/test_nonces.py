"""RFC 8555, 6.5, and DESIGN, invariant 7."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from protocols.acme.errors import BadNonce
from protocols.acme.nonces import Nonces
from protocols.encoding import base64url, from_base64url

NOW = 1_900_000_000
LIFETIME = 1800


def random12() -> bytes:
    return secrets.token_bytes(12)


@pytest.fixture
def nonces() -> Nonces:
    return Nonces(secrets.token_bytes(32), LIFETIME)


def test_a_nonce_is_43_characters_of_strict_base64url(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())

    assert len(nonce) == 43
    assert len(from_base64url(nonce)) == 32


def test_a_nonce_is_spent_once(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())

    nonces.spend(nonce, NOW)

    with pytest.raises(BadNonce):
        nonces.spend(nonce, NOW)


async def test_of_many_at_once_exactly_one_passes(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())

    async def passes() -> bool:
        await asyncio.sleep(0)
        try:
            nonces.spend(nonce, NOW)
        except BadNonce:
            return False
        return True

    passed = await asyncio.gather(*(passes() for _ in range(100)))

    assert passed.count(True) == 1


def test_a_nonce_is_good_until_its_last_second(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())

    nonces.spend(nonce, NOW + LIFETIME)


def test_an_old_nonce_is_refused(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())

    with pytest.raises(BadNonce):
        nonces.spend(nonce, NOW + LIFETIME + 1)


def test_a_nonce_from_the_future_is_refused(nonces: Nonces) -> None:
    nonces.issue(NOW, random12())
    nonce = nonces.issue(NOW + 10, random12())

    with pytest.raises(BadNonce):
        nonces.spend(nonce, NOW + 9)


def test_a_nonce_of_another_process_is_refused(nonces: Nonces) -> None:
    before_the_restart = Nonces(secrets.token_bytes(32)).issue(NOW, random12())

    with pytest.raises(BadNonce):
        nonces.spend(before_the_restart, NOW)


def test_no_nonce_at_all_is_a_bad_nonce(nonces: Nonces) -> None:
    with pytest.raises(BadNonce):
        nonces.spend(None, NOW)


@pytest.mark.parametrize("at", range(32))
def test_a_nonce_with_one_bit_changed_is_refused(nonces: Nonces, at: int) -> None:
    octets = bytearray(from_base64url(nonces.issue(NOW, random12())))
    octets[at] ^= 1

    with pytest.raises(BadNonce):
        nonces.spend(base64url(bytes(octets)), NOW)


def test_another_spelling_of_a_spent_nonce_is_refused(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())
    nonces.spend(nonce, NOW)

    for other in (nonce + "=", nonce + "\n", nonce[:-1] + chr(ord(nonce[-1]) + 1)):
        with pytest.raises(BadNonce):
            nonces.spend(other, NOW)


def test_spent_marks_are_forgotten_only_when_their_nonces_are_too_old(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())
    nonces.spend(nonce, NOW + LIFETIME)

    for later in range(NOW + LIFETIME, NOW + 4 * LIFETIME, LIFETIME // 3):
        with pytest.raises(BadNonce):
            nonces.spend(nonce, later)


def test_a_nonce_spent_just_before_the_generations_turn_stays_spent(nonces: Nonces) -> None:
    nonces.issue(NOW, random12())
    nonce = nonces.issue(NOW + LIFETIME, random12())
    nonces.spend(nonce, NOW + LIFETIME)

    for later in (NOW + LIFETIME + 1, NOW + 2 * LIFETIME):
        with pytest.raises(BadNonce):
            nonces.spend(nonce, later)


def test_memory_holds_two_lifetimes_of_spent_marks_at_most(nonces: Nonces) -> None:
    for now in range(NOW, NOW + 20 * LIFETIME, 10):
        nonces.spend(nonces.issue(now, random12()), now)

    assert len(nonces._younger) + len(nonces._elder) <= 2 * LIFETIME // 10 + 2


def test_a_clock_that_was_set_back_brings_no_spent_nonce_to_life(nonces: Nonces) -> None:
    nonce = nonces.issue(NOW, random12())
    nonces.spend(nonce, NOW)
    for leap in range(1, 4):
        nonces.issue(NOW + leap * 2 * LIFETIME, random12())

    with pytest.raises(BadNonce):
        nonces.spend(nonce, NOW)


def test_after_the_clock_was_set_back_fresh_nonces_work(nonces: Nonces) -> None:
    nonces.issue(NOW + 86_400, random12())

    nonces.spend(nonces.issue(NOW, random12()), NOW)


def test_a_nonce_takes_exactly_12_random_octets(nonces: Nonces) -> None:
    with pytest.raises(ValueError, match="12"):
        nonces.issue(NOW, b"short")


@given(st.text(max_size=60) | st.binary(max_size=40).map(base64url))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(BadNonce):
        Nonces(b"k" * 32).spend(text, NOW)


class OnceOnly(RuleBasedStateMachine):
    """Whatever the clock does, no nonce passes twice."""

    outstanding: Bundle[str] = Bundle("outstanding")

    def __init__(self) -> None:
        super().__init__()
        self.nonces = Nonces(b"k" * 32, 10)
        self.now = NOW
        self.issued = 0
        self.passed: set[str] = set()

    @rule(seconds=st.integers(-6, 12))
    def the_clock_moves(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=outstanding)
    def issue(self) -> str:
        self.issued += 1
        return self.nonces.issue(self.now, self.issued.to_bytes(12, "big"))

    @rule(nonce=outstanding)
    def spend(self, nonce: str) -> None:
        try:
            self.nonces.spend(nonce, self.now)
        except BadNonce:
            return
        assert nonce not in self.passed
        self.passed.add(nonce)


TestOnceOnly = OnceOnly.TestCase
