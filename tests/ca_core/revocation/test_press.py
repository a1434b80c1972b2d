"""Making CRLs while others revoke, publish, die, or have another idea of the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from ca_core.errors import Busy, KeyUnavailable
from ca_core.identity import new_serial, serial_text
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.chain import issuer_certificate
from ca_core.revocation import crl
from ca_core.revocation.press import CrlIssuer, Press
from ca_core.revocation.publisher import Publisher
from ca_core.revocation.reason import Reason
from ca_core.revocation.shelf import Shelf
from ca_core.signing.key import SigningKey, open_key
from ca_core.signing.software import PublicKey
from ca_core.store import publications, revocations
from tests.builders.core import CRL_SECONDS, PASSPHRASE, Core, core

YEAR = 365 * 86_400


class Hesitant:
    """A key that signs when it is let, or says that it is busy."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_key: PublicKey = key.public_key
        self.algorithm = key.algorithm
        self.asked, self.let = asyncio.Event(), asyncio.Event()
        self.is_busy = self.rests = False
        self.times_asked = 0

    def require_ready(self) -> None:
        if self.rests:
            raise KeyUnavailable("the token is known to be away", retry_after_seconds=1)

    async def sign(self, tbs: bytes) -> bytes:
        self.times_asked += 1
        self.asked.set()
        if self.is_busy:
            raise Busy("the token is away", retry_after_seconds=1)
        await self.let.wait()
        return await self._key.sign(tbs)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Core]:
    async with core(tmp_path) as opened:
        yield opened


@pytest.fixture
def key(house: Core, tmp_path: Path) -> Hesitant:
    return Hesitant(open_key("file:authority/issuing.key", PASSPHRASE, tmp_path))


def issuer(house: Core, key: SigningKey, name: str = "issuing") -> CrlIssuer:
    certificate = issuer_certificate(
        name,
        house.authority.issuing,
        crl_url=f"http://ca.example/crl/{name}.crl",
        ca_url=f"http://ca.example/ca/{name}.cer",
        ocsp_url="http://ca.example/ocsp",
    )
    return CrlIssuer(IssuingCa(certificate, key), CRL_SECONDS)


def publisher(house: Core, *issuers: CrlIssuer) -> Publisher:
    return Publisher(house.database, house.clock, lambda: issuers)


async def revoke(
    house: Core, *, lifetime: int = YEAR, shard: int = 0, name: str = "issuing", reason: Reason = Reason.SUPERSEDED
) -> int:
    """Revoke a serial as the desk does; return it."""
    serial, now = new_serial(), house.clock.now()
    async with house.database.write() as tx:
        entry = crl.entry(serial, now, reason)
        text, not_after = serial_text(serial), now + lifetime
        await revocations.insert(tx, text, name, shard=shard, not_after=not_after, reason=reason, entry=entry, now=now)
        await publications.request(tx, name, shard, now=now)
    return serial


async def listed(house: Core, name: str = "issuing") -> set[int]:
    der = (await Shelf(house.database).newest(name)).der
    return {entry.serial_number for entry in x509.load_der_x509_crl(der)}


async def number(house: Core) -> int:
    return (await Shelf(house.database).newest("issuing")).number


async def test_what_is_revoked_while_a_list_is_signed_is_on_the_next(house: Core, key: Hesitant) -> None:
    first = await revoke(house)
    slow = publisher(house, issuer(house, key))
    turn = asyncio.create_task(slow.turn())
    await key.asked.wait()
    second = await revoke(house)
    key.let.set()
    await turn
    assert await listed(house) == {first}

    await slow.turn()

    assert await listed(house) == {first, second}


async def test_a_slow_publisher_takes_nothing_back(house: Core, key: Hesitant) -> None:
    first = await revoke(house)
    slow = asyncio.create_task(publisher(house, issuer(house, key)).publish_all())
    await key.asked.wait()
    second = await revoke(house)
    house.clock.move(5)
    await house.publisher.turn()
    overtaken_by = await number(house)
    house.clock.move(5)
    key.let.set()

    (edition,) = await slow

    assert await listed(house) == {first, second}
    assert edition.number == await number(house) > overtaken_by


async def test_a_publisher_that_dies_is_replaced_in_time(house: Core, key: Hesitant) -> None:
    serial = await revoke(house)
    dying = asyncio.create_task(publisher(house, issuer(house, key)).turn())
    await key.asked.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)

    house.clock.move(30)
    await house.publisher.turn()

    assert await listed(house) == {serial}


async def test_a_key_that_is_back_signs_within_half_a_minute(house: Core, key: Hesitant) -> None:
    serial = await revoke(house)
    waiting = publisher(house, issuer(house, key))
    key.is_busy = True
    for _ in range(100):
        await waiting.turn()
        house.clock.move(30)
    key.is_busy = False
    key.let.set()

    await waiting.turn()

    assert await listed(house) == {serial}


async def test_a_ca_whose_key_is_away_keeps_no_other_waiting(house: Core, key: Hesitant, tmp_path: Path) -> None:
    ours = await revoke(house)
    theirs = await revoke(house, name="another")
    key.is_busy = True
    here = open_key("file:authority/issuing.key", PASSPHRASE, tmp_path)

    await publisher(house, issuer(house, key), issuer(house, here, "another")).turn()

    assert await listed(house, "another") == {theirs}
    key.is_busy = False
    key.let.set()
    house.clock.move(30)
    await publisher(house, issuer(house, key)).turn()
    assert await listed(house) == {ours}


async def test_while_a_token_hangs_other_cas_publish_everything(house: Core, key: Hesitant, tmp_path: Path) -> None:
    for shard in range(20):
        await revoke(house, shard=shard)
    theirs = await revoke(house, name="another")
    here = open_key("file:authority/issuing.key", PASSPHRASE, tmp_path)
    server = publisher(house, issuer(house, key), issuer(house, here, "another"))
    turn = asyncio.create_task(server.turn())
    await key.asked.wait()

    async with asyncio.timeout(30):
        while not await house.count("publications"):
            pass

    assert not turn.done()
    assert await listed(house, "another") == {theirs}
    key.let.set()
    await turn
    assert await house.count("publications") == 21


async def test_a_token_that_hangs_is_asked_once_a_turn(house: Core, key: Hesitant) -> None:
    for shard in range(20):
        await revoke(house, shard=shard)
    server = publisher(house, issuer(house, key))
    key.is_busy = True
    await server.turn()
    assert key.times_asked == 1
    key.is_busy = False
    key.let.set()
    house.clock.move(30)

    await server.turn()

    assert await house.count("publications") == 20


async def test_a_token_that_is_known_to_be_away_is_not_asked(house: Core, key: Hesitant) -> None:
    await revoke(house)
    key.rests = True

    await publisher(house, issuer(house, key)).turn()

    assert key.times_asked == 0
    assert await house.count("work") == 1


async def test_publishing_all_goes_on_after_a_ca_whose_key_is_away(house: Core, key: Hesitant, tmp_path: Path) -> None:
    key.is_busy = True
    here = open_key("file:authority/issuing.key", PASSPHRASE, tmp_path)
    operator = publisher(house, issuer(house, key), issuer(house, here, "another"))

    outcome = await operator.publish_what_can_be()

    assert [edition.name for edition in outcome.editions] == ["another"]
    assert list(outcome.failures) == ["issuing"]
    with pytest.raises(Busy, match="away"):
        await operator.publish_all()
    assert await listed(house, "another") == set()


async def test_a_long_list_waits_for_another_and_a_short_one_for_none(
    house: Core, key: Hesitant, tmp_path: Path
) -> None:
    here = open_key("file:authority/issuing.key", PASSPHRASE, tmp_path)
    for name in ("issuing", "another"):
        for _ in range(3):
            await revoke(house, name=name)
    press = Press(house.database, house.clock, short_octets=100)
    first = asyncio.create_task(press.publish(issuer(house, key), crl.FULL))
    await key.asked.wait()
    second = asyncio.create_task(press.publish(issuer(house, here, "another"), crl.FULL))

    short = await press.publish(issuer(house, here, "third"), crl.FULL)

    assert not first.done()
    assert not second.done()
    key.let.set()
    editions = [await first, await second]
    assert [edition.name for edition in (*editions, short)] == ["issuing", "another", "third"]
    assert len(await listed(house, "another")) == 3


async def test_what_is_due_is_published_once_by_many_servers(house: Core, key: Hesitant) -> None:
    key.let.set()
    servers = [publisher(house, issuer(house, key)) for _ in range(5)]
    for times in (1, 2):
        await asyncio.gather(*(server.turn() for server in servers))
        await asyncio.gather(*(server.turn() for server in servers))

        assert len(await house.journal("crl-published")) == times
        house.clock.move(CRL_SECONDS // 2)


async def test_a_revocation_made_while_the_clock_was_ahead_does_not_wait(house: Core) -> None:
    house.clock.move(YEAR)
    serial = await revoke(house)
    house.clock.move(-YEAR)

    await house.publisher.turn()

    assert await listed(house) == {serial}


async def test_a_lease_taken_while_the_clock_was_ahead_does_not_hold(house: Core, key: Hesitant) -> None:
    house.clock.move(YEAR)
    serial = await revoke(house)
    dying = asyncio.create_task(publisher(house, issuer(house, key)).turn())
    await key.asked.wait()
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    house.clock.move(-YEAR)

    await house.publisher.turn()

    assert await listed(house) == {serial}


async def test_numbers_grow_although_the_clock_goes_back(house: Core) -> None:
    await house.publisher.publish_all()
    first = await number(house)
    house.clock.move(-1000)

    await house.publisher.publish_all()

    assert await number(house) == first + 1


async def test_numbers_are_the_time_so_that_an_old_backup_repeats_none(house: Core) -> None:
    await house.publisher.publish_all()
    house.clock.move(1000)

    await house.publisher.publish_all()

    assert await number(house) == house.clock.now()


async def test_an_expired_certificate_leaves_after_a_list_made_beyond_its_end(house: Core) -> None:
    serial = await revoke(house, lifetime=100)
    await house.publisher.turn()
    # Nobody published for long: the next list is the first one beyond the end.
    house.clock.move(10 * CRL_SECONDS)
    await house.publisher.turn()
    assert await listed(house) == {serial}

    house.clock.move(CRL_SECONDS)
    await house.publisher.turn()

    assert await listed(house) == set()
    assert await house.count("revocations") == 1


async def test_an_expired_certificate_stays_for_as_long_as_a_list_lives(house: Core) -> None:
    serial = await revoke(house, lifetime=100)
    for _ in range(3):
        house.clock.move(CRL_SECONDS * 3 // 10)
        await house.publisher.publish_all()

    assert await listed(house) == {serial}


async def test_what_a_clock_that_was_ahead_left_out_comes_back(house: Core) -> None:
    serial = await revoke(house)
    house.clock.move(2 * YEAR)
    for _ in range(2):
        await house.publisher.publish_all()
    assert await listed(house) == set()
    house.clock.move(-2 * YEAR)

    await house.publisher.turn()

    assert await listed(house) == {serial}


async def test_a_hold_is_listed_and_gone_once_it_is_released(house: Core) -> None:
    serial = await revoke(house, reason=Reason.CERTIFICATE_HOLD)
    await house.publisher.turn()
    (entry,) = x509.load_der_x509_crl((await Shelf(house.database).newest("issuing")).der)
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.certificate_hold

    async with house.database.write() as tx:
        await tx.execute("DELETE FROM revocations WHERE serial = :serial", serial=serial_text(serial))
        await publications.request(tx, "issuing", 0, now=house.clock.now())
    await house.publisher.turn()

    assert await listed(house) == set()


async def test_many_entries_in_many_parts_are_all_there(house: Core, key: Hesitant) -> None:
    key.let.set()
    now = house.clock.now()
    serials = {number: serial_text(new_serial()) for number in range(20_000)}
    async with house.database.write() as tx:
        await tx.execute_each(
            "INSERT INTO revocations (serial, issuer, shard, not_after, revoked_at, reason, entry)"
            " VALUES (:serial, 'issuing', :shard, :not_after, :now, 0, :entry)",
            [
                {
                    "serial": serial,
                    "shard": number % 3,
                    # Pages begin in the middle of what expires at one time.
                    "not_after": now + number // 6000,
                    "now": now,
                    "entry": crl.entry(int(serial, 16), now, Reason.UNSPECIFIED),
                }
                for number, serial in serials.items()
            ],
        )
    press = Press(house.database, house.clock, part_octets=10_000)

    full = await press.publish(issuer(house, key), crl.FULL)
    shard = await press.publish(issuer(house, key), 2)

    assert full.parts > shard.parts > 1
    assert await listed(house) == {int(serial, 16) for serial in serials.values()}
    assert await listed(house, "issuing.2") == {
        int(serial, 16) for number, serial in serials.items() if number % 3 == 2
    }
    again = await press.publish(issuer(house, key), 2)
    assert await house.count("publication_parts") == full.parts + again.parts


async def test_what_a_dead_publisher_left_is_swept(house: Core) -> None:
    async with house.database.write() as tx:
        await tx.execute(
            "INSERT INTO publication_parts (body, part, name, made_at, octets)"
            " VALUES ('dead', 0, 'issuing', :now, :octets)",
            now=house.clock.now(),
            octets=b"x",
        )
    await house.publisher.publish_all()
    assert await house.count("publication_parts") == 2

    house.clock.move(3601)
    await house.publisher.publish_all()

    assert await house.count("publication_parts") == 1


async def test_a_list_without_all_of_its_parts_is_never_published(house: Core) -> None:
    await house.publisher.publish_all()
    before = await number(house)
    async with house.database.write() as tx:
        edition = publications.Edition("issuing", 0, before + 1, 0, 0, body="swept", parts=2)
        await publications.write_part(tx, edition, 0, b"x", now=0)

        assert not await publications.replace(tx, edition, was=before)


async def test_a_ca_that_begins_within_a_turn_has_its_crl_in_the_next(house: Core, key: Hesitant) -> None:
    serial = await revoke(house)
    key.let.set()
    answers = [[], [issuer(house, key)], [issuer(house, key)], [issuer(house, key)]]
    server = Publisher(house.database, house.clock, lambda: answers.pop(0))

    await server.turn()
    house.clock.move(5)
    await server.turn()

    assert await listed(house) == {serial}


async def test_work_for_a_ca_that_is_unknown_waits_and_is_given_up(house: Core) -> None:
    await revoke(house, name="stranger")
    for _ in range(9):
        await house.publisher.turn()
        assert await house.count("work") == 1
        house.clock.move(30)

    await house.publisher.turn()

    assert await house.count("work") == 0
