"""What several servers do to one ACME order at once: see `test_races.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ca_core import names
from conformance.stores import KINDS, POSTGRESQL
from tests.builders.acme import AcmeHouse, Answer, Client, acme_house, csr_for, statuses, url
from tests.builders.core import granted
from tests.builders.est import new_key

_SERVERS = 3


@pytest.fixture(params=KINDS)
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[AcmeHouse]]:
    """Several doors over one store, each with connections of its own."""
    async with AsyncExitStack() as stack:
        count = _SERVERS if request.param == POSTGRESQL else 1
        houses = [acme_house(tmp_path, store=request.param) for _ in range(count)]
        yield [await stack.enter_async_context(house) for house in houses]


def at(server: AcmeHouse, client: Client) -> Client:
    """The same account at another server."""
    return Client(server, client.signer, client.kid)


async def answered(client: Client, order: Answer) -> None:
    for number in range(len(order.json["authorizations"])):
        await client.post(await client.challenge(order, number), {})


@pytest.mark.parametrize("turn", range(3))
async def test_an_order_whose_names_are_proved_at_once_is_ready(servers: list[AcmeHouse], turn: int) -> None:
    wanted = [f"{number}.shop.example" for number in range(6)]
    client = await servers[0].subscriber("shop", *wanted, vetted=False)
    placed = [await client.order(*wanted[first : first + 2]) for first in range(5)]
    for order in placed:
        await answered(client, order)

    await asyncio.gather(*(server.validator.turn() for server in servers))
    await servers[-1].validator.turn()

    assert [(await client.post(url(order))).json["status"] for order in placed] == ["ready"] * 5


async def test_an_order_that_comes_while_its_name_is_proved_is_ready_too(servers: list[AcmeHouse]) -> None:
    client = await servers[0].subscriber("shop", "a.shop.example", vetted=False)
    first = await client.order("a.shop.example")
    # Found pending and untouched by whoever is a moment earlier, or valid by whoever is later.
    ordering = [at(server, client).order("a.shop.example") for server in servers for _ in range(4)]

    async def prove() -> None:
        await answered(client, first)
        await servers[-1].validator.turn()

    placed, _ = await asyncio.gather(asyncio.gather(*ordering), prove())

    for order in placed:
        if (await client.post(url(order))).json["status"] == "pending":
            await client.authorize(order)
        assert (await client.post(url(order))).json["status"] == "ready"


async def test_a_sheet_of_five_binds_five_accounts(servers: list[AcmeHouse]) -> None:
    sheet = await servers[0].core.register("shop", *granted(names.dns("a.example")), uses=5)
    clients = [servers[which % len(servers)].client(which) for which in range(15)]

    answers = await asyncio.gather(*(client.new_account(sheet) for client in clients))

    assert statuses(answers) == [201] * 5 + [403] * 10
    assert await servers[0].core.count("acme_accounts") == 5


async def test_one_key_has_one_account(servers: list[AcmeHouse]) -> None:
    sheet = await servers[0].core.register("shop", *granted(names.dns("a.example")))

    answers = await asyncio.gather(*(servers[which % len(servers)].client().new_account(sheet) for which in range(15)))

    assert statuses(answers) == [200] * 14 + [201]


async def test_a_finalize_at_every_server_brings_one_certificate(servers: list[AcmeHouse]) -> None:
    client = await servers[0].subscriber("shop", "a.example")
    order = await client.order("a.example")
    request = csr_for("a.example", key=new_key())

    answers = await asyncio.gather(
        *(at(servers[which % len(servers)], client).finalize(order, request) for which in range(12))
    )

    assert all(answer.status in {200, 403, 503} for answer in answers), statuses(answers)
    assert await servers[0].core.count("certificates") == 1


async def test_a_deactivation_beside_orders_leaves_none_that_is_finalized_later(servers: list[AcmeHouse]) -> None:
    client = await servers[0].subscriber("shop", "a.example")
    ordering = [at(server, client).order("a.example") for server in servers for _ in range(4)]

    *answers, ended = await asyncio.gather(*ordering, client.post(str(client.kid), {"status": "deactivated"}))

    assert ended.status == 200
    assert {answer.status for answer in answers} <= {201, 401}
    assert await servers[0].core.count("certificates") == 0
