"""RFC 6402, 2.10 and 2.12: cmcRA says that a client may ask for others, and the label's list for whom; both count."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from ca_core import names
from ca_core.policy.profile import BUILT_IN, ApprovalRule, ExtendedUsage, Profile
from ca_core.registration.account import Grant
from ca_core.registration.sheet import Sheet
from ca_core.revocation.reason import Reason
from conformance.cmc import SUCCESS, Ask
from protocols.cmc.failures import FailInfo
from protocols.est.labels import Label, RaCertificate
from protocols.wire import Reply
from tests.builders.cmc import CmcHouse, Held, answer, by_certificate, cmc_house
from tests.builders.cms import certificate_of
from tests.builders.est import DAY, LABELS, Csr, certificate_in, new_key, post, sheet_basic, showing
from tests.builders.reviewed import approve

CMC_RA = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.28")
RA: Profile = msgspec.structs.replace(
    BUILT_IN["device"],
    name="ra",
    extended_key_usage=frozenset({ExtendedUsage.CLIENT_AUTH, ExtendedUsage.CMC_RA}),
)
PROFILES = {**BUILT_IN, "ra": RA}
LISTED = Label(ra_clients={"gateway": ("meter-7", ".fleet.example")}, ra_certificate=RaCertificate.CMC_RA)
RULES = {**LABELS, "ra": Label(), "device": LISTED}
METER = x509.Name.from_rfc4514_string("CN=meter-7,O=Example,C=TW")


async def enrolled(house: CmcHouse, account: str, label: str) -> Held:
    """A client that holds both profiles, with a certificate of one of them."""
    grant, profiles = Grant(names.dns(f"{account}.example")), ("device", "ra")
    sheet, key = await house.core.register(account, grant, kind="device", profiles=profiles), new_key()
    csr = Csr(key=key, names=[f"{account}.example"])
    reply = await house.est.answer(post(f"{label}/simpleenroll", csr.body(), authorization=sheet_basic(sheet)))
    return Held(certificate_in(reply), key)


async def asks(house: CmcHouse, held: Held, asked: Csr | None = None) -> Reply:
    """Enroll the meter through the client's connection."""
    csr = asked or Csr(subject=METER)
    return await house.est.answer(post("device/simpleenroll", csr.body(), peer=showing(held.certificate)))


async def test_a_profile_issues_cmc_ra_beside_client_auth(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        held = await enrolled(house, "gateway", "ra")

    usages = held.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usages) == {ExtendedKeyUsageOID.CLIENT_AUTH, CMC_RA}


async def test_both_the_list_and_cmc_ra_are_needed(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        await house.core.register("meter-7", kind="device")
        listed, bare = await enrolled(house, "gateway", "ra"), await enrolled(house, "gateway-2", "ra")

        assert certificate_in(await asks(house, listed)).subject == METER
        # Who is in no list asks for itself, whatever subject it writes and whatever its certificate says.
        assert certificate_in(await asks(house, bare)).subject.rfc4514_string() == "CN=gateway-2,O=Example,C=TW"


async def test_who_is_in_the_list_is_told_that_cmc_ra_is_missing(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        await house.core.register("meter-7", kind="device")
        held = await enrolled(house, "gateway", "device")

        reply = await asks(house, held)

        assert len(await house.core.certificates()) == 1
    assert reply.status == 403
    assert b"cmcRA" in reply.body


async def test_whom_the_list_does_not_name_is_asked_for_by_no_cmc_ra_either(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        await house.core.register("meter-8", kind="device")
        held = await enrolled(house, "gateway", "ra")

        reply = await asks(house, held, Csr(subject=x509.Name.from_rfc4514_string("CN=meter-8,O=Example,C=TW")))

    assert reply.status == 403
    assert b"of none of them" in reply.body


@pytest.mark.parametrize(("label", "may"), [("ra", True), ("device", False)])
async def test_full_cmc_wants_both_too(tmp_path: Path, label: str, *, may: bool) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        await house.core.register("meter-7", kind="device")
        held, key = await enrolled(house, "gateway", label), new_key()
        ask = Ask().certificate(Csr(key=key, subject=METER).der())

        reply = await house.send(by_certificate(held, ask), operation="device/fullcmc")

    told = answer(reply).only
    assert (told.status == SUCCESS) is may
    assert told.fail == (None if may else FailInfo.BAD_IDENTITY)
    assert may is False or answer(reply).issued_to(key).subject == METER


@pytest.mark.parametrize(("label", "status"), [("ra", 200), ("device", 404)])
async def test_only_with_cmc_ra_a_client_revokes_for_others(tmp_path: Path, label: str, status: int) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        meter = await house.enrolled("meter-7")
        held = await enrolled(house, "gateway", label)

        reply = await house.send(by_certificate(held, Ask().revocation(meter.certificate, Reason.SUPERSEDED)))

        stored = await house.core.revocations.certificate(f"{meter.certificate.serial_number:040x}")
    assert reply.status == status, base64.b64decode(reply.body)
    assert stored is not None
    assert stored.is_revoked is (status == 200)


async def test_a_revoked_cmc_ra_asks_for_nobody(tmp_path: Path) -> None:
    async with cmc_house(tmp_path, PROFILES, RULES) as house:
        await house.core.register("meter-7", kind="device")
        held = await enrolled(house, "gateway", "ra")
        await house.core.revocations.revoke(f"{held.certificate.serial_number:040x}", Reason.SUPERSEDED, actor="test")

        reply = await asks(house, held)

    assert reply.status == 403


async def test_what_waits_is_found_by_the_clients_newer_certificate(tmp_path: Path) -> None:
    reviewed_by_hand = msgspec.structs.replace(BUILT_IN["device"], approval=ApprovalRule.ALWAYS)
    async with cmc_house(tmp_path, {**PROFILES, "device": reviewed_by_hand}, RULES) as house:
        await house.core.register("meter-7", kind="device")
        sheet = await house.core.register("gateway", kind="device", profiles=("ra",))
        old, new = [await enrolled_with(house, sheet) for _ in range(2)]
        asked = Csr(subject=METER)
        waits = await asks(house, old, asked)
        again = await asks(house, new, asked)
        await approve(house.core, 1)

        assert (waits.status, again.body) == (202, waits.body)
        assert certificate_in(await asks(house, new, asked)).subject == METER


async def enrolled_with(house: CmcHouse, sheet: Sheet) -> Held:
    """One of several certificates of a client; each is within the renewal window of the one before."""
    key = new_key()
    await house.move(61 * DAY)
    reply = await house.est.answer(post("ra/simpleenroll", Csr(key=key).body(), authorization=sheet_basic(sheet)))
    return Held(certificate_in(reply), key)


async def test_without_the_setting_the_list_is_enough(tmp_path: Path) -> None:
    rules = {**RULES, "device": msgspec.structs.replace(LISTED, ra_certificate=RaCertificate.ANY)}
    async with cmc_house(tmp_path, PROFILES, rules) as house:
        await house.core.register("meter-7", kind="device")
        held = await enrolled(house, "gateway", "device")

        assert (await asks(house, held)).status == 200


def test_a_certificate_without_extended_key_usage_is_for_no_ra() -> None:
    assert not LISTED.lets_ask_with(certificate_of(new_key()).public_bytes(Encoding.DER))
