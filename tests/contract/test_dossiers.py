"""What officers look at before they decide, on every database: the evidence, and who may see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine
from pathlib import Path

import msgspec
import pytest

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import NotFound, NotPermitted, WrongState
from ca_core.policy.request import parse
from ca_core.referral.request import EnrollmentRequest, Referred
from ca_core.registration.account import Grant
from ca_core.registration.contact import Contact
from ca_core.registration.desk import Form
from ca_core.registration.kind import PRESETS, Approvals, Kinds
from ca_core.revocation.desk import UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.staff.request import DeskRequest, Pending, Revoking
from ca_core.staff.role import EVERY_REALM, Actor, Role, Via
from ca_core.store.certificates import Certificate
from conformance.stores import KINDS
from tests.builders import csr
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.reviewed import work

LOOKED_AT = Kinds(
    msgspec.structs.replace(kind, approvals=Approvals(register=1, issue=1, revoke=1))
    if kind.name == "partner"
    else kind
    for kind in PRESETS.values()
)


def officer(name: str, realm: str = "north", role: Role = Role.OFFICER) -> Actor:
    return Actor(name, role, realm, f"id-of-{name}", Via.DESK)


ALICE, BOB, SAM = officer("alice"), officer("bob"), officer("sam", "south", Role.SUPERVISOR)
ANN = officer("ann", EVERY_REALM, Role.AUDITOR)
FORM = Form(
    "partner",
    "CN=panel,O=Example,C=TW",
    account="panel",
    grants=(Grant(names.dns("panel.example")),),
    profiles=("device",),
    contact=Contact(name="Lin", email="lin@panel.example"),
)


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param, kinds=LOOKED_AT) as opened:
        yield opened


async def asked(core: Core) -> int:
    pending = await core.staff.approvals.register(FORM, actor=ALICE, note="a contract")
    assert isinstance(pending, Pending)
    return pending.number


async def registered(core: Core) -> Applicant:
    number = await asked(core)
    await core.staff.approvals.approve(number, actor=BOB)
    sheet = await core.staff.approvals.collect(number, actor=ALICE)
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code("panel", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def referred(core: Core, who: Applicant, curve: str = "secp256r1") -> int:
    waits = await core.enrollment.enroll(who, parse(csr.csr(csr.ec_key(curve))), profile_name="device")
    assert isinstance(waits, Referred)
    return waits.number


async def issued(core: Core) -> Certificate:
    number = await referred(core, await registered(core))
    await core.staff.decisions.approve(number, actor=BOB)
    await work(core)
    (certificate,) = [one for one in await core.certificates() if one.profile == "device"]
    return certificate


async def test_what_is_yet_to_be_registered_is_all_on_the_side_of_who_asks(core: Core) -> None:
    number = await asked(core)

    dossier = await core.staff.dossiers.request(number, actor=BOB)

    assert isinstance(dossier.asked, DeskRequest)
    assert (dossier.what, dossier.asked_by) == ("register", "desk:officer:alice")
    assert (dossier.needed, dossier.given, dossier.votes) == (1, 0, ())
    assert (dossier.registration, dossier.certificate, dossier.earlier) == (None, None, ())


async def test_a_request_for_a_certificate_comes_with_the_registration_and_the_votes(core: Core) -> None:
    number = await referred(core, await registered(core))
    await core.staff.decisions.approve(number, actor=BOB, note="known")

    dossier = await core.staff.dossiers.request(number, actor=ALICE)

    assert isinstance(dossier.asked, EnrollmentRequest)
    assert dossier.asked_by == "est:enrollment-code:192.0.2.1"
    assert dossier.registration is not None
    assert dossier.registration.contact.name == "Lin"
    assert [(vote.officer, vote.note) for vote in dossier.votes] == [("bob", "known")]
    assert (dossier.given, dossier.vote_of(BOB), dossier.vote_of(ALICE)) == (1, dossier.votes[0], None)


async def test_a_request_comes_with_the_earlier_certificates_of_its_names(core: Core) -> None:
    first = await issued(core)
    core.clock.move(80 * 86_400)
    number = await referred(core, await again(core), "secp384r1")

    dossier = await core.staff.dossiers.request(number, actor=BOB)

    assert [one.serial for one in dossier.earlier] == [first.serial]
    assert dossier.certificate is None


async def test_a_revocation_request_comes_with_its_certificate(core: Core) -> None:
    certificate = await issued(core)
    subscribers = await core.revocations.ask(
        certificate.serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="acme:acme-account:x"
    )
    officers = await core.staff.approvals.revoke(Revoking(certificate.serial, Reason.SUPERSEDED), actor=ALICE)
    assert isinstance(subscribers, UnderReview)
    assert isinstance(officers, Pending)

    found = [await core.staff.dossiers.request(number, actor=BOB) for number in (subscribers.number, officers.number)]

    assert [one.what for one in found] == ["revocation", "revoke"]
    assert [one.certificate for one in found] == [certificate, certificate]
    assert [one.earlier for one in found] == [(), ()]


async def test_a_certificate_comes_with_its_holder_its_life_and_what_waits(core: Core) -> None:
    certificate = await issued(core)
    waits = await core.revocations.ask(certificate.serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="acme:a:x")
    assert isinstance(waits, UnderReview)

    dossier = await core.staff.dossiers.certificate(certificate.serial, actor=BOB)

    assert dossier.certificate == certificate
    assert dossier.registration.contact.email == "lin@panel.example"
    assert [one.event for one in dossier.happened] == ["certificate-issued", "revocation-requested"]
    assert dossier.request is not None
    assert dossier.request.number == waits.number
    assert (dossier.same_key, dossier.replaced_by) == ((), ())


async def test_another_realm_is_told_the_same_as_of_what_there_is_not(core: Core) -> None:
    certificate = await issued(core)
    core.clock.move(80 * 86_400)
    number = await referred(core, await again(core), "secp384r1")

    for attempt in (
        core.staff.dossiers.request(number, actor=SAM),
        core.staff.dossiers.request(10**6, actor=SAM),
        core.staff.dossiers.request(10**60, actor=SAM),
        core.staff.dossiers.request(1, actor=SAM),
    ):
        with pytest.raises(NotFound, match=r"^there is no such request$"):
            await attempt
    attempts: tuple[Coroutine[object, object, object], ...] = (
        core.staff.dossiers.certificate(certificate.serial, actor=SAM),
        core.staff.dossiers.certificate("0" * 40, actor=SAM),
        core.staff.holding.hold(certificate.serial, actor=SAM),
        core.staff.holding.release(certificate.serial, actor=SAM),
        core.staff.holding.hold("0" * 40, actor=SAM),
    )
    for one in attempts:
        with pytest.raises(NotFound, match=r"^there is no such certificate$"):
            await one
    assert (await core.staff.dossiers.certificate(certificate.serial, actor=ANN)).certificate == certificate


async def again(core: Core) -> Applicant:
    """The same subscriber, with a new sheet."""
    sheet = await core.staff.approvals.reprint("panel", actor=ALICE)
    assert not isinstance(sheet, Pending)
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code("panel", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def test_a_hold_is_for_who_may_and_for_profiles_that_know_one(core: Core) -> None:
    certificate = await issued(core)

    with pytest.raises(NotPermitted):
        await core.staff.holding.hold(certificate.serial, actor=ANN)
    with pytest.raises(NotPermitted):
        await core.staff.holding.release(certificate.serial, actor=ANN)
    await core.staff.holding.hold(certificate.serial, actor=BOB, note="a phone call")
    assert (await core.staff.dossiers.certificate(certificate.serial, actor=BOB)).certificate.is_on_hold
    await core.staff.holding.release(certificate.serial, actor=BOB)
    with pytest.raises(WrongState):
        await core.staff.holding.release(certificate.serial, actor=BOB)


async def test_the_servers_own_and_officers_certificates_are_no_subscribers(core: Core) -> None:
    taken = await core.staff.officers.add("olga", Role.OFFICER, realm="north", actor="cli:operator:root")
    who = Applicant(taken.registration_id, Door.CLI, "operator", "root")
    certificate = await core.enroll(who, parse(csr.csr(csr.ec_key())), profile_name="officer")

    with pytest.raises(NotFound, match="no such certificate"):
        await core.staff.dossiers.certificate(certificate.serial, actor=ANN)
    with pytest.raises(NotFound, match="no such certificate"):
        await core.staff.holding.hold(certificate.serial, actor=BOB)
