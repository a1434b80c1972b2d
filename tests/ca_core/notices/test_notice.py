"""What is told of what the journal has, and when an end is told of."""

from __future__ import annotations

import pytest

from ca_core.notices import notice as notice_module
from ca_core.notices.notice import MOST_LISTED, Notice, Told, Topic, day_of, topic_of, until

DAY = 86_400


def of(*serials: str, more: int = 0) -> Notice:
    told = tuple(Told(serial, "device", (), 9, 1) for serial in serials)
    return Notice(topic=Topic.REVOKED, key="k", registration_id="r", at=1, certificates=told, more=more)


@pytest.mark.parametrize(
    ("event", "detail", "topic"),
    [
        ("certificate-issued", {"replaces": None}, Topic.ISSUED),
        ("certificate-issued", {"replaces": "ab"}, Topic.RENEWED),
        ("status-changed", {"status": "suspended"}, Topic.SUSPENDED),
        ("status-changed", {"status": "active"}, None),
        ("password-suspended", {"guesses": 3}, Topic.PASSWORD_SUSPENDED),
        ("sheet-issued", {"number": 2}, Topic.NEW_SHEET),
        ("enrollment-referred", {"request": 7}, Topic.WAITING),
        ("desk-request-made", {"request": 7}, Topic.WAITING),
        ("crl-published", {}, None),
    ],
)
def test_an_event_tells_one_thing_or_nothing(event: str, detail: dict[str, object], topic: Topic | None) -> None:
    assert topic_of(event, detail) is topic


def test_a_request_that_waits_is_told_with_its_number() -> None:
    told = Told("ab", "device", ("dns:a.example",), 9, 1)

    one = notice_module.of_journal(Topic.WAITING, {"request": 7}, told, key="k", registration_id="r", at=5)

    assert (one.number, one.certificates, one.at) == (7, (told,), 5)
    assert (
        notice_module.of_journal(Topic.NEW_SHEET, {"number": 2}, None, key="k", registration_id="r", at=5).number == 2
    )


def test_two_that_are_joined_list_no_more_than_one_can_read() -> None:
    many = of(*map(str, range(MOST_LISTED)))

    both = many.joined(of("x", "y", more=3))

    assert both.certificates == many.certificates
    assert both.more == 5
    assert [one.serial for one in of("x").joined(of("y")).certificates] == ["x", "y"]


def test_what_ends_on_one_day_is_told_of_on_one_day() -> None:
    noon = 100 * DAY + DAY // 2

    assert day_of(until(noon, 7)) == day_of(noon) + 7
    assert day_of(until(noon, 7) + 1) == day_of(noon) + 8
