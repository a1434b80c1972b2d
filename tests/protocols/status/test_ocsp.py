"""RFC 6960, 4.1 and A.1; RFC 9654, 2.1; RFC 5019, 6: requests as they come, replies as they leave."""

from __future__ import annotations

import base64
from contextlib import suppress
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp as reference
from cryptography.x509.oid import ObjectIdentifier, OCSPExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from ca_core import der
from ca_core.errors import BadRequest, Malformed, TooLarge
from ca_core.revocation.ocsp import MOST_CERTIFICATES, Answer, Failure
from protocols.status import ocsp
from protocols.wire import Reply
from tests.builders.ocsp import HASHES, asking, cert_id, extension, tagged

NOW = 1_900_000_000
STRANGE = ObjectIdentifier("1.2.3.4")
ACCEPTABLE = ObjectIdentifier("1.3.6.1.5.5.7.48.1.4")
SHA1 = ObjectIdentifier("1.3.14.3.2.26")


def answer(*, life: int = 86_400) -> Answer:
    return Answer(b"der", b"key", ("00",), NOW, NOW + life, is_ready_made=True)


def header(reply: Reply, name: str) -> str | None:
    return dict(reply.headers).get(name)


def test_a_request_as_cryptography_makes_it_is_read() -> None:
    builder = reference.OCSPRequestBuilder().add_certificate_by_hash(b"n" * 32, b"k" * 32, 4711, hashes.SHA256())
    built = builder.add_extension(x509.OCSPNonce(b"n" * 16), critical=False).build()

    question = ocsp.read(built.public_bytes(Encoding.DER))

    (asked,) = question.certificates
    assert asked.issuer == (ObjectIdentifier("2.16.840.1.101.3.4.2.1"), b"n" * 32, b"k" * 32)
    assert asked.serial == 4711
    assert question.nonce == asn1.encode_der(b"n" * 16)


@pytest.mark.parametrize("parameters", [b"\5\0", b""])
@pytest.mark.parametrize("algorithm", [*HASHES, STRANGE])
def test_a_certid_is_kept_as_it_was_asked(algorithm: ObjectIdentifier, parameters: bytes) -> None:
    asked = cert_id(1, algorithm=algorithm, parameters=parameters)

    assert ocsp.read(asking(asked)).certificates[0].der == asked


def test_several_certificates_are_asked_about_in_order() -> None:
    question = ocsp.read(asking(*(cert_id(serial) for serial in range(1, MOST_CERTIFICATES + 1))))

    assert [asked.serial for asked in question.certificates] == list(range(1, MOST_CERTIFICATES + 1))


@pytest.mark.parametrize("serial", [0, -1, 1 << 1000])
def test_any_number_may_be_asked_about(serial: int) -> None:
    assert ocsp.read(asking(cert_id(serial))).certificates[0].serial == serial


def test_who_asks_and_how_they_sign_does_not_matter() -> None:
    name = tagged(0xA1, tagged(0xA4, der.EMPTY_SEQUENCE))
    signature = tagged(0xA0, der.sequence(der.EMPTY_SEQUENCE, b"\3\1\0"))
    version = tagged(0xA0, asn1.encode_der(0))

    assert ocsp.read(asking(requestor=name, signature=signature, version=version)) == ocsp.read(asking())


def test_two_questions_have_one_key_only_if_they_ask_the_same() -> None:
    first, second = cert_id(1), cert_id(2)

    keys = {ocsp.read(asking(*asked)).key for asked in ((first,), (second,), (first, second), (second, first))}

    assert len(keys) == 4
    assert ocsp.read(asking(first, version=tagged(0xA0, asn1.encode_der(0)))).key in keys


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x30\x00",
        asking() + b"\0",
        asking(version=tagged(0xA0, asn1.encode_der(1))),
        der.sequence(der.sequence(der.EMPTY_SEQUENCE)),
        asking(der.EMPTY_SEQUENCE),
        asking(cert_id(1, parameters=der.EMPTY_SEQUENCE)),
    ],
)
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        ocsp.read(body)


def test_too_much_is_refused() -> None:
    with pytest.raises(TooLarge):
        ocsp.read(b"0" * (ocsp.MOST_OCTETS + 1))
    with pytest.raises(TooLarge):
        ocsp.read(asking(*[cert_id(1)] * (MOST_CERTIFICATES + 1)))
    with pytest.raises(TooLarge):
        ocsp.from_path("M" * (ocsp.MOST_OCTETS * 4 // 3 + 1))


def test_an_extension_that_is_not_understood_is_passed_over_unless_it_is_critical() -> None:
    lax, strict = extension(STRANGE, b""), extension(STRANGE, b"", critical=True)

    assert ocsp.read(asking(extensions=(lax,), single_extensions=(lax,))) == ocsp.read(asking())
    for refused in (asking(extensions=(strict,)), asking(single_extensions=(strict,))):
        with pytest.raises(BadRequest):
            ocsp.read(refused)


def test_critical_extensions_that_are_understood_are_taken() -> None:
    nonce = extension(OCSPExtensionOID.NONCE, asn1.encode_der(b"n"), critical=True)
    basic = extension(ACCEPTABLE, der.sequence(), critical=True)

    assert ocsp.read(asking(extensions=(nonce, basic))).nonce == asn1.encode_der(b"n")


@pytest.mark.parametrize("octets", [1, 16, 32, 128])
def test_a_nonce_of_any_fit_length_is_taken(octets: int) -> None:
    assert ocsp.read(asking(nonce=b"n" * octets)).nonce == asn1.encode_der(b"n" * octets)


@pytest.mark.parametrize(
    "request_",
    [
        asking(nonce=b""),
        asking(nonce=b"n" * 129),
        asking(nonce=b"n", extensions=(extension(OCSPExtensionOID.NONCE, b"\4\1n"),)),
        asking(extensions=(extension(OCSPExtensionOID.NONCE, b"bare"),)),
    ],
)
def test_what_is_no_nonce_is_refused(request_: bytes) -> None:
    with pytest.raises(BadRequest):
        ocsp.read(request_)


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body: bytes) -> None:
    with suppress(Malformed):
        assert ocsp.read(body).certificates


@given(st.binary(min_size=1, max_size=8), st.integers(0, 200))
def test_a_damaged_request_is_read_or_refused(patch: bytes, at: int) -> None:
    body = asking(cert_id(1), nonce=b"n" * 16)
    at %= len(body)
    with suppress(Malformed):
        assert ocsp.read(body[:at] + patch + body[at + len(patch) :]).certificates


@given(st.text(max_size=100))
def test_any_path_is_read_or_refused(path: str) -> None:
    with suppress(Malformed):
        assert isinstance(ocsp.from_path(path), bytes)


@given(st.binary(min_size=1, max_size=60))
def test_a_path_is_understood_however_it_was_escaped(tail: bytes) -> None:
    der_ = b"\x30" + tail
    text = base64.b64encode(der_).decode()
    folded = "\r\n".join(text[start : start + 20] for start in range(0, len(text), 20))
    urlsafe = base64.urlsafe_b64encode(der_).decode()
    variants = [text, quote(text, safe=""), f"/{text}", f"//{text}", text.rstrip("="), text.replace("+", " "), folded]

    assert {ocsp.from_path(variant) for variant in [*variants, urlsafe, urlsafe.rstrip("=")]} == {der_}


def test_a_slash_that_a_client_hangs_on_is_passed_over() -> None:
    assert ocsp.from_path(base64.b64encode(b"\x30ab").decode() + "/") == b"\x30ab"


@pytest.mark.parametrize("path", ["", "/", "ä", "M", "MA==MA==", "not base64!"])
def test_a_path_without_base64_is_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        ocsp.from_path(path)


def test_a_reply_to_a_get_has_all_that_caches_ask_for() -> None:
    reply = ocsp.cacheable_reply(answer(), now=NOW + 10)

    assert reply.status == 200
    assert reply.body == b"der"
    assert dict(reply.headers) == {
        "Content-Type": "application/ocsp-response",
        "Cache-Control": "max-age=30, public, no-transform, must-revalidate",
        "ETag": header(reply, "ETag"),
        "Last-Modified": "Sun, 17 Mar 2030 17:46:40 GMT",
        "Expires": "Sun, 17 Mar 2030 17:47:20 GMT",
    }


@pytest.mark.parametrize(("life", "max_age"), [(86_400, 30), (20, 20), (-1, 0)])
def test_no_cache_keeps_an_answer_beyond_its_end(life: int, max_age: int) -> None:
    control = header(ocsp.cacheable_reply(answer(life=life), now=NOW), "Cache-Control")

    assert control == f"max-age={max_age}, public, no-transform, must-revalidate"


def test_a_prolonged_reply_is_the_one_that_would_be_made_anew() -> None:
    first = ocsp.cacheable_reply(answer(), now=NOW)

    assert ocsp.prolonged(first, answer(), now=NOW + 7) == ocsp.cacheable_reply(answer(), now=NOW + 7)


def test_who_has_it_already_gets_304_without_a_body() -> None:
    whole = ocsp.cacheable_reply(answer(), now=NOW)

    reply = ocsp.not_modified(whole)

    assert (reply.status, reply.body) == (304, b"")
    assert header(reply, "ETag") == header(whole, "ETag")
    assert header(reply, "Content-Type") is None


def test_other_replies_are_kept_by_nobody() -> None:
    for reply in (ocsp.reply(answer()), ocsp.failure_reply(Failure.TRY_LATER)):
        assert header(reply, "Cache-Control") == "no-store"
        assert header(reply, "Content-Type") == "application/ocsp-response"
        assert reply.status == 200
