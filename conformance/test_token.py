"""An issuing CA whose key is in a token (SoftHSM2): it signs, goes away, and comes back while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.acme import Client, b64, csr, new_key
from conformance.clients.device import Device
from conformance.house import House, must, run
from conformance.softhsm import PIN, SoftToken
from conformance.waiting import until


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    made = SoftToken(tmp_path / "softhsm")
    monkeypatch.setenv("SOFTHSM2_CONF", str(made.configuration))
    return made


@pytest.fixture(params=["ec-p256", "rsa-2048"])
def house(request: pytest.FixtureRequest, token: SoftToken, tmp_path: Path) -> Iterator[House]:
    yield from housed(token, tmp_path, request.param)


@pytest.fixture
def p256_house(token: SoftToken, tmp_path: Path) -> Iterator[House]:
    yield from housed(token, tmp_path, "ec-p256")


def housed(token: SoftToken, folder: Path, kind: str) -> Iterator[House]:
    """A house whose issuing CA is in the token; the PIN is a file in its home."""
    built = House(folder, "authority.pin=file:secrets/pin")
    (built.home / "secrets" / "pin").write_text(f"{PIN}\n")
    uri = token.uri("issuing").partition("&")[0]
    built.command("authority", "rotate", "--issuing-only", "--key", kind, "--key-uri", uri)
    built.start()
    yield built
    built.close()


def crl_text(house: House, folder: Path) -> str:
    """The CRL of the CA in the token, verified."""
    crl, ca = folder / "token.crl", folder / "token.pem"
    must("curl", "-sSf", "-o", crl, f"{house.repository}/crl/issuing-2.crl")
    must("curl", "-sSf", "-o", ca, f"{house.repository}/ca/issuing-2.pem")
    checked = run("openssl", "crl", "-inform", "DER", "-in", crl, "-noout", "-text", "-CAfile", ca)
    assert "verify OK" in checked.stderr
    return checked.stdout


def ocsp_status(house: House, certificate: Path, ca: Path) -> str:
    """What `openssl ocsp` says, having verified it."""
    of: list[str | Path] = ["-issuer", ca, "-cert", certificate, "-url", f"{house.repository}/ocsp"]
    asked = run("openssl", "ocsp", *of, "-CAfile", house.trust, "-no_nonce")
    assert "Response verify OK" in asked.stderr, asked.stderr
    return asked.stdout


def test_a_ca_in_a_token_issues_and_publishes(house: House, tmp_path: Path) -> None:
    sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
    device = Device(house, tmp_path / "device")

    assert device.enroll(sheet) == 200

    ca = tmp_path / "issuing-2.pem"
    must("curl", "-sSf", "-o", ca, f"{house.repository}/ca/issuing-2.pem")
    must("openssl", "verify", "-x509_strict", "-CAfile", house.trust, "-untrusted", ca, device.certificate)
    crl_text(house, tmp_path)
    assert not list(house.home.rglob("issuing-2*.key"))
    assert PIN not in house.log


def test_a_token_that_is_away_lets_everybody_wait_and_comes_back_by_itself(
    p256_house: House, token: SoftToken, tmp_path: Path
) -> None:
    house = p256_house
    sheets = [house.register("--kind", "device", "--subject", f"CN={name},O=Example") for name in "abc"]
    partner = house.register("--kind", "partner", "--subject", "O=Shop", "--dns", "shop.example")
    first, second, third = (Device(house, tmp_path / name) for name in "abc")
    assert first.enroll(sheets[0]) == 200
    revoked = house.certificates(sheets[0]["account"])[0]["serial"]
    client = Client(house)
    client.new_account(partner["eab"])
    order = client.new_order("shop.example")
    finalize = {"csr": b64(csr(new_key(), "shop.example"))}

    token.go_away()

    # 1. Over ACME: the one that finds the token gone leaves an intention behind, and its order is processing.
    begun = client.post(order.json["finalize"], finalize)
    assert (begun.status, begun.json["status"]) == (200, "processing")
    assert int(begun.headers["Retry-After"]) >= 1
    assert client.post(order.headers["Location"]).json["status"] == "processing"
    # 2. Over EST: come again, in whole seconds, and not a word about the token. While the key rests nothing is begun
    #    (503); who comes when it is tried again is told that it is being signed (202).
    for device, sheet in ((second, sheets[1]), (third, sheets[2])):
        assert device.enroll(sheet) in {202, 503}
        assert int(device.header("Retry-After") or 0) >= 1
        assert "token" not in device.said()
    # 3. What needs no signature goes on.
    house.command("revoke", revoked, "--reason", "superseded")
    assert revoked.upper() not in crl_text(house, tmp_path)
    until(lambda: "revoked" in ocsp_status(house, first.certificate, tmp_path / "token.pem"), what="OCSP")

    token.come_back()

    # 4. Everything works again without a restart, and the revocation is published.
    until(lambda: third.enroll(sheets[2]) == 200, what="EST enrollment")
    until(lambda: second.enroll(sheets[1]) == 200, what="EST enrollment")
    until(lambda: revoked.upper() in crl_text(house, tmp_path), what="the revocation in the CRL")
    # 5. The intention that was left is finished without anybody's asking.
    until(lambda: client.post(order.headers["Location"]).json["status"] == "valid", what="the order that was begun")
    for device in (second, third):
        must("openssl", "verify", "-CAfile", house.trust, "-untrusted", tmp_path / "token.pem", device.certificate)


def test_a_server_starts_without_its_token_and_finds_it_later(
    p256_house: House, token: SoftToken, tmp_path: Path
) -> None:
    house = p256_house
    sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
    device = Device(house, tmp_path / "device")
    house.stop()
    token.go_away()
    by_hand = house.attempt("crl", "publish")
    assert by_hand.returncode == 1
    assert [line.partition(":")[0] for line in by_hand.stdout.splitlines()] == ["issuing", "root"]
    assert "not every CRL was published" in by_hand.stderr
    assert "issuing-2: the CA's key cannot be used" in by_hand.stderr

    asked = house.attempt("doctor")
    assert asked.returncode != 0
    assert "the key of the CA issuing-2 cannot be used now: connect its token" in asked.stderr

    house.start()

    crl_text(house, tmp_path)
    assert device.enroll(sheet) == 503
    token.come_back()
    until(lambda: device.enroll(sheet) == 200, what="EST enrollment")
    assert "event=token-away" in house.log
    assert "Traceback" not in house.log


def test_a_wrong_pin_ends_the_start_with_one_sentence(p256_house: House) -> None:
    p256_house.stop()
    (p256_house.home / "secrets" / "pin").write_text("not-the-pin\n")

    done = p256_house.attempt("serve")

    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if "PIN" in line]
    assert "does not take the PIN" in line
    assert "correct authority.pin" in line
    assert "not-the-pin" not in done.stderr


def test_a_home_may_be_made_with_its_issuing_key_in_a_token_from_the_start(token: SoftToken, tmp_path: Path) -> None:
    house = House(tmp_path, options=("--development", "--issuing-key", token.uri("issuing")))
    assert not (house.home / "authority" / "issuing.key").exists()
    house.start()
    try:
        sheet = house.register("--kind", "device", "--subject", "CN=meter,O=Example")
        device = Device(house, tmp_path / "device")

        assert device.enroll(sheet) == 200

        ca = tmp_path / "issuing.pem"
        must("curl", "-sSf", "-o", ca, f"{house.repository}/ca/issuing.pem")
        must("openssl", "verify", "-x509_strict", "-CAfile", house.trust, "-untrusted", ca, device.certificate)
    finally:
        house.close()


def test_an_issuing_ca_in_a_token_is_certified_elsewhere(token: SoftToken, tmp_path: Path) -> None:
    """Its request is signed in the token."""
    house = House(tmp_path)
    request = tmp_path / "request.pem"

    request.write_text(house.command("authority", "csr", "--key", "ec-p384", "--key-uri", token.uri("offline")))

    checked = run("openssl", "req", "-in", request, "-noout", "-verify", "-text")
    assert "verify OK" in checked.stderr + checked.stdout
    assert "ASN1 OID: secp384r1" in checked.stdout
