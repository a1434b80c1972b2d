"""A request for a certificate that waits for an officer, or waited."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple, TypeVar

import msgspec

from ca_core.applicant import Applicant, Door
from ca_core.errors import Misconfigured, RequestRejected, Throttled
from ca_core.names import Identifier
from ca_core.policy.buckets import source_key
from ca_core.policy.period import WishedPeriod

_DAY_SECONDS = 86_400

RETRY_AFTER_SECONDS = 15
"""When whoever waits should look again."""
DUE_SECONDS = 5 * _DAY_SECONDS
"""By when an officer should have decided."""
LAPSE_SECONDS = 30 * _DAY_SECONDS
"""When a request that nobody decided is given up."""
REMEMBERED_SECONDS = 7 * _DAY_SECONDS
"""How long an officer's rejection answers the same request; from then on it is a new one."""
MOST_WAITING = 100
"""How many requests of one registration may wait: an officer is easily drowned."""
MOST_OF_ACCOUNT = 5
"""Of one ACME account for which nobody vouched: all of those share one registration."""
MOST_OF_SOURCE = 10
"""Of one source, where such an account asks: whoever makes accounts by the hundred gains nothing."""

_CROWDED_SECONDS = 3600

CLOCKWORK = "server:referral-desk"
"""The journal's actor for what no officer decides."""

_Outcome = TypeVar("_Outcome")


class RequestState(StrEnum):
    """What became of a request."""

    PENDING = "pending"
    APPROVED = "approved"
    """An officer has agreed; what is to be signed is decided and stored next."""
    REJECTED = "rejected"
    """By an officer; or approved, and refused at the moment of issuing."""
    ISSUED = "issued"
    """The intention is stored, and the certificate with it or soon."""
    LAPSED = "lapsed"
    """Nobody decided in time, the registration was closed, or the ACME account that asked was deactivated.

    Or it was refused at the moment of issuing, and was asked for anew on the use of the code that it had spent.
    """


class Referred(msgspec.Struct, frozen=True):
    """The answer to a request that an officer must look at: it is recorded, and nothing more is to be done but wait.

    Attributes:
        number: how the registration authority calls the request.
        retry_after_seconds: when to send the same request again.
    """

    number: int
    retry_after_seconds: int = RETRY_AFTER_SECONDS

    def __str__(self) -> str:
        """One sentence for whoever waits."""
        return f"request {self.number} waits for the registration authority; send the same request again later"


class Escalation(msgspec.Struct, frozen=True):
    """A request that has waited too long, as a log line says it."""

    number: int
    registration_id: str
    due_at: int
    is_overdue: bool


class EnrollmentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it is stored.

    Attributes:
        number: how people call it.
        names: of the certificate, one a line, as `names.canonical` writes them.
        csr: DER of the certification request.
        proof, source: as the applicant was proved.
        shown: the certificate that proved the applicant, as 40 hex digits; None where none did.
        proved: names whose control was proved by challenge.
        replaces: serial of the certificate to be renewed.
        period: which part of the profile's period is wanted.
        request_key: what finds the certificate later, such as `acme-order:ID`; None where nothing does.
        account: the ACME account that asks, as `acme-account:ID`; None where another door does.
        credential_id: the secret that asks; None where something else does, such as a certificate.
        requested_at, due_at, decided_at: UTC seconds.
        note: what the officer wrote when deciding, or the refusal that stood against what was approved.
        serial: of the certificate; None until it is issued.
    """

    number: int
    registration_id: str
    profile: str
    names: str
    spki_sha256: bytes
    csr: bytes
    door: Door
    proof: str
    source: str
    shown: str | None
    proved: frozenset[Identifier]
    replaces: str | None
    period: WishedPeriod
    request_key: str | None
    state: RequestState
    requested_at: int
    due_at: int
    decided_at: int | None = None
    decided_by: str | None = None
    note: str = ""
    serial: str | None = None
    account: str | None = None
    credential_id: str | None = None

    @property
    def waits(self) -> bool:
        """Whether a certificate may still come of it, and has not."""
        return self.state in {RequestState.PENDING, RequestState.APPROVED}

    @property
    def is_refused(self) -> bool:
        """Whether this server refused it at the moment of issuing, though an officer had approved it."""
        return self.state is RequestState.REJECTED and self.decided_by == CLOCKWORK

    @property
    def rejection(self) -> RequestRejected:
        """What is said to who asked, where it was rejected."""
        return RequestRejected(self.number, self.note, was_approved=self.is_refused)

    @property
    def applicant(self) -> Applicant:
        """Who asked, without the credential: its use was spent when the request was recorded."""
        return Applicant(
            self.registration_id, self.door, self.proof, self.source, serial=self.shown, proved=self.proved
        )

    def is_overdue(self, now: int) -> bool:
        """Whether it should have been decided by now."""
        return self.state is RequestState.PENDING and now >= self.due_at


def still_waiting(earlier: EnrollmentRequest | None, *, now: int) -> EnrollmentRequest | None:
    """What the newest request of the same registration, profile, names and key says to the next one.

    None lets it be a new one. So does what only this server refused: the cause may be gone, and no officer said no.

    Raises:
        RequestRejected: an officer rejected it, and that is not long ago.
    """
    if earlier is None or earlier.waits:
        return earlier
    decided_at = earlier.decided_at or 0
    is_rejected = earlier.state is RequestState.REJECTED and not earlier.is_refused
    if is_rejected and now < decided_at + REMEMBERED_SECONDS:
        raise earlier.rejection
    return None


class Asking(NamedTuple):
    """Whose a request is that waits."""

    account: str | None
    source: str


def require_room(waiting: Sequence[Asking], asked: EnrollmentRequest, *, is_open: bool) -> None:
    """Let a new request be put down beside those that wait for the same registration, or refuse it.

    Args:
        is_open: whether an ACME account asks for which nobody vouched.

    Raises:
        Throttled: too many wait.
    """
    source = source_key(asked.source)
    crowds = [(len(waiting), MOST_WAITING, "registration")]
    if is_open:
        crowds.append((sum(one.account == asked.account for one in waiting), MOST_OF_ACCOUNT, "account"))
        crowds.append((sum(source_key(one.source) == source for one in waiting), MOST_OF_SOURCE, "source"))
    for count, most, whose in crowds:
        if count >= most:
            raise Throttled(
                f"{most} requests of this {whose} wait for the registration authority already; ask it to decide them",
                retry_after_seconds=_CROWDED_SECONDS,
            )


def at_once(outcome: _Outcome | Referred) -> _Outcome:
    """The certificate, of a profile that no officer looks at.

    Raises:
        Misconfigured: somebody has to look all the same.
    """
    if isinstance(outcome, Referred):
        raise Misconfigured(f"request {outcome.number} waits for an officer; decide it: soapstone requests")
    return outcome
