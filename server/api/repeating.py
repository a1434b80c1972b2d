"""Idempotency-Key: a request that comes twice is carried out once (docs/decisions/048)."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from ca_core.errors import Refusal
from ca_core.staff.repeat import Asked, Given
from ca_core.staff.repeats import Repeats
from ca_core.staff.role import Actor
from protocols.wire import Reply, Request
from server.api.operation import Answer
from server.api.problems import Fault

_SHOWN = frozenset({"content-type", "etag", "location"})


async def once(
    repeats: Repeats,
    key: str,
    request: Request,
    accepts: str,
    *,
    actor: Actor,
    answer: Callable[[], Awaitable[Answer]],
) -> Reply:
    """Answer a request, or say what was answered to the same one before.

    What is refused has changed nothing, and lets the key go. What ends in a bug of ours keeps it: whether anything was
    changed is then for people to see.

    Args:
        accepts: the media type that was negotiated.

    Raises:
        Fault: the key stands for another request, or this one is being answered.
        Refusal: as the operation says.
    """
    digest = _digest(request, accepts)
    earlier = await repeats.claim(key, digest, actor=actor)
    if earlier is not None:
        return _repeated(earlier, digest, is_being_answered=earlier.is_being_answered(repeats.now()))
    try:
        given = await answer()
    except (Refusal, Fault):
        await repeats.let_go(key, actor=actor)
        raise
    reply = given.reply(accepts)
    headers = tuple((name, value) for name, value in reply.headers if name.lower() in _SHOWN)
    body = None if given.holds_secret else reply.body
    await repeats.keep(key, Given(reply.status, headers, body), actor=actor)
    return reply


def _repeated(earlier: Asked, digest: bytes, *, is_being_answered: bool) -> Reply:
    if earlier.digest != digest:
        said = "this Idempotency-Key stands for another request of yours; choose a new one"
        raise Fault(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", said)
    given = earlier.given
    if given is None:
        if is_being_answered:
            raise Fault(HTTPStatus.CONFLICT, "being-answered", "the same request is being answered at this moment")
        said = "nobody knows what became of this request; look at what it was about, and use a new Idempotency-Key"
        raise Fault(HTTPStatus.CONFLICT, "outcome-unknown", said)
    if given.body is not None:
        return Reply(given.status, (*given.headers, ("Cache-Control", "no-store")), given.body)
    places = tuple(header for header in given.headers if header[0].lower() == "location")
    said = (
        "this request was carried out, and its secret handed over; it is kept nowhere. Whoever has lost it makes a new"
        " sheet, or a new key"
    )
    raise Fault(HTTPStatus.CONFLICT, "handed-over", said, headers=places)


def _digest(request: Request, accepts: str) -> bytes:
    """Of all that makes it this request."""
    parts = (request.method, request.path, request.query, accepts, request.headers.get("if-match", ""))
    return hashlib.sha256("\n".join(parts).encode() + b"\n\n" + request.body).digest()
