"""Imports on every database: what is judged, what is registered, and how a run is taken up that lost its memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from ca_core import names
from ca_core.applicant import Door
from ca_core.errors import BadName, ChangedMeanwhile, FieldFault, NotFound, NotPermitted, WrongSecret
from ca_core.registration import mark
from ca_core.registration.account import Grant
from ca_core.registration.bulk import MOST_LINES
from ca_core.registration.contact import Contact
from ca_core.registration.form import Form
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.registration.line import Became, FirstSeen, Import, Line, Outcome, counted
from ca_core.registration.sheet import Sheet
from ca_core.staff.role import Action, Actor, Role, Via, console
from ca_core.store import registration_marks
from conformance.stores import KINDS
from tests.builders.core import Core
from tests.builders.core import core as open_core

STRICT = Kinds(
    msgspec.structs.replace(kind, approvals=Approvals(register=1)) if kind.name == "partner" else kind
    for kind in PRESETS.values()
)
ROOT = console("root")
ALICE, BOB = (Actor(name, Role.OFFICER, "north", f"id-of-{name}", Via.DESK) for name in ("alice", "bob"))


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param, kinds=STRICT) as opened:
        yield opened


def device(number: int, **fields: object) -> Line:
    form = Form("device", f"CN=sensor {number},O=Fleet,C=TW", account=f"sensor-{number}")
    return Line(number, msgspec.structs.replace(form, **fields))


async def run(core: Core, lines: Sequence[Line], key: str = "k", actor: Actor = ROOT) -> tuple[Import, list[Outcome]]:
    one = await core.imports.begin(key, actor=actor)
    return one, await core.imports.import_lines(lines, one, actor=actor)


async def opens(core: Core, sheet: Sheet | None) -> bool:
    """Whether the code of a sheet is one."""
    assert sheet is not None
    assert sheet.enrollment_code is not None
    try:
        await core.sign_in.by_enrollment_code(sheet.account, sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    except WrongSecret:
        return False
    return True


async def test_what_is_imported_is_as_if_an_officer_had_registered_it(core: Core) -> None:
    grants = (Grant(names.dns("a.example")), Grant(names.permanent("SN-1")))
    contact = Contact(name="王小明", email="w@example.com")
    line = device(1, grants=grants, contact=contact, uses=3, profiles=("device", "tls-server"), language="en")
    assert line.form is not None

    _, (outcome,) = await run(core, [line])
    _, by_hand = await core.desk.register(msgspec.structs.replace(line.form, account="by-hand"), actor="test")

    imported, made = [msgspec.structs.asdict(await core.desk.show(account)) for account in ("sensor-1", "by-hand")]
    assert outcome.became is Became.REGISTERED
    assert {field for field in made if imported[field] != made[field]} == {"id", "account"}
    assert await opens(core, outcome.sheet)
    assert outcome.sheet is not None
    assert outcome.sheet.eab is not None
    assert await core.count("credentials") == 4
    bearing = mark.of_shown(b"\x30\x00", numbers=["SN-1"])
    async with core.database.read() as tx:
        assert len(await registration_marks.bearing(tx, bearing)) == 2
        assert await registration_marks.unmarked(tx, most=1) == []
    events = await core.journal("import-begun", "registered", "sheet-issued")
    assert [entry.event for entry in events] == [
        "import-begun",
        "registered",
        "sheet-issued",
        "registered",
        "sheet-issued",
    ]
    first, second = events[1], events[3]
    assert {**first.detail, "account": ""} == {**second.detail, "account": ""}
    assert (first.actor, events[0].detail["key"]) == ("cli:operator:root", "k")
    assert by_hand.number == outcome.number == 1


async def test_every_fault_of_every_line_is_named_and_nothing_is_changed(core: Core) -> None:
    await core.register("there")
    lines = [
        device(1),
        device(2, subject="CN=sensor,C=XX", language="fr", profiles=("nonsense",)),
        device(3, account="sensor-1"),
        device(4, account="there"),
        Line(5, Form("robot", "CN=x,C=TW")),
        Line(6, None, (FieldFault("line", "is no JSON"),)),
        Line(7, Form("server", "CN=x,C=TW")),
        Line(8, Form("device", "CN=same,C=TW")),
        Line(9, Form("device", "CN=same,C=TW")),
        device(10, account="not an account"),
    ]

    bad = await core.imports.look(lines, FirstSeen(), actor=ROOT)

    assert {line.number: [fault.field for fault in line.faults] for line in bad} == {
        2: ["profiles", "language", "subject.C"],
        3: ["account"],
        4: ["account"],
        5: ["kind"],
        6: ["line"],
        7: ["kind"],
        9: ["line"],
        10: ["account"],
    }
    assert bad[1].faults[0].why == "'sensor-1' is in line 1 already"
    assert bad[2].faults[0].why == "there exists already"
    assert "says the same as line 8" in bad[6].faults[0].why
    assert await core.count("registrations") == 1
    assert await core.count("imports") == 0


async def test_what_is_seen_in_one_batch_is_known_in_the_next(core: Core) -> None:
    seen = FirstSeen()

    first = await core.imports.look([device(1)], seen, actor=ROOT)
    second = await core.imports.look([device(2, account="sensor-1")], seen, actor=ROOT)

    assert first == []
    assert [line.number for line in second] == [2]


async def test_bad_lines_of_a_batch_are_left_out_and_the_others_come_in(core: Core) -> None:
    await core.register("there")
    lines = [device(1), device(2, account="there"), device(3, subject="CN=x,C=XX"), device(4)]

    _, outcomes = await run(core, lines)

    assert [outcome.became for outcome in outcomes] == [Became.REGISTERED, Became.BAD, Became.BAD, Became.REGISTERED]
    assert [fault.field for outcome in outcomes for fault in outcome.line.faults] == ["account", "subject.C"]
    assert await core.count("registrations") == 3
    assert len(await core.journal("registered")) == 3


async def test_sheets_that_were_handed_over_are_not_made_again(core: Core) -> None:
    lines = [device(number) for number in range(1, 6)]
    one, first = await run(core, lines[:3])
    await core.imports.hand_over(one, first)

    again, outcomes = await run(core, lines)

    assert [outcome.became for outcome in outcomes] == [Became.DONE] * 3 + [Became.REGISTERED] * 2
    assert (again.id, again.run) == (one.id, 2)
    assert outcomes[0].sheet is None
    assert outcomes[0].note.endswith("soapstone sheet sensor-1")
    assert [await opens(core, outcome.sheet) for outcome in first] == [True] * 3
    assert await core.count("registrations") == 5


async def test_a_sheet_that_nobody_may_have_is_made_anew_and_voids_the_lost_one(core: Core) -> None:
    lines = [device(1), device(2)]
    _, lost = await run(core, lines)
    one = await core.imports.begin("k", actor=ROOT)

    outcomes = await core.imports.import_lines(lines, one, actor=ROOT)
    await core.imports.hand_over(one, outcomes)
    _, third = await run(core, lines)

    assert [outcome.became for outcome in outcomes] == [Became.NEW_SHEET] * 2
    assert [outcome.number for outcome in outcomes] == [2, 2]
    assert [await opens(core, outcome.sheet) for outcome in lost] == [False, False]
    assert [await opens(core, outcome.sheet) for outcome in outcomes] == [True, True]
    assert counted(third)[Became.DONE] == 2
    assert await core.count("registrations") == 2


async def test_a_new_sheet_that_is_lost_too_is_made_anew_once_more(core: Core) -> None:
    await run(core, [device(1)])
    _, second = await run(core, [device(1)])

    _, third = await run(core, [device(1)])

    assert (second[0].number, third[0].number, third[0].became) == (2, 3, Became.NEW_SHEET)
    assert await opens(core, third[0].sheet)


async def test_a_sheet_that_an_officer_made_since_is_left_as_it_is(core: Core) -> None:
    await run(core, [device(1), device(2)])
    made = await core.desk.new_sheet("sensor-1", actor="test")
    await core.desk.close("sensor-2", actor="test")

    _, outcomes = await run(core, [device(1), device(2)])

    assert [outcome.became for outcome in outcomes] == [Became.DONE, Became.DONE]
    assert outcomes[0].number == 2
    assert await opens(core, made)


async def test_a_run_that_was_overtaken_does_nothing_more(core: Core) -> None:
    old, _ = await run(core, [device(1)])
    await core.imports.begin("k", actor=ROOT)

    with pytest.raises(ChangedMeanwhile, match="another command"):
        await core.imports.import_lines([device(2)], old, actor=ROOT)
    with pytest.raises(ChangedMeanwhile):
        await core.imports.import_lines([device(1)], old, actor=ROOT)
    with pytest.raises(ChangedMeanwhile):
        await core.imports.end(old, counted([]), actor=ROOT)

    assert await core.count("registrations") == 1


async def test_what_an_earlier_run_has_done_is_no_fault_of_the_next(core: Core) -> None:
    one, _ = await run(core, [device(1)])
    earlier = await core.imports.find("k", actor=ROOT)
    changed = device(1, subject="CN=another,C=TW")

    assert earlier == one
    assert await core.imports.look([device(1)], FirstSeen(), actor=ROOT, earlier=earlier) == []
    (bad,) = await core.imports.look([changed], FirstSeen(), actor=ROOT, earlier=earlier)
    assert bad.faults == (FieldFault("account", "sensor-1 exists already"),)


async def test_lines_whose_kind_needs_consent_wait_for_it_and_are_asked_once(core: Core) -> None:
    partner = Line(1, Form("partner", "CN=panel,O=Example,C=TW", account="panel"), note="a contract")
    other = Line(2, Form("partner", "CN=board,O=Example,C=TW"))
    _, (waits, too) = await run(core, [partner, other], actor=ALICE)
    assert waits.request is not None
    assert too.request == waits.request + 1

    _, (again, _) = await run(core, [partner, other], actor=ALICE)
    await core.staff.approvals.approve(waits.request, actor=BOB)
    _, (agreed, _) = await run(core, [partner, other], actor=ALICE)
    sheet = await core.staff.approvals.collect(waits.request, actor=ALICE)
    await core.staff.approvals.reject(too.request, actor=BOB)
    _, (collected, rejected) = await run(core, [partner, other], actor=ALICE)

    assert [outcome.became for outcome in (waits, again, agreed, collected, rejected)] == [
        *[Became.WAITS] * 3,
        Became.DONE,
        Became.BAD,
    ]
    assert waits.note.endswith(f"soapstone requests collect {waits.request}")
    assert rejected.note == f"request {too.request} is rejected"
    assert sheet.account == "panel"
    assert (await core.desk.show("panel")).realm == "north"
    assert [entry.detail["note"] for entry in await core.journal("desk-request-made")] == ["a contract", ""]


async def test_a_line_that_waits_is_refused_where_its_account_exists(core: Core) -> None:
    await core.register("panel")

    _, outcomes = await run(core, [Line(1, Form("partner", "CN=panel,C=TW", account="panel"))])

    assert [outcome.became for outcome in outcomes] == [Became.BAD]
    assert await core.count("desk_requests") == 0


async def test_an_actor_imports_into_its_own_realm_and_an_integrator_what_is_its_own(core: Core) -> None:
    panel = Actor("panel", Role.INTEGRATOR, "south", "id-of-panel", Via.API)

    await core.imports.begin("k", actor=ALICE, realm="elsewhere")
    await run(core, [device(1)], actor=ALICE)
    await run(core, [device(2)], actor=panel)
    one = await core.imports.begin("k", actor=ROOT, realm="west")
    await core.imports.import_lines([device(3)], one, actor=ROOT)

    shown = [await core.desk.show(f"sensor-{number}") for number in (1, 2, 3)]
    assert [(found.realm, found.owner) for found in shown] == [
        ("north", None),
        ("south", "id-of-panel"),
        ("west", None),
    ]
    with pytest.raises(BadName):
        await core.imports.begin("k", actor=ROOT, realm="No Realm")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.OPERATOR])
async def test_who_may_not_import_does_not(core: Core, role: Role) -> None:
    actor = Actor("carol", role, "north", "id-of-carol", Via.DESK)
    token = Actor("panel", Role.INTEGRATOR, "north", "id", Via.API, scope=frozenset({Action.REGISTER}))

    for one in (actor, token):
        with pytest.raises(NotPermitted):
            await core.imports.look([device(1)], FirstSeen(), actor=one)
        with pytest.raises(NotPermitted):
            await core.imports.begin("k", actor=one)

    with pytest.raises(NotFound):
        await core.desk.show("sensor-1")


async def test_a_batch_has_an_end_and_an_empty_one_does_nothing(core: Core) -> None:
    one = await core.imports.begin("k", actor=ROOT)

    assert await core.imports.import_lines([], one, actor=ROOT) == []
    with pytest.raises(ValueError, match="at most"):
        await core.imports.import_lines([device(number) for number in range(MOST_LINES + 1)], one, actor=ROOT)
    full = [device(number) for number in range(MOST_LINES)]
    assert await core.imports.look(full, FirstSeen(), actor=ROOT) == []
    assert counted(await core.imports.import_lines(full, one, actor=ROOT))[Became.REGISTERED] == MOST_LINES


async def test_the_end_of_a_run_is_in_the_journal(core: Core) -> None:
    one, outcomes = await run(core, [device(1), device(2, subject="CN=x,C=XX")])

    await core.imports.end(one, counted(outcomes), actor=ROOT)

    (entry,) = await core.journal("import-ended")
    assert entry.detail == {
        "event": "import-ended",
        "key": "k",
        "run": 1,
        "registered": 1,
        "waiting": 0,
        "new_sheets": 0,
        "passed_over": 0,
        "bad": 1,
    }
