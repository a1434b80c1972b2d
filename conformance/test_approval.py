"""An officer looks first, as clients see it: they wait, and get the certificate or the officer's reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.acme import Client, b64, csr, new_key
from conformance.clients.certbot import Certbot
from conformance.clients.device import Device
from conformance.clients.library import Library, Refused
from conformance.house import House, must, run
from conformance.waiting import until

_LOOKED_AT = ("profiles.tls-server.approval=first", "profiles.device.approval=always")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_LOOKED_AT)
    try:
        built.start()
        yield built
    finally:
        built.close()


def requests(house: House, account: str, *options: str) -> list[dict[str, Any]]:
    """What waits for an officer of one account."""
    listed: list[dict[str, Any]] = json.loads(house.command("requests", "list", "--json", *options))
    return [one for one in listed if one["account"] == account]


def waiting(house: House, account: str) -> dict[str, Any]:
    """The one request of an account, once it is there."""
    until(lambda: requests(house, account), what=f"a request of {account}")
    (request,) = requests(house, account)
    return request


def decide(house: House, verb: str, request: dict[str, Any], *options: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(house.command("requests", verb, str(request["request"]), "--json", *options))
    return said


def partner(house: House, account: str) -> dict[str, Any]:
    return house.register(
        *("--kind", "partner", "--subject", f"O={account},C=TW", "--account", account),
        *("--dns", f"{account}.example"),
    )


def sensor(house: House, account: str, *options: str) -> dict[str, Any]:
    return house.register("--kind", "device", "--subject", f"CN={account},C=TW", "--account", account, *options)


def is_issued(device: Device, sheet: dict[str, Any]) -> bool:
    return device.enroll(sheet) == 200


def require_waiting(device: Device) -> None:
    """What EST says to whoever waits (RFC 7030, 4.2.3)."""
    assert int(device.header("Retry-After") or 0) >= 1
    assert int(device.header("Content-Length") or 0) == len(device.said())
    assert "waits for the registration authority" in device.said()


def test_certbot_waits_until_an_officer_has_looked(house: House, tmp_path: Path) -> None:
    sheet, certbot = partner(house, "shop"), Certbot(house, tmp_path / "certbot")

    with ThreadPoolExecutor() as beside:
        waits = beside.submit(certbot.certonly, "shop.example", sheet)
        request = waiting(house, "shop")
        text = house.command("requests")
        approved = decide(house, "approve", request, "--note", "letter of authority seen")
        done = waits.result()

    assert done.returncode == 0, done.stderr
    must("openssl", "verify", "-CAfile", house.trust, "-untrusted", certbot.live("shop.example", "chain.pem"),
         certbot.live("shop.example"))  # fmt: skip
    assert (request["kind"], request["door"], request["names"]) == ("enrollment", "acme", ["dns:shop.example"])
    assert approved == {"request": request["request"], "kind": "enrollment", "state": "approved"}
    assert f"{request['request']}  enrollment  pending  due " in text
    (issued,) = requests(house, "shop", "--all")
    assert issued["serial"] == house.certificates("shop")[0]["serial"]
    again = house.attempt("requests", "approve", str(request["request"]))
    assert again.returncode == 1
    assert "does not wait any more: it is issued" in again.stderr


def test_the_acme_library_is_told_why_an_officer_rejects(house: House) -> None:
    sheet = partner(house, "stall")

    with Library(house) as library, ThreadPoolExecutor() as beside:
        session = library.session("stall")
        session("new_account", eab=sheet["eab"])
        session("order", names=["stall.example"])
        waits = beside.submit(session, "finalize")
        decide(house, "reject", waiting(house, "stall"), "--note", "the stall is not theirs")
        with pytest.raises(Refused) as refused:
            waits.result()

    assert refused.value.type == "unauthorized"
    assert "the stall is not theirs; once that is settled, ask with a new key" in refused.value.detail


def test_an_order_is_processing_and_says_when_to_look_again(house: House) -> None:
    client = Client(house)
    client.new_account(partner(house, "kiosk")["eab"])
    order = client.new_order("kiosk.example")
    request = {"csr": b64(csr(new_key(), "kiosk.example"))}

    with ThreadPoolExecutor(8) as many:
        answers = list(many.map(lambda _: client.post(order.json["finalize"], request), range(20)))

    polled = client.post(order.headers["Location"])
    for answer in (*answers, polled):
        assert (answer.status, answer.json["status"]) == (200, "processing")
        assert answer.headers["Retry-After"] == "5"
    decide(house, "approve", waiting(house, "kiosk"))
    until(lambda: client.post(order.headers["Location"]).json["status"] == "valid", what="the certificate")
    assert len(house.certificates("kiosk")) == 1


def test_a_client_that_starts_again_with_a_new_key_gets_what_the_officer_approves(house: House) -> None:
    client = Client(house)
    client.new_account(partner(house, "booth")["eab"])
    placed = [client.new_order("booth.example") for _ in range(3)]
    for order in placed:
        assert client.post(order.json["finalize"], {"csr": b64(csr(new_key(), "booth.example"))}).status == 200

    decide(house, "approve", waiting(house, "booth"))

    newest = placed[-1].headers["Location"]
    until(lambda: client.post(newest).json["status"] == "valid", what="the certificate")
    for older in placed[:-1]:
        shown = client.post(older.headers["Location"]).json
        assert shown["status"] == "invalid"
        assert "a newer order took its place" in shown["error"]["detail"]
    assert len(house.certificates("booth")) == 1


def test_a_device_polls_with_the_same_request_until_it_gets_its_certificate(house: House, tmp_path: Path) -> None:
    """Its code works once, and polling spends nothing; many polls at once are one request."""
    sheet, device = sensor(house, "meter"), Device(house, tmp_path / "meter")
    user = f"meter:{sheet['enrollment_code']}"
    sent = ["--cacert", f"{house.trust}", "-u", user, "-H", "Content-Type: application/pkcs10"]
    answered = [part for _ in range(20) for part in ("-o", "/dev/null", f"{house.est}/simpleenroll")]
    sent += ["--data-binary", f"@{device.request}", "-w", "%{http_code} ", *answered]

    statuses = run("curl", "--parallel", "--silent", *sent).stdout

    assert statuses.split() == ["202"] * 20
    assert device.enroll(sheet) == 202
    require_waiting(device)
    decide(house, "approve", waiting(house, "meter"))
    until(lambda: device.enroll(sheet) == 200, what="the certificate")
    must("openssl", "verify", "-CAfile", house.trust, "-untrusted", house.home / "authority" / "issuing.pem",
         device.certificate)  # fmt: skip
    other = Device(house, tmp_path / "other")
    assert other.enroll(sheet) == 403
    assert "has no uses left" in other.said()


def test_a_device_that_is_rejected_hears_the_reason_and_asks_anew_with_a_new_key(house: House, tmp_path: Path) -> None:
    sheet, device = sensor(house, "gauge", "--uses", "unlimited"), Device(house, tmp_path / "gauge")
    assert device.enroll(sheet) == 202

    decide(house, "reject", waiting(house, "gauge"), "--note", "no such gauge")

    assert device.enroll(sheet) == 403
    assert "no such gauge" in device.said()
    assert device.header("WWW-Authenticate") is None
    fresh = Device(house, tmp_path / "fresh")
    assert fresh.enroll(sheet) == 202


def test_what_was_approved_when_the_server_died_is_issued_once_and_what_was_suspended_is_not(tmp_path: Path) -> None:
    house = House(tmp_path, *_LOOKED_AT)
    try:
        house.start()
        devices = {account: Device(house, tmp_path / account) for account in ("first", "second", "third")}
        sheets = {account: sensor(house, account) for account in devices}
        for account, device in devices.items():
            assert device.enroll(sheets[account]) == 202
        pending = {request["account"]: request for request in json.loads(house.command("requests", "--json"))}

        # 1. One is approved at the last moment, one while nobody is there, and one is suspended after that.
        decide(house, "approve", pending["first"])
        house.kill()
        decide(house, "approve", pending["second"])
        decide(house, "approve", pending["third"])
        house.command("suspend", "third")
        house.start()

        # 2. Each has its one certificate, or the reason.
        for account in ("first", "second"):
            until(partial(is_issued, devices[account], sheets[account]), what="the certificate")
            assert len(house.certificates(account)) == 1
        until(lambda: requests(house, "third", "--all")[0]["state"] == "rejected", what="the rejection")
        assert "suspended" in requests(house, "third", "--all")[0]["note"]
        assert house.certificates("third") == []

        # 3. What waits too long is called for.
        fourth = Device(house, tmp_path / "fourth")
        assert fourth.enroll(sensor(house, "fourth")) == 202
        house.move_clock(days=6)
        assert "OVERDUE" in house.command("requests")
        number = waiting(house, "fourth")["request"]
        until(lambda: f"event=enrollment-request-overdue request={number}" in house.log, what="the call")
        assert "Traceback" not in house.log
    finally:
        house.close()
