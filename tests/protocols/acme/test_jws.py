"""RFC 8555, 6.1 and 6.2, and the attacks on the envelope that WIRE lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ca_core.errors import BadRequest, Malformed, Refusal, TooLarge
from protocols.acme import jwk, jws
from protocols.acme.errors import BadPublicKey, BadSignature, BadSignatureAlgorithm
from tests.builders.jws import (
    ALGORITHMS,
    NONCE,
    URL,
    Signer,
    b64,
    flattened,
    hmac_sign,
    request,
    signer,
)

KID = "https://ca.example/acme/account/7"


def body_with(header: object, *, by: Signer | None = None, payload: bytes = b"{}") -> bytes:
    return json.dumps(flattened(header, payload, (by or signer()).sign)).encode()


def header_of(by: Signer | None = None, **members: object) -> dict[str, Any]:
    by = by or signer()
    return {"alg": by.alg, "url": URL, "nonce": NONCE, "jwk": by.jwk, **members}


def refused(body: bytes, error: type[Refusal] = BadRequest) -> Refusal:
    with pytest.raises(error) as caught:
        jws.unpack(body)
    return caught.value


class TestReading:
    def test_a_request_by_embedded_key_carries_all_its_parts(self) -> None:
        by = signer()

        envelope = jws.unpack(request(by, {"a": 1}))

        assert envelope.algorithm == "ES256"
        assert envelope.url == URL
        assert envelope.nonce == NONCE
        assert envelope.key == jwk.read(by.jwk)
        assert envelope.kid is None
        assert envelope.payload == b'{"a": 1}'
        assert not envelope.is_post_as_get

    def test_a_request_by_account_url_has_no_key(self) -> None:
        envelope = jws.unpack(request(signer(), kid=KID))

        assert envelope.kid == KID
        assert envelope.key is None

    def test_an_empty_payload_is_post_as_get(self) -> None:
        assert jws.unpack(request(signer(), b"", kid=KID)).is_post_as_get

    def test_the_inner_jws_of_a_key_change_has_no_nonce(self) -> None:
        assert jws.unpack(request(signer(), {}, nonce=None)).nonce is None

    def test_unknown_header_members_are_ignored(self) -> None:
        jws.unpack(request(signer(), {}, typ="JOSE", cty="json"))

    def test_a_body_over_the_limit_is_refused(self) -> None:
        refused(request(signer(), b"x" * jws.MAX_BODY_OCTETS), TooLarge)


class TestShape:
    @pytest.mark.parametrize("extra", [{"header": {}}, {"signatures": []}, {"header": {"kid": KID}}])
    def test_unprotected_header_and_general_form_are_refused(self, extra: dict[str, Any]) -> None:
        whole = json.loads(request(signer(), {}))

        refused(json.dumps(whole | extra).encode())

    @pytest.mark.parametrize("absent", ["protected", "payload", "signature"])
    def test_each_of_the_three_members_is_needed(self, absent: str) -> None:
        whole = json.loads(request(signer(), {}))
        del whole[absent]

        refused(json.dumps(whole).encode())

    def test_the_general_form_is_refused(self) -> None:
        whole = json.loads(request(signer(), {}))
        signature = {"protected": whole["protected"], "signature": whole["signature"]}

        refused(json.dumps({"payload": whole["payload"], "signatures": [signature]}).encode())

    def test_the_compact_form_is_refused(self) -> None:
        whole = json.loads(request(signer(), {}))

        refused(".".join([whole["protected"], whole["payload"], whole["signature"]]).encode())

    @pytest.mark.parametrize("member", ["protected", "payload", "signature"])
    def test_a_duplicate_member_of_the_envelope_is_refused(self, member: str) -> None:
        body = request(signer(), {})
        value = json.dumps(json.loads(body)[member]).encode()

        refused(b"{" + f'"{member}":'.encode() + value + b"," + body[1:])

    @pytest.mark.parametrize("twice", ['"alg":"ES256"', '"\\u0061lg":"none"', '"jwk":{}', '"url":"x"'])
    def test_a_duplicate_member_of_the_header_is_refused(self, twice: str) -> None:
        refused(body_with("{" + twice + "," + json.dumps(header_of())[1:]))

    def test_a_duplicate_member_inside_the_jwk_is_refused(self) -> None:
        text = json.dumps(header_of()).replace('"kty": "EC"', '"kty": "oct", "kty": "EC"')

        refused(body_with(text))

    @pytest.mark.parametrize("extension", [{"crit": ["b64"], "b64": False}, {"crit": []}, {"b64": True}])
    def test_critical_extensions_and_unencoded_payloads_are_refused(self, extension: dict[str, Any]) -> None:
        refused(body_with(header_of(**extension)))

    @pytest.mark.parametrize("absent", ["alg", "url"])
    def test_the_header_needs_alg_and_url(self, absent: str) -> None:
        header = header_of()
        del header[absent]

        refused(body_with(header))

    def test_jwk_and_kid_together_are_refused(self) -> None:
        refused(body_with(header_of(kid=KID)))

    def test_neither_jwk_nor_kid_is_refused(self) -> None:
        header = header_of()
        del header["jwk"]

        refused(body_with(header))

    def test_a_null_is_not_an_absence(self) -> None:
        refused(body_with(header_of(kid=None)))
        refused(body_with(header_of(jwk=None)), BadPublicKey)

    @pytest.mark.parametrize("value", ["not base64!", "AA==", "AB", ""])
    def test_a_nonce_is_strict_base64url(self, value: str) -> None:
        body = body_with(header_of(nonce=value))

        if value:
            refused(body)
        else:
            assert jws.unpack(body).nonce == ""


class TestBase64url:
    @pytest.mark.parametrize("member", ["protected", "payload", "signature"])
    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda text: text + "=", id="padding"),
            pytest.param(lambda text: text + "==", id="more padding"),
            pytest.param(lambda text: text[:4] + "\n" + text[4:], id="newline inside"),
            pytest.param(lambda text: text + "\n", id="newline at the end"),
            pytest.param(lambda text: " " + text, id="blank"),
            pytest.param(lambda text: text[:-2] + "+/", id="other alphabet"),
            pytest.param(lambda text: text[:-1] + "é", id="not ascii"),
        ],
    )
    def test_only_the_strict_form_is_accepted(self, member: str, spoil: Callable[[str], str]) -> None:
        whole = json.loads(request(signer(), {"some": "payload"}))

        refused(json.dumps(whole | {member: spoil(whole[member])}).encode())

    def test_last_bits_that_no_encoder_produces_are_refused(self) -> None:
        whole = json.loads(request(signer(), b"{}"))
        assert whole["payload"] == "e30"

        refused(json.dumps(whole | {"payload": "e31"}).encode())


class TestJson:
    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"{", b"\xff", b"\xef\xbb\xbf{}", b"{}{}"])
    def test_what_is_no_json_object_is_refused(self, body: bytes) -> None:
        refused(body)

    def test_utf_16_is_refused(self) -> None:
        refused(request(signer(), {}).decode().encode("utf-16"))

    @pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
    def test_deep_nesting_is_refused_as_ours(self, bracket: bytes) -> None:
        class Anything(msgspec.Struct):
            known: str = ""

        deep = b'{"unknown":' + bracket * 8000

        with pytest.raises(BadRequest, match="nested"):
            jws.members(deep, Anything)

    def test_a_lone_surrogate_never_gets_in(self) -> None:
        refused(body_with('{"alg":"ES256","url":"\\ud800","kid":"x"}'))

    def test_a_giant_number_is_no_crash(self) -> None:
        jws.members(b'{"unknown":' + b"9" * 40_000 + b"}", dict[str, msgspec.Raw])

    def test_a_payload_ignores_unknown_members_and_refuses_duplicates(self) -> None:
        class Shape(msgspec.Struct, rename="camel"):
            only_return_existing: bool = False

        assert jws.members(b'{"onlyReturnExisting":true,"x":{}}', Shape).only_return_existing
        with pytest.raises(BadRequest, match="twice"):
            jws.members(b'{"x":{"a":1,"a":1}}', Shape)
        with pytest.raises(BadRequest):
            jws.members(b'{"onlyReturnExisting":"true"}', Shape)

    def test_a_complaint_does_not_repeat_a_giant_member(self) -> None:
        refusal = refused(b'{"' + b"m" * 20_000 + b'":1}')

        assert len(str(refusal)) < 250


class TestAlgorithms:
    @pytest.mark.parametrize("alg", ALGORITHMS)
    def test_every_algorithm_on_the_list_verifies(self, alg: str) -> None:
        by = signer(alg)

        envelope = jws.unpack(request(by, {"x": 1}))

        jws.verify(envelope, jwk.read(by.jwk))

    @pytest.mark.parametrize("alg", ALGORITHMS)
    def test_a_changed_payload_or_another_key_does_not_verify(self, alg: str) -> None:
        by, stranger = signer(alg), signer(alg, which=1)
        whole = json.loads(request(by, {"x": 1}, kid=KID))
        changed = jws.unpack(json.dumps(whole | {"payload": b64(b'{"x": 2}')}).encode())
        honest = jws.unpack(json.dumps(whole).encode())

        with pytest.raises(BadSignature):
            jws.verify(changed, jwk.read(by.jwk))
        with pytest.raises(BadSignature):
            jws.verify(honest, jwk.read(stranger.jwk))

    def test_the_list_of_the_code_is_the_list_of_the_tests(self) -> None:
        assert set(jws.ALGORITHMS) == set(ALGORITHMS)

    @pytest.mark.parametrize(
        "alg",
        ["none", "None", "NONE", "", "HS256", "HS384", "HS512", "RS1", "RS384", "PS512", "ES256K", "es256"],
    )
    def test_an_algorithm_off_the_list_is_refused_with_the_list(self, alg: str) -> None:
        refusal = refused(body_with(header_of(alg=alg)), BadSignatureAlgorithm)

        assert isinstance(refusal, BadSignatureAlgorithm)
        assert "ES256" in refusal.algorithms
        assert not {"none", "HS256"} & set(refusal.algorithms)

    def test_alg_none_with_an_empty_signature_is_refused(self) -> None:
        body = flattened(header_of(alg="none"), b"{}", lambda _: b"")

        refused(json.dumps(body).encode(), BadSignatureAlgorithm)

    def test_hs256_with_the_public_key_as_mac_key_is_refused(self) -> None:
        by = signer("RS256")
        body = flattened(header_of(by, alg="HS256"), b"{}", lambda data: hmac_sign("HS256", by.spki, data))

        refused(json.dumps(body).encode(), BadSignatureAlgorithm)

    def test_an_embedded_symmetric_key_is_refused(self) -> None:
        oct_key = {"kty": "oct", "k": b64(b"k" * 32)}
        for alg, error in (("HS256", BadSignatureAlgorithm), ("ES256", BadPublicKey)):
            header = header_of(alg=alg, jwk=oct_key)
            body = flattened(header, b"{}", lambda data: hmac_sign("HS256", b"k" * 32, data))

            refused(json.dumps(body).encode(), error)

    def test_private_members_in_the_embedded_key_are_refused(self) -> None:
        by = signer()

        refused(body_with(header_of(jwk={**by.jwk, "d": b64(bytes(32))})), BadPublicKey)

    @pytest.mark.parametrize(("alg", "by"), [("ES384", "ES256"), ("ES256", "ES384"), ("ES512", "ES384")])
    def test_an_algorithm_of_another_curve_is_refused(self, alg: str, by: str) -> None:
        made = signer(by)
        header = header_of(made, alg=alg)
        body = json.dumps(flattened(header, b"{}", lambda data: made.sign(data, alg=alg))).encode()

        with pytest.raises(BadSignatureAlgorithm) as caught:
            jws.verify(jws.unpack(body), jwk.read(made.jwk))

        assert caught.value.algorithms == (by,)

    @pytest.mark.parametrize("alg", ALGORITHMS)
    @pytest.mark.parametrize("key", ["ES256", "EdDSA", "RS256", "ML-DSA-44"])
    def test_every_pair_that_does_not_belong_together_is_refused(self, alg: str, key: str) -> None:
        account = jwk.read(signer(key).jwk)
        if alg in account.algorithms:
            return
        envelope = jws.unpack(request(signer(alg), {}, kid=KID))

        with pytest.raises(BadSignatureAlgorithm):
            jws.verify(envelope, account)


class TestSignatures:
    def test_an_ecdsa_signature_in_der_is_refused(self) -> None:
        by = signer()
        body = flattened(header_of(), b"{}", lambda data: by.private.sign(data, ec.ECDSA(hashes.SHA256())))
        envelope = jws.unpack(json.dumps(body).encode())

        with pytest.raises(BadSignature):
            jws.verify(envelope, jwk.read(by.jwk))

    @pytest.mark.parametrize("alg", ALGORITHMS)
    @pytest.mark.parametrize(
        "spoil",
        [
            pytest.param(lambda _: b"", id="empty"),
            pytest.param(lambda s: s[:-1], id="shortened"),
            pytest.param(lambda s: s + b"\0", id="lengthened"),
            pytest.param(lambda s: b"\0" + s, id="led by a zero"),
            pytest.param(lambda s: bytes(len(s)), id="all zeros"),
            pytest.param(lambda s: b"\xff" * len(s), id="all ones"),
        ],
    )
    def test_a_signature_of_another_length_or_value_is_refused(self, alg: str, spoil: Callable[[bytes], bytes]) -> None:
        by = signer(alg)
        body = flattened(header_of(by), b"{}", lambda data: spoil(by.sign(data)))
        envelope = jws.unpack(json.dumps(body).encode())

        with pytest.raises(BadSignature):
            jws.verify(envelope, jwk.read(by.jwk))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(ALGORITHMS) | VALUES,
        "url": st.text(max_size=20) | VALUES,
        "nonce": st.binary(max_size=8).map(b64) | VALUES,
        "kid": st.text(max_size=20) | VALUES,
        "jwk": st.sampled_from([signer("ES256").jwk, signer("EdDSA").jwk]) | VALUES,
    },
)
BODIES = st.fixed_dictionaries(
    {
        "protected": HEADERS.map(lambda header: b64(json.dumps(header).encode())) | st.binary(max_size=60).map(b64),
        "payload": st.binary(max_size=40).map(b64),
        "signature": st.binary(max_size=70).map(b64),
    },
    optional={"header": VALUES},
).map(lambda value: json.dumps(value).encode())


def verified(body: bytes, account: jwk.AccountKey) -> None:
    envelope = jws.unpack(body)
    jws.verify(envelope, envelope.key or account)


@given(st.binary(max_size=300) | VALUES.map(lambda value: json.dumps(value).encode()) | BODIES)
def test_any_bytes_are_unpacked_or_refused_by_one_of_ours(body: bytes) -> None:
    account = jwk.read(signer().jwk)

    with pytest.raises((Malformed, BadPublicKey)):  # Nobody signed it.
        verified(body, account)


@given(st.binary(max_size=200))
def test_what_was_signed_is_what_comes_out(payload: bytes) -> None:
    by = signer("EdDSA")

    envelope = jws.unpack(request(by, payload))

    jws.verify(envelope, jwk.read(by.jwk))
    assert envelope.payload == payload
