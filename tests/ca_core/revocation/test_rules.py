"""RULES, S11; BR 4.9.1.1."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
import pytest

from ca_core.errors import BadReason
from ca_core.policy.profile import DEVICE, RevocationRule
from ca_core.registration.kind import PRESETS, KindRevocation
from ca_core.revocation import rules
from ca_core.revocation.reason import Reason
from ca_core.revocation.rules import MAY_GIVE, MEANINGS, Asker, Course
from tests.builders.clock import START

HOUR = 3600

# One letter each: subscriber, holder, controller, officer, operator (X).
WHO_MAY = {
    Reason.UNSPECIFIED: "SHCOX",
    Reason.KEY_COMPROMISE: "SH-OX",
    Reason.CA_COMPROMISE: "----X",
    Reason.AFFILIATION_CHANGED: "SH-OX",
    Reason.SUPERSEDED: "SH-OX",
    Reason.CESSATION_OF_OPERATION: "SHCOX",
    Reason.CERTIFICATE_HOLD: "---OX",
    Reason.REMOVE_FROM_CRL: "---OX",
    Reason.PRIVILEGE_WITHDRAWN: "---OX",
    Reason.AA_COMPROMISE: "----X",
}
LETTERS = {
    Asker.SUBSCRIBER: "S",
    Asker.HOLDER: "H",
    Asker.CONTROLLER: "C",
    Asker.OFFICER: "O",
    Asker.OPERATOR: "X",
}


@pytest.mark.parametrize(("asker", "reason"), list(itertools.product(Asker, Reason)))
def test_who_may_give_which_reason(asker: Asker, reason: Reason) -> None:
    if LETTERS[asker] in WHO_MAY[reason]:
        rules.require_reason(asker, reason)
        assert reason in MAY_GIVE[asker]
    else:
        with pytest.raises(BadReason, match=r"use one of unspecified \(0\)"):
            rules.require_reason(asker, reason)


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


@pytest.mark.parametrize("reason", list(Reason))
def test_only_a_hold_and_its_end_do_not_revoke_for_good(reason: Reason) -> None:
    if reason in {Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL}:
        with pytest.raises(BadReason, match="does not revoke"):
            rules.require_final(reason)
    else:
        rules.require_final(reason)


@pytest.mark.parametrize(("rule", "asker", "reason"), list(itertools.product(RevocationRule, Asker, Reason)))
def test_the_profile_says_what_waits_but_neither_an_officer_nor_a_proved_compromise_does(
    rule: RevocationRule, asker: Asker, reason: Reason
) -> None:
    profile = msgspec.structs.replace(DEVICE, revocation=rule)

    course = rules.course(profile, asker, reason)

    if asker in {Asker.OFFICER, Asker.OPERATOR} or (asker, reason) == (Asker.HOLDER, Reason.KEY_COMPROMISE):
        assert course is Course.AT_ONCE
    else:
        expected = {"immediate": Course.AT_ONCE, "reviewed": Course.REVIEW, "reviewed-on-hold": Course.REVIEW_ON_HOLD}
        assert course is expected[rule.value]


def test_a_profile_that_is_gone_keeps_nobody_waiting() -> None:
    assert rules.course(None, Asker.SUBSCRIBER, Reason.SUPERSEDED) is Course.AT_ONCE


@pytest.mark.parametrize("to", list(Reason))
@pytest.mark.parametrize("was", [reason for reason in Reason if reason is not Reason.CERTIFICATE_HOLD])
def test_what_is_revoked_for_good_can_only_become_a_proved_compromise(was: Reason, to: Reason) -> None:
    may = {asker for asker in Asker if rules.may_replace(was, to, asker)}

    if to is Reason.KEY_COMPROMISE and was is not Reason.KEY_COMPROMISE:
        assert may == {Asker.HOLDER, Asker.OFFICER, Asker.OPERATOR}
    else:
        assert may == set()


@pytest.mark.parametrize("asker", list(Asker))
def test_a_hold_can_become_whatever_is_final(asker: Asker) -> None:
    becomes = {reason for reason in Reason if rules.may_replace(Reason.CERTIFICATE_HOLD, reason, asker)}

    assert set(Reason) - becomes == {Reason.CERTIFICATE_HOLD, Reason.REMOVE_FROM_CRL}


@pytest.mark.parametrize("reason", list(Reason))
def test_a_compromise_and_a_request_without_a_reason_are_due_within_a_day(reason: Reason) -> None:
    urgent = {Reason.UNSPECIFIED, Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE, Reason.AA_COMPROMISE}
    hours = 24 if reason in urgent else 5 * 24

    assert rules.due_at(reason, now=START) == START + hours * HOUR


def test_only_a_compromise_is_more_urgent_than_what_waits() -> None:
    assert rules.is_more_urgent(Reason.KEY_COMPROMISE, Reason.SUPERSEDED)
    assert not rules.is_more_urgent(Reason.KEY_COMPROMISE, Reason.KEY_COMPROMISE)
    assert not rules.is_more_urgent(Reason.UNSPECIFIED, Reason.SUPERSEDED)


def test_the_officers_guide_says_what_the_tables_say() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "guides" / "ra-officer.md").read_text("utf-8")

    rows = re.findall(r"^\| `(\w+)` \| ([a-z, ]+) \| (.*) \|$", guide, re.MULTILINE)

    expected = {
        (reason.text, ", ".join(asker for asker in Asker if reason in MAY_GIVE[asker]), MEANINGS[reason])
        for reason in Reason
    }
    assert expected <= set(rows)


@pytest.mark.parametrize(("rule", "kind"), list(itertools.product(RevocationRule, KindRevocation)))
def test_of_the_rules_of_kind_and_profile_the_stricter_one_decides(rule: RevocationRule, kind: KindRevocation) -> None:
    profile = msgspec.structs.replace(DEVICE, revocation=rule)

    course = rules.course(profile, Asker.SUBSCRIBER, Reason.SUPERSEDED, kind)

    alone = rules.course(profile, Asker.SUBSCRIBER, Reason.SUPERSEDED)
    is_stricter = kind is KindRevocation.REVIEW and alone is Course.AT_ONCE
    assert course is (Course.REVIEW if is_stricter else alone)


def test_a_kind_keeps_no_proved_compromise_waiting() -> None:
    assert rules.course(DEVICE, Asker.HOLDER, Reason.KEY_COMPROMISE, KindRevocation.REVIEW) is Course.AT_ONCE
    assert rules.course(None, Asker.SUBSCRIBER, Reason.SUPERSEDED, KindRevocation.REVIEW) is Course.REVIEW


def test_a_kind_whose_revocations_others_agree_to_has_them_looked_at_and_an_unknown_one_says_nothing() -> None:
    person = PRESETS["person"]
    agreed = msgspec.structs.replace(person, approvals=msgspec.structs.replace(person.approvals, revoke=1))

    assert rules.said_by(None) is KindRevocation.PROFILE
    assert rules.said_by(person) is person.revocation
    assert rules.said_by(agreed) is KindRevocation.REVIEW
