"""One piece of deferred work."""

from __future__ import annotations

import msgspec

PUBLISH_CRL = "publish-crl"
"""Subject: the name of a CRL, as in `/crl/NAME.crl`."""

ISSUE_APPROVED = "issue-approved"
"""Subject: the number of a request for a certificate that an officer has approved."""

_FIRST_DELAY_SECONDS = 5
LONGEST_DELAY_SECONDS = 3600


class Item(msgspec.Struct, frozen=True):
    """One leased item.

    Attributes:
        kind: what is to be done, such as `publish-crl`.
        subject: to what.
        attempts: how often it was leased, this time included.
    """

    id: str
    kind: str
    subject: str
    attempts: int

    @property
    def delay_seconds(self) -> int:
        """How long to wait before the next attempt: 5 s, doubled each time, at most an hour."""
        return min(LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS << min(self.attempts - 1, 16))
