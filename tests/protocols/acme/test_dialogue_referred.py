"""Orders that an officer looks at: `processing` with Retry-After, then `valid`, or `invalid` with the reason."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core import names
from ca_core.clock import rfc3339
from ca_core.policy.profile import ApprovalRule
from ca_core.referral.request import RequestState
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions
from tests.builders.acme import AcmeHouse, Answer, Client, acme_house, csr_for, url
from tests.builders.ca_key import enrolling
from tests.builders.core import granted
from tests.builders.est import new_key
from tests.builders.reviewed import OFFICER, approve, reviewed, stored, work

DAY = 86_400


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, profiles=reviewed(ApprovalRule.ALWAYS, "tls-server")) as opened:
        yield opened


async def waiting(house: AcmeHouse, *, vetted: bool = True) -> tuple[Client, Answer]:
    """A client, and its order that an officer must look at."""
    client = await house.subscriber("acme-corp", "a.example", vetted=vetted)
    order = await client.order("a.example")
    if not vetted:
        await client.authorize(order)
    answer = await client.finalize(order)
    assert (answer.status, answer.json["status"]) == (200, "processing")
    assert answer.header("Retry-After") == "5"
    assert answer.header("Location") == url(order)
    assert "certificate" not in answer.json
    return client, order


async def test_an_order_is_processing_until_an_officer_has_looked_and_then_valid(house: AcmeHouse) -> None:
    client, order = await waiting(house, vetted=False)

    polled = await client.post(url(order))
    assert (polled.json["status"], polled.header("Retry-After")) == ("processing", "5")
    await approve(house.core, 1)

    done = await client.post(url(order))
    assert done.json["status"] == "valid"
    assert "Retry-After" not in done.headers
    assert b"BEGIN CERTIFICATE" in (await client.post(done.json["certificate"])).body


async def test_approved_and_not_issued_yet_it_is_processing(house: AcmeHouse) -> None:
    client, order = await waiting(house)
    await house.core.referrals.approve(1, actor=OFFICER)

    assert (await client.post(url(order))).json["status"] == "processing"


async def test_a_rejected_order_is_invalid_and_says_why(house: AcmeHouse) -> None:
    client, order = await waiting(house)

    await house.core.referrals.reject(1, actor=OFFICER, note="the name is not theirs")

    invalid = (await client.post(url(order))).json
    assert invalid["status"] == "invalid"
    assert invalid["error"]["type"] == "urn:ietf:params:acme:error:unauthorized"
    assert "rejected request 1: the name is not theirs" in invalid["error"]["detail"]
    assert (await client.order("a.example")).json["status"] == "ready"


async def test_an_order_that_nobody_looked_at_is_invalid_after_a_month(house: AcmeHouse) -> None:
    client, order = await waiting(house)
    house.core.clock.move(30 * DAY)

    await house.core.referrals.turn()

    invalid = (await client.post(url(order))).json
    assert (invalid["status"], invalid["error"]["detail"]) == (
        "invalid",
        "request 1 was not decided in time; place a new order",
    )


async def test_what_waits_for_an_officer_cannot_say_when_it_begins(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")

    refused = await client.order("a.example", notBefore=rfc3339(house.core.clock.now()))

    assert refused.refusal == (400, "malformed")
    assert "leave notBefore out" in refused.json["detail"]


async def test_what_nobody_could_grant_any_more_reaches_no_officer(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example", notAfter=rfc3339(house.core.clock.now() + DAY))
    house.core.clock.move(2 * DAY)

    refused = await client.finalize(order)

    assert refused.refusal == (400, "malformed")
    assert "choose notBefore and notAfter" in refused.json["detail"]
    assert await house.core.referrals.requests() == []


async def test_twenty_finalizes_at_once_are_one_referral(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order, request = await client.order("a.example"), csr_for("a.example", key=new_key())

    answers = await asyncio.gather(*(client.finalize(order, request) for _ in range(20)))

    assert {(answer.status, answer.json["status"]) for answer in answers} == {(200, "processing")}
    assert len(await house.core.referrals.requests(every=True)) == 1


async def test_an_order_waits_for_one_request_only(house: AcmeHouse) -> None:
    client, order = await waiting(house)

    assert (await client.finalize(order, csr_for("a.example", key=new_key()))).refusal == (403, "orderNotReady")


async def test_a_new_order_with_the_same_key_takes_the_request_over(house: AcmeHouse) -> None:
    """A client that gave up waiting starts again, and the officer sees one request."""
    client = await house.subscriber("acme-corp", "a.example")
    request = csr_for("a.example", key=new_key())
    first, second = await client.order("a.example"), await client.order("a.example")
    await client.finalize(first, request)

    assert (await client.finalize(second, request)).json["status"] == "processing"

    assert len(await house.core.referrals.requests(every=True)) == 1
    assert len(await house.core.journal("enrollment-handed-over")) == 1
    assert (await client.post(url(first))).json["status"] == "invalid"
    await approve(house.core, 1)
    assert (await client.post(url(second))).json["status"] == "valid"


async def test_a_new_order_with_another_key_takes_the_request_over_and_the_old_one_says_so(house: AcmeHouse) -> None:
    """As certbot does, which makes a key at each run (RFC 8555, 7.4): the certificate is the last run's."""
    client, first = await waiting(house)
    second = await client.order("a.example")
    request = csr_for("a.example", key=new_key())

    assert (await client.finalize(second, request)).json["status"] == "processing"

    (asked,) = await house.core.referrals.requests()
    assert (asked.number, asked.csr) == (1, request)
    (event,) = await house.core.journal("enrollment-handed-over")
    assert event.detail["spki_sha256"] == asked.spki_sha256.hex()
    given_up = (await client.post(url(first))).json
    assert (given_up["status"], given_up["error"]["type"]) == (
        "invalid",
        "urn:ietf:params:acme:error:unauthorized",
    )
    assert "a newer order took its place" in given_up["error"]["detail"]
    await approve(house.core, 1)
    done = (await client.post(url(second))).json
    assert done["status"] == "valid"
    (issued,) = await house.core.certificates()
    assert issued.spki_sha256 == asked.spki_sha256


async def test_what_is_approved_for_one_key_is_not_issued_for_another(house: AcmeHouse) -> None:
    client, _ = await waiting(house)
    await house.core.referrals.approve(1, actor=OFFICER, note="seen")
    second = await client.order("a.example")

    assert (await client.finalize(second, csr_for("a.example", key=new_key()))).json["status"] == "processing"

    assert await work(house.core) == 1
    found = await stored(house.core, 1)
    assert (found.state, found.decided_by, found.note) == (RequestState.PENDING, None, "")
    assert await house.core.certificates() == []
    await approve(house.core, 1)
    assert (await client.post(url(second))).json["status"] == "valid"


async def test_an_approval_for_the_same_key_stands_when_a_newer_order_takes_it_over(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    request = csr_for("a.example", key=new_key())
    await client.finalize(await client.order("a.example"), request)
    await house.core.referrals.approve(1, actor=OFFICER)
    second = await client.order("a.example")
    await client.finalize(second, request)

    await work(house.core)

    assert (await client.post(url(second))).json["status"] == "valid"


async def test_another_account_and_other_names_take_nothing_over(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", *granted(*map(names.dns, ("a.example", "b.example"))))
    clients = [house.client(which) for which in range(2)]
    for client in clients:
        await client.new_account(sheet, termsOfServiceAgreed=True)

    for client, name in ((clients[0], "a.example"), (clients[0], "b.example"), (clients[1], "a.example")):
        await client.finalize(await client.order(name), csr_for(name, key=new_key()))

    assert [one.number for one in await house.core.referrals.requests()] == [1, 2, 3]


async def test_ten_orders_at_once_leave_one_that_waits(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    placed = [await client.order("a.example") for _ in range(10)]

    await asyncio.gather(*(client.finalize(order, csr_for("a.example", key=new_key())) for order in placed))

    (asked,) = await house.core.referrals.requests(every=True)
    shown = [(await client.post(url(order))).json["status"] for order in placed]
    assert sorted(shown) == ["invalid"] * 9 + ["processing"]
    assert asked.request_key == f"acme-order:{url(placed[shown.index('processing')]).rpartition('/')[2]}"


async def test_a_rejected_key_leaves_the_next_order_ready(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    request = csr_for("a.example", key=new_key())
    await client.finalize(await client.order("a.example"), request)
    await house.core.referrals.reject(1, actor=OFFICER)
    order = await client.order("a.example")

    refused = await client.finalize(order, request)

    assert refused.refusal == (403, "unauthorized")
    assert (await client.post(url(order))).json["status"] == "ready"
    assert (await client.finalize(order)).json["status"] == "processing"


async def test_an_account_that_is_given_up_takes_back_what_waits_for_an_officer(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", *granted(*map(names.dns, ("a.example", "b.example"))))
    client, other = house.client(0), house.client(1)
    for one, name in ((client, "a.example"), (other, "b.example")):
        assert (await one.new_account(sheet, termsOfServiceAgreed=True)).status == 201
        await one.finalize(await one.order(name))
    assert client.kid is not None

    await client.post(client.kid, {"status": "deactivated"})

    assert [one.number for one in await house.core.referrals.requests()] == [2]
    assert (await stored(house.core, 1)).state is RequestState.LAPSED
    assert [event.event for event in await house.core.journal("enrollment-lapsed")] == ["enrollment-lapsed"]


async def test_an_account_that_was_given_up_gets_nothing_that_is_approved(house: AcmeHouse) -> None:
    client, _ = await waiting(house)
    assert client.kid is not None
    await house.core.referrals.approve(1, actor=OFFICER)
    await client.post(client.kid, {"status": "deactivated"})

    await work(house.core)

    found = await stored(house.core, 1)
    assert (found.state, found.note) == (
        RequestState.REJECTED,
        "this account is not valid any more; create another one with a new key",
    )
    assert await house.core.certificates() == []


async def test_an_authorization_that_was_given_up_meanwhile_proves_nothing(house: AcmeHouse) -> None:
    client, order = await waiting(house, vetted=False)
    await client.post(order.json["authorizations"][0], {"status": "deactivated"})

    await approve(house.core, 1)

    assert (await client.post(url(order))).json["status"] == "invalid"
    assert await house.core.certificates() == []


async def test_a_proof_that_ran_out_meanwhile_proves_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    await client.authorize(await client.order("a.example"))
    house.core.clock.move(22 * DAY)
    order = await client.order("a.example")
    await client.finalize(order)

    house.core.clock.move(9 * DAY)
    await approve(house.core, 1)

    shown = (await client.post(url(order))).json
    assert shown["status"] == "invalid"
    assert "has expired" in shown["error"]["detail"]


async def test_a_crash_between_claim_and_referral_leaves_the_order_ready(house: AcmeHouse) -> None:
    """They commit together: what cannot be put down is not claimed either."""
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    async with house.core.database.write() as tx:
        await tx.execute("ALTER TABLE enrollment_requests RENAME TO away")

    with pytest.raises(Exception, match="enrollment_requests"):  # the driver's, which only one file knows
        await client.finalize(order)

    async with house.core.database.write() as tx:
        await tx.execute("ALTER TABLE away RENAME TO enrollment_requests")
    assert (await client.post(url(order))).json["status"] == "ready"
    assert (await client.finalize(order)).json["status"] == "processing"


async def test_what_a_process_left_approved_is_issued_by_the_next(house: AcmeHouse) -> None:
    client, order = await waiting(house)
    await house.core.referrals.approve(1, actor=OFFICER)

    assert await work(house.core) == 1
    assert await work(house.core) == 0

    assert (await client.post(url(order))).json["status"] == "valid"
    assert len(await house.core.certificates()) == 1


async def test_what_a_revoked_eab_key_has_asked_for_is_not_issued(house: AcmeHouse) -> None:
    client, order = await waiting(house)
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET revoked_at = 1 WHERE kid IS NOT NULL")

    await approve(house.core, 1)

    found = await stored(house.core, 1)
    assert (found.state, found.note) == (
        RequestState.REJECTED,
        "this EAB key is revoked; ask your registration authority for another one",
    )
    assert (await client.post(url(order))).refusal == (403, "unauthorized")
    assert await house.core.certificates() == []


async def test_after_a_false_alarm_about_the_eab_key_the_same_key_asks_anew(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order, request = await client.order("a.example"), csr_for("a.example", key=new_key())
    await client.finalize(order, request)
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET revoked_at = 1 WHERE kid IS NOT NULL")
    await approve(house.core, 1)
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET revoked_at = NULL WHERE kid IS NOT NULL")

    detail = (await client.post(url(order))).json["error"]["detail"]
    again = await client.order("a.example")

    assert "request 1 was approved and could not be issued: " in detail
    assert "registration authority has rejected" not in detail
    assert (await client.finalize(again, request)).json["status"] == "processing"
    await approve(house.core, 2)
    assert (await client.post(url(again))).json["status"] == "valid"


async def test_an_order_whose_signature_is_slow_is_processing_and_not_an_error(tmp_path: Path) -> None:
    async with acme_house(tmp_path) as house:
        client = await house.subscriber("acme-corp", "a.example")
        order, request = await client.order("a.example"), csr_for("a.example", key=new_key())
        door, issuer, key = enrolling(house.core)
        dialogue = AcmeDialogue(dataclasses.replace(house.services, enrollment=door))
        client = dataclasses.replace(client, house=dataclasses.replace(house, dialogue=dialogue))
        key.rests = True
        assert (await client.finalize(order, request)).refusal == (503, "serverInternal")
        assert (await client.post(url(order))).json["status"] == "ready"
        key.rests, key.busy = False, True

        slow = await client.finalize(order, request)

        assert (slow.status, slow.json["status"], slow.header("Retry-After")) == (200, "processing", "1")
        assert (await client.post(url(order))).json["status"] == "processing"
        key.busy = False
        await issuer.finish_left(house.core.profiles)
        assert (await client.post(url(order))).json["status"] == "valid"


async def test_a_stranger_with_open_accounts_leaves_room_for_the_others(tmp_path: Path) -> None:
    """All open accounts share one registration, and so its room in an officer's list (docs/decisions/025)."""
    profiles = reviewed(ApprovalRule.ALWAYS, "tls-server")
    async with acme_house(tmp_path, AcmeOptions(open_account="open"), profiles=profiles) as house:
        wanted = [f"n{number}.example" for number in range(6)]
        await house.core.register("open", *granted(*map(names.dns, wanted), vetted=False))
        clients = [house.client(which) for which in range(3)]
        for client in clients:
            assert (await client.new_account(None)).status == 201

        async def ask(client: Client, name: str) -> Answer:
            order = await client.order(name)
            await client.authorize(order)
            return await client.finalize(order, csr_for(name, key=new_key()))

        for client in clients[:2]:
            for name in wanted[:5]:
                assert (await ask(client, name)).json["status"] == "processing"
        of_account, of_source = await ask(clients[0], wanted[5]), await ask(clients[2], wanted[5])

        for refused, whose in ((of_account, "5 requests of this account"), (of_source, "10 requests of this source")):
            assert refused.refusal == (429, "rateLimited")
            assert whose in refused.json["detail"]
        # What waits may still be taken over by a newer order.
        assert (await ask(clients[0], wanted[0])).json["status"] == "processing"
        assert len(await house.core.referrals.requests()) == 10
