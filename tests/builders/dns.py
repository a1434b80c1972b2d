"""A name server on a loopback port: that of the conformance tests, filled from a zone of addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from conformance.dns import Hostile, Responder


@asynccontextmanager
async def name_server(zone: Mapping[str, Sequence[Sequence[str]]] | None = None) -> AsyncIterator[Responder]:
    """Answer from `zone`: by name, the lists of addresses of the first question, the second, and so on.

    The last list repeats. A name that is not in the zone does not exist; one with an empty sequence gets no
    answer at all.
    """
    with Responder() as responder:
        for name, lists in (zone or {}).items():
            if not lists:
                responder.misbehave(name, Hostile.SILENT)
                continue
            for kind, is_wanted in (("A", _is_v4), ("AAAA", _is_v6)):
                responder.put(name, kind, *(tuple(filter(is_wanted, addresses)) for addresses in lists))
        yield responder


def _is_v6(address: str) -> bool:
    return ":" in address


def _is_v4(address: str) -> bool:
    return ":" not in address
