from __future__ import annotations

import pytest

from ca_core.audit.gate import PATIENCE_SECONDS, Gate
from ca_core.errors import JournalUnavailable, RestoreUnacknowledged


def test_a_gate_is_closed_until_the_journal_has_been_kept_once() -> None:
    gate = Gate()
    gate.begin(100)
    gate.failed("no space left")

    with pytest.raises(JournalUnavailable):
        gate.require_open(100)

    assert gate.trouble == "no space left"
    gate.succeeded()
    gate.require_open(100)
    assert gate.trouble == ""


def test_a_gate_closes_a_minute_after_the_first_failure_and_opens_with_the_first_success() -> None:
    gate = Gate()
    gate.begin(100)
    gate.succeeded()
    gate.begin(200)
    gate.failed("no space left")
    gate.begin(230)

    gate.require_open(200 + PATIENCE_SECONDS)
    with pytest.raises(JournalUnavailable) as refused:
        gate.require_open(201 + PATIENCE_SECONDS)

    assert "space" not in str(refused.value)
    assert refused.value.retry_after_seconds == 30
    gate.succeeded()
    gate.require_open(201 + PATIENCE_SECONDS)


def test_a_clock_that_goes_back_does_not_hold_the_gate_open() -> None:
    gate = Gate()
    gate.begin(100_000)
    gate.succeeded()
    gate.begin(100_000)
    gate.begin(200)

    with pytest.raises(JournalUnavailable):
        gate.require_open(201 + PATIENCE_SECONDS)


def test_a_clock_that_jumps_between_two_turns_closes_nothing() -> None:
    gate = Gate()
    gate.begin(100)
    gate.succeeded()

    gate.require_open(100_000_000)


def test_after_a_restore_only_this_servers_own_certificate_passes() -> None:
    gate = Gate()
    gate.begin(100)
    gate.hold("the database is older")

    gate.require_open(100, for_this_server=True)
    with pytest.raises(RestoreUnacknowledged):
        gate.require_open(100)

    assert gate.trouble == "the database is older"


def test_a_gate_says_whether_it_is_open() -> None:
    gate = Gate()
    was_open = gate.is_open(100)
    gate.succeeded()

    assert (was_open, gate.is_open(100)) == (False, True)
