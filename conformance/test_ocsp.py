"""OCSP as relying parties see it: `openssl ocsp` asks, GnuTLS and pkilint read what comes (RFC 6960, 9654, 5019)."""

from __future__ import annotations

import base64
import hashlib
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from conformance.clients.device import Device
from conformance.house import House, client, must, run

_SEEN_SECONDS = 10
_RENEWAL_SECONDS = 30
_LINT = Path(__file__).parents[1] / ".venv" / "bin" / "lint_ocsp_response"


class RelyingParty:
    """Who holds a certificate, its issuer and the trust anchor, and asks with openssl."""

    def __init__(self, house: House, folder: Path) -> None:
        sheet = house.register("--kind", "device", "--subject", "CN=sensor,C=TW")
        device = Device(house, folder / "device")
        assert device.enroll(sheet) == 200
        self.house, self.certificate = house, device.certificate
        self.issuer = house.home / "authority" / "issuing.pem"
        self.url = f"{house.repository}/ocsp"
        self.response = folder / "response.der"
        (self.held,) = house.certificates(sheet["account"])

    def ask(self, *options: str | Path, issuer: Path | None = None, cert: bool = True, digest: str = "-sha1") -> str:
        """What `openssl ocsp` says of an answer that it has verified."""
        about = ("-cert", self.certificate) if cert else ()
        done = run(
            *("openssl", "ocsp", "-issuer", issuer or self.issuer, digest, *about, "-url", self.url),
            *("-CAfile", self.house.trust, "-respout", self.response, *options),
        )
        return done.stdout + done.stderr

    def status(self, *options: str | Path) -> str:
        """`good`, `revoked` or `unknown`, from an answer that verifies."""
        said = self.ask(*options)
        assert "Response verify OK" in said, said
        return said.split(f"{self.certificate}: ")[1].split()[0]

    def request(self, folder: Path) -> bytes:
        """The request without a nonce, in DER."""
        path = folder / "request.der"
        must("openssl", "ocsp", "-issuer", self.issuer, "-cert", self.certificate, "-no_nonce", "-reqout", path)
        return path.read_bytes()

    def wait_for(self, status: str) -> None:
        """Ask until the status is seen, without a nonce: the answer that was ready has to go."""
        deadline = time.monotonic() + _SEEN_SECONDS
        while self.status("-no_nonce") != status:
            assert time.monotonic() < deadline, f"{status} was not seen"
            time.sleep(0.2)

    def responder(self) -> x509.Certificate:
        """Who signed the last answer."""
        (certificate,) = ocsp.load_der_ocsp_response(self.response.read_bytes()).certificates
        return certificate


@pytest.fixture
def party(house: House, tmp_path: Path) -> RelyingParty:
    return RelyingParty(house, tmp_path)


@pytest.mark.parametrize("digest", ["-sha1", "-sha256", "-sha384", "-sha512"])
def test_an_issued_certificate_is_good(party: RelyingParty, digest: str) -> None:
    said = party.ask(digest=digest)

    assert "Response verify OK" in said
    assert "WARNING: no nonce in response" not in said
    assert ": good" in said


def test_the_certificate_says_where_to_ask(party: RelyingParty) -> None:
    assert must("openssl", "x509", "-in", party.certificate, "-noout", "-ocsp_uri").strip() == party.url


def test_a_revocation_on_the_command_line_is_seen_within_seconds(party: RelyingParty) -> None:
    assert party.status("-no_nonce") == "good"

    party.house.command("revoke", party.held["serial"], "--reason", "keyCompromise")

    party.wait_for("revoked")
    assert "Reason: keyCompromise" in party.ask()


def test_a_serial_that_was_never_issued_is_unknown(party: RelyingParty) -> None:
    assert "0x1234: unknown" in party.ask("-serial", "0x1234", cert=False)


def test_the_certificate_of_another_ca_is_not_ours_to_judge(party: RelyingParty) -> None:
    said = party.ask("-serial", "1", issuer=party.house.trust, cert=False)

    assert "Responder Error: unauthorized (6)" in said


def test_several_certificates_are_answered_at_once(party: RelyingParty) -> None:
    said = party.ask("-serial", "0x1234", "-serial", "77")

    assert "Response verify OK" in said
    assert [": good" in said, "0x1234: unknown" in said, "77: unknown" in said] == [True, True, True]


def test_without_a_nonce_everybody_gets_the_same_bytes(party: RelyingParty) -> None:
    party.status("-no_nonce")
    first = party.response.read_bytes()
    party.status("-no_nonce")
    ready = party.response.read_bytes()
    party.status()

    assert first == ready != party.response.read_bytes()


def test_gnutls_believes_it_too(party: RelyingParty) -> None:
    nonce = must(
        *(client("ocsptool"), f"--ask={party.url}", "--nonce", "--load-cert", party.certificate),
        *("--load-issuer", party.issuer, "--outfile", party.response),
    )
    shown = must("ocsptool", "--response-info", "--load-response", party.response)

    assert "Verifying OCSP Response: Success." in nonce
    assert "Certificate Status: good" in shown


def test_pkilint_has_no_finding(party: RelyingParty, tmp_path: Path) -> None:
    answers = []
    for options in (["-no_nonce"], [], ["-serial", "0x1234"]):
        assert "Response verify OK" in party.ask(*options, digest="-sha256")
        answers.append(party.response.read_bytes())
    party.house.command("revoke", party.held["serial"], "--reason", "superseded")
    party.wait_for("revoked")
    answers.append(party.response.read_bytes())

    for number, answer in enumerate(answers):
        path = tmp_path / f"{number}.der"
        path.write_bytes(answer)
        assert must(_LINT, "lint", path).strip() == ""


def test_a_get_can_be_cached(party: RelyingParty, tmp_path: Path) -> None:
    text = base64.b64encode(party.request(tmp_path)).decode()
    head, body = tmp_path / "head", tmp_path / "body"

    def get(path: str, *options: str) -> str:
        url = f"{party.url}/{path}"
        return must("curl", "-s", "--path-as-is", "-D", head, "-o", body, "-w", "%{http_code}", *options, url)

    assert get(quote(text, safe="")) == "200"
    answer = body.read_bytes()
    headers = dict(line.lower().split(": ", 1) for line in head.read_text().splitlines() if ": " in line)
    assert headers["content-type"] == "application/ocsp-response"
    assert headers["cache-control"] == "max-age=30, public, no-transform, must-revalidate"
    assert headers.keys() >= {"etag", "expires", "last-modified", "content-length", "date"}
    assert get(text) == "200"
    assert body.read_bytes() == answer
    assert get(f"/{text}") == "200"
    assert body.read_bytes() == answer
    assert get(text, "-H", f"If-None-Match: {headers['etag']}") == "304"
    assert get(text, "--head") == "200"
    assert ocsp.load_der_ocsp_response(answer).certificate_status is ocsp.OCSPCertStatus.GOOD


def test_what_is_no_request_is_malformed_and_wrong_methods_are_refused(party: RelyingParty, tmp_path: Path) -> None:
    body = tmp_path / "body"

    def curl(*options: str) -> str:
        return must("curl", "-s", "-o", body, "-w", "%{http_code}", *options)

    kind = ("-H", "Content-Type: application/ocsp-request")
    assert curl(*kind, "--data-binary", "nonsense", party.url) == "200"
    malformed = ocsp.load_der_ocsp_response(body.read_bytes()).response_status
    assert malformed is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert curl(*kind, "--data-binary", "x" * 5000, party.url) == "200"
    assert curl("--data-binary", "nonsense", party.url) == "415"
    assert curl("-X", "PUT", "--data-binary", "nonsense", party.url) == "405"
    assert curl(party.url) == "400"


def test_a_restart_goes_on_with_the_same_responder(party: RelyingParty) -> None:
    party.status()
    before = party.responder()

    party.house.stop()
    party.house.start()

    assert party.status() == "good"
    assert party.responder() == before


def test_the_responder_is_renewed_by_itself(party: RelyingParty) -> None:
    party.status()
    before = party.responder()
    party.house.move_clock(days=4)
    deadline = time.monotonic() + _RENEWAL_SECONDS
    while party.responder() == before:
        assert time.monotonic() < deadline, "the responder's certificate was not renewed"
        time.sleep(0.5)
        party.ask()

    then = ocsp.load_der_ocsp_response(party.response.read_bytes()).this_update_utc.timestamp()
    verified = run(
        *("openssl", "ocsp", "-respin", party.response, "-issuer", party.issuer, "-cert", party.certificate),
        *("-CAfile", party.house.trust, "-no_nonce", "-attime", str(int(then))),
    )
    assert "Response verify OK" in verified.stderr


def test_a_revoked_responder_is_replaced(party: RelyingParty) -> None:
    party.status("-no_nonce")
    before = party.responder()

    party.house.command("revoke", f"{before.serial_number:x}", "--reason", "keyCompromise")

    deadline = time.monotonic() + _RENEWAL_SECONDS
    while party.responder() == before:
        assert time.monotonic() < deadline, "the responder's certificate was not replaced"
        time.sleep(0.5)
        assert party.status("-no_nonce") == "good"


@pytest.mark.parametrize("key", ["rsa-2048", "ec-p384"])
def test_every_kind_of_ca_has_a_responder(tmp_path: Path, key: str) -> None:
    house = House(tmp_path, options=("--development", "--key", key))
    house.start()

    assert RelyingParty(house, tmp_path).status() == "good"

    house.stop()


def test_after_a_rotation_each_ca_answers_for_its_own(party: RelyingParty, tmp_path: Path) -> None:
    house = party.house
    house.command("authority", "rotate", "--issuing-only")
    issuer = tmp_path / "issuing-2.pem"
    deadline = time.monotonic() + _RENEWAL_SECONDS
    while run("curl", "-sf", "-o", issuer, f"{house.repository}/ca/issuing-2.pem").returncode:
        assert time.monotonic() < deadline, "the new CA is not served"
    (tmp_path / "new").mkdir()
    new = RelyingParty(house, tmp_path / "new")
    new.issuer = issuer

    while "Response verify OK" not in new.ask():
        assert time.monotonic() < deadline, "the new CA has no responder"

    assert new.status() == party.status() == "good"
    assert new.responder().issuer != party.responder().issuer
    swapped = party.ask("-issuer", issuer, "-cert", new.certificate)
    assert "Responder Error: unauthorized (6)" in swapped


def test_beside_an_ml_dsa_ca_the_responder_signs_with_ml_dsa(house: House, tmp_path: Path) -> None:
    house.command("authority", "add", "quantum", "--key", "ml-dsa-65", "--own-root")
    pem, body, asked = tmp_path / "ca.pem", tmp_path / "answer", tmp_path / "asked"
    deadline = time.monotonic() + _RENEWAL_SECONDS
    while run("curl", "-sf", "-o", pem, f"{house.repository}/ca/quantum.pem").returncode:
        assert time.monotonic() < deadline, "the new CA is not served"
    ca = x509.load_pem_x509_certificate(pem.read_bytes())
    key = hashlib.sha256(ca.public_key().public_bytes_raw()).digest()  # type: ignore[union-attr]  # an ML-DSA key
    name = hashlib.sha256(ca.subject.public_bytes()).digest()
    request = ocsp.OCSPRequestBuilder().add_certificate_by_hash(name, key, 4711, SHA256()).build()
    asked.write_bytes(request.public_bytes(Encoding.DER))
    kind = ("-H", "Content-Type: application/ocsp-request", "--data-binary", f"@{asked}")

    while True:
        must("curl", "-sf", "-o", body, *kind, f"{house.repository}/ocsp")
        answer = ocsp.load_der_ocsp_response(body.read_bytes())
        if answer.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL:
            break
        assert time.monotonic() < deadline, answer.response_status
        time.sleep(0.2)

    assert answer.certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    (responder,) = answer.certificates
    responder.verify_directly_issued_by(ca)
    signer = responder.public_key()
    assert isinstance(signer, mldsa.MLDSA44PublicKey)
    signer.verify(answer.signature, answer.tbs_response_bytes)
    must(_LINT, "lint", body)
