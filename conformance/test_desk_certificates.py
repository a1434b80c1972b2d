"""Certificates at the desk over TLS: found by any field, read, downloaded, revoked, held and released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest

from conformance.clients.device import Device
from conformance.clients.officer import Officer
from conformance.house import House, must


class Room(NamedTuple):
    house: House
    folder: Path
    alice: Officer
    sam: Officer
    ann: Officer


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    house, folder = House(tmp_path_factory.mktemp("house")), tmp_path_factory.mktemp("staff")
    try:
        house.start()
        yield Room(
            house,
            folder,
            Officer(house, folder, "alice"),
            Officer(house, folder, "sam", "supervisor", "--realm", "south"),
            Officer(house, folder, "ann", "auditor", "--realm", "*"),
        )
    finally:
        house.close()


def meter(room: Room, account: str, *options: str) -> str:
    """The serial of a device's certificate."""
    sheet = room.house.register(
        *("--kind", "device", "--subject", f"CN={account},O=Fleet & Co,C=TW", "--account", account),
        *("--dns", f"{account}.example", *options),
    )
    device = Device(room.house, room.folder / account, subject=f"/CN={account}")
    device.ask(f"/CN={account}", f"subjectAltName=DNS:{account}.example")
    assert device.enroll(sheet) == 200
    (certificate,) = room.house.certificates(account)
    return str(certificate["serial"])


def linked(serial: str) -> str:
    return f'<a href="/certificates/{serial}">'


def test_a_certificate_is_found_by_any_field_and_by_nothing_that_it_lacks(room: Room) -> None:
    serial = meter(room, "findme")
    page = room.alice.get(f"/certificates/{serial}")
    key = page.html.partition("SHA-256 of the key")[0].rpartition('<code class="break">')[2].partition("<")[0]

    found = [
        {"serial": serial[:12].upper()},
        {"serial": ":".join(serial[at : at + 2] for at in range(0, 40, 2))},
        {"account": "findme"},
        {"text": "findme"},
        {"name": "findme.ex"},
        {"name": "dns:findme.example"},
        {"key": key.replace(" ", "")},
        {"profile": "device", "issuer": "issuing", "status": "valid", "from": "2020-01-01"},
    ]
    lacking = [
        {"account": "findme", "status": "revoked"},
        {"serial": serial, "profile": "tls-server"},
        {"account": "findme", "until": "2020-01-01"},
        {"account": "nobody"},
        {"key": "0" * 64},
    ]

    for asked in found:
        assert linked(serial) in room.alice.get(f"/certificates?{urlencode(asked)}").html, asked
    for asked in lacking:
        answer = room.alice.get(f"/certificates?{urlencode(asked)}")
        assert (answer.status, linked(serial) in answer.html) == (200, False), asked
        assert "Nothing was found." in answer.text
    assert serial not in room.sam.get("/certificates").html
    assert serial in room.ann.get("/certificates").html


def test_a_list_goes_on_page_by_page(room: Room) -> None:
    for number in range(3):
        meter(room, f"many{number}")

    first = room.alice.get("/certificates?" + urlencode({"name": "many"}))
    behind = room.alice.get("/certificates?after=nonsense")

    assert [f"many{number}.example" in first.text for number in range(3)] == [True] * 3
    assert (behind.status, "no such place" in behind.text) == (400, True)
    assert room.alice.get("/certificates?status=green").status == 400
    assert room.alice.get("/certificates?from=tomorrow").status == 400


def test_a_certificate_is_read_field_by_field_with_its_chain_and_its_life(room: Room) -> None:
    serial = meter(room, "readme")

    page = room.alice.get(f"/certificates/{serial}")
    copied = room.alice.get(f"/certificates/{serial.upper()}")

    for told in (
        "CN=readme,O=Fleet & Co,C=TW",
        "dns:readme.example",
        "ec-p256",
        "clientAuth",
        "digitalSignature",
        "Certificate issued",
        "Its validity ends",
        "yet to come",
    ):
        assert told in page.text, told
    assert "Fleet &amp; Co" in page.html
    assert copied.status == 200


def test_a_certificate_can_be_had_in_every_form(room: Room) -> None:
    serial = meter(room, "carry")
    folder = room.folder / "carry"
    place = f"/certificates/{serial}/file"

    for form in ("pem", "der", "p7b"):
        answer = room.alice.get(f"{place}.{form}")
        assert answer.headers["content-disposition"] == f'attachment; filename="{serial}.{form}"'
        assert answer.headers["x-content-type-options"] == "nosniff"
        (folder / f"got.{form}").write_bytes(answer.octets)

    pem = must("openssl", "x509", "-in", folder / "got.pem", "-noout", "-serial")
    der = must("openssl", "x509", "-inform", "DER", "-in", folder / "got.der", "-noout", "-serial")
    bundle = must("openssl", "pkcs7", "-inform", "DER", "-in", folder / "got.p7b", "-print_certs")
    must("openssl", "verify", "-CAfile", room.house.trust, "-untrusted", folder / "got.pem", folder / "got.pem")
    assert pem == der == f"serial={serial.upper()}\n"
    assert bundle.count("BEGIN CERTIFICATE") == 2
    assert room.alice.get(f"{place}.exe").status == 404


def test_an_officer_revokes_with_a_reason_in_plain_words(room: Room) -> None:
    serial = meter(room, "lost")
    place = f"/certificates/{serial}"
    form = room.alice.get(f"{place}/revoke")

    without = room.alice.post(f"{place}/revoke", form, note="no reason")
    foreign = room.alice.post(f"{place}/revoke", form, reason="cACompromise")
    odd = room.alice.post(f"{place}/revoke", form, reason="superseded", since="yesterday")
    ahead = room.alice.post(f"{place}/revoke", form, reason="superseded", since="2999-01-01T00:00")
    done = room.alice.post(f"{place}/revoke", form, reason="keyCompromise", note="the thief has the meter")
    page = room.alice.get(done.place)

    assert "The private key is lost, stolen, copied or shown to somebody, or may be." in form.text
    assert "the key is certified never again" in form.text
    assert [one.status for one in (without, foreign, odd, ahead)] == [422] * 4
    assert "Choose a reason." in without.text
    assert "no reason" in without.html
    assert "in the future" in ahead.text
    assert "The certificate is revoked" in page.text
    assert "the key is in wrong hands" in page.text
    assert "the thief has the meter" in page.text
    assert "desk:officer:alice" in page.text
    assert "/revoke" not in page.html
    assert room.house.certificates("lost")[0]["reason"] == "keyCompromise"
    again = room.alice.post(f"{place}/revoke", form, reason="superseded")
    assert again.status == 409


def test_a_hold_is_put_and_taken_back(room: Room) -> None:
    serial = meter(room, "pause")
    place = f"/certificates/{serial}"
    page = room.alice.get(place)

    held = room.alice.get(room.alice.post(f"{place}/hold", page, note="a phone call").place)
    twice = room.alice.post(f"{place}/hold", held)
    released = room.alice.get(room.alice.post(f"{place}/release", held).place)

    assert "on hold" in held.text
    assert "a phone call" in held.text
    assert f"{place}/hold" not in held.html
    assert twice.status == 409
    assert "The certificate is released" in released.text
    assert room.house.certificates("pause")[0]["status"] == "valid"


def test_another_realms_serials_are_those_of_nobody(room: Room) -> None:
    serial = meter(room, "north")
    theirs = meter(room, "theirs", "--realm", "south")
    form = room.sam.get(f"/certificates/{theirs}/revoke")

    seen = [
        room.sam.get(f"/certificates/{one}{way}") for one in (serial, "0" * 40) for way in ("", "/revoke", "/file.der")
    ]
    sent = [
        room.sam.post(f"/certificates/{one}/{verb}", form, reason="superseded")
        for one in (serial, "0" * 40)
        for verb in ("revoke", "hold", "release")
    ]

    assert {one.status for one in seen + sent} == {404}
    assert all("there is no such certificate" in one.text for one in seen + sent)
    assert room.sam.get("/certificates/none").status == 404
    assert room.sam.get(f"/certificates/{'f' * 41}").status == 404
    assert room.house.certificates("north")[0]["status"] == "valid"


def test_a_form_from_elsewhere_revokes_nothing(room: Room) -> None:
    serial = meter(room, "safe")
    place = f"/certificates/{serial}"
    page = room.alice.get(place)

    for verb in ("revoke", "hold", "release"):
        assert room.alice.post(f"{place}/{verb}", None, reason="superseded").status == 400
        crossed = room.alice.send(
            f"{place}/{verb}", {"csrf": page.token, "reason": "superseded"}, Sec_Fetch_Site="cross-site"
        )
        assert crossed.status == 400
        assert room.ann.send(f"{place}/{verb}", {"reason": "superseded"}).status == 403
    assert "<form method" not in room.ann.get(place).html.replace('<form method="get"', "")
    assert room.house.certificates("safe")[0]["status"] == "valid"


def test_what_is_looked_for_is_shown_as_text(room: Room) -> None:
    asked = '"><script>alert(1)</script>'

    for field in ("text", "serial", "account", "name", "issuer", "key"):
        page = room.alice.get("/certificates?" + urlencode({field: asked}))
        assert page.status in {200, 400}
        assert "<script" not in page.html
    assert room.alice.get("/certificates?account=%00").status == 400
    assert room.alice.get("/certificates?account=%ff").status == 400


def test_certificates_speak_chinese(room: Room) -> None:
    serial = meter(room, "zh")

    for path, told in (
        ("/certificates", "找到的憑證"),
        (f"/certificates/{serial}", "憑證內容"),
        (f"/certificates/{serial}/revoke", "私密金鑰遺失"),
    ):
        page = room.alice.get(path, "zh-TW,zh;q=0.9,en;q=0.5")
        assert told in page.text
        assert "style=" not in page.html
        assert "default-src 'none'" in page.headers["content-security-policy"]
