"""What is to be told, until it is told; and which channels rest."""

from __future__ import annotations

import time

import msgspec

from ca_core.identity import new_ordered_id
from ca_core.notices.notice import Notice
from ca_core.store import holds
from ca_core.store.database import Row, Transaction
from ca_core.store.work import SKEW_SECONDS

_MICROSECOND_BITS = 10
_COLUMNS = "id, channel, notice, created_at, attempts"
_IS_DUE = (
    "channel = :channel AND (due_at <= :now OR due_at > :latest) AND (leased_until <= :now OR leased_until > :beyond)"
)
_ANY_DUE = f"SELECT 1 FROM outbox WHERE {_IS_DUE} LIMIT 1"  # noqa: S608  # our own words
_LEASE = (
    "UPDATE outbox SET leased_until = :until, attempts = attempts + 1 WHERE id IN"  # noqa: S608  # our own words
    f" (SELECT id FROM outbox WHERE {_IS_DUE} ORDER BY due_at, id LIMIT :most) RETURNING {_COLUMNS}"
)
_GIVE_UP = (
    "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE channel = :channel AND created_at < :before"  # noqa: S608  # our own words
    f" ORDER BY created_at LIMIT :most) RETURNING {_COLUMNS}"
)
_NOTICE = msgspec.json.Decoder(Notice)


class Parcel(msgspec.Struct, frozen=True):
    """One notice on its way.

    Attributes:
        id: of the message, the same at every attempt.
        created_at: UTC seconds.
        attempts: how often it was leased, this time included.
    """

    id: str
    channel: str
    notice: Notice
    created_at: int
    attempts: int


class Rest(msgspec.Struct, frozen=True):
    """How a channel does: how often in a row it failed, until when nothing is tried, and why."""

    failures: int = 0
    paused_until: int = 0
    why: str = ""


class Pile(msgspec.Struct, frozen=True):
    """What waits on one channel, and since when the oldest does, UTC seconds."""

    channel: str
    waiting: int
    since: int
    rest: Rest


async def put(tx: Transaction, channel: str, notice: Notice, *, now: int) -> bool:
    """Put one down, due at once; False when the channel has it already."""
    put_down = await tx.execute(
        "INSERT INTO outbox (id, channel, key, topic, registration_id, notice, created_at, due_at, leased_until,"
        " attempts, why) VALUES (:id, :channel, :key, :topic, :registration_id, :notice, :now, :now, 0, 0, '')"
        " ON CONFLICT (channel, key) DO NOTHING",
        # What is put down in one second stays in its order.
        id=new_ordered_id(now, time.monotonic_ns() >> _MICROSECOND_BITS),
        channel=channel,
        key=notice.key,
        topic=notice.topic.value,
        registration_id=notice.registration_id,
        notice=msgspec.json.encode(notice).decode(),
        now=now,
    )
    return put_down == 1


async def join(tx: Transaction, channel: str, notice: Notice, *, now: int) -> None:
    """Put one down, or add its certificates to the one of the same key that waits and that nobody is sending."""
    if await put(tx, channel, notice, now=now):
        return
    row = await tx.one(
        "SELECT id, notice FROM outbox WHERE channel = :channel AND key = :key", channel=channel, key=notice.key
    )
    if row is not None:
        text = msgspec.json.encode(_NOTICE.decode(row[1]).joined(notice)).decode()
        joined = await tx.execute(
            "UPDATE outbox SET notice = :notice WHERE id = :id AND attempts = 0", notice=text, id=row[0]
        )
        if joined == 1:
            return
    serials = ",".join(told.serial for told in notice.certificates)
    await put(tx, channel, msgspec.structs.replace(notice, key=f"{notice.key}:{serials}"), now=now)


async def is_due(tx: Transaction, channel: str, *, now: int, until: int, latest: int) -> bool:
    """Whether there is anything to lease; a read, so that an idle server does not write."""
    row = await tx.one(
        _ANY_DUE,
        channel=channel,
        now=now,
        beyond=until + SKEW_SECONDS,
        latest=latest,
    )
    return row is not None


async def lease(tx: Transaction, channel: str, *, now: int, until: int, latest: int, most: int) -> list[Parcel]:
    """Take what is due and nobody holds, oldest first, and hold it until a time.

    Args:
        latest: until when it may have been postponed; what is due later was written by a clock that was ahead.
    """
    await tx.hold(holds.work(channel))
    rows = await tx.all(
        _LEASE,
        channel=channel,
        now=now,
        until=until,
        beyond=until + SKEW_SECONDS,
        latest=latest,
        most=most,
    )
    return sorted(map(_parcel, rows), key=lambda parcel: parcel.id)


async def finish(tx: Transaction, parcel_id: str) -> bool:
    """Take one away that is told, or never will be; False when it is gone already."""
    return await tx.execute("DELETE FROM outbox WHERE id = :id", id=parcel_id) == 1


async def postpone(tx: Transaction, parcel_id: str, *, due_at: int, why: str) -> None:
    """Give one back, to be tried again at a time."""
    await tx.execute(
        "UPDATE outbox SET due_at = :due_at, leased_until = 0, why = :why WHERE id = :id",
        due_at=due_at,
        why=why,
        id=parcel_id,
    )


async def give_up(tx: Transaction, channel: str, *, before: int, most: int) -> list[Parcel]:
    """Take away what has waited since before a time, oldest first."""
    rows = await tx.all(
        _GIVE_UP,
        channel=channel,
        before=before,
        most=most,
    )
    return [_parcel(row) for row in rows]


async def is_old(tx: Transaction, channel: str, *, before: int) -> bool:
    """Whether anything waits since before a time."""
    row = await tx.one(
        "SELECT 1 FROM outbox WHERE channel = :channel AND created_at < :before LIMIT 1", channel=channel, before=before
    )
    return row is not None


async def rest(tx: Transaction, channel: str) -> Rest:
    """How a channel does."""
    row = await tx.one("SELECT failures, paused_until, why FROM notice_channels WHERE name = :name", name=channel)
    return Rest(*row) if row else Rest()


async def set_rest(tx: Transaction, channel: str, rest: Rest) -> None:
    """Remember how a channel does."""
    await tx.execute(
        "INSERT INTO notice_channels (name, failures, paused_until, why)"
        " VALUES (:name, :failures, :paused_until, :why) ON CONFLICT (name) DO UPDATE SET"
        " failures = excluded.failures, paused_until = excluded.paused_until, why = excluded.why",
        name=channel,
        failures=rest.failures,
        paused_until=rest.paused_until,
        why=rest.why,
    )


async def piles(tx: Transaction) -> list[Pile]:
    """What waits, by channel."""
    rows = await tx.all("SELECT channel, COUNT(*), MIN(created_at) FROM outbox GROUP BY channel ORDER BY channel")
    return [Pile(channel, count, since, await rest(tx, channel)) for channel, count, since in rows]


async def channels(tx: Transaction) -> list[str]:
    """Every channel of which anything is stored."""
    rows = await tx.all("SELECT DISTINCT channel FROM outbox UNION SELECT name FROM notice_channels ORDER BY 1")
    return [row[0] for row in rows]


async def forget(tx: Transaction, channel: str) -> None:
    """Drop everything of a channel: settings have it no more."""
    await tx.execute_at_length("DELETE FROM outbox WHERE channel = :channel", channel=channel)
    await tx.execute("DELETE FROM notice_channels WHERE name = :channel", channel=channel)


def _parcel(row: Row) -> Parcel:
    id_, channel, notice, created_at, attempts = row
    return Parcel(id_, channel, _NOTICE.decode(notice), created_at, attempts)
