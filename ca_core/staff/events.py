"""What the journal holds of those who work at the registration authority."""

from __future__ import annotations

from ca_core.audit.event import Event


class OfficerAdded(Event, frozen=True, tag="officer-added"):
    """Somebody was taken on; a certificate or a token is another event."""

    name: str
    role: str
    realm: str


class OfficerEnded(Event, frozen=True, tag="officer-ended"):
    """Somebody has left: their certificates are revoked and their tokens open nothing."""

    name: str


class PasskeyCodeMade(Event, frozen=True, tag="passkey-code-made"):
    """An officer may register a passkey with a code, once."""

    name: str
    expires_at: int


class TokenAdded(Event, frozen=True, tag="token-added"):
    """An integrator was given a bearer token.

    Attributes:
        token: its identifier, which is no secret.
        scope: what it is good for.
    """

    token: str
    scope: tuple[str, ...]
    expires_at: int


class TokenEnded(Event, frozen=True, tag="token-ended"):
    """A bearer token was ended before its time."""

    token: str


class DeskRequestMade(Event, frozen=True, tag="desk-request-made"):
    """An officer asked for what others must agree to.

    Attributes:
        action: `register`, `reprint` or `revoke`.
        note: why.
        realm: in which; a registration that is yet to be made says it nowhere else.
    """

    request: int
    action: str
    needed: int
    due_at: int
    note: str
    realm: str = ""


class VoteCast(Event, frozen=True, tag="vote-cast"):
    """An officer agreed to a request that needs several.

    Attributes:
        given, needed: how many have agreed now, and how many must.
    """

    request: int
    verdict: str
    note: str
    given: int
    needed: int


class OwnSecretApproved(Event, frozen=True, tag="own-secret-approved"):
    """An officer agreed to what was asked for with a secret that they had made, for want of others.

    Attributes:
        others: how many others could have decided it.
        needed: how many must agree.
    """

    request: int
    others: int
    needed: int


class DeskRequestLate(Event, frozen=True, tag="desk-request-late"):
    """Half of the time of an officer's request is gone, or all of it.

    Attributes:
        realm: in which; a registration that is yet to be made says it nowhere else.
    """

    request: int
    due_at: int
    is_overdue: bool
    realm: str = ""


class DeskRequestClosed(Event, frozen=True, tag="desk-request-closed"):
    """What an officer had asked for was decided, was done, or lapsed.

    Attributes:
        state: `approved`, `rejected`, `lapsed` or `done`.
    """

    request: int
    state: str
    note: str = ""
