"""Approvals, officers and tokens on every database: votes, who may cast them, and what comes of the last one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    AccountTaken,
    AlreadyRevoked,
    BadForm,
    BadReason,
    BadRequest,
    CertificateExpired,
    CertificateNotAccepted,
    CredentialExpired,
    CredentialRevoked,
    NotFound,
    NotPermitted,
    OwnRequest,
    RegistrationClosed,
    RegistrationSuspended,
    WrongSecret,
    WrongState,
)
from ca_core.policy.request import parse
from ca_core.referral.request import Referred, RequestState
from ca_core.registration.account import Status
from ca_core.registration.changes import Changes
from ca_core.registration.credential import SecretKeeper
from ca_core.registration.desk import Form
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.revocation.desk import Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.secret import Secret
from ca_core.staff.overdue import Loudness
from ca_core.staff.reception import Reception
from ca_core.staff.request import DUE_SECONDS, LAPSE_SECONDS, Agreed, DeskRequest, DeskState, Pending, Revoking
from ca_core.staff.role import EVERY_REALM, Action, Actor, Role, Via, console
from ca_core.store import officers
from conformance.stores import KINDS
from tests.builders import csr
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.reviewed import work

DAY = 86_400
STRICT = Kinds(
    msgspec.structs.replace(kind, approvals=Approvals(register=2, issue=2, revoke=1, reprint=1))
    if kind.name == "partner"
    else kind
    for kind in PRESETS.values()
)
"""In which partners are everybody's business, and the others nobody's but the officer's."""


def officer(name: str, realm: str = "north", role: Role = Role.OFFICER, via: Via = Via.DESK) -> Actor:
    return Actor(name, role, realm, f"id-of-{name}", via)


ALICE, BOB, CAROL = officer("alice"), officer("bob"), officer("carol")
FORM = Form("partner", "CN=panel,O=Example,C=TW", account="panel", profiles=("device",))


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param, kinds=STRICT) as opened:
        yield opened


async def asked(core: Core, form: Form = FORM, actor: Actor = ALICE) -> int:
    pending = await core.staff.approvals.register(form, actor=actor, note="a contract")
    assert isinstance(pending, Pending)
    return pending.number


async def registered(core: Core) -> Sheet:
    number = await asked(core)
    for actor in (BOB, CAROL):
        await core.staff.approvals.approve(number, actor=actor)
    return await core.staff.approvals.collect(number, actor=ALICE)


async def enrolled(core: Core) -> tuple[Applicant, int]:
    sheet = await registered(core)
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code("panel", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    waits = await core.enrollment.enroll(who, parse(csr.csr(csr.ec_key())), profile_name="device")
    assert isinstance(waits, Referred)
    return who, waits.number


async def issued(core: Core) -> str:
    """The serial of a certificate that two have agreed to."""
    _, number = await enrolled(core)
    for actor in (BOB, CAROL):
        await core.staff.decisions.approve(number, actor=actor)
    await work(core)
    (certificate,) = [one for one in await core.certificates() if one.profile == "device"]
    return certificate.serial


@pytest.mark.parametrize("kind", ["server", "officer"])
async def test_nobody_is_registered_as_the_server_or_an_officer(core: Core, kind: str) -> None:
    with pytest.raises(NotFound, match="no kind"):
        await core.staff.approvals.register(Form(kind, "CN=Mallory", account="mallory"), actor=ALICE)


async def test_a_registration_waits_for_two_others_and_its_sheet_is_collected_once(core: Core) -> None:
    number = await asked(core)
    approvals = core.staff.approvals

    with pytest.raises(OwnRequest):
        await approvals.approve(number, actor=ALICE)
    first = await approvals.approve(number, actor=BOB, note="known")
    with pytest.raises(WrongState, match="bob has voted"):
        await approvals.approve(number, actor=BOB)
    with pytest.raises(WrongState, match="waits still"):
        await approvals.collect(number, actor=ALICE)
    second = await approvals.approve(number, actor=CAROL, note="seen the papers")
    with pytest.raises(NotFound):
        await approvals.collect(number, actor=BOB)
    sheet = await approvals.collect(number, actor=ALICE)
    with pytest.raises(WrongState, match="done"):
        await approvals.collect(number, actor=ALICE)

    assert first == Agreed(number, 1, 2)
    assert isinstance(second, DeskRequest)
    assert second.state is DeskState.APPROVED
    assert (await core.desk.show("panel")).realm == "north"
    assert sheet.enrollment_code is not None
    assert [(vote.officer, vote.note) for vote in await core.staff.waiting.votes(number)] == [
        ("bob", "known"),
        ("carol", "seen the papers"),
    ]
    events = await core.journal("desk-request-made", "vote-cast", "desk-request-closed", "registered")
    assert [entry.event for entry in events] == [
        "desk-request-made",
        "vote-cast",
        "vote-cast",
        "desk-request-closed",
        "desk-request-closed",
        "registered",
    ]
    assert events[0].detail["note"] == "a contract"
    assert events[1].detail["note"] == "known"


async def test_who_asks_at_the_desk_cannot_agree_on_the_command_line(core: Core) -> None:
    number = await asked(core)

    with pytest.raises(OwnRequest):
        await core.staff.approvals.approve(number, actor=console("alice"))
    assert isinstance(await core.staff.approvals.approve(number, actor=console("root")), Agreed)


async def test_of_officers_who_agree_at_once_none_is_lost(core: Core) -> None:
    number = await asked(core)

    outcomes = await asyncio.gather(*(core.staff.approvals.approve(number, actor=one) for one in (BOB, CAROL)))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Agreed", "DeskRequest"]
    assert (await core.staff.approvals.find(number, actor=ALICE)).state is DeskState.APPROVED


async def test_of_many_who_collect_at_once_one_gets_the_sheet(core: Core) -> None:
    number = await asked(core)
    for actor in (BOB, CAROL):
        await core.staff.approvals.approve(number, actor=actor)

    outcomes = await asyncio.gather(
        *(core.staff.approvals.collect(number, actor=ALICE) for _ in range(5)), return_exceptions=True
    )

    assert sum(isinstance(outcome, Sheet) for outcome in outcomes) == 1


async def test_one_who_rejects_is_enough_and_the_reason_is_kept(core: Core) -> None:
    number = await asked(core)
    await core.staff.approvals.approve(number, actor=BOB)

    rejected = await core.staff.approvals.reject(number, actor=CAROL, note="no contract")

    assert (rejected.state, rejected.note, rejected.decided_by) == (
        DeskState.REJECTED,
        "no contract",
        "desk:officer:carol",
    )
    with pytest.raises(WrongState, match="rejected"):
        await core.staff.approvals.approve(number, actor=officer("dave"))
    with pytest.raises(NotFound):
        await core.desk.show("panel")


async def test_who_asked_may_take_it_back(core: Core) -> None:
    number = await asked(core)

    assert (await core.staff.approvals.reject(number, actor=ALICE)).state is DeskState.REJECTED


async def test_what_nobody_decides_or_collects_lapses(core: Core) -> None:
    pending, approved = await asked(core), await asked(core, msgspec.structs.replace(FORM, account="other"))
    for actor in (BOB, CAROL):
        await core.staff.approvals.approve(approved, actor=actor)
    await core.staff.approvals.turn()
    core.clock.move(LAPSE_SECONDS)

    await core.staff.approvals.turn()

    for number in (pending, approved):
        assert (await core.staff.approvals.find(number, actor=ALICE)).state is DeskState.LAPSED
    with pytest.raises(WrongState, match="lapsed"):
        await core.staff.approvals.collect(approved, actor=ALICE)


async def test_a_reprint_waits_for_one_other(core: Core) -> None:
    first = await registered(core)

    pending = await core.staff.approvals.reprint("panel", actor=BOB)
    assert isinstance(pending, Pending)
    assert (await core.desk.show("panel")).sheet == first.number
    await core.staff.approvals.approve(pending.number, actor=ALICE)
    second = await core.staff.approvals.collect(pending.number, actor=BOB)

    assert second.number == first.number + 1


async def test_a_certificate_waits_for_two_and_the_third_time_is_no_vote(core: Core) -> None:
    _, number = await enrolled(core)

    first = await core.staff.decisions.approve(number, actor=BOB)
    with pytest.raises(WrongState, match="bob has voted"):
        await core.staff.decisions.approve(number, actor=BOB)
    assert await work(core) == 0
    second = await core.staff.decisions.approve(number, actor=CAROL)
    await work(core)

    assert (first.state, first.agreed) == ("pending", Agreed(number, 1, 2))
    assert second.state == "approved"
    request = await core.referrals.request(number)
    assert request is not None
    assert request.state is RequestState.ISSUED


async def test_a_revocation_at_the_desk_waits_for_another_and_is_then_carried_out(core: Core) -> None:
    serial = await issued(core)

    pending = await core.staff.approvals.revoke(Revoking(serial, Reason.SUPERSEDED), actor=ALICE, note="replaced")
    assert isinstance(pending, Pending)
    with pytest.raises(OwnRequest):
        await core.staff.decisions.approve(pending.number, actor=ALICE)
    done = await core.staff.decisions.approve(pending.number, actor=BOB)

    assert (done.what, done.state) == ("revoke", "done")
    (revoked,) = await core.journal("certificate-revoked")
    assert (revoked.serial, revoked.actor, revoked.detail["note"]) == (serial, "desk:officer:alice", "replaced")


async def test_a_revocation_that_a_subscriber_asks_for_waits_too(core: Core) -> None:
    serial = await issued(core)

    waits = await core.revocations.ask(serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="acme:acme-account:x")
    assert isinstance(waits, UnderReview)
    done = await core.staff.decisions.approve(waits.number, actor=ALICE)

    assert (done.what, done.serials) == ("revocation", (serial,))


async def test_what_is_revoked_meanwhile_needs_no_carrying_out(core: Core) -> None:
    serial = await issued(core)
    pending = await core.staff.approvals.revoke(Revoking(serial, Reason.SUPERSEDED), actor=ALICE)
    assert isinstance(pending, Pending)
    await core.revocations.revoke(serial, Reason.KEY_COMPROMISE, actor="cli:operator:root")

    done = await core.staff.decisions.approve(pending.number, actor=BOB)

    assert done.state == "lapsed"


async def test_another_realm_sees_nothing_of_it(core: Core) -> None:
    number = await asked(core)
    south = officer("sam", "south", Role.SUPERVISOR)

    for attempt in (
        core.staff.approvals.approve(number, actor=south),
        core.staff.approvals.find(number, actor=south),
        core.staff.decisions.reject(number, actor=south),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await core.staff.waiting.page(south) == []
    await registered_in_the_north(core, number)
    with pytest.raises(NotFound):
        await core.staff.approvals.reprint("panel", actor=south)


async def registered_in_the_north(core: Core, number: int, actor: Actor = ALICE) -> None:
    for other in (BOB, CAROL):
        await core.staff.approvals.approve(number, actor=other)
    await core.staff.approvals.collect(number, actor=actor)


async def test_requests_about_another_realms_subscribers_are_not_decided(core: Core) -> None:
    _, number = await enrolled(core)

    with pytest.raises(NotFound):
        await core.staff.decisions.approve(number, actor=officer("sam", "south"))
    with pytest.raises(NotPermitted):
        await core.staff.decisions.reject(number, actor=officer("ann", role=Role.AUDITOR))


async def test_all_that_waits_is_one_list_in_pages(core: Core) -> None:
    serial = await issued(core)
    revocation = await core.revocations.ask(serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="acme:a:x")
    assert isinstance(revocation, UnderReview)
    reprint = await core.staff.approvals.reprint("panel", actor=BOB)
    register = await asked(core, msgspec.structs.replace(FORM, account="other"))

    everything = await core.staff.waiting.page(officer("ann", EVERY_REALM, Role.AUDITOR))
    first = await core.staff.waiting.page(ALICE, most=1)
    rest = await core.staff.waiting.page(ALICE, after=(first[0].due_at, first[0].number), most=10)

    assert isinstance(reprint, Pending)
    assert {(one.what, one.number, one.needed, one.given) for one in everything} == {
        ("revocation", revocation.number, 1, 0),
        ("reprint", reprint.number, 1, 0),
        ("register", register, 2, 0),
    }
    assert first + rest == everything
    assert {one.account for one in everything} == {"panel", None}


async def test_a_kind_that_needs_nobody_is_done_at_once_in_the_officers_own_realm(core: Core) -> None:
    form = Form("device", "CN=d,C=TW", account="meter", realm="south")

    made = await core.staff.approvals.register(form, actor=ALICE)

    assert isinstance(made, tuple)
    assert made[0].realm == "north"
    assert isinstance(await core.staff.approvals.reprint("meter", actor=ALICE), Sheet)


async def test_an_integrator_has_what_it_registered_and_nothing_else(core: Core) -> None:
    taken = await core.staff.officers.add("panel", Role.INTEGRATOR, realm="north", actor="cli:operator:root")
    me = taken.acting(Via.API)
    await core.staff.approvals.register(Form("device", "CN=d,C=TW", account="mine"), actor=me)
    await core.staff.approvals.register(Form("device", "CN=e,C=TW", account="theirs"), actor=ALICE)

    assert me.sees(await core.desk.show("mine"))
    assert isinstance(await core.staff.approvals.reprint("mine", actor=me), Sheet)
    with pytest.raises(NotFound):
        await core.staff.approvals.reprint("theirs", actor=me)
    assert "officer.panel" not in {one.account for one in await core.desk.every()}


def reception(core: Core) -> Reception:
    return Reception(core.database, core.clock, SecretKeeper(bytes(32)), core.sign_in)


async def test_a_token_is_good_for_its_scope_until_it_ends(core: Core) -> None:
    await core.staff.officers.add("panel", Role.INTEGRATOR, realm="north", actor="cli:operator:root")
    scope = frozenset({Action.REGISTER})
    token, text = await core.staff.tokens.add("panel", scope, days=1, actor="cli:operator:root")
    at = reception(core)

    async def shown(secret: Secret = text, scheme: str = "Bearer") -> Actor:
        return await at.by_token(f"{scheme} {secret.reveal()}", source="192.0.2.1")

    actor = await shown()
    assert (actor.name, actor.role, actor.realm, actor.permitted) == ("panel", Role.INTEGRATOR, "north", scope)
    for wrong in (shown(Secret(text.reveal()[:-1] + "!")), shown(scheme="Basic"), shown(Secret("sst_" + "0" * 60))):
        with pytest.raises(WrongSecret):
            await wrong
    await core.desk.suspend("officer.panel", actor="cli:operator:root")
    with pytest.raises(RegistrationSuspended):
        await shown()
    await core.desk.resume("officer.panel", actor="cli:operator:root")
    core.clock.move(DAY + 1)
    with pytest.raises(CredentialExpired):
        await shown()
    await core.staff.tokens.end(token.id, actor="cli:operator:root")
    with pytest.raises(CredentialRevoked):
        await shown()
    with pytest.raises(WrongState):
        await core.staff.tokens.end(token.id, actor="cli:operator:root")
    (kept,) = await core.staff.tokens.of(token.registration_id)
    assert kept.ended_at == core.clock.now()
    assert text.reveal().encode() not in kept.secret


async def test_tokens_are_for_integrators_and_for_what_they_may(core: Core) -> None:
    await core.staff.officers.add("alice", Role.OFFICER, realm="north", actor="cli:operator:root")
    await core.staff.officers.add("panel", Role.INTEGRATOR, realm="north", actor="cli:operator:root")

    with pytest.raises(NotFound):
        await core.staff.tokens.add("alice", frozenset(), days=1, actor="cli:operator:root")
    with pytest.raises(BadRequest, match="server:backup"):
        await core.staff.tokens.add("panel", frozenset({Action.BACK_UP}), days=1, actor="cli:operator:root")
    await core.staff.officers.end("panel", actor="cli:operator:root")
    with pytest.raises(RegistrationClosed):
        await core.staff.tokens.add("panel", frozenset(), days=1, actor="cli:operator:root")


async def test_an_officer_is_proved_by_their_certificate_until_they_leave(core: Core) -> None:
    taken = await core.staff.officers.add("alice", Role.SUPERVISOR, realm="north", actor="cli:operator:root")
    who = Applicant(taken.registration_id, Door.CLI, "operator", "root")
    certificate = await core.enroll(who, parse(csr.csr(csr.ec_key())), profile_name="officer")
    at = reception(core)

    actor = await at.by_certificate(certificate.der, source="192.0.2.1", via=Via.DESK)
    assert actor == Actor("alice", Role.SUPERVISOR, "north", taken.registration_id, Via.DESK)
    with pytest.raises(AccountTaken):
        await core.staff.officers.add("alice", Role.OFFICER, realm="south", actor="cli:operator:root")
    with pytest.raises(WrongState, match="has no sheet"):
        await core.desk.new_sheet("officer.alice", actor="cli:operator:root")
    with pytest.raises(CertificateNotAccepted):
        await at.by_certificate(b"nonsense", source="192.0.2.1", via=Via.DESK)
    assert await core.staff.officers.end("alice", actor="cli:operator:root") == (certificate.serial,)
    with pytest.raises(WrongState):
        await core.staff.officers.end("alice", actor="cli:operator:root")
    with pytest.raises(RegistrationClosed):
        (await core.staff.officers.find("alice")).acting(Via.DESK)
    assert [one.name for one in await core.staff.officers.every("north")] == ["alice"]
    assert await core.staff.officers.every("south") == []


async def test_who_needs_nobody_revokes_at_once(core: Core) -> None:
    sheet = await core.register("meter", kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code("meter", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    certificate = await core.enroll(who, parse(csr.csr(csr.ec_key())))
    revoking = Revoking(certificate.serial, Reason.SUPERSEDED)

    with pytest.raises(NotFound):
        await core.staff.approvals.revoke(revoking, actor=ALICE)
    with pytest.raises(NotFound):
        await core.staff.approvals.revoke(Revoking("00" * 20, Reason.SUPERSEDED), actor=console("root"))
    assert isinstance(await core.staff.approvals.revoke(revoking, actor=console("root")), Revoked)


async def test_a_renewal_is_at_once_and_its_sheet_waits_as_a_reprint_does(core: Core) -> None:
    sheet = await registered(core)
    until = (await core.desk.show("panel")).expires_at
    core.clock.move(DAY)

    waits = await core.staff.approvals.renew("panel", Changes(language="en"), actor=ALICE, note="confirmed")
    renewed = await core.desk.show("panel")
    assert isinstance(waits, Pending)
    assert (renewed.expires_at - until, renewed.language, renewed.sheet) == (DAY, "en", sheet.number)
    await core.staff.approvals.approve(waits.number, actor=BOB)
    collected = await core.staff.approvals.collect(waits.number, actor=ALICE)

    assert collected.number == sheet.number + 1
    with pytest.raises(NotFound):
        await core.staff.approvals.renew("panel", Changes(), actor=officer("dave", "south"))
    with pytest.raises(NotPermitted):
        await core.staff.approvals.renew("panel", Changes(), actor=officer("eve", role=Role.AUDITOR))


async def test_what_is_closed_is_not_renewed_and_nobody_is_asked(core: Core) -> None:
    await registered(core)
    await core.desk.close("panel", actor="test")

    with pytest.raises(WrongState, match="is closed"):
        await core.staff.approvals.renew("panel", Changes(), actor=ALICE)

    assert await core.staff.approvals.requests(ALICE) == []


async def test_nobody_is_asked_to_agree_to_a_sheet_of_what_is_closed(core: Core) -> None:
    await registered(core)
    await core.desk.close("panel", actor="test")

    with pytest.raises(WrongState, match="is closed"):
        await core.staff.approvals.reprint("panel", actor=ALICE)

    assert await core.staff.approvals.requests(ALICE) == []


async def test_a_renewal_that_nobody_has_to_agree_to_brings_its_sheet(core: Core) -> None:
    await core.register("acc")

    made = await core.staff.approvals.renew("acc", Changes(), actor=console("root"))

    assert isinstance(made, Sheet)
    assert made.number == 2


@pytest.mark.parametrize(
    "revoking",
    [
        Revoking("", Reason.CERTIFICATE_HOLD),
        Revoking("", Reason.CA_COMPROMISE),
        Revoking("", Reason.SUPERSEDED, invalid_since=1),
        Revoking("", Reason.SUPERSEDED, invalid_since=1 << 40),
    ],
)
async def test_nobody_is_asked_to_agree_to_a_revocation_that_cannot_be(core: Core, revoking: Revoking) -> None:
    serial = await issued(core)

    with pytest.raises(BadReason):
        await core.staff.approvals.revoke(msgspec.structs.replace(revoking, serial=serial), actor=ALICE)

    assert await core.staff.approvals.requests(ALICE) == []


async def test_nobody_is_asked_to_agree_to_what_is_revoked_already(core: Core) -> None:
    serial = await issued(core)
    await core.revocations.revoke(serial, Reason.SUPERSEDED, actor="cli:operator:root")

    with pytest.raises(AlreadyRevoked):
        await core.staff.approvals.revoke(Revoking(serial, Reason.SUPERSEDED), actor=ALICE)

    assert await core.staff.approvals.requests(ALICE) == []


async def test_of_what_has_expired_others_are_asked_to_block_the_key_and_nothing_else(core: Core) -> None:
    serial = await issued(core)
    core.clock.move(400 * DAY)

    with pytest.raises(CertificateExpired):
        await core.staff.approvals.revoke(Revoking(serial, Reason.SUPERSEDED), actor=ALICE)
    asked_for = await core.staff.approvals.revoke(Revoking(serial, Reason.KEY_COMPROMISE), actor=ALICE)

    assert isinstance(asked_for, Pending)
    assert (await core.staff.decisions.approve(asked_for.number, actor=BOB)).state == "done"
    assert len(await core.journal("key-blocked")) == 1


async def test_an_officer_gives_no_reason_that_is_the_operators(core: Core) -> None:
    sheet = await core.register("meter", kind="device")
    assert sheet.enrollment_code is not None
    who = await core.sign_in.by_enrollment_code("meter", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)
    revoking = Revoking((await core.enroll(who, parse(csr.csr(csr.ec_key())))).serial, Reason.CA_COMPROMISE)

    with pytest.raises(BadReason):
        await core.staff.approvals.revoke(revoking, actor=officer("mary", "main"))

    assert isinstance(await core.staff.approvals.revoke(revoking, actor=console("root")), Revoked)


async def agreed_to(core: Core, revoking: Revoking) -> int:
    """A revocation that all have agreed to, and whose server has died then."""
    pending = await core.staff.approvals.revoke(Revoking(revoking.serial, Reason.SUPERSEDED), actor=ALICE)
    assert isinstance(pending, Pending)
    async with core.database.write() as tx:
        await tx.execute(
            "UPDATE desk_requests SET state = 'approved', payload = :payload WHERE number = :number",
            payload=msgspec.json.encode(revoking).decode(),
            number=pending.number,
        )
    return pending.number


async def test_one_revocation_that_cannot_be_keeps_no_other_from_being_carried_out(core: Core) -> None:
    serial = await issued(core)
    first = await agreed_to(core, Revoking(serial, Reason.SUPERSEDED, invalid_since=1))
    second = await agreed_to(core, Revoking(serial, Reason.SUPERSEDED))

    await core.staff.approvals.turn()

    found = [await core.staff.approvals.find(number, actor=ALICE) for number in (first, second)]
    assert [one.state for one in found] == [DeskState.LAPSED, DeskState.DONE]
    assert "before the certificate began" in found[0].note


async def test_of_several_who_carry_a_revocation_out_at_once_nobody_fails(core: Core) -> None:
    number = await agreed_to(core, Revoking(await issued(core), Reason.SUPERSEDED))

    await asyncio.gather(*(core.staff.approvals.turn() for _ in range(4)))

    assert (await core.staff.approvals.find(number, actor=ALICE)).state is DeskState.DONE
    assert len(await core.journal("certificate-revoked")) == 1


@pytest.mark.parametrize("store", KINDS)
async def test_certificates_of_a_kind_that_settings_have_no_more_can_be_revoked(tmp_path: Path, store: str) -> None:
    async with open_core(tmp_path, store=store, kinds=STRICT) as before:
        serial = await issued(before)
    fewer = Kinds(kind for kind in STRICT.values() if kind.name != "partner")

    async with open_core(tmp_path, store=store, kinds=fewer) as after:
        outcome = await after.staff.approvals.revoke(Revoking(serial, Reason.SUPERSEDED), actor=ALICE)

    assert isinstance(outcome, Revoked)


async def test_an_integrators_list_has_what_it_asked_for_and_not_what_officers_did(core: Core) -> None:
    taken = await core.staff.officers.add("shop", Role.INTEGRATOR, realm="north", actor="cli:operator:root")
    me = taken.acting(Via.API)
    mine = await asked(core, msgspec.structs.replace(FORM, account="mine"), actor=me)
    await registered_in_the_north(core, mine, actor=me)
    pending = await asked(core, msgspec.structs.replace(FORM, account="second"), actor=me)
    reprint = await core.staff.approvals.reprint("mine", actor=me)
    theirs = await core.staff.approvals.reprint("mine", actor=ALICE)
    assert isinstance(reprint, Pending)
    assert isinstance(theirs, Pending)

    listed = await core.staff.waiting.page(me)

    assert {(one.number, one.what) for one in listed} == {(pending, "register"), (reprint.number, "reprint")}
    for one in listed:
        assert (await core.staff.approvals.find(one.number, actor=me)).number == one.number
    with pytest.raises(NotFound):
        await core.staff.dossiers.request(theirs.number, actor=me)
    assert (await core.staff.looking.overview(me)).waiting == 2


async def test_letting_an_officer_go_is_gone_on_with_where_it_was_cut_off(core: Core) -> None:
    taken = await core.staff.officers.add("alice", Role.SUPERVISOR, realm="north", actor="cli:operator:root")
    who = Applicant(taken.registration_id, Door.CLI, "operator", "root")
    certificate = await core.enroll(who, parse(csr.csr(csr.ec_key())), profile_name="officer")
    async with core.database.write() as tx:
        await officers.end(tx, taken.registration_id, now=core.clock.now())

    assert await core.staff.officers.end("alice", actor="cli:operator:root") == (certificate.serial,)

    assert (await core.desk.show("officer.alice")).status is Status.CLOSED
    with pytest.raises(WrongState):
        await core.staff.officers.end("alice", actor="cli:operator:root")


async def test_what_an_officer_does_is_in_the_journal_of_their_own_realm_alone(core: Core) -> None:
    await core.staff.officers.add("alice", Role.SUPERVISOR, realm="north", actor="cli:operator:root")
    auditors = {realm: officer("ann", realm, Role.AUDITOR) for realm in ("north", "main")}

    seen = {
        realm: [line.event for line in await core.staff.looking.journal(auditor)] for realm, auditor in auditors.items()
    }

    assert "officer-added" in seen["north"]
    assert "officer-added" not in seen["main"]


async def test_no_subscriber_is_registered_under_an_officers_account(core: Core) -> None:
    with pytest.raises(BadForm, match="account: begins with"):
        await core.desk.register(Form("device", "CN=d,C=TW", account="officer.alice"), actor="test")

    await core.staff.officers.add("alice", Role.OFFICER, realm="north", actor="cli:operator:root")


async def test_why_the_only_one_who_must_has_agreed_is_in_the_journal(core: Core) -> None:
    await registered(core)
    pending = await core.staff.approvals.reprint("panel", actor=ALICE, note="wet paper")
    assert isinstance(pending, Pending)

    agreed = await core.staff.approvals.approve(pending.number, actor=BOB, note="has brought it")

    assert isinstance(agreed, DeskRequest)
    assert agreed.note == "wet paper"
    (*_, closed) = await core.journal("desk-request-closed")
    assert (closed.actor, closed.detail["note"]) == ("desk:officer:bob", "has brought it")


async def taken_on(core: Core, *names: str, role: Role = Role.OFFICER, realm: str = "north") -> None:
    for name in names:
        await core.staff.officers.add(name, role, realm=realm, actor="cli:operator:root")


async def test_who_made_the_sheet_does_not_decide_what_its_secret_asks_for(core: Core) -> None:
    await taken_on(core, "alice", "bob", "carol")
    _, number = await enrolled(core)

    for actor in (ALICE, console("alice")):
        with pytest.raises(OwnRequest, match="a secret that you made"):
            await core.staff.decisions.approve(number, actor=actor)
    for actor in (BOB, CAROL):
        await core.staff.decisions.approve(number, actor=actor)

    assert await core.journal("own-secret-approved") == []


async def test_who_made_it_may_still_say_no(core: Core) -> None:
    await taken_on(core, "alice", "bob", "carol")
    _, number = await enrolled(core)

    assert (await core.staff.decisions.reject(number, actor=ALICE, note="not them")).state == "rejected"


async def test_a_later_sheet_makes_nobody_else_its_maker(core: Core) -> None:
    await taken_on(core, "alice", "bob", "carol", "dave")
    _, number = await enrolled(core)
    core.clock.move(60)
    await core.desk.new_sheet("panel", actor=BOB.journal_name)

    with pytest.raises(OwnRequest):
        await core.staff.decisions.approve(number, actor=ALICE)
    assert (await core.staff.decisions.approve(number, actor=BOB)).agreed == Agreed(number, 1, 2)


async def test_where_too_few_others_work_the_vote_counts_and_the_journal_says_so(core: Core) -> None:
    # Of another realm, an auditor, suspended, gone: none of them could decide it.
    await taken_on(core, "alice", "bob", "eve", "fay")
    await taken_on(core, "sam", realm="south")
    await taken_on(core, "ann", role=Role.AUDITOR, realm=EVERY_REALM)
    await core.desk.suspend("officer.eve", actor="cli:operator:root")
    await core.staff.officers.end("fay", actor="cli:operator:root")
    _, number = await enrolled(core)

    for actor in (ALICE, BOB):
        await core.staff.decisions.approve(number, actor=actor)

    (alone,) = await core.journal("own-secret-approved")
    assert (alone.actor, alone.detail["others"], alone.detail["needed"]) == ("desk:officer:alice", 1, 2)


async def test_where_a_certificate_asks_the_newest_sheet_counts(core: Core) -> None:
    await taken_on(core, "alice", "bob", "carol", "dave")
    await registered(core)
    core.clock.move(60)
    await core.desk.new_sheet("panel", actor="desk:officer:dave")
    shown = Applicant((await core.desk.show("panel")).id, Door.EST, "certificate", "192.0.2.1")

    waits = await core.enrollment.enroll(shown, parse(csr.csr(csr.ec_key())), profile_name="device")

    assert isinstance(waits, Referred)
    with pytest.raises(OwnRequest):
        await core.staff.decisions.approve(waits.number, actor=officer("dave"))
    await core.staff.decisions.approve(waits.number, actor=ALICE)


async def test_what_waits_at_the_desk_is_called_for_twice_and_then_lapses(core: Core) -> None:
    number = await asked(core)
    turn = core.staff.approvals.turn

    assert await turn() == []
    core.clock.move(DUE_SECONDS // 2)
    half, again = await turn(), await turn()
    core.clock.move(DUE_SECONDS // 2)
    late = await turn()
    core.clock.move(LAPSE_SECONDS)
    lapsed, after = await turn(), await turn()

    assert [(one.number, one.loudness) for one in (*half, *late, *lapsed)] == [
        (number, Loudness.HALF_TIME),
        (number, Loudness.OVERDUE),
        (number, Loudness.LAPSED),
    ]
    assert again == after == []
    told = await core.journal("desk-request-late", "desk-request-closed")
    assert [entry.detail.get("is_overdue", entry.detail.get("state")) for entry in told] == [False, True, "lapsed"]


async def test_of_servers_that_call_at_once_one_does(core: Core) -> None:
    await asked(core)
    core.clock.move(DUE_SECONDS)

    found = await asyncio.gather(*(core.staff.approvals.turn() for _ in range(4)))

    assert sum(len(one) for one in found) == 1


async def test_who_asked_is_told_why_nothing_came_of_it(core: Core) -> None:
    start = core.clock.now()
    lapsed, left = await asked(core), await asked(core, msgspec.structs.replace(FORM, account="left"))
    for actor in (BOB, CAROL):
        await core.staff.approvals.approve(left, actor=actor)
    rejected = await asked(core, msgspec.structs.replace(FORM, account="other"), actor=officer("alice", via=Via.API))
    core.clock.move(1)
    await core.staff.approvals.reject(rejected, actor=BOB, note="no contract")
    core.clock.move(LAPSE_SECONDS)
    await core.staff.approvals.turn()

    found = await core.staff.waiting.undone(ALICE, since=start)

    assert [(one.number, one.what, one.state, one.note) for one in found] == [
        (left, "register", "lapsed", "nobody collected what came of it within 14 days; ask anew"),
        (lapsed, "register", "lapsed", "nobody decided it within 14 days; ask anew"),
        (rejected, "register", "rejected", "no contract"),
    ]
    assert await core.staff.waiting.undone(BOB, since=start) == []
    assert await core.staff.waiting.undone(ALICE, since=core.clock.now() + 1) == []


@pytest.mark.parametrize("gone", ["left", "suspended", "expired"])
async def test_the_vote_of_who_may_not_approve_any_more_does_not_count(core: Core, gone: str) -> None:
    await taken_on(core, "bob")
    core.clock.move(DAY)
    await taken_on(core, "alice", "carol")
    if gone == "expired":
        core.clock.move((await core.desk.show("officer.bob")).expires_at - core.clock.now() - 60)
    number = await asked(core)
    await core.staff.approvals.approve(number, actor=BOB)
    match gone:
        case "left":
            await core.staff.officers.end("bob", actor="cli:operator:root")
        case "suspended":
            await core.desk.suspend("officer.bob", actor="cli:operator:root")
        case _:
            core.clock.move(120)

    assert await core.staff.approvals.approve(number, actor=CAROL) == Agreed(number, 1, 2)

    # Who types commands has no registration that could end.
    outcome = await core.staff.approvals.approve(number, actor=console("root"))
    assert isinstance(outcome, DeskRequest)
    assert outcome.state is DeskState.APPROVED


async def test_the_vote_of_who_may_approve_again_counts_again(core: Core) -> None:
    await taken_on(core, "bob")
    number = await asked(core)
    await core.staff.approvals.approve(number, actor=console("root"))
    pending = await asked(core, msgspec.structs.replace(FORM, account="second"))
    await core.staff.approvals.approve(pending, actor=BOB)
    await core.desk.suspend("officer.bob", actor="cli:operator:root")
    await core.desk.resume("officer.bob", actor="cli:operator:root")

    for one, actor in ((number, BOB), (pending, console("root"))):
        outcome = await core.staff.approvals.approve(one, actor=actor)
        assert isinstance(outcome, DeskRequest)
        assert outcome.state is DeskState.APPROVED
