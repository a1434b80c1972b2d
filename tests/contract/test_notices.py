"""What is put down to be told, and how it is told, on both kinds of store (RULES, S9)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.issuance.linter import Linter
from ca_core.notices.collecting import MAIL_CHANNEL, Channel, Collector, hook_channel
from ca_core.notices.notice import HOOKED, MAIL, Notice, Topic
from ca_core.notices.outbox import BY_MAIL, BY_WEBHOOK, Courier, NotEver, NothingToTell, NotNow
from ca_core.policy.profile import RevocationRule
from ca_core.policy.request import parse
from ca_core.registration.contact import Contact
from ca_core.registration.desk import Form
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.revocation.reason import Reason
from ca_core.staff import approvals as staff
from ca_core.staff.request import Pending
from ca_core.staff.role import Actor, Role, Via
from ca_core.store import noticing, outbox
from ca_core.store.certificates import Certificate
from ca_core.store.outbox import Parcel
from conformance.stores import KINDS, SQLITE
from tests.builders import revocation
from tests.builders.core import Core, core, granted
from tests.builders.est import Csr, new_key

DAY = 86_400
HOOK = "webhook:shop"
PROFILES = revocation.profiles(RevocationRule.IMMEDIATE)


ALL = (MAIL_CHANNEL, hook_channel("shop", HOOKED, ""))


@pytest.fixture(params=KINDS)
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path, PROFILES, store=request.param, linter=Linter()) as opened:
        yield opened


def collector(house: Core, channels: Sequence[Channel] = ALL) -> Collector:
    return Collector(house.database, house.clock, PROFILES, window_days=30, channels=channels)


async def registered(house: Core, account: str = "acc", *, email: str = "ops@acc.example", realm: str = "main") -> None:
    grants = granted(*(names.dns(f"{name}.{account}.example") for name in "abc"))
    form = Form("device", f"CN={account}", None, account, grants, contact=Contact(email=email), realm=realm)
    await house.desk.register(form, actor="test")


async def issued(house: Core, name: str = "a", account: str = "acc") -> Certificate:
    registration = await house.desk.show(account)
    who = Applicant(registration.id, Door.EST, "operator", "test")
    return await house.enroll(who, parse(Csr(key=new_key(), names=[f"{name}.{account}.example"]).der()))


async def renewed(house: Core, old: Certificate) -> Certificate:
    who = Applicant(old.registration_id, Door.EST, "certificate", "test", serial=old.serial)
    name = old.names.removeprefix("dns:")
    subject = x509.Name.from_rfc4514_string("CN=acc")
    return await house.renew(who, parse(Csr(key=new_key(), subject=subject, names=[name]).der()))


async def told(house: Core, collecting: Collector) -> list[tuple[str, Notice]]:
    """What a turn puts down, taken away."""
    await house.sequencer.advance()
    await collecting.turn()
    async with house.database.write() as tx:
        found = [
            parcel
            for channel in (MAIL, HOOK)
            for parcel in await outbox.lease(
                tx, channel, now=house.clock.now(), until=house.clock.now() + 1, latest=1 << 60, most=9999
            )
        ]
        for parcel in found:
            await outbox.finish(tx, parcel.id)
    return [(parcel.channel, parcel.notice) for parcel in found]


def serials(parcels: Sequence[tuple[str, Notice]], channel: str = MAIL) -> list[list[str]]:
    return [[one.serial for one in notice.certificates] for via, notice in parcels if via == channel]


def flat(lists: list[list[str]]) -> list[str]:
    return sorted(chain.from_iterable(lists))


async def begun(house: Core, *accounts: str) -> Collector:
    """A collector that has begun before anything else happened."""
    collecting = collector(house)
    await told(house, collecting)
    for account in accounts:
        await registered(house, account)
    await told(house, collecting)
    return collecting


async def test_what_was_before_notices_were_set_up_is_not_told(house: Core) -> None:
    await registered(house)
    await issued(house)

    assert await told(house, collector(house)) == []


async def test_each_change_is_told_once_to_who_hears_of_it(house: Core) -> None:
    collecting = await begun(house)
    await registered(house)
    first = await issued(house)
    house.clock.move(first.not_after - house.clock.now() - 10 * DAY)
    second = await renewed(house, first)
    await house.revocations.revoke(second.serial, Reason.SUPERSEDED, actor="test")
    await house.desk.suspend("acc", actor="test")

    parcels = await told(house, collecting)

    assert [(via, one.topic) for via, one in parcels] == [
        (MAIL, Topic.NEW_SHEET),
        (MAIL, Topic.REVOKED),
        (MAIL, Topic.SUSPENDED),
        (HOOK, Topic.ISSUED),
        (HOOK, Topic.RENEWED),
        (HOOK, Topic.REVOKED),
    ]
    assert [one.replaces for _, one in parcels if one.topic is Topic.RENEWED] == [first.serial]
    assert await told(house, collecting) == []
    assert await told(house, collector(house)) == []


async def test_an_end_is_told_at_30_7_and_1_days_and_once_each(house: Core) -> None:
    collecting = await begun(house, "acc")
    certificate = await issued(house)
    await told(house, collecting)
    days = []

    for _ in range(91 * 4):
        house.clock.move(DAY // 4)
        for via, one in await told(house, collecting):
            assert one.certificates[0].serial == certificate.serial
            if via == MAIL:
                assert one.days == (certificate.not_after // DAY) - (house.clock.now() // DAY)
                days.append(one.days)

    assert days == [30, 7, 1]


async def test_who_starts_again_with_a_clock_that_is_wrong_tells_nothing_twice(house: Core) -> None:
    collecting = await begun(house, "acc")
    await issued(house)
    house.clock.move(61 * DAY)
    assert len(serials(await told(house, collecting))) == 1

    house.clock.move(400 * DAY)
    assert serials(await told(house, collector(house))) == []
    house.clock.move(-400 * DAY)

    assert serials(await told(house, collector(house))) == []
    await issued(house, "b")
    house.clock.move(61 * DAY)
    assert [len(each) for each in serials(await told(house, collector(house)))] == [1]


async def test_of_two_notices_that_are_late_the_nearer_one_is_told(house: Core) -> None:
    collecting = await begun(house, "acc")
    await issued(house)
    house.clock.move(85 * DAY)

    mails = [one for via, one in await told(house, collecting) if via == MAIL and one.certificates]

    assert [one.days for one in mails] == [7]


async def test_certificates_of_one_subscriber_that_end_on_one_day_are_in_one_mail(house: Core) -> None:
    collecting = await begun(house, "acc", "other")
    house.clock.move(DAY + 2 * 3600 - house.clock.now() % DAY)
    mine = []
    for name in "abc":
        mine.append((await issued(house, name)).serial)
        house.clock.move(3600)
    theirs = await issued(house, "a", "other")
    await told(house, collecting)
    house.clock.move(60 * DAY)

    parcels = await told(house, collecting)

    assert sorted(map(sorted, serials(parcels))) == sorted([sorted(mine), [theirs.serial]])
    assert flat(serials(parcels, HOOK)) == sorted([*mine, theirs.serial])


async def test_what_was_replaced_or_revoked_is_not_said_to_expire(house: Core) -> None:
    collecting = await begun(house, "acc")
    replaced, revoked, left = [await issued(house, name) for name in "abc"]
    house.clock.move(61 * DAY)
    assert flat(serials(await told(house, collecting))) == sorted(one.serial for one in (replaced, revoked, left))
    await renewed(house, replaced)
    await house.revocations.revoke(revoked.serial, Reason.SUPERSEDED, actor="test")
    await told(house, collecting)
    house.clock.move(23 * DAY)

    assert serials(await told(house, collecting)) == [[left.serial]]


async def test_a_webhook_hears_of_its_own_realm(house: Core) -> None:
    collecting = collector(house, (hook_channel("shop", HOOKED, "branch"), MAIL_CHANNEL))
    await told(house, collecting)
    await registered(house)
    await registered(house, "other", realm="branch")
    await issued(house)
    await issued(house, "a", "other")

    parcels = await told(house, collecting)

    other = await house.desk.show("other")
    assert [one.registration_id for via, one in parcels if via == HOOK] == [other.id]


async def test_what_is_due_is_found_by_an_index(tmp_path: Path) -> None:
    """Of SQLite: the other one chooses by how many rows there are, and here are few."""
    async with core(tmp_path, PROFILES, store=SQLITE) as house, house.database.read() as tx:
        plan = await tx.all(
            f"EXPLAIN QUERY PLAN {noticing.ENDING}",  # the very statement
            at=0,
            last="",
            until=1,
            hold=6,
            window=1,
            server="server",
            most=1,
        )

    steps = [str(row[-1]) for row in plan]
    assert any("c USING INDEX certificates_by_end (state=? AND not_after>? AND not_after<?)" in one for one in steps)
    assert [one for one in steps if one.startswith("SCAN")] == []


async def test_who_is_suspended_or_has_no_address_gets_no_mail_of_an_end(house: Core) -> None:
    collecting = await begun(house, "acc")
    await registered(house, "mute", email="")
    await issued(house)
    await issued(house, "a", "mute")
    await house.desk.suspend("acc", actor="test")
    await told(house, collecting)
    house.clock.move(61 * DAY)

    parcels = await told(house, collecting)

    assert [via for via, _ in parcels] == [HOOK]


async def test_the_end_of_a_registration_is_told_anew_once_it_was_renewed(house: Core) -> None:
    collecting = await begun(house, "acc")
    registration = await house.desk.show("acc")
    house.clock.move(registration.expires_at - house.clock.now() - 29 * DAY)
    first = await told(house, collecting)
    await house.desk.renew_registration("acc", actor="test")
    await told(house, collecting)
    registration = await house.desk.show("acc")
    house.clock.move(registration.expires_at - house.clock.now() - 29 * DAY)

    second = await told(house, collecting)

    assert [(one.topic, one.days) for _, one in first + second] == [(Topic.REGISTRATION_ENDS, 30)] * 2


async def test_where_nothing_is_set_up_any_more_nothing_stays(house: Core) -> None:
    collecting = await begun(house)
    await registered(house)
    await issued(house)
    await house.sequencer.advance()
    await collecting.turn()
    assert await house.count("outbox") == 2

    await collector(house, ALL[:1]).turn()
    assert await house.count("outbox") == 1
    await collector(house, ()).turn()

    assert await house.count("outbox") == await house.count("notice_cursors") == 0
    await issued(house, "b")
    assert await told(house, collector(house)) == []


async def test_two_servers_that_look_at_once_put_down_each_thing_once(house: Core) -> None:
    both = [await begun(house, "acc"), collector(house)]
    await issued(house)
    await house.sequencer.advance()

    for collecting in both:
        await collecting.turn()

    assert await house.count("outbox") == 1


class Target:
    """Takes what it is sent, or does not."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.got: list[Parcel] = []

    async def __call__(self, parcel: Parcel) -> None:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        self.got.append(parcel)
        if outcome is not None:
            raise outcome


async def put(house: Core, count: int = 1, channel: str = MAIL) -> None:
    await registered(house)
    id_ = (await house.desk.show("acc")).id
    async with house.database.write() as tx:
        for number in range(count):
            one = Notice(topic=Topic.REVOKED, key=f"k{number}", registration_id=id_, at=house.clock.now())
            await outbox.put(tx, channel, one, now=house.clock.now())


async def test_what_was_sent_is_gone_and_in_the_journal(house: Core) -> None:
    await put(house)
    target = Target()
    courier = Courier(house.database, house.clock, MAIL, target, BY_MAIL)

    assert [await courier.turn(10), await courier.turn(10)] == [1, 0]

    (entry,) = await house.journal("notice-sent")
    assert entry.detail["message"] == target.got[0].id
    assert await house.count("outbox") == 0


async def test_what_is_not_taken_comes_again_under_the_same_identity_later_and_later(house: Core) -> None:
    await put(house)
    target = Target(NotNow("busy", is_channel=False), NotNow("busy", is_channel=False))
    courier = Courier(house.database, house.clock, MAIL, target, BY_MAIL)

    moments = []
    for _ in range(20):
        if await courier.turn(10):
            moments.append(house.clock.now())
        house.clock.move(10)

    assert [later - moments[0] for later in moments] == [0, 60, 180]
    assert len({parcel.id for parcel in target.got}) == 1
    assert await house.count("outbox") == 0


async def test_what_is_refused_for_good_is_recorded_and_not_tried_again(house: Core) -> None:
    await put(house, 2)
    courier = Courier(house.database, house.clock, MAIL, Target(NotEver("no such user"), NothingToTell()), BY_MAIL)

    await courier.turn(10)

    (entry,) = await house.journal("notice-failed", "notice-sent")
    assert entry.detail["why"] == "no such user"
    assert await house.count("outbox") == 0


async def test_a_slow_target_is_sent_nothing_twice_however_many_servers_send(house: Core) -> None:
    """One notice after the other takes longer than a lease lasts."""
    await put(house, 3)
    target = Target()

    async def slowly(parcel: Parcel) -> None:
        house.clock.move(200)
        await other.turn(1)
        await target(parcel)

    courier = Courier(house.database, house.clock, MAIL, slowly, BY_MAIL)
    other = Courier(house.database, house.clock, MAIL, target, BY_MAIL)

    await courier.turn(10)

    assert len({parcel.id for parcel in target.got}) == len(target.got) == 3
    assert len(await house.journal("notice-sent")) == 3
    assert await house.count("outbox") == 0


async def test_a_dead_target_rests_and_is_asked_with_one_until_it_is_back(house: Core) -> None:
    await put(house, 20, HOOK)
    target = Target(*[NotNow("refused")] * 9)
    courier = Courier(house.database, house.clock, HOOK, target, BY_WEBHOOK)

    assert await courier.turn(20) == 8
    assert await courier.turn(20) == 0
    async with house.database.read() as tx:
        (pile,) = await outbox.piles(tx)
    assert (pile.channel, pile.waiting, pile.rest.failures) == (HOOK, 20, 8)
    house.clock.move(pile.rest.paused_until - house.clock.now())
    assert await courier.turn(20) == 1
    house.clock.move(3600)
    assert [await courier.turn(20), await courier.turn(20)] == [1, 19]
    assert await house.count("outbox") == 0


async def test_what_cannot_be_told_for_its_whole_time_is_given_up_and_recorded(house: Core) -> None:
    await put(house, 1, HOOK)
    courier = Courier(house.database, house.clock, HOOK, Target(*[NotNow("refused")] * 99), BY_WEBHOOK)

    for _ in range(26):
        await courier.turn(10)
        house.clock.move(3600)
    await courier.turn(10)

    (entry,) = await house.journal("notice-failed")
    assert entry.detail["channel"] == HOOK
    assert await house.count("outbox") == 0


async def test_a_server_that_died_with_a_notice_in_its_hands_leaves_it_to_the_next(house: Core) -> None:
    await put(house)
    now = house.clock.now()
    async with house.database.write() as tx:
        await outbox.lease(tx, MAIL, now=now, until=now + 300, latest=now + 9999, most=1)
    target = Target()
    courier = Courier(house.database, house.clock, MAIL, target, BY_MAIL)

    assert await courier.turn(1) == 0
    house.clock.move(300)

    assert await courier.turn(1) == 1


async def test_what_officers_ask_each_other_for_is_told_to_their_realm(house: Core) -> None:
    guarded = Kinds(
        msgspec.structs.replace(kind, approvals=Approvals(register=1, reprint=1)) for kind in PRESETS.values()
    )
    approvals = staff.Approvals(house.database, house.clock, house.desk, house.revocations, guarded)
    alice = Actor("alice", Role.OFFICER, "north", "id-of-alice", Via.DESK)
    collecting = collector(house, (MAIL_CHANNEL, hook_channel("shop", HOOKED, "north")))
    await told(house, collecting)
    await registered(house, "old", realm="north")
    await registered(house, "other", realm="south")

    first = await approvals.register(Form("device", "CN=new"), actor=alice)
    second = await approvals.reprint("old", actor=alice)
    await approvals.register(Form("device", "CN=elsewhere"), actor=msgspec.structs.replace(alice, realm="south"))

    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    waiting = [one for channel, one in await told(house, collecting) if channel == HOOK]
    assert [(one.topic, one.number, one.realm) for one in waiting] == [
        (Topic.WAITING, first.number, "north"),
        (Topic.WAITING, second.number, ""),
    ]
    assert [bool(one.registration_id) for one in waiting] == [False, True]
