"""The gate before passwords (RULES, S4): each challenge is answered once, in its time, whichever worker is asked."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import AsyncIterator, Callable
from io import BytesIO
from pathlib import Path
from wave import open as wave_open

import altcha
import pytest

from ca_core.errors import Throttled
from ca_core.registration.credential import SecretKeeper
from server.portal.gate import LIFETIME_SECONDS, Gate
from server.portal.gate_pictures import Code, Codes
from server.setting_tables import GateKind
from server.web.forms import Posted
from tests.builders.core import Core
from tests.builders.core import core as open_core

KEEPER = SecretKeeper(bytes(32))


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


def gate(core: Core, kind: GateKind = GateKind.PROOF_OF_WORK) -> Gate:
    """Of one worker: workers share the store and the keys, and nothing else."""
    return Gate(core.database, core.clock, KEEPER, kind, Codes(KEEPER))


def worked(challenge: str) -> Posted:
    made = altcha.Challenge.from_dict(json.loads(challenge))
    solution = altcha.solve_challenge(made)
    assert solution is not None
    return Posted({"work": (altcha.Payload(made, solution).to_base64(),)})


def read(picture: str, change: Callable[[str], str] = str) -> Posted:
    code = Codes(KEEPER).read(picture)
    assert code is not None
    return Posted({"picture": (picture,), "code": (change(code.digits),)})


def wrong(digits: str) -> str:
    return digits[:-1] + str((int(digits[-1]) + 1) % 10)


async def test_work_opens_once_whichever_worker_is_asked(core: Core) -> None:
    form = worked(gate(core).asked().work)

    assert await gate(core).is_passed(form)

    assert not await gate(core).is_passed(form)
    assert not await gate(core).is_passed(form)


async def test_digits_open_once_whichever_worker_is_asked(core: Core) -> None:
    form = read(gate(core).asked().picture)

    assert await gate(core).is_passed(form)

    assert not await gate(core).is_passed(form)


async def test_who_guesses_digits_has_one_guess_for_each_picture(core: Core) -> None:
    picture = gate(core).asked().picture

    assert not await gate(core).is_passed(read(picture, wrong))

    assert not await gate(core).is_passed(read(picture))


async def test_digits_may_be_typed_in_any_width_and_with_blanks(core: Core) -> None:
    widened = read(gate(core).asked().picture, lambda digits: "".join(chr(ord(one) + 0xFEE0) for one in digits))
    parted = read(gate(core).asked().picture, lambda digits: f"{digits[:3]} {digits[3:]}")

    assert await gate(core).is_passed(widened)
    assert await gate(core).is_passed(parted)


async def test_an_answer_that_comes_late_is_none(core: Core) -> None:
    asked = gate(core).asked()
    work, picture = worked(asked.work), read(asked.picture)

    core.clock.move(LIFETIME_SECONDS + 1)

    assert not await gate(core).is_passed(work)
    assert not await gate(core).is_passed(picture)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "x",
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"challenge": 1, "solution": 2}').decode(),
        "A" * 9_999,
    ],
)
async def test_what_is_no_answer_opens_nothing(core: Core, answer: str) -> None:
    assert not await gate(core).is_passed(Posted({"work": (answer,)}))
    assert not await gate(core).is_passed(Posted({"picture": (answer,), "code": ("123456",)}))
    assert not await gate(core).is_passed(Posted({}))


async def test_easier_work_than_was_asked_for_opens_nothing(core: Core) -> None:
    challenge = json.loads(gate(core).asked().work)
    challenge["parameters"]["keyPrefix"] = ""

    assert not await gate(core).is_passed(worked(json.dumps(challenge)))


async def test_a_picture_of_another_spelling_is_no_other_picture(core: Core) -> None:
    picture = gate(core).asked().picture

    assert Codes(KEEPER).read(picture + "=") is None
    assert Codes(SecretKeeper(bytes(31) + b"\1")).read(picture) is None


async def test_by_setting_digits_are_asked_of_everybody(core: Core) -> None:
    asked = gate(core, GateKind.PICTURE).asked()

    assert asked.work == ""
    assert await gate(core, GateKind.PICTURE).is_passed(read(asked.picture))
    assert not await gate(core, GateKind.PICTURE).is_passed(worked(gate(core).asked().work))


def code_of(codes: Codes) -> Code:
    code = codes.read(codes.new(10))
    assert code is not None
    return code


async def test_the_digits_are_drawn_and_spoken() -> None:
    codes = Codes(KEEPER)
    code = code_of(codes)

    picture, sound = await codes.picture(code, source="a", now=0), await codes.sound(code, source="a", now=0)

    assert picture.startswith(b"\x89PNG")
    with wave_open(BytesIO(sound)) as spoken:
        assert spoken.getnframes() > spoken.getframerate()
    assert code.digits not in repr(code)


async def test_nobody_keeps_the_machine_busy_with_drawing() -> None:
    codes = Codes(KEEPER)
    code = code_of(codes)
    for _ in range(30):
        await codes.picture(code, source="192.0.2.1", now=0)

    with pytest.raises(Throttled):
        await codes.sound(code, source="192.0.2.1", now=0)

    await codes.picture(code, source="192.0.2.2", now=0)
    await codes.picture(code, source="192.0.2.1", now=2)


async def test_who_draws_does_not_hold_the_interpreter_behind_everything_else() -> None:
    codes = Codes(KEEPER)

    await codes.picture(code_of(codes), source="a", now=0)

    drawing = [one.native_id for one in threading.enumerate() if one.name.startswith("pictures-")]
    assert drawing
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert {os.getpriority(os.PRIO_PROCESS, one or 0) for one in drawing} == {here}
