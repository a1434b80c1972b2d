"""What the desk's lists show, on both databases: to whom, in which order, and found by what."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import chain
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ca_core import names
from ca_core.applicant import Door
from ca_core.errors import BadRequest, NotFound, NotPermitted, WrongSecret
from ca_core.policy.request import parse
from ca_core.policy.status import CertificateStatus
from ca_core.registration.account import Grant, Status
from ca_core.registration.changes import Changes
from ca_core.registration.contact import Contact
from ca_core.registration.desk import Form
from ca_core.revocation.reason import Reason
from ca_core.secret import Secret
from ca_core.staff import counting, paging
from ca_core.staff.counting import WEEK_SECONDS
from ca_core.staff.lines import CertificateFilter, CertificateLine, JournalFilter, Page, RegistrationLine
from ca_core.staff.looking import Looking
from ca_core.staff.role import EVERY_REALM, Action, Actor, Role, Via
from ca_core.store.certificates import Certificate
from conformance.stores import KINDS
from tests.builders import csr
from tests.builders.core import Core, granted
from tests.builders.core import core as open_core

DAY = 86_400
ALICE = Actor("alice", Role.OFFICER, "north", "id-of-alice", Via.DESK)
SAM = Actor("sam", Role.OFFICER, "south", "id-of-sam", Via.DESK)
SHOP = Actor("shop", Role.INTEGRATOR, "north", "id-of-shop", Via.API)
AUDITOR = Actor("iris", Role.AUDITOR, EVERY_REALM, "id-of-iris", Via.DESK)


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param) as opened:
        yield opened


@pytest.fixture
def looking(core: Core) -> Looking:
    return core.staff.looking


async def registered(
    core: Core, account: str, *grants: Grant, kind: str = "device", realm: str = "north", **others: object
) -> str:
    """Register somebody a second later; returns the enrollment code."""
    core.clock.move(1)
    form = Form(kind, f"CN={account},O=Example,C=TW", None, account, grants, realm=realm)
    form = msgspec.structs.replace(form, **others)
    _, sheet = await core.desk.register(form, actor="desk:officer:alice")
    assert sheet.enrollment_code is not None
    return sheet.enrollment_code.reveal()


async def certified(
    core: Core, account: str, *dns: str, kind: str = "device", realm: str = "north", **others: object
) -> Certificate:
    """Register somebody, and enroll them for some names."""
    code = await registered(core, account, *granted(*map(names.dns, dns)), kind=kind, realm=realm, **others)
    who = await core.sign_in.by_enrollment_code(account, Secret(code), source="192.0.2.1", door=Door.EST)
    key = ec.generate_private_key(ec.SECP256R1())
    return await core.enroll(who, parse(csr.csr(key, san=map(x509.DNSName, dns))))


async def all_pages(read: Callable[[str | None], Awaitable[Page[CertificateLine]]]) -> list[str]:
    """The serials of every page, one after the other."""
    found, after = [], None
    while True:
        page = await read(after)
        found += [line.serial for line in page]
        if page.more is None:
            return found
        after = page.more


def accounts(page: Page[RegistrationLine] | Page[CertificateLine]) -> list[str]:
    return [line.account for line in page]


async def test_registrations_are_listed_newest_first_page_by_page(core: Core, looking: Looking) -> None:
    for number in range(5):
        await registered(core, f"meter-{number}")

    first = await looking.registrations(ALICE, most=2)
    second = await looking.registrations(ALICE, most=2, after=first.more)
    third = await looking.registrations(ALICE, most=2, after=second[-1].place)

    assert [*accounts(first), *accounts(second), *accounts(third)] == [f"meter-{n}" for n in (4, 3, 2, 1, 0)]
    assert first.more is not None
    assert third.more is None


async def test_other_realms_do_not_exist_and_integrators_see_their_own(core: Core, looking: Looking) -> None:
    await certified(core, "meter-n", "n.example")
    await certified(core, "meter-s", "s.example", realm="south")
    await certified(core, "meter-o", "o.example", owner="id-of-shop")

    seen = {}
    for actor in (ALICE, SAM, SHOP, AUDITOR):
        listed = accounts(await looking.registrations(actor))
        found = accounts(await looking.registrations(actor, text="meter"))
        held = accounts(await looking.certificates(actor))
        looked_up = accounts(await looking.certificates(actor, CertificateFilter(text="meter")))
        by_name = [accounts(await looking.certificates(actor, CertificateFilter(name=f"{n}.example"))) for n in "nso"]
        assert sorted(listed) == sorted(found) == sorted(held) == sorted(looked_up) == sorted(chain(*by_name))
        seen[actor.name] = set(listed)

    assert seen == {
        "alice": {"meter-n", "meter-o"},
        "sam": {"meter-s"},
        "shop": {"meter-o"},
        "iris": {"meter-n", "meter-s", "meter-o"},
    }


async def test_nobody_looks_without_being_permitted(looking: Looking) -> None:
    nobody = msgspec.structs.replace(SHOP, scope=frozenset({Action.REGISTER}))

    for look in (looking.registrations, looking.certificates, looking.journal, looking.overview, looking.expiring):
        with pytest.raises(NotPermitted):
            await look(nobody)
    with pytest.raises(NotPermitted):
        await looking.history(nobody, "meter")


async def test_registrations_are_found_by_kind_and_status(core: Core, looking: Looking) -> None:
    await registered(core, "old-meter")
    await registered(core, "partner", kind="partner", profiles=("device",))
    await registered(core, "gone")
    await core.desk.suspend("gone", actor="test")
    core.clock.move(3 * 365 * DAY + 60)
    await registered(core, "new-meter")

    found = {status: accounts(await looking.registrations(ALICE, status=status)) for status in Status}
    devices = accounts(await looking.registrations(ALICE, kind="device"))
    active_devices = accounts(await looking.registrations(ALICE, kind="device", status=Status.ACTIVE))
    expired_partners = accounts(await looking.registrations(ALICE, kind="partner", status=Status.EXPIRED))

    assert found == {
        Status.ACTIVE: ["new-meter"],
        Status.SUSPENDED: ["gone"],
        Status.EXPIRED: ["partner", "old-meter"],
        Status.CLOSED: [],
    }
    assert devices == ["new-meter", "gone", "old-meter"]
    assert active_devices == ["new-meter"]
    assert expired_partners == ["partner"]
    assert accounts(await looking.registrations(ALICE, kind="officer")) == []


async def test_registrations_are_found_by_every_word_that_was_said(core: Core, looking: Looking) -> None:
    await registered(core, "shop", *granted(names.dns("www.shop.example")), subject="CN=王小明,O=Acme", kind="partner")
    await registered(core, "shopping", subject="CN=shopping mall,O=Acme", contact=Contact(name="Ann Neill"))

    async def found(text: str, **others: object) -> list[str]:
        return accounts(await looking.registrations(ALICE, text=text, **others))  # type: ignore[arg-type]

    assert await found("shop") == ["shop", "shopping"]
    assert await found("acme 小明") == ["shop"]
    assert await found("MALL acme neill shopping") == ["shopping"]
    assert await found("shop.example") == ["shop"]
    assert await found("acme nobody") == await found(" ,") == await found("hop") == []
    assert await found("acme", kind="device") == ["shopping"]
    assert await found("acme", status=Status.SUSPENDED) == []
    first = await looking.registrations(ALICE, text="acme", most=1)
    assert accounts(await looking.registrations(ALICE, text="acme", most=1, after=first.more)) == ["shopping"]


async def test_what_is_amended_is_found_by_what_it_is_now(core: Core, looking: Looking) -> None:
    await registered(core, "shop", *granted(names.dns("old.example")), kind="partner", profiles=("device",))
    changes = Changes(contact=Contact(name="Ann Neill"), grants=granted(names.dns("new.example")))
    await core.desk.amend("shop", changes, actor="test")

    assert accounts(await looking.registrations(ALICE, text="neill")) == ["shop"]
    assert accounts(await looking.registrations(ALICE, text="new.example")) == ["shop"]
    assert accounts(await looking.registrations(ALICE, text="old.example")) == []


async def test_registrations_older_than_search_terms_are_found_too(core: Core, looking: Looking) -> None:
    await registered(core, "meter")
    async with core.database.write() as tx:
        await tx.execute("DELETE FROM search_terms")
        await tx.execute("UPDATE registrations SET marked = 0")

    assert accounts(await looking.registrations(ALICE, text="meter")) == ["meter"]
    assert accounts(await looking.certificates(ALICE, CertificateFilter(text="meter"))) == []


async def test_certificates_are_found_by_any_field(core: Core, looking: Looking) -> None:
    one = await certified(core, "meter-1", "a.example", "b.example")
    await certified(core, "meter-2", "c.example")

    async def found(**wanted: object) -> list[str]:
        return accounts(await looking.certificates(ALICE, CertificateFilter(**wanted)))  # type: ignore[arg-type]

    (line,) = await looking.certificates(ALICE, CertificateFilter(serial=one.serial))
    assert (line.serial, line.account, line.profile, line.issuer) == (one.serial, "meter-1", "device", "issuing")
    assert line.names == ("dns:a.example", "dns:b.example")
    assert (line.not_before, line.not_after, line.issued_at) == (one.not_before, one.not_after, one.issued_at)
    assert line.status is CertificateStatus.VALID
    coloned = ":".join(one.serial[at : at + 2] for at in range(0, 12, 2)).upper()
    of_the_first: list[dict[str, object]] = [
        {"serial": coloned},
        {"account": "meter-1"},
        {"text": "meter-1 example"},
        {"name": "a.example"},
        {"name": "dns:B.EXAM"},
        {"name": "b.example", "profile": "device"},
        {"key": one.spki_sha256.hex()},
        {"account": "meter-1", "issuer": "issuing", "status": CertificateStatus.VALID},
        {"expires_until": one.not_after, "profile": "device"},
        {"name": "a.example", "account": "meter-1"},
        {"text": "meter", "name": "a.example"},
    ]
    for wanted in of_the_first:
        assert await found(**wanted) == ["meter-1"], wanted
    both = {"meter-1", "meter-2"}
    of_both: list[dict[str, object]] = [
        {},
        {"issuer": "issuing"},
        {"profile": "device"},
        {"expires_from": one.not_after},
        {"text": "meter"},
    ]
    for wanted in of_both:
        assert set(await found(**wanted)) == both, wanted
    of_nobody: list[dict[str, object]] = [
        {"serial": "00"},
        {"account": "nobody"},
        {"text": "nobody"},
        {"text": ",,"},
        {"name": "xample"},
        {"name": "ip:a.example"},
        {"profile": "tls-server"},
        {"issuer": "elsewhere"},
        {"key": "00" * 32},
        {"account": "meter-1", "profile": "tls-server"},
        {"expires_until": one.not_after - 1},
        {"status": CertificateStatus.REVOKED},
    ]
    for wanted in of_nobody:
        assert await found(**wanted) == [], wanted


@pytest.mark.parametrize(
    "wanted",
    [
        CertificateFilter(serial="meter"),
        CertificateFilter(serial="0" * 41),
        CertificateFilter(key="00"),
        CertificateFilter(name=" "),
        CertificateFilter(name="a\0"),
        CertificateFilter(account="a\0"),
        CertificateFilter(profile="\n"),
        CertificateFilter(text="meter", account="meter"),
    ],
)
async def test_what_cannot_be_looked_for_is_refused(looking: Looking, wanted: CertificateFilter) -> None:
    with pytest.raises(BadRequest):
        await looking.certificates(ALICE, wanted)


async def test_a_certificate_with_several_names_is_shown_once(core: Core, looking: Looking) -> None:
    await certified(core, "meter", "a.example", "aa.example", "ab.example")

    assert len(await looking.certificates(ALICE, CertificateFilter(name="a"))) == 1
    assert len(await looking.certificates(ALICE, CertificateFilter(name="dns:a"))) == 1
    assert len(await looking.certificates(ALICE, CertificateFilter(name="aa"))) == 1


async def test_statuses_are_those_of_this_moment(core: Core, looking: Looking) -> None:
    long_ago = await certified(core, "expired", "a.example")
    core.clock.move(long_ago.not_after - core.clock.now() - 10 * DAY)
    ends = await certified(core, "ends", "b.example")
    core.clock.move(11 * DAY)
    await certified(core, "revoked", kind="person", profiles=("signing",))
    serial = (await looking.certificates(ALICE, CertificateFilter(account="revoked")))[0].serial
    await core.revocations.revoke(serial, Reason.SUPERSEDED, actor="test")
    await certified(core, "held", kind="person", profiles=("signing",))
    serial = (await looking.certificates(ALICE, CertificateFilter(account="held")))[0].serial
    await core.revocations.hold(serial, actor="test")
    core.clock.move(ends.not_after - core.clock.now() - 5 * DAY)
    await certified(core, "valid", "e.example")

    for actor in (ALICE, AUDITOR):
        found = {
            status: accounts(await looking.certificates(actor, CertificateFilter(status=status)))
            for status in CertificateStatus
        }
        assert found == {
            CertificateStatus.VALID: ["valid"],
            CertificateStatus.ABOUT_TO_EXPIRE: ["ends"],
            CertificateStatus.EXPIRED: ["expired"],
            CertificateStatus.REVOKED: ["revoked"],
            CertificateStatus.ON_HOLD: ["held"],
        }
    one = await looking.certificates(ALICE, CertificateFilter(account="held", status=CertificateStatus.ON_HOLD))
    assert [line.reason for line in one] == [Reason.CERTIFICATE_HOLD.value]


async def test_every_list_of_certificates_goes_on_where_its_page_ended(core: Core, looking: Looking) -> None:
    serials = set()
    for number in range(5):
        one = await certified(core, f"meter-{number}", f"{number}.m.example", "z.m.example")
        await core.revocations.revoke(one.serial, Reason.SUPERSEDED, actor="test")
        serials.add(one.serial)

    for wanted in (
        CertificateFilter(),
        CertificateFilter(text="meter"),
        CertificateFilter(name="z.m.example"),
        CertificateFilter(serial="4"),
        CertificateFilter(issuer="issuing"),
        CertificateFilter(profile="device"),
        CertificateFilter(status=CertificateStatus.REVOKED),
    ):
        whole = [line.serial for line in await looking.certificates(ALICE, wanted)]

        async def read(after: str | None, wanted: CertificateFilter = wanted) -> Page[CertificateLine]:
            return await looking.certificates(ALICE, wanted, after=after, most=2)

        assert await all_pages(read) == whole, wanted
        assert set(whole) == {serial for serial in serials if wanted.serial is None or serial.startswith("4")}, wanted


async def test_what_an_account_has_is_gone_through_page_by_page(core: Core, looking: Looking) -> None:
    code = await registered(
        core, "shop", Grant(names.dns("m.example"), zone=True), kind="partner", profiles=("device",)
    )
    who = await core.sign_in.by_enrollment_code("shop", Secret(code), source="192.0.2.1", door=Door.EST)
    for number in range(5):
        core.clock.move(1)
        await core.enroll(who, parse(csr.csr(csr.ec_key(), san=[x509.DNSName(f"{number}.m.example")])))

    for wanted in (CertificateFilter(account="shop"), CertificateFilter(text="shop"), CertificateFilter(key=key())):

        async def read(after: str | None, wanted: CertificateFilter = wanted) -> Page[CertificateLine]:
            return await looking.certificates(ALICE, wanted, after=after, most=2)

        found = await all_pages(read)
        assert len(found) == len(set(found)) == 5, wanted


def key() -> str:
    return hashlib.sha256(csr.spki(csr.ec_key())).hexdigest()


async def test_a_page_costs_no_more_where_little_is_found(
    core: Core, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        await registered(core, f"meter-{number}")
    await core.desk.suspend("meter-0", actor="test")
    monkeypatch.setattr(paging, "MOST_LOOKED", 2)

    async def pages() -> list[list[str]]:
        found, after = [], None
        while True:
            page = await looking.registrations(ALICE, text="meter", status=Status.SUSPENDED, most=1, after=after)
            found.append(accounts(page))
            if page.more is None:
                return found
            after = page.more

    found = await pages()

    assert list(chain(*found)) == ["meter-0"]
    assert len(found) > 1


async def test_a_place_of_another_list_is_refused(core: Core, looking: Looking) -> None:
    await registered(core, "meter")
    (line,) = await looking.registrations(ALICE, text="meter")

    for look in (looking.registrations, looking.certificates, looking.journal):
        with pytest.raises(BadRequest):
            await look(ALICE, after=line.place)
    with pytest.raises(BadRequest):
        await looking.registrations(ALICE, after="nonsense")


async def test_the_journal_is_shown_newest_first_to_those_whose_it_is(core: Core, looking: Looking) -> None:
    await registered(core, "meter-n")
    one = await certified(core, "meter-s", "s.example", realm="south")
    await core.desk.suspend("meter-n", actor="desk:officer:bob")

    async def events(who: Actor, /, **wanted: object) -> list[str]:
        return [line.event for line in await looking.journal(who, JournalFilter(**wanted))]  # type: ignore[arg-type]

    assert await events(ALICE) == ["status-changed", "sheet-issued", "registered"]
    assert "certificate-issued" in await events(SAM)
    assert len(await events(AUDITOR)) >= len(await events(ALICE)) + len(await events(SAM))
    assert await events(AUDITOR, account="meter-n") == ["status-changed", "sheet-issued", "registered"]
    assert await events(AUDITOR, serial=one.serial.upper()) == ["certificate-issued"]
    assert await events(AUDITOR, event="certificate-issued") == ["certificate-issued"]
    assert await events(AUDITOR, event="status-changed") == ["status-changed"]
    assert await events(AUDITOR, actor="desk:officer:bob") == ["status-changed"]
    assert await events(AUDITOR, actor="est:") == ["certificate-issued"]
    assert await events(AUDITOR, actor="desk:", event="status-changed") == ["status-changed"]
    assert await events(SAM, account="meter-n") == await events(AUDITOR, account="nobody") == []
    now = core.clock.now()
    assert await events(ALICE, until=now - 2) == await events(ALICE, since=now + 1) == []
    assert await events(ALICE, since=now, until=now) == ["status-changed"]


async def test_the_journal_goes_on_where_its_page_ended(core: Core, looking: Looking) -> None:
    for number in range(4):
        await registered(core, f"meter-{number}")

    for wanted in (JournalFilter(), JournalFilter(event="registered"), JournalFilter(actor="desk:officer:alice")):
        whole = [line.id for line in await looking.journal(ALICE, wanted)]
        found, after = [], None
        while True:
            page = await looking.journal(ALICE, wanted, after=after, most=3)
            found += [line.id for line in page]
            after = page.more
            if after is None:
                break
        assert found == whole
        assert len(whole) >= 4


@pytest.mark.parametrize("wanted", [JournalFilter(event="\0"), JournalFilter(serial="00")])
async def test_what_no_row_of_the_journal_has_is_refused(looking: Looking, wanted: JournalFilter) -> None:
    with pytest.raises(BadRequest):
        await looking.journal(ALICE, wanted)


async def test_a_registration_has_its_history(core: Core, looking: Looking) -> None:
    await certified(core, "meter", "a.example", owner="id-of-shop")

    for actor in (ALICE, SHOP, AUDITOR):
        history = await looking.history(actor, "meter")
        assert [line.event for line in history] == ["certificate-issued", "sheet-issued", "registered"]
        assert {line.account for line in history} == {"meter"}
    for account in ("nobody", "a\0"):
        with pytest.raises(NotFound):
            await looking.history(ALICE, account)
    with pytest.raises(NotFound):
        await looking.history(SAM, "meter")


async def test_the_overview_counts_what_there_is_to_do(core: Core, looking: Looking) -> None:
    one = await certified(core, "meter", "a.example", owner="id-of-shop")
    await registered(core, "gone")
    await core.desk.suspend("gone", actor="test")
    core.clock.move(one.not_after - core.clock.now() - 10 * DAY)
    with pytest.raises(WrongSecret):
        await core.sign_in.by_enrollment_code("meter", Secret("wrong"), source="192.0.2.1", door=Door.EST)

    alice, sam, shop, iris = [await looking.overview(actor) for actor in (ALICE, SAM, SHOP, AUDITOR)]

    assert (alice.waiting, alice.expiring, alice.ending, alice.expired, alice.suspended) == (0, 1, 0, 0, 1)
    assert (sam.expiring, sam.suspended, sam.refused) == (0, 0, 0)
    assert (shop.expiring, shop.suspended, shop.refused) == (1, 0, 0)
    assert (iris.expiring, iris.suspended, iris.refused) == (1, 1, 1)
    core.clock.move(3 * 365 * DAY)
    assert [(await looking.overview(actor)).expired for actor in (ALICE, SAM, SHOP, AUDITOR)] == [1, 0, 1, 1]


async def test_a_chart_that_took_long_to_count_is_kept_by_the_clock_that_its_weeks_are_told_by(
    core: Core, looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_QUICK_SECONDS", -1.0)
    monkeypatch.setattr(counting, "_KEPT_TIMES", 1_000_000)
    first = await looking.expiring(ALICE)
    core.clock.move(60)
    assert await looking.expiring(ALICE) is first

    core.clock.move(365 * DAY)

    assert (await looking.expiring(ALICE))[0].starts_at == core.clock.now()


async def test_the_weeks_in_which_something_ends_are_counted(core: Core, looking: Looking) -> None:
    one = await certified(core, "meter-1", "a.example", owner="id-of-shop")
    two = await certified(core, "meter-2", "b.example")
    await core.revocations.revoke(two.serial, Reason.SUPERSEDED, actor="test")
    week = (one.not_after - core.clock.now()) // WEEK_SECONDS

    for actor, expected in ((ALICE, 1), (SAM, 0), (SHOP, 1), (AUDITOR, 1)):
        weeks = await looking.expiring(actor, weeks=week + 1)
        assert len(weeks) == week + 1
        assert [count.certificates for count in weeks] == [*[0] * week, expected]
        assert weeks[1].starts_at - weeks[0].starts_at == WEEK_SECONDS
    core.clock.move(3 * 365 * DAY - 2 * WEEK_SECONDS)
    assert sum(count.registrations for count in await looking.expiring(ALICE)) == 2
    assert sum(count.registrations for count in await looking.expiring(SHOP)) == 1
