"""What officers ask for that other officers must agree to, and their votes."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ca_core.registration.changes import Changes
from ca_core.registration.events import FieldChange
from ca_core.revocation.reason import Reason
from ca_core.staff.role import name_in

DUE_SECONDS = 2 * 86_400
LAPSE_SECONDS = 14 * 86_400
"""After which nobody has decided it, or nobody has collected what came of it."""
CLOCKWORK = "server:approvals"
"""The journal's actor for what time alone brings about."""
_STAFF = ("desk:", "api:", "cli:")


class DeskAction(StrEnum):
    """What is asked for."""

    REGISTER = "register"
    REPRINT = "reprint"
    REVOKE = "revoke"
    AMEND = "amend"


COLLECTED = frozenset({DeskAction.REGISTER, DeskAction.REPRINT})
"""Of which a sheet comes, once all have agreed, for who asked."""


class DeskState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    """All have agreed; who asked collects the sheet, or a worker does what is to be done."""
    REJECTED = "rejected"
    LAPSED = "lapsed"
    DONE = "done"


class Verdict(StrEnum):
    """How an officer votes."""

    APPROVED = "approved"
    REJECTED = "rejected"


class Revoking(msgspec.Struct, frozen=True):
    """Which certificate is to be revoked, and why.

    Attributes:
        serial: 40 hex digits.
        invalid_since: UTC seconds; None where nobody knows.
    """

    serial: str
    reason: Reason
    invalid_since: int | None = None


class Reprinting(msgspec.Struct, frozen=True):
    """Whose sheet is to be made anew.

    Attributes:
        sheet: the number of the one that it voids; None of a request from before this was kept.
    """

    account: str
    sheet: int | None


class Amending(msgspec.Struct, frozen=True):
    """What is to be changed in a registration.

    Attributes:
        version: of the registration as all looked at it.
        told: the same changes as text, field by field, for those who decide.
        renews: whether the vetting is renewed with it.
    """

    account: str
    changes: Changes
    version: int
    told: tuple[FieldChange, ...]
    renews: bool = False


class Vote(msgspec.Struct, frozen=True):
    """One officer's.

    Attributes:
        at: UTC seconds.
    """

    officer: str
    verdict: Verdict
    note: str
    at: int


class DeskRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it is stored.

    Attributes:
        registration_id: None while there is none yet.
        payload: JSON: a `Form`, a `Reprinting`, a `Revoking` or an `Amending`; never a secret.
        asked_by: as the journal writes it.
        needed: how many officers must agree.
        requested_at, due_at, decided_at: UTC seconds.
        note: why it is asked for; once it is rejected, why not.
    """

    number: int
    action: DeskAction
    registration_id: str | None
    realm: str
    payload: str
    asked_by: str
    needed: int
    state: DeskState
    requested_at: int
    due_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    note: str = ""

    def is_overdue(self, now: int) -> bool:
        """Whether it should have been decided by now."""
        return self.state is DeskState.PENDING and now >= self.due_at


class Agreed(msgspec.Struct, frozen=True):
    """A vote was counted, and more are needed.

    Attributes:
        given, needed: how many have agreed, and how many must.
    """

    number: int
    given: int
    needed: int

    def __str__(self) -> str:
        """One sentence for whoever voted."""
        return f"request {self.number} has {self.given} of {self.needed} approvals"


class Pending(msgspec.Struct, frozen=True):
    """What was asked for waits until so many other officers have agreed."""

    number: int
    needed: int

    def __str__(self) -> str:
        """One sentence for whoever asked."""
        many = "another officer" if self.needed == 1 else f"{self.needed} other officers"
        return f"request {self.number} waits for {many}; see: soapstone requests"


def reprinting(payload: str) -> Reprinting:
    """What a reprint's payload says; of requests from before sheets were numbered in them, it is the account alone."""
    found = msgspec.json.decode(payload, type=Reprinting | str)
    return Reprinting(found, None) if isinstance(found, str) else found


def is_own(asked_by: str, actor: str) -> bool:
    """Whether who votes is who asked, both as the journal writes them; what subscribers ask is no officer's own."""
    return asked_by.startswith(_STAFF) and name_in(asked_by) == name_in(actor)
