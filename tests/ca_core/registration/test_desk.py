from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from ca_core import names
from ca_core.errors import AccountTaken, BadForm, NotFound, WrongState
from ca_core.registration.account import Grant, Status
from ca_core.registration.contact import Contact
from ca_core.registration.credential import CredentialKind
from ca_core.registration.desk import Form
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.store import credentials, registrations
from tests.builders.core import Core
from tests.builders.core import core as open_core

ALICE = Contact("Alice", "alice@example.com", "+886 2 1234 5678", "1 Main Street\nTaipei", "A123456789")
FORM = Form("organization", "CN=Shop,O=Example,C=TW", None, "acc", (Grant(names.dns("a.example")),))


@pytest.mark.parametrize(
    ("kind", "has"),
    [
        ("person", (True, True, False)),
        ("organization", (True, True, True)),
        ("device", (False, True, True)),
        ("partner", (True, True, True)),
    ],
)
async def test_a_sheet_carries_what_its_kind_uses(core: Core, kind: str, has: tuple[bool, bool, bool]) -> None:
    sheet = await core.register("acc", kind=kind)

    assert (sheet.initial_password is not None, sheet.enrollment_code is not None, sheet.eab is not None) == has


async def test_a_registration_is_kept_as_it_was_vetted(core: Core) -> None:
    registration, sheet = await core.desk.register(FORM, actor="test")

    assert await core.desk.show("acc") == registration
    assert registration.version == 1
    assert (sheet.number, sheet.subject) == (1, "CN=Shop,O=Example,C=TW")
    assert [one.account for one in await core.desk.every()] == ["acc"]


async def test_an_account_is_drawn_when_none_is_chosen(core: Core) -> None:
    registration, _ = await core.desk.register(Form("device", "CN=x", 1), actor="test")

    assert registration.account.startswith("dev-")


async def test_fifty_registrations_of_one_account_make_one(core: Core) -> None:
    outcomes = await asyncio.gather(
        *(core.desk.register(FORM, actor="test") for _ in range(50)), return_exceptions=True
    )

    assert sum(isinstance(outcome, AccountTaken) for outcome in outcomes) == 49
    assert await core.count("registrations") == 1


@pytest.mark.parametrize(
    ("form", "refusal"),
    [
        (Form("organization", "nonsense", None), BadForm),
        (Form("organization", "CN=x", None, "a:b"), BadForm),
        (Form("nonsense", "CN=x", None), NotFound),
    ],
)
async def test_a_form_that_is_wrong_registers_nobody(core: Core, form: Form, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await core.desk.register(form, actor="test")

    assert await core.count("registrations") == 0
    assert await core.count("journal") == 0


async def test_a_new_sheet_has_a_higher_number_and_new_secrets(core: Core) -> None:
    first = await core.register("acc")

    second = await core.desk.new_sheet("acc", actor="test")

    assert (first.number, second.number) == (1, 2)
    assert first.enrollment_code != second.enrollment_code
    assert {entry.detail["number"] for entry in await core.journal("sheet-issued")} == {1, 2}


async def test_a_registration_is_suspended_resumed_and_closed(core: Core) -> None:
    await core.register("acc")
    statuses = []
    for act in (core.desk.suspend, core.desk.resume, core.desk.suspend, core.desk.close):
        await act("acc", actor="test")
        statuses.append((await core.desk.show("acc")).status)

    assert statuses == [Status.SUSPENDED, Status.ACTIVE, Status.SUSPENDED, Status.CLOSED]
    assert len(await core.journal("status-changed")) == 4


async def test_what_is_closed_stays_closed(core: Core) -> None:
    await core.register("acc")
    await core.desk.close("acc", actor="test")

    for act in (core.desk.suspend, core.desk.resume, core.desk.close, core.desk.new_sheet):
        with pytest.raises(WrongState):
            await act("acc", actor="test")
    with pytest.raises(WrongState):
        await core.desk.renew_registration("acc", actor="test")


async def test_only_what_is_suspended_is_resumed(core: Core) -> None:
    await core.register("acc")

    with pytest.raises(WrongState, match="is active; it cannot become active"):
        await core.desk.resume("acc", actor="test")


async def test_an_expired_registration_is_renewed_with_a_new_sheet(core: Core) -> None:
    await core.register("acc")
    core.clock.move(4 * 365 * 86_400)
    assert (await core.desk.show("acc")).status_at(core.clock.now()) is Status.EXPIRED

    sheet = await core.desk.renew_registration("acc", actor="test")

    assert sheet.number == 2
    assert (await core.desk.show("acc")).status_at(core.clock.now()) is Status.ACTIVE


async def test_an_account_that_nobody_has_is_not_found(core: Core) -> None:
    for act in (core.desk.suspend, core.desk.resume, core.desk.close, core.desk.new_sheet):
        with pytest.raises(NotFound):
            await act("nobody", actor="test")
    with pytest.raises(NotFound):
        await core.desk.show("nobody")


async def test_names_are_replaced_whole(core: Core) -> None:
    await core.desk.register(FORM, actor="test")
    grants = (Grant(names.dns("b.example"), zone=True, vetted=False), Grant(names.ip("192.0.2.1")))

    await core.desk.regrant("acc", grants, actor="test")

    assert (await core.desk.show("acc")).grants == grants
    (entry,) = await core.journal("names-changed")
    assert entry.detail["names"] == ["dns:below b.example (challenged)", "ip:192.0.2.1"]


async def test_the_servers_own_registration_is_no_subscribers(core: Core) -> None:
    await core.desk.register(Form("server", "CN=soapstone server", None, "soapstone"), actor="test")

    for act in (core.desk.suspend, core.desk.close, core.desk.new_sheet, core.desk.renew_registration):
        with pytest.raises(WrongState, match="is this server itself"):
            await act("soapstone", actor="test")
    assert await core.desk.every() == []


async def test_contact_and_realm_are_kept_and_read_at_the_desk_only(core: Core) -> None:
    form = msgspec.structs.replace(FORM, contact=ALICE, realm="north")

    made, _ = await core.desk.register(form, actor="test")

    shown = await core.desk.show("acc")
    assert (shown.contact, shown.realm) == (ALICE, "north")
    assert [one.contact for one in await core.desk.every()] == [ALICE]
    async with core.database.read() as tx:
        assert await registrations.contact_of(tx, made.id) == ALICE
        seen_at_a_door = await registrations.by_id(tx, made.id)
    with pytest.raises(LookupError):
        _ = seen_at_a_door.contact


async def test_nobody_has_no_contact(core: Core) -> None:
    async with core.database.read() as tx:
        with pytest.raises(NotFound):
            await registrations.contact_of(tx, "nobody")


async def test_every_change_makes_a_new_version(core: Core) -> None:
    await core.register("acc")
    versions = [(await core.desk.show("acc")).version]
    for act in (
        core.desk.suspend,
        core.desk.resume,
        core.desk.new_sheet,
        core.desk.renew_registration,
        core.desk.close,
    ):
        await act("acc", actor="test")
        versions.append((await core.desk.show("acc")).version)

    assert versions == sorted(set(versions))


async def test_a_kind_says_how_often_and_how_long_each_secret_works(tmp_path: Path) -> None:
    kind = msgspec.structs.replace(
        PRESETS["partner"], code_uses=2, eab_uses=3, code_days=4, eab_days=5, password_days=6
    )
    async with open_core(tmp_path, kinds=Kinds([kind])) as core:
        made, sheet = await core.desk.register(Form("partner", "CN=x", account="acc"), actor="test")

        async with core.database.read() as tx:
            kept = [await credentials.current(tx, made.id, one) for one in CredentialKind]
        now = core.clock.now()
        assert sheet.eab is not None
        assert [(one.uses_left, (one.expires_at - now) // 86_400) for one in kept if one] == [(None, 6), (2, 4), (3, 5)]
        assert (made.uses, made.eab_uses) == (2, 3)
