"""revokeCert: RFC 8555, 7.6; RULES, S11."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.policy.profile import RevocationRule
from ca_core.revocation.reason import Reason
from protocols.acme.links import Resource
from protocols.encoding import base64url
from tests.builders.acme import LINKS, AcmeHouse, Client, acme_house, csr_for, statuses
from tests.builders.jws import Signer, signer
from tests.builders.revocation import profiles

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


async def test_a_certificate_of_a_version_that_never_was_is_malformed(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    version = b"\xa0\x03\x02\x01"

    answer = await client.revoke(der.replace(version + b"\x02", version + b"\x05", 1))

    assert answer.refusal == (400, "malformed")


async def test_a_revoked_certificate_makes_room_for_another(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    await client.revoke(await issued(client, "a.example"), reason=4)

    assert (await client.finalize(await client.order("a.example"))).json["status"] == "valid"


@pytest.fixture
async def reviewed(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, profiles=profiles(RevocationRule.REVIEWED)) as opened:
        yield opened


@pytest.fixture
async def on_hold(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, profiles=profiles(RevocationRule.REVIEWED_ON_HOLD)) as opened:
        yield opened


async def test_a_request_that_waits_is_no_success_and_says_that_nothing_more_is_to_do(reviewed: AcmeHouse) -> None:
    client = await reviewed.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")

    answers = [await client.revoke(der, reason=4) for _ in range(3)]

    assert {answer.refusal for answer in answers} == {(403, "unauthorized")}
    assert {answer.json["detail"] for answer in answers} == {
        "request 1 is recorded and waits for the registration authority; there is nothing more to do"
    }
    (request,) = await reviewed.core.revocations.requests()
    assert (request.actor, request.asker) == ("acme:acme-account:192.0.2.7", "subscriber")
    assert (await reviewed.core.certificates())[0].revoked_at is None


async def test_an_approved_request_is_answered_as_revoked_already(reviewed: AcmeHouse) -> None:
    client = await reviewed.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    await client.revoke(der, reason=4)
    await reviewed.core.revocations.approve(1, actor="officer")

    assert (await client.revoke(der, reason=4)).refusal == (400, "alreadyRevoked")


async def test_the_certificates_key_waits_for_nobody_when_it_is_compromised(reviewed: AcmeHouse) -> None:
    key = signer("ES256", 20)
    client = await reviewed.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example", key=key)
    holder = Client(reviewed, key)

    superseded = await holder.revoke(der, reason=4, by_key=True)
    by_account = await client.revoke(der, reason=1)
    compromised = await holder.revoke(der, reason=1, by_key=True)

    assert superseded.refusal == by_account.refusal == (403, "unauthorized")
    assert compromised.status == 200
    assert (await reviewed.core.certificates())[0].reason == Reason.KEY_COMPROMISE
    order = await client.order("a.example")
    assert (await client.finalize(order)).status == 200
    assert (await client.order("a.example")).status == 429


async def test_a_certificate_on_hold_makes_no_room_for_another(on_hold: AcmeHouse) -> None:
    client = await on_hold.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    await client.revoke(der, reason=4)

    answer = await client.order("a.example")

    assert answer.refusal == (403, "unauthorized")
    assert "is on hold; ask your registration authority" in answer.json["detail"]


async def test_who_controls_the_names_of_anothers_certificate_says_nothing_about_its_key(house: AcmeHouse) -> None:
    owner = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await owner.order("a.example")
    await owner.authorize(order)
    key = signer("ES256", 20)
    answer = await owner.finalize(order, csr_for("a.example", key=key.private))
    chain = await owner.post(answer.json["certificate"])
    der = x509.load_pem_x509_certificates(chain.body)[0].public_bytes(Encoding.DER)
    other = await house.subscriber("successor", "a.example", which=1, vetted=False)
    await other.authorize(await other.order("a.example"))

    assert (await other.revoke(der, reason=1)).refusal == (400, "badRevocationReason")
    assert (await other.revoke(der, reason=5)).status == 200


async def test_an_expired_certificate_is_refused_with_the_date(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    der = await issued(client, "a.example")
    house.core.clock.move(91 * 86_400)

    answer = await client.revoke(der)

    assert answer.refusal == (403, "unauthorized")
    assert "the certificate expired on 2030" in answer.json["detail"]
