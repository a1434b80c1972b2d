from __future__ import annotations

import msgspec
import pytest

from ca_core import names
from ca_core.applicant import Applicant, Door
from ca_core.errors import CertificateOnHold, InProgress, NameNotGranted, QuotaReached, TooEarly
from ca_core.policy import decision
from ca_core.policy.decision import Holding, Verdict
from ca_core.policy.profile import DEVICE, TLS_SERVER, ApprovalRule
from ca_core.policy.request import parse
from ca_core.registration.account import Grant, Registration, Status
from ca_core.registration.kind import PRESETS
from ca_core.registration.limits import Limits
from tests.builders.est import Csr

DAY = 86_400
REQUEST = parse(Csr().der())
APPLICANT = Applicant("r", Door.EST, "enrollment-code", "192.0.2.1")
HELD = Holding("s", REQUEST.spki_sha256, 0, 90 * DAY, intended_at=300, is_issued=True)
SHORT_LIVED = msgspec.structs.replace(HELD, not_after=DAY)


def registration(*grants: Grant) -> Registration:
    return Registration(
        "r", "acc", "device", Status.ACTIVE, "CN=x", b"", grants, ("device",), "en", None, 1, created_at=0, expires_at=1
    )


def repeated(holding: Holding, *, now: int, replaces: str | None = None) -> str | None:
    return decision.repeated(REQUEST, replaces, [holding], window_days=30, now=now)


@pytest.mark.parametrize(
    ("rule", "was_held", "expected"),
    [
        (ApprovalRule.AUTOMATIC, False, Verdict.APPROVED),
        (ApprovalRule.AUTOMATIC, True, Verdict.APPROVED),
        (ApprovalRule.FIRST, False, Verdict.REFERRED),
        (ApprovalRule.FIRST, True, Verdict.APPROVED),
        (ApprovalRule.ALWAYS, False, Verdict.REFERRED),
        (ApprovalRule.ALWAYS, True, Verdict.REFERRED),
    ],
)
def test_a_profile_says_whom_an_officer_looks_at(rule: ApprovalRule, was_held: bool, expected: Verdict) -> None:
    profile = msgspec.structs.replace(DEVICE, approval=rule)

    assert decision.verdict(profile, was_held=was_held) is expected


def test_until_its_window_opens_the_same_key_is_a_repetition() -> None:
    assert repeated(HELD, now=60 * DAY - 1) == "s"
    assert repeated(HELD, now=60 * DAY) is None


def test_what_is_being_renewed_is_no_repetition_of_itself() -> None:
    assert repeated(HELD, now=1000, replaces="s") is None


def test_another_key_is_no_repetition() -> None:
    assert repeated(msgspec.structs.replace(HELD, spki_sha256=b"other"), now=1000) is None


def test_a_short_lived_certificate_is_repeated_within_the_hour() -> None:
    assert repeated(SHORT_LIVED, now=300 + 3599) == "s"
    assert repeated(SHORT_LIVED, now=300 + 3600) is None


def test_a_very_short_lived_one_within_its_first_half() -> None:
    assert repeated(msgspec.structs.replace(HELD, not_after=600), now=599) == "s"
    assert repeated(msgspec.structs.replace(HELD, not_after=600), now=600) is None


def test_what_is_being_signed_is_to_be_asked_for_again() -> None:
    with pytest.raises(InProgress):
        repeated(msgspec.structs.replace(HELD, is_issued=False), now=1000)


def test_what_is_on_hold_is_neither_delivered_again_nor_doubled() -> None:
    on_hold = msgspec.structs.replace(HELD, is_on_hold=True)

    with pytest.raises(CertificateOnHold, match="serial s"):
        repeated(on_hold, now=1000)
    with pytest.raises(CertificateOnHold, match="ask your registration authority"):
        decision.require_window(PRESETS["device"], DEVICE, [on_hold], window_days=30, now=1)


def test_inside_its_window_what_is_on_hold_stands_in_nobodys_way() -> None:
    on_hold = msgspec.structs.replace(HELD, is_on_hold=True)

    assert repeated(on_hold, now=60 * DAY) is None
    decision.require_window(PRESETS["device"], DEVICE, [on_hold], window_days=30, now=60 * DAY)


def test_a_short_lived_certificate_never_holds_the_window_shut() -> None:
    decision.require_window(PRESETS["device"], DEVICE, [SHORT_LIVED], window_days=30, now=1)


def test_a_kind_may_tolerate_more_live_certificates() -> None:
    kind = msgspec.structs.replace(PRESETS["device"], live_certificates=2)

    decision.require_window(kind, DEVICE, [HELD], window_days=30, now=1)
    with pytest.raises(TooEarly, match="opens on 1970-03-02T00:00:00Z"):
        decision.require_window(kind, DEVICE, [HELD, HELD], window_days=30, now=1)


def test_a_kind_may_limit_all_live_certificates() -> None:
    kind = msgspec.structs.replace(PRESETS["device"], most_certificates=2)

    decision.require_quota(kind, 1)
    decision.require_quota(PRESETS["device"], 1_000_000)
    with pytest.raises(QuotaReached, match="has 2 live certificates, and one of the kind device may have 2"):
        decision.require_quota(kind, 2)


def test_a_name_of_a_kind_that_the_profile_has_not_is_refused() -> None:
    mailbox = names.email("a@a.example")

    with pytest.raises(NameNotGranted, match="no names of type email"):
        decision.require_names(registration(Grant(mailbox)), DEVICE, frozenset({mailbox}))


def test_names_that_were_not_asked_for_are_taken_from_vetted_exact_grants_only() -> None:
    held = registration(
        Grant(names.dns("a.example")),
        Grant(names.dns("z.example"), zone=True),
        Grant(names.dns("c.example"), vetted=False),
        Grant(names.email("a@a.example")),
    )

    assert decision.names_for(TLS_SERVER, held, REQUEST, APPLICANT) == {names.dns("a.example")}
    assert decision.names_for(DEVICE, held, REQUEST, APPLICANT) == frozenset()


def test_names_that_were_not_asked_for_are_those_only_that_the_credential_is_for() -> None:
    held = registration(*(Grant(names.dns(one)) for one in ("a.example", "b.example")))
    limited = msgspec.structs.replace(APPLICANT, limits=Limits("enrollment code", names=("dns:b.example",)))

    assert decision.names_for(TLS_SERVER, held, REQUEST, APPLICANT) == {names.dns("a.example"), names.dns("b.example")}
    assert decision.names_for(TLS_SERVER, held, REQUEST, limited) == {names.dns("b.example")}


def test_a_live_certificate_in_its_window_is_what_a_new_one_renews() -> None:
    on_hold = msgspec.structs.replace(HELD, serial="held", is_on_hold=True)
    unsigned = msgspec.structs.replace(HELD, serial="unsigned", is_issued=False)

    assert decision.renewed([unsigned, on_hold, HELD], window_days=30, now=60 * DAY) == "s"
    assert decision.renewed([HELD], window_days=30, now=60 * DAY - 1) is None
