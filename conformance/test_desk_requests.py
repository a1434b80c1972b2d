"""Requests at the desk over TLS: evidence, two officers, and those who may not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from conformance.clients.device import Device
from conformance.clients.officer import Officer
from conformance.house import House
from conformance.waiting import until

_SETTINGS = (
    "profiles.device.approval=always",
    "kinds.partner.approvals.register=1",
    "kinds.organization.approvals.revoke=1",
)


class Room(NamedTuple):
    house: House
    folder: Path
    alice: Officer
    bob: Officer
    sam: Officer
    ann: Officer


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    house, folder = House(tmp_path_factory.mktemp("house"), *_SETTINGS), tmp_path_factory.mktemp("staff")
    try:
        house.start()
        yield Room(
            house,
            folder,
            Officer(house, folder, "alice"),
            Officer(house, folder, "bob"),
            Officer(house, folder, "sam", "supervisor", "--realm", "south"),
            Officer(house, folder, "ann", "auditor", "--realm", "*"),
        )
    finally:
        house.close()


def referred(room: Room, account: str, subject: str | None = None) -> tuple[Device, dict[str, str], int]:
    """A device that waits for an officer, its sheet, and the number of its request."""
    sheet = room.house.register(
        *("--kind", "device", "--subject", subject or f"CN={account},O=Fleet,C=TW", "--account", account)
    )
    device = Device(room.house, room.folder / account, subject=f"/CN={account}/O=Elsewhere")
    assert device.enroll(sheet) == 202
    (waits,) = [one for one in json.loads(room.house.command("requests", "--json")) if one["account"] == account]
    return device, sheet, int(waits["request"])


def held(room: Room, account: str) -> str:
    """The serial of a certificate whose revocation another officer has to agree to."""
    sheet = room.house.register(
        *("--kind", "organization", "--subject", f"CN={account},O=Shop,C=TW", "--account", account),
        *("--dns", f"{account}.example"),
    )
    device = Device(room.house, room.folder / account, subject=f"/CN={account}.example")
    assert device.enroll(sheet, "tls-server") == 200
    (certificate,) = room.house.certificates(account)
    return str(certificate["serial"])


def test_an_officer_sees_what_is_registered_beside_what_is_asked_for(room: Room) -> None:
    device, _, number = referred(room, "meter")

    listed, page = room.alice.get("/requests"), room.alice.get(f"/requests/{number}")

    assert f'<a href="/requests/{number}">{number}</a>' in listed.html
    assert "CN=meter,O=Fleet,C=TW" in page.text
    assert "O=Elsewhere" in page.text
    assert "differs" in page.text
    assert "ec-p256" in page.text
    assert "enrollment-code (proved by)" in page.text
    assert "127.0.0.1 (from)" in page.text
    assert "Nobody has voted yet." in page.text
    assert device.certificate.exists() is False


def test_what_an_officer_approves_is_issued(room: Room) -> None:
    device, sheet, number = referred(room, "pump")

    sent = room.alice.post(f"/requests/{number}/approve", room.alice.get(f"/requests/{number}"), note="seen the pump")
    page = room.alice.get(sent.place)

    assert sent.place == f"/requests/{number}?said=approved"
    assert "The request is approved." in page.text
    assert "alice : approved" in page.text
    assert "seen the pump" in page.text
    assert "Approve request" not in page.text
    until(lambda: device.enroll(sheet) == 200, what="the certificate")


def test_what_an_officer_rejects_needs_a_reason_that_the_device_is_told(room: Room) -> None:
    device, sheet, number = referred(room, "valve")
    page = room.alice.get(f"/requests/{number}")

    without = room.alice.post(f"/requests/{number}/reject", page, note="  ")
    rejected = room.alice.post(f"/requests/{number}/reject", page, note="no such valve")
    again = room.bob.post(f"/requests/{number}/approve", room.bob.get("/requests/" + str(referred(room, "tap")[2])))

    assert (without.status, "Write why you reject it" in without.text) == (422, True)
    assert rejected.place == f"/requests/{number}?said=rejected"
    assert again.status == 409
    assert "does not wait any more" in again.text
    assert device.enroll(sheet) == 403
    assert "no such valve" in device.said()


def test_who_asks_is_refused_in_words_and_another_officer_is_not(room: Room) -> None:
    serial = held(room, "shop")
    form = room.alice.get(f"/certificates/{serial}/revoke")

    asked = room.alice.post(f"/certificates/{serial}/revoke", form, reason="superseded", note="moved to a new one")
    place = asked.place.partition("?")[0]
    own = room.alice.get(asked.place)
    refused = room.alice.send(f"{place}/approve", {"csrf": form.token})
    chinese = room.alice.send(f"{place}/approve", {"csrf": form.token}, "zh-TW")
    before = room.house.certificates("shop")[0]["status"]
    agreed = room.bob.post(f"{place}/approve", room.bob.get(place))

    assert "Another officer has to agree first" in form.text
    assert "This is your own request: another officer has to decide it." in own.text
    assert "Approve request" not in own.text
    assert (refused.status, "This is your own request" in refused.text) == (403, True)
    assert (chinese.status, "這是您自己的申請" in chinese.text) == (403, True)
    assert before == "valid"
    assert "moved to a new one" in room.bob.get(agreed.place).text
    assert room.house.certificates("shop")[0]["status"] == "revoked"


def test_who_asked_may_take_it_back(room: Room) -> None:
    serial = held(room, "stall")
    form = room.alice.get(f"/certificates/{serial}/revoke")
    place = room.alice.post(f"/certificates/{serial}/revoke", form, reason="superseded").place.partition("?")[0]

    taken = room.alice.post(f"{place}/reject", form, note="a mistake")

    assert "rejected" in room.alice.get(taken.place).text
    for shown in ("/", "/requests"):
        assert "a mistake" in room.alice.get(shown).text
        assert "a mistake" not in room.bob.get(shown).text
    assert room.house.certificates("stall")[0]["status"] == "valid"


def test_another_realm_is_told_of_nothing(room: Room) -> None:
    _, _, number = referred(room, "lamp")
    token = room.sam.get("/certificates").token if "csrf" in room.sam.get("/certificates").html else ""
    serial = held(room, "booth")

    for path in (f"/requests/{number}", f"/requests/{10**9}", "/requests/none", f"/requests/{10**40}"):
        page = room.sam.get(path)
        assert (page.status, "there is no such request" in page.text) == (404, True)
    assert "lamp" not in room.sam.get("/requests").text
    assert token == ""
    page = room.sam.get(f"/certificates/{serial}/revoke")
    assert (page.status, "there is no such certificate" in page.text) == (404, True)


def test_numbers_of_another_realm_are_decided_by_nobody_there(room: Room) -> None:
    _, _, number = referred(room, "fan")
    # A form of the same officer's, for what is theirs.
    sheet = room.house.command(
        *(
            "register",
            "--kind",
            "device",
            "--subject",
            "CN=south,C=TW",
            "--account",
            "south",
            "--realm",
            "south",
            "--json",
        )
    )
    device = Device(room.house, room.folder / "south")
    assert device.enroll(json.loads(sheet)) == 202
    (own,) = [one for one in json.loads(room.house.command("requests", "--json")) if one["account"] == "south"]
    form = room.sam.get(f"/requests/{own['request']}")

    answers = {
        room.sam.post(f"/requests/{nobodys}/{verb}", form, note="mine").status
        for nobodys in (number, 10**9)
        for verb in ("approve", "reject")
    }

    assert answers == {404}
    assert "waits for approval" in room.alice.get(f"/requests/{number}").text


def test_a_form_from_elsewhere_decides_nothing(room: Room) -> None:
    _, _, number = referred(room, "gate")
    place, page = f"/requests/{number}", room.bob.get(f"/requests/{number}")

    for sent in (
        room.alice.post(f"{place}/approve", None),
        room.alice.post(f"{place}/approve", page),
        room.alice.send(f"{place}/approve", {"csrf": "0" * 64}),
        room.bob.send(f"{place}/approve", {"csrf": page.token}, Sec_Fetch_Site="cross-site"),
        room.bob.send(f"{place}/approve", {"csrf": page.token}, Content_Type="text/plain"),
    ):
        assert sent.status == 400
    assert room.alice.get(f"{place}/approve").status == 405
    assert "waits for approval" in room.alice.get(place).text


def test_an_auditor_sees_all_and_decides_nothing(room: Room) -> None:
    _, _, number = referred(room, "scale")

    page = room.ann.get(f"/requests/{number}")
    sent = room.ann.send(f"/requests/{number}/approve", {})

    assert page.status == 200
    assert "<form" not in page.html
    assert sent.status == 403


def test_what_others_write_is_text_and_nothing_else(room: Room) -> None:
    _, _, number = referred(room, "sign", r"CN=\<script\>alert(1)\</script\>,O=A & B \"C\",C=TW")
    page = room.alice.get(f"/requests/{number}")

    sent = room.alice.post(f"/requests/{number}/reject", page, note='<img src=x onerror="alert(1)">')
    after = room.alice.get(sent.place)

    assert "<script" not in page.html
    assert "script" in page.text
    assert "<img" not in after.html
    assert '<img src=x onerror="alert(1)">' in after.text


def test_a_note_has_an_end_and_no_hidden_characters(room: Room) -> None:
    _, _, number = referred(room, "clock")
    page = room.alice.get(f"/requests/{number}")

    assert room.alice.post(f"/requests/{number}/reject", page, note="x" * 1001).status == 400
    assert room.alice.post(f"/requests/{number}/reject", page, note="a\u202eb").status == 400
    assert room.alice.get("/requests?after=1").status == 400
    assert room.alice.get(f"/requests?after=0-{number}").status == 200


def test_pages_run_nothing_and_speak_chinese(room: Room) -> None:
    _, _, number = referred(room, "door")

    for path in ("/requests", f"/requests/{number}"):
        page = room.alice.get(path, "zh-Hant-TW,zh;q=0.9,en;q=0.1")
        assert page.headers["content-language"] == "zh-Hant"
        assert '<html lang="zh-Hant"' in page.html
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.html
        assert "style=" not in page.html
    assert "佐證" in room.alice.get(f"/requests/{number}", "zh-TW").text
