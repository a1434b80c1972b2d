"""Applying at the portal: once however often it is sent, within the window, and again where a key is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from ca_core import names
from ca_core.errors import (
    AlreadyRevoked,
    BadForm,
    CertificateExpired,
    CertificateRevoked,
    ChangedMeanwhile,
    KeyInUse,
    NotFound,
    PossessionNotProved,
    ProfileNotGranted,
    ProfileNotOffered,
    RequestRejected,
    SubjectMismatch,
    TooEarly,
)
from ca_core.issuance.linter import Linter
from ca_core.policy.profile import BUILT_IN, ApprovalRule, Profile, RevocationRule
from ca_core.referral.request import Referred, RequestState
from ca_core.registration.errors import PasswordToBeChanged
from ca_core.registration.kind import PRESETS, Kinds
from ca_core.registration.session import Step
from ca_core.revocation.desk import Revoked, UnderReview
from ca_core.revocation.reason import Reason
from ca_core.store import own_certificates
from ca_core.store.certificates import Certificate
from ca_core.subscriber.applying import Application
from ca_core.subscriber.standing import Standing
from conformance.stores import KINDS
from tests.builders import csr
from tests.builders.core import Core
from tests.builders.core import core as open_core
from tests.builders.portal import SOURCE
from tests.builders.reviewed import OFFICER, reviewed, work
from tests.builders.subscribers import consent, fresh, pair, publish, service, subscriber, text

DAY = 86_400
YEAR = 365 * DAY
MAIL = names.email("wang@example.com")


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def opened(
    folder: Path, store: str, profiles: Mapping[str, Profile] = BUILT_IN, kinds: Kinds = PRESETS
) -> AsyncIterator[Core]:
    async with open_core(folder, profiles, store=store, linter=Linter(), kinds=kinds) as core:
        yield core


@pytest.fixture
async def core(tmp_path: Path, store: str) -> AsyncIterator[Core]:
    async with opened(tmp_path, store) as core:
        yield core


async def test_a_pair_bears_what_is_registered_whatever_the_requests_say(core: Core) -> None:
    who = await subscriber(core, "wang", MAIL)

    issued = await who.issued(signing=fresh(), encryption=csr.csr(csr.rsa_key(), subject="CN=Somebody Else"))

    parsed = [x509.load_der_x509_certificate(one.der) for one in issued.values()]
    assert [one.subject.rfc4514_string() for one in parsed] == ["CN=wang,O=Example,C=TW"] * 2
    assert [one.names for one in issued.values()] == ["email:wang@example.com"] * 2
    assert {entry.actor for entry in await core.journal("certificate-issued")} == {f"portal:session:{SOURCE}"}


async def test_what_is_sent_twice_is_issued_once(core: Core) -> None:
    who, asked = await subscriber(core), pair()

    first = await who.issued(**asked)
    again = await who.issued(**asked)

    assert again == first
    assert len(await core.certificates()) == 2


async def test_what_is_sent_twice_at_once_is_issued_once(core: Core) -> None:
    who, asked = await subscriber(core), pair()

    await asyncio.gather(who.apply(**asked), who.apply(**asked), who.apply(**asked))

    assert len(await core.certificates()) == 2


async def test_a_pair_never_shares_a_key(core: Core) -> None:
    who, one = await subscriber(core), fresh()

    with pytest.raises(KeyInUse):
        await who.apply(signing=one, encryption=one)

    assert await core.certificates() == []
    await who.issued(signing=one)
    assert isinstance((await who.apply(encryption=one))["encryption"], KeyInUse)


async def test_what_can_be_read_is_issued_beside_what_cannot(core: Core) -> None:
    who, broken = await subscriber(core), bytearray(fresh())
    broken[-1] ^= 1

    outcomes = await who.apply(signing=bytes(broken), encryption=fresh())

    assert isinstance(outcomes["signing"], PossessionNotProved)
    assert isinstance(outcomes["encryption"], Certificate)


async def test_what_is_not_granted_or_not_offered_here_is_refused(core: Core) -> None:
    who = await subscriber(core, profiles=("signing", "device"))

    outcomes = await who.apply(encryption=fresh(), device=fresh(), none=fresh())

    assert {name: type(one) for name, one in outcomes.items()} == {
        "encryption": ProfileNotGranted,
        "device": ProfileNotOffered,
        "none": ProfileNotOffered,
    }
    assert list(await who.offered()) == ["signing"]


async def test_of_registered_names_fewer_can_be_chosen(core: Core) -> None:
    first, second = names.dns("a.example"), names.dns("b.example")
    who = await subscriber(core, "web", first, second, kind="organization")
    asked = {"tls-server": Application(fresh(), frozenset({first}))}

    outcomes = await who.applying.apply(who.session, asked, None, source=SOURCE)

    issued = outcomes["tls-server"]
    assert isinstance(issued, Certificate)
    assert issued.names == "dns:a.example"
    # Of all of them none is held.
    assert (await who.offered())["tls-server"].standing is Standing.FREE


async def test_names_that_a_request_has_are_those_that_were_chosen(core: Core) -> None:
    first, second = names.dns("a.example"), names.dns("b.example")
    who = await subscriber(core, "web", first, second, kind="organization")
    der = csr.csr(san=[x509.DNSName("b.example")])

    outcomes = await who.applying.apply(
        who.session, {"tls-server": Application(der, frozenset({first}))}, None, source=SOURCE
    )

    assert isinstance(outcomes["tls-server"], SubjectMismatch)


async def test_nothing_is_issued_before_the_agreement_is_accepted_and_a_new_version_asks_again(core: Core) -> None:
    one, two = text("1"), text("2")
    await publish(core, one, two)
    who = await subscriber(core, current=one)
    asked = {"signing": Application(fresh())}

    with pytest.raises(BadForm):
        await who.applying.apply(who.session, asked, None, source=SOURCE)
    with pytest.raises(ChangedMeanwhile):
        await who.applying.apply(who.session, asked, consent(two), source=SOURCE)
    assert await core.certificates() == []
    assert (await who.applying.papers(who.session)).must_accept

    await who.applying.apply(who.session, asked, consent(one), source=SOURCE)
    # It is not asked for again.
    await who.applying.apply(who.session, {"encryption": Application(fresh())}, None, source=SOURCE)

    papers = await who.applying.papers(who.session)
    assert papers.accepted is not None
    assert (papers.accepted.version, papers.accepted.sha256) == ("1", one.sha256)
    (entry,) = await core.journal("agreement-accepted")
    assert (entry.actor, entry.detail["sha256"]) == (f"portal:session:{SOURCE}", one.sha256)
    assert entry.registration_id == who.session.registration.id
    assert (await service(core, current=two).papers(who.session)).must_accept
    with pytest.raises(BadForm):
        await service(core, current=two).apply(who.session, asked, None, source=SOURCE)


async def test_renewal_opens_with_the_window_for_both_alike(core: Core) -> None:
    who = await subscriber(core)
    old = await who.issued(**pair())

    early = await who.held()
    assert {line.standing for line in early.values()} == {Standing.EARLY}
    opens_at = {line.window.opens_at for line in early.values() if line.window}
    assert opens_at == {old["signing"].not_after - 30 * DAY}
    refused = await who.applying.renew(who.session, {one.serial: fresh() for one in old.values()}, None, source=SOURCE)
    assert {type(one) for one in refused.values()} == {TooEarly}

    core.clock.move(YEAR - 30 * DAY + 60)
    assert {line.standing for line in (await who.held()).values()} == {Standing.OPEN}
    asked = {one.serial: fresh() for one in old.values()}
    renewed = await who.applying.renew(who.session, asked, None, source=SOURCE)
    again = await who.applying.renew(who.session, asked, None, source=SOURCE)

    assert again == renewed
    assert {profile: one.replaces for profile, one in renewed.items() if isinstance(one, Certificate)} == {
        profile: one.serial for profile, one in old.items()
    }
    assert {line.standing for line in (await who.held()).values()} == {Standing.REPLACED}


async def test_an_expired_certificate_renews_nothing_and_is_applied_for_anew(core: Core) -> None:
    who = await subscriber(core)
    old = await who.issued(signing=fresh())
    core.clock.move(YEAR + 60)

    assert (await who.held())["signing"].standing is Standing.EXPIRED
    with pytest.raises(CertificateExpired):
        await who.applying.renew(who.session, {old["signing"].serial: fresh()}, None, source=SOURCE)

    assert (await who.offered())["signing"].standing is Standing.EXPIRED
    await who.issued(signing=fresh())


async def test_a_renewal_keeps_the_names_of_its_certificate(core: Core) -> None:
    first, second = names.dns("a.example"), names.dns("b.example")
    who = await subscriber(core, "web", first, second, kind="organization")
    asked = {"tls-server": Application(fresh(), frozenset({second}))}
    (old,) = (await who.applying.apply(who.session, asked, None, source=SOURCE)).values()
    assert isinstance(old, Certificate)
    core.clock.move(61 * DAY)

    (renewed,) = (await who.applying.renew(who.session, {old.serial: fresh()}, None, source=SOURCE)).values()

    assert isinstance(renewed, Certificate)
    assert (renewed.names, renewed.replaces) == ("dns:b.example", old.serial)


async def test_a_lost_key_is_given_up_and_another_certificate_takes_the_place(core: Core) -> None:
    who = await subscriber(core)
    lost = (await who.issued(**pair()))["signing"]
    assert isinstance((await who.apply(signing=fresh()))["signing"], TooEarly)
    assert not (await who.applying.loss(who.session, lost.serial)).is_reviewed

    outcome = await who.applying.give_up(who.session, lost.serial, Reason.SUPERSEDED, source=SOURCE)

    assert outcome == Revoked((lost.serial,))
    assert (await who.offered())["signing"].standing is Standing.FREE
    await who.issued(signing=fresh())
    (entry,) = await core.journal("certificate-revoked")
    assert entry.actor == f"portal:session:{SOURCE}"
    with pytest.raises(CertificateRevoked):
        await who.applying.renew(who.session, {lost.serial: fresh()}, None, source=SOURCE)
    with pytest.raises(AlreadyRevoked):
        await who.applying.give_up(who.session, lost.serial, Reason.SUPERSEDED, source=SOURCE)


async def test_a_lost_key_is_replaced_where_an_officer_looks_at_the_first_request_only(
    tmp_path: Path, store: str
) -> None:
    async with opened(tmp_path, store, reviewed(ApprovalRule.FIRST, "signing")) as core:
        who, first = await subscriber(core), fresh()
        waits = (await who.apply(signing=first))["signing"]
        assert isinstance(waits, Referred)
        await core.referrals.approve(waits.number, actor=OFFICER)
        await work(core)
        lost = (await who.issued(signing=first))["signing"]

        await who.applying.give_up(who.session, lost.serial, Reason.SUPERSEDED, source=SOURCE)

        await who.issued(signing=fresh())


async def test_a_reviewed_revocation_says_how_far_it_is_and_then_lets_another_one_through(
    tmp_path: Path, store: str
) -> None:
    signing = msgspec.structs.replace(BUILT_IN["signing"], revocation=RevocationRule.REVIEWED_ON_HOLD)
    async with opened(tmp_path, store, {**BUILT_IN, "signing": signing}) as core:
        who = await subscriber(core)
        lost = (await who.issued(signing=fresh()))["signing"]
        assert (await who.applying.loss(who.session, lost.serial)).is_reviewed

        outcome = await who.applying.give_up(who.session, lost.serial, Reason.SUPERSEDED, source=SOURCE)

        assert isinstance(outcome, UnderReview)
        loss = await who.applying.loss(who.session, lost.serial)
        assert loss.waiting is not None
        assert (loss.waiting.number, loss.certificate.is_on_hold) == (outcome.number, True)
        line = (await who.offered())["signing"]
        assert line.standing is Standing.ON_HOLD
        assert line.revocation == loss.waiting
        await core.revocations.approve(outcome.number, actor=OFFICER)
        assert (await who.offered())["signing"].standing is Standing.FREE
        await who.issued(signing=fresh())


async def test_what_waits_is_shown_until_it_is_decided(tmp_path: Path, store: str) -> None:
    async with opened(tmp_path, store, reviewed(ApprovalRule.ALWAYS, "signing", "encryption")) as core:
        who, asked = await subscriber(core), pair()

        waits = await who.apply(**asked)
        again = await who.apply(**asked)

        assert again == waits
        assert {line.standing for line in (await who.offered()).values()} == {Standing.WAITING}
        signing, encryption = waits["signing"], waits["encryption"]
        assert isinstance(signing, Referred)
        assert isinstance(encryption, Referred)
        await core.referrals.approve(signing.number, actor=OFFICER)
        await core.referrals.reject(encryption.number, actor=OFFICER, note="ring first")
        await work(core)
        found = {one.profile: one for one in await who.applying.requests(who.session)}
        assert found["signing"].state is RequestState.ISSUED
        assert (found["encryption"].state, found["encryption"].note) == (RequestState.REJECTED, "ring first")
        assert isinstance((await who.apply(encryption=asked["encryption"]))["encryption"], RequestRejected)


async def test_what_is_somebody_elses_is_not_there(core: Core) -> None:
    mine, theirs = await subscriber(core), await subscriber(core, "lin")
    other = (await theirs.issued(signing=fresh()))["signing"]

    with pytest.raises(NotFound):
        await mine.applying.renew(mine.session, {other.serial: fresh()}, None, source=SOURCE)
    with pytest.raises(NotFound):
        await mine.applying.give_up(mine.session, other.serial, Reason.SUPERSEDED, source=SOURCE)
    with pytest.raises(NotFound):
        await mine.applying.loss(mine.session, "00" * 20)
    assert await mine.held() == {}
    assert await mine.applying.requests(mine.session) == []


async def test_whoever_has_yet_to_change_the_password_does_nothing(core: Core) -> None:
    who = await subscriber(core)
    half = msgspec.structs.replace(who.session, step=Step.CHANGE_PASSWORD)

    with pytest.raises(PasswordToBeChanged):
        await who.applying.papers(half)
    with pytest.raises(PasswordToBeChanged):
        await who.applying.apply(half, {"signing": Application(fresh())}, None, source=SOURCE)
    with pytest.raises(PasswordToBeChanged):
        await who.applying.renew(half, {}, None, source=SOURCE)
    with pytest.raises(PasswordToBeChanged):
        await who.applying.give_up(half, "00" * 20, Reason.SUPERSEDED, source=SOURCE)


async def test_of_many_certificates_those_are_looked_at_that_end_first(core: Core) -> None:
    both = (names.dns("a.example"), names.dns("b.example"))
    who = await subscriber(core, "web", *both, kind="organization")
    made = []
    for name in both:
        asked = {"tls-server": Application(fresh(), frozenset({name}))}
        made.append((await who.applying.apply(who.session, asked, None, source=SOURCE))["tls-server"])
        core.clock.move(DAY)

    async def found(*profiles: str, now: int) -> list[Certificate]:
        async with core.database.read() as tx:
            id_ = who.session.registration.id
            return await own_certificates.of_profiles(tx, id_, profiles, since=0, now=now, most=1)

    assert await found("signing", "tls-server", now=core.clock.now()) == made[:1]
    assert await found("tls-server", now=core.clock.now() + YEAR) == made[1:]
    assert await found("signing", now=core.clock.now()) == []
    assert await found(now=core.clock.now()) == []
