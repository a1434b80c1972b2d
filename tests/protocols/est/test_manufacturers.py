"""Devices that enroll with the certificate that their maker gave them (RFC 7030, 2.2.1; IEEE 802.1AR)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.policy.profile import BUILT_IN, ApprovalRule
from ca_core.registration.account import Grant
from ca_core.registration.desk import Form
from protocols.est.labels import Label
from protocols.est.manufacturers import Manufacturers
from protocols.wire import Reply
from tests.builders.est import CLIENT, Csr, House, certificate_in, post, sheet_basic, showing
from tests.builders.est import house as open_house
from tests.builders.idevid import Maker, altered, hardware_module_name
from tests.builders.reviewed import approve, reviewed

MAKER, OTHER_MAKER = Maker(), Maker("Other CA")
LABELS = {"device": Label(), "signing": Label(), "tls-server": Label()}
TRUSTED = {"device": [MAKER.certificate], "signing": [OTHER_MAKER.certificate]}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, BUILT_IN, LABELS, TRUSTED) as opened:
        yield opened


async def register(
    house: House, subject: str, *device_ids: str, account: str = "", profiles: tuple[str, ...] = ()
) -> None:
    grants = tuple(Grant(names.permanent(one)) for one in device_ids)
    form = Form("device", subject, uses=1, account=account, grants=grants, profiles=profiles)
    await house.desk.register(form, actor="test")


async def enroll(house: House, shown: x509.Certificate, path: str = "device/simpleenroll") -> Reply:
    return await house.est.answer(post(path, Csr().body(), peer=showing(shown)))


@pytest.mark.parametrize("path", ["simpleenroll", "device/simpleenroll"])
@pytest.mark.parametrize(
    ("subject", "device_id", "shown"),
    [
        ("CN=meter,serialNumber=SN-1,C=TW", (), MAKER.device("SN-1")),
        ("CN=meter,C=TW", ("SN-1",), MAKER.device("SN-1")),
        ("CN=MODEL 5,O=maker", (), MAKER.issue(x509.Name.from_rfc4514_string("CN=model 5,O=Maker"))),
        ("CN=meter,C=TW", ("HW-9",), MAKER.device("SN-1", hardware_module_name(b"HW-9"))),
        ("CN=meter,C=TW", ("0017",), MAKER.device("SN-1", hardware_module_name(b"\0\x17"))),
    ],
    ids=["serialNumber", "device id", "whole subject", "hardwareModuleName", "hardwareModuleName in octets"],
)
async def test_a_registered_device_enrolls_with_the_certificate_it_was_made_with(
    house: House, path: str, subject: str, device_id: tuple[str, ...], shown: x509.Certificate
) -> None:
    await register(house, subject, *device_id)
    await register(house, "CN=another,C=TW", "SN-2")

    certificate = certificate_in(await enroll(house, shown, path))

    assert certificate.subject == x509.Name.from_rfc4514_string(subject.replace("serialNumber", "2.5.4.5"))
    (issued,) = await house.core.journal("certificate-issued")
    assert issued.actor == "est:manufacturer-certificate:192.0.2.7"


async def test_it_renews_nothing(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1")

    reply = await enroll(house, MAKER.device("SN-1"), "device/simplereenroll")

    assert reply.status == 403
    assert b"enrolls and renews nothing" in reply.body


@pytest.mark.parametrize("registered", [(), ("SN-2",)])
async def test_a_device_that_is_not_registered_stays_out(house: House, registered: tuple[str, ...]) -> None:
    await register(house, "CN=meter,C=TW", *registered)

    reply = await enroll(house, MAKER.device("SN-1"))

    assert reply.status == 403
    assert b"names no device that is registered for this" in reply.body
    assert await house.core.journal("credential-refused")


async def test_a_number_that_two_registrations_have_is_nobodys(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1")
    await register(house, "CN=gauge,C=TW", "SN-1")

    assert (await enroll(house, MAKER.device("SN-1"))).status == 403


async def test_a_closed_registration_gives_its_number_back(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1", account="old")
    await house.desk.close("old", actor="test")
    await register(house, "CN=gauge,C=TW", "SN-1")

    certificate = certificate_in(await enroll(house, MAKER.device("SN-1")))

    assert certificate.subject.rfc4514_string() == "CN=gauge,C=TW"


async def test_a_suspended_device_hears_so(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1", account="meter")
    await house.desk.suspend("meter", actor="test")

    reply = await enroll(house, MAKER.device("SN-1"))

    assert (reply.status, b"is suspended" in reply.body) == (403, True)


async def test_a_label_trusts_its_own_makers_only(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1", profiles=("device", "signing", "tls-server"))

    of_another_label = await enroll(house, OTHER_MAKER.device("SN-1"))
    without_a_maker = await enroll(house, MAKER.device("SN-1"), "tls-server/simpleenroll")
    by_default = await enroll(house, OTHER_MAKER.device("SN-1"), "simpleenroll")
    where_it_is_trusted = await enroll(house, OTHER_MAKER.device("SN-1"), "signing/simpleenroll")

    assert [of_another_label.status, without_a_maker.status, by_default.status] == [403, 403, 403]
    assert b"does not trust the manufacturer's CA" in of_another_label.body
    assert where_it_is_trusted.status == 200


async def test_to_forget_the_label_is_no_way_around_whom_it_trusts(tmp_path: Path) -> None:
    """What waits is found without the label (strongSwan); the maker that the label does not trust proves nobody."""
    profiles = reviewed(ApprovalRule.ALWAYS, "signing")
    async with open_house(tmp_path, profiles, LABELS, {"device": [MAKER.certificate]}) as house:
        form = Form("device", "CN=meter,serialNumber=SN-1,C=TW", uses=1, profiles=("device", "signing"))
        code = sheet_basic((await house.desk.register(form, actor="test"))[1])
        body, made = Csr().body(), showing(MAKER.device("SN-1"))

        by_code = await house.est.answer(post("signing/simpleenroll", body, authorization=code))
        by_maker = [
            await house.est.answer(post(path, body, peer=made)) for path in ("signing/simpleenroll", "simpleenroll")
        ]
        await approve(house.core, 1)
        by_maker.append(await house.est.answer(post("simpleenroll", body, peer=made)))
        again = await house.est.answer(post("simpleenroll", body, authorization=code))

    assert (by_code.status, again.status) == (202, 200)
    assert [reply.status for reply in by_maker] == [403, 403, 403]


async def test_a_makers_certificate_that_has_ended_proves_nothing(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1")

    reply = await enroll(house, MAKER.device("SN-1", end=datetime(2026, 1, 1, tzinfo=UTC)))

    assert reply.status == 403
    assert b"is not valid now" in reply.body


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\x13\x04SN-1", b"\x04\x04SN-1"),
        (b"\x0c\x05Maker", b"\x0c\x05\xff\xffker"),
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"),
    ],
    ids=["serialNumber", "issuer", "version"],
)
async def test_what_cannot_be_read_names_nobody(house: House, old: bytes, new: bytes) -> None:
    await register(house, "CN=meter,C=TW", "SN-1")
    peer = msgspec.structs.replace(CLIENT, certificate=altered(MAKER, old, new))

    replies = [
        await house.est.answer(post(f"device/{one}", Csr().body(), peer=peer))
        for one in ("simpleenroll", "simplereenroll")
    ]

    assert [reply.status for reply in replies] == [403, 403]


def test_only_who_has_signed_has_issued() -> None:
    impostor = Maker()
    trusted = Manufacturers({"device": [MAKER.certificate]})

    assert trusted.trusting(MAKER.device("1")) == {"device"}
    assert trusted.trusting(impostor.device("1")) == frozenset()
    assert trusted.trusting(OTHER_MAKER.device("1")) == frozenset()


async def test_a_number_in_other_letters_is_another_devices(house: House) -> None:
    await register(house, "CN=model 5,serialNumber=sn-1,O=Maker")

    reply = await enroll(house, MAKER.device("SN-1"))

    assert reply.status == 403


async def test_registrations_from_before_there_were_marks_are_found(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1")
    async with house.core.database.write() as tx:
        await tx.execute("DELETE FROM registration_marks")
        await tx.execute("UPDATE registrations SET marked = 0")

    assert (await enroll(house, MAKER.device("SN-1"))).status == 200
    assert await house.core.count("registration_marks") == 2


async def test_new_names_are_found_and_old_ones_are_not(house: House) -> None:
    await register(house, "CN=meter,C=TW", "SN-1", account="meter")
    await house.desk.regrant("meter", (Grant(names.permanent("SN-2")),), actor="test")

    assert (await enroll(house, MAKER.device("SN-1"))).status == 403
    assert (await enroll(house, MAKER.device("SN-2"))).status == 200
