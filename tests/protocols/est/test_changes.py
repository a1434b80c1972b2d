"""RFC 7030, 4.2.2; RFC 6402, 2.8: renewals that change something, and renewals that come late."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import der
from ca_core.identity import serial_text
from ca_core.policy.name_change import CHANGE_SUBJECT_NAME
from ca_core.policy.profile import BUILT_IN, DEVICE, ApprovalRule, Profile
from ca_core.revocation.reason import Reason
from protocols.wire import Reply
from tests.builders.est import DAY, Csr, House, certificate_in, post, sheet_basic, showing
from tests.builders.est import house as open_house
from tests.builders.reviewed import approve

NAME, OTHER = "meter-7.example", "other.example"
REGISTERED = x509.Name.from_rfc4514_string("CN=meter-7,O=Example,C=TW")
INSIDE_THE_WINDOW, AFTER_EXPIRY, AFTER_GRACE = 61 * DAY, 91 * DAY, 98 * DAY
GRACE = msgspec.structs.replace(DEVICE, renewal_grace_days=7)


def change(*names: str, subject: x509.Name | None = None) -> tuple[tuple[x509.ObjectIdentifier, bytes]]:
    """The attribute ChangeSubjectName."""
    san = x509.SubjectAlternativeName([x509.DNSName(name) for name in names]).public_bytes()
    parts = [subject.public_bytes()] if subject else []
    if names:
        parts.append(b"\xa1" + san[1:])
    return ((CHANGE_SUBJECT_NAME, der.sequence(*parts)),)


async def enrolled(house: House) -> x509.Certificate:
    sheet = await house.device(NAME, OTHER)
    reply = await house.est.answer(post("simpleenroll", Csr(names=[NAME]).body(), authorization=sheet_basic(sheet)))
    return certificate_in(reply)


async def renew(house: House, held: x509.Certificate, csr: Csr) -> Reply:
    return await house.est.answer(post("device/simplereenroll", csr.body(), peer=showing(held)))


def names_of(certificate: x509.Certificate) -> list[str]:
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(san.get_values_for_type(x509.DNSName))


async def test_new_names_come_with_change_subject_name_within_the_grant(house: House) -> None:
    held = await enrolled(house)
    csr = Csr(subject=held.subject, names=[NAME], attributes=change(NAME, OTHER))

    first = await renew(house, held, csr)
    again = await renew(house, held, csr)

    assert names_of(certificate_in(first)) == [NAME, OTHER]
    assert certificate_in(first).subject == held.subject
    assert again == first


async def test_a_name_that_is_not_registered_stays_out(house: House) -> None:
    held = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await renew(house, held, Csr(subject=held.subject, names=[NAME], attributes=change("foreign.example")))

    assert reply.status == 403
    assert b"foreign.example is not registered" in reply.body


async def test_the_registered_subject_may_be_asked_for_and_no_other(house: House) -> None:
    held = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)
    foreign = x509.Name.from_rfc4514_string("CN=meter-8,O=Example,C=TW")

    refused = await renew(house, held, Csr(subject=held.subject, names=[NAME], attributes=change(subject=foreign)))
    passed = await renew(house, held, Csr(subject=held.subject, names=[NAME], attributes=change(subject=REGISTERED)))

    assert refused.status == 400
    assert b"another subject than the registered one" in refused.body
    assert certificate_in(passed).subject == REGISTERED


async def test_the_old_names_must_still_stand_in_the_request(house: House) -> None:
    held = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await renew(house, held, Csr(subject=held.subject, names=[OTHER], attributes=change(OTHER)))

    assert reply.status == 400
    assert b"differs from the certificate's" in reply.body


async def test_the_window_is_that_of_the_names_that_are_asked_for(house: House) -> None:
    held = await enrolled(house)

    reply = await renew(house, held, Csr(subject=held.subject, names=[NAME], attributes=change(NAME)))

    assert reply.status == 429


async def test_an_attribute_that_cannot_be_read_is_a_bad_request(house: House) -> None:
    held = await enrolled(house)

    reply = await renew(house, held, Csr(attributes=((CHANGE_SUBJECT_NAME, b"\x30\x00"),)))

    assert reply.status == 400


def profiles(**fields: object) -> dict[str, Profile]:
    return {**BUILT_IN, "device": msgspec.structs.replace(GRACE, **fields)}


async def test_where_the_profile_says_so_a_late_device_is_renewed(tmp_path: Path) -> None:
    async with open_house(tmp_path, profiles()) as house:
        held = await enrolled(house)
        house.clock.move(AFTER_EXPIRY)

        renewed = certificate_in(await renew(house, held, Csr(subject=held.subject, names=[NAME])))
        once_more = await renew(house, held, Csr(subject=held.subject, names=[NAME]))

    assert names_of(renewed) == [NAME]
    assert once_more.status == 429


async def test_an_expired_certificate_enrolls_nothing_whatever_the_grace(tmp_path: Path) -> None:
    async with open_house(tmp_path, profiles()) as house:
        held = await enrolled(house)
        house.clock.move(AFTER_EXPIRY)

        reply = await house.est.answer(post("simpleenroll", Csr(names=[OTHER]).body(), peer=showing(held)))

    assert reply.status == 403
    assert b"has expired" in reply.body


async def test_after_the_grace_it_is_too_late(tmp_path: Path) -> None:
    async with open_house(tmp_path, profiles()) as house:
        held = await enrolled(house)
        house.clock.move(AFTER_GRACE)

        reply = await renew(house, held, Csr(subject=held.subject, names=[NAME]))

    assert reply.status == 403
    assert b"has expired" in reply.body


async def test_a_revoked_certificate_has_no_grace(tmp_path: Path) -> None:
    async with open_house(tmp_path, profiles()) as house:
        held = await enrolled(house)
        await house.revocations.revoke(serial_text(held.serial_number), Reason.KEY_COMPROMISE, actor="test")
        house.clock.move(AFTER_EXPIRY)

        reply = await renew(house, held, Csr(subject=held.subject, names=[NAME]))

    assert reply.status == 403
    assert b"is revoked" in reply.body


async def test_an_officer_who_looks_late_does_not_end_the_grace(tmp_path: Path) -> None:
    async with open_house(tmp_path, profiles()) as house:
        held = await enrolled(house)
    async with open_house(tmp_path, profiles(approval=ApprovalRule.ALWAYS)) as house:
        house.clock.move(AFTER_EXPIRY)
        csr = Csr(subject=held.subject, names=[NAME])
        assert (await renew(house, held, csr)).status == 202
        await approve(house.core, 1)

        reply = await renew(house, held, csr)

    assert reply.status == 200


@pytest.mark.parametrize("late", [INSIDE_THE_WINDOW, AFTER_EXPIRY])
@pytest.mark.parametrize("attributes", [(), change(OTHER)])
async def test_the_old_key_stays_old_where_the_profile_wants_a_new_one(
    tmp_path: Path, late: int, attributes: tuple[tuple[x509.ObjectIdentifier, bytes], ...]
) -> None:
    async with open_house(tmp_path, profiles(same_key_renewal=False)) as house:
        sheet = await house.device(NAME, OTHER)
        csr = Csr(names=[NAME])
        held = certificate_in(
            await house.est.answer(post("simpleenroll", csr.body(), authorization=sheet_basic(sheet)))
        )
        house.clock.move(late)

        reply = await renew(house, held, Csr(key=csr.key, subject=held.subject, names=[NAME], attributes=attributes))

    assert reply.status == 400
    assert b"with a new key only" in reply.body
