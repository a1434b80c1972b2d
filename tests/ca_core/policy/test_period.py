from __future__ import annotations

import msgspec
import pytest

from ca_core.errors import PeriodNotOffered
from ca_core.policy.period import WHOLE, Period, WishedPeriod, period, require_known_start
from ca_core.policy.profile import TLS_SERVER, ApprovalRule
from tests.builders.authority import NOW

DAY = 86_400
FOR_EVER = NOW + 3650 * DAY
BEGIN, END = NOW - 300, NOW - 300 + 90 * DAY


def planned(wished: WishedPeriod, *, issuer_not_after: int = FOR_EVER) -> Period:
    return period(TLS_SERVER, wished, issuer_not_after=issuer_not_after, now=NOW)


def test_without_a_wish_the_profile_says_how_long() -> None:
    assert planned(WHOLE) == Period(BEGIN, END)


def test_nothing_outlives_its_issuer() -> None:
    assert planned(WHOLE, issuer_not_after=NOW + DAY) == Period(BEGIN, NOW + DAY)


@pytest.mark.parametrize(
    ("wished", "expected"),
    [
        (WishedPeriod(not_after=NOW + DAY), Period(BEGIN, NOW + DAY)),
        (WishedPeriod(not_before=NOW), Period(NOW, END)),
        (WishedPeriod(BEGIN, END), Period(BEGIN, END)),
        (WishedPeriod(NOW + DAY, NOW + 2 * DAY), Period(NOW + DAY, NOW + 2 * DAY)),
    ],
)
def test_a_wish_cuts_off_what_is_not_wanted(wished: WishedPeriod, expected: Period) -> None:
    assert planned(wished) == expected


@pytest.mark.parametrize(
    "wished",
    [
        WishedPeriod(not_before=BEGIN - 1),
        WishedPeriod(not_after=END + 1),
        WishedPeriod(not_after=NOW),
        WishedPeriod(NOW + DAY, NOW + DAY),
        WishedPeriod(not_before=END),
    ],
)
def test_more_than_the_whole_is_not_offered_and_what_is_gets_told(wished: WishedPeriod) -> None:
    with pytest.raises(PeriodNotOffered, match=r"from 2027-01-15T07:55:00Z to 2027-04-15T07:55:00Z"):
        planned(wished)


def test_a_wish_does_not_outlive_the_issuer_either() -> None:
    with pytest.raises(PeriodNotOffered):
        planned(WishedPeriod(not_after=NOW + 2 * DAY), issuer_not_after=NOW + DAY)


@pytest.mark.parametrize("rule", [ApprovalRule.FIRST, ApprovalRule.ALWAYS])
def test_what_an_officer_looks_at_begins_when_that_is_done(rule: ApprovalRule) -> None:
    looked_at = msgspec.structs.replace(TLS_SERVER, approval=rule)

    with pytest.raises(PeriodNotOffered, match="leave notBefore out"):
        require_known_start(looked_at, WishedPeriod(not_before=NOW))
    require_known_start(looked_at, WishedPeriod(not_after=NOW + DAY))
    require_known_start(TLS_SERVER, WishedPeriod(not_before=NOW))
