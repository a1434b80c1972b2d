"""The RA's REST API: from a request whose actor was proved to the operation that it means, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus

import msgspec

from ca_core.errors import NotFound, Refusal
from ca_core.staff.role import Actor
from protocols import help_address
from protocols.wire import Reply, Request
from server.api import openapi, problems, reading
from server.api.operation import JSON, PREFIX, ROOT, Call, IfMatch, Operation, Services
from server.api.problems import Fault
from server.api.repeating import once
from server.api.table import OPERATIONS, Found, Routes

__all__ = ["PREFIX", "ApiDialogue"]

DOCUMENT = "/openapi.json"
_READ = ("GET", "HEAD")


class ApiDialogue:
    """Answers requests by the table of operations, each after the same checks in the same order."""

    def __init__(self, services: Services, operations: Sequence[Operation] = OPERATIONS) -> None:
        self._services = services
        self._help_base = services.office.settings.public
        self._operations = operations
        self._routes = Routes(operations)

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""
        try:
            return _as_it_is(await self._answer(request, actor))
        except Refusal as refusal:
            return self.refuse(refusal)
        except Fault as fault:
            return _as_it_is(problems.said(fault, self._help_base))

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what stands against a request."""
        return _as_it_is(problems.reply(refusal, self._help_base))

    def bug_reply(self, reference: str) -> Reply:
        """The answer for what is our fault: the number under which it was logged, and no more."""
        said = f"internal error, reference {reference}; look whether it was done before you ask again"
        fault = Fault(HTTPStatus.INTERNAL_SERVER_ERROR, help_address.INTERNAL_ERROR, said)
        return _as_it_is(problems.said(fault, self._help_base))

    @cached_property
    def _document(self) -> bytes:
        return openapi.document(self._operations)

    async def _answer(self, request: Request, actor: Actor) -> Reply:
        path = request.path.removeprefix(ROOT) if request.path.startswith(f"{ROOT}/") else ""
        if path == DOCUMENT:
            if request.method not in _READ:
                raise _not_allowed(_READ)
            return Reply(HTTPStatus.OK, (("Content-Type", JSON), ("Cache-Control", "no-cache")), self._document)
        found = self._routes.at(path)
        if found is None:
            raise NotFound(f"there is nothing here; see {ROOT}{DOCUMENT}")
        operation = _meant(found, request.method)
        if operation.method != "GET":
            reading.require_no_strangers(request)
        _require_permitted(operation, actor)
        return await self._carry_out(operation, found, request, actor)

    async def _carry_out(self, operation: Operation, found: Found, request: Request, actor: Actor) -> Reply:
        call = Call(
            actor=actor,
            services=self._services,
            place=found.place,
            query=reading.query(request, operation),
            accepts=reading.accepted(request, operation),
            body=reading.body(request, operation),
            tags=_tags(request, operation),
        )
        key = reading.idempotency_key(request) if operation.is_repeatable else None
        if key is None:
            return (await operation.handler(call)).reply(call.accepts)
        return await once(
            self._services.office.staff.repeats,
            key,
            request,
            call.accepts,
            actor=actor,
            answer=lambda: operation.handler(call),
        )


def _as_it_is(reply: Reply) -> Reply:
    """What a browser takes for what it says it is, and for nothing that it might look like."""
    return msgspec.structs.replace(reply, headers=(*reply.headers, ("X-Content-Type-Options", "nosniff")))


def _meant(found: Found, method: str) -> Operation:
    meant = found.operations.get("GET" if method == "HEAD" else method)
    if meant is None:
        allowed = list(found.operations)
        raise _not_allowed([*allowed, "HEAD"] if "GET" in allowed else allowed)
    return meant


def _not_allowed(methods: Sequence[str]) -> Fault:
    allowed = ", ".join(methods)
    return Fault(
        HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", f"use {allowed} here", headers=(("Allow", allowed),)
    )


def _require_permitted(operation: Operation, actor: Actor) -> None:
    """Let only pass who may do any of what the operation permits.

    Raises:
        NotPermitted: as `Actor.require` says.
    """
    if operation.permitted and not operation.permitted & actor.permitted:
        actor.require(min(operation.permitted))


def _tags(request: Request, operation: Operation) -> tuple[str, ...] | None:
    if operation.if_match is IfMatch.IGNORED:
        return None
    if operation.if_match is IfMatch.REQUIRED and "if-match" not in request.headers:
        said = "say by If-Match which version you have seen: the ETag of the resource"
        raise Fault(HTTPStatus.PRECONDITION_REQUIRED, "precondition-required", said)
    return reading.tags(request)
