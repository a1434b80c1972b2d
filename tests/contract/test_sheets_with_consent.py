"""Secrets that others must agree to come in no other way, and of sheets asked for at once one is made (issue 7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ca_core.errors import ChangedMeanwhile, WrongState
from ca_core.registration.desk import Form
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import Pending
from ca_core.staff.role import Actor, Role, Via
from ca_core.store.database import Transaction
from conformance.stores import KINDS
from tests.builders.core import Core
from tests.builders.core import core as open_core

STRICT = Kinds(
    msgspec.structs.replace(kind, approvals=Approvals(reprint=1)) if kind.name == "partner" else kind
    for kind in PRESETS.values()
)
ALICE, BOB = (Actor(name, Role.OFFICER, "north", f"id-of-{name}", Via.DESK) for name in ("alice", "bob"))


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param, kinds=STRICT) as opened:
        yield opened


async def registered(core: Core, kind: str) -> Sheet:
    form = Form(kind, "CN=panel,O=Example,C=TW", account="panel", realm="north")
    return (await core.desk.register(form, actor="test"))[1]


async def test_no_key_is_handed_out_beside_a_sheet_that_others_must_agree_to(core: Core) -> None:
    sheet = await registered(core, "partner")
    assert sheet.eab is not None

    with pytest.raises(WrongState, match="ask for a new sheet"):
        await core.eab_desk.add("panel", EabForm(None), actor="test")
    with pytest.raises(WrongState, match="ask for a new sheet"):
        await core.eab_desk.rotate(sheet.eab.kid, overlap_seconds=0, actor="test")

    assert [key.kid for key in await core.eab_desk.of_account("panel")] == [sheet.eab.kid]


async def test_no_code_is_handed_out_beside_a_sheet_that_others_must_agree_to(core: Core) -> None:
    await registered(core, "partner")

    with pytest.raises(WrongState, match="ask for a new sheet"):
        await core.code_desk.add("panel", EabForm(None), actor="test")

    assert len(await core.code_desk.of_account("panel")) == 1


async def _lets_pass(_: Transaction) -> None:
    """Its holder still may."""


async def test_nobody_need_agree_to_what_its_holder_alone_sees(core: Core) -> None:
    sheet = await registered(core, "partner")
    assert sheet.eab is not None

    _, key = await core.eab_desk.add("panel", EabForm(None), actor="portal:test", by_holder=_lets_pass)
    await core.eab_desk.rotate(key.kid, overlap_seconds=0, actor="portal:test", by_holder=_lets_pass)
    code, _ = await core.code_desk.add("panel", EabForm(None), actor="portal:test", by_holder=_lets_pass)
    await core.code_desk.rotate(code.id, actor="portal:test")

    assert len(await core.eab_desk.of_account("panel")) == 3
    assert len(await core.code_desk.of_account("panel")) == 2


async def test_of_sheets_asked_for_at_once_one_is_made(core: Core) -> None:
    first = await registered(core, "device")

    made = await asyncio.gather(
        *(core.staff.approvals.reprint("panel", actor=ALICE, replaces=first.number) for _ in range(5)),
        return_exceptions=True,
    )

    assert sorted(type(one).__name__ for one in made) == ["ChangedMeanwhile"] * 4 + ["Sheet"]
    assert (await core.desk.show("panel")).sheet == first.number + 1


async def test_a_reprint_voids_no_sheet_but_the_one_that_it_was_asked_for(core: Core) -> None:
    first = await registered(core, "partner")
    numbers = []
    for _ in range(2):
        pending = await core.staff.approvals.reprint("panel", actor=ALICE, replaces=first.number)
        assert isinstance(pending, Pending)
        await core.staff.approvals.approve(pending.number, actor=BOB)
        numbers.append(pending.number)

    await core.staff.approvals.collect(numbers[0], actor=ALICE)
    with pytest.raises(ChangedMeanwhile, match="newest sheet"):
        await core.staff.approvals.collect(numbers[1], actor=ALICE)

    assert (await core.desk.show("panel")).sheet == first.number + 1
    with pytest.raises(ChangedMeanwhile):
        await core.staff.approvals.reprint("panel", actor=ALICE, replaces=first.number)


async def test_what_was_asked_for_before_sheets_were_numbered_is_collected_all_the_same(core: Core) -> None:
    first = await registered(core, "partner")
    pending = await core.staff.approvals.reprint("panel", actor=ALICE)
    assert isinstance(pending, Pending)
    async with core.database.write() as tx:
        await tx.execute("UPDATE desk_requests SET payload = :old", old='"panel"')
    await core.staff.approvals.approve(pending.number, actor=BOB)

    assert (await core.staff.approvals.collect(pending.number, actor=ALICE)).number == first.number + 1
