"""No request of a client walks over a whole table: what is quick with ten accounts must be quick with a million.

On both databases, for each plans for itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from ca_core.policy.profile import ApprovalRule
from ca_core.revocation.reason import Reason
from ca_core.store import quotas, revocation_requests, shards
from ca_core.store.database import Database, Value
from conformance.stores import KINDS
from protocols.acme.links import Resource
from protocols.acme.records import leftovers, orders
from tests.builders.acme import LINKS, AcmeHouse, acme_house, url
from tests.builders.core import core
from tests.builders.plans import Step, heard, plan, tell
from tests.builders.reviewed import approve, reviewed
from tests.builders.store import store_of

# Tables of one row, and what a statement makes for itself.
_SMALL = {"status_counter", "request_numbers", "CONSTANT", "k", "p", "ranked", "placed"}
# PostgreSQL finds them empty here, and goes through all that waits sooner than one by one through what is asked for.
_SHORT = {
    "acme_orders_waiting",
    "enrollment_requests_waiting",
    "enrollment_requests_of_account",
    "enrollment_requests_of_registration",
    "enrollment_requests_open",
    "revocation_requests_open",
}


def is_long(step: Step) -> bool:
    """Whether there are a million rows to walk over, once there are a million."""
    return step.is_walk and step.name not in _SMALL and step.index not in _SHORT


@pytest.fixture(params=KINDS)
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """Nothing but every table."""
    async with core(tmp_path, store=request.param) as opened:
        yield opened.database


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", [ApprovalRule.AUTOMATIC, ApprovalRule.ALWAYS])
async def test_nothing_on_the_way_to_a_certificate_walks_over_a_table(
    tmp_path: Path, rule: ApprovalRule, kind: str
) -> None:
    tell(store_of(tmp_path, kind))
    async with (
        acme_house(tmp_path, profiles=reviewed(rule, "tls-server"), store=kind) as house,
        heard(house.core.database) as ran,
    ):
        await from_account_to_revocation(house, is_reviewed=rule is ApprovalRule.ALWAYS)

    assert len(ran) > 20
    assert [one for one in ran if any(map(is_long, one.steps))] == []


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


async def test_what_came_to_nothing_is_not_looked_through_for_what_did_not(database: Database) -> None:
    texts = dict.fromkeys(
        ("account_id", "before", "pending", "ready", "processing", "prefix", "waiting", "approved"), ""
    )

    listed, *_ = await plan(database, orders.LISTED, **texts, now=0, most=1)
    failed, *_ = await plan(database, orders.FAIL_ALL, to="", error="", account_id="", was="ready")

    assert (listed.index, failed.index) == ("acme_orders_listed", "acme_orders_listed")


async def test_what_is_kept_is_not_looked_through_for_what_is_cleared_away(database: Database) -> None:
    old, *_ = await plan(database, leftovers.OLD_ORDERS, before=0, prefix="", most=1)
    ahead, *_ = await plan(database, leftovers.OLD_AUTHORIZATIONS, before=0, most=1)
    failed, *_ = await plan(database, leftovers.OLD_FAILURES, before=0, most=1)

    found = [step.index for step in (old, ahead, failed)]
    assert found == ["acme_orders_ended", "acme_authorizations_ahead", "acme_failures_over"]


async def test_the_worker_reads_the_certificates_of_requests_and_no_others(database: Database) -> None:
    steps = await plan(database, revocation_requests.EXPIRED, now=0)

    (of_certificates,) = [step for step in steps if step.name == "c"]
    assert "serial" in of_certificates.by
    # Both hold what waits and nothing else.
    assert {"revocation_requests_pending", "revocation_requests_open"} & {step.index for step in steps}


async def test_a_quota_is_counted_without_a_look_at_what_has_expired(database: Database) -> None:
    values: dict[str, Value] = dict.fromkeys(("registration_id", "profile", "replaces"), "")

    steps = await plan(database, quotas.COUNT, **values, names_digest=b"", window=1, now=1, hold=6)

    assert [step for step in steps if is_long(step) and step.name != "c"] == []
    assert {"certificates_of_registration", "certificates_by_end"} <= {step.index for step in steps}


@pytest.mark.parametrize("sql", [shards.LIVE, shards.LAST_EXPIRY])
async def test_shards_are_found_without_a_look_at_each_certificate(database: Database, sql: str) -> None:
    values: dict[str, Value] = {"issuer": "issuing"} | ({"since": 0} if ":since" in sql else {})

    steps = {step.name: step for step in await plan(database, sql, **values) if step.name != "known"}

    # Of all that are the issuer's, the first one is wanted. PostgreSQL does not say how it goes on from one.
    assert steps.keys() - {"later"} == {"first", "held"}
    assert {step.index for step in steps.values()} == {"certificates_by_shard"}
    assert all("shard" in step.by for name, step in steps.items() if name != "first")
