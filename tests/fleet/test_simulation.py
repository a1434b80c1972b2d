"""What `docs/scaling.md` says of fleets, with fewer devices."""

from __future__ import annotations

import msgspec

from ca_core.policy.renewal import SECONDS_PER_DAY
from tests.fleet.chart import Line, svg
from tests.fleet.simulation import Fleet, Recall, simulate

FLEET = Fleet(devices=10_000)
DEAF = msgspec.structs.replace(FLEET, asks=0.0)
YEAR = (24, 365 * 24)
RECALLED_AT = 200 * SECONDS_PER_DAY
RECALL = (200 * 24, 204 * 24)


def test_devices_that_do_not_ask_come_back_together_for_ever() -> None:
    curve = simulate(DEAF, days=365)

    assert curve.peak(300 * 24, 365 * 24) > 50 * curve.mean(300 * 24, 365 * 24)


def test_renewal_information_flattens_a_rollout_and_goes_on_doing_so() -> None:
    curve = simulate(FLEET, days=365)

    assert curve.peak(*YEAR) < 10 * curve.mean(*YEAR)
    assert curve.peak(300 * 24, 365 * 24) < 5 * curve.mean(300 * 24, 365 * 24)


def test_a_recall_is_over_once_everybody_has_woken() -> None:
    curve = simulate(FLEET, days=220, recall=Recall(RECALLED_AT))

    assert curve.stale[RECALL[0] - 1] == FLEET.devices
    assert curve.stale[RECALL[0] + 6] > FLEET.devices / 3
    assert curve.stale[RECALL[0] + 12] == 0


def test_recalling_in_batches_lowers_the_peak_by_as_much_as_it_takes_longer() -> None:
    at_once, spread = (
        simulate(FLEET, days=220, recall=Recall(RECALLED_AT, spread_seconds=days * SECONDS_PER_DAY)) for days in (0, 3)
    )

    assert spread.peak(*RECALL) < at_once.peak(*RECALL) / 4
    assert spread.stale[RECALL[1] - 1] == 0


def test_who_does_not_ask_keeps_a_recalled_certificate_for_weeks() -> None:
    fleet = msgspec.structs.replace(FLEET, asks=0.8)

    curve = simulate(fleet, days=220, recall=Recall(RECALLED_AT))

    assert curve.stale[-1] > FLEET.devices / 8


def test_a_fleet_is_the_same_each_time() -> None:
    assert simulate(FLEET, days=100) == simulate(FLEET, days=100)


def test_no_peak_is_lost_in_the_image() -> None:
    values = [1.0] * 10_000
    values[4_321] = 50.0

    image = svg("a", [Line("b & c", values)], x_ends=(0, 1), x_unit="days")

    assert ",34.0 " in image
    assert "b &amp; c" in image
