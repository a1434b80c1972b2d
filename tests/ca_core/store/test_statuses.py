"""What the store says of a serial, and how other processes hear that it changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core.applicant import Door
from ca_core.policy.request import parse
from ca_core.revocation.reason import Reason
from ca_core.store import statuses
from ca_core.store.statuses import Status
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.est import Csr


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


async def issued(core: Core, account: str = "acc") -> str:
    sheet = await core.register(account, kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code(account, sheet.enrollment_code, source="x", door=Door.EST)
    return (await core.enroll(who, parse(Csr().der()))).serial


async def status(core: Core, serial: str, *, issuer: str = "issuing") -> Status | None:
    async with core.database.read() as tx:
        return await statuses.status(tx, issuer, serial)


async def changes(core: Core, *, after: int = 0) -> list[tuple[int, str]]:
    async with core.database.read() as tx:
        return await statuses.changes_after(tx, after)


async def test_an_issued_certificate_is_good_until_it_is_revoked(core: Core) -> None:
    serial = await issued(core)
    assert await status(core, serial) == Status(None, None)

    await core.revocations.revoke(serial, Reason.SUPERSEDED, actor="test")

    assert await status(core, serial) == Status(core.clock.now(), Reason.SUPERSEDED)


async def test_what_was_never_issued_or_by_another_ca_has_no_status(core: Core) -> None:
    serial = await issued(core)

    assert await status(core, "00" * 20) is None
    assert await status(core, serial, issuer="root") is None


@pytest.mark.parametrize("state", ["intended", "abandoned"])
async def test_what_was_only_intended_has_no_status(core: Core, state: str) -> None:
    serial = await issued(core)
    async with core.database.write() as tx:
        await tx.execute("UPDATE certificates SET state = :state", state=state)

    assert await status(core, serial) is None


async def test_what_was_given_up_after_a_crash_is_revoked(core: Core) -> None:
    serial = await issued(core)
    await core.revocations.revoke(serial, Reason.CESSATION_OF_OPERATION, actor="test")
    async with core.database.write() as tx:
        await tx.execute("UPDATE certificates SET state = 'abandoned'")

    assert await status(core, serial) == Status(core.clock.now(), Reason.CESSATION_OF_OPERATION)


async def test_every_revocation_is_a_change_with_the_next_number(core: Core) -> None:
    first, second = await issued(core), await issued(core, "other")

    for serial in (first, second):
        await core.revocations.revoke(serial, Reason.SUPERSEDED, actor="test")

    assert await changes(core) == [(1, first), (2, second)]
    assert await changes(core, after=1) == [(2, second)]


async def test_forgotten_changes_leave_the_numbers_growing(core: Core) -> None:
    first, second = await issued(core), await issued(core, "other")
    await core.revocations.revoke(first, Reason.SUPERSEDED, actor="test")
    core.clock.move(1)

    async with core.database.write() as tx:
        await statuses.forget_changes(tx, before=core.clock.now())
    await core.revocations.revoke(second, Reason.SUPERSEDED, actor="test")

    assert await changes(core) == [(2, second)]
    async with core.database.read() as tx:
        assert await statuses.last_change(tx) == 2
