"""docs/guides/ra-officer.md, from the first registration to the first revocation, and all that follows in it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conformance import acme
from conformance.clients.device import Device
from conformance.house import House, must
from conformance.officers_guide import Desk, blocks_run, names_in

_SETTINGS = (
    "kinds.partner.approvals.register=1",
    "kinds.organization.activation=true",
    "kinds.organization.revocation=review",
    "profiles.device.approval=always",
)
"""What the guide says of kinds and profiles that want an officer."""
_CODE = re.compile(r"(?:[A-Z0-9]{4}-){5}[A-Z0-9]{4}")
_SECONDS = 30


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    built = House(tmp_path_factory.mktemp("house"), *_SETTINGS)
    try:
        built.start()
        yield built
    finally:
        built.close()


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    return Desk(house, tmp_path)


def code_on(paper: Path) -> str:
    """The enrollment code that a sheet has."""
    return str(_CODE.findall(must("pdftotext", "-layout", paper, "-"))[0])


def asked(house: House, account: str, count: int = 1) -> list[str]:
    """The numbers of what waits for an officer of an account, oldest first, once there are so many."""
    deadline = time.monotonic() + _SECONDS
    while True:
        listed: list[dict[str, Any]] = json.loads(house.command("requests", "list", "--json"))
        found = sorted(one["request"] for one in listed if one["account"] == account)
        if len(found) >= count:
            return [str(number) for number in found]
        assert time.monotonic() < deadline, f"no request of {account} within {_SECONDS} s"
        time.sleep(0.2)


def shop(house: House, account: str) -> acme.Client:
    """A firm with an ACME account; its names are below its account's."""
    sheet = house.register(
        *("--kind", "organization", "--subject", f"CN={account},O=Shop,C=TW", "--account", account),
        *("--zone", f"{account}.example"),
    )
    house.command("activate", account)
    client = acme.Client(house)
    assert client.new_account(sheet["eab"]).status == 201
    return client


def statuses(house: House, account: str) -> list[str]:
    return sorted(one["status"] for one in house.certificates(account))


def test_from_the_first_registration_to_the_first_revocation(house: House, desk: Desk) -> None:
    said = desk.typed("take on")
    desk.typed("register")
    desk.typed("enroll", CODE=code_on(desk.folder / "yiru.pdf"))
    seen = desk.typed("look")
    (certificate,) = house.certificates("yiru")
    desk.typed("first revocation", SERIAL=certificate["serial"])
    desk.typed("begin anew")

    assert said.count("passphrase") == 2
    assert certificate["serial"] in seen
    assert statuses(house, "yiru") == ["revoked"]
    assert code_on(desk.folder / "yiru-2.pdf") != code_on(desk.folder / "yiru.pdf")


def test_registrations_of_other_kinds_sheets_on_paper_and_what_is_done_afterwards(house: House, desk: Desk) -> None:
    printer = desk.folder / "bin" / "lpr"
    printer.parent.mkdir()
    printer.write_text("#!/bin/sh\ncat > printed.pdf\n")
    printer.chmod(0o755)

    desk.typed("more kinds")
    desk.typed("on paper")
    version = json.loads(house.command("show", "wang", "--json"))["version"]
    desk.typed("afterwards", VERSION=str(version))

    assert len({code_on(desk.folder / name) for name in ("wang.pdf", "wang-2.pdf", "printed.pdf")}) == 3
    assert json.loads(house.command("show", "wang", "--json"))["status"] == "closed"
    assert house.attempt("activate", "shop").returncode != 0, "it is active already"


def test_people_are_registered_out_of_a_file_and_their_sheets_are_on_paper(house: House, desk: Desk) -> None:
    said = desk.typed("import")

    assert "2 lines are good" in said
    (paper,) = (desk.folder / "sheets").iterdir()
    assert len(_CODE.findall(must("pdftotext", "-layout", paper, "-"))) == 2
    assert json.loads(house.command("show", "lin-ml", "--json"))["names"] == [
        "email:lin@example.com",
        "email:ml.lin@example.com",
    ]


def test_an_order_is_explained(house: House, desk: Desk) -> None:
    client = shop(house, "florist")
    assert client.account is not None

    said = desk.typed("explain", ACME_ACCOUNT=client.account)

    assert said.count("www.florist.example") >= 2


def test_a_certificate_is_held_released_and_revoked(house: House, desk: Desk) -> None:
    sheet = house.register("--kind", "person", "--subject", "CN=chen,C=TW", "--account", "chen")
    assert Device(house, desk.folder / "chen").enroll(sheet, "signing") == 200
    (certificate,) = house.certificates("chen")

    desk.typed("revoking", SERIAL=certificate["serial"], LOST_ON=certificate["not_before"])

    assert statuses(house, "chen") == ["revoked"]


def test_what_subscribers_ask_to_revoke_is_reviewed(house: House, desk: Desk) -> None:
    client = shop(house, "baker")
    first, second = (client.certificate(f"{name}.baker.example")[1] for name in ("one", "two"))
    for der in (first, second):
        client.post(client.directory["revokeCert"], {"certificate": acme.b64(der), "reason": 4})
    not_hers, hers = asked(house, "baker", 2)

    desk.typed("review a revocation", by="alice", NOT_HERS=not_hers, HERS=hers)

    assert statuses(house, "baker") == ["revoked", "valid"]


def test_an_officer_looks_first(house: House, desk: Desk) -> None:
    numbers = {}
    for account in ("meter-7", "meter-8"):
        sheet = house.register("--kind", "device", "--subject", f"CN={account},C=TW", "--account", account)
        assert Device(house, desk.folder / account).enroll(sheet) == 202
        (numbers[account],) = asked(house, account)

    desk.typed("look first", by="alice", REQUEST=numbers["meter-7"], OTHER=numbers["meter-8"])

    deadline = time.monotonic() + _SECONDS
    while statuses(house, "meter-7") != ["valid"]:
        assert time.monotonic() < deadline, "what was approved is not issued"
        time.sleep(0.2)
    assert statuses(house, "meter-8") == []


def test_another_officer_agrees_and_who_asked_prints_the_sheet(house: House, desk: Desk) -> None:
    desk.typed("ask for several", by="alice")
    (number,) = asked(house, "panel")
    refused = desk.shell(f"soapstone requests approve {number}", by="alice")
    desk.typed("agree", by="bob", REQUEST=number)
    desk.typed("collect", by="alice")

    assert refused.returncode == 1
    assert "your own" in refused.stderr
    assert code_on(desk.folder / "panel.pdf")


def test_officers_come_and_go(house: House, desk: Desk) -> None:
    must("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", desk.folder / "dave.key")
    must("openssl", "req", "-new", "-key", desk.folder / "dave.key", "-subj", "/CN=x", "-out", desk.folder / "dave.csr")

    desk.typed("staff")
    (token,) = json.loads(house.command("token", "list", "panel", "--json"))
    desk.typed("end a token", TOKEN=token["token_id"])

    listed = {one["name"]: one for one in json.loads(house.command("officer", "list", "--json"))}
    assert listed["carol"]["ended_at"] is not None
    assert (listed["dave"]["role"], listed["dave"]["realm"]) == ("supervisor", "north")
    (ended,) = json.loads(house.command("token", "list", "panel", "--json"))
    assert ended["ended_at"] is not None


def test_many_are_recalled_and_revoked(house: House, desk: Desk) -> None:
    client = shop(house, "grocer")
    for name in ("one", "two", "three"):
        client.certificate(f"{name}.grocer.example")

    desk.typed("recall")
    desk.typed("revoke many", COUNT="3")

    assert statuses(house, "grocer") == ["revoked"] * 3


def test_every_command_of_the_guide_is_run_here() -> None:
    assert names_in(Path(__file__)) == blocks_run()
