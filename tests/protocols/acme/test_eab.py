"""RFC 8555, 7.3.4: external account binding."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadRequest, Malformed
from protocols.acme import eab, jwk
from protocols.acme.errors import BadExternalAccountBinding, BadSignatureAlgorithm
from tests.builders.jws import URL, b64, binding, flattened, hmac_sign, signer

KID = "Ab3dEf6hIj9kLm2n"
MAC_KEY = bytes(range(32))
DUMMY_KEY = b"\x5a" * 32


def check(value: object, *, mac_key: bytes = MAC_KEY, url: str = URL, account: str = "ES256") -> eab.Binding:
    read = eab.read(value)
    eab.check(read, mac_key, outer_url=url, outer_key=jwk.read(signer(account).jwk))
    return read


@pytest.mark.parametrize("alg", eab.ALGORITHMS)
def test_the_holder_of_the_mac_key_binds_an_account_key(alg: str) -> None:
    read = check(binding(KID, MAC_KEY, signer().jwk, alg=alg))

    assert read.kid == KID
    assert read.algorithm == alg


def test_the_account_key_is_compared_by_thumbprint_not_by_bytes() -> None:
    members = dict(reversed(signer().jwk.items())) | {"use": "sig"}

    check(binding(KID, MAC_KEY, members))


def test_a_wrong_mac_and_an_unknown_kid_get_the_same_answer() -> None:
    answers = []
    for value, mac_key in (
        (binding(KID, b"wrong" * 8, signer().jwk), MAC_KEY),
        (binding("nobodys", MAC_KEY, signer().jwk), DUMMY_KEY),
        (binding("nobodys", MAC_KEY, {"kty": "oct"}, url="https://elsewhere"), DUMMY_KEY),
    ):
        with pytest.raises(BadExternalAccountBinding) as caught:
            check(value, mac_key=mac_key)
        answers.append(str(caught.value))

    assert len(set(answers)) == 1


def test_a_binding_for_another_url_is_refused() -> None:
    with pytest.raises(BadExternalAccountBinding, match="url"):
        check(binding(KID, MAC_KEY, signer().jwk, url=URL + "/"))


def test_a_binding_for_another_account_key_is_refused() -> None:
    with pytest.raises(BadExternalAccountBinding, match="another account key"):
        check(binding(KID, MAC_KEY, signer("EdDSA").jwk))


@pytest.mark.parametrize("payload", [{}, [], "", {"kty": "oct", "k": "AQ"}, {"kty": "RSA", "n": "AQ"}])
def test_a_payload_that_is_no_key_is_refused(payload: object) -> None:
    with pytest.raises(BadExternalAccountBinding, match="not the account key"):
        check(binding(KID, MAC_KEY, payload))


def test_a_payload_with_duplicate_members_is_refused() -> None:
    text = json.dumps(signer().jwk).replace('"kty"', '"kty": "oct", "kty"', 1)
    value = flattened(
        {"alg": "HS256", "kid": KID, "url": URL},
        text.encode(),
        lambda data: hmac_sign("HS256", MAC_KEY, data),
    )

    with pytest.raises(BadExternalAccountBinding):
        check(value)


@pytest.mark.parametrize("member", ["jwk", "nonce", "crit", "b64"])
@pytest.mark.parametrize("value", ["x", None, False])
def test_a_forbidden_header_member_is_refused_whatever_its_value(member: str, value: object) -> None:
    header = {"alg": "HS256", "kid": KID, "url": URL, member: value}

    with pytest.raises(BadRequest):
        eab.read(flattened(header, b"{}", lambda data: hmac_sign("HS256", MAC_KEY, data)))


@pytest.mark.parametrize("absent", ["alg", "kid", "url"])
def test_each_header_member_is_needed(absent: str) -> None:
    header = {"alg": "HS256", "kid": KID, "url": URL}
    del header[absent]

    with pytest.raises(BadRequest):
        eab.read(flattened(header, b"{}", lambda data: hmac_sign("HS256", MAC_KEY, data)))


@pytest.mark.parametrize("alg", ["none", "ES256", "RS256", "HS1", "hs256", ""])
def test_only_an_hmac_is_accepted(alg: str) -> None:
    value = flattened({"alg": alg, "kid": KID, "url": URL}, b"{}", signer().sign)

    with pytest.raises(BadSignatureAlgorithm) as caught:
        eab.read(value)

    assert caught.value.algorithms == ("HS256", "HS384", "HS512")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda value: value | {"header": {}}, id="unprotected header"),
        pytest.param(lambda value: value | {"payload": value["payload"] + "="}, id="padding"),
        pytest.param(lambda value: value | {"signature": value["signature"] + "\n"}, id="newline"),
        pytest.param(lambda value: {"protected": value["protected"]}, id="protected only"),
        pytest.param(lambda _: None, id="null"),
        pytest.param(lambda _: [], id="list"),
        pytest.param(lambda _: "x.y.z", id="compact form"),
    ],
)
def test_a_loose_envelope_is_refused(spoil: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(BadRequest):
        eab.read(spoil(binding(KID, MAC_KEY, signer().jwk)))


@pytest.mark.parametrize(
    "spoil",
    [lambda mac: mac[:-1], lambda mac: mac + b"\0", lambda _: b""],
    ids=["shortened", "lengthened", "empty"],
)
def test_a_mac_of_another_length_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    value = flattened(
        {"alg": "HS256", "kid": KID, "url": URL},
        json.dumps(signer().jwk).encode(),
        lambda data: spoil(hmac_sign("HS256", MAC_KEY, data)),
    )

    with pytest.raises(BadExternalAccountBinding):
        check(value)


VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.binary(max_size=80).map(b64),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["protected", "payload", "signature", "header"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(VALUES)
def test_any_value_is_read_or_refused_by_one_of_ours(value: object) -> None:
    with pytest.raises((Malformed, BadExternalAccountBinding)):
        check(value)
