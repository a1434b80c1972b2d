"""EAB keys as a life cycle."""

from __future__ import annotations

import asyncio

import pytest

from ca_core.errors import (
    BadRequest,
    CredentialExpired,
    CredentialRevoked,
    CredentialSpent,
    NotFound,
    ProfileNotGranted,
    WrongState,
)
from ca_core.registration.credential import mac_key_text
from ca_core.registration.eab_desk import EabForm
from ca_core.store import credentials
from tests.builders.core import Core

HOUR = 3600
DAY = 86_400
LIMITS = EabForm(3, None, ("10.0.0.0/8", "10.0.0.0/8", "192.0.2.7"), ("tls-server", "device"))


async def spend(core: Core, kid: str | None) -> None:
    async with core.database.write() as tx:
        key = await credentials.eab_key(tx, kid or "")
        assert key is not None
        await credentials.spend(tx, key.id, now=core.clock.now())


async def test_a_further_key_has_its_own_limits(core: Core) -> None:
    await core.register("acc", profiles=("tls-server", "device"))

    made, key = await core.eab_desk.add("acc", LIMITS, actor="test")

    assert await core.eab_desk.find(key.kid) == made
    assert (made.uses_left, made.networks, made.profiles) == (
        3,
        ("10.0.0.0/8", "192.0.2.7/32"),
        ("tls-server", "device"),
    )
    assert made.expires_at == core.clock.now() + 365 * DAY
    _, mac_key = await core.sign_in.eab_key(key.kid)
    assert mac_key_text(mac_key) == key.mac_key.reveal()


async def test_a_closed_registration_gets_no_further_key(core: Core) -> None:
    await core.register("acc")
    _, key = await core.eab_desk.add("acc", EabForm(None), actor="test")
    await core.desk.close("acc", actor="test")

    with pytest.raises(WrongState, match="closed"):
        await core.eab_desk.add("acc", EabForm(None), actor="test")
    with pytest.raises(WrongState, match="closed"):
        await core.eab_desk.rotate(key.kid, overlap_seconds=HOUR, actor="test")


async def test_the_journal_tells_of_every_step_and_of_no_secret(core: Core) -> None:
    await core.register("acc", profiles=("tls-server", "device"))
    _, key = await core.eab_desk.add("acc", LIMITS, actor="officer")
    _, _, next_key = await core.eab_desk.rotate(key.kid, overlap_seconds=HOUR, actor="officer")
    await core.eab_desk.revoke(next_key.kid, actor="officer")
    await core.eab_desk.restore(next_key.kid, actor="officer")

    events = await core.journal("eab-key-added", "eab-key-rotated", "eab-key-revoked", "eab-key-restored")

    assert [event.event.removeprefix("eab-key-") for event in events] == ["added", "rotated", "revoked", "restored"]
    assert {event.actor for event in events} == {"officer"}
    assert {event.registration_id for event in events} == {(await core.desk.show("acc")).id}
    assert events[1].detail["replaces"] == key.kid
    assert not any(one.mac_key.reveal() in str(event) for one in (key, next_key) for event in events)


async def test_a_new_sheet_voids_further_keys_too(core: Core) -> None:
    await core.register("acc")
    _, key = await core.eab_desk.add("acc", EabForm(None), actor="test")

    await core.desk.new_sheet("acc", actor="test")

    assert (await core.sign_in.eab_key(key.kid))[0] is None
    keys = await core.eab_desk.of_account("acc")
    assert [one.voided_at is None for one in keys].count(True) == 1
    assert [one.sheet for one in keys if one.voided_at is None] == [2]


@pytest.mark.parametrize(
    ("form", "refusal"),
    [
        (EabForm(1, None, ("10.0.0.1/8",)), BadRequest),
        (EabForm(1, None, (), ("signing",)), ProfileNotGranted),
        (EabForm(1, 1), BadRequest),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(core: Core, form: EabForm, refusal: type[Exception]) -> None:
    await core.register("acc")

    with pytest.raises(refusal):
        await core.eab_desk.add("acc", form, actor="test")

    assert len(await core.eab_desk.of_account("acc")) == 1


async def test_who_has_no_acme_gets_no_key(core: Core) -> None:
    await core.register("alice", kind="person")
    await core.register("gone")
    await core.desk.close("gone", actor="test")

    for account, refusal in (("alice", WrongState), ("gone", WrongState), ("nobody", NotFound)):
        with pytest.raises(refusal):
            await core.eab_desk.add(account, EabForm(None), actor="test")
    with pytest.raises(NotFound):
        await core.eab_desk.of_account("nobody")


async def test_a_rotated_key_works_on_for_the_overlap(core: Core) -> None:
    sheet = await core.register("acc")
    assert sheet.eab is not None

    old, new, key = await core.eab_desk.rotate(sheet.eab.kid, overlap_seconds=24 * HOUR, actor="test")

    assert (old.successor, new.kid, new.line) == (key.kid, key.kid, old.line)
    core.clock.move(24 * HOUR - 1)
    await spend(core, old.kid)
    core.clock.move(1)
    with pytest.raises(CredentialExpired):
        await spend(core, old.kid)
    await spend(core, new.kid)


async def test_without_an_overlap_the_old_key_ends_at_once(core: Core) -> None:
    sheet = await core.register("acc")
    assert sheet.eab is not None

    await core.eab_desk.rotate(sheet.eab.kid, overlap_seconds=0, actor="test")

    with pytest.raises(CredentialExpired):
        await spend(core, sheet.eab.kid)


async def test_a_rotation_changes_the_secret_and_no_limit(core: Core) -> None:
    await core.register("acc", profiles=("tls-server", "device"))
    made, first = await core.eab_desk.add("acc", LIMITS, actor="test")

    _, new, key = await core.eab_desk.rotate(first.kid, overlap_seconds=HOUR, actor="test")
    _, later, _ = await core.eab_desk.rotate(
        key.kid, overlap_seconds=HOUR, expires_at=made.expires_at + DAY, actor="test"
    )

    assert (new.uses_left, new.expires_at, new.networks, new.profiles) == (
        made.uses_left,
        made.expires_at,
        made.networks,
        made.profiles,
    )
    assert later.expires_at == made.expires_at + DAY
    assert key.mac_key != first.mac_key


async def test_the_keys_of_a_line_share_their_uses(core: Core) -> None:
    await core.register("acc")
    _, first = await core.eab_desk.add("acc", EabForm(2), actor="test")
    _, _, second = await core.eab_desk.rotate(first.kid, overlap_seconds=HOUR, actor="test")

    await spend(core, first.kid)
    await spend(core, second.kid)

    for kid in (first.kid, second.kid):
        with pytest.raises(CredentialSpent):
            await spend(core, kid)


async def test_another_key_of_the_same_sheet_has_uses_of_its_own(core: Core) -> None:
    sheet = await core.register("acc", uses=1)
    assert sheet.eab is not None
    _, key = await core.eab_desk.add("acc", EabForm(1), actor="test")

    await spend(core, sheet.eab.kid)

    await spend(core, key.kid)


async def test_a_key_is_rotated_once(core: Core) -> None:
    sheet = await core.register("acc")
    assert sheet.eab is not None
    kid = sheet.eab.kid

    outcomes = await asyncio.gather(
        *(core.eab_desk.rotate(kid, overlap_seconds=HOUR, actor="test") for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(outcome, WrongState) for outcome in outcomes) == 4
    assert len(await core.eab_desk.of_account("acc")) == 2
    with pytest.raises(WrongState, match="rotated already, to"):
        await core.eab_desk.rotate(kid, overlap_seconds=HOUR, actor="test")


@pytest.mark.parametrize("why", ["void", "revoked", "no uses left", "expired"])
async def test_a_key_that_does_not_work_is_not_rotated(core: Core, why: str) -> None:
    await core.register("acc")
    _, key = await core.eab_desk.add("acc", EabForm(1, core.clock.now() + DAY), actor="test")
    match why:
        case "void":
            await core.desk.new_sheet("acc", actor="test")
        case "revoked":
            await core.eab_desk.revoke(key.kid, actor="test")
        case "no uses left":
            await spend(core, key.kid)
        case _:
            core.clock.move(2 * DAY)

    with pytest.raises(WrongState, match=why):
        await core.eab_desk.rotate(key.kid, overlap_seconds=HOUR, actor="test")


async def test_a_successor_that_has_ended_already_is_refused(core: Core) -> None:
    await core.register("acc")
    _, key = await core.eab_desk.add("acc", EabForm(None), actor="test")

    with pytest.raises(BadRequest):
        await core.eab_desk.rotate(key.kid, overlap_seconds=HOUR, expires_at=core.clock.now(), actor="test")

    assert (await core.eab_desk.find(key.kid)).successor is None


async def test_an_overlap_lengthens_no_life(core: Core) -> None:
    await core.register("acc")
    ends_at = core.clock.now() + HOUR
    _, key = await core.eab_desk.add("acc", EabForm(None, ends_at), actor="test")

    old, new, _ = await core.eab_desk.rotate(key.kid, overlap_seconds=DAY, expires_at=ends_at + DAY, actor="test")

    assert (old.expires_at, new.expires_at) == (ends_at, ends_at + DAY)
    assert (await core.eab_desk.find(key.kid)).expires_at == ends_at


async def test_a_revoked_key_comes_back_as_it_was(core: Core) -> None:
    await core.register("acc")
    _, key = await core.eab_desk.add("acc", EabForm(2), actor="test")
    await core.eab_desk.revoke(key.kid, actor="test")

    with pytest.raises(WrongState, match="revoked already"):
        await core.eab_desk.revoke(key.kid, actor="test")
    with pytest.raises(CredentialRevoked):
        await spend(core, key.kid)
    await core.eab_desk.restore(key.kid, actor="test")

    await spend(core, key.kid)
    with pytest.raises(WrongState, match="is not revoked"):
        await core.eab_desk.restore(key.kid, actor="test")


async def test_a_key_that_is_not_there_is_named(core: Core) -> None:
    with pytest.raises(NotFound, match="there is no EAB key NOBODY"):
        await core.eab_desk.revoke("NOBODY", actor="test")
