"""Bearer tokens: how they are made, written and read."""

from __future__ import annotations

import base64
import re
import secrets

import msgspec

from ca_core.errors import CredentialExpired, CredentialRevoked, WrongSecret
from ca_core.secret import Secret
from ca_core.staff.role import Action

# Programs that look for secrets in repositories know them by such a beginning.
PREFIX = "sst_"
_ID_OCTETS = 8
_SECRET_OCTETS = 32
_WRITTEN = re.compile(r"sst_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


class Token(msgspec.Struct, frozen=True):
    """One token as it is stored.

    Attributes:
        id: how people call it; no secret.
        registration_id: the integrator's.
        secret: keyed hash.
        scope: what it is good for, as far as the role permits it.
        created_at, expires_at, ended_at: UTC seconds; None while nobody has ended it.
    """

    id: str
    registration_id: str
    secret: bytes
    scope: frozenset[Action]
    created_at: int
    expires_at: int
    ended_at: int | None = None

    def require_usable(self, now: int) -> None:
        """Let only a token pass that is good now; to be asked after its secret proved right.

        Raises:
            CredentialRevoked, CredentialExpired: it is not.
        """
        if self.ended_at is not None:
            raise CredentialRevoked("this token was ended; ask for another one")
        if now > self.expires_at:
            raise CredentialExpired("this token has expired; ask for another one")


def new_id() -> str:
    """An identifier."""
    return secrets.token_hex(_ID_OCTETS)


def new_secret() -> Secret:
    """256 random bits."""
    return Secret(base64.urlsafe_b64encode(secrets.token_bytes(_SECRET_OCTETS)).rstrip(b"=").decode())


def written(token_id: str, secret: Secret) -> Secret:
    """What the integrator is given, once."""
    return Secret(f"{PREFIX}{token_id}_{secret.reveal()}")


def read(text: str) -> tuple[str, Secret]:
    """Identifier and secret out of what a program sent.

    Raises:
        WrongSecret: it is no such text.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise WrongSecret
    return found[1], Secret(found[2])
