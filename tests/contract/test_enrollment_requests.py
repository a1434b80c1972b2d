"""What the store promises of requests that wait for an officer, on every database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.names import dns
from ca_core.policy.period import WishedPeriod
from ca_core.referral.request import EnrollmentRequest, RequestState
from ca_core.registration.account import Registration, Status
from ca_core.store import enrollment_requests, registrations
from ca_core.store.database import Database
from ca_core.store.request_numbers import next_number

DAY = 86_400
OWNER = Registration("r", "acc", "device", Status.ACTIVE, "CN=x", b"", (), ("device",), "en", None, 1, 0, 1)
ASKED = EnrollmentRequest(
    number=0,
    registration_id="r",
    profile="device",
    names="dns:a.example",
    spki_sha256=b"key",
    csr=b"csr",
    door=Door.ACME,
    proof="acme-account",
    source="192.0.2.1",
    shown="ab" * 20,
    proved=frozenset({dns("a.example"), dns("b.example")}),
    replaces="cd" * 20,
    period=WishedPeriod(1, None),
    request_key="acme-order:1",
    account="acme-account:1",
    state=RequestState.PENDING,
    requested_at=100,
    due_at=200,
)
OTHER = msgspec.structs.replace(ASKED, spki_sha256=b"other", request_key=None)


@pytest.fixture
async def asked(database: Database) -> int:
    """The number of a request that waits."""
    async with database.write() as tx:
        await registrations.insert(tx, OWNER)
    number = await put_down(database, ASKED)
    assert number is not None
    return number


async def put_down(database: Database, request: EnrollmentRequest) -> int | None:
    async with database.write() as tx:
        return await enrollment_requests.insert(tx, request)


async def found(database: Database, number: int) -> EnrollmentRequest:
    async with database.read() as tx:
        request = await enrollment_requests.by_number(tx, number)
    assert request is not None
    return request


async def decide(database: Database, number: int, to: RequestState, *, was: RequestState) -> bool:
    async with database.write() as tx:
        return await enrollment_requests.decide(tx, number, was=was, to=to, now=150, decided_by="o", note="n")


async def test_what_is_put_down_is_found_as_it_was(database: Database, asked: int) -> None:
    assert await found(database, asked) == msgspec.structs.replace(ASKED, number=asked)


async def test_the_same_waits_once_until_it_is_begun_or_refused(database: Database, asked: int) -> None:
    again = msgspec.structs.replace(ASKED, request_key=None)

    assert await put_down(database, again) is None
    assert await decide(database, asked, RequestState.APPROVED, was=RequestState.PENDING)
    assert await put_down(database, again) is None
    assert await decide(database, asked, RequestState.REJECTED, was=RequestState.APPROVED)
    number = await put_down(database, again)

    async with database.read() as tx:
        newest = await enrollment_requests.newest(tx, "r", "device", "dns:a.example", b"key")
    assert newest is not None
    assert newest.number == number


async def test_an_order_has_one_request(database: Database, asked: int) -> None:
    assert await put_down(database, msgspec.structs.replace(OTHER, request_key=ASKED.request_key)) is None


async def test_of_many_who_decide_at_once_one_does(database: Database, asked: int) -> None:
    decided = await asyncio.gather(
        *(decide(database, asked, RequestState.APPROVED, was=RequestState.PENDING) for _ in range(10))
    )

    assert decided.count(True) == 1
    request = await found(database, asked)
    assert (request.state, request.decided_at, request.decided_by, request.note) == ("approved", 150, "o", "n")


async def test_of_many_who_begin_at_once_one_does(database: Database, asked: int) -> None:
    async def begin(serial: str) -> bool:
        async with database.write() as tx:
            return await enrollment_requests.begin(tx, asked, serial)

    assert not await begin("early")
    await decide(database, asked, RequestState.APPROVED, was=RequestState.PENDING)

    begun = await asyncio.gather(*(begin(f"{number:040x}") for number in range(10)))

    assert begun.count(True) == 1
    request = await found(database, asked)
    assert (request.state, request.serial) == (RequestState.ISSUED, f"{begun.index(True):040x}")


async def test_numbers_are_given_out_once_and_in_order(database: Database, asked: int) -> None:
    async def number() -> int:
        async with database.write() as tx:
            return await next_number(tx)

    numbers = await asyncio.gather(*(number() for _ in range(10)))

    assert sorted(numbers) == list(range(asked + 1, asked + 11))


async def test_a_request_is_handed_over_while_it_waits(database: Database, asked: int) -> None:
    newer = msgspec.structs.replace(ASKED, request_key="acme-order:2", source="192.0.2.9", proved=frozenset())

    async def hand_over() -> bool:
        async with database.write() as tx:
            return await enrollment_requests.hand_over(tx, newer, asked)

    assert await hand_over()
    assert await found(database, asked) == msgspec.structs.replace(newer, number=asked)
    await decide(database, asked, RequestState.LAPSED, was=RequestState.PENDING)
    assert not await hand_over()


async def test_what_is_handed_over_to_another_key_waits_anew(database: Database, asked: int) -> None:
    newer = msgspec.structs.replace(ASKED, spki_sha256=b"new", csr=b"new csr", request_key="acme-order:2")
    await decide(database, asked, RequestState.APPROVED, was=RequestState.PENDING)

    async with database.write() as tx:
        assert await enrollment_requests.hand_over(tx, newer, asked)

    assert await found(database, asked) == msgspec.structs.replace(newer, number=asked)


async def test_what_waits_is_found_by_its_account_and_before_a_newer_one_that_does_not(
    database: Database, asked: int
) -> None:
    rejected = await put_down(database, OTHER)
    assert rejected is not None
    await decide(database, rejected, RequestState.REJECTED, was=RequestState.PENDING)

    async with database.write() as tx:
        waiting = await enrollment_requests.waiting_of(tx, "acme-account:1", "device", "dns:a.example")
        assert await enrollment_requests.waiting_of(tx, "acme-account:1", "device", "dns:b.example") is None
        assert await enrollment_requests.waiting_of(tx, "acme-account:2", "device", "dns:a.example") is None
        await enrollment_requests.hand_over(tx, msgspec.structs.replace(ASKED, spki_sha256=b"other"), asked)
        newest = await enrollment_requests.newest(tx, "r", "device", "dns:a.example", b"other")

    assert waiting is not None
    assert newest is not None
    assert (waiting.number, newest.number) == (asked, asked)


async def test_it_is_called_for_twice_and_lapses(database: Database, asked: int) -> None:
    async def called(now: int) -> list[bool]:
        async with database.write() as tx:
            late = await enrollment_requests.late(tx, now=now)
            return [one.is_overdue for one in late if await enrollment_requests.call(tx, one)]

    assert [await called(now) for now in (149, 150, 151, 200, 201)] == [[], [False], [], [True], []]
    async with database.read() as tx:
        assert await enrollment_requests.lapsing(tx, now=100 + 30 * DAY - 1) == []
        assert [one.number for one in await enrollment_requests.lapsing(tx, now=100 + 30 * DAY)] == [asked]
        assert await enrollment_requests.asking(tx, "r") == [("acme-account:1", "192.0.2.1")]


async def test_what_was_asked_for_by_a_key_is_known_while_it_waits_and_a_while_after_it_was_decided(
    database: Database, asked: int
) -> None:
    async def profiles(*, since: int, door: Door = Door.ACME) -> list[str]:
        async with database.read() as tx:
            return await enrollment_requests.profiles_asked(tx, "r", b"key", door, since=since)

    newer = msgspec.structs.replace(ASKED, profile="signing", request_key=None)
    number = await put_down(database, newer)
    assert number is not None
    assert await profiles(since=999) == ["signing", "device"]
    assert await profiles(since=0, door=Door.EST) == []

    await decide(database, asked, RequestState.REJECTED, was=RequestState.PENDING)
    await decide(database, number, RequestState.LAPSED, was=RequestState.PENDING)

    assert [await profiles(since=since) for since in (150, 151)] == [["device"], []]
