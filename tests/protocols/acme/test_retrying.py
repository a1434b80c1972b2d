"""RFC 8555, 8.2: when a challenge is looked at again."""

from __future__ import annotations

import pytest

from protocols.acme import retrying


def test_each_wait_is_longer_and_the_last_attempt_is_the_last() -> None:
    assert [retrying.delay_seconds(attempts) for attempts in range(1, 6)] == [3, 9, 27, None, None]


def test_only_what_may_pass_is_looked_at_again() -> None:
    assert [retrying.is_passing(problem) for problem in ("connection", "dns", "tls")] == [True] * 3
    assert [retrying.is_passing(problem) for problem in ("incorrectResponse", "caa", "serverInternal", "")] == [
        False
    ] * 4


@pytest.mark.parametrize(
    ("due_at", "attempts", "heard"),
    [
        (1009, 2, False),  # it was looked at just now
        (1006, 2, True),  # three seconds ago
        (1000, 2, False),  # it is due
        (1020, 3, True),
        (1020, 0, False),  # nobody has looked yet
        (1020, 4, False),  # no attempt is left
    ],
)
def test_a_client_that_asks_again_is_heard_a_while_after_the_last_attempt(
    due_at: int, attempts: int, *, heard: bool
) -> None:
    assert retrying.may_hasten(due_at=due_at, attempts=attempts, now=1000) is heard


def test_a_client_is_to_wait_until_after_the_next_look() -> None:
    assert retrying.wait_seconds(due_at=1009, now=1000) == 10
    assert retrying.wait_seconds(due_at=900, now=1000) == 1
