"""The port through which challenges are looked at; `server.probes` is the network behind it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ca_core.names import Identifier


class Seen(msgspec.Struct, frozen=True):
    """What a probe found.

    Attributes:
        proved: whether the right answer was there.
        problem: ACME error type without its URN prefix, such as `connection`, `dns`, `unauthorized`; empty when proved.
        detail: one sentence for the user: which address was asked, what was expected and what came back in
            kind, never the bytes that came back.
    """

    proved: bool
    problem: str = ""
    detail: str = ""


class Probes(Protocol):
    """The network side of validation; `server.probes` is the real one."""

    async def http_01(self, identifier: Identifier, token: str, key_authorization: str) -> Seen:
        """Fetch `http://IDENTIFIER/.well-known/acme-challenge/TOKEN` (RFC 8555, 8.3)."""
