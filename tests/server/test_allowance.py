"""How many mails may be handed over in a minute."""

from __future__ import annotations

from server.notices import Allowance
from tests.builders.clock import SettableClock


def test_what_was_used_in_a_minute_is_there_again_in_the_next_whichever_way_the_clock_went() -> None:
    clock = SettableClock(6000)
    allowance = Allowance(clock, 10)

    assert allowance.left == 10
    allowance.use(10)
    clock.move(59)
    assert allowance.left == 0
    clock.move(1)
    assert allowance.left == 10
    allowance.use(10)
    clock.move(-600)

    assert allowance.left == 10
