"""The subscriber agreement: RFC 8555, 7.3 and 7.3.3; RULES, S15."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.names import dns
from ca_core.registration.agreement import PLAIN_TEXT, Agreement, agreement
from protocols.acme.dialogue import AcmeDialogue
from protocols.acme.links import Help, Resource
from tests.builders.acme import BASE, LINKS, AcmeHouse, Answer, Client, acme_house, agreements_of
from tests.builders.core import granted

FIRST = agreement("2026-1", b"Keep your key.", PLAIN_TEXT, "agreement.txt")
SECOND = agreement("2026-2", b"Keep your key, and tell us when you lost it.", PLAIN_TEXT, "agreement.txt")
AGREED = {"termsOfServiceAgreed": True}


@pytest.fixture
async def agreeing(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, agreement=FIRST) as opened:
        yield opened


def under(house: AcmeHouse, current: Agreement | None) -> AcmeHouse:
    """The same house after a start with another agreement."""
    services = replace(house.services, agreements=agreements_of(house.core, current))
    return replace(house, services=services, dialogue=AcmeDialogue(services))


async def account(house: AcmeHouse, *names: str) -> Client:
    """An account that has accepted the agreement of its time."""
    sheet = await house.core.register("acme-corp", *granted(*map(dns, names)))
    client = house.client()
    assert (await client.new_account(sheet, **AGREED)).status == 201
    return client


def asks_for(answer: Answer, version: str) -> bool:
    """Whether it is what RFC 8555, 7.3.3 says: type, status, link and instance."""
    return (
        answer.refusal == (403, "userActionRequired")
        and f'<{LINKS.agreement(version)}>;rel="terms-of-service"' in answer.headers["Link"]
        and answer.json["instance"].startswith(f"{BASE}/agreement?token=")
        and answer.json["instance"] in answer.json["detail"]
    )


async def test_the_directory_names_the_text(agreeing: AcmeHouse) -> None:
    shown = await agreeing.send("GET", LINKS.to(Resource.DIRECTORY))

    assert shown.json["meta"]["termsOfService"] == LINKS.agreement("2026-1") == f"{LINKS.base}/agreement/2026-1"


@pytest.mark.parametrize("members", [{}, {"termsOfServiceAgreed": False}, {"termsOfServiceAgreed": None}])
async def test_a_new_account_must_accept_and_spends_nothing_until_then(
    agreeing: AcmeHouse, members: dict[str, object]
) -> None:
    sheet = await agreeing.core.register("acme-corp", uses=1)
    client = agreeing.client()

    refused = await client.new_account(sheet, **members)

    assert refused.refusal == (403, "userActionRequired")
    assert f'<{LINKS.agreement("2026-1")}>;rel="terms-of-service"' in refused.headers["Link"]
    assert refused.json["instance"] == LINKS.help(Help.TERMS)
    assert await agreeing.core.count("acme_accounts") == 0
    assert (await client.new_account(sheet, **AGREED)).status == 201


async def test_what_was_accepted_is_kept_with_the_account_and_in_the_journal(agreeing: AcmeHouse) -> None:
    await account(agreeing)

    async with agreeing.core.database.read() as tx:
        rows = await tx.all("SELECT agreed_version, agreed_sha256, agreed_at FROM acme_accounts")
    (event,) = await agreeing.core.journal("acme-agreement-accepted")
    assert rows == [("2026-1", FIRST.sha256, agreeing.core.clock.now())]
    assert (event.detail["version"], event.detail["sha256"]) == ("2026-1", FIRST.sha256)
    assert event.registration_id is not None


async def test_a_new_version_asks_again_before_anything_is_ordered(agreeing: AcmeHouse) -> None:
    client = await account(agreeing, "a.example")
    order = await client.order("a.example")
    client.house = under(agreeing, SECOND)

    refused = [await client.order("a.example"), await client.finalize(order)]

    assert all(asks_for(answer, "2026-2") for answer in refused)
    assert (await client.post(order.header("Location"))).json["status"] == "ready"


async def test_reading_revoking_and_changing_data_go_on(agreeing: AcmeHouse) -> None:
    client = await account(agreeing, "a.example")
    order = await client.order("a.example")
    der = (await client.certificate("a.example")).public_bytes(Encoding.DER)
    client.house = under(agreeing, SECOND)

    answers = [
        await client.post(str(client.kid)),
        await client.post(order.header("Location")),
        await client.post(f"{client.kid}/orders"),
        await client.post(str(client.kid), {"contact": ["mailto:new@example.com"]}),
        await client.new_account(None),
        await client.revoke(der),
        await client.post(str(client.kid), {"status": "deactivated"}),
    ]

    assert [answer.status for answer in answers] == [200] * len(answers)
    assert len(await agreeing.core.journal("acme-agreement-accepted")) == 1


async def test_it_is_accepted_by_a_new_account_of_the_same_key(agreeing: AcmeHouse) -> None:
    client = await account(agreeing, "a.example")
    client.house = under(agreeing, SECOND)

    for _ in range(2):
        assert (await client.new_account(None, **AGREED)).status == 200

    assert (await client.order("a.example")).status == 201
    events = await agreeing.core.journal("acme-agreement-accepted")
    assert [event.detail["version"] for event in events] == ["2026-1", "2026-2"]
    assert {event.actor.split(":")[0] for event in events} == {"acme"}


@pytest.mark.parametrize("members", [{"termsOfServiceAgreed": False}, {"contact": []}, {}])
async def test_nothing_else_accepts_it(agreeing: AcmeHouse, members: dict[str, object]) -> None:
    client = await account(agreeing, "a.example")
    client.house = under(agreeing, SECOND)

    await client.post(str(client.kid), members | AGREED)  # RFC 8555, 7.3.2: ignored in an update
    await client.new_account(None, **members)
    await client.new_account(None, **AGREED, onlyReturnExisting=True)

    assert asks_for(await client.order("a.example"), "2026-2")


async def test_to_look_for_an_account_needs_no_acceptance(agreeing: AcmeHouse) -> None:
    client = await account(agreeing)

    found = await client.new_account(None, onlyReturnExisting=True)
    unknown = await agreeing.client(1).new_account(None, onlyReturnExisting=True)

    assert (found.status, found.header("Location")) == (200, client.kid)
    assert unknown.refusal == (400, "accountDoesNotExist")


async def test_many_acceptances_at_once_are_one(agreeing: AcmeHouse) -> None:
    client = await account(agreeing)
    client.house = under(agreeing, SECOND)

    answers = await asyncio.gather(*(client.new_account(None, **AGREED) for _ in range(10)))

    assert {answer.status for answer in answers} == {200}
    assert len(await agreeing.core.journal("acme-agreement-accepted")) == 2


async def test_where_there_is_no_agreement_nothing_is_asked_or_kept(house: AcmeHouse) -> None:
    client = await account(house, "a.example")

    assert (await client.order("a.example")).status == 201
    assert (await client.post(str(client.kid), AGREED)).status == 200
    assert "termsOfService" not in (await house.send("GET", LINKS.to(Resource.DIRECTORY))).json["meta"]
    assert await house.core.journal("acme-agreement-accepted") == []


async def test_an_account_of_before_the_first_agreement_is_asked(house: AcmeHouse) -> None:
    client = await account(house, "a.example")
    client.house = under(house, FIRST)

    assert asks_for(await client.order("a.example"), "2026-1")
