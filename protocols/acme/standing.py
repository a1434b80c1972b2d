"""How much may wait for an account at a time, and what stands against more."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ca_core.errors import Throttled
from ca_core.names import Identifier
from protocols.acme.errors import NamesPaused

_LOOK_AGAIN_SECONDS = 3600
"""When an account whose authorizations pend may ask again: what it finishes meanwhile makes room at once."""


class LimitOptions(msgspec.Struct, frozen=True):
    """The numbers; each by account, and by registration or source."""

    orders_per_hour: int = 20_000
    new_accounts_per_hour: int = 5_000
    failed_probes_per_hour: int = 1_000
    pending_authorizations: int = 3_000
    paused_after_failures: int = 20


class Standing(msgspec.Struct, frozen=True):
    """What stands against new challenges of an account.

    Attributes:
        pending: how many of its authorizations pend.
        paused: the names that only failed of late.
    """

    pending: int
    paused: frozenset[Identifier]


def require_room(options: LimitOptions, standing: Standing, names: Sequence[Identifier], *, registered_as: str) -> None:
    """Let an account have new challenges for these names.

    Args:
        registered_as: the site account of its registration.

    Raises:
        NamesPaused: for some of them it may not.
        Throttled: too many of its authorizations would pend.
    """
    if paused := tuple(name for name in names if name in standing.paused):
        raise NamesPaused(paused, registered_as=registered_as)
    most = options.pending_authorizations
    if standing.pending + len(names) > most:
        raise Throttled(
            f"this account has {standing.pending} pending authorizations and can have {most}"
            " (limits.pending_authorizations): meet their challenges or deactivate them, then order again",
            retry_after_seconds=_LOOK_AGAIN_SECONDS,
        )
