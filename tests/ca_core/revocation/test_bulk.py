"""Bulk revocation: dry run, batches, and taking up a run that was cut off."""

from __future__ import annotations

import pytest
from cryptography.x509 import ReasonFlags

from ca_core import names
from ca_core.errors import BadReason, WrongState
from ca_core.revocation.bulk import BulkRevocation, Found
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.revocation.selector import Selector
from ca_core.store.certificates import Certificate
from tests.builders.core import Core
from tests.builders.est import new_key
from tests.builders.revocation import enroll, entry_of, issued, now, reason_of

DAY = 86_400


@pytest.fixture
def bulk(core: Core) -> BulkRevocation:
    return BulkRevocation(core.database, core.clock)


async def run(
    bulk: BulkRevocation,
    found: Found,
    selector: Selector,
    reason: Reason = Reason.SUPERSEDED,
    *,
    expected: int | None = None,
) -> list[int]:
    return [count async for count in bulk.run(found, selector, reason, actor="test", expected=expected)]


async def selected(bulk: BulkRevocation, selector: Selector) -> set[str]:
    return {certificate.serial for certificate in (await bulk.find(selector, Reason.SUPERSEDED)).certificates}


async def test_each_condition_selects(core: Core, bulk: BulkRevocation) -> None:
    first = await issued(core, "one")
    core.clock.move(DAY)
    second = await issued(core, "two")
    registration = await core.desk.show("two")

    for selector, expected in (
        (Selector(profile="device"), {first.serial, second.serial}),
        (Selector(profile="signing"), set()),
        (Selector(issuer="issuing"), {first.serial, second.serial}),
        (Selector(issuer="other"), set()),
        (Selector(registration_id=registration.id), {second.serial}),
        (Selector(name=names.dns("one.example")), {first.serial}),
        (Selector(issued_since=core.clock.now()), {second.serial}),
        (Selector(issued_until=core.clock.now() - 1), {first.serial}),
        (Selector(spki_sha256=first.spki_sha256), {first.serial}),
        (Selector(serials=frozenset({second.serial})), {second.serial}),
        (Selector(profile="device", name=names.dns("two.example")), {second.serial}),
    ):
        assert await selected(bulk, selector) == expected, str(selector)


async def test_a_dry_run_changes_nothing_and_names_what_it_does_not_find(core: Core, bulk: BulkRevocation) -> None:
    certificate = await issued(core)
    before = await core.count("journal")

    found = await bulk.find(Selector(serials=frozenset({certificate.serial, "ab" * 20})), Reason.SUPERSEDED)

    assert [one.serial for one in found.certificates] == [certificate.serial]
    assert found.unknown == ("ab" * 20,)
    assert (await now(core, certificate)).revoked_at is None
    assert await core.count("journal") == before


async def test_only_live_certificates_are_selected(core: Core, bulk: BulkRevocation) -> None:
    revoked, held, live = [await issued(core, account) for account in ("one", "two", "three")]
    await core.revocations.revoke(revoked.serial, Reason.SUPERSEDED, actor="test")
    await core.revocations.hold(held.serial, actor="test")

    assert await selected(bulk, Selector(profile="device")) == {held.serial, live.serial}
    core.clock.move(91 * DAY)
    assert await selected(bulk, Selector(profile="device")) == set()


async def test_a_run_revokes_in_batches_with_an_event_each(core: Core) -> None:
    bulk = BulkRevocation(core.database, core.clock, batch=2)
    all_: list[Certificate] = [await issued(core, f"a{number}") for number in range(5)]
    await core.revocations.hold(all_[0].serial, actor="test")
    selector = Selector(profile="device")

    counts = await run(bulk, await bulk.find(selector, Reason.SUPERSEDED), selector, expected=5)

    assert counts == [2, 2, 1]
    for certificate in all_:
        assert reason_of(await entry_of(core, certificate)) is ReasonFlags.superseded
    assert {event.serial for event in await core.journal("certificate-revoked")} == {one.serial for one in all_}
    batches = await core.journal("bulk-revocation")
    assert [event.detail["count"] for event in batches] == counts
    assert batches[0].detail["selector"] == "profile device"
    async with core.database.read() as tx:
        changes = await tx.all("SELECT id FROM status_changes ORDER BY id")
    assert [number for (number,) in changes] == list(range(1, 7))


async def test_a_run_that_was_cut_off_is_taken_up(core: Core) -> None:
    bulk = BulkRevocation(core.database, core.clock, batch=2)
    for number in range(5):
        await issued(core, f"a{number}")
    selector = Selector(profile="device")
    found = await bulk.find(selector, Reason.SUPERSEDED)
    first = bulk.run(found, selector, Reason.SUPERSEDED, actor="test", expected=5)
    assert await anext(first) == 2

    rest = await bulk.find(selector, Reason.SUPERSEDED)
    counts = await run(bulk, rest, selector, expected=3)

    assert counts == [2, 1]
    assert await selected(bulk, selector) == set()


async def test_what_was_revoked_meanwhile_is_passed_over(core: Core, bulk: BulkRevocation) -> None:
    mine, theirs = await issued(core, "one"), await issued(core, "two")
    selector = Selector(profile="device")
    found = await bulk.find(selector, Reason.SUPERSEDED)
    await core.revocations.revoke(theirs.serial, Reason.CESSATION_OF_OPERATION, actor="test")

    assert await run(bulk, found, selector) == [1]

    assert (await now(core, mine)).reason == Reason.SUPERSEDED
    assert (await now(core, theirs)).reason == Reason.CESSATION_OF_OPERATION


async def test_another_number_than_the_dry_run_promised_stops_the_run(core: Core, bulk: BulkRevocation) -> None:
    await issued(core)
    selector = Selector(profile="device")

    with pytest.raises(WrongState, match="finds 1 certificates, not 2"):
        await run(bulk, await bulk.find(selector, Reason.SUPERSEDED), selector, expected=2)


async def test_nobody_revokes_everything_or_holds_in_bulk(core: Core, bulk: BulkRevocation) -> None:
    certificate = await issued(core)
    everything = Selector()
    found = await bulk.find(everything, Reason.SUPERSEDED)

    with pytest.raises(BadReason, match="at least one condition"):
        await run(bulk, found, everything)
    with pytest.raises(BadReason, match="for good"):
        await run(bulk, found, Selector(profile="device"), Reason.CERTIFICATE_HOLD)
    assert (await now(core, certificate)).revoked_at is None


async def test_compromised_keys_are_blocked_in_bulk_too(core: Core, bulk: BulkRevocation) -> None:
    key = new_key()
    first = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)
    selector = Selector(serials=frozenset({renewed.serial}))

    counts = await run(bulk, await bulk.find(selector, Reason.KEY_COMPROMISE), selector, Reason.KEY_COMPROMISE)

    assert counts == [2]
    assert {(await now(core, one)).reason for one in (first, renewed)} == {Reason.KEY_COMPROMISE}


async def test_requests_that_wait_are_overtaken(core: Core, bulk: BulkRevocation) -> None:
    certificate = await issued(core)
    async with core.database.write() as tx:
        await tx.execute(
            "INSERT INTO revocation_requests (number, serial, registration_id, reason, asker, actor, state, holds,"
            " requested_at, due_at, called, note)"
            " VALUES (1, :serial, :registration_id, 4, :asker, 'test', 'pending', 0, 1, 2, 0, '')",
            serial=certificate.serial,
            registration_id=certificate.registration_id,
            asker=Asker.SUBSCRIBER.value,
        )
    selector = Selector(profile="device")

    assert await run(bulk, await bulk.find(selector, Reason.SUPERSEDED), selector) == [1]

    assert [request.state.value for request in await core.revocations.requests(every=True)] == ["overtaken"]


async def test_a_dry_run_shows_and_counts_what_a_compromised_key_takes_along(core: Core) -> None:
    bulk = BulkRevocation(core.database, core.clock, batch=1)
    key = new_key()
    first = await issued(core, key=key)
    core.clock.move(70 * DAY)
    renewed = await enroll(core, "acc", key=key)
    other = await issued(core, "other")
    await core.revocations.revoke(first.serial, Reason.SUPERSEDED, actor="test")
    selector = Selector(serials=frozenset({renewed.serial, other.serial}))

    found = await bulk.find(selector, Reason.KEY_COMPROMISE)
    with pytest.raises(WrongState, match="finds 3 certificates, not 2"):
        await run(bulk, found, selector, Reason.KEY_COMPROMISE, expected=2)
    counts = await run(bulk, found, selector, Reason.KEY_COMPROMISE, expected=3)

    assert {one.serial for one in found.certificates} == {renewed.serial, other.serial}
    assert [one.serial for one in found.along] == [first.serial]
    assert sum(counts) == found.count == 3
    assert (await bulk.find(selector, Reason.SUPERSEDED)).along == ()


async def test_the_servers_own_certificates_are_meant_only_by_name(core: Core, bulk: BulkRevocation) -> None:
    mine = await issued(core)
    own = await issued(core, "own")
    async with core.database.write() as tx:
        await tx.execute("UPDATE registrations SET kind = 'server' WHERE account = 'own'")

    assert await selected(bulk, Selector(issuer="issuing")) == {mine.serial}
    assert await selected(bulk, Selector(issued_since=0)) == {mine.serial}
    assert await selected(bulk, Selector(spki_sha256=own.spki_sha256)) == set()
    assert await selected(bulk, Selector(profile="device")) == {mine.serial, own.serial}
    assert await selected(bulk, Selector(serials=frozenset({own.serial}))) == {own.serial}
