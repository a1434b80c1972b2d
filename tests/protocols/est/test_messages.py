"""RFC 7030, 4.1.3 and 4.2; RFC 8951; and the two clients that disagree about line breaks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from ca_core.errors import BadRequest, Misconfigured, TooLarge
from protocols.est import messages
from protocols.est.errors import UnsupportedMediaType
from protocols.est.labels import Wire
from tests.builders.est import new_key, post

CURL = {"user-agent": "curl/8.5.0", "accept": "*/*"}
START = datetime(2030, 1, 1, tzinfo=UTC)


def certificate(subject: str, issuer: str) -> x509.Certificate:
    key = new_key()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(subject))
        .issuer_name(x509.Name.from_rfc4514_string(issuer))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .sign(key, SHA256())
    )


ROOT = certificate("CN=Root", "CN=Root")
ISSUING = certificate("CN=Issuing", "CN=Root")


def test_auto_is_one_line_for_a_client_that_sends_neither_user_agent_nor_accept() -> None:
    assert Wire.AUTO.is_single_line_for({"host": "ca.example"})


@pytest.mark.parametrize("headers", [CURL, {"user-agent": ""}, {"accept": "*/*"}])
def test_auto_is_wrapped_for_every_other_client(headers: dict[str, str]) -> None:
    assert not Wire.AUTO.is_single_line_for(headers)


@pytest.mark.parametrize("headers", [CURL, {}])
def test_a_label_can_settle_the_layout(headers: dict[str, str]) -> None:
    assert Wire.SINGLE_LINE.is_single_line_for(headers)
    assert not Wire.RFC.is_single_line_for(headers)


def test_an_answer_is_200_with_literal_headers() -> None:
    reply = messages.certs_only_reply(b"cms", single_line=False)

    assert reply.status == 200
    assert reply.headers == (
        ("Content-Type", "application/pkcs7-mime; smime-type=certs-only"),
        ("Content-Transfer-Encoding", "base64"),
    )


@pytest.mark.parametrize(("single_line", "lines"), [(True, 1), (False, 2)])
def test_the_layout_is_one_line_or_64_columns(single_line: bool, lines: int) -> None:
    reply = messages.certs_only_reply(bytes(60), single_line=single_line)

    assert reply.body.count(b"\n") == lines
    assert reply.body.endswith(b"\n")
    assert base64.b64decode(reply.body) == bytes(60)


def test_an_issued_certificate_comes_alone() -> None:
    answer = messages.issued(ISSUING.public_bytes(Encoding.DER))

    assert pkcs7.load_der_pkcs7_certificates(answer) == [ISSUING]


def test_certs_only_is_signed_data_that_signs_nothing() -> None:
    content = cms.ContentInfo.load(messages.issued(ISSUING.public_bytes(Encoding.DER)), strict=True)["content"]

    assert content["version"].native == "v1"
    assert len(content["digest_algorithms"]) == 0
    assert len(content["signer_infos"]) == 0
    assert content["encap_content_info"]["content"].native is None
    assert content["crls"].native is None


def test_the_ca_certificates_hold_the_root() -> None:
    answer = messages.ca_certificates((ISSUING, ROOT))

    assert set(pkcs7.load_der_pkcs7_certificates(answer)) == {ISSUING, ROOT}


def test_ca_certificates_without_a_root_are_a_mistake_of_the_operator() -> None:
    with pytest.raises(Misconfigured, match="root"):
        messages.ca_certificates((ISSUING,))


@pytest.mark.parametrize("media_type", ["application/pkcs10", "APPLICATION/PKCS10; charset=utf-8"])
def test_a_certification_request_is_let_in(media_type: str) -> None:
    messages.require_certification_request(post("simpleenroll", bytes(65536), media_type=media_type))


@pytest.mark.parametrize("media_type", ["", "application/pkcs7-mime", "application/pkcs10x", "text/plain"])
def test_another_media_type_is_refused(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        messages.require_certification_request(post("simpleenroll", b"", media_type=media_type))


def test_more_than_64_kib_is_refused() -> None:
    with pytest.raises(TooLarge):
        messages.require_certification_request(post("simpleenroll", bytes(65537)))


def test_the_line_break_that_libest_sends_after_the_body_is_harmless() -> None:
    assert messages.certification_request(b"AAEC\n\r\n") == bytes(range(3))


def test_a_body_that_is_not_base64_is_refused() -> None:
    with pytest.raises(BadRequest):
        messages.certification_request(b"\x30\x82")
