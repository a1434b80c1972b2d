"""RULES, S3 to S5 and S13: sheets open the change of a password, passwords open the portal, guesses close it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.errors import (
    CredentialExpired,
    NotActivated,
    RegistrationClosed,
    RegistrationExpired,
    RegistrationSuspended,
    Throttled,
    WrongSecret,
)
from ca_core.registration.errors import BadPassword, PasswordFault, PasswordToBeChanged, SessionEnded
from ca_core.registration.kind import PRESETS, Kinds, PasswordPolicy
from ca_core.registration.password_hash import Cost
from ca_core.registration.password_policy import Blocklist
from ca_core.registration.session import Step
from ca_core.registration.sheet import Sheet
from ca_core.secret import Secret
from ca_core.store import passwords as store
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.portal import GOOD, SOURCE, Portal, portal

DAY = 86_400
ORGANIZATION = PRESETS["organization"]
KINDS = Kinds(
    [
        msgspec.structs.replace(ORGANIZATION, activation=True),
        msgspec.structs.replace(ORGANIZATION, name="as-of-old", password_policy=PasswordPolicy.MANUAL),
        PRESETS["device"],
    ]
)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, kinds=KINDS) as opened:
        yield opened


@pytest.fixture
def door(core: Core) -> Portal:
    return portal(core, kinds=KINDS, blocked=Blocklist(frozenset({"lobster paints nine moons"})))


def initial(sheet: Sheet) -> Secret:
    assert sheet.initial_password is not None
    return sheet.initial_password


async def guess(door: Portal, *passwords: str, account: str = "acc", source: str = SOURCE) -> None:
    for password in passwords:
        with pytest.raises(WrongSecret):
            await door.sign_in(account, password, source=source)


async def is_in(door: Portal, token: Secret) -> bool:
    try:
        await door.sessions.look(token, door=Door.PORTAL)
    except SessionEnded:
        return False
    return True


async def test_an_initial_password_opens_the_change_of_it_and_nothing_else(core: Core, door: Portal) -> None:
    """RULES, S3."""
    sheet = await core.register("acc")

    begun = await door.sign_in("acc", initial(sheet))

    session = await door.sessions.look(begun.token, door=Door.PORTAL)
    assert begun.step is session.step is Step.CHANGE_PASSWORD
    assert session.registration.account == "acc"
    with pytest.raises(PasswordToBeChanged):
        session.require_signed_in()
    (entry,) = await core.journal("signed-in")
    assert (entry.actor, entry.detail["step"]) == (f"portal:initial-password:{SOURCE}", "change-password")
    assert entry.registration_id == session.registration.id


async def test_a_chosen_password_takes_the_initial_ones_place(core: Core, door: Portal) -> None:
    sheet = await core.register("acc")
    begun = await door.sign_in("acc", initial(sheet))

    changed = await door.change(begun.token, initial(sheet), GOOD)

    (await door.sessions.look(changed.token, door=Door.PORTAL)).require_signed_in()
    assert not await is_in(door, begun.token)
    assert (await door.sign_in("acc", GOOD)).step is Step.SIGNED_IN
    await guess(door, initial(sheet).reveal())
    (entry,) = await core.journal("password-changed")
    assert (entry.actor, entry.detail["is_first"]) == (f"portal:session:{SOURCE}", True)


async def test_the_first_change_activates_the_sheet_and_a_later_one_nothing(core: Core, door: Portal) -> None:
    sheet = await core.register("acc")
    assert sheet.enrollment_code is not None
    code = sheet.enrollment_code
    with pytest.raises(NotActivated):
        await core.sign_in.by_enrollment_code("acc", code, source=SOURCE, door=Door.EST)

    begun = await door.sign_in("acc", initial(sheet))
    changed = await door.change(begun.token, initial(sheet), GOOD)
    await door.change(changed.token, GOOD, "nine lobsters paint moons")

    await core.sign_in.by_enrollment_code("acc", code, source=SOURCE, door=Door.EST)
    assert len(await core.journal("sheet-activated")) == 1
    assert [one.detail["is_first"] for one in await core.journal("password-changed")] == [True, False]


async def test_changing_a_password_ends_the_other_sessions_and_gives_this_one_a_new_token(door: Portal) -> None:
    """RULES, S13."""
    mine = await door.with_password("acc")
    elsewhere = await door.sign_in("acc", GOOD)

    fresh = await door.change(mine.token, GOOD, "nine lobsters paint moons")

    assert await is_in(door, fresh.token)
    assert not await is_in(door, mine.token)
    assert not await is_in(door, elsewhere.token)
    await guess(door, GOOD)


@pytest.mark.parametrize(
    ("new", "again", "fault"),
    [
        ("nine lobsters paint moons", "nine lobsters paint moon", PasswordFault.DIFFERENT),
        (GOOD, GOOD, PasswordFault.SAME),
        ("short", "short", PasswordFault.TOO_SHORT),
        ("password123", "password123", PasswordFault.GUESSABLE),
        ("acc@example.org", "acc@example.org", PasswordFault.GUESSABLE),
        ("Lobster paints nine moons", "Lobster paints nine moons", PasswordFault.BLOCKED),
    ],
)
async def test_what_may_not_be_chosen_changes_nothing(door: Portal, new: str, again: str, fault: PasswordFault) -> None:
    mine = await door.with_password("acc")

    with pytest.raises(BadPassword) as refused:
        await door.change(mine.token, GOOD, new, again)

    assert refused.value.fault is fault
    assert await is_in(door, mine.token)
    await door.sign_in("acc", GOOD)


async def test_the_manuals_policy_is_the_manuals(door: Portal) -> None:
    mine = await door.with_password("acc", "abcdef", kind="as-of-old")

    with pytest.raises(BadPassword, match="16 characters at most"):
        await door.change(mine.token, "abcdef", "x" * 17)

    await door.change(mine.token, "abcdef", "123456")
    await door.sign_in("acc", "123456")


async def test_three_different_wrong_passwords_suspend_it_and_only_a_new_sheet_ends_that(
    core: Core, door: Portal
) -> None:
    """RULES, S5."""
    await door.with_password("acc")

    await guess(door, "one", "one", "one", "two", "two")
    await door.sign_in("acc", GOOD)
    await guess(door, "one", "two", "one", "three")

    await guess(door, GOOD)
    core.clock.move(30 * DAY)
    await guess(door, GOOD)
    (entry,) = await core.journal("password-suspended")
    registration = await core.desk.show("acc")
    assert (entry.registration_id, entry.detail["guesses"]) == (registration.id, 3)
    async with core.database.read() as tx:
        assert await store.suspended_at(tx, registration.id) is not None
    sheet = await core.desk.new_sheet("acc", actor="ra")
    assert (await door.sign_in("acc", initial(sheet))).step is Step.CHANGE_PASSWORD


async def test_ten_thousand_repetitions_of_one_stale_password_suspend_nobody(door: Portal, core: Core) -> None:
    """RULES, S5: as of a program that was not told, each of them looked at, and no other one in between."""
    await door.with_password("acc")

    for _ in range(10_000):
        core.clock.move(60)
        await guess(door, "stale")

    assert len(await core.journal("password-suspended")) == 0
    assert (await door.sign_in("acc", GOOD)).step is Step.SIGNED_IN


async def test_guesses_at_an_initial_password_count_like_others(core: Core, door: Portal) -> None:
    sheet = await core.register("acc")

    await guess(door, "one", "two", "three")

    await guess(door, initial(sheet).reveal())
    # The machine secrets of the sheet are another thing.
    assert sheet.enrollment_code is not None
    with pytest.raises(NotActivated):
        await core.sign_in.by_enrollment_code("acc", sheet.enrollment_code, source=SOURCE, door=Door.EST)


async def test_a_suspended_password_ends_nobodys_session_and_changes_nothing(door: Portal) -> None:
    mine = await door.with_password("acc")

    await guess(door, "one", "two", "three")

    assert await is_in(door, mine.token)
    with pytest.raises(WrongSecret):
        await door.change(mine.token, GOOD, "nine lobsters paint moons")


async def test_a_wrong_old_password_counts_as_a_guess(door: Portal) -> None:
    mine = await door.with_password("acc")

    for old in ("one", "two", "three"):
        with pytest.raises(WrongSecret):
            await door.change(mine.token, old, "nine lobsters paint moons")

    await guess(door, GOOD)


async def test_unknown_wrong_and_suspended_are_answered_alike(core: Core, door: Portal) -> None:
    await door.with_password("suspended")
    await guess(door, "one", "two", "three", account="suspended")
    await door.with_password("wrong")
    await core.register("initial")
    await core.register("device", kind="device")
    said = set()

    for account, typed in (
        ("nobody", GOOD),
        ("wrong", "guess"),
        ("suspended", "four"),
        ("suspended", GOOD),
        ("initial", "guess"),
        ("device", "guess"),
        ("\ud800", "\ud800"),
        ("\0", "\0"),
        ("x" * 100_000, "x" * 100_000),
    ):
        with pytest.raises(WrongSecret) as refused:
            await door.sign_in(account, typed)
        said.add((type(refused.value), str(refused.value)))

    assert len(said) == 1
    entries = await core.journal("credential-refused")
    assert {(one.detail["door"], one.detail["why"], one.registration_id) for one in entries} == {
        ("portal", "wrong", None)
    }


async def test_nothing_that_was_typed_is_in_the_store(core: Core, door: Portal) -> None:
    await door.with_password("acc")
    await guess(door, "a wrong guess")

    async with core.database.read() as tx:
        rows = await tx.all("SELECT subject, guess FROM password_guesses")
        secrets = await tx.all("SELECT secret FROM credentials WHERE kind = 'password'")
    assert [len(row[0]) + len(row[1]) for row in rows] == [64]
    assert [bytes(row[0])[:10] for row in secrets] == [b"$argon2id$"]
    for entry in await core.journal("credential-refused", "password-changed", "signed-in"):
        assert "guess" not in str(entry.detail)


@pytest.mark.parametrize(
    ("end", "refusal"),
    [
        (lambda core: core.desk.suspend("acc", actor="ra"), RegistrationSuspended),
        (lambda core: core.desk.close("acc", actor="ra"), RegistrationClosed),
    ],
)
async def test_who_suspends_or_closes_ends_every_session_at_once(
    core: Core, door: Portal, end: Callable[[Core], Awaitable[None]], refusal: type[Exception]
) -> None:
    mine = await door.with_password("acc")

    await end(core)

    assert not await is_in(door, mine.token)
    with pytest.raises(refusal):
        await door.sign_in("acc", GOOD)
    (entry,) = await core.journal("credential-refused")
    assert entry.detail["why"] == refusal.__name__


async def test_what_was_ended_by_a_suspension_does_not_come_back(core: Core, door: Portal) -> None:
    mine = await door.with_password("acc")

    await core.desk.suspend("acc", actor="ra")
    await core.desk.resume("acc", actor="ra")

    assert not await is_in(door, mine.token)
    await door.sign_in("acc", GOOD)


async def test_a_new_sheet_ends_every_session(core: Core, door: Portal) -> None:
    mine = await door.with_password("acc")

    await core.desk.new_sheet("acc", actor="ra")

    assert not await is_in(door, mine.token)
    await guess(door, GOOD)


async def test_an_expired_registration_lets_nobody_in_and_keeps_nobody_in(core: Core, door: Portal) -> None:
    mine = await door.with_password("acc")
    core.clock.move(4 * 365 * DAY)

    with pytest.raises(RegistrationExpired):
        await door.sign_in("acc", GOOD)
    assert not await is_in(door, mine.token)


async def test_an_initial_password_expires_and_a_chosen_one_does_not(core: Core, door: Portal) -> None:
    sheet = await core.register("late")
    await door.with_password("acc")
    core.clock.move(400 * DAY)

    with pytest.raises(CredentialExpired, match="new password sheet"):
        await door.sign_in("late", initial(sheet))
    await door.sign_in("acc", GOOD)


async def test_a_password_is_hashed_anew_when_its_cost_has_changed(core: Core, door: Portal) -> None:
    await door.with_password("acc")
    dearer = portal(core, kinds=KINDS, cost=Cost(memory_kib=128, passes=2))

    for _ in range(2):
        await dearer.sign_in("acc", GOOD)
        async with core.database.read() as tx:
            standing = await store.standing(tx, "acc")
        assert standing is not None
        assert b"$m=128,t=2,p=1$" in standing.secret
    await door.sign_in("acc", GOOD)


async def test_a_source_that_guesses_is_held_back_before_anything_is_looked_at(core: Core, door: Portal) -> None:
    for number in range(30):
        await guess(door, "guess", account=f"acc-{number}")

    with pytest.raises(Throttled) as refused:
        await door.sign_in("acc-31", "guess")
    before = len(await core.journal("credential-refused"))
    with pytest.raises(Throttled):
        await door.sign_in("acc-32", "guess")

    assert refused.value.retry_after_seconds == 2
    assert len(await core.journal("credential-refused")) == before == 30
    assert await core.count("password_guesses") == 30
    await guess(door, "guess", account="acc-33", source="192.0.2.2")
    core.clock.move(60)
    await guess(door, "guess", account="acc-34")


async def test_an_account_that_is_guessed_at_from_everywhere_is_held_back(core: Core, door: Portal) -> None:
    for account in ("nobody", "acc"):
        if account == "acc":
            await door.with_password("acc")
        for number in range(10):
            await guess(door, f"guess {number}", account=account, source=f"198.51.100.{number}")

        for _ in range(2):
            with pytest.raises(Throttled):
                await door.sign_in(account, "guess", source="203.0.113.1")
    core.clock.move(60)
    await guess(door, "guess")


async def test_a_few_at_once_are_looked_at_of_one_source(core: Core, door: Portal) -> None:
    came = await asyncio.gather(
        *(door.sign_in(f"acc-{number}", "guess") for number in range(20)), return_exceptions=True
    )

    assert {type(one) for one in came} == {WrongSecret, Throttled}
    assert sum(isinstance(one, WrongSecret) for one in came) == 4
    await guess(door, "guess")


async def test_a_right_password_that_was_suspended_since_it_was_proved_opens_nothing(core: Core, door: Portal) -> None:
    """As where the third wrong one is counted on another server meanwhile."""
    await door.with_password("acc")
    proved = await door.proof.prove("acc", Secret(GOOD), source=SOURCE)
    await guess(door, "one", "two", "three")

    with pytest.raises(WrongSecret):
        async with core.database.write() as tx:
            await door.proof.settle(tx, proved)


async def test_guesses_at_nobody_are_forgotten_after_a_day_and_others_are_not(core: Core, door: Portal) -> None:
    await door.with_password("acc")
    await door.with_password("suspended")
    await guess(door, "one", "two")
    await guess(door, "one", "two", "three", account="suspended")
    await guess(door, "one", account="nobody")

    await door.proof.forget()
    kept = await core.count("password_guesses")
    core.clock.move(DAY + 1)
    await door.proof.forget()

    assert kept == 6
    assert await core.count("password_guesses") == 2
    await guess(door, "three", GOOD)
