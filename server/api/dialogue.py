"""The RA's REST API: paths to resources, refusals to problem documents."""

from __future__ import annotations

import msgspec

from ca_core.errors import NotFound, Refusal
from ca_core.staff.role import Actor
from protocols.wire import Reply, Request
from server.api import problems

PREFIX = "/api/"
_ME = "/api/v1/me"
_READ = frozenset({"GET", "HEAD"})


class Me(msgspec.Struct, frozen=True):
    """Who asks, as the server sees it.

    Attributes:
        actions: all that is permitted, sorted.
    """

    name: str
    role: str
    realm: str
    actions: tuple[str, ...]


class ApiDialogue:
    """Answers requests whose actor was proved."""

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""
        try:
            return self._answer(request, actor)
        except Refusal as refusal:
            return self.refuse(refusal)

    def refuse(self, refusal: Refusal) -> Reply:
        """Say what stands against a request."""
        return problems.reply(refusal)

    @staticmethod
    def _answer(request: Request, actor: Actor) -> Reply:
        if request.path != _ME:
            raise NotFound("there is nothing here; see /api/v1/me")
        if request.method not in _READ:
            return problems.problem(405, "method-not-allowed", "this can only be read", ("Allow", "GET, HEAD"))
        me = Me(actor.name, actor.role.value, actor.realm, tuple(sorted(actor.permitted)))
        headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
        return Reply(200, headers, msgspec.json.encode(me))
