"""The desk listener: officers' pages and the RA's API, for whoever shows a certificate or a token at each request."""

from __future__ import annotations

from typing import Protocol

from ca_core.errors import Refusal, StaffUnproven
from ca_core.staff.reception import Reception
from ca_core.staff.role import Actor, Via
from protocols.wire import Reply, Request
from server.desk.entrance import Entrance
from server.web.asset_files import PREFIX as ASSETS
from server.web.asset_files import AssetFiles


class StaffDialogue(Protocol):
    """What answers on this listener, once the actor is proved."""

    async def answer(self, request: Request, actor: Actor) -> Reply:
        """Answer one request; every refusal is in the reply."""

    def refuse(self, refusal: Refusal) -> Reply:
        """Say in its own form what stands against a request whose actor was not proved."""

    def bug_reply(self, reference: str) -> Reply:
        """Say in its own form that we failed, and under which reference."""


class StaffDoor:
    """Proves who asks, and lets a dialogue answer.

    Args:
        via: tokens are taken at the API and nowhere else.
    """

    def __init__(self, reception: Reception, dialogue: StaffDialogue, via: Via) -> None:
        self._reception = reception
        self._dialogue = dialogue
        self._via = via

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        try:
            actor = await self._actor(request)
        except Refusal as refusal:
            return self._dialogue.refuse(refusal)
        return await self._dialogue.answer(request, actor)

    def refuse(self, refusal: Refusal) -> Reply:
        """As its dialogue says it."""
        return self._dialogue.refuse(refusal)

    def bug_reply(self, reference: str) -> Reply:
        """As its dialogue says it."""
        return self._dialogue.bug_reply(reference)

    async def _actor(self, request: Request) -> Actor:
        source, authorization = request.peer.address, request.headers.get("authorization")
        # A token comes first: a program on a machine whose browser has an officer's certificate is still the program.
        if self._via is Via.API and authorization is not None:
            return await self._reception.by_token(authorization, source=source)
        if request.peer.certificate is None:
            raise StaffUnproven
        return await self._reception.by_certificate(request.peer.certificate, source=source, via=self._via)


class ApiDoor(StaffDoor):
    """The door of the API, at which no certificate is worth more than at the pages."""

    def __init__(self, reception: Reception, api: StaffDialogue, entrance: Entrance) -> None:
        super().__init__(reception, api, Via.API)
        self._entrance = entrance

    async def _actor(self, request: Request) -> Actor:
        actor = await super()._actor(request)
        # Pages ask for it themselves, and have one on which it is shown.
        await self._entrance.require(actor, await self._entrance.session(actor, request))
        return actor


class PagesDoor(StaffDoor):
    """The door of the pages.

    Args:
        assets: what pages load; whoever asks may have it, also who is told that they are no officer.
    """

    def __init__(self, reception: Reception, pages: StaffDialogue, assets: AssetFiles) -> None:
        super().__init__(reception, pages, Via.DESK)
        self._assets = assets

    async def answer(self, request: Request) -> Reply:
        """Answer one request."""
        if request.path.startswith(ASSETS):
            return self._assets.answer(request)
        return await super().answer(request)
