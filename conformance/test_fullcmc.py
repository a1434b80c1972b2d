"""Full CMC over the wire (RFC 7030, 4.3; RFC 5272): one client of the tests', one server, and openssl as the judge."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from conformance.cmc import FAILED, PENDING, PKI_DATA, SUCCESS, Ask, Response, Template, message, read, secret_proof
from conformance.house import House, must

KEY_COMPROMISE, SUPERSEDED = 1, 4
BAD_MESSAGE_CHECK, BAD_REQUEST, BAD_IDENTITY, POP_FAILED = 1, 2, 7, 9
POP_LINK_WITNESS_V2 = "1.3.6.1.5.5.7.7.33"
_REQUEST = {"Content-Type": "application/pkcs7-mime; smime-type=CMC-request", "Content-Transfer-Encoding": "base64"}
_SECONDS = 30

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def der(self) -> bytes:
        return base64.b64decode(self.body)

    @property
    def response(self) -> Response:
        assert self.headers["content-type"] == "application/pkcs7-mime; smime-type=CMC-response", self.body
        return read(self.der)


class Server:
    """A server, and how full requests are sent to it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.context: SSLContext = create_default_context(cafile=str(house.trust))

    def send(self, body: bytes, label: str = "") -> Answer:
        connection = HTTPSConnection("localhost", self.house.port + 1, context=self.context, timeout=60)
        try:
            connection.request("POST", f"/.well-known/est/{label}fullcmc", base64.encodebytes(body), _REQUEST)
            reply = connection.getresponse()
            headers = {name.lower(): value for name, value in reply.getheaders()}
            return Answer(reply.status, headers, reply.read())
        finally:
            connection.close()

    def sheet(self, *options: str) -> dict[str, Any]:
        return self.house.register("--kind", "device", "--subject", "CN=sensor,C=TW", "--uses", "unlimited", *options)

    def statuses(self, account: str) -> list[str]:
        return [one["status"] for one in self.house.certificates(account)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    # So short-lived that it may be renewed at once; and for signing, somebody looks first.
    settings = ("profiles.device.validity_days=20", "profiles.signing.approval=always")
    house = House(tmp_path_factory.mktemp("house"), *settings)
    try:
        house.start()
        yield Server(house)
    finally:
        house.close()


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def csr(key: Key, subject: x509.Name | None = None) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(subject or x509.Name([]))
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)


def by_code(sheet: dict[str, Any], key: Key) -> bytes:
    """A first certificate, by account and enrollment code, of which the latter is not in the message."""
    ask = Ask().certificate(csr(key)).proof(sheet["account"], sheet["enrollment_code"])
    return message(ask.transaction(4711, secrets.token_bytes(16)).der(), key)


@dataclass(frozen=True)
class Holder:
    """A subscriber with a certificate."""

    sheet: dict[str, Any]
    key: Key
    certificate: x509.Certificate

    def says(self, ask: Ask) -> bytes:
        return message(ask.der(), self.key, self.certificate)


def enrolled(server: Server, *options: str) -> Holder:
    sheet, key = server.sheet(*options), new_key()
    answer = server.send(by_code(sheet, key))
    assert answer.status == 200, answer
    return Holder(sheet, key, answer.response.issued_to(key))


def test_a_device_enrolls_by_its_code_and_openssl_opens_the_answer(server: Server, tmp_path: Path) -> None:
    sheet, key = server.sheet(), new_key()

    answer = server.send(by_code(sheet, key))

    assert (answer.status, answer.response.only.status) == (200, SUCCESS)
    assert answer.response.controls["5"] == 4711
    file = tmp_path / "answer.der"
    file.write_bytes(answer.der)
    # RFC 6402, 2.10: the signer is no mail user, so openssl's own idea of a purpose is not asked.
    verify = (
        "openssl",
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-purpose",
        "any",
        "-in",
        file,
        "-out",
        tmp_path / "content",
    )
    must(*verify, "-CAfile", server.house.trust)
    issued = answer.response.issued_to(key)
    assert issued.subject.rfc4514_string() == "CN=sensor,C=TW"


def test_openssl_signs_what_a_certificate_and_a_new_key_ask_for(server: Server, tmp_path: Path) -> None:
    sheet, key = server.sheet(), new_key()
    by_itself = by_openssl(tmp_path, Ask().certificate(csr(key)).proof(sheet["account"], sheet["enrollment_code"]), key)
    held = Holder(sheet, key, server.send(by_itself).response.issued_to(key))
    renewing, named = new_key(), ("-keyid",)
    ask = Ask().certificate(csr(renewing, held.certificate.subject))

    renewed = server.send(by_openssl(tmp_path, ask, key, held.certificate))
    revoked = server.send(by_openssl(tmp_path, Ask().revocation(held.certificate, 4), key, held.certificate, *named))

    assert renewed.response.issued_to(renewing).subject == held.certificate.subject
    assert (revoked.status, revoked.response.only.status) == (200, SUCCESS)


def by_openssl(folder: Path, ask: Ask, key: Key, certificate: x509.Certificate | None = None, *options: str) -> bytes:
    """Let openssl sign, with a certificate or with one that is made for the key on the spot."""
    content, signed = folder / "content.der", folder / "signed.der"
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    content.write_bytes(ask.der())
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    if certificate is None:
        must("openssl", "req", "-x509", "-new", "-key", key_file, "-subj", "/CN=itself", "-out", certificate_file)
    else:
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
    must(
        *("openssl", "cms", "-sign", "-binary", "-nodetach", "-econtent_type", PKI_DATA, "-md", "sha256", *options),
        *("-in", content, "-signer", certificate_file, "-inkey", key_file, "-outform", "DER", "-out", signed),
    )
    return signed.read_bytes()


def test_a_device_renews_with_its_certificate(server: Server) -> None:
    held, key = enrolled(server), new_key()

    answer = server.send(held.says(Ask().certificate(csr(key, held.certificate.subject))))

    renewed = answer.response.issued_to(key)
    assert renewed.subject == held.certificate.subject
    assert renewed.serial_number != held.certificate.serial_number


def test_a_device_revokes_with_its_key(server: Server) -> None:
    held = enrolled(server)

    answer = server.send(held.says(Ask().revocation(held.certificate, KEY_COMPROMISE)))

    assert (answer.status, answer.response.only.status) == (200, SUCCESS)
    assert server.statuses(held.sheet["account"]) == ["revoked"]


def test_a_subscriber_revokes_with_the_code_when_the_key_is_lost(server: Server) -> None:
    held = enrolled(server)
    ask = Ask().identification(held.sheet["account"])
    ask.revocation(held.certificate, SUPERSEDED, passphrase=held.sheet["enrollment_code"])

    answer = server.send(message(ask.der(), None))

    assert (answer.status, answer.response.only.status) == (200, SUCCESS)
    assert server.statuses(held.sheet["account"]) == ["revoked"]


def test_a_request_is_carried_out_once(server: Server) -> None:
    sheet = server.sheet()
    body = by_code(sheet, new_key())
    assert server.send(body).status == 200

    answer = server.send(body)

    assert (answer.status, answer.response.only.status, answer.response.only.fail) == (403, FAILED, BAD_REQUEST)
    assert len(server.statuses(sheet["account"])) == 1


def test_a_device_enrolls_by_crmf_that_is_linked_to_its_code(server: Server) -> None:
    """RFC 4211, and RFC 5272, 6.3.1: a witness among the controls, over a random value beside them."""
    sheet, key, random = server.sheet(), new_key(), secrets.token_bytes(64)
    linked = [(POP_LINK_WITNESS_V2, secret_proof(sheet["enrollment_code"], random).dump())]
    ask = Ask().template(Template(key, controls=linked)).control(22, core.OctetString(random))
    ask = ask.proof(sheet["account"], sheet["enrollment_code"]).transaction(7, b"nonce")

    answer = server.send(message(ask.der(), key))

    assert (answer.status, answer.response.only.status) == (200, SUCCESS)
    assert answer.response.issued_to(key).subject.rfc4514_string() == "CN=sensor,C=TW"
    assert answer.response.controls["7"] == b"nonce"
    assert len(answer.response.controls["6"]) == 16


def test_a_witness_over_another_value_links_nothing(server: Server) -> None:
    sheet, key = server.sheet(), new_key()
    linked = [(POP_LINK_WITNESS_V2, secret_proof(sheet["enrollment_code"], b"another").dump())]
    ask = Ask().template(Template(key, controls=linked)).control(22, core.OctetString(b"random"))

    answer = server.send(message(ask.proof(sheet["account"], sheet["enrollment_code"]).der(), key))

    assert (answer.status, answer.response.only.fail) == (403, POP_FAILED)
    assert server.statuses(sheet["account"]) == []


def test_what_was_altered_on_its_way_is_refused(server: Server) -> None:
    held = enrolled(server)
    body = held.says(Ask().revocation(held.certificate, SUPERSEDED).transaction(7, b"nonce"))

    answer = server.send(body.replace(b"nonce", b"ecnon"))

    assert (answer.status, answer.response.only.fail) == (400, BAD_MESSAGE_CHECK)
    assert server.statuses(held.sheet["account"]) == ["about to expire"]


def test_a_wrong_code_is_told_in_a_signed_answer_and_asks_for_no_password(server: Server) -> None:
    sheet, key = server.sheet(), new_key()
    ask = Ask().certificate(csr(key)).proof(sheet["account"], "WRONG")

    answer = server.send(message(ask.der(), key))

    assert (answer.status, answer.response.only.fail) == (403, BAD_IDENTITY)
    assert "www-authenticate" not in answer.headers


def test_what_is_no_signed_message_is_told_in_plain_text(server: Server) -> None:
    answer = server.send(b"what is this")

    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")


def test_what_an_officer_looks_at_is_asked_about_until_it_is_there(server: Server) -> None:
    held, key = enrolled(server, "--profile", "device", "--profile", "signing"), new_key()
    first = server.send(held.says(Ask().certificate(csr(key))), "signing/")
    assert (first.status, first.headers["retry-after"], first.response.only.status) == (202, "15", PENDING)
    query = held.says(Ask().query(first.response.only.token or b""))
    assert server.send(query).status == 202
    (waiting,) = json.loads(server.house.command("requests", "list", "--json"))
    server.house.command("requests", "approve", str(waiting["request"]))

    deadline = time.monotonic() + _SECONDS
    while (answer := server.send(query)).status == 202:
        assert time.monotonic() < deadline, "it was approved and is not issued"
        time.sleep(0.2)

    assert answer.response.issued_to(key).public_key() == key.public_key()
