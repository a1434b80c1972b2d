"""Unknown, wrong and suspended take the same statements and the same time (RULES, S5).

An answer costs 20 ms here and more than that on the way; what is compared is the CPU time of 2,000 answers of each
kind, which come in turn, at a cost of the slow hash at which leaving it out would be seen at once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from statistics import fmean

import pytest

from ca_core.applicant import Door
from ca_core.errors import WrongSecret
from ca_core.registration.password_hash import Cost
from ca_core.secret import Secret
from tests.builders.core import Core
from tests.builders.portal import Portal, portal
from tests.builders.statements import statements

ROUNDS = 2_000
COST = Cost(memory_kib=512, passes=1)
"""A fifth of a millisecond."""
MOST_APART = 0.1
_LEFT_OUT = 5
"""One of so many on either side says more of the machine than of us."""

Answer = Callable[[int], Awaitable[object]]


@pytest.fixture
def door(core: Core) -> Portal:
    return portal(core, cost=COST)


async def refused(answer: Awaitable[object]) -> None:
    with suppress(WrongSecret):
        await answer
        raise AssertionError("it was let in")


async def means(answers: Mapping[str, Answer], move: Callable[[], None]) -> dict[str, float]:
    """Seconds of CPU of each kind of answer, on the average of those that are neither fast nor slow."""
    took: dict[str, list[float]] = {kind: [] for kind in answers}
    kinds = list(answers.items())
    for number in range(ROUNDS):
        # Each is the first as often as the last: what the one before has left in the caches is nobody's advantage.
        turn = number % len(kinds)
        for kind, answer in kinds[turn:] + kinds[:turn]:
            before = time.process_time()
            await refused(answer(number))
            took[kind].append(time.process_time() - before)
        move()
    return {kind: trimmed_mean(times) for kind, times in took.items()}


def trimmed_mean(times: list[float]) -> float:
    least = len(times) // _LEFT_OUT
    return fmean(sorted(times)[least:-least])


def require_alike(seconds: Mapping[str, float]) -> None:
    shortest, longest = min(seconds.values()), max(seconds.values())
    assert longest / shortest < 1 + MOST_APART, {kind: f"{one * 1e6:.0f} us" for kind, one in seconds.items()}


def source(number: int) -> str:
    """A new one each time: nobody is held back."""
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


async def cases(core: Core, door: Portal) -> dict[str, Answer]:
    """Accounts that answer alike: the same wrong password each time, so that it counts once."""
    await door.with_password("suspended")
    for guess in ("one", "two", "three"):
        await refused(door.sign_in("suspended", guess))
    await door.with_password("wrong")
    await core.register("initial")

    def asking(account: str) -> Answer:
        return lambda number: door.sign_in(account, "guess", source=source(number))

    return {account: asking(account) for account in ("nobody", "wrong", "suspended", "initial")}


async def test_unknown_wrong_and_suspended_take_the_same_statements(core: Core, door: Portal) -> None:
    answers = await cases(core, door)
    seen = {}

    for kind, answer in answers.items():
        with statements(core.database) as seen[kind]:
            await refused(answer(1))

    assert seen["nobody"]
    assert all(one == seen["nobody"] for one in seen.values())


async def test_passwords_unknown_wrong_and_suspended_take_the_same_time(core: Core, door: Portal) -> None:
    answers = await cases(core, door)

    # An account has a wrong one forgiven every minute.
    seconds = await means(answers, lambda: core.clock.move(60))

    require_alike(seconds)


async def test_enrollment_codes_unknown_wrong_and_of_no_use_take_the_same_statements(core: Core) -> None:
    seen = {}

    for kind, answer in (await codes(core)).items():
        with statements(core.database) as seen[kind]:
            await refused(answer(1))

    assert all(one == seen["nobody"] for one in seen.values())


async def test_enrollment_codes_unknown_and_wrong_take_the_same_time(core: Core) -> None:
    """EST's Basic credentials: those have no slow hash, and are compared by what the rest of an answer takes."""
    seconds = await means(await codes(core), lambda: core.clock.move(1))

    require_alike(seconds)


async def codes(core: Core) -> dict[str, Answer]:
    await core.register("wrong")
    await core.register("void")
    await core.desk.new_sheet("void", actor="ra")
    await core.register("suspended")
    await core.desk.suspend("suspended", actor="ra")
    typed = Secret("ABCD-EFGH-JKLM-NPQR-STUV-WXYZ")

    def asking(account: str) -> Answer:
        return lambda number: core.sign_in.by_enrollment_code(account, typed, source=source(number), door=Door.EST)

    return {account: asking(account) for account in ("nobody", "wrong", "void", "suspended")}
