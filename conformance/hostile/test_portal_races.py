"""Requests that come at once: what may be done once is done once, and what has ended stays ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from conformance.hostile.portal import PASSWORD, Answer, Browser, Subscriber, csr
from conformance.house import House

AT_ONCE = 6
MOST_LIVE = 20
NEW = "lobster paints nine moons"


def at_once(somebody: Subscriber, *asked: Callable[[Browser], Answer]) -> list[Answer]:
    """Each from a browser of its own with the same session."""

    def send(one: Callable[[Browser], Answer]) -> Answer:
        copy = Browser(somebody.house)
        copy.cookies = dict(somebody.cookies)
        return one(copy)

    with ThreadPoolExecutor(len(asked)) as threads:
        return list(threads.map(send, asked))


def posting(path: str, *fields: tuple[str, str]) -> Callable[[Browser], Answer]:
    return lambda browser: browser.post(path, list(fields))


def new_csr() -> str:
    return csr(ec.generate_private_key(ec.SECP256R1()))


def issued(somebody: Subscriber) -> list[tuple[Any, ...]]:
    return somebody.rows("SELECT serial, profile FROM certificates WHERE registration_id = :them AND der IS NOT NULL")


def test_one_request_that_is_sent_many_times_at_once_is_issued_once(victim: Subscriber) -> None:
    token, request = ("csrf", victim.csrf), ("csr.signing", new_csr())
    ask = posting("/apply", token, ("profile", "signing"), request)

    answers = at_once(victim, *[ask] * AT_ONCE)

    assert {answer.status for answer in answers} == {200}
    assert len(issued(victim)) == 1


def test_of_requests_with_several_keys_at_once_one_is_issued(victim: Subscriber) -> None:
    token = ("csrf", victim.csrf)

    at_once(
        victim, *(posting("/apply", token, ("profile", "signing"), ("csr.signing", new_csr())) for _ in range(AT_ONCE))
    )

    assert len(issued(victim)) == 1


def test_one_key_for_two_certificates_at_once_is_certified_once(victim: Subscriber) -> None:
    token, request = ("csrf", victim.csrf), new_csr()
    asked = [
        posting("/apply", token, ("profile", name), (f"csr.{name}", request)) for name in ("signing", "encryption")
    ]

    at_once(victim, *asked * 3)

    assert len(issued(victim)) == 1


def test_of_keys_and_codes_made_at_once_no_more_are_live_than_may_be(victim: Subscriber) -> None:
    token = ("csrf", victim.csrf)

    answers = at_once(victim, *(posting(f"/devices/new/{what}", token) for what in ("key", "code") * MOST_LIVE))

    assert {answer.status for answer in answers} == {200, 409}
    assert live(victim) == MOST_LIVE


def live(somebody: Subscriber) -> int:
    rows = somebody.rows(
        "SELECT count(*) FROM credentials WHERE registration_id = :them AND revoked_at IS NULL AND voided_at IS NULL"
        " AND kind NOT LIKE '%password%'"
    )
    return int(rows[0][0])


def test_a_key_that_is_rotated_at_once_has_one_successor(victim: Subscriber) -> None:
    id_, token = victim.device(), ("csrf", victim.csrf)
    before = live(victim)

    answers = at_once(victim, *[posting(f"/devices/{id_}/rotate", token)] * AT_ONCE)

    assert [answer.status for answer in answers].count(200) == 1
    assert live(victim) == before + 1


def test_of_passwords_chosen_at_once_one_is_chosen_and_one_session_is_left(victim: Subscriber) -> None:
    victim.again()
    token = ("csrf", victim.csrf)
    # Of four, the three wrong ones would suspend it before the right one is tried below.
    chosen = [f"{NEW} {number}" for number in range(3)]

    answers = at_once(
        victim, *(posting("/password", token, ("old", PASSWORD), ("new", one), ("again", one)) for one in chosen)
    )

    assert [answer.status for answer in answers].count(303) == 1
    assert victim.rows("SELECT count(*) FROM sessions WHERE registration_id = :them") == [(1,)]
    found = [Browser(victim.house, source="127.0.2.1").sign_in(victim.account, one).status for one in chosen]
    assert found.count(303) == 1


@pytest.mark.parametrize("command", ["suspend", "close"])
def test_nothing_is_done_after_somebody_was_stopped_whatever_was_under_way(portal: House, command: str) -> None:
    victims = [Subscriber(portal) for _ in range(2)]
    for each in victims:
        each.enter()
    somebody, other = victims
    token, stopped = ("csrf", somebody.csrf), False
    other_token = ("csrf", other.csrf)

    def go_on(number: int) -> list[Answer]:
        answers = list[Answer]()
        asked = (
            posting("/devices/new/code", token, ("note", f"late {number}")),
            posting("/apply", token, ("profile", "signing"), ("csr.signing", new_csr())),
            lambda _: Browser(portal, source=f"127.0.3.{number}").sign_in(somebody.account, PASSWORD),
        )
        while not stopped:
            answers += at_once(somebody, asked[number % len(asked)])
        return answers

    with ThreadPoolExecutor(3) as threads:
        going = [threads.submit(go_on, number) for number in (1, 2, 3)]
        try:
            portal.command(command, somebody.account)
        finally:
            stopped = True
        answers = [answer for one in going for answer in one.result()]

    events = [
        event for (event,) in somebody.rows("SELECT event FROM journal WHERE registration_id = :them ORDER BY id")
    ]
    ended = next(place for place, event in enumerate(events) if event == "status-changed")
    late = [event for event in events[ended + 1 :] if "refused" not in event]
    assert late == [], late
    assert answers
    assert somebody.rows("SELECT count(*) FROM sessions WHERE registration_id = :them") == [(0,)]
    assert other.post("/devices/new/code", [other_token]).status == 200


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house whose clock is moved."""
    built = House(tmp_path_factory.mktemp("later"), "portal.gate=off")
    try:
        built.start()
        yield built
        assert "event=bug" not in built.log, built.log[-4000:]
    finally:
        built.close()


def test_one_renewal_that_is_sent_many_times_at_once_is_issued_once(later: House) -> None:
    somebody = Subscriber(later)
    somebody.enter()
    serial = somebody.certify("signing")["signing"]
    until, since = somebody.rows("SELECT not_after, not_before FROM certificates WHERE registration_id = :them")[0]
    later.move_clock(days=(until - since) / 86_400 - 5)
    browser = somebody.again()
    somebody.cookies = browser.cookies
    token = [("csrf", somebody.csrf), ("profile", "signing"), ("serial.signing", serial)]

    answers = at_once(somebody, *[posting("/renew", *token, ("csr.signing", new_csr()))] * AT_ONCE)

    assert {answer.status for answer in answers} == {200}
    assert len(issued(somebody)) == 2
