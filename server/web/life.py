"""A certificate's life, as a page tells it: what the journal holds of it, between the dates that it was born with."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ca_core.policy.renewal import Window
from ca_core.store.certificates import Certificate
from ca_core.store.related import Happening

DATES = ("valid-from", "window-opens", "valid-until")
"""What time alone brings about: no events, and yet in the group of their words."""


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened, or will.

    Attributes:
        at: UTC seconds.
        what: a word of the group `event`.
        row: of the journal; None of what time alone brings about.
        is_ahead: whether it is yet to come.
    """

    at: int
    what: str
    row: Happening | None = None
    is_ahead: bool = False


def life(certificate: Certificate, happened: Iterable[Happening], *, window: Window, now: int) -> list[Moment]:
    """All that is known of it, in the order of time.

    Args:
        happened: the first one first.
        window: when it may be renewed.
        now: UTC seconds.
    """
    begins, opens, ends = DATES
    dates = [(certificate.not_before, begins), (certificate.not_after, ends)]
    if not certificate.is_revoked:
        dates.append((window.opens_at, opens))
    dated = [Moment(at, what, is_ahead=at > now) for at, what in dates]
    told = [Moment(one.at, one.event, one) for one in happened]
    return sorted([*told, *dated], key=lambda moment: moment.at)
