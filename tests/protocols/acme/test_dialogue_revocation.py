"""revokeCert: RFC 8555, 7.6; RULES, S11."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from protocols.acme.links import Resource
from protocols.encoding import base64url
from tests.builders.acme import LINKS, AcmeHouse, Client, statuses
from tests.builders.jws import Signer, signer

REVOKE = LINKS.to(Resource.REVOKE_CERT)


async def issued(client: Client, *names: str, key: Signer | None = None) -> bytes:
    certificate = await client.certificate(*names, key=(key or signer("ES256", 20)).private)
    return certificate.public_bytes(Encoding.DER)


async def test_an_account_revokes_what_it_got(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")

    answer = await client.revoke(der, reason=4)

    assert (answer.status, answer.body) == (200, b"")
    (certificate,) = await house.core.certificates()
    assert (certificate.revoked_at, certificate.reason) == (house.core.clock.now(), 4)
    (event,) = await house.core.journal("certificate-revoked")
    assert (event.actor, event.serial) == ("acme:acme-account:192.0.2.7", certificate.serial)
    assert await house.core.count("work") == 1


async def test_the_certificates_own_key_revokes_it(house: AcmeHouse) -> None:
    key = signer("ES256", 20)
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example", key=key)

    answer = await Client(house, key).revoke(der, reason=1, by_key=True)

    assert answer.status == 200
    (event,) = await house.core.journal("certificate-revoked")
    assert (event.actor, event.detail["reason"]) == ("acme:certificate-key:192.0.2.7", "keyCompromise")


async def test_the_certificates_own_key_revokes_it_while_its_registration_is_suspended(house: AcmeHouse) -> None:
    key = signer("ES256", 20)
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example", key=key)
    await house.core.desk.suspend("acme-corp", actor="test")

    by_account = await client.revoke(der)
    by_key = await Client(house, key).revoke(der, by_key=True)

    assert by_account.refusal == (403, "unauthorized")
    assert by_key.status == 200


async def test_a_random_key_revokes_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")

    strangers = await Client(house, signer("ES256", 21)).revoke(der, by_key=True)
    own_account_key = await client.revoke(der, by_key=True)

    assert strangers.refusal == own_account_key.refusal == (403, "unauthorized")
    assert (await house.core.certificates())[0].revoked_at is None


async def test_another_registrations_account_revokes_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    thief = await house.subscriber("thief", "a.example", which=1)
    await thief.order("a.example")

    assert (await thief.revoke(der)).refusal == (403, "unauthorized")


async def test_an_account_of_the_same_registration_revokes_with_authorizations_for_all_names(
    house: AcmeHouse,
) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    der = await issued(client, "a.example", "b.example")
    colleague = house.client(1)
    await colleague.new_account(await house.core.desk.new_sheet("acme-corp", actor="test"))

    without = await colleague.revoke(der)
    await colleague.order("a.example")
    with_one = await colleague.revoke(der)
    await colleague.order("b.example")
    with_both = await colleague.revoke(der)

    assert statuses([without, with_one, with_both]) == [200, 403, 403]
    assert with_both.status == 200


@pytest.mark.parametrize("reason", [2, 6, 7, 8, 9, 10, 11, -1])
async def test_some_reasons_are_not_a_subscribers_to_give(house: AcmeHouse, reason: int) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")

    answer = await client.revoke(der, reason=reason)

    assert answer.refusal == (400, "badRevocationReason")
    assert "keyCompromise (1)" in answer.json["detail"]


async def test_what_is_revoked_is_not_revoked_again(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")

    answers = await asyncio.gather(*(client.revoke(der) for _ in range(5)))

    assert statuses(answers) == [200] + [400] * 4
    assert {answer.problem for answer in answers if answer.status != 200} == {"alreadyRevoked"}
    assert len(await house.core.journal("certificate-revoked")) == 1


async def test_a_certificate_that_differs_in_a_bit_is_not_ours(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    altered = der[:-1] + bytes((der[-1] ^ 1,))

    foreign = house.core.authority.issuing.public_bytes(Encoding.DER)

    assert (await client.revoke(altered)).refusal == (404, "malformed")
    assert (await client.revoke(foreign)).refusal == (404, "malformed")


@pytest.mark.parametrize(
    "payload", [{"certificate": base64url(b"no certificate")}, {"certificate": "AA=="}, {}, {"certificate": 1}]
)
async def test_what_is_no_certificate_is_malformed(house: AcmeHouse, payload: object) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    assert (await client.post(REVOKE, payload)).refusal == (400, "malformed")


async def test_a_revoked_certificate_makes_room_for_another(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.revoke(await issued(client, "a.example"), reason=4)

    assert (await client.finalize(await client.order("a.example"))).json["status"] == "valid"
