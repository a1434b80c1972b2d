"""What keys and codes beside those of sheets are good for, on every database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import (
    BadName,
    BadRequest,
    CredentialExpired,
    CredentialRevoked,
    CredentialSpent,
    NameNotGranted,
    NetworkNotAllowed,
    NotFound,
    ProfileNotGranted,
    QuotaReached,
    WrongSecret,
    WrongState,
)
from ca_core.policy.request import CertificationRequest, parse
from ca_core.registration import eab_desk
from ca_core.registration.account import Grant
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.proof_keys import proof_keys
from ca_core.secret import Secret
from ca_core.store import credentials, uses
from ca_core.store.certificates import Certificate
from conformance.stores import KINDS
from tests.builders.core import Core, granted
from tests.builders.core import core as open_core
from tests.builders.est import Csr

DAY = 86_400
HERE = "192.0.2.1"
ZONE = (Grant(names.dns("example.com"), zone=True), *granted(names.dns("www.example.net")))


@pytest.fixture(params=KINDS)
async def core(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path, store=request.param) as opened:
        yield opened


async def code(core: Core, form: EabForm, *, account: str = "meter") -> Secret:
    return (await core.code_desk.add(account, form, actor="portal:session:192.0.2.1"))[1]


async def proved(core: Core, typed: Secret, *, source: str = HERE, account: str = "meter") -> Applicant:
    return await core.sign_in.by_enrollment_code(account, typed, source=source, door=Door.EST)


async def shown(core: Core, certificate: Certificate) -> Applicant:
    return await core.sign_in.by_certificate(certificate.der, int(certificate.serial, 16), source=HERE, door=Door.EST)


def asked(*names_: str, subject: str = "CN=meter,O=Example,C=TW") -> CertificationRequest:
    return parse(Csr(names=names_, subject=x509.Name.from_rfc4514_string(subject)).der())


async def test_a_further_code_enrolls_beside_that_of_the_sheet(core: Core) -> None:
    sheet = await core.register("meter", *ZONE, kind="device")
    assert sheet.enrollment_code is not None

    further = await code(core, EabForm(1, note="boiler"))

    first = await core.enroll(await proved(core, further), asked("a.example.com"))
    second = await core.enroll(await proved(core, sheet.enrollment_code), asked("b.example.com"))
    made, by_sheet = await core.code_desk.find(first.credential_id or ""), second.credential_id
    assert {made.id, by_sheet} == {one.id for one in await core.code_desk.of_account("meter")}
    assert (made.uses_left, made.note) == (0, "boiler")
    with pytest.raises(CredentialSpent):
        await core.enroll(await proved(core, further), asked("c.example.com"))


async def test_a_code_proves_without_being_shown_whichever_it_is(core: Core) -> None:
    await core.register("meter", kind="device")
    made, further = await core.code_desk.add("meter", EabForm(None), actor="test")
    expected = proof_keys(further, "meter")

    applicant = await core.sign_in.by_proof("meter", lambda keys: keys == expected, source=HERE, door=Door.EST)

    assert applicant.credential_id == made.id
    with pytest.raises(WrongSecret):
        await core.sign_in.by_proof("meter", lambda _: False, source=HERE, door=Door.EST)


async def test_a_code_is_for_its_names_only_and_so_is_what_renews_by_its_certificate(core: Core) -> None:
    await core.register("meter", *ZONE, kind="device")
    further = await code(core, EabForm(None, names=(".plant.example.com", "www.example.net")))
    who = await proved(core, further)

    with pytest.raises(NameNotGranted, match=r"this enrollment code is not for dns:a\.example\.com"):
        await core.enroll(who, asked("a.example.com"))
    first = await core.enroll(who, asked("a.plant.example.com"))
    core.clock.move(70 * DAY)
    renewed = await core.renew(await shown(core, first), asked("a.plant.example.com"))

    assert renewed.credential_id == first.credential_id == who.credential_id
    with pytest.raises(NameNotGranted):
        await core.enroll(await shown(core, renewed), asked("b.example.com"))


async def test_a_code_for_some_names_is_for_no_certificate_without_any(core: Core) -> None:
    await core.register("meter", *ZONE, kind="device", profiles=("device", "tls-server"))
    who = await proved(core, await code(core, EabForm(None, names=("www.example.net",))))

    with pytest.raises(NameNotGranted, match="not for one without a name"):
        await core.enroll(who, asked(), profile_name="device")
    made = await core.enroll(who, asked(), profile_name="tls-server")

    assert made.names == "dns:www.example.net"


async def test_a_code_is_for_its_profiles_and_networks_only(core: Core) -> None:
    await core.register("meter", kind="device", profiles=("device", "tls-server"))
    further = await code(core, EabForm(None, networks=("10.0.0.0/8",), profiles=("tls-server",)))

    with pytest.raises(NetworkNotAllowed):
        await proved(core, further)
    who = await proved(core, further, source="10.1.2.3")
    with pytest.raises(ProfileNotGranted):
        await core.enroll(who, asked(), profile_name="device")


async def test_a_revoked_code_enrolls_nothing_and_what_it_brought_renews_no_more(core: Core) -> None:
    await core.register("meter", kind="device")
    made, further = await core.code_desk.add("meter", EabForm(None), actor="portal:session:192.0.2.1")
    first = await core.enroll(await proved(core, further), asked())

    await core.code_desk.revoke(made.id, actor="portal:session:192.0.2.1")

    with pytest.raises(CredentialRevoked):
        await proved(core, further)
    with pytest.raises(CredentialRevoked):
        await shown(core, first)
    with pytest.raises(WrongState):
        await core.code_desk.revoke(made.id, actor="test")
    added, revoked = await core.journal("enrollment-code-added", "enrollment-code-revoked")
    assert added.detail["code_id"] == revoked.detail["code_id"] == made.id
    assert further.reveal() not in str(added)


async def test_a_new_sheet_voids_further_codes_and_what_they_brought_goes_on(core: Core) -> None:
    await core.register("meter", kind="device")
    further = await code(core, EabForm(None))
    first = await core.enroll(await proved(core, further), asked())

    await core.desk.new_sheet("meter", actor="test")

    with pytest.raises(WrongSecret):
        await proved(core, further)
    assert (await shown(core, first)).origin == first.credential_id


async def test_a_code_ends_when_it_says(core: Core) -> None:
    await core.register("meter", kind="device")
    further = await code(core, EabForm(None, core.clock.now() + DAY))

    core.clock.move(2 * DAY)

    with pytest.raises(CredentialExpired):
        await core.enroll(await proved(core, further), asked())


async def room_for_one(core: Core) -> int:
    """How many can be live where one more may be made."""
    async with core.database.read() as tx:
        live, _ = await credentials.count_machines(tx, (await core.desk.show("meter")).id, now=core.clock.now())
    return 1 + live


async def test_no_more_are_live_than_may_be_and_a_revoked_one_makes_room(core: Core) -> None:
    await core.register("meter", kind="device")
    most = await room_for_one(core)
    made, _ = await core.code_desk.add("meter", EabForm(None), actor="test", most=most)

    with pytest.raises(QuotaReached):
        await core.code_desk.add("meter", EabForm(None), actor="test", most=most)

    await core.code_desk.revoke(made.id, actor="test")
    await core.code_desk.add("meter", EabForm(None), actor="test", most=most)


async def test_what_is_revoked_makes_room_for_so_many_of_one_sheet(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eab_desk, "MOST_REPLACED", 2)
    await core.register("meter", kind="device")
    most = await room_for_one(core)
    for _ in range(most + 1):
        made, _ = await core.code_desk.add("meter", EabForm(None), actor="test", most=most)
        await core.code_desk.revoke(made.id, actor="test")

    with pytest.raises(QuotaReached, match="ask your registration authority for a new one"):
        await core.code_desk.add("meter", EabForm(None), actor="test", most=most)

    await core.desk.new_sheet("meter", actor="test")
    await core.code_desk.add("meter", EabForm(None), actor="test", most=most)


@pytest.mark.parametrize(
    ("form", "refusal"),
    [
        (EabForm(1, 1), BadRequest),
        (EabForm(1, networks=("nowhere",)), BadRequest),
        (EabForm(1, profiles=("signing",)), ProfileNotGranted),
        (EabForm(1, names=("a.example.org",)), NameNotGranted),
        (EabForm(1, names=(".example.org",)), NameNotGranted),
        (EabForm(1, names=("not a name",)), BadName),
        (EabForm(1, note="x" * 65), BadRequest),
        (EabForm(1, note="a\nb"), BadRequest),
        (EabForm(1, names=tuple(f"a{number}.example.com" for number in range(101))), BadRequest),
    ],
)
async def test_a_limit_that_makes_no_sense_makes_no_code(core: Core, form: EabForm, refusal: type[Exception]) -> None:
    await core.register("meter", *ZONE, kind="device")

    with pytest.raises(refusal):
        await core.code_desk.add("meter", form, actor="test")

    assert len(await core.code_desk.of_account("meter")) == 1


async def test_there_are_no_codes_for_whom_nothing_is_open(core: Core) -> None:
    await core.register("shut", kind="device")
    await core.desk.close("shut", actor="test")

    for account, refusal in (("shut", WrongState), ("nobody", NotFound)):
        with pytest.raises(refusal):
            await core.code_desk.add(account, EabForm(None), actor="test")
    with pytest.raises(NotFound):
        await core.code_desk.of_account("nobody")
    with pytest.raises(NotFound):
        await core.code_desk.find("nothing")
    with pytest.raises(NotFound):
        await core.code_desk.revoke("nothing", actor="test")


async def test_a_rotated_key_keeps_names_and_note(core: Core) -> None:
    await core.register("panel", *ZONE, kind="partner")
    form = EabForm(None, names=("zone:example.com", "dns:www.example.net"), note="panel")
    _, key = await core.eab_desk.add("panel", form, actor="test")

    _, made, _ = await core.eab_desk.rotate(key.kid, overlap_seconds=DAY, actor="test")

    assert await core.eab_desk.find(made.kid or "") == made
    assert (made.names, made.note) == (("zone:example.com", "dns:www.example.net"), "panel")


async def test_a_rotated_code_has_another_secret_in_its_place_and_keeps_all_else(core: Core) -> None:
    await core.register("meter", *ZONE, kind="device")
    made, old = await core.code_desk.add(
        "meter", EabForm(3, profiles=("device",), names=(".plant.example.com",), note="boiler"), actor="test"
    )
    first = await core.enroll(await proved(core, old), asked("a.plant.example.com"))

    rotated, new = await core.code_desk.rotate(made.id, actor="portal:session:192.0.2.1")

    with pytest.raises(WrongSecret):
        await proved(core, old)
    with pytest.raises(WrongSecret):
        await core.sign_in.by_proof("meter", lambda keys: keys == proof_keys(old, "meter"), source=HERE, door=Door.EST)
    expected = proof_keys(new, "meter")
    await core.sign_in.by_proof("meter", lambda keys: keys == expected, source=HERE, door=Door.EST)
    second = await core.enroll(await proved(core, new), asked("b.plant.example.com"))
    assert second.credential_id == first.credential_id == rotated.id == made.id
    assert (rotated.uses_left, rotated.expires_at, rotated.names) == (2, made.expires_at, made.names)
    assert (rotated.profiles, rotated.note, rotated.sheet) == (made.profiles, "boiler", made.sheet)
    assert (await shown(core, first)).origin == made.id
    (told,) = await core.journal("enrollment-code-rotated")
    assert told.detail["code_id"] == made.id
    assert new.reveal() not in str(told)
    assert (await core.code_desk.find(made.id)).uses_left == 1


async def test_only_a_code_that_opens_something_is_rotated(core: Core) -> None:
    sheet = await core.register("meter", kind="device")
    assert sheet.enrollment_code is not None
    by_sheet = (await proved(core, sheet.enrollment_code)).credential_id or ""
    revoked, _ = await core.code_desk.add("meter", EabForm(None), actor="test")
    await core.code_desk.revoke(revoked.id, actor="test")
    spent, secret = await core.code_desk.add("meter", EabForm(1), actor="test")
    await core.enroll(await proved(core, secret), asked())
    ended, _ = await core.code_desk.add("meter", EabForm(None, core.clock.now() + DAY), actor="test")
    core.clock.move(2 * DAY)

    for id_, why in ((revoked.id, "revoked"), (spent.id, "no uses left"), (ended.id, "expired")):
        with pytest.raises(WrongState, match=why):
            await core.code_desk.rotate(id_, actor="test")
    with pytest.raises(NotFound):
        await core.code_desk.rotate("0" * 32, actor="test")
    await core.desk.new_sheet("meter", actor="test")
    with pytest.raises(WrongState, match="void"):
        await core.code_desk.rotate(by_sheet, actor="test")
    assert await core.journal("enrollment-code-rotated") == []


async def test_what_a_code_brought_is_counted_as_far_as_anybody_reads_on(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.register("meter", *ZONE, kind="device")
    who = await proved(core, await code(core, EabForm(None)))
    made = [await core.enroll(who, asked(name)) for name in ("a.example.com", "b.example.com")]

    async def counted() -> dict[str, tuple[int, int]]:
        async with core.database.read() as tx:
            return await uses.by_credential(tx, made[0].registration_id)

    assert await counted() == {who.origin: (2, made[1].issued_at)}
    monkeypatch.setattr(uses, "MOST_COUNTED", 1)
    assert await counted() == {who.origin: (1, made[1].issued_at)}
