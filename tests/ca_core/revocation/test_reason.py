from __future__ import annotations

import pytest
from cryptography.x509 import ReasonFlags

from ca_core.errors import BadReason
from ca_core.revocation.reason import Reason, parse
from ca_core.revocation.rules import MAY_GIVE, Asker


def test_reasons_have_the_names_of_the_standard() -> None:
    assert {reason.text for reason in Reason} == {flag.value for flag in ReasonFlags}


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_is_read_by_name_and_by_number(reason: Reason) -> None:
    for spelling in (reason.text, reason.text.upper(), reason.value, str(reason.value)):
        assert parse(spelling) is reason


@pytest.mark.parametrize("value", ["", "lost", 7, 11, -1, "1.0", "01", "key compromise"])
def test_other_reasons_are_refused(value: str | int) -> None:
    with pytest.raises(BadReason):
        parse(value)


def test_a_subscriber_gives_five_reasons_and_the_refusal_lists_them() -> None:
    allowed = [parse(code, allowed=MAY_GIVE[Asker.SUBSCRIBER]).value for code in (0, 1, 3, 4, 5)]

    assert allowed == [0, 1, 3, 4, 5]
    for code in (2, 6, 8, 9, 10):
        with pytest.raises(BadReason, match=r"unspecified \(0\), keyCompromise \(1\), affiliationChanged \(3\)"):
            parse(code, allowed=MAY_GIVE[Asker.SUBSCRIBER])
