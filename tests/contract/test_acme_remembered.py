"""What one server of several remembers of an ACME account is good for nothing once another one has changed it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from ca_core import names
from conformance.stores import KINDS, POSTGRESQL
from protocols.acme import sign_in
from protocols.acme.dialogue import AcmeDialogue
from protocols.acme.links import Resource
from protocols.acme.nonces import Nonces
from protocols.acme.spending import OwnSpending, SharedSpending, Spending
from tests.builders import jws
from tests.builders.acme import LINKS, AcmeHouse, Answer, Client, acme_house, statuses
from tests.builders.core import granted
from tests.builders.jws import Signer, signer

KEY_CHANGE = LINKS.to(Resource.KEY_CHANGE)
NEW = signer("ES256", 20)
UNKNOWN = signer("ES256", 30)


async def spending(house: AcmeHouse, kind: str) -> Spending:
    clock = house.core.clock
    if kind != POSTGRESQL:
        return OwnSpending(clock, Nonces(bytes(32)))
    shared = SharedSpending(house.core.database, clock, lambda seed: seed)
    await shared.open()
    return shared


@pytest.fixture(params=KINDS)
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[AcmeHouse]]:
    """Two doors over one store that spend nonces as a server of that store does; in a file, one door twice."""
    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(2 if request.param == POSTGRESQL else 1):
            house = await stack.enter_async_context(acme_house(tmp_path, store=request.param))
            services = replace(house.services, nonces=await spending(house, request.param))
            houses.append(replace(house, services=services, dialogue=AcmeDialogue(services)))
        yield houses if len(houses) > 1 else houses * 2


@pytest.fixture
async def client(servers: list[AcmeHouse]) -> Client:
    """An account whose key both servers remember."""
    made = await servers[0].subscriber("shop", "a.example")
    for server in servers:
        for _ in range(2):
            assert (await read(server, made, made.signer)).status == 200
    return made


async def read(server: AcmeHouse, client: Client, by: Signer, *, nonce: str | None = None) -> Answer:
    """Read the account at a server, signed by a key."""
    return await Client(server, by, client.kid).post(str(client.kid), nonce=nonce)


async def change(client: Client) -> None:
    payload = {"account": client.kid, "oldKey": client.signer.jwk}
    changed = await client.post(KEY_CHANGE, jws.request(NEW, payload, url=KEY_CHANGE, nonce=None))
    assert changed.status == 200


async def test_a_key_that_was_changed_elsewhere_opens_nothing_and_the_new_one_does(
    servers: list[AcmeHouse], client: Client
) -> None:
    old = client.signer
    await change(client)

    for server in reversed(servers):
        assert [(await read(server, client, old)).refusal for _ in range(2)] == [(400, "malformed")] * 2
        assert [(await read(server, client, NEW)).status for _ in range(2)] == [200, 200]
        assert (await read(server, client, old)).refusal == (400, "malformed")


async def test_whose_key_it_never_was_opens_nothing_and_spends_no_nonce(
    servers: list[AcmeHouse], client: Client
) -> None:
    for server in servers:
        nonce = await server.nonce()

        assert (await read(server, client, UNKNOWN, nonce=nonce)).refusal == (400, "malformed")

        assert (await read(server, client, client.signer, nonce=nonce)).status == 200
        assert (await read(server, client, client.signer, nonce=nonce)).problem == "badNonce"


async def test_an_account_that_was_given_up_elsewhere_has_no_power(servers: list[AcmeHouse], client: Client) -> None:
    assert (await client.post(str(client.kid), {"status": "deactivated"})).status == 200

    for server in servers:
        assert (await read(server, client, client.signer)).refusal == (401, "unauthorized")


async def test_a_registration_that_is_suspended_elsewhere_has_no_power_until_it_is_resumed(
    servers: list[AcmeHouse], client: Client
) -> None:
    await servers[0].core.desk.suspend("shop", actor="test")
    assert [(await read(server, client, client.signer)).status for server in servers] == [403, 403]

    await servers[0].core.desk.resume("shop", actor="test")
    assert [(await read(server, client, client.signer)).status for server in servers] == [200, 200]


async def test_of_a_hundred_that_are_sent_one_nonce_to_both_one_is_answered(
    servers: list[AcmeHouse], client: Client
) -> None:
    nonce = await servers[0].nonce()

    answers = await asyncio.gather(
        *(read(servers[which % 2], client, client.signer, nonce=nonce) for which in range(100))
    )

    assert statuses(answers) == [200] + [400] * 99


async def test_more_accounts_than_are_remembered_are_served_alike(
    servers: list[AcmeHouse], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "_MOST_REMEMBERED", 2)
    sheet = await servers[0].core.register("shop", *granted(names.dns("a.example")), uses=5)
    clients = [servers[0].client(which) for which in range(5)]
    for one in clients:
        assert (await one.new_account(sheet)).status == 201

    for one in clients * 2:
        assert [(await read(server, one, one.signer)).status for server in servers] == [200, 200]
