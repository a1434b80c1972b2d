"""What the gate before issuance stops, and that it stops it before anything is stored."""

from __future__ import annotations

import pytest

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.audit.gate import PATIENCE_SECONDS
from ca_core.errors import CredentialSpent, JournalUnavailable, RegistrationSuspended, RestoreUnacknowledged, TooEarly
from ca_core.policy.profile import OWN_TLS
from ca_core.policy.request import parse
from ca_core.registration.kind import SERVER
from tests.builders.core import Core, granted
from tests.builders.est import Csr


async def device(core: Core, *, uses: int | None = None) -> Applicant:
    sheet = await core.register("sensor", kind="device", uses=uses)
    assert sheet.enrollment_code is not None
    return await core.sign_in.by_enrollment_code("sensor", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def test_nothing_is_issued_or_stored_while_the_journal_cannot_be_kept(core: Core) -> None:
    who = await device(core)
    held = await core.enroll(who, parse(Csr().der()))
    proof = Applicant(who.registration_id, Door.EST, "certificate", "192.0.2.1", serial=held.serial)
    stored = await core.count("certificates")
    core.gate.begin(core.clock.now())
    core.gate.failed("no space left")
    core.clock.move(PATIENCE_SECONDS + 1)

    with pytest.raises(JournalUnavailable):
        await core.enroll(who, parse(Csr().der()))
    with pytest.raises(JournalUnavailable):
        await core.renew(proof, parse(Csr().der()))

    assert await core.count("certificates") == stored
    await core.sequencer.turn()
    with pytest.raises(TooEarly):  # a decision, so the gate is open again
        await core.enroll(who, parse(Csr().der()))


async def test_after_a_restore_the_server_still_gets_its_own_certificate(core: Core) -> None:
    who = await device(core)
    sheet = await core.register("soapstone", *granted(names.dns("localhost")), kind=SERVER.name)
    own = Applicant((await core.desk.show(sheet.account)).id, Door.SERVER, "operator", "localhost")
    core.gate.hold("the database is older")

    with pytest.raises(RestoreUnacknowledged):
        await core.enroll(who, parse(Csr().der()))
    await core.enroll(own, parse(Csr(names=("localhost",)).der()), profile_name=OWN_TLS.name)


async def test_a_right_code_that_is_refused_is_in_the_journal(core: Core) -> None:
    sheet = await core.register("sensor", kind="device")
    await core.desk.suspend("sensor", actor="test")
    assert sheet.enrollment_code is not None

    with pytest.raises(RegistrationSuspended):
        await core.sign_in.by_enrollment_code("sensor", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)

    (entry,) = await core.journal("credential-refused")
    assert entry.detail == {
        "event": "credential-refused",
        "account": "sensor",
        "door": "est",
        "why": "RegistrationSuspended",
    }
    assert entry.actor == "est:refused:192.0.2.1"
    assert entry.registration_id == (await core.desk.show("sensor")).id


async def test_a_device_that_repeats_itself_does_not_fill_the_journal(core: Core) -> None:
    for _ in range(50):
        with pytest.raises(CredentialSpent):
            async with core.sign_in.noting(source="192.0.2.1", door=Door.EST, registration_id="r", serial="s"):
                raise CredentialSpent("no use is left")

    assert len(await core.journal("credential-refused")) == 30
