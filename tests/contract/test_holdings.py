"""What a subscriber sees of their certificates, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import BadRequest, NotFound
from ca_core.policy.profile import RevocationRule
from ca_core.policy.request import parse
from ca_core.policy.status import CertificateStatus
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import Asker
from ca_core.staff.lines import CertificateFilter
from ca_core.store import revocation_requests
from ca_core.store.certificates import Certificate
from ca_core.subscriber.holdings import Holdings
from conformance.stores import KINDS
from tests.builders import revocation
from tests.builders.core import Core, granted
from tests.builders.core import core as open_core
from tests.builders.est import Csr
from tests.builders.plans import plan
from tests.builders.revocation import issued

DAY = 86_400


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    profiles = revocation.profiles(RevocationRule.IMMEDIATE)
    async with open_core(tmp_path, store=request.param, profiles=profiles) as opened:
        yield opened


def holdings(core: Core) -> Holdings:
    return Holdings(core.database, core.clock, core.profiles, window_days=30)


async def test_a_subscriber_sees_their_own_and_nobody_elses(core: Core) -> None:
    own, theirs = await issued(core, "mine"), await issued(core, "theirs")
    me = await core.desk.show("mine")

    lines = await holdings(core).page(me)
    by_key = await holdings(core).page(me, CertificateFilter(serial=theirs.serial))
    as_them = await holdings(core).page(me, CertificateFilter(account="theirs", text="theirs"))

    assert [line.serial for line in lines] == [own.serial]
    assert not by_key
    assert [line.serial for line in as_them] == [own.serial]
    assert (await holdings(core).one(me, own.serial)).certificate == own
    for serial in (theirs.serial, "00" * 20):
        with pytest.raises(NotFound):
            await holdings(core).one(me, serial)


async def test_a_line_says_what_the_manual_lists(core: Core) -> None:
    certificate = await issued(core)
    me = await core.desk.show("acc")

    (line,) = await holdings(core).page(me)

    assert (line.serial, line.status, line.profile) == (certificate.serial, "valid", certificate.profile)
    assert line.subject == "CN=acc,O=Example,C=TW"
    assert (line.not_before, line.not_after) == (certificate.not_before, certificate.not_after)
    assert (line.issuer, line.names) == ("issuing", ("dns:acc.example",))


async def held(core: Core, name: str) -> Certificate:
    """One more of a device that several names are granted to."""
    who = Applicant((await core.desk.show("acc")).id, Door.EST, "operator", "test")
    return await core.enroll(who, parse(Csr(names=[f"{name}.example"]).der()))


async def test_each_status_has_its_word_and_is_found_by_it(core: Core) -> None:
    await core.register("acc", *granted(*(names.dns(f"{name}.example") for name in "abcde")), kind="device")
    me, made = await core.desk.show("acc"), {}
    made["expired"] = await held(core, "a")
    core.clock.move(20 * DAY)
    made["about to expire"] = await held(core, "b")
    core.clock.move(50 * DAY)
    for word, name in (("valid", "c"), ("revoked", "d"), ("on hold", "e")):
        made[word] = await held(core, name)
    await core.revocations.revoke(made["revoked"].serial, Reason.SUPERSEDED, actor="test")
    await core.revocations.hold(made["on hold"].serial, actor="test")
    core.clock.move(25 * DAY)

    lines = await holdings(core).page(me)
    found = {word: await holdings(core).page(me, CertificateFilter(status=CertificateStatus(word))) for word in made}
    one_by_one = {word: (await holdings(core).one(me, each.serial)).status for word, each in made.items()}

    assert {line.serial: str(line.status) for line in lines} == {each.serial: word for word, each in made.items()}
    assert {word: [line.serial for line in page] for word, page in found.items()} == {
        word: [each.serial] for word, each in made.items()
    }
    assert one_by_one == {word: word for word in made}


async def test_lists_are_read_page_by_page_and_filtered_by_name_and_serial(core: Core) -> None:
    await core.register("acc", *granted(*(names.dns(f"{name}.example") for name in "abcde")), kind="device")
    me, made = await core.desk.show("acc"), []
    for name in "abcde":
        made.append((await held(core, name)).serial)
        core.clock.move(60)

    pages: list[list[str]] = []
    after: str | None = None
    while after is not None or not pages:
        page = await holdings(core).page(me, after=after, most=2)
        pages.append([line.serial for line in page])
        after = page.more

    assert pages == [[made[4], made[3]], [made[2], made[1]], [made[0]]]
    assert [line.serial for line in await holdings(core).page(me, CertificateFilter(name="c.ex"))] == [made[2]]
    assert [line.serial for line in await holdings(core).page(me, CertificateFilter(serial=made[1][:39]))] == [made[1]]
    with pytest.raises(BadRequest):
        await holdings(core).page(me, after="nowhere")


async def test_a_certificate_is_told_with_what_became_of_it(core: Core) -> None:
    certificate = await issued(core)
    me = await core.desk.show("acc")
    await core.revocations.ask(certificate.serial, Reason.SUPERSEDED, asker=Asker.SUBSCRIBER, actor="portal:session:x")

    holding = await holdings(core).one(me, certificate.serial)

    assert [one.event for one in holding.happened] == ["certificate-issued", "certificate-revoked"]
    assert holding.window.opens_at == certificate.not_after - 30 * DAY
    assert holding.status is CertificateStatus.REVOKED


async def test_the_progress_of_requests_is_found_by_an_index(core: Core) -> None:
    steps = await plan(core.database, revocation_requests.OF_REGISTRATION, registration_id="", most=1)

    assert {step.index for step in steps} == {"revocation_requests_of_registration"}
