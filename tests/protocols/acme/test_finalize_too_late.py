"""Finalize, when what it has seen changes before it claims the order (RFC 8555, 7.4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ca_core.errors import Refusal
from ca_core.policy.request import parse
from ca_core.store import registrations
from protocols.acme.errors import AccountNotValid, BindingRevoked, OrderNotReady
from protocols.acme.records import accounts
from protocols.acme.records.orders import Outcome
from protocols.acme.resources.finalize import Finalize
from protocols.acme.resources.orders import view
from protocols.acme.sign_in import ByAccount
from tests.builders.acme import SOURCE, AcmeHouse, csr_for, url
from tests.builders.jws import b64

DAY = 86_400


@pytest.mark.parametrize("given_up", ["account", "authorization", "time"])
async def test_what_ends_an_order_while_it_is_being_finalized_leaves_no_certificate(
    house: AcmeHouse, given_up: str
) -> None:
    """As a finalize finds it that has seen a ready order, and claims it too late."""
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    asked = await signed_in(house, str(client.kid))
    seen = await view(house.services, asked, url(order).rpartition("/")[2])
    request = parse(csr_for("a.example"))
    match given_up:
        case "account":
            await client.post(str(client.kid), {"status": "deactivated"})
        case "authorization":
            await client.post(order.json["authorizations"][0], {"status": "deactivated"})
        case _:
            house.core.clock.move(8 * DAY)
            seen = msgspec.structs.replace(seen, authorizations=())

    with pytest.raises(OrderNotReady):
        await Finalize(house.services)._issue(asked, seen, request, b"digest")

    assert await house.core.certificates() == []


@pytest.mark.parametrize("moment", ["before its order is seen", "after its order was seen"])
@pytest.mark.parametrize(
    ("given_up", "refusal"), [("account", AccountNotValid), ("EAB key", BindingRevoked), ("order", OrderNotReady)]
)
async def test_who_lost_its_power_meanwhile_is_told_so_and_not_of_another_request(
    house: AcmeHouse, moment: str, given_up: str, refusal: type[Refusal]
) -> None:
    """RFC 8555, 7.3.6: 401 and unauthorized, whatever came first (docs/decisions/031)."""
    client = await house.subscriber("acme-corp", "a.example")
    order = await client.order("a.example")
    asked = await signed_in(house, str(client.kid))
    payload = msgspec.json.encode({"csr": b64(csr_for("a.example"))})
    asked = msgspec.structs.replace(asked, payload=payload)

    async def give_up() -> None:
        match given_up:
            case "account":
                await client.post(str(client.kid), {"status": "deactivated"})
            case "EAB key":
                async with house.core.database.write() as tx:
                    await tx.execute("UPDATE credentials SET revoked_at = 1 WHERE kid IS NOT NULL")
            case _:
                await client.post(order.json["authorizations"][0], {"status": "deactivated"})

    class Late(Finalize):
        async def _issue(self, *late: Any) -> Outcome:
            await give_up()
            return await super()._issue(*late)

    door = Late(house.services) if moment.startswith("after") else Finalize(house.services)
    if not moment.startswith("after"):
        await give_up()

    with pytest.raises(refusal):
        await door.finalize(asked, url(order).rpartition("/")[2])

    assert await house.core.certificates() == []


async def signed_in(house: AcmeHouse, account_url: str) -> ByAccount:
    async with house.core.database.read() as tx:
        account = await accounts.by_id(tx, account_url.rpartition("/")[2])
        assert account is not None
        registration = await registrations.by_id(tx, account.registration_id)
    return ByAccount(account, registration, url="", payload=b"", query="", source=SOURCE)
