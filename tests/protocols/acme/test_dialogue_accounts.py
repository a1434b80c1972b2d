"""Accounts: RFC 8555, 7.3; WIRE, External account binding."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.errors import Misconfigured
from ca_core.names import dns
from protocols.acme.dialogue import AcmeOptions
from protocols.acme.links import Resource
from tests.builders import jws
from tests.builders.acme import (
    LINKS,
    AcmeHouse,
    Client,
    acme_house,
    close_primes_signer,
    csr_for,
    statuses,
)
from tests.builders.core import granted
from tests.builders.jws import rsa_signer, signer

NEW_ACCOUNT = LINKS.to(Resource.NEW_ACCOUNT)


async def test_a_sheets_eab_key_makes_an_account(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()

    answer = await client.new_account(sheet, contact=["mailto:ops@example.com"], termsOfServiceAgreed=True)

    assert answer.status == 201
    assert answer.json["status"] == "valid"
    assert answer.json["contact"] == ["mailto:ops@example.com"]
    assert answer.json["orders"] == f"{client.kid}/orders"
    assert answer.json["externalAccountBinding"]["payload"]
    (event,) = await house.core.journal("acme-account-bound")
    assert sheet.eab is not None
    assert event.detail["kid"] == sheet.eab.kid
    assert event.actor == "acme:eab-key:192.0.2.7"


async def test_without_a_binding_there_is_no_account(house: AcmeHouse) -> None:
    answer = await house.client().new_account(None)

    assert answer.refusal == (403, "externalAccountRequired")
    assert await house.core.count("acme_accounts") == 0


async def test_an_account_that_exists_is_found_without_a_binding(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", uses=1)
    client = house.client()
    created = await client.new_account(sheet)

    found = await client.new_account(None)
    looked_up = await client.new_account(None, onlyReturnExisting=True)

    assert statuses([found, looked_up]) == [200, 200]
    assert found.header("Location") == looked_up.header("Location") == created.header("Location")


async def test_a_binding_that_comes_again_costs_nothing(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", uses=2)
    client = house.client()

    answers = [await client.new_account(sheet) for _ in range(3)]

    assert [answer.status for answer in answers] == [201, 200, 200]
    assert (await house.client(1).new_account(sheet)).status == 201


async def test_an_account_is_never_bound_to_another_registration(house: AcmeHouse) -> None:
    first, second = await house.core.register("first"), await house.core.register("second", *granted(dns("b.example")))
    client = house.client()
    await client.new_account(first)

    answer = await client.new_account(second)

    assert answer.status == 200
    assert (await client.order("b.example")).refusal == (403, "rejectedIdentifier")
    assert len(await house.core.journal("acme-account-bound")) == 1


async def test_looking_for_an_account_makes_none(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")

    answer = await house.client().new_account(sheet, onlyReturnExisting=True)

    assert answer.refusal == (400, "accountDoesNotExist")
    assert await house.core.count("acme_accounts") == 0


async def test_an_unknown_kid_and_a_wrong_key_are_answered_alike(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()

    answers = [
        await client.new_account(None, externalAccountBinding=client.binding(sheet, kid="NOBODY")),
        await client.new_account(None, externalAccountBinding=client.binding(sheet, mac_key=bytes(32))),
    ]

    assert [answer.refusal for answer in answers] == [(403, "unauthorized")] * 2
    assert answers[0].body == answers[1].body
    assert [event.detail["door"] for event in await house.core.journal("credential-refused")] == ["acme"] * 2


async def test_wrong_bindings_are_throttled_by_their_source(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()
    wrong = client.binding(sheet, mac_key=bytes(32))

    answers = [await client.new_account(None, externalAccountBinding=wrong) for _ in range(40)]

    last = answers[-1]
    assert last.refusal == (429, "rateLimited")
    assert int(last.header("Retry-After")) >= 1
    assert (await client.new_account(sheet)).status == 201


@pytest.mark.parametrize(
    "changed",
    [{"url": LINKS.to(Resource.NEW_ORDER)}, {"jwk": signer("ES256", 9).jwk}, {"jwk": {"kty": "oct", "k": "AA"}}],
)
async def test_a_binding_is_for_this_request_and_this_key(house: AcmeHouse, changed: dict[str, Any]) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()

    answer = await client.new_account(None, externalAccountBinding=client.binding(sheet, **changed))

    assert answer.refusal == (403, "unauthorized")


async def test_a_newer_sheet_voids_the_key_of_the_one_before(house: AcmeHouse) -> None:
    old = await house.core.register("acme-corp")
    await house.core.desk.new_sheet("acme-corp", actor="test")

    assert (await house.client().new_account(old)).refusal == (403, "unauthorized")


async def test_a_sheet_line_binds_to_as_many_accounts_as_it_has_uses(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", uses=1)

    first = await house.client(0).new_account(sheet)
    second = await house.client(1).new_account(sheet)

    assert first.status == 201
    assert second.refusal == (403, "unauthorized")
    assert "no uses left" in second.json["detail"]
    assert await house.core.count("acme_accounts") == 1


async def test_an_expired_sheet_says_so(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    house.core.clock.move(366 * 86_400)

    answer = await house.client().new_account(sheet)

    assert answer.refusal == (403, "unauthorized")
    assert "expired" in answer.json["detail"]


async def test_fifty_new_accounts_at_once_with_one_key_are_one(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", uses=50)
    client = house.client()

    answers = await asyncio.gather(*(client.new_account(sheet) for _ in range(50)))

    assert Counter(answer.status for answer in answers) == {201: 1, 200: 49}
    assert len({answer.header("Location") for answer in answers}) == 1
    assert len(await house.core.journal("acme-account-bound")) == 1
    async with house.core.database.read() as tx:
        assert await tx.all("SELECT uses_left FROM credentials WHERE kind = 'eab-key'") == [(49,)]


async def test_fifty_keys_at_once_with_one_single_use_binding_are_one_account(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp", uses=1)

    answers = await asyncio.gather(*(house.client(which).new_account(sheet) for which in range(50)))

    assert Counter(answer.status for answer in answers) == {201: 1, 403: 49}
    assert await house.core.count("acme_accounts") == 1


@pytest.mark.parametrize("move", ["suspend", "close"])
async def test_a_registration_that_is_not_active_gets_no_account(house: AcmeHouse, move: str) -> None:
    sheet = await house.core.register("acme-corp")
    await getattr(house.core.desk, move)("acme-corp", actor="test")

    answer = await house.client().new_account(sheet)

    assert answer.refusal == (403, "unauthorized")
    assert await house.core.count("acme_accounts") == 0


async def test_a_suspended_registration_has_no_power_and_gets_it_back(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")

    await house.core.desk.suspend("acme-corp", actor="test")
    refused = [
        await client.finalize(order),
        await client.order("a.example"),
        await client.post(str(client.kid)),
        await client.new_account(None),
    ]
    await house.core.desk.resume("acme-corp", actor="test")

    assert [answer.refusal for answer in refused] == [(403, "unauthorized")] * 4
    assert (await client.finalize(order)).status == 200


@pytest.mark.parametrize("weak", [rsa_signer("RS256", 1024), close_primes_signer()], ids=["short", "fermat"])
async def test_a_weak_key_gets_no_account(house: AcmeHouse, weak: jws.Signer) -> None:
    sheet = await house.core.register("acme-corp")

    answer = await Client(house, weak).new_account(sheet)

    assert answer.refusal == (400, "badPublicKey")
    assert await house.core.count("acme_accounts") == 0


async def test_a_key_that_is_certified_gets_no_account(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    other = signer("ES256", 7)
    await client.certificate("a.example", key=other.private)
    sheet = await house.core.desk.new_sheet("acme-corp", actor="test")

    answer = await Client(house, other).new_account(sheet)

    assert answer.refusal == (400, "badPublicKey")
    assert await house.core.count("acme_accounts") == 1


async def test_contacts_change_and_everything_else_stays(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")

    changed = await client.post(
        str(client.kid), {"contact": ["mailto:new@example.com"], "status": "valid", "orders": "x"}
    )

    assert changed.status == 200
    shown = (await client.post(str(client.kid))).json
    assert shown == changed.json
    assert (shown["contact"], shown["status"]) == (["mailto:new@example.com"], "valid")
    assert len(await house.core.journal("acme-contacts-changed")) == 1


async def test_a_bad_contact_changes_nothing(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")

    answer = await client.post(str(client.kid), {"contact": ["tel:1"], "status": "deactivated"})

    assert answer.refusal == (400, "unsupportedContact")
    assert (await client.post(str(client.kid))).json["status"] == "valid"


async def test_a_deactivated_account_has_no_power_left(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    der = (await client.certificate("a.example")).public_bytes(Encoding.DER)

    gone = await client.post(str(client.kid), {"status": "deactivated"})
    refused = [
        await client.post(str(client.kid)),
        await client.order("a.example"),
        await client.finalize(order),
        await client.post(order.header("Location")),
        await client.revoke(der),
        await client.new_account(None),
        await client.new_account(await house.core.desk.new_sheet("acme-corp", actor="test")),
    ]

    assert gone.json["status"] == "deactivated"
    assert [answer.refusal for answer in refused] == [(401, "unauthorized")] * len(refused)
    assert len(await house.core.journal("acme-account-deactivated")) == 1


async def test_what_waits_for_an_account_ends_with_it(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example", vetted=False)
    other = await house.subscriber("other", "c.example", which=1, vetted=False)
    ready, waiting = await client.order("a.example"), await client.order("b.example")
    await client.authorize(ready)
    authorization = (await client.post(waiting.json["authorizations"][0])).json
    await client.post(next(one["url"] for one in authorization["challenges"] if one["type"] == "http-01"), {})
    others = await other.order("c.example")

    await client.post(str(client.kid), {"status": "deactivated"})
    await house.validator.turn()

    async with house.core.database.read() as tx:
        ended = await tx.all(
            "SELECT o.status, a.status FROM acme_orders o JOIN acme_order_authorizations l ON l.order_id = o.id"
            " JOIN acme_authorizations a ON a.id = l.authorization_id WHERE o.account_id = :id",
            id=str(client.kid)[-32:],
        )
        errors = await tx.all("SELECT DISTINCT error FROM acme_orders WHERE status = 'invalid'")
    assert ended == [("invalid", "deactivated")] * 2
    assert "was deactivated" in errors[0][0]
    assert (await other.post(others.header("Location"))).json["status"] == "pending"
    # The probe that was on its way finds nobody to tell.
    assert len(await house.core.journal("name-proved")) == 1


async def test_of_many_deactivations_at_once_one_is_recorded(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp")

    answers = await asyncio.gather(*(client.post(str(client.kid), {"status": "deactivated"}) for _ in range(10)))

    assert Counter(answer.status for answer in answers) == {200: 1, 401: 9}
    assert len(await house.core.journal("acme-account-deactivated")) == 1


async def test_an_account_may_have_no_contact_any_more(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()
    await client.new_account(sheet, contact=["mailto:a@example.com", "mailto:b@example.com"])

    answer = await client.post(str(client.kid), {"contact": []})

    assert (answer.status, answer.json["contact"]) == (200, [])
    assert (await client.post(str(client.kid))).json["contact"] == []


async def test_nobody_reads_anothers_account_or_orders(house: AcmeHouse) -> None:
    victim = await house.subscriber("victim", "a.example")
    thief = await house.subscriber("thief", which=1)
    missing = LINKS.to(Resource.ACCOUNT, "0" * 32)

    answers = [await thief.post(url) for url in (str(victim.kid), f"{victim.kid}/orders", missing)]
    gone = await thief.post(str(victim.kid), {"status": "deactivated"})

    assert [answer.refusal for answer in [*answers, gone]] == [(404, "malformed")] * 4
    assert answers[0].body == answers[2].body
    assert (await victim.post(str(victim.kid))).json["status"] == "valid"


async def test_an_account_lists_its_orders_newest_first_and_without_the_invalid(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example", "b.example")
    old = await client.order("a.example")
    house.core.clock.move(7 * 86_400)
    orders = [await client.order("a.example") for _ in range(2)]
    house.core.clock.move(1)

    listed = await client.post(f"{client.kid}/orders")

    urls = listed.json["orders"]
    assert sorted(urls) == sorted(order.header("Location") for order in orders)
    assert urls == sorted(urls, reverse=True)
    assert old.header("Location") not in urls


async def test_a_long_list_comes_in_pages(house: AcmeHouse) -> None:
    client = await house.subscriber("acme-corp", "a.example")
    made = {(await client.order("a.example")).header("Location") for _ in range(101)}

    first = await client.post(f"{client.kid}/orders")
    next_url = next(link for link in first.headers["Link"] if 'rel="next"' in link).split(">")[0][1:]
    second = await client.post(next_url)

    assert (len(first.json["orders"]), len(second.json["orders"])) == (100, 1)
    assert {*first.json["orders"], *second.json["orders"]} == made
    assert len(second.headers["Link"]) == 1


async def test_an_open_account_falls_under_the_registration_that_the_operator_named(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(open_account="everybody")) as house:
        await house.core.register("everybody", *granted(dns("a.example")))
        client = house.client()

        created = await client.new_account(None)
        order = await client.order("a.example")

        assert (await house.send("GET", LINKS.to(Resource.DIRECTORY))).json["meta"]["externalAccountRequired"] is False
        assert created.status == 201
        assert "externalAccountBinding" not in created.json
        # Nobody vouched for who holds it, so what the RA vetted is challenged all the same.
        assert order.json["status"] == "pending"
        await client.authorize(order)
        assert (await client.finalize(order)).json["status"] == "valid"
        (event,) = await house.core.journal("acme-account-bound")
        assert (event.actor, event.detail["kid"]) == ("acme:open-account:192.0.2.7", None)


async def test_an_open_account_proves_a_wildcard_in_the_dns_whoever_vouched_for_it(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(open_account="everybody")) as house:
        await house.core.register("everybody", *granted(dns("*.a.example")))
        client = house.client()
        await client.new_account(None)

        order = await client.order("*.a.example")

        authorization = (await client.post(order.json["authorizations"][0])).json
        assert order.json["status"] == "pending"
        assert [one["type"] for one in authorization["challenges"]] == ["dns-01"]


async def test_an_open_account_that_nobody_registered_is_the_operators_fault(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(open_account="nobody")) as house:
        with pytest.raises(Misconfigured):
            await house.client().new_account(None)


async def test_a_binding_that_is_no_jws_is_malformed(house: AcmeHouse) -> None:
    answer = await house.client().new_account(None, externalAccountBinding={"protected": "x"})

    assert answer.refusal == (400, "malformed")


async def test_the_binding_is_echoed_as_it_came(house: AcmeHouse) -> None:
    sheet = await house.core.register("acme-corp")
    client = house.client()
    binding = client.binding(sheet)

    await client.new_account(None, externalAccountBinding=binding)

    assert (await client.post(str(client.kid))).json["externalAccountBinding"] == json.loads(json.dumps(binding))


async def test_the_account_key_is_certified_for_nobody(house: AcmeHouse) -> None:
    one = await house.subscriber("one", "a.example")
    two = await house.subscriber("two", "b.example", which=1)

    own = await one.finalize(await one.order("a.example"), csr_for("a.example", key=one.signer.private))
    others = await two.finalize(await two.order("b.example"), csr_for("b.example", key=one.signer.private))

    assert own.refusal == others.refusal == (400, "badCSR")
    assert await house.core.certificates() == []
