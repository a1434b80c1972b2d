"""RFC 8555, 7.1.6."""

from __future__ import annotations

from itertools import product

import pytest

from ca_core.errors import WrongState
from protocols.acme import states
from protocols.acme.states import (
    ACCOUNT,
    AUTHORIZATION,
    CHALLENGE,
    ORDER,
    AccountStatus,
    AuthorizationStatus,
    ChallengeStatus,
    Event,
    OrderStatus,
)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ((Event.PROVED, Event.FINALIZED, Event.ISSUED), OrderStatus.VALID),
        ((Event.PROVED, Event.FINALIZED, Event.ABANDONED), OrderStatus.INVALID),
        ((Event.PROVED, Event.FAILED), OrderStatus.INVALID),
        ((Event.FAILED,), OrderStatus.INVALID),
        ((Event.EXPIRED,), OrderStatus.INVALID),
    ],
)
def test_an_order_goes_the_ways_of_the_standard(events: tuple[Event, ...], end: OrderStatus) -> None:
    status = OrderStatus.PENDING

    for event in events:
        status = states.after(ORDER, status, event)

    assert status is end


def test_an_order_is_not_finalized_before_it_is_ready() -> None:
    with pytest.raises(WrongState, match="pending cannot be finalized"):
        states.after(ORDER, OrderStatus.PENDING, Event.FINALIZED)


def test_a_challenge_is_answered_once() -> None:
    processing = states.after(CHALLENGE, ChallengeStatus.PENDING, Event.ANSWERED)

    with pytest.raises(WrongState):
        states.after(CHALLENGE, processing, Event.ANSWERED)


@pytest.mark.parametrize("event", Event)
def test_nothing_moves_what_has_ended(event: Event) -> None:
    assert (AccountStatus.DEACTIVATED, event) not in ACCOUNT
    assert (OrderStatus.VALID, event) not in ORDER
    assert (OrderStatus.INVALID, event) not in ORDER
    assert (AuthorizationStatus.INVALID, event) not in AUTHORIZATION
    assert (AuthorizationStatus.DEACTIVATED, event) not in AUTHORIZATION
    assert (ChallengeStatus.VALID, event) not in CHALLENGE
    assert (ChallengeStatus.INVALID, event) not in CHALLENGE


@pytest.mark.parametrize(
    ("status", "late"),
    [
        (AuthorizationStatus.PENDING, AuthorizationStatus.INVALID),
        (AuthorizationStatus.VALID, AuthorizationStatus.EXPIRED),
        (AuthorizationStatus.DEACTIVATED, AuthorizationStatus.DEACTIVATED),
    ],
)
def test_time_alone_ends_an_authorization(status: AuthorizationStatus, late: AuthorizationStatus) -> None:
    assert states.at(AUTHORIZATION, status, expires_at=100, now=100) is status
    assert states.at(AUTHORIZATION, status, expires_at=100, now=101) is late


def test_a_finalized_order_does_not_expire() -> None:
    for status, now in product((OrderStatus.PROCESSING, OrderStatus.VALID), (100, 101)):
        assert states.at(ORDER, status, expires_at=100, now=now) is status
