"""The port through which challenges are looked at; `server.probes` is the network behind it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ca_core.names import Identifier
from protocols.acme.caa import CaaRecord
from protocols.acme.persistence import Expected

OUR_PROBLEM = "serverInternal"
"""The problem of a probe that failed by a fault of this server."""


class Question(msgspec.Struct, frozen=True):
    """One challenge, with what must be there to be seen.

    Attributes:
        type: of the challenge, such as `http-01`.
        identifier: with the `*.` of a wildcard.
        token: as it was offered.
        key_authorization: what the client was to publish, in the form that the type demands (RFC 8555, 8.1).
        account_url: of the account that was asked to publish it.
        persistent: what a record that stays must say; only where the type demands one.
    """

    type: str
    identifier: Identifier
    token: str
    key_authorization: str
    account_url: str
    persistent: Expected | None = None


class Seen(msgspec.Struct, frozen=True):
    """What a probe found.

    Attributes:
        proved: whether the right answer was there.
        problem: ACME error type without its URN prefix, such as `connection`, `dns`, `unauthorized`; empty when proved.
        detail: one sentence for the user: which address was asked, what was expected and what came back in
            kind, never the bytes that came back.
        is_final: whether another look is not worth it, although this type of problem mostly passes.
        good_until: what proves is not to be relied on after this, UTC seconds; None: as long as we like.
    """

    proved: bool
    problem: str = ""
    detail: str = ""
    is_final: bool = False
    good_until: int | None = None


class CaaFound(msgspec.Struct, frozen=True):
    """The CAA records that count for a name (RFC 8659, 3).

    Attributes:
        place: the name that has them: the one that was asked about, or the nearest above it; empty: none has any.
        trouble: what kept them from being found, as a sentence for the user; empty when nothing did.
    """

    place: str = ""
    records: tuple[CaaRecord, ...] = ()
    trouble: str = ""


class Probes(Protocol):
    """The network side of validation; `server.probes.network` is the real one."""

    async def look(self, question: Question) -> Seen:
        """Look once at what the client published."""

    async def caa(self, name: str) -> CaaFound:
        """Find the CAA records that count for a DNS name, which has no `*.` here."""
