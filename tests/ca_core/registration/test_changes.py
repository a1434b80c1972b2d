from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ca_core import names
from ca_core.errors import BadForm, ChangedMeanwhile, NotFound, WrongState
from ca_core.policy.subject import subject_der
from ca_core.registration.account import Grant, Status
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.registration.kind import OFFICER, PRESETS, Kinds
from tests.builders.core import Core
from tests.builders.core import core as open_core

ALICE = Contact("Alice", "alice@example.com", "+886 2 1234 5678", "Taipei")
FORM = Form("organization", "CN=Shop,O=Example,C=TW", None, "acc", (Grant(names.dns("a.example")),), contact=ALICE)
NEW = Changes(
    contact=msgspec.structs.replace(ALICE, phone="+886 3 1111 2222"),
    language="en",
    profiles=("device", "tls-server"),
    uses=5,
    grants=(Grant(names.dns("b.example"), vetted=False),),
)


async def test_what_is_registered_is_changed_and_the_journal_says_from_what_to_what(core: Core) -> None:
    was, _ = await core.desk.register(FORM, actor="ra")

    now = await core.desk.amend("acc", NEW, actor="ra", version=was.version)

    assert now == await core.desk.show("acc")
    assert (now.contact, now.language, now.profiles, now.grants) == (NEW.contact, "en", NEW.profiles, NEW.grants)
    assert (now.uses, now.eab_uses, now.version) == (5, 5, was.version + 1)
    (entry,) = await core.journal("amended")
    assert entry.detail["version"] == now.version
    assert {one["field"]: (one["was"], one["now"]) for one in entry.detail["changes"]} == {
        "contact.phone": ("+886 2 1234 5678", "+886 3 1111 2222"),
        "language": ("zh-Hant", "en"),
        "profiles": ("tls-server", "device, tls-server"),
        "uses": ("unlimited", "5"),
        "eab_uses": ("unlimited", "5"),
        "names": ("dns:a.example", "dns:b.example (challenged)"),
    }


async def test_what_stays_as_it_is_is_no_change(core: Core) -> None:
    was, _ = await core.desk.register(FORM, actor="ra")

    now = await core.desk.amend("acc", Changes(contact=ALICE, language="zh-Hant"), actor="ra")

    assert now == was
    assert await core.journal("amended") == []


async def test_no_profiles_are_the_kinds(core: Core) -> None:
    await core.desk.register(msgspec.structs.replace(FORM, profiles=("device",)), actor="ra")

    assert (await core.desk.amend("acc", Changes(profiles=()), actor="ra")).profiles == ("tls-server",)


async def test_a_change_of_what_was_changed_meanwhile_is_refused(core: Core) -> None:
    was, _ = await core.desk.register(FORM, actor="ra")
    await core.desk.amend("acc", Changes(language="en"), actor="ra", version=was.version)

    with pytest.raises(ChangedMeanwhile, match=r"it is of version 2, and not of 1"):
        await core.desk.amend("acc", NEW, actor="ra", version=was.version)
    with pytest.raises(ChangedMeanwhile):
        await core.desk.renew_registration("acc", NEW, actor="ra", version=was.version)

    assert (await core.desk.show("acc")).grants == FORM.grants


async def test_every_wrong_field_of_a_change_is_named(core: Core) -> None:
    was, _ = await core.desk.register(FORM, actor="ra")
    wrong = Changes(
        contact=Contact(email="nobody"),
        language="tlh",
        profiles=("device", "device"),
        uses=0,
        grants=(Grant(names.dns("xn--pple-43d.example")),),
    )

    with pytest.raises(BadForm) as refused:
        await core.desk.amend("acc", wrong, actor="ra")

    fields = [fault.field for fault in refused.value.faults]
    assert fields == ["contact.email", "language", "profiles", "names", "uses"]
    assert await core.desk.show("acc") == was


async def test_a_subject_changes_only_with_a_renewal(core: Core) -> None:
    await core.desk.register(FORM, actor="ra")
    changes = Changes(subject="CN=New Shop,C=TW")

    with pytest.raises(BadForm, match="only when the registration is renewed"):
        await core.desk.amend("acc", changes, actor="ra")
    sheet = await core.desk.renew_registration("acc", changes, actor="ra")

    now = await core.desk.show("acc")
    assert (sheet.subject, now.subject) == ("CN=New Shop,C=TW",) * 2
    assert now.subject_der == subject_der("CN=New Shop,C=TW")
    (entry,) = await core.journal("amended")
    assert entry.detail["changes"] == [{"field": "subject", "was": "CN=Shop,O=Example,C=TW", "now": "CN=New Shop,C=TW"}]


async def test_an_expired_registration_is_renewed_with_its_data_confirmed_and_the_uses_of_the_new_sheet(
    core: Core,
) -> None:
    await core.desk.register(FORM, actor="ra")
    core.clock.move(4 * 365 * 86_400)

    sheet = await core.desk.renew_registration("acc", NEW, actor="ra")

    now = await core.desk.show("acc")
    assert (sheet.number, now.status_at(core.clock.now()), now.contact) == (2, Status.ACTIVE, NEW.contact)
    async with core.database.read() as tx:
        left = await tx.all("SELECT uses_left FROM credentials WHERE voided_at IS NULL AND kind <> 'initial-password'")
    assert left == [(5,), (5,)]
    assert len(await core.journal("registration-renewed", "amended", "sheet-issued")) == 4


async def test_a_wrong_subject_renews_nothing(core: Core) -> None:
    was, _ = await core.desk.register(FORM, actor="ra")

    with pytest.raises(BadForm, match=r"subject\.C"):
        await core.desk.renew_registration("acc", Changes(subject="CN=x,C=QQ"), actor="ra")

    assert await core.desk.show("acc") == was


async def test_nobody_the_closed_the_server_and_officers_are_not_amended(core: Core) -> None:
    await core.desk.register(FORM, actor="ra")
    await core.desk.close("acc", actor="ra")
    await core.desk.register(Form("server", "CN=soapstone server", account="soapstone", language="en"), actor="ra")
    await core.desk.register(Form(OFFICER.name, "CN=Olga", account="olga", language="en"), actor="ra")

    with pytest.raises(NotFound):
        await core.desk.amend("nobody", NEW, actor="ra")
    for account in ("acc", "soapstone", "olga"):
        with pytest.raises(WrongState):
            await core.desk.amend(account, NEW, actor="ra")


async def test_a_kind_that_became_stricter_stops_no_other_change(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        await core.desk.register(FORM, actor="ra")
    strict = msgspec.structs.replace(PRESETS["organization"], name_suffixes=("elsewhere.example",))

    async with open_core(tmp_path, kinds=Kinds([strict])) as core:
        await core.desk.amend("acc", Changes(language="en"), actor="ra")
        with pytest.raises(BadForm, match=r"names: dns:b\.example is outside of elsewhere\.example"):
            await core.desk.amend("acc", NEW, actor="ra")
