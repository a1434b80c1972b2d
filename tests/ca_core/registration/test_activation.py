from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ca_core.applicant import Applicant, Door
from ca_core.errors import NotActivated, NotFound, WrongSecret, WrongState
from ca_core.registration.activation import activate
from ca_core.registration.credential import CredentialKind
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.secret import Secret
from ca_core.store import credentials
from tests.builders.core import Core
from tests.builders.core import core as open_core

CAUTIOUS = Kinds(msgspec.structs.replace(kind, activation=True) for kind in PRESETS.values())


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, kinds=CAUTIOUS) as opened:
        yield opened


async def by_code(core: Core, sheet: Sheet) -> Applicant:
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code(
        sheet.account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST
    )


async def bind(core: Core, kid: str) -> None:
    """What making an ACME account takes of a key."""
    key, _ = await core.sign_in.eab_key(kid)
    assert key is not None
    async with core.database.write() as tx:
        await credentials.spend(tx, key.id, now=core.clock.now())


@pytest.mark.parametrize("uses", [None, 2])
async def test_machine_secrets_open_nothing_until_the_sheet_is_activated(core: Core, uses: int | None) -> None:
    sheet = await core.register("acc", uses=uses)
    assert sheet.eab is not None

    with pytest.raises(NotActivated, match="not activated yet"):
        await by_code(core, sheet)
    with pytest.raises(NotActivated):
        await bind(core, sheet.eab.kid)
    number = await core.activations.activate("acc", actor="ra")

    assert number == 1
    assert (await by_code(core, sheet)).registration_id == (await core.desk.show("acc")).id
    await bind(core, sheet.eab.kid)
    (entry,) = await core.journal("sheet-activated")
    assert (entry.actor, entry.detail["number"]) == ("ra", 1)
    (refused,) = await core.journal("credential-refused")
    assert refused.detail["why"] == "NotActivated"


async def test_a_wrong_code_does_not_learn_that_a_sheet_waits(core: Core) -> None:
    await core.register("acc")

    with pytest.raises(WrongSecret):
        await core.sign_in.by_enrollment_code("acc", Secret("wrong"), source="192.0.2.1", door=Door.EST)


async def test_the_initial_password_is_what_activates_and_does_not_sleep(core: Core) -> None:
    await core.register("acc")
    registration = await core.desk.show("acc")

    async with core.database.read() as tx:
        password = await credentials.current(tx, registration.id, CredentialKind.PASSWORD)

    assert password is not None
    password.require_usable(core.clock.now())


async def test_a_door_activates_in_its_own_transaction(core: Core) -> None:
    sheet = await core.register("acc")
    registration = await core.desk.show("acc")

    async with core.database.write() as tx:
        first = await activate(tx, registration, actor="portal", now=core.clock.now())
        again = await activate(tx, registration, actor="portal", now=core.clock.now())

    assert (first, again) == (True, False)
    await by_code(core, sheet)
    assert (await core.desk.show("acc")).version == registration.version + 1


async def test_a_new_sheet_waits_anew(core: Core) -> None:
    await core.register("acc")
    await core.activations.activate("acc", actor="ra")

    sheet = await core.desk.new_sheet("acc", actor="ra")

    with pytest.raises(NotActivated):
        await by_code(core, sheet)
    assert await core.activations.activate("acc", actor="ra") == 2


async def test_further_keys_of_a_sheet_wait_with_it(core: Core) -> None:
    await core.register("acc")
    added, _ = await core.eab_desk.add("acc", EabForm(None), actor="ra")
    _, rotated, _ = await core.eab_desk.rotate(added.kid or "", overlap_seconds=60, actor="ra")

    assert added.dormant
    assert rotated.dormant
    await core.activations.activate("acc", actor="ra")

    later, _ = await core.eab_desk.add("acc", EabForm(None), actor="ra")
    assert not later.dormant
    await bind(core, rotated.kid or "")


async def test_only_what_waits_is_activated(core: Core) -> None:
    await core.register("acc")
    await core.activations.activate("acc", actor="ra")

    with pytest.raises(WrongState, match="nothing of sheet 1 of acc waits"):
        await core.activations.activate("acc", actor="ra")
    with pytest.raises(NotFound):
        await core.activations.activate("nobody", actor="ra")
    await core.desk.close("acc", actor="ra")
    with pytest.raises(WrongState, match="is closed"):
        await core.activations.activate("acc", actor="ra")


async def test_a_sheet_of_a_kind_without_activation_waits_for_nobody(tmp_path: Path) -> None:
    async with open_core(tmp_path / "other", kinds=PRESETS) as plain:
        sheet = await plain.register("acc")

        await by_code(plain, sheet)
        with pytest.raises(WrongState):
            await plain.activations.activate("acc", actor="ra")
