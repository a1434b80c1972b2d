"""A CA's key that is away, slow, or not to be trusted."""

from __future__ import annotations

import asyncio

from ca_core.enrollment import Enrollment
from ca_core.errors import Busy, KeyUnavailable
from ca_core.issuance.authorities import IssuingCa
from ca_core.issuance.issuer import PATIENCE_SECONDS, Issuer
from ca_core.issuance.linter import Linter
from ca_core.signing.key import SigningKey
from tests.builders.core import Core, standing


class Key:
    """The CA's key, but each signature goes through a hand first: a token that fails, or lies."""

    def __init__(self, real: SigningKey) -> None:
        self._real = real
        self.public_key, self.algorithm = real.public_key, real.algorithm
        self.busy, self.lies, self.rests, self.takes_seconds = False, False, False, 0.0

    def require_ready(self) -> None:
        if self.rests:
            raise KeyUnavailable("the token is away", retry_after_seconds=1)

    async def sign(self, tbs: bytes) -> bytes:
        if self.busy:
            raise Busy("the token is away", retry_after_seconds=1)
        await asyncio.sleep(self.takes_seconds)
        return await self._real.sign(tbs + b"x" if self.lies else tbs)


def with_key(core: Core, *, patience_seconds: float = PATIENCE_SECONDS) -> tuple[Issuer, Key]:
    ca = core.issuer._authorities.named("issuing")
    key, linter = Key(ca.key), Linter()
    authorities = standing(IssuingCa(ca.certificate, key))
    return Issuer(core.database, core.clock, authorities, linter, patience_seconds=patience_seconds), key


def enrolling(core: Core) -> tuple[Enrollment, Issuer, Key]:
    """The one door in front of a CA with such a key."""
    issuer, key = with_key(core)
    door = Enrollment(core.database, core.clock, issuer, core.profiles, window_days=30, gate=core.gate)
    return door, issuer, key
