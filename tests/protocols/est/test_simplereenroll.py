"""RFC 7030, 4.2.2: the certificate that is shown is the one that is renewed."""

from __future__ import annotations

import base64

import msgspec
import pytest
from cryptography import x509

from ca_core.identity import serial_text
from ca_core.revocation.reason import Reason
from protocols.wire import Reply
from tests.builders.est import (
    DAY,
    Csr,
    House,
    certificate_in,
    header,
    post,
    sheet_basic,
    showing,
)

NAME = "meter-7.example"
BEFORE_THE_WINDOW = 59 * DAY
INSIDE_THE_WINDOW = 61 * DAY
AFTER_EXPIRY = 91 * DAY


async def enrolled(house: House) -> tuple[x509.Certificate, Csr]:
    """A device's first certificate, and its request with the certificate's subject."""
    sheet = await house.device(NAME, "other.example")
    csr = Csr(names=[NAME])
    reply = await house.est.answer(post("simpleenroll", csr.body(), authorization=sheet_basic(sheet)))
    certificate = certificate_in(reply)
    return certificate, Csr(key=csr.key, subject=certificate.subject, names=[NAME])


def successor(certificate: x509.Certificate) -> Csr:
    return Csr(subject=certificate.subject, names=[NAME])


async def renew(house: House, held: x509.Certificate, csr: Csr, *, label: str = "") -> Reply:
    return await house.est.answer(post(f"{label}simplereenroll", csr.body(), peer=showing(held)))


@pytest.mark.parametrize("label", ["", "device/"])
async def test_inside_the_window_a_new_key_gets_a_new_certificate(house: House, label: str) -> None:
    held, _ = await enrolled(house)
    csr = successor(held)
    house.clock.move(INSIDE_THE_WINDOW)

    renewed = certificate_in(await renew(house, held, csr, label=label))

    assert renewed.public_key() == csr.key.public_key()
    assert renewed.serial_number != held.serial_number
    assert renewed.subject == held.subject
    assert renewed.not_valid_after_utc > held.not_valid_after_utc


async def test_inside_the_window_the_same_key_may_go_on(house: House) -> None:
    held, same_key = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)

    renewed = certificate_in(await renew(house, held, same_key))

    assert renewed.public_key() == held.public_key()
    assert renewed.serial_number != held.serial_number


async def test_the_identical_renewal_again_brings_the_identical_certificate(house: House) -> None:
    held, _ = await enrolled(house)
    csr = successor(held)
    house.clock.move(INSIDE_THE_WINDOW)
    first = await renew(house, held, csr)

    again = await renew(house, held, csr)

    assert again == first
    assert await house.count() == 2


async def test_before_the_window_it_is_429_with_the_opening_date(house: House) -> None:
    held, _ = await enrolled(house)
    house.clock.move(BEFORE_THE_WINDOW)

    reply = await renew(house, held, successor(held))

    assert reply.status == 429
    assert 0 < int(header(reply, "Retry-After") or "") <= DAY
    assert b"window opens on 2030-" in reply.body
    assert await house.count() == 1


async def test_without_a_client_certificate_no_password_helps(house: House) -> None:
    sheet = await house.device(uses=None)

    reply = await house.est.answer(post("simplereenroll", Csr().body(), authorization=sheet_basic(sheet)))

    assert reply.status == 403
    assert b"client certificate that is to be renewed" in reply.body


async def test_what_strongswan_sends_as_basic_does_not_matter(house: House) -> None:
    held, _ = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await house.est.answer(
        post("simplereenroll", successor(held).body(), authorization="Basic !", peer=showing(held))
    )

    assert reply.status == 200


async def test_an_expired_certificate_renews_nothing(house: House) -> None:
    held, _ = await enrolled(house)
    house.clock.move(AFTER_EXPIRY)

    reply = await renew(house, held, successor(held))

    assert reply.status == 403
    assert b"has expired" in reply.body
    assert await house.count() == 1


async def test_a_revoked_certificate_renews_nothing(house: House) -> None:
    held, _ = await enrolled(house)
    await house.revocations.revoke(serial_text(held.serial_number), Reason.KEY_COMPROMISE, actor="test")
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await renew(house, held, successor(held))

    assert reply.status == 403
    assert b"is revoked" in reply.body


async def test_a_suspended_registration_renews_nothing(house: House) -> None:
    held, _ = await enrolled(house)
    for registration in await house.desk.every():
        await house.desk.suspend(registration.account, actor="test")
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await renew(house, held, successor(held))

    assert reply.status == 403
    assert b"is suspended" in reply.body


@pytest.mark.parametrize(
    "different",
    [
        {"subject": x509.Name.from_rfc4514_string("CN=meter-8,O=Example,C=TW")},
        {"subject": x509.Name([])},
        {"names": [NAME, "other.example"]},
        {"names": ["other.example"]},
        {"names": []},
    ],
)
async def test_another_subject_or_name_is_no_renewal(house: House, different: dict[str, object]) -> None:
    held, _ = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)
    csr = Csr(**({"subject": held.subject, "names": [NAME]} | different))  # type: ignore[arg-type]  # fields by name

    reply = await renew(house, held, csr)

    assert reply.status == 400
    assert b"differs from the certificate's" in reply.body
    assert await house.count() == 1


async def test_the_subject_is_compared_as_a_name_and_not_as_bytes(house: House) -> None:
    held, _ = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)
    shouted = x509.Name.from_rfc4514_string("CN=METER-7,O=Example,C=TW")

    reply = await renew(house, held, Csr(subject=shouted, names=[NAME]))

    assert reply.status == 200


@pytest.mark.parametrize(
    ("challenge", "status"), [(bytes(12), 200), (bytes(range(12)), 403)], ids=["this connection's", "another's"]
)
async def test_a_challenge_password_must_be_this_connections_in_a_renewal_too(
    house: House, challenge: bytes, status: int
) -> None:
    held, _ = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)
    asked = Csr(subject=held.subject, names=[NAME], challenge=base64.b64encode(challenge))
    peer = msgspec.structs.replace(showing(held), tls_unique=bytes(12))

    reply = await house.est.answer(post("simplereenroll", asked.body(), peer=peer))

    assert reply.status == status


async def test_a_certificate_is_renewed_for_its_own_profile_only(house: House) -> None:
    held, _ = await enrolled(house)
    house.clock.move(INSIDE_THE_WINDOW)

    reply = await renew(house, held, successor(held), label="tls-server/")

    assert reply.status == 403
    assert b"renew it there" in reply.body
