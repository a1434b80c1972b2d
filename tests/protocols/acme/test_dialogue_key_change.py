"""keyChange: RFC 8555, 7.3.5."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from ca_core.registration.agreement import Acceptance
from ca_core.revocation.reason import Reason
from protocols.acme import jwk
from protocols.acme.links import Resource
from protocols.acme.records import accounts
from tests.builders import jws
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, close_primes_signer, csr_for
from tests.builders.jws import Signer, rsa_signer, signer

KEY_CHANGE = LINKS.to(Resource.KEY_CHANGE)
NEW = signer("ES256", 20)


def inner(client: Client, new: Signer = NEW, *, by: Signer | None = None, **changes: Any) -> bytes:
    """What the new key signs; members of the payload and of the header may be replaced."""
    payload = {"account": client.kid, "oldKey": client.signer.jwk} | changes.pop("payload", {})
    header: dict[str, Any] = {"url": KEY_CHANGE, "nonce": None} | changes
    signed = by or new
    return jws.request(Signer(new.alg, signed.private, new.jwk), payload, **header)


async def change(client: Client, new: Signer = NEW) -> Answer:
    """Change the key, and go on with it."""
    answer = await client.post(KEY_CHANGE, inner(client, new))
    if answer.status == 200:
        client.signer = new
    return answer


async def test_an_account_gets_another_key_and_keeps_what_it_has(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order, old = await client.order("a.example"), client.signer

    changed = await change(client)
    by_old_key = await Client(house, old, client.kid).post(str(client.kid))

    assert (changed.status, changed.json["status"]) == (200, "valid")
    assert changed.header("Location") == client.kid
    assert by_old_key.refusal == (400, "malformed")
    assert order.header("Location") in (await client.post(f"{client.kid}/orders")).json["orders"]
    assert (await client.finalize(order)).json["status"] == "valid"
    assert (await client.new_account(None, onlyReturnExisting=True)).header("Location") == client.kid


async def test_the_journal_names_both_keys(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    old = client.signer

    await change(client)

    (event,) = await house.core.journal("acme-key-changed")
    assert event.actor == "acme:acme-account:192.0.2.7"
    assert event.registration_id is not None
    assert len({event.detail["old_thumbprint"], event.detail["new_thumbprint"]}) == 2
    assert (await Client(house, old).new_account(None, onlyReturnExisting=True)).problem == "accountDoesNotExist"


@pytest.mark.parametrize("alg", ["RS256", "ES384", "EdDSA", "ML-DSA-65"])
async def test_the_new_key_may_be_of_another_type(house: AcmeHouse, alg: str) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    changed = await change(client, signer(alg, 21))

    assert changed.status == 200
    assert (await client.order("a.example")).status == 201


async def test_an_inner_nonce_is_looked_at_by_nobody(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")

    assert (await client.post(KEY_CHANGE, inner(client, nonce="bm90LWlzc3VlZC1oZXJl"))).status == 200


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": LINKS.to(Resource.NEW_ORDER)}, "url in the inner header"),
        ({"payload": {"account": LINKS.to(Resource.ACCOUNT, "0" * 32)}}, "account in the inner payload"),
        ({"payload": {"oldKey": signer("ES256", 22).jwk}}, "oldKey"),
        ({"payload": {"oldKey": NEW.jwk}}, "oldKey"),
        ({"payload": {"oldKey": {"kty": "oct", "k": "AA"}}}, "oldKey"),
        ({"payload": {"oldKey": None}}, "oldKey"),
        ({"payload": {"account": 7}}, "JSON"),
        ({"kid": LINKS.to(Resource.ACCOUNT, "0" * 32)}, "signed by the new key"),
        ({"by": signer("ES256", 22)}, "signature"),
    ],
)
async def test_the_inner_request_must_fit(house: AcmeHouse, changes: dict[str, Any], said: str) -> None:
    client = await house.subscriber("acme-corp")

    answer = await client.post(KEY_CHANGE, inner(client, **changes))

    assert answer.refusal == (400, "malformed")
    assert said in answer.json["detail"]
    assert (await client.post(str(client.kid))).status == 200


@pytest.mark.parametrize("payload", [b"", b"{}", b"[]", b'{"protected": "e30", "payload": "", "signature": ""}'])
async def test_a_payload_that_is_no_signed_request_changes_nothing(house: AcmeHouse, payload: bytes) -> None:
    client = await house.subscriber("acme-corp")

    assert (await client.post(KEY_CHANGE, payload)).refusal == (400, "malformed")


async def test_the_inner_algorithm_belongs_to_the_inner_key(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")

    answer = await client.post(KEY_CHANGE, inner(client, alg="ES384"))

    assert answer.refusal == (400, "badSignatureAlgorithm")
    assert answer.json["algorithms"] == ["ES256"]


async def test_a_key_that_an_account_has_is_answered_with_that_account(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    other = await house.subscriber("other", which=1)

    onto_anothers = await client.post(KEY_CHANGE, inner(client, other.signer))
    onto_its_own = await client.post(KEY_CHANGE, inner(client, client.signer))

    assert onto_anothers.refusal == onto_its_own.refusal == (409, "malformed")
    assert onto_anothers.header("Location") == other.kid
    assert onto_its_own.header("Location") == client.kid


@pytest.mark.parametrize("weak", [rsa_signer("RS256", 1024), close_primes_signer()], ids=["short", "fermat"])
async def test_an_account_gets_no_weak_key(house: AcmeHouse, weak: Signer) -> None:
    client = await house.subscriber("acme-corp")

    assert (await client.post(KEY_CHANGE, inner(client, weak))).refusal == (400, "badPublicKey")


async def test_an_account_gets_no_key_that_is_certified_or_was_compromised(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    certified, compromised = signer("ES256", 23), signer("ES256", 24)
    await client.certificate("a.example", key=certified.private)
    await client.certificate("b.example", key=compromised.private)
    (serial,) = [one.serial for one in await house.core.certificates() if "b.example" in one.names]
    await house.core.revocations.revoke(serial, Reason.KEY_COMPROMISE, actor="test")

    answers = [await client.post(KEY_CHANGE, inner(client, key)) for key in (certified, compromised)]

    assert [answer.refusal for answer in answers] == [(400, "badPublicKey")] * 2


async def test_an_old_key_stays_claimed_for_ever(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    old = client.signer
    other = await house.subscriber("other", which=1)
    await change(client)

    as_certificate = await client.finalize(await client.order("a.example"), csr_for("a.example", key=old.private))
    as_anothers = await other.post(KEY_CHANGE, inner(other, old))

    assert as_certificate.refusal == (400, "badCSR")
    assert as_anothers.refusal == (400, "badPublicKey")


async def test_the_new_key_is_certified_for_nobody(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    await change(client)

    assert (await client.finalize(order, csr_for("a.example", key=NEW.private))).refusal == (400, "badCSR")


async def test_of_twenty_changes_at_once_one_wins(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    keys = [signer("ES256", 30 + which) for which in range(20)]

    answers = await asyncio.gather(*(client.post(KEY_CHANGE, inner(client, key)) for key in keys))

    # Who came when the first was through already signed with a key that is the account's no more.
    counted = Counter(answer.status for answer in answers)
    assert counted[200] == 1
    assert set(counted) <= {200, 400, 409}
    assert len(await house.core.journal("acme-key-changed")) == 1
    winner = keys[[answer.status for answer in answers].index(200)]
    assert (await Client(house, winner, client.kid).post(str(client.kid))).status == 200


async def test_of_two_accounts_that_want_one_key_one_gets_it(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    clients = [house.client(which) for which in range(10)]
    for client in clients:
        await client.new_account(sheet)

    answers = await asyncio.gather(*(client.post(KEY_CHANGE, inner(client)) for client in clients))

    assert Counter(answer.status for answer in answers) == {200: 1, 409: 9}
    winner = clients[[answer.status for answer in answers].index(200)]
    assert {answer.header("Location") for answer in answers} == {winner.kid}


async def test_what_was_deactivated_meanwhile_changes_in_nothing(house: AcmeHouse) -> None:
    """As a request finds it that was signed in before the deactivation, and writes after it."""
    client = await house.subscriber("acme-corp", "a.example")
    id_ = str(client.kid).rpartition("/")[2]
    async with house.core.database.read() as tx:
        seen = await accounts.by_id(tx, id_)
    assert seen is not None
    await client.post(str(client.kid), {"status": "deactivated"})

    async with house.core.database.write() as tx:
        assert not await accounts.change_key(tx, seen, jwk.read(NEW.jwk))
        assert not await accounts.change_contacts(tx, id_, ("mailto:a@a.example",))
        assert not await accounts.accept(tx, id_, Acceptance("1", "00" * 32, 0))
        assert not await accounts.deactivate(tx, id_)


async def test_a_waiting_challenge_is_judged_by_the_key_at_the_time_of_the_probe(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    authorization = (await client.post(order.json["authorizations"][0])).json
    (url,) = [one["url"] for one in authorization["challenges"] if one["type"] == "http-01"]
    await client.post(url, {})

    await change(client)
    await house.validator.turn()

    ((_, _, expected),) = house.probes.asked
    (event,) = await house.core.journal("acme-key-changed")
    assert expected.partition(".")[2] == event.detail["new_thumbprint"]
    assert (await client.post(url)).json["status"] == "valid"


async def test_a_suspended_registration_changes_no_key(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")
    await house.core.desk.suspend("acme-corp", actor="test")

    assert (await client.post(KEY_CHANGE, inner(client))).refusal == (403, "unauthorized")
