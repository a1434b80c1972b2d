"""What every CA key does alike, in a file and in a token."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from ca_core import der
from ca_core.signing.key import SigningKey, make_key, open_key
from ca_core.signing.raw import TokenKeyKind
from ca_core.signing.software import generate, write_key
from conformance.softhsm import PIN, SoftToken

PASSPHRASE = b"correct horse battery staple"
KINDS: list[TokenKeyKind] = ["ec-p256", "ec-p384", "rsa-2048"]
ALGORITHMS = {"ec-p256": der.ECDSA_SHA256, "ec-p384": der.ECDSA_SHA384, "rsa-2048": der.RSA_SHA256}


@pytest.fixture(params=[(place, kind) for place in ("file", "token") for kind in KINDS], ids="-".join)
def kind_and_key(request: pytest.FixtureRequest, token: SoftToken, tmp_path: Path) -> tuple[TokenKeyKind, SigningKey]:
    place, kind = request.param
    if place == "file":
        write_key(tmp_path / "ca.key", generate(kind), PASSPHRASE)
        return kind, open_key("file:ca.key", PASSPHRASE, tmp_path)
    make_key(token.uri(), kind, tmp_path)
    return kind, open_key(token.uri(), b"", tmp_path)


@pytest.fixture
def kind(kind_and_key: tuple[TokenKeyKind, SigningKey]) -> TokenKeyKind:
    return kind_and_key[0]


@pytest.fixture
def key(kind_and_key: tuple[TokenKeyKind, SigningKey]) -> SigningKey:
    return kind_and_key[1]


async def test_the_algorithm_is_that_of_the_key(key: SigningKey, kind: TokenKeyKind) -> None:
    assert key.algorithm == ALGORITHMS[kind]


async def test_a_signature_is_what_the_algorithm_says(key: SigningKey) -> None:
    signature = await key.sign(b"to be signed")

    verify(key, signature, b"to be signed")


async def test_a_hundred_signatures_at_once_are_each_their_own(key: SigningKey) -> None:
    several = [b"%d" % number for number in range(100)]

    signatures = await asyncio.gather(*map(key.sign, several))

    for signature, tbs in zip(signatures, several, strict=True):
        verify(key, signature, tbs)


async def test_who_stops_waiting_hinders_nobody(key: SigningKey) -> None:
    waiting = [asyncio.ensure_future(key.sign(b"nobody waits")) for _ in range(20)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    signature = await key.sign(b"somebody waits")

    verify(key, signature, b"somebody waits")


async def test_a_key_says_nothing_of_itself(key: SigningKey, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    await key.sign(b"to be signed")

    assert not hasattr(key, "__dict__")
    shown = {name for name in dir(key) if not name.startswith("_")}
    assert shown <= {"algorithm", "public_key", "sign", "sign_at_once", "require_ready"}
    for text in (repr(key), str(key), caplog.text):
        assert PIN not in text
        assert PASSPHRASE.decode() not in text
    assert repr(key).endswith("Key(...)")


def verify(key: SigningKey, signature: bytes, tbs: bytes) -> None:
    match key.public_key:
        case rsa.RSAPublicKey() as public_key:
            public_key.verify(signature, tbs, PKCS1v15(), SHA256())
        case ec.EllipticCurvePublicKey() as public_key:
            public_key.verify(signature, tbs, ec.ECDSA(SHA384() if key.algorithm == der.ECDSA_SHA384 else SHA256()))
