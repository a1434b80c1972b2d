"""What kinds limit, on every store: quotas under many who ask at once, amended registrations, sheets that wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import ChangedMeanwhile, NotActivated, QuotaReached
from ca_core.issuance.linter import Linter
from ca_core.policy.request import parse
from ca_core.registration.account import Grant
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.kind import PRESETS, KindRevocation, Kinds
from ca_core.registration.sheet import Sheet
from ca_core.revocation.desk import Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.store.certificates import Certificate
from conformance.stores import KINDS, POSTGRESQL
from tests.builders.core import Core, core
from tests.builders.est import Csr

DAY = 86_400
NAMES = [f"n{number}.example" for number in range(9)]
SUBJECT = x509.Name.from_rfc4514_string("CN=acc,O=Example,C=TW")
ORGANIZATION = PRESETS["organization"]
LIMITED = Kinds(
    [
        msgspec.structs.replace(ORGANIZATION, most_certificates=2),
        msgspec.structs.replace(ORGANIZATION, name="wary", activation=True, revocation=KindRevocation.REVIEW),
    ]
)


@pytest.fixture(params=KINDS)
async def servers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[list[Core]]:
    """Several cores over one store where that can be; else one."""
    async with AsyncExitStack() as stack:
        count = 2 if request.param == POSTGRESQL else 1
        yield [
            await stack.enter_async_context(core(tmp_path, store=request.param, linter=Linter(), kinds=LIMITED))
            for _ in range(count)
        ]


async def registered(one: Core, kind: str = "organization") -> Sheet:
    return await one.register("acc", *(Grant(names.dns(name)) for name in NAMES), kind=kind)


async def by_code(one: Core, sheet: Sheet) -> Applicant:
    assert sheet.enrollment_code is not None
    return await one.sign_in.by_enrollment_code("acc", sheet.enrollment_code, source="192.0.2.1", door=Door.EST)


async def ask(one: Core, sheet: Sheet, name: str) -> Certificate:
    return await one.enroll(await by_code(one, sheet), parse(Csr(names=(name,)).der()))


async def test_of_many_at_once_as_many_are_served_as_the_quota_has_room_for(servers: list[Core]) -> None:
    sheet = await registered(servers[0])

    asked = (ask(servers[number % len(servers)], sheet, name) for number, name in enumerate(NAMES))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)

    served = [one for one in outcomes if isinstance(one, Certificate)]
    assert len(served) == 2
    assert {type(one) for one in outcomes if isinstance(one, BaseException)} == {QuotaReached}


async def test_a_renewal_needs_no_room_and_what_is_revoked_makes_some(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    first, _ = [await ask(one, sheet, name) for name in NAMES[:2]]
    one.clock.move(80 * DAY)

    renewed = await ask(one, sheet, NAMES[0])
    with pytest.raises(QuotaReached, match="may have 2; let one expire, revoke one"):
        await ask(one, sheet, NAMES[2])
    for serial in (first.serial, renewed.serial):
        await one.revocations.revoke(serial, Reason.SUPERSEDED, actor="ra")

    await ask(one, sheet, NAMES[2])


async def test_what_was_replaced_by_name_does_not_count_twice(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    old = await ask(one, sheet, NAMES[0])
    one.clock.move(80 * DAY)
    by_certificate = msgspec.structs.replace(await by_code(one, sheet), serial=old.serial, credential_id=None)

    await one.renew(by_certificate, parse(Csr(subject=SUBJECT, names=(NAMES[0],)).der()))

    await ask(one, sheet, NAMES[1])
    with pytest.raises(QuotaReached):
        await ask(one, sheet, NAMES[2])


async def test_the_same_request_gets_its_certificate_again_when_the_quota_is_reached(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    request = parse(Csr(names=(NAMES[0],)).der())
    first = await one.enroll(await by_code(one, sheet), request)
    await ask(one, sheet, NAMES[1])

    assert (await one.enroll(await by_code(one, sheet), request)).serial == first.serial


async def test_of_officers_who_change_one_version_one_is_heard(servers: list[Core]) -> None:
    await registered(servers[0])
    version = (await servers[0].desk.show("acc")).version

    outcomes = await asyncio.gather(
        *(
            servers[number % len(servers)].desk.amend(
                "acc", Changes(contact=Contact(name=f"Officer {number}")), actor="ra", version=version
            )
            for number in range(8)
        ),
        return_exceptions=True,
    )

    heard = [one for one in outcomes if not isinstance(one, BaseException)]
    assert len(heard) == 1
    assert {type(one) for one in outcomes if isinstance(one, BaseException)} == {ChangedMeanwhile}
    assert await servers[-1].desk.show("acc") == heard[0]


async def test_a_sheet_waits_on_every_server_and_is_activated_on_every_one(servers: list[Core]) -> None:
    sheet = await registered(servers[0], kind="wary")
    with pytest.raises(NotActivated):
        await by_code(servers[-1], sheet)

    await servers[-1].activations.activate("acc", actor="ra")

    for one in servers:
        await by_code(one, sheet)


async def test_a_kind_has_revocations_reviewed_that_the_profile_would_not(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one, kind="wary")
    await one.activations.activate("acc", actor="ra")
    serial = (await ask(one, sheet, NAMES[0])).serial

    asked = await one.revocations.ask(serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="acc")
    proved = await one.revocations.ask(serial, Reason.KEY_COMPROMISE, asker=Asker.HOLDER, actor="acc")

    assert isinstance(asked, UnderReview)
    assert isinstance(proved, Revoked)


async def test_every_certificate_of_a_full_quota_can_be_renewed_by_its_code(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    for name in NAMES[:2]:
        await ask(one, sheet, name)
    one.clock.move(80 * DAY)

    renewed = [await ask(one, sheet, name) for name in NAMES[:2]]

    assert len({certificate.serial for certificate in renewed}) == 2
    with pytest.raises(QuotaReached):
        await ask(one, sheet, NAMES[2])


async def test_whoever_revokes_what_has_renewed_a_certificate_gets_no_room_by_it(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    old, _ = [await ask(one, sheet, name) for name in NAMES[:2]]
    one.clock.move(80 * DAY)
    by_certificate = msgspec.structs.replace(await by_code(one, sheet), serial=old.serial, credential_id=None)
    renewed = await one.renew(by_certificate, parse(Csr(subject=SUBJECT, names=(NAMES[0],)).der()))
    await one.revocations.revoke(renewed.serial, Reason.SUPERSEDED, actor="ra")

    with pytest.raises(QuotaReached):
        await ask(one, sheet, NAMES[2])


async def test_what_is_made_beside_a_renewal_counts(servers: list[Core]) -> None:
    one = servers[0]
    sheet = await registered(one)
    await ask(one, sheet, NAMES[0])
    one.clock.move(80 * DAY)

    for _ in range(2):
        await ask(one, sheet, NAMES[0])

    with pytest.raises(QuotaReached):
        await ask(one, sheet, NAMES[1])
