from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from josepy.jwk import JWKEC, JWKRSA

from protocols.acme import jwk
from protocols.acme.errors import BadPublicKey
from protocols.encoding import from_base64url
from tests.builders.jws import ALGORITHMS, b64, number, rsa_signer, signer

# The example key of RFC 7638, 3.1 and the thumbprint that is printed there.
RFC_7638_KEY = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
        "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ"
        "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF"
        "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}

# RFC 8037, A.3.
RFC_8037_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def refused(value: object) -> str:
    with pytest.raises(BadPublicKey) as caught:
        jwk.read(value)
    return str(caught.value)


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_of_every_type_becomes_what_it_was_made_of(alg: str) -> None:
    made = signer(alg)

    key = jwk.read(made.jwk)

    assert key.public_key == made.private.public_key()
    assert alg in key.algorithms
    assert jwk.spki_sha256(key) == hashlib.sha256(made.spki).digest()


def test_the_thumbprint_is_the_one_printed_in_rfc_7638() -> None:
    assert jwk.read(RFC_7638_KEY).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_the_thumbprint_of_an_ed25519_key_is_the_one_printed_in_rfc_8037() -> None:
    assert jwk.read(RFC_8037_KEY).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(("alg", "kind"), [("ES256", JWKEC), ("ES384", JWKEC), ("ES512", JWKEC), ("RS256", JWKRSA)])
def test_the_thumbprint_is_josepys(alg: str, kind: type[JWKEC | JWKRSA]) -> None:
    made = signer(alg)

    thumbprint = jwk.read(made.jwk).thumbprint

    assert thumbprint == b64(kind.fields_from_json(made.jwk).thumbprint())


def test_an_ml_dsa_key_keeps_its_alg_in_the_thumbprint() -> None:
    made = signer("ML-DSA-65")

    key = jwk.read({**made.jwk, "use": "sig"})

    assert key.jwk == f'{{"alg":"ML-DSA-65","kty":"AKP","pub":"{made.jwk["pub"]}"}}'


def test_order_and_further_members_do_not_change_a_key() -> None:
    members = signer().jwk

    other = jwk.read({"kid": "laptop", **dict(reversed(members.items())), "use": "sig"})

    assert other == jwk.read(members)


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"])
@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA", "ML-DSA-44"])
def test_private_members_are_refused(alg: str, member: str) -> None:
    assert "secret" in refused({**signer(alg).jwk, member: "AQAB"})


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "kty",
        {},
        {"kty": None},
        {"kty": ["EC"]},
        {"kty": "ec"},
        {"kty": "oct"},
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"},
        {"kty": "EC", "crv": "P-256", "x": 5, "y": 7},
        {"kty": "EC", "crv": "P-256", "x": "", "y": ""},
        {"kty": "OKP", "crv": "X25519", "x": b64(bytes(32))},
        {"kty": "OKP", "crv": "Ed448", "x": b64(bytes(57))},
        {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(31))},
        {"kty": "AKP", "alg": "ML-DSA-65", "pub": b64(bytes(1312))},
        {"kty": "AKP", "alg": "SLH-DSA-SHA2-128s", "pub": b64(bytes(32))},
        {"kty": "AKP", "pub": b64(bytes(1312))},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": "RSA", "n": "AQ", "e": "AQAB"},
    ],
)
def test_what_is_no_public_key_of_an_accepted_type_is_refused(value: object) -> None:
    refused(value)


def test_an_embedded_symmetric_key_is_refused() -> None:
    refused({"kty": "oct", "k": b64(bytes(32))})


def test_a_point_off_the_curve_is_refused() -> None:
    members = signer("ES256").jwk

    refused({**members, "y": members["x"]})


def test_a_point_of_another_curve_is_refused() -> None:
    refused({**signer("ES256").jwk, "crv": "P-384"})


@pytest.mark.parametrize("bits", [1024, 2040])
def test_a_short_rsa_key_is_refused(bits: int) -> None:
    assert "2048" in refused(rsa_signer("RS256", bits).jwk)


def test_an_oversize_rsa_key_is_refused() -> None:
    refused({"kty": "RSA", "n": number((1 << 8200) - 1), "e": "AQAB"})
    refused({"kty": "RSA", "n": number((1 << 40_000) - 1), "e": "AQAB"})


@pytest.mark.parametrize("exponent", [3, 17, 65535, 65536, 65538, 1 << 32, (1 << 80) + 1])
def test_a_small_even_or_giant_exponent_is_refused(exponent: int) -> None:
    refused({**signer("RS256").jwk, "e": number(exponent)})


def test_an_even_modulus_is_refused() -> None:
    refused({"kty": "RSA", "n": number((1 << 2048) - 2), "e": "AQAB"})


def test_one_key_has_one_spelling() -> None:
    members = signer("RS256").jwk
    n = int.from_bytes(from_base64url(members["n"]), "big")

    assert "zero" in refused({**members, "n": number(n, 257)})
    assert "zero" in refused({**members, "e": "AAEAAQ"})


@pytest.mark.parametrize(
    "spoil",
    [lambda x: x + "=", lambda x: x[:5] + "\n" + x[5:], lambda x: "é" + x],
    ids=["padding", "newline", "not ascii"],
)
def test_loose_base64url_in_a_member_is_refused(spoil: Callable[[str], str]) -> None:
    members = signer("ES256").jwk

    refused({**members, "x": spoil(members["x"])})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {"kty": st.sampled_from(["RSA", "EC", "OKP", "AKP", "oct"])},
    optional={
        "crv": st.sampled_from(["P-256", "P-384", "P-521", "Ed25519"]) | JSON,
        "alg": st.sampled_from(["ML-DSA-44", "ES256"]) | JSON,
        **{name: st.binary(max_size=70).map(b64) | JSON for name in ("n", "e", "x", "y", "pub")},
    },
)


@given(JSON | MEMBERS)
def test_any_value_is_read_or_refused_by_one_of_ours(value: object) -> None:
    with contextlib.suppress(BadPublicKey):
        jwk.read(value)
