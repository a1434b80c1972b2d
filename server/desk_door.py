"""The desk listener: officers' pages and the RA's API, for whoever shows a certificate or a token at each request."""

from __future__ import annotations

from typing import Protocol

from ca_core.errors import Refusal, StaffUnproven
from ca_core.staff.reception import Reception
from ca_core.staff.role import Actor, Via
from protocols.wire import Reply, Request, plain_text
from server.api.dialogue import PREFIX as API
from server.web.asset_files import PREFIX as ASSETS
from server.web.asset_files import AssetFiles


class StaffDialogue(Protocol):
    """What answers on this listener, once the actor is proved."""

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""

    def refuse(self, refusal: Refusal) -> Reply:
        """Say in its own form what stands against a request whose actor was not proved."""


class DeskDoor:
    """Proves who asks, and lets the API or the pages answer.

    Args:
        api: what is below `/api/`; tokens are taken there and nowhere else.
        desk: all the rest.
        assets: what pages load; whoever asks may have it, also who is told that they are no officer.
    """

    def __init__(self, reception: Reception, api: StaffDialogue, desk: StaffDialogue, assets: AssetFiles) -> None:
        self._reception = reception
        self._api = api
        self._desk = desk
        self._assets = assets

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(ASSETS):
            return self._assets.answer(request)
        via = Via.API if request.path.startswith(API) else Via.DESK
        dialogue = self._api if via is Via.API else self._desk
        try:
            actor = await self._actor(request, via)
        except Refusal as refusal:
            return dialogue.refuse(refusal)
        return await dialogue.answer(request, actor)

    def refuse(self, refusal: Refusal) -> Reply:
        """As a page: it could not be read what was asked for."""
        return self._desk.refuse(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """The answer for what is our fault: the number under which it was logged, and no more."""
        return plain_text(500, f"internal error, reference {reference}")

    async def _actor(self, request: Request, via: Via) -> Actor:
        source, authorization = request.peer.address, request.headers.get("authorization")
        # A token comes first: a program on a machine whose browser has an officer's certificate is still the program.
        if via is Via.API and authorization is not None:
            return await self._reception.by_token(authorization, source=source)
        if request.peer.certificate is None:
            raise StaffUnproven
        return await self._reception.by_certificate(request.peer.certificate, source=source, via=via)
