"""What labels demand of their clients: codes in requests, client certificates, and who may ask for others."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.policy.profile import BUILT_IN, ApprovalRule, KeyMaking
from ca_core.registration.account import Grant
from ca_core.registration.desk import Form
from ca_core.registration.sheet import Sheet
from protocols.est import csrattrs
from protocols.est.labels import ChallengePassword, ClientCertificate, Label
from protocols.wire import Peer, Reply
from tests.builders.csr import raw_csr
from tests.builders.est import CLIENT, Csr, House, basic, certificate_in, post, sheet_basic, showing
from tests.builders.est import house as open_house
from tests.builders.reviewed import approve, reviewed

OTP = Label(challenge_password=ChallengePassword.OTP)
REQUIRED = Label(client_certificate=ClientCertificate.REQUIRED)
RA = Label(ra_clients={"gateway": ("meter-7", ".fleet.example")})


def house_with(folder: Path, labels: Mapping[str, Label]) -> AbstractAsyncContextManager[House]:
    return open_house(folder, BUILT_IN, {"device": Label(), "signing": Label()} | dict(labels))


async def register(house: House, account: str, subject: str = "", *dns: str, device_id: str = "") -> Sheet:
    grants = [Grant(names.dns(name)) for name in dns]
    if device_id:
        grants.append(Grant(names.permanent(device_id)))
    form = Form("device", subject or f"CN={account},C=TW", uses=None, account=account, grants=tuple(grants))
    return (await house.desk.register(form, actor="test"))[1]


def code_of(sheet: Sheet) -> bytes:
    assert sheet.enrollment_code is not None
    return f"{sheet.account}:{sheet.enrollment_code.reveal()}".encode()


async def send(house: House, path: str, csr: Csr, authorization: str | None = None, peer: Peer = CLIENT) -> Reply:
    return await house.est.answer(post(path, csr.body(), authorization=authorization, peer=peer))


async def test_a_code_in_the_request_signs_in_where_the_label_takes_it(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": OTP}) as house:
        sheet = await register(house, "meter-7")

        enrolled = await send(house, "device/simpleenroll", Csr(challenge=code_of(sheet)))
        elsewhere = await send(house, "signing/simpleenroll", Csr(challenge=code_of(sheet)))

    assert certificate_in(enrolled).subject.rfc4514_string() == "CN=meter-7,C=TW"
    assert elsewhere.status == 401


@pytest.mark.parametrize("challenge", [b"meter-7:wrong", b"meter-7", b"nobody:x", b""])
async def test_a_code_that_is_wrong_or_none_is_401(tmp_path: Path, challenge: bytes) -> None:
    async with house_with(tmp_path, {"device": OTP}) as house:
        await register(house, "meter-7")

        reply = await send(house, "device/simpleenroll", Csr(challenge=challenge))

    assert reply.status == 401


async def test_where_codes_are_taken_basic_and_certificates_work_too(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": OTP}) as house:
        sheet = await register(house, "meter-7", "", "a.example", "b.example")

        by_basic = await send(house, "device/simpleenroll", Csr(names=["a.example"]), sheet_basic(sheet))
        shown = showing(certificate_in(by_basic))
        by_certificate = await send(house, "device/simpleenroll", Csr(names=["b.example"]), peer=shown)
        nobody = await send(house, "device/simpleenroll", Csr())

    assert (by_certificate.status, nobody.status) == (200, 401)


@pytest.mark.parametrize("path", ["device/simpleenroll", "simpleenroll"])
async def test_a_code_beside_basic_must_be_right_and_of_the_same_account(tmp_path: Path, path: str) -> None:
    async with house_with(tmp_path, {"device": OTP}) as house:
        sheet, other = await register(house, "meter-7"), await register(house, "meter-8")

        foreign = await send(house, path, Csr(challenge=code_of(other)), sheet_basic(sheet))
        wrong = await send(house, path, Csr(challenge=b"meter-7:x"), sheet_basic(sheet))
        own = await send(house, path, Csr(challenge=code_of(sheet)), sheet_basic(sheet))

    assert (foreign.status, wrong.status, own.status) == (401, 401, 200)


async def test_a_label_can_need_a_certificate_beside_the_code(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    async with house_with(tmp_path, {"device": REQUIRED}) as house, open_house(tmp_path / "plain") as plain:
        sheet = await register(house, "meter-7", "", "a.example", "b.example")
        await register(house, "meter-8")
        foreign = certificate_in(
            await send(plain, "device/simpleenroll", Csr(), sheet_basic(await register(plain, "plain")))
        )

        without = await send(house, "simpleenroll", Csr(), sheet_basic(sheet))
        not_ours = await send(house, "device/simpleenroll", Csr(), sheet_basic(sheet), showing(foreign))
        wrong = await send(house, "device/simpleenroll", Csr(), basic("meter-8", "x"), showing(foreign))

    assert (without.status, not_ours.status, wrong.status) == (403, 403, 401)
    assert b"this label needs TLS with a client certificate" in without.body


async def test_the_certificate_must_be_that_of_whose_code_it_is(tmp_path: Path) -> None:
    async with house_with(tmp_path, {}) as house:
        sheet = await register(house, "meter-7", "", "meter-7.example")
        other = await register(house, "meter-8", "", "meter-8.example")
        held = certificate_in(await send(house, "simpleenroll", Csr(), sheet_basic(sheet)))
    async with house_with(tmp_path, {"device": REQUIRED}) as house:
        foreign = await send(house, "simpleenroll", Csr(names=["meter-8.example"]), sheet_basic(other), showing(held))
        both = await send(house, "simpleenroll", Csr(names=["meter-7.example"]), sheet_basic(sheet), showing(held))
        alone = await send(house, "device/simpleenroll", Csr(names=["meter-7.example"]), peer=showing(held))

    assert (foreign.status, both.status, alone.status) == (403, 200, 429)
    assert b"another subscriber's than the code" in foreign.body


async def gateway(house: House) -> Peer:
    sheet = await register(house, "gateway")
    return showing(certificate_in(await send(house, "simpleenroll", Csr(), sheet_basic(sheet))))


def subject(text: str) -> x509.Name:
    return x509.Name.from_rfc4514_string(text)


@pytest.mark.parametrize("path", ["device/simpleenroll", "simpleenroll"])
async def test_a_client_asks_for_the_accounts_and_zones_of_its_list(tmp_path: Path, path: str) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7")
        await register(house, "meter-9", "CN=nine,C=TW", "nine.fleet.example", device_id="SN-9")

        by_account = await send(house, path, Csr(subject=subject("CN=meter-7,C=TW")), peer=peer)
        by_number = await send(
            house, path, Csr(subject=subject("2.5.4.5=SN-9"), names=["nine.fleet.example"]), peer=peer
        )

    assert certificate_in(by_account).subject == subject("CN=meter-7,C=TW")
    assert certificate_in(by_number).subject == subject("CN=nine,C=TW")


async def test_what_the_request_proves_was_verified_by_who_brings_it(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7")

        reply = await send(
            house, "device/simpleenroll", Csr(subject=subject("CN=meter-7,C=TW"), challenge=b"bound"), peer=peer
        )

    assert reply.status == 200


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("CN=meter-8,C=TW", ()),
        ("CN=meter-8,C=TW", ("eight.example",)),
        ("CN=meter-8,C=TW", ("eight.fleet.example", "eight.example")),
        ("CN=nobody,C=TW", ()),
        ("", ()),
    ],
)
async def test_a_client_asks_for_nobody_else(tmp_path: Path, text: str, asked: tuple[str, ...]) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-8", "", "eight.example", "eight.fleet.example")

        reply = await send(house, "device/simpleenroll", Csr(subject=subject(text), names=asked), peer=peer)

        assert reply.status == 403
        assert b"of none of them" in reply.body
        assert len(await house.core.certificates()) == 1


async def test_a_request_whose_serial_number_is_no_text_means_nobody(tmp_path: Path) -> None:
    name = subject("2.5.4.5=SN-7").public_bytes().replace(b"\x13\x04SN-7", b"\x04\x04SN-7")
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7", device_id="SN-7")

        body = base64.b64encode(raw_csr(subject_der=name))
        reply = await house.est.answer(post("device/simpleenroll", body, peer=peer))

    assert reply.status == 403


async def test_a_client_asks_for_itself_as_everybody_does(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)

        own = await send(house, "device/simpleenroll", Csr(subject=subject("CN=gateway,C=TW")), peer=peer)

    assert own.status == 429


async def test_who_is_suspended_is_asked_for_by_nobody(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7")
        await house.desk.suspend("meter-7", actor="test")

        meant = await send(house, "device/simpleenroll", Csr(subject=subject("CN=meter-7,C=TW")), peer=peer)
        await house.desk.resume("meter-7", actor="test")
        await house.desk.suspend("gateway", actor="test")
        asking = await send(house, "device/simpleenroll", Csr(subject=subject("CN=meter-7,C=TW")), peer=peer)

    assert (meant.status, asking.status) == (403, 403)
    assert b"is suspended" in meant.body


async def test_a_client_does_not_learn_what_became_of_others(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-8")
        csr = Csr(subject=subject("CN=meter-8,C=TW"))

        active = await send(house, "device/simpleenroll", csr, peer=peer)
        await house.desk.suspend("meter-8", actor="test")
        suspended = await send(house, "device/simpleenroll", csr, peer=peer)

    assert suspended == active
    assert b"of none of them" in active.body


async def test_what_a_client_asked_for_is_not_issued_once_the_client_is_suspended(tmp_path: Path) -> None:
    rules = {"device": Label(), "signing": Label(ra_clients={"gateway": ("meter-7",)})}
    async with open_house(tmp_path, reviewed(ApprovalRule.ALWAYS, "signing"), rules) as house:
        peer = await gateway(house)
        form = Form("device", "CN=meter-7,C=TW", uses=None, account="meter-7", profiles=("signing",))
        await house.desk.register(form, actor="test")

        waits = await send(house, "signing/simpleenroll", Csr(subject=subject("CN=meter-7,C=TW")), peer=peer)
        await house.desk.suspend("gateway", actor="test")
        await approve(house.core, 1)

        assert waits.status == 202
        assert await house.count() == 1


async def test_a_code_lets_nobody_ask_for_others(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        sheet = await register(house, "gateway")
        await register(house, "meter-7")

        reply = await send(house, "simpleenroll", Csr(subject=subject("CN=meter-7,C=TW")), sheet_basic(sheet))

    assert certificate_in(reply).subject == subject("CN=gateway,C=TW")


async def test_a_client_asks_for_keys_of_others_too(tmp_path: Path) -> None:
    clear = msgspec.structs.replace(BUILT_IN["device"], server_keygen=KeyMaking.CLEAR)
    async with open_house(tmp_path, {**BUILT_IN, "device": clear}, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7")
        await register(house, "meter-8")

        own = await send(house, "serverkeygen", Csr(subject=subject("CN=meter-7,C=TW"), challenge=b"bound"), peer=peer)
        foreign = await send(house, "serverkeygen", Csr(subject=subject("CN=meter-8,C=TW")), peer=peer)
        made = [x509.load_der_x509_certificate(one.der).subject for one in await house.core.certificates()]

    assert (own.status, foreign.status) == (200, 403)
    assert subject("CN=meter-7,C=TW") in made
    assert subject("CN=meter-8,C=TW") not in made


async def test_the_journal_says_who_asked_for_whom(tmp_path: Path) -> None:
    async with house_with(tmp_path, {"device": RA}) as house:
        peer = await gateway(house)
        await register(house, "meter-7")

        await send(house, "device/simpleenroll", Csr(subject=subject("CN=meter-7,C=TW")), peer=peer)

        events = await house.core.journal("certificate-issued")
    assert [event.actor for event in events] == ["est:enrollment-code:192.0.2.7", "est:ra-gateway:192.0.2.7"]


BOUND = Peer("192.0.2.7", tls_exporter=bytes(range(32)))
PROOF = base64.b64encode(bytes(range(32)))


async def test_where_possession_must_be_proved_nobody_passes_without(tmp_path: Path) -> None:
    demanding = Label(challenge_password=ChallengePassword.POP_REQUIRED)
    async with house_with(tmp_path, {"device": demanding}) as house:
        sheet = await register(house, "meter-7")
        code = sheet_basic(sheet)

        without = [await send(house, f"{label}simpleenroll", Csr(), code, BOUND) for label in ("device/", "")]
        unbound = await send(house, "device/simpleenroll", Csr(challenge=PROOF), code)
        bound = await send(house, "device/simpleenroll", Csr(challenge=PROOF), code, BOUND)
        renewed = await send(house, "simplereenroll", Csr(), peer=showing(certificate_in(bound)))

    assert [reply.status for reply in without] == [403, 403]
    assert b"bound to its TLS connection" in without[0].body
    assert unbound.status == 400
    assert bound.status == 200
    assert (renewed.status, renewed.body) == (403, without[0].body)


def test_who_must_prove_possession_is_told_so() -> None:
    asked = csrattrs.csr_attributes(BUILT_IN["device"], is_bound=True)

    # 1.2.840.113549.1.9.7
    assert bytes.fromhex("06092a864886f70d010907") in asked
    assert bytes.fromhex("06092a864886f70d010907") not in csrattrs.csr_attributes(BUILT_IN["device"])


async def test_what_the_label_of_a_certificate_demands_holds_for_its_renewal_without_a_label(tmp_path: Path) -> None:
    labels = {"signing": Label(challenge_password=ChallengePassword.POP_REQUIRED)}
    async with house_with(tmp_path, labels) as house:
        form = Form("device", "CN=meter-7,C=TW", uses=None, profiles=("device", "signing"))
        sheet = (await house.desk.register(form, actor="test"))[1]
        bound = msgspec.structs.replace(CLIENT, tls_exporter=bytes(32))
        proof = base64.b64encode(bytes(32))
        subject = x509.Name.from_rfc4514_string("CN=meter-7,C=TW")

        first = await send(house, "signing/simpleenroll", Csr(challenge=proof), sheet_basic(sheet), bound)
        shown = showing(certificate_in(first))
        house.clock.move(365 * 86_400 - 3600)
        unbound = await send(house, "simplereenroll", Csr(subject=subject), peer=shown)
        bound = msgspec.structs.replace(shown, tls_exporter=bytes(32))
        renewed = await send(house, "simplereenroll", Csr(subject=subject, challenge=proof), peer=bound)

    assert unbound.status == 403, unbound
    assert renewed.status == 200, renewed
