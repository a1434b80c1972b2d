"""A request that may come twice: whether it was answered, and how."""

from __future__ import annotations

import msgspec

KEPT_SECONDS = 86_400
"""How long a key stands for its request."""
ANSWERED_WITHIN_SECONDS = 120
"""After which nobody is at it any more: the process that was has died, and what came of it is for people to see."""


class Given(msgspec.Struct, frozen=True):
    """An answer as it was given.

    Attributes:
        body: None of one that held a secret: it was handed over then, and was kept nowhere.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


class Asked(msgspec.Struct, frozen=True):
    """A request as it is remembered.

    Attributes:
        digest: of all that makes it this one.
        asked_at: UTC seconds.
        given: None while it is being answered, or where that came to no end.
    """

    digest: bytes
    asked_at: int
    given: Given | None

    def is_being_answered(self, now: int) -> bool:
        """Whether an answer may still come."""
        return self.given is None and now < self.asked_at + ANSWERED_WITHIN_SECONDS
