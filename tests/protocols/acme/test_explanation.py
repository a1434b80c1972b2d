"""An explanation and the answer to the order that it is about: one decision, the same words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import msgspec
import pytest

from ca_core.applicant import Door
from ca_core.errors import NotFound
from ca_core.names import dns, ip
from ca_core.policy.profile import BUILT_IN, TLS_SERVER, ApprovalRule
from ca_core.registration.account import Grant
from ca_core.registration.agreement import PLAIN_TEXT, agreement
from ca_core.registration.eab_desk import EabForm
from ca_core.registration.kind import PRESETS, Kinds
from protocols.acme.dialogue import AcmeDialogue, AcmeOptions
from protocols.acme.explaining import Explainer
from protocols.acme.explanation import Answer, Explanation, Result, Terms, Wanted
from protocols.acme.links import Help, Resource
from protocols.acme.probes import Seen
from protocols.acme.standing import LimitOptions
from tests.builders import acme
from tests.builders.acme import LINKS, AcmeHouse, Client, acme_house

DAY = 86_400
LIMITS = LimitOptions(pending_authorizations=2, paused_after_failures=2)
PROFILES = MappingProxyType(
    {
        **BUILT_IN,
        "looked-at": msgspec.structs.replace(TLS_SERVER, name="looked-at", approval=ApprovalRule.FIRST),
        "narrow": msgspec.structs.replace(TLS_SERVER, name="narrow", key_types=frozenset({"ec-p256"})),
        "never-acme": msgspec.structs.replace(TLS_SERVER, name="never-acme", doors=frozenset({Door.EST})),
    }
)
GRANTS = (
    Grant(dns("vetted.example")),
    Grant(dns("below.example"), zone=True),
    Grant(dns("asked.example"), zone=True, vetted=False),
    Grant(dns("*.wild.example"), vetted=False),
    Grant(ip("192.0.2.1")),
)
HELD = ("tls-server", "looked-at", "narrow", "never-acme", "device")


@dataclass
class Situation:
    """A registration with an ACME account, in the state that a test brings about."""

    house: AcmeHouse
    client: Client

    async def explained(self, wanted: Wanted | str) -> Explanation:
        return await explainer(self.house).explain("corp", as_wanted(wanted))

    async def ordered(self, wanted: Wanted | str) -> acme.Answer:
        wanted = as_wanted(wanted)
        payload = {"identifiers": [{"type": wanted.kind, "value": wanted.value}], "profile": wanted.profile}
        return await self.client.post(LINKS.to(Resource.NEW_ORDER), payload)


def as_wanted(wanted: Wanted | str) -> Wanted:
    return Wanted(acme.kind_of(wanted), wanted) if isinstance(wanted, str) else wanted


def explainer(house: AcmeHouse, kinds: Kinds = PRESETS) -> Explainer:
    options = house.services.options
    current = house.services.agreements.current
    terms = Terms(
        PROFILES,
        30,
        LIMITS,
        LINKS,
        options.challenges,
        current,
        caa_identities=options.caa_identities or None,
        open_account=options.open_account,
        kinds=kinds,
    )
    return Explainer(house.core.database, house.core.clock, terms)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[AcmeHouse]:
    async with acme_house(tmp_path, AcmeOptions(), PROFILES, LIMITS) as opened:
        yield opened


@pytest.fixture
async def situation(house: AcmeHouse) -> Situation:
    sheet = await house.core.register("corp", *GRANTS, kind="partner", profiles=HELD)
    client = house.client()
    assert (await client.new_account(sheet)).status == 201
    return Situation(house, client)


def about(explanation: Explanation, what: str) -> str:
    (text,) = [step.text for step in explanation.steps if step.about == what]
    return text


def id_of(client: Client) -> str:
    assert client.kid
    return client.kid.rpartition("/")[2]


async def nothing(_: Situation) -> None:
    pass


async def suspended(situation: Situation) -> None:
    await situation.house.core.desk.suspend("corp", actor="test")


async def closed(situation: Situation) -> None:
    await situation.house.core.desk.close("corp", actor="test")


async def expired(situation: Situation) -> None:
    situation.house.core.clock.move(4 * 365 * DAY)


async def deactivated(situation: Situation) -> None:
    assert situation.client.kid
    await situation.client.post(situation.client.kid, {"status": "deactivated"})


async def holding(situation: Situation) -> None:
    await situation.client.certificate("vetted.example")


async def holding_on_hold(situation: Situation) -> None:
    order = await situation.ordered(Wanted("dns", "vetted.example", "device"))
    assert (await situation.client.finalize(order)).status == 200
    (certificate,) = await situation.house.core.certificates()
    await situation.house.core.revocations.hold(certificate.serial, actor="test", note="")


async def failing(situation: Situation) -> None:
    situation.house.probes.staged["a.asked.example"] = Seen(proved=False, problem="unauthorized", detail="no")
    for _ in range(2):
        await situation.client.authorize(await situation.ordered("a.asked.example"))
        situation.house.core.clock.move(2 * DAY)


async def pending(situation: Situation) -> None:
    for name in ("x.asked.example", "y.asked.example"):
        await situation.ordered(name)


async def agreement_changed(situation: Situation) -> None:
    current = agreement("2027-1", b"Keep your key.", PLAIN_TEXT, "agreement.txt")
    services = replace(situation.house.services, agreements=acme.agreements_of(situation.house.core, current))
    situation.house = replace(situation.house, services=services, dialogue=AcmeDialogue(services))
    situation.client.house = situation.house


SITUATIONS: list[tuple[Callable[[Situation], Awaitable[None]], Wanted, str]] = [
    (suspended, Wanted("dns", "vetted.example"), "registration"),
    (closed, Wanted("dns", "vetted.example"), "registration"),
    (expired, Wanted("dns", "vetted.example"), "registration"),
    (deactivated, Wanted("dns", "vetted.example"), "account"),
    (agreement_changed, Wanted("dns", "vetted.example"), "agreement"),
    (nothing, Wanted("dns", "Vetted.example"), "name"),
    (nothing, Wanted("dns", "vetted.example."), "name"),
    (nothing, Wanted("email", "yiru@example.com"), "name"),
    (nothing, Wanted("dns", "vetted.example", "no-such-profile"), "profile"),
    (nothing, Wanted("dns", "vetted.example", "signing"), "profile"),
    (nothing, Wanted("dns", "vetted.example", "never-acme"), "profile"),
    (nothing, Wanted("dns", "bank.example"), "grant"),
    (nothing, Wanted("dns", "below.example"), "grant"),
    (nothing, Wanted("dns", "*.below.example"), "grant"),
    (nothing, Wanted("ip", "192.0.2.9"), "grant"),
    (nothing, Wanted("permanent-identifier", "SN-1"), "grant"),
    (holding, Wanted("dns", "vetted.example"), "renewal"),
    (holding_on_hold, Wanted("dns", "vetted.example", "device"), "renewal"),
    (failing, Wanted("dns", "a.asked.example"), "challenges"),
    (pending, Wanted("dns", "z.asked.example"), "challenges"),
]


@pytest.mark.parametrize(
    ("bring_about", "wanted", "step"),
    SITUATIONS,
    ids=[f"{row[0].__name__}-{row[1].value}-{row[1].profile}" for row in SITUATIONS],
)
async def test_a_refusal_is_explained_in_the_words_of_its_problem_document(
    situation: Situation, bring_about: Callable[[Situation], Awaitable[None]], wanted: Wanted, step: str
) -> None:
    await bring_about(situation)

    explanation = await situation.explained(wanted)
    answer = await situation.ordered(wanted)

    assert explanation.answer is Answer.REFUSED
    assert explanation.refusal is not None
    assert explanation.refusal.about == step
    # The page on which an agreement is accepted is told to its account only, and everybody else the one that says how.
    detail = answer.json["detail"].replace(answer.json.get("instance", "no instance"), LINKS.help(Help.TERMS))
    assert (explanation.refusal.problem, explanation.refusal.text) == (answer.problem, detail)


@pytest.mark.parametrize(
    ("value", "status", "answer"),
    [
        ("vetted.example", "ready", Answer.GRANTED),
        ("www.below.example", "ready", Answer.GRANTED),
        ("192.0.2.1", "ready", Answer.GRANTED),
        ("www.asked.example", "pending", Answer.CHALLENGED),
    ],
)
async def test_what_is_not_refused_becomes_what_was_said(
    situation: Situation, value: str, status: str, answer: Answer
) -> None:
    explanation = await situation.explained(value)

    assert explanation.answer is answer
    assert explanation.refusal is None
    assert (await situation.ordered(value)).json["status"] == status


async def test_every_step_says_what_it_stands_on(situation: Situation) -> None:
    explanation = await situation.explained("www.below.example")

    said = {step.about: step.text for step in explanation.steps}
    assert list(said) == [
        *("account", "registration", "agreement", "name", "profile", "grant"),
        *("renewal", "challenges", "caa", "limits", "keys", "issuer", "approval"),
    ]
    assert said["account"].endswith("bound by an EAB key")
    assert said["registration"].startswith("corp, of the kind partner, is active until 20")
    assert said["agreement"] == "there is none to accept"
    assert said["profile"].startswith("tls-server is the first one granted that ACME offers; granted are tls-server,")
    assert said["grant"] == "by the grant dns:below below.example"
    assert said["challenges"] == "none: the registration authority vouches for the name"
    assert said["renewal"].startswith("no live tls-server certificate for this name alone")
    assert said["caa"] == "CAA records are not heeded here (acme.caa)"
    assert said["limits"].startswith("0 of 2 authorizations pend")
    assert "ec-p256" in said["keys"]
    assert said["issuer"] == "a CA of the line issuing signs it, for 7776000 s"
    assert said["approval"] == "no officer has to look (the profile's rule is automatic)"


async def test_a_profile_that_is_looked_at_and_takes_few_keys_says_so(situation: Situation) -> None:
    looked_at = await situation.explained(Wanted("dns", "vetted.example", "looked-at"))
    narrow = await situation.explained(Wanted("dns", "vetted.example", "narrow"))

    assert looked_at.answer is Answer.GRANTED
    assert about(looked_at, "approval") == "an officer looks first (the profile's rule is first)"
    assert about(looked_at, "profile").startswith("looked-at is granted;")
    assert about(narrow, "keys") == "ec-p256"


async def test_caa_records_count_for_challenged_dns_names_where_they_are_heeded(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(caa_identities=("ca.example",)), PROFILES, LIMITS) as house:
        await house.core.register("corp", *GRANTS, kind="partner")
        situation = Situation(house, house.client())

        said = {name: about(await situation.explained(name), "caa") for name in ("a.asked.example", "vetted.example")}

        assert said["a.asked.example"] == (
            "CAA records of the name must permit ca.example, or be none, when it is proved"
        )
        assert said["vetted.example"] == "CAA records are not heeded: only a challenged DNS name stands on the DNS"


async def test_a_renewal_in_its_window_is_named(situation: Situation) -> None:
    await holding(situation)
    situation.house.core.clock.move(61 * DAY)

    explanation = await situation.explained("vetted.example")

    assert explanation.answer is Answer.GRANTED
    assert about(explanation, "renewal").endswith("is in its renewal window; limits do not count its renewal")


async def test_a_control_that_was_proved_or_is_being_proved_is_used_again(situation: Situation) -> None:
    order = await situation.ordered("a.asked.example")
    waits = await situation.explained("a.asked.example")
    await situation.client.authorize(order)
    proved = await situation.explained("a.asked.example")

    assert waits.answer is Answer.CHALLENGED
    assert "in the authorization that waits until 20" in about(waits, "challenges")
    assert proved.answer is Answer.GRANTED
    assert about(proved, "challenges").startswith("none: control of the name was proved, which holds until 20")


async def test_a_kind_that_may_hold_more_says_how_many(house: AcmeHouse) -> None:
    sheet = await house.core.register("corp", *GRANTS, kind="partner")
    client = house.client()
    await client.new_account(sheet)
    await holding(Situation(house, client))
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE registrations SET kind = 'server' WHERE account = 'corp'")

    explanation = await Situation(house, client).explained("vetted.example")

    assert about(explanation, "renewal") == (
        "1 live tls-server certificates for this name alone; the kind server may hold 1000000"
    )


async def test_a_registration_without_an_acme_account_is_explained_too(house: AcmeHouse) -> None:
    await house.core.register("corp", *GRANTS, kind="partner", profiles=HELD)
    situation = Situation(house, house.client())

    vetted, asked = await situation.explained("vetted.example"), await situation.explained("a.asked.example")

    assert (vetted.answer, asked.answer) == (Answer.GRANTED, Answer.CHALLENGED)
    assert about(vetted, "account").startswith("there is no ACME account yet; the EAB key ")
    await agreement_changed(situation)
    assert "2027-1 has to be accepted when" in about(await situation.explained("vetted.example"), "agreement")


async def test_an_account_that_cannot_be_made_is_explained_in_the_words_of_new_account(house: AcmeHouse) -> None:
    sheet = await house.core.register("corp", *GRANTS, kind="partner", uses=1)
    await house.core.register("person", *GRANTS, kind="person", profiles=("tls-server",))
    async with house.core.database.write() as tx:
        await tx.execute("UPDATE credentials SET uses_left = 0")
    wanted = Wanted("dns", "vetted.example")

    spent = await explainer(house).explain("corp", wanted)
    keyless = await explainer(house).explain("person", wanted)

    assert spent.refusal is not None
    assert spent.refusal.text == (await house.client().new_account(sheet)).json["detail"]
    assert keyless.refusal is not None
    assert keyless.refusal.text == (await house.client().new_account(None)).json["detail"]


async def test_of_several_keys_the_newest_that_works_makes_the_account(house: AcmeHouse) -> None:
    await house.core.register("corp", *GRANTS, kind="partner")
    house.core.clock.move(10)
    _, newer = await house.core.eab_desk.add("corp", EabForm(uses=None), actor="test")

    both = await explainer(house).explain("corp", Wanted("dns", "vetted.example"))
    await house.core.eab_desk.revoke(newer.kid, actor="test")
    one = await explainer(house).explain("corp", Wanted("dns", "vetted.example"))

    assert newer.kid in about(both, "account")
    assert newer.kid not in about(one, "account")
    assert both.answer is one.answer is Answer.GRANTED


async def test_nobody_vouches_for_the_names_of_an_open_account(tmp_path: Path) -> None:
    async with acme_house(tmp_path, AcmeOptions(open_account="corp"), PROFILES, LIMITS) as house:
        await house.core.register("corp", *GRANTS, kind="partner")

        explanation = await Situation(house, house.client()).explained("vetted.example")

        assert explanation.answer is Answer.CHALLENGED
        assert "nobody vouches" in about(explanation, "account")


async def test_an_accepted_agreement_is_said_with_its_version(tmp_path: Path) -> None:
    current = agreement("2027-1", b"Keep your key.", PLAIN_TEXT, "agreement.txt")
    async with acme_house(tmp_path, None, PROFILES, LIMITS, agreement=current) as house:
        sheet = await house.core.register("corp", *GRANTS, kind="partner")
        client = house.client()
        assert (await client.new_account(sheet, termsOfServiceAgreed=True)).status == 201

        explanation = await Situation(house, client).explained("vetted.example")

        assert about(explanation, "agreement") == "the version 2027-1 is accepted"


async def test_the_newest_valid_account_is_meant_unless_one_is_named(house: AcmeHouse) -> None:
    sheet = await house.core.register("corp", *GRANTS, kind="partner")
    older, newer = house.client(0), house.client(1)
    for client in (older, newer):
        await client.new_account(sheet)
        house.core.clock.move(10)
    await deactivated(Situation(house, newer))
    wanted, (valid, gone) = Wanted("dns", "vetted.example"), map(id_of, (older, newer))

    newest = await explainer(house).explain("corp", wanted)
    named = await explainer(house).explain("corp", wanted, account_id=gone)

    assert valid in about(newest, "account")
    assert [step.about for step in named.steps if step.result is Result.REFUSED] == ["account"]


async def test_who_is_not_there_cannot_be_explained(situation: Situation) -> None:
    await situation.house.core.register("other")
    wanted = Wanted("dns", "vetted.example")

    with pytest.raises(NotFound, match="there is no account nobody"):
        await explainer(situation.house).explain("nobody", wanted)
    with pytest.raises(NotFound, match="other has no ACME account"):
        await explainer(situation.house).explain("other", wanted, account_id=id_of(situation.client))


async def test_an_explanation_changes_and_counts_nothing(situation: Situation) -> None:
    tables = ("journal", "acme_orders", "acme_authorizations", "acme_failures")
    before = [await situation.house.core.count(table) for table in tables]

    for name in ("vetted.example", "a.asked.example", "bank.example"):
        await situation.explained(name)

    assert [await situation.house.core.count(table) for table in tables] == before


async def test_a_quota_is_explained_in_the_words_of_its_refusal(tmp_path: Path) -> None:
    kinds = Kinds([msgspec.structs.replace(PRESETS["partner"], most_certificates=1)])
    async with acme_house(tmp_path, AcmeOptions(), PROFILES, LIMITS, kinds=kinds) as house:
        sheet = await house.core.register("corp", *GRANTS, kind="partner", profiles=HELD)
        client = house.client()
        await client.new_account(sheet)
        situation = Situation(house, client)
        before = await explainer(house, kinds).explain("corp", as_wanted("vetted.example"))
        await holding(situation)

        other = await explainer(house, kinds).explain("corp", as_wanted("a.below.example"))
        answer = await situation.ordered("a.below.example")
        house.core.clock.move(80 * DAY)
        renewing = await explainer(house, kinds).explain("corp", as_wanted("vetted.example"))

    assert about(before, "quota") == "0 other live certificates; the kind partner may have 1"
    assert other.refusal is not None
    assert (answer.status, answer.json["detail"]) == (403, other.refusal.text)
    assert answer.json["type"].endswith(other.refusal.problem)
    assert about(renewing, "quota") == about(before, "quota")
