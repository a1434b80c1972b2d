"""One operation of the API: what the table says of it, what its handler is given, and what it gives."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import TypeVar

import msgspec

from ca_core.errors import Refusal
from ca_core.staff.role import Action, Actor
from protocols.wire import Reply
from server.office import Office
from server.verifying import Verifier

PREFIX = "/api/"
ROOT = "/api/v1"
JSON = "application/json"
PDF = "application/pdf"

_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class IfMatch(Enum):
    """Whether a change is tied to what the caller saw (RFC 9110, 13.1.1)."""

    IGNORED = auto()
    HEEDED = auto()
    REQUIRED = auto()


@dataclass(frozen=True)
class Services:
    """What handlers work with.

    Attributes:
        chain: the certificates from a CA, by its name, up to its root, in PEM, as clients are sent them.
        verifier: proves the journal.
    """

    office: Office
    chain: Callable[[str], bytes]
    verifier: Verifier


@dataclass(frozen=True)
class Call:
    """One request that may be answered: who asks is proved and may, and what was sent fits its types.

    Attributes:
        place: the variable parts of the path, by name.
        accepts: the media type of the answer, as it was negotiated.
        tags: the entity tags of If-Match, as they were sent; None where the header was not, or said `*`.
    """

    actor: Actor
    services: Services
    place: Mapping[str, str]
    query: msgspec.Struct | None
    body: msgspec.Struct | None
    accepts: str
    tags: tuple[str, ...] | None

    @property
    def office(self) -> Office:
        """The registration authority."""
        return self.services.office

    def asked(self, shape: type[_Shape]) -> _Shape:
        """The query, of the type that the table says."""
        return _of(self.query, shape)

    def sent(self, shape: type[_Shape]) -> _Shape:
        """The body, of the type that the table says."""
        return _of(self.body, shape)


@dataclass(frozen=True)
class Answer:
    """What a handler gives.

    Attributes:
        value: becomes JSON; or octets, of the media type that was negotiated.
        holds_secret: whether it must not be kept for a second call.
    """

    value: msgspec.Struct | bytes
    status: int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    holds_secret: bool = False

    def reply(self, media_type: str) -> Reply:
        """The same for the wire; what officers see is for nobody else's cache."""
        octets = self.value if isinstance(self.value, bytes) else msgspec.json.encode(self.value)
        named = media_type if isinstance(self.value, bytes) else JSON
        return Reply(self.status, (("Content-Type", named), ("Cache-Control", "no-store"), *self.headers), octets)


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row of the table: the router, the checks and the OpenAPI document read it, and nothing else.

    Attributes:
        name: unique; the document's operationId.
        path: below `/api/v1`, with the names of its variable parts in braces.
        about: one line.
        more: what else a caller has to know.
        permitted: any of these actions will do; none: everybody who was proved.
        query, body: what may be sent; None where nothing may.
        answers: the types of what is given, by status; None of octets.
        media: of what is given; the first one where the caller does not mind.
        refusals: what may stand against it beside what may stand against everything.
    """

    name: str
    method: str
    path: str
    about: str
    handler: Handler
    answers: Mapping[int, type[msgspec.Struct] | None]
    more: str = ""
    permitted: frozenset[Action] = frozenset()
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    media: tuple[str, ...] = (JSON,)
    refusals: frozenset[type[Refusal]] = frozenset()
    if_match: IfMatch = IfMatch.IGNORED

    @property
    def is_repeatable(self) -> bool:
        """Whether a second call with the same Idempotency-Key gets what the first one got."""
        return self.method == "POST"

    @property
    def needs_body(self) -> bool:
        """Whether something must be sent."""
        return self.body is not None and any(one.required for one in msgspec.structs.fields(self.body))


def any_of(*actions: Action) -> frozenset[Action]:
    """Actions of which one will do."""
    return frozenset(actions)


def _of(value: msgspec.Struct | None, shape: type[_Shape]) -> _Shape:
    if not isinstance(value, shape):
        raise TypeError(f"the table says another type than {shape.__name__}")
    return value


Operations = Sequence[Operation]
