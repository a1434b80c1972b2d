"""Many who act at once on several servers of one store: one wins, nobody fails, and nothing is done twice.

An SQLite store has one server. What is asked here of one is asked elsewhere of more, over the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import pytest

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    AccountTaken,
    AlreadyRevoked,
    CredentialSpent,
    InProgress,
    KeyCompromised,
    KeyInUse,
    NameNotGranted,
    RegistrationSuspended,
    TooEarly,
    WrongSecret,
    WrongState,
)
from ca_core.issuance.linter import Linter
from ca_core.policy.profile import RevocationRule
from ca_core.policy.request import CertificationRequest, parse
from ca_core.registration.account import Grant
from ca_core.registration.credential import CredentialKind
from ca_core.registration.desk import Form
from ca_core.registration.eab_desk import EabForm
from ca_core.revocation.desk import Revoked
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store import credentials, work
from ca_core.store.certificates import Certificate
from ca_core.work.item import PUBLISH_CRL
from conformance.stores import KINDS, POSTGRESQL
from tests.builders import revocation
from tests.builders.core import Core, core, granted
from tests.builders.est import Csr, PrivateKey, new_key

_SERVERS = 3
_PROFILES = revocation.profiles(RevocationRule.IMMEDIATE)
T = TypeVar("T")


@pytest.fixture(params=KINDS)
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Core]]:
    """Several cores over one store, each with connections of its own."""
    async with AsyncExitStack() as stack:
        count = _SERVERS if request.param == POSTGRESQL else 1
        yield [
            await stack.enter_async_context(core(tmp_path, _PROFILES, store=request.param, linter=Linter()))
            for _ in range(count)
        ]


async def at_once(acts: Iterable[Awaitable[T]]) -> list[T | BaseException]:
    return list(await asyncio.gather(*acts, return_exceptions=True))


async def all_at_once(
    servers: list[Core], many: int, act: Callable[[Core, int], Awaitable[T]]
) -> list[T | BaseException]:
    """Have many do something, each at the next server."""
    return await at_once(act(server, number) for number, server in zip(range(many), cycle(servers), strict=False))


def won(outcomes: list[T | BaseException], *refusals: type[BaseException]) -> list[T]:
    """What came of those who were not refused; nobody may have been for another reason."""
    got = [one for one in outcomes if not isinstance(one, BaseException)]
    assert [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, refusals)] == []
    return got


def asking(*wanted: str, key: PrivateKey | None = None) -> CertificationRequest:
    return parse(Csr(key=key or new_key(), names=wanted).der())


async def by_code(server: Core, account: str, *names_: str, uses: int | None = None) -> Applicant:
    sheet = await server.register(account, *granted(*map(names.dns, names_)), uses=uses, kind="device")
    assert sheet.enrollment_code is not None
    return await server.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def test_one_request_to_every_server_gets_one_certificate(servers: list[Core]) -> None:
    who, asked = await by_code(servers[0], "acc", uses=1), asking()

    issued = won(await all_at_once(servers, 30, lambda one, _: one.enroll(who, asked)), InProgress)

    assert len({certificate.serial for certificate in issued}) == 1
    assert await servers[0].count("certificates") == 1


async def test_many_keys_for_one_name_get_as_many_certificates_as_the_kind_tolerates(servers: list[Core]) -> None:
    who = await by_code(servers[0], "acc")

    issued = won(await all_at_once(servers, 30, lambda one, _: one.enroll(who, asking())), InProgress, TooEarly)

    assert len(issued) == 1
    assert await servers[0].count("certificates") == 1


async def test_one_key_of_many_registrations_is_certified_for_one(servers: list[Core]) -> None:
    key = new_key()
    whos = [await by_code(servers[0], f"acc-{number}") for number in range(12)]

    issued = won(await all_at_once(servers, 12, lambda one, which: one.enroll(whos[which], asking(key=key))), KeyInUse)

    assert len(issued) == 1


async def test_a_code_is_spent_as_often_as_it_says(servers: list[Core]) -> None:
    wanted = [f"{number}.example" for number in range(24)]
    who = await by_code(servers[0], "acc", *wanted, uses=5)

    issued = won(
        await all_at_once(servers, 24, lambda one, which: one.enroll(who, asking(wanted[which]))), CredentialSpent
    )

    async with servers[0].database.read() as tx:
        code = await credentials.current(tx, who.registration_id, CredentialKind.ENROLLMENT_CODE)
    assert len(issued) == 5
    assert code is not None
    assert code.uses_left == 0


async def test_what_is_not_limited_is_used_by_all(servers: list[Core]) -> None:
    wanted = [f"{number}.example" for number in range(24)]
    who = await by_code(servers[0], "acc", *wanted)

    issued = won(await all_at_once(servers, 24, lambda one, which: one.enroll(who, asking(wanted[which]))))

    assert len(issued) == 24


async def test_nothing_is_issued_after_a_suspension_has_been_confirmed(servers: list[Core]) -> None:
    wanted = [f"{number}.example" for number in range(24)]
    who = await by_code(servers[0], "acc", *wanted)

    async def enroll(server: Core, which: int) -> Certificate:
        await asyncio.sleep(which / 500)
        return await server.enroll(who, asking(wanted[which]))

    enrolling = asyncio.create_task(all_at_once(servers, 24, enroll))
    await asyncio.sleep(0.02)
    await servers[-1].desk.suspend("acc", actor="ra")
    before = await servers[0].count("certificates")
    issued = won(await enrolling, RegistrationSuspended)

    assert await servers[0].count("certificates") == before == len(issued)


async def test_no_name_is_certified_after_it_was_taken_away(servers: list[Core]) -> None:
    wanted = [f"{number}.example" for number in range(24)]
    who = await by_code(servers[0], "acc", *wanted)
    enrolling = asyncio.create_task(all_at_once(servers, 24, lambda one, which: one.enroll(who, asking(wanted[which]))))
    await asyncio.sleep(0.02)

    await servers[-1].desk.regrant("acc", (Grant(names.dns("new.example"), vetted=True),), actor="ra")
    before = await servers[0].count("certificates")
    issued = won(await enrolling, NameNotGranted)

    assert await servers[0].count("certificates") == before == len(issued)


async def test_a_new_sheet_leaves_no_use_of_the_one_before(servers: list[Core]) -> None:
    wanted = [f"{number}.example" for number in range(24)]
    who = await by_code(servers[0], "acc", *wanted, uses=24)
    enrolling = asyncio.create_task(all_at_once(servers, 24, lambda one, which: one.enroll(who, asking(wanted[which]))))
    await asyncio.sleep(0.02)

    await servers[-1].desk.new_sheet("acc", actor="ra")
    before = await servers[0].count("certificates")
    issued = won(await enrolling, WrongSecret)

    assert await servers[0].count("certificates") == before == len(issued)


async def test_sheets_that_are_made_at_once_leave_one_of_each_secret(servers: list[Core]) -> None:
    await servers[0].register("acc", kind="organization")

    sheets = won(await all_at_once(servers, 12, lambda one, _: one.desk.new_sheet("acc", actor="ra")))

    assert sorted(sheet.number for sheet in sheets) == list(range(2, 14))
    async with servers[0].database.read() as tx:
        live = await tx.all("SELECT kind, sheet FROM credentials WHERE voided_at IS NULL")
    assert {sheet for _, sheet in live} == {13}
    assert len({kind for kind, _ in live}) == len(live)


async def test_an_account_is_registered_once(servers: list[Core]) -> None:
    form = Form("device", "CN=acc", None, "acc")

    made = won(await all_at_once(servers, 20, lambda one, _: one.desk.register(form, actor="ra")), AccountTaken)

    assert len(made) == 1


async def test_an_eab_key_has_one_successor(servers: list[Core]) -> None:
    await servers[0].register("acc", kind="organization")
    _, key = await servers[0].eab_desk.add("acc", EabForm(uses=3), actor="ra")

    rotated = won(
        await all_at_once(servers, 12, lambda one, _: one.eab_desk.rotate(key.kid, overlap_seconds=60, actor="ra")),
        WrongState,
    )

    assert len(rotated) == 1


async def test_a_registration_has_one_decryption_key(servers: list[Core]) -> None:
    await servers[0].register("acc", kind="device")

    won(await all_at_once(servers, 12, lambda one, _: one.decryption_keys.make("acc", actor="ra")))

    assert await servers[0].count("decryption_keys") == 1


async def revoke(server: Core, serial: str, reason: Reason) -> Revoked:
    done = await server.revocations.ask(serial, reason, asker=Asker.HOLDER, actor="holder")
    assert isinstance(done, Revoked)
    return done


async def test_of_many_revocations_of_one_certificate_one_is_carried_out(servers: list[Core]) -> None:
    certificate = await revocation.issued(servers[0])

    done = won(
        await all_at_once(servers, 20, lambda one, _: revoke(one, certificate.serial, Reason.SUPERSEDED)),
        AlreadyRevoked,
    )

    assert len(done) == 1
    assert len(await servers[0].journal("certificate-revoked")) == 1
    assert await servers[0].count("status_changes") == 1


async def test_revocations_of_many_certificates_do_not_stand_in_each_others_way(servers: list[Core]) -> None:
    certificates = [await revocation.issued(servers[0], f"acc-{number}") for number in range(20)]

    won(await all_at_once(servers, 20, lambda one, which: revoke(one, certificates[which].serial, Reason.SUPERSEDED)))

    async with servers[0].database.read() as tx:
        numbers = [number for (number,) in await tx.all("SELECT id FROM status_changes ORDER BY id")]
    assert numbers == list(range(1, 21))


@pytest.mark.parametrize("pause", [0, 0.01, 0.03])
async def test_a_compromised_key_is_certified_nowhere_whatever_comes_first(servers: list[Core], pause: float) -> None:
    key = new_key()
    wanted = [f"{number}.example" for number in range(16)]
    first = await servers[0].enroll(await by_code(servers[0], "acc", *wanted), asking("0.example", key=key))
    who = Applicant(first.registration_id, Door.EST, "operator", "test")

    async def compromise(server: Core) -> None:
        await asyncio.sleep(pause)
        await revoke(server, first.serial, Reason.KEY_COMPROMISE)

    compromising = asyncio.create_task(compromise(servers[-1]))
    won(
        await all_at_once(servers, 15, lambda one, which: one.enroll(who, asking(wanted[which + 1], key=key))),
        KeyCompromised,
        InProgress,
    )
    await compromising

    left = [one.serial for one in await servers[0].certificates() if not one.is_revoked]
    assert left == []
    assert await servers[0].recover() == 0


async def test_certificates_of_one_compromised_key_are_revoked_from_every_side(servers: list[Core]) -> None:
    key = new_key()
    wanted = [f"{number}.example" for number in range(8)]
    who = await by_code(servers[0], "acc", *wanted)
    issued = [await servers[0].enroll(who, asking(name, key=key)) for name in wanted]

    won(
        await all_at_once(servers, 8, lambda one, which: revoke(one, issued[which].serial, Reason.KEY_COMPROMISE)),
        AlreadyRevoked,
    )

    assert all(one.is_revoked for one in await servers[0].certificates())
    assert len(await servers[0].journal("certificate-revoked")) == 8


async def test_work_is_leased_to_one(servers: list[Core]) -> None:
    async with servers[0].database.write() as tx:
        for number in range(60):
            await work.add(tx, "k", str(number), now=100)

    async def lease(server: Core, which: int) -> list[str]:
        async with server.database.write() as tx:
            # Clocks differ by a little.
            now = 100 + which % 3
            return [item.subject for item in await work.lease(tx, "k", now=now, until=now + 60, most=7)]

    leased = won(await all_at_once(servers, 12, lease))

    assert sorted((subject for some in leased for subject in some), key=int) == [str(number) for number in range(60)]


async def test_what_is_to_be_asked_for_once_is(servers: list[Core]) -> None:
    async def ask(server: Core, _: int) -> None:
        async with server.database.write() as tx:
            await work.add_once(tx, PUBLISH_CRL, "another", now=100)

    won(await all_at_once(servers, 20, ask))

    async with servers[0].database.read() as tx:
        assert await tx.all("SELECT COUNT(*) FROM work WHERE subject = 'another'") == [(1,)]


async def test_crls_have_numbers_of_their_own(servers: list[Core]) -> None:
    won(await all_at_once(servers, 9, lambda one, _: one.publisher.publish_all()))

    numbers = [entry.detail["number"] for entry in await servers[0].journal("crl-published")]
    assert len(numbers) == len(set(numbers)) == 9


async def test_the_journal_is_one_chain_whoever_makes_it(servers: list[Core]) -> None:
    async def register(server: Core, which: int) -> None:
        await server.register(f"acc-{which}", kind="device")
        await server.sequencer.chain()

    won(await all_at_once(servers, 30, register))
    head = await servers[0].sequencer.chain()

    async with servers[0].database.read() as tx:
        positions = [row[0] for row in await tx.all("SELECT position FROM journal ORDER BY position")]
    assert positions == list(range(1, head.position + 1))
