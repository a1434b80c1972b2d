from __future__ import annotations

import asyncio

import pytest

from ca_core.errors import NotFound
from ca_core.revocation.shelf import Shelf
from tests.builders.core import Core


async def test_who_asks_again_is_given_the_same_copy(core: Core) -> None:
    await core.publisher.publish_all()
    shelf = Shelf(core.database)

    copies = await asyncio.gather(*(shelf.newest("issuing") for _ in range(10)))

    assert len({id(copy.der) for copy in copies}) == 1
    assert (await shelf.newest("issuing")).der is copies[0].der


async def test_what_another_process_published_is_seen_at_once(core: Core) -> None:
    await core.publisher.publish_all()
    shelf = Shelf(core.database)
    before = await shelf.newest("issuing")

    await core.publisher.publish_all()

    assert (await shelf.newest("issuing")).number == before.number + 1


async def test_what_was_asked_for_longest_ago_makes_room(core: Core) -> None:
    await core.publisher.publish_all()
    async with core.database.write() as tx:
        await tx.execute(
            "INSERT INTO publications (name, issuer, shard, number, this_update, next_update, body, parts)"
            " SELECT 'another', 'another', 0, number, this_update, next_update, body, parts FROM publications"
        )
    shelf = Shelf(core.database, most_octets=1)
    first = await shelf.newest("issuing")
    assert (await shelf.newest("issuing")).der is first.der

    await shelf.newest("another")

    assert (await shelf.newest("issuing")).der is not first.der


async def test_a_list_that_is_not_whole_is_not_served(core: Core) -> None:
    await core.publisher.publish_all()
    async with core.database.write() as tx:
        await tx.execute("DELETE FROM publication_parts")

    with pytest.raises(NotFound, match="crl publish"):
        await Shelf(core.database).newest("issuing")
