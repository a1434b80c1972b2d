"""No request of a client walks over a whole table: what is quick with ten accounts must be quick with a million."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.policy.profile import ApprovalRule
from ca_core.revocation.reason import Reason
from ca_core.store.database import Database
from ca_core.store.sqlite import SqliteDatabase
from protocols.acme.links import Resource
from tests.builders.acme import LINKS, AcmeHouse, acme_house, url
from tests.builders.reviewed import approve, reviewed

# Tables of one row, and what a statement makes for itself.
_SMALL = {"status_counter", "request_numbers", "CONSTANT", "k", "p", "ranked", "placed"}
_WALK = re.compile(r"SCAN (\(?[\w-]+\)?)")
_STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE)\b")


@asynccontextmanager
async def walks(database: Database) -> AsyncIterator[list[str]]:
    """The statements of the block that walk over a table, each with how; filled at its end."""
    found: list[str] = []
    ran: set[str] = set()
    assert isinstance(database, SqliteDatabase)
    for connection in database.connections:
        connection.set_trace_callback(ran.add)
    yield found
    statements = sorted(one for one in ran if _STATEMENT.match(one))
    async with database.read() as tx:
        for statement in statements:
            steps = [row[-1] for row in await tx.all(f"EXPLAIN QUERY PLAN {statement}")]
            over = [walk[1] for step in steps if (walk := _WALK.match(step))]
            found += [f"{one}: {statement}" for one in over if one not in _SMALL and not one.startswith("(")]


@pytest.mark.parametrize("rule", [ApprovalRule.AUTOMATIC, ApprovalRule.ALWAYS])
async def test_nothing_on_the_way_to_a_certificate_walks_over_a_table(tmp_path: Path, rule: ApprovalRule) -> None:
    async with (
        acme_house(tmp_path, profiles=reviewed(rule, "tls-server")) as house,
        walks(house.core.database) as found,
    ):
        await from_account_to_revocation(house, is_reviewed=rule is ApprovalRule.ALWAYS)

    assert found == []


async def from_account_to_revocation(house: AcmeHouse, *, is_reviewed: bool) -> None:
    client = await house.subscriber("acme-corp", "a.example", vetted=False)
    order = await client.order("a.example")
    await client.authorize(order)
    await client.finalize(order)
    if is_reviewed:
        await approve(house.core, 1)
    done = await client.post(url(order))
    assert done.json["status"] == "valid"
    chain = x509.load_pem_x509_certificates((await client.post(done.json["certificate"])).body)
    der = chain[0].public_bytes(Encoding.DER)
    assert client.kid is not None
    assert len((await client.post(f"{client.kid}/orders")).json["orders"]) == 1
    assert (await client.revoke(der, reason=Reason.SUPERSEDED.value)).status in {200, 403}
    assert (await client.post(client.kid, {"contact": ["mailto:a@a.example"]})).status == 200
    assert (await client.post(LINKS.to(Resource.NEW_ORDER), {})).status == 400
    assert (await client.post(client.kid, {"status": "deactivated"})).status == 200
