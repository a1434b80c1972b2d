"""What several had to agree to is changed by several, and by nobody alone (issue 7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ca_core.errors import BadForm, ChangedMeanwhile, NotFound, OwnRequest, WrongState
from ca_core.names import Identifier, Kind
from ca_core.registration.account import Grant, Registration
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.desk import Form
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.staff.request import DeskRequest, DeskState, Pending
from ca_core.staff.role import Actor, Role, Via
from conformance.stores import KINDS
from tests.builders.core import Core
from tests.builders.core import core as open_core

STRICT = Kinds(
    msgspec.structs.replace(kind, approvals=Approvals(register=1)) if kind.name == "partner" else kind
    for kind in PRESETS.values()
)


def officer(name: str, realm: str = "north") -> Actor:
    return Actor(name, Role.OFFICER, realm, f"id-of-{name}", Via.DESK)


ALICE, BOB = officer("alice"), officer("bob")
BANK = (Grant(Identifier(Kind.DNS, "bank.example")),)


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param, kinds=STRICT) as opened:
        form = Form("partner", "CN=panel,O=Example,C=TW", account="panel", profiles=("device",), realm="north")
        await opened.desk.register(form, actor="test")
        yield opened


async def amended(core: Core, changes: Changes, version: int | None = None) -> Registration | Pending:
    return await core.staff.amendments.amend("panel", changes, actor=ALICE, version=version)


async def waits(core: Core, changes: Changes) -> int:
    pending = await amended(core, changes)
    assert isinstance(pending, Pending)
    return pending.number


async def agreed(core: Core, number: int) -> DeskRequest:
    found = await core.staff.approvals.approve(number, actor=BOB)
    assert isinstance(found, DeskRequest)
    return found


@pytest.mark.parametrize("changes", [Changes(grants=BANK), Changes(profiles=("device", "tls-server"))])
async def test_names_and_profiles_change_once_another_officer_agrees(core: Core, changes: Changes) -> None:
    was = await core.desk.show("panel")

    number = await waits(core, changes)
    with pytest.raises(OwnRequest):
        await core.staff.approvals.approve(number, actor=ALICE)
    meanwhile = await core.desk.show("panel")
    done = await agreed(core, number)
    now = await core.desk.show("panel")

    assert meanwhile == was
    assert done.state is DeskState.DONE
    assert (now.grants, now.profiles) == (changes.grants or was.grants, changes.profiles or was.profiles)


async def test_whom_to_reach_changes_at_once_and_what_stays_asks_nobody(core: Core) -> None:
    was = await core.desk.show("panel")

    now = await amended(core, Changes(contact=Contact(name="Alice"), grants=was.grants, profiles=was.profiles))

    assert isinstance(now, Registration)
    assert now.contact.name == "Alice"


async def test_what_was_changed_meanwhile_is_not_what_they_agreed_to(core: Core) -> None:
    number = await waits(core, Changes(grants=BANK))
    await core.desk.amend("panel", Changes(language="en"), actor="test")

    lapsed = await agreed(core, number)

    assert (lapsed.state, "changed meanwhile" in lapsed.note) == (DeskState.LAPSED, True)
    assert (await core.desk.show("panel")).grants == ()


async def test_nobody_is_asked_for_what_cannot_be_done(core: Core) -> None:
    with pytest.raises(ChangedMeanwhile):
        await amended(core, Changes(grants=BANK), version=7)
    with pytest.raises(BadForm):
        await amended(core, Changes(profiles=("no such",) * 100, subject="CN=other"))
    with pytest.raises(NotFound):
        await core.staff.amendments.amend("panel", Changes(grants=BANK), actor=officer("carol", "south"))
    await core.desk.close("panel", actor="test")
    with pytest.raises(WrongState, match="closed"):
        await amended(core, Changes(grants=BANK))
    assert await core.staff.approvals.requests(ALICE) == []


async def test_a_renewal_that_changes_what_was_vetted_waits_and_brings_no_sheet(core: Core) -> None:
    was = await core.desk.show("panel")
    core.clock.move(86_400)

    pending = await core.staff.approvals.renew("panel", Changes(subject="CN=bank,C=TW"), actor=ALICE)
    assert isinstance(pending, Pending)
    meanwhile = await core.desk.show("panel")
    done = await agreed(core, pending.number)
    now = await core.desk.show("panel")

    assert meanwhile == was
    assert done.state is DeskState.DONE
    assert (now.subject, now.sheet, now.expires_at > was.expires_at) == ("CN=bank,C=TW", was.sheet, True)
    with pytest.raises(NotFound):
        await core.staff.approvals.collect(pending.number, actor=ALICE)
    assert isinstance(await core.staff.approvals.renew("panel", Changes(subject="CN=bank,C=TW"), actor=ALICE), Sheet)


async def test_what_a_crash_left_undone_is_done_by_the_worker(core: Core) -> None:
    number = await waits(core, Changes(grants=BANK))
    async with core.database.write() as tx:
        await tx.execute("UPDATE desk_requests SET state = 'approved' WHERE number = :number", number=number)

    await core.staff.approvals.turn()

    assert (await core.desk.show("panel")).grants == BANK
