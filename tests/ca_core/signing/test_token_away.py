"""A token that goes away, comes back, stays away, or was exchanged meanwhile. With a real one, SoftHSM2."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pkcs11 import Attribute

from ca_core.errors import KeyUnavailable, Misconfigured
from ca_core.secret import Secret
from ca_core.signing.key import make_key, open_key
from ca_core.signing.token_key import LONGEST_REST_SECONDS, TokenKey, open_token_key
from ca_core.signing.uri import parse
from conformance.softhsm import PIN, SoftToken
from tests.builders.other_program import driver, objects

HOME = Path("/nowhere")


class Seconds:
    """A monotonic clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_token_that_comes_back_is_found_again(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    seconds = Seconds()
    key = opened(token, seconds)
    await key.sign(b"before")

    key.require_ready()
    token.go_away()
    with pytest.raises(KeyUnavailable) as refused:
        await key.sign(b"away")
    assert refused.value.retry_after_seconds == 1
    with pytest.raises(KeyUnavailable):
        key.require_ready()
    token.come_back()
    seconds.now += 1
    key.require_ready()

    public_key.verify(await key.sign(b"after"), b"after", ec.ECDSA(SHA256()))


async def test_a_token_that_came_back_within_one_signature_is_not_missed(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    key = opened(token, Seconds())
    await key.sign(b"before")
    driver(token).reinitialize()

    public_key.verify(await key.sign(b"after"), b"after", ec.ECDSA(SHA256()))


async def test_a_token_that_stays_away_is_asked_ever_more_rarely(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    seconds = Seconds()
    key = opened(token, seconds)
    token.go_away()

    rests = []
    for _ in range(7):
        with pytest.raises(KeyUnavailable) as refused:
            await key.sign(b"away")
        rests.append(refused.value.retry_after_seconds)
        seconds.now += refused.value.retry_after_seconds

    assert rests == [1, 2, 4, 8, 16, LONGEST_REST_SECONDS, LONGEST_REST_SECONDS]
    assert caplog.text.count("event=token-away") == 7


async def test_while_it_rests_nobody_knocks_at_the_token(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    key = opened(token, Seconds())
    token.go_away()

    refusals = await asyncio.gather(*(key.sign(b"away") for _ in range(50)), return_exceptions=True)
    token.come_back()
    refusals.append(*await asyncio.gather(key.sign(b"still resting"), return_exceptions=True))

    assert {type(refusal) for refusal in refusals} == {KeyUnavailable}
    assert caplog.text.count("event=token-away") == 1


async def test_a_token_that_is_away_at_the_start_is_no_error(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey
) -> None:
    seconds = Seconds()
    token.go_away()
    key = opened(token, seconds, expected=public_key)
    with pytest.raises(KeyUnavailable):
        await key.sign(b"away")
    token.come_back()
    seconds.now += 1

    public_key.verify(await key.sign(b"here"), b"here", ec.ECDSA(SHA256()))


def test_a_kind_of_key_that_no_token_makes_is_refused(token: SoftToken) -> None:
    with pytest.raises(Misconfigured, match="no ml-dsa-65 key is made in a token"):
        make_key(token.uri(), "ml-dsa-65", HOME)


def test_without_a_certificate_a_token_must_be_there(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    token.go_away()

    with pytest.raises(Misconfigured, match="does not answer"):
        open_key(token.uri(), b"", HOME)
    with pytest.raises(Misconfigured, match="makes no key"):
        make_key(token.uri(), "ec-p256", HOME)


async def test_a_key_that_was_exchanged_meanwhile_signs_nothing(
    token: SoftToken, public_key: ec.EllipticCurvePublicKey, caplog: pytest.LogCaptureFixture
) -> None:
    key = opened(token, Seconds())
    for one in objects(token, {Attribute.LABEL: "ca"}):
        one.destroy()
    make_key(token.uri(), "ec-p256", HOME)

    with pytest.raises(KeyUnavailable):
        await key.sign(b"with which key?")
    assert "is not that of the CA's certificate" in caplog.text


async def test_two_keys_of_one_token_come_back_both(token: SoftToken, public_key: ec.EllipticCurvePublicKey) -> None:
    make_key(token.uri("other"), "ec-p384", HOME)
    seconds = Seconds()
    keys = [opened(token, seconds), opened(token, seconds, label="other")]
    token.go_away()
    await asyncio.gather(*(key.sign(b"away") for key in keys), return_exceptions=True)
    token.come_back()
    seconds.now += 1

    signatures = await asyncio.gather(*(key.sign(b"back") for key in keys * 10))

    assert len(signatures) == 20


def opened(
    token: SoftToken, seconds: Seconds, *, expected: ec.EllipticCurvePublicKey | None = None, label: str = "ca"
) -> TokenKey:
    return open_token_key(parse(token.uri(label)), lambda: Secret(PIN), expected=expected, seconds=seconds)
